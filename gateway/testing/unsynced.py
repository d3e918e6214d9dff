"""A layer under SQLite that knows which writes would be lost with the power: those that no sync has covered yet.

It is a VFS of apsw, which brings an SQLite of its own. So what is seen is the ledger's own statements and settings, and
an SQLite that is not the one of Python. It does not see directory entries, nor a disk that lies about syncing.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import apsw

SECTOR = 512
"""Bytes that a disk writes wholly or not at all."""


class Contents:
    """One file: what is on the disk for certain, and what was written since."""

    def __init__(self, synced: bytes) -> None:
        self.synced = bytearray(synced)
        self.pending: list[tuple[int, bytes | None]] = []
        """Place and bytes; without bytes the file was cut there."""

    def sync(self) -> None:
        for step in self.pending:
            _apply(self.synced, *step)
        self.pending.clear()

    def after_power_failure(self, random: Random | None) -> bytes:
        """What a restart finds: nothing of what was not synced, or with `random` any part of it, sector by sector."""
        found = bytearray(self.synced)
        if random is not None:
            for place, data in self.pending:
                for at in (0,) if data is None else range(0, len(data), SECTOR):
                    if random.random() < 0.5:
                        _apply(found, place + at, None if data is None else data[at : at + SECTOR])
        return bytes(found)


def _apply(content: bytearray, place: int, data: bytes | None) -> None:
    if data is None:
        del content[place:]
        return
    content.extend(b"\0" * (place - len(content)))
    content[place : place + len(data)] = data


class UnsyncedVfs(apsw.VFS):
    """Real files, and a book of what is not synced yet.

    Args:
        name: of the VFS; one at a time in a process.
    """

    def __init__(self, name: str = "unsynced") -> None:
        self.name = name
        self.lock = threading.Lock()
        self.files: dict[str, Contents] = {}
        super().__init__(name, "")

    @property
    def unsynced(self) -> int:
        """How many writes a power failure would take now."""
        with self.lock:
            return sum(len(contents.pending) for contents in self.files.values())

    def xOpen(self, name: Any, flags: list[int]) -> UnsyncedFile:  # noqa: N802 — apsw's names
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        return UnsyncedFile(self, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 — as above
        super().xDelete(filename, syncdir)
        with self.lock:
            self.files.pop(filename, None)

    def power_failure(self, folder: Path, *, random: Random | None = None, beside: Iterable[Path] = ()) -> None:
        """Put into `folder` what a power failure at this moment would leave.

        Args:
            beside: files that are not SQLite's, taken as they are.
        """
        folder.mkdir(parents=True)
        for path in beside:
            (folder / path.name).write_bytes(path.read_bytes())
        with self.lock:
            left = {name: contents.after_power_failure(random) for name, contents in self.files.items()}
        for name, content in left.items():
            (folder / Path(name).name).write_bytes(content)


class UnsyncedFile(apsw.VFSFile):
    """A real file whose writes and syncs are noted."""

    def __init__(self, vfs: UnsyncedVfs, path: str, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs
        with vfs.lock:
            self._contents = vfs.files.setdefault(path, Contents(Path(path).read_bytes()))

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 — as above
        with self._vfs.lock:
            super().xWrite(data, offset)
            self._contents.pending.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 — as above
        with self._vfs.lock:
            super().xTruncate(newsize)
            self._contents.pending.append((newsize, None))

    def xSync(self, flags: int) -> None:  # noqa: N802 — as above
        with self._vfs.lock:
            super().xSync(flags)
            self._contents.sync()


class Connection:
    """As much of `sqlite3.Connection` as the ledger uses, over apsw.

    Args:
        path: the database's file.
        pragmas: executed at once, in this order.
    """

    def __init__(self, vfs: UnsyncedVfs, path: str, *, reading: bool, pragmas: Sequence[str]) -> None:
        flags = apsw.SQLITE_OPEN_URI | (apsw.SQLITE_OPEN_READONLY if reading else apsw.SQLITE_OPEN_READWRITE)
        self._connection = apsw.Connection(f"file:{quote(path)}", flags=flags, vfs=vfs.name)
        for pragma in pragmas:
            self.execute(pragma)
        self.interrupt = self._connection.interrupt
        self.close = self._connection.close
        self.cursor = self._connection.cursor

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, sql: str, params: Sequence[Any] = ()) -> apsw.Cursor:
        try:
            return self._connection.execute(sql, params)
        except apsw.InterruptError as error:
            stopped = sqlite3.OperationalError(str(error))
            stopped.sqlite_errorcode = sqlite3.SQLITE_INTERRUPT
            raise stopped from error
