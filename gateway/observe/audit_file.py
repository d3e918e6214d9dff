"""The file under the audit log: where it ends, what its last line is, and how more is put to it whole.

Nothing here knows what a line says, but for the notes that a file itself has to make: that it begins, that a crash cut
a line, that what the head names is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.errors import GatewayError
from gateway.observe import chain

Note = tuple[str, dict[str, Any]]
"""An event and its fields, to be chained in before anything else."""

_PIECE: Final = 65_536


class AuditError(GatewayError):
    """The audit log cannot be written where the configuration says. The message says why."""


def head_path(path: Path) -> Path:
    """Where the head of the log at `path` is kept."""
    return path.with_name(path.name + ".head")


def read_head(path: Path) -> str | None:
    """The hash that the head of the log at `path` names; `None` where there is none that can be read."""
    head = _head(path)
    return None if head is None else head[0]


class AuditFile:
    """One audit log on disk, open for appending and locked against a second process.

    Every method raises `OSError` when the disk does not take it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = chain.GENESIS
        """The hash of the last line: `prev` of the next."""
        self.last_whole = chain.GENESIS
        """The same, but of the last line that no crash cut."""
        self.size = 0
        self._fd = -1
        self._unended = b""
        self._synced = True

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def open(self) -> list[Note]:
        """Open or make the file and find its end. Returns what must be chained in first.

        Raises:
            AuditError: another process writes this file.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Readable by the group, which is how log collectors read it.
        fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            notes = self._find_end(fd)
        except BlockingIOError:
            os.close(fd)
            raise AuditError(
                f"{self.path}: another process writes this audit log; give each its own audit.path"
            ) from None
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return notes

    def append(self, lines: Sequence[bytes], last: str) -> None:
        """Put `lines` (without line feeds) to the end in one go. `last` is the hash of the last of them.

        When the disk takes only a part, that part is taken back; where even this fails, `open` finds a cut line.
        """
        data = memoryview(self._unended + b"\n".join(lines) + b"\n")
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
            raise
        self._unended = b""
        self.size = os.lseek(self._fd, 0, os.SEEK_END)
        self.last = self.last_whole = last
        self._synced = False

    def sync(self) -> None:
        """See everything to the disk, and only then let the head name the last line."""
        if self._synced:
            return
        os.fsync(self._fd)
        self._synced = True
        new = head_path(self.path).with_suffix(".head.new")
        with new.open("wb") as file:
            os.fchmod(file.fileno(), stat.S_IMODE(os.fstat(self._fd).st_mode))  # who may read the log may read it too
            file.write(orjson.dumps({"hash": self.last, "size": self.size}) + b"\n")
        new.replace(head_path(self.path))

    def moved(self) -> bool:
        """Whether the path names another file now, or none, or this one was cut shorter: somebody rotated it."""
        here = os.fstat(self._fd)
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return True
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino) or here.st_size < self.size

    def set_aside(self) -> None:
        """Give the file a name with the time in it, so that `open` begins a new one."""
        self.sync()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        self.path.rename(self.path.with_name(f"{self.path.name}.{stamp}"))

    def close(self) -> None:
        """Close without writing anything more."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _find_end(self, fd: int) -> list[Note]:
        self.size = os.fstat(fd).st_size
        self._unended = b""
        head = _head(self.path)
        if self.size == 0:
            if self.last == chain.GENESIS and head is not None:
                self.last = head[0]
            return [(chain.FILE, {})]
        notes: list[Note] = []
        if os.pread(fd, 1, self.size - 1) == b"\n":
            self.last = self.last_whole = chain.digest(_line_before(fd, self.size - 1))
        else:
            torn = _line_before(fd, self.size)
            end = self.size - len(torn)
            if end > 0:
                self.last_whole = chain.digest(_line_before(fd, end - 1))
            else:
                self.last_whole = self.last if head is None else head[0]
            self.last = chain.digest(torn)
            self._unended = b"\n"
            notes.append((chain.TORN, {"after": self.last_whole}))
        if head is not None and not _holds(fd, *head):
            notes.append((chain.BROKEN, {"expected": head[0]}))
        return notes or [(chain.OPENED, {})]


def _head(path: Path) -> tuple[str, int] | None:
    try:
        value = orjson.loads(head_path(path).read_bytes())
        return str(value["hash"]), int(value["size"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _holds(fd: int, expected: str, size: int) -> bool:
    """Whether the line that ends at `size` is the expected one, or the file begins right after that one."""
    if size <= os.fstat(fd).st_size and chain.digest(_line_before(fd, size - 1)) == expected:
        return True
    first = os.pread(fd, _PIECE, 0).partition(b"\n")[0]
    return f'"prev":"{expected}"'.encode() in first


def _line_before(fd: int, end: int) -> bytes:
    """The bytes between the last line feed before `end` and `end`."""
    pieces: list[bytes] = []
    while end > 0:
        start = max(0, end - _PIECE)
        piece = os.pread(fd, end - start, start)
        cut = piece.rfind(b"\n")
        pieces.append(piece[cut + 1 :])
        if cut >= 0:
            break
        end = start
    return b"".join(reversed(pieces))
