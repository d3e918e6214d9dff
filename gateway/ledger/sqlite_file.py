"""SQLite's file: one process holds it, and what is damaged is refused at the start."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from pathlib import Path

from gateway.ledger.errors import LedgerBusyError, LedgerDamagedError, LedgerUnavailableError
from gateway.ledger.sqlite_connection import meaning

CHECK_SECONDS = 0.4
"""How long the check at the start may take: a restart is to be quick. Of a large file it sees the first part; damage
further on shows when it is read, as `LedgerDamagedError`."""


class FileLock:
    """An exclusive lock on `FILE.lock`, held as long as the process lives. The system releases it, whatever happens.

    `FILE.lock` holds the number of the process, and how many commits were answered: see `note`. The database file is
    locked too, because it may have a second name, by a link. Its handle stays open behind SQLite's own: closing any
    handle of a file drops the process's locks on it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._place = Path(path)
        self._handle: int | None = None
        self._database: int | None = None
        self.noted = 0
        """How many commits had been answered when the lock was taken, as far as it is known."""

    def take(self) -> None:
        """Take it, making the database's folder and file where they are missing, readable by their owner only.

        Raises:
            LedgerBusyError: another process has it.
            LedgerUnavailableError: the files cannot be made.
        """
        try:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerUnavailableError(f"the ledger {self._path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.noted = _second_line(os.pread(handle, 64, 0))
            os.pwrite(handle, _content(self.noted), 0)
        except BlockingIOError:
            holder = os.pread(handle, 64, 0).decode("ascii", "replace").partition("\n")[0].strip() or "unknown"
            os.close(handle)
            raise LedgerBusyError(_busy(self._path, f"process {holder}")) from None
        except OSError as error:
            os.close(handle)
            raise LedgerUnavailableError(f"the ledger {self._path} cannot be opened: {error.strerror}") from error
        self._handle = handle
        try:
            self._database = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._database, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise LedgerBusyError(_busy(self._path, "another process under another name")) from None
        except OSError as error:
            self.release()
            raise LedgerUnavailableError(f"the ledger {self._path} cannot be opened: {error.strerror}") from error

    def check_place(self) -> None:
        """See that the database's file still has its name. What is written to one that was moved, deleted or replaced
        is gone with this process.

        Raises:
            LedgerUnavailableError: it has not. It recovers when the file is put back.
        """
        if self._database is None:
            return
        try:
            found = self._place.stat()
        except OSError:
            found = None
        held = os.fstat(self._database)
        if found is None or (found.st_dev, found.st_ino) != (held.st_dev, held.st_ino):
            raise LedgerUnavailableError(
                f"the ledger {self._path} was moved, deleted or replaced while the gateway works on it; put it back, "
                "or stop the gateway before you change it"
            )

    def note(self, commits: int) -> None:
        """Remember that this many commits were answered.

        The database counts its commits too. One that has fewer at the next start has lost some: its write-ahead log was
        cut or deleted, or an old copy was put in its place. SQLite itself opens such a file without a word. This is not
        forced to the disk, so after a power failure the number may be too low, and never too high.
        """
        if self._handle is not None:
            os.pwrite(self._handle, _content(commits), 0)

    def release(self) -> None:
        for handle in (self._database, self._handle):
            if handle is not None:
                os.close(handle)
        self._database = self._handle = None


def _busy(path: str, holder: str) -> str:
    return (
        f"the ledger {path} is in use by {holder}: one gateway at a time can work on a SQLite ledger; several need "
        "PostgreSQL"
    )


def _content(commits: int) -> bytes:
    return f"{os.getpid():<10}\n{commits:<20}\n".encode()


def _second_line(content: bytes) -> int:
    lines = content.split(b"\n")
    text = lines[1].strip() if len(lines) > 1 else b""
    return int(text) if text.isdigit() else 0


def check_complete(path: str, commits: int, noted: int) -> None:
    """Hold the database's count of its commits against what was answered.

    Raises:
        LedgerDamagedError: commits are missing.
    """
    if commits < noted:
        raise LedgerDamagedError(
            f"the ledger {path} holds {commits} commits, but {noted} were answered: {path}-wal was cut or deleted, or "
            f"this is an old copy. Restore the newest copy; to work with this one all the same, delete {path}.lock"
        )


def check(connection: sqlite3.Connection, path: str, seconds: float = CHECK_SECONDS) -> None:
    """Look through the file for damage, for a limited time.

    Raises:
        LedgerDamagedError: damage was found.
    """
    stop = threading.Timer(seconds, connection.interrupt)
    stop.start()
    try:
        found = "; ".join(str(row[0]) for row in connection.execute("PRAGMA quick_check(3)"))
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            return
        raise meaning(error, path) from error
    finally:
        stop.cancel()
        stop.join()
    if found != "ok":
        raise LedgerDamagedError(f"the ledger {path} is damaged ({found}); restore it from a copy")
