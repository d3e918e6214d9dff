"""The file that `gateway prune` writes before it drops anything: JSON lines, one for each transaction, and one at the
end that says how many there are and what they hash to.

A line has the columns of `gateway export` under the same names, and under `rows` every row of the ledger that belonged
to the transaction, by table, as it was: inserted again, they restore it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gateway.errors import GatewayError
from gateway.ledger.schema import REVISION

Line = dict[str, Any]
_END = "end"


class ArchiveError(GatewayError):
    """The file cannot be written, or is not what was written."""


@dataclass(frozen=True, slots=True)
class End:
    """The last line."""

    before: str
    """The month before which the transactions were created, and its time zone."""
    transactions: int
    sha256: str


class Archive:
    """A file that is being written. Under its name there is never half of one: until it is whole, on the disk and read
    back, it is `FILE.partial`.

    Raises:
        ArchiveError: it cannot be opened.
    """

    def __init__(self, path: Path, before: str) -> None:
        self._path = path
        self._before = before
        self._partial = path.with_name(f"{path.name}.partial")
        self._digest = hashlib.sha256()
        self._rows: Counter[str] = Counter()
        self._transactions = 0
        try:
            handle = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ArchiveError(f"cannot write {self._partial}: {error.strerror}") from error
        self._file = os.fdopen(handle, "wb", buffering=1 << 20)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(handle, 0)
        except OSError:
            self._file.close()
            raise ArchiveError(f"{self._partial} is being written by another process") from None

    def add(self, line: Line) -> None:
        """One transaction.

        Raises:
            ArchiveError: it cannot be written.
        """
        data = orjson.dumps(line) + b"\n"
        self._digest.update(data)
        self._transactions += 1
        self._rows.update({table: len(held) for table, held in line["rows"].items()})
        self._write(data)

    def finish(self) -> End:
        """Put it on the disk, read it back, and give it its name.

        Raises:
            ArchiveError: one of them failed.
        """
        end = {
            _END: "gateway prune",
            "before": self._before,
            "revision": REVISION,
            "transactions": self._transactions,
            "counts": dict(self._rows),
            "sha256": self._digest.hexdigest(),
        }
        self._write(orjson.dumps(end) + b"\n")
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            found = check(self._partial)
            if (found.transactions, found.sha256) != (self._transactions, end["sha256"]):
                raise ArchiveError(f"{self._partial} does not hold what was written to it")
            self._partial.rename(self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            raise ArchiveError(f"cannot write {self._partial}: {error.strerror}; nothing was dropped") from error
        finally:
            self.close()
        return found

    def close(self) -> None:
        """Stop writing; what is not finished stays `FILE.partial`, and the next run begins it anew."""
        try:
            self._file.close()
        except OSError as error:
            raise ArchiveError(f"cannot write {self._partial}: {error.strerror}; nothing was dropped") from error

    def discard(self) -> None:
        """Leave no file behind."""
        self.close()
        self._partial.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise ArchiveError(f"cannot write {self._partial}: {error.strerror}; nothing was dropped") from error


def check(path: Path) -> End:
    """Read a whole file and hold it against its last line.

    Raises:
        ArchiveError: it is not such a file, is cut short, or was changed.
    """
    digest = hashlib.sha256()
    count = 0
    last = b""
    try:
        with path.open("rb") as file:
            for line in file:
                if last:
                    digest.update(last)
                    count += 1
                last = line
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror}") from error
    try:
        end = orjson.loads(last)
        found = End(end["before"], end["transactions"], end["sha256"])
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise ArchiveError(f"{path} is no whole export of gateway prune; name another file") from None
    if (found.transactions, found.sha256) != (count, digest.hexdigest()):
        raise ArchiveError(f"{path} was changed after it was written; name another file")
    return found


def lines(path: Path) -> Iterator[Line]:
    """The transactions of a file that was checked."""
    with path.open("rb") as file:
        for line in file:
            held = orjson.loads(line)
            if _END not in held:
                yield held


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
