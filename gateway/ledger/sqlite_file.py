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

    It is on a file of its own because closing any handle of the database file would drop SQLite's own locks. The file
    holds the number of the process, and how many commits were answered: see `note`.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._handle: int | None = None
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
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except BlockingIOError:
            holder = os.pread(handle, 64, 0).decode("ascii", "replace").partition("\n")[0].strip() or "unknown"
            os.close(handle)
            raise LedgerBusyError(
                f"the ledger {self._path} is in use by process {holder}: one gateway at a time can work on a SQLite "
                "ledger; several need PostgreSQL"
            ) from None
        except OSError as error:
            os.close(handle)
            raise LedgerUnavailableError(f"the ledger {self._path} cannot be opened: {error.strerror}") from error
        self._handle = handle

    def note(self, commits: int) -> None:
        """Remember that this many commits were answered.

        The database counts its commits too. One that has fewer at the next start has lost some: its write-ahead log was
        cut or deleted, or an old copy was put in its place. SQLite itself opens such a file without a word. This is not
        forced to the disk, so after a power failure the number may be too low, and never too high.
        """
        if self._handle is not None:
            os.pwrite(self._handle, _content(commits), 0)

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


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
