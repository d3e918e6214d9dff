"""SQLite's connections: how they are opened, what their errors mean, and one write as one database transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.ledger.batch import Operation, plan
from gateway.ledger.errors import ChangeRefusedError, LedgerDamagedError, LedgerError, LedgerUnavailableError
from gateway.ledger.rows import Params, Row
from gateway.ledger.statements import Statements

MEMORY = ":memory:"
COMMITS = "commits"
"""The key in `meta` under which the database counts its commits."""

BUSY_MS = 2_000
"""How long a write waits for somebody's lock, such as an open `sqlite3` shell, before the ledger is unavailable."""

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)

_COMMON = ("PRAGMA foreign_keys=ON", f"PRAGMA busy_timeout={BUSY_MS}", "PRAGMA temp_store=MEMORY")
_WRITER = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # every commit waits for the disk; NORMAL would lose the last ones with the power
    "PRAGMA cache_size=-32768",
    "PRAGMA wal_autocheckpoint=4000",  # 16 MB: fewer pages are copied twice
    "PRAGMA journal_size_limit=67108864",
)
_READER = ("PRAGMA query_only=ON", "PRAGMA wal_autocheckpoint=0", "PRAGMA cache_size=-16384")


def meaning(error: sqlite3.Error, path: str) -> LedgerError:
    """What an error of SQLite means for who waits."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return LedgerDamagedError(f"the ledger {path} is damaged ({error}); restore it from a copy")
    if code in _UNAVAILABLE or (isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error)):
        return LedgerUnavailableError(f"the ledger {path} is not available: {error}")
    return ChangeRefusedError(f"the ledger refused the change: {error}")


def connect(path: str, *, reading: bool = False) -> sqlite3.Connection:
    """A connection with the ledger's settings. It may be used from whichever thread holds it at the time.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    target = path if path == MEMORY else f"file:{quote(path)}?mode={'ro' if reading else 'rw'}"
    connection = sqlite3.connect(target, uri=path != MEMORY, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (*_COMMON, *(_READER if reading else _WRITER)):
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class SqliteWriter:
    """The one connection that writes. After an error it opens itself anew before the next write.

    Args:
        note: told how many commits the database holds, after each.
        check_place: raises where the file is no longer where it was; called before each write.
    """

    def __init__(
        self,
        path: str,
        statements: Statements,
        faults: Callable[[str], None] | None = None,
        note: Callable[[int], None] | None = None,
        check_place: Callable[[], None] | None = None,
    ) -> None:
        self._path = path
        self._statements = statements
        self._faults = faults
        self._note = note
        self._check_place = check_place
        self._broken = False
        self._log = Path(f"{path}-wal")
        self._log_is: tuple[int, int] | None = None
        """Which file it is, once something was written to it."""
        self.commits = 0
        """How many commits the database holds by its own count."""
        self.connection: sqlite3.Connection | None = None

    def open(self) -> None:
        self.connection = connect(self._path)
        self._log_is = None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def write(self, operations: Sequence[Operation]) -> Sequence[Any]:
        """Write operations in one transaction. Where one of them is at fault they are written one by one, so that it
        hits nobody else.

        Raises:
            LedgerUnavailableError: nothing was written.
        """
        try:
            return self._transact(operations)
        except LedgerUnavailableError:
            raise
        except Exception as error:  # one bad value must not lose the others
            if len(operations) == 1:
                return [_refusal(error)]
        return [self._alone(operation) for operation in operations]

    def _alone(self, operation: Operation) -> Any:
        try:
            return self.write([operation])[0]
        except LedgerUnavailableError as error:
            return error  # those before it were written, and their callers are told so

    def _transact(self, operations: Sequence[Operation]) -> list[Any]:
        if self._check_place is not None:
            self._check_place()
        if self._log_is is not None and self._log_now() != self._log_is:
            raise LedgerUnavailableError(
                f"{self._log} was moved or deleted while the gateway works on it; stop the gateway by SIGTERM, which "
                "writes what was in it into the ledger"
            )
        try:
            connection = self._sound()
            connection.execute("BEGIN IMMEDIATE")
            try:
                answers = self._run(connection, operations)
                connection.execute(self._statements.save_meta.sql, (COMMITS, self.commits + 1))
                self._point("before_commit")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            meant = meaning(error, self._path)
            self._broken = isinstance(meant, LedgerUnavailableError)
            raise meant from error
        self.commits += 1
        if self._log_is is None and self._path != MEMORY:
            self._log_is = self._log_now()
        if self._note is not None:
            self._note(self.commits)
        self._point("after_commit")
        return answers

    def count(self) -> int:
        """Read how many commits the database holds."""
        assert self.connection is not None  # noqa: S101  # it is asked after opening
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (COMMITS,)).fetchone()
        self.commits = 0 if row is None else int(row[0])
        return self.commits

    def _run(self, connection: sqlite3.Connection, operations: Sequence[Operation]) -> list[Any]:
        work = plan(self._statements, operations)
        cursor = connection.cursor()
        found: list[Row] = []
        try:
            run = next(work)
            while True:
                sql = run.statement.sql
                if run.statement.returns:
                    found = [row for params in run.params for row in cursor.execute(sql, params).fetchall()]
                elif len(run.params) == 1:
                    cursor.execute(sql, run.params[0])
                else:
                    cursor.executemany(sql, run.params)
                run = work.send(found)
        except StopIteration as end:
            return list(end.value)
        finally:
            cursor.close()

    def _sound(self) -> sqlite3.Connection:
        """The connection; a new one after a write that failed, because its file may have been remounted."""
        if self._broken and self._path != MEMORY:
            self.close()
            self._broken = False
        if self.connection is None:
            self.open()
        assert self.connection is not None  # noqa: S101  # open() has just made it
        return self.connection

    def _log_now(self) -> tuple[int, int] | None:
        try:
            found = self._log.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _point(self, name: str) -> None:
        if self._faults is not None:
            self._faults(name)


class SqliteReader:
    """A connection that can only read. An error closes it, and the next read opens another."""

    def __init__(self, path: str, shared: SqliteWriter) -> None:
        self._path = path
        self._shared = shared
        self._connection: sqlite3.Connection | None = None

    def fetch(self, sql: str, params: Params) -> list[Row]:
        """All rows of one query: it never leaves a read open, which would hold up checkpoints.

        Raises:
            LedgerUnavailableError: it cannot be read.
        """
        try:
            if self._path == MEMORY:  # a database in memory belongs to its connection
                assert self._shared.connection is not None  # noqa: S101  # opened by start()
                return self._shared.connection.execute(sql, params).fetchall()
            if self._connection is None:
                self._connection = connect(self._path, reading=True)
            return self._connection.execute(sql, params).fetchall()
        except sqlite3.Error as error:
            self.close()
            raise meaning(error, self._path) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _refusal(error: Exception) -> Exception:
    if isinstance(error, LedgerError):
        return error
    refusal = ChangeRefusedError(f"the ledger refused the change: {error}")
    refusal.__cause__ = error
    return refusal
