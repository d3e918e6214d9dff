"""The ledger in one SQLite file: one thread writes, another reads, and no other process may touch it.

Before 3.51.3 SQLite could lose commits when two connections wrote or checkpointed at once; here only one connection
does either.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

from gateway.core.share import Standing
from gateway.ledger import migrating
from gateway.ledger.base import BaseLedger
from gateway.ledger.batch import Operation
from gateway.ledger.errors import LedgerError
from gateway.ledger.group import OnCommit
from gateway.ledger.rows import Params, Row
from gateway.ledger.sqlite_connection import MEMORY, SqliteReader, SqliteWriter, connect, meaning
from gateway.ledger.sqlite_file import FileLock, check, check_complete
from gateway.ledger.statements import Statement, Statements

T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


class SqliteLedger(BaseLedger):
    """`Ledger` over SQLite.

    Args:
        path: the database's file, or `:memory:` with `inline`.
        inline: work on the event loop itself, without threads: for simulations, where one seed decides everything.
        connection: a database in memory that outlives this object, so that a simulated restart finds it again.
        faults: told each named point of a write (`before_commit`, `after_commit`); what it raises happens there.
    """

    def __init__(
        self,
        path: str,
        *,
        owner: str = "",
        migrate: bool = True,
        inline: bool = False,
        clock: Callable[[], datetime] = _now,
        on_commit: OnCommit | None = None,
        connection: sqlite3.Connection | None = None,
        faults: Callable[[str], None] | None = None,
    ) -> None:
        if path == MEMORY and not inline:
            raise ValueError("a ledger in memory forgets everything; it is for simulations (inline=True) only")
        super().__init__(Statements("sqlite"), owner=owner, clock=clock, on_commit=on_commit)
        self._path = path
        self._migrate = migrate
        self._inline = inline
        self._given = connection
        self._lock = FileLock(path)
        self._writer = SqliteWriter(path, self.statements, faults, self._lock.note, self._lock.check_place)
        self._reader = SqliteReader(path, self._writer)
        self._threads: tuple[ThreadPoolExecutor, ThreadPoolExecutor] | None = None

    def __repr__(self) -> str:
        return f"SqliteLedger({self._path!r})"

    async def start(self) -> None:
        if not self._inline:
            self._threads = (
                ThreadPoolExecutor(1, thread_name_prefix="ledger-writer"),
                ThreadPoolExecutor(1, thread_name_prefix="ledger-reader"),
            )
        try:
            await self._in_thread(0, self._open)
        except BaseException:
            self._stop_threads()
            raise
        self._group.start()

    async def close(self) -> None:
        await self._group.close()
        await self._in_thread(1, self._reader.close)
        await self._in_thread(0, self._shut)
        self._stop_threads()

    def _open(self) -> None:
        if self._path != MEMORY:
            self._lock.take()
        try:
            if self._given is not None:
                self._given.isolation_level = None
                self._writer.connection = self._given
            else:
                self._writer.open()
            connection = self._writer.connection
            assert connection is not None  # noqa: S101  # opened in the line before
            if self._path != MEMORY:
                check(connection, self._path)
            migrating.bring_up_to_date(connection, self._path, migrate=self._migrate)
            check_complete(self._path, self._writer.count(), self._lock.noted)
        except sqlite3.Error as error:
            self._shut()
            raise meaning(error, self._path) from error
        except BaseException:
            self._shut()
            raise

    def _shut(self) -> None:
        if self._given is None:
            self._writer.close()
        self._lock.release()

    def _stop_threads(self) -> None:
        for thread in self._threads or ():
            thread.shutdown(wait=True)
        self._threads = None

    async def _in_thread(self, which: int, work: Callable[..., T], *args: object) -> T:
        if self._threads is None:
            if not self._inline:
                raise LedgerError("the ledger is closed")
            return work(*args)
        return await asyncio.get_running_loop().run_in_executor(self._threads[which], work, *args)

    async def claim_node(self) -> int:
        return 0

    @property
    def standing(self) -> Standing:
        return Standing()

    def lease_held(self) -> bool:
        return True

    async def lease_lost(self) -> None:
        await asyncio.get_running_loop().create_future()

    async def take_over(self) -> list[str]:
        return []

    async def _fetch(self, statement: Statement, params: Params) -> list[Row]:
        return await self._in_thread(1, self._reader.fetch, statement.sql, params)

    async def _write_now(self, operations: Sequence[Operation]) -> Sequence[Any]:
        return await self._in_thread(0, self._writer.write, operations)


def migrate_file(path: str) -> str:
    """Bring the schema of one file up to date while nobody else works on it, and say what was done.

    Raises:
        LedgerBusyError: a gateway is working on it.
        LedgerDamagedError: it is damaged.
        LedgerUnavailableError: it cannot be written.
        SchemaOutOfDateError: it was made by a newer program.
    """
    lock = FileLock(path)
    lock.take()
    try:
        with contextlib.closing(connect(path)) as connection:
            check(connection, path)
            return migrating.told(migrating.bring_up_to_date(connection, path, migrate=True))
    except sqlite3.Error as error:
        raise meaning(error, path) from error
    finally:
        lock.release()
