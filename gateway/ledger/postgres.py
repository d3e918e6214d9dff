"""The ledger in PostgreSQL: any number of replicas, each with one connection that writes and a few that read."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from gateway.core.share import Standing
from gateway.ledger import migrating, postgres_replicas
from gateway.ledger.base import BaseLedger
from gateway.ledger.batch import Operation
from gateway.ledger.errors import LeaseLostError, LedgerError, LedgerUnavailableError
from gateway.ledger.group import OnCommit
from gateway.ledger.postgres_connection import CHANNEL, NAME, Lost, PostgresWriter, connect, meaning
from gateway.ledger.postgres_lease import Lease
from gateway.ledger.postgres_replicas import LEASE_SECONDS
from gateway.ledger.rows import Params, Row
from gateway.ledger.schema import REVISION
from gateway.ledger.statements import EVENTS_A_WRITE, Statement, Statements

READERS = 4
_REPLICAS = "replicas"
"""Told on the channel in place of transactions: one came or went."""
RECONNECT_SECONDS = 0.5
_MIGRATION_LOCK = 7_205_461_001
"""The advisory lock under which the schema is changed, so that of many replicas one does it."""
MIGRATION_SECONDS = 6 * 3600.0
"""How long a migration may take, and the wait for another replica's: an index on a large table takes its minutes."""
TABLE_SECONDS = 5.0
"""How long a migration waits for a table that somebody reads, such as a backup. Every purchase waits behind it."""

T = TypeVar("T")
OnChange = Callable[[str], None]


def _now() -> datetime:
    return datetime.now(UTC)


class PostgresLedger(BaseLedger):
    """`Ledger` over PostgreSQL 15 or later.

    Args:
        url: `postgresql://user:password@host:port/database`; never shown.
        owner: this replica's name; left out, one is made that no other process has.
        on_change: told the transactions that other replicas changed. The empty string stands for any transaction:
            notices may have been missed while the connection was away.
        lease_seconds: how long after the last heartbeat others may take this replica's transactions over.
    """

    def __init__(
        self,
        url: str,
        *,
        owner: str = "",
        migrate: bool = False,
        clock: Callable[[], datetime] = _now,
        on_commit: OnCommit | None = None,
        on_change: OnChange | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        token = uuid.uuid4().hex
        super().__init__(Statements("postgresql"), owner=owner or token, clock=clock, on_commit=on_commit)
        self._url = url
        self._migrate = migrate
        self._on_change = on_change
        self._token = token
        self._writer = PostgresWriter(url, self.statements, self.owner, token)
        self._idle: list[asyncpg.Connection[Any]] = []
        self._readers = asyncio.Semaphore(READERS)
        self._tasks: list[asyncio.Task[None]] = []
        self._lease = Lease(self.owner, lease_seconds, self._read, clock)

    def __repr__(self) -> str:
        return f"PostgresLedger(owner={self.owner!r})"

    async def start(self) -> None:
        connection = await connect(self._url)
        try:
            await prepare(connection, migrate=self._migrate)
            self._writer.base = await _event_base(connection)
            await self._lease.compare_clocks(connection)
        except (asyncpg.PostgresError, *Lost) as error:
            raise meaning(error) from error
        finally:
            await connection.close()
        self._group.start()
        if self._on_change is not None:
            listening = asyncio.Event()
            self._tasks.append(asyncio.create_task(self._listen(self._on_change, listening), name="ledger listener"))
            await listening.wait()

    async def close(self) -> None:
        await self._group.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if (self._lease.claimed or self._writer.marked) and not self._lease.lost.is_set():
            with contextlib.suppress(LedgerError):
                await self._read(lambda connection: postgres_replicas.release(connection, self.owner))
                if self._lease.claimed:
                    await self._tell_the_others()
        await self._writer.close()
        for connection in self._idle:
            with contextlib.suppress(asyncpg.PostgresError, *Lost):
                await connection.close(timeout=1.0)
        self._idle.clear()

    async def _write_now(self, operations: Sequence[Operation]) -> Sequence[Any]:
        if not self._lease.held():
            await self._lease.renew()  # back from an outage: what is written now may be sent in a moment
        try:
            return await self._writer.write(operations)
        except LeaseLostError:
            self._lease.lost.set()
            raise

    async def _fetch(self, statement: Statement, params: Params) -> list[Row]:
        async def fetch(connection: asyncpg.Connection[Any]) -> list[Row]:
            return list(await connection.fetch(statement.sql, *params))

        return await self._read(fetch, again=True)

    async def _read(self, work: Callable[[asyncpg.Connection[Any]], Awaitable[T]], *, again: bool = False) -> T:
        """Do something on one of the few connections beside the writer's. A connection that was lost while it lay idle
        is replaced, and the work done `again` where that is harmless."""
        async with self._readers:
            idle = bool(self._idle)
            connection = self._idle.pop() if idle else await self._connect()
            try:
                result = await work(connection)
            except Lost as error:
                connection.terminate()
                self._lease.connection_failed()
                if not (again and idle):
                    raise meaning(error) from error
                self._drop_idle()  # they were most likely lost together
            except asyncpg.PostgresError as error:
                connection.terminate()
                raise meaning(error) from error
            except BaseException:
                connection.terminate()  # given up in the middle: its state is unknown
                raise
            else:
                self._idle.append(connection)
                return result
        return await self._read(work)

    async def _connect(self) -> asyncpg.Connection[Any]:
        try:
            return await connect(self._url)
        except LedgerUnavailableError:
            self._lease.connection_failed()
            raise

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().terminate()

    def _event_base(self) -> int:
        return self._writer.base

    # Replicas

    async def claim_node(self) -> int:
        """Lease a node number from 0 to 999 that no other replica has, and keep the lease alive.

        Raises:
            LedgerError: all are taken.
        """
        node = await self._lease.claim()
        self._writer.lease = self.owner
        await self._tell_the_others()
        self._tasks.append(asyncio.create_task(self._lease.keep(), name="ledger heartbeat"))
        return node

    @property
    def ahead(self) -> float:
        return self._lease.ahead

    @property
    def standing(self) -> Standing:
        return self._lease.standing

    async def _tell_the_others(self) -> None:
        """A replica that comes or goes changes the part that each has of the limits towards suppliers."""
        payload = f"{self._token}:{_REPLICAS}"
        await self._read(lambda connection: connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload))

    def lease_held(self) -> bool:
        """Whether this replica surely still works alone on its transactions; look before each send."""
        return self._lease.held()

    async def lease_lost(self) -> None:
        """Until another replica has ended this one's lease."""
        await self._lease.lost.wait()

    async def take_over(self) -> list[str]:
        """Claim unfinished transactions of replicas that are gone: their numbers, at most 500 a call."""
        return await self._lease.take_over() if self._lease.claimed else []

    async def _listen(self, on_change: OnChange, listening: asyncio.Event) -> None:
        def heard(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            token, _, numbers = str(payload).partition(":")
            if numbers == _REPLICAS:
                self._lease.others_came_or_went.set()
            elif token != self._token:
                for number in numbers.split(","):
                    on_change(number)

        while True:
            try:
                connection = await connect(self._url)
            except LedgerUnavailableError:
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
            try:
                await connection.add_listener(CHANNEL, heard)
                if listening.is_set():
                    on_change("")
                listening.set()
                await lost.wait()
            except (asyncpg.PostgresError, *Lost):
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                connection.terminate()


async def prepare(connection: asyncpg.Connection[Any], *, migrate: bool) -> str | None:
    """See that the database has this program's schema. Returns the revision that it had before.

    Raises:
        SchemaOutOfDateError: it has not, and `migrate` is false, or it was made by a newer program.
    """
    was = await _revision(connection)
    if was == REVISION:
        return was
    if not migrate:
        raise migrating.out_of_date(NAME, was)
    await connection.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK, timeout=MIGRATION_SECONDS)
    try:
        # In a transaction that begins after the lock is had: one that had waited for it would still know no table.
        async with connection.transaction():
            was = await _revision(connection)
            if was != REVISION:
                script = await asyncio.to_thread(migrating.upgrade_sql, NAME, was)
                await connection.execute(f"SET LOCAL lock_timeout = {int(TABLE_SECONDS * 1000)}")
                await connection.execute(script, timeout=MIGRATION_SECONDS)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _MIGRATION_LOCK)
    return was


async def _revision(connection: asyncpg.Connection[Any]) -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    found = await connection.fetchval("SELECT version_num FROM alembic_version")
    return None if found is None else str(found)


async def _event_base(connection: asyncpg.Connection[Any]) -> int:
    """Where the count of events starts: above what is there. PostgreSQL's own count starts anew when a ledger is loaded
    into another server, and then the difference is made up here."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
        base = int(await connection.fetchval("SELECT coalesce(max(value), 0) FROM meta WHERE key = 'event_base'"))
        last = int(await connection.fetchval("SELECT coalesce(max(id), 0) FROM events")) // EVENTS_A_WRITE
        # Asked last: others write meanwhile, and what they wrote before must not look as if it came from elsewhere.
        now = int(await connection.fetchval("SELECT pg_current_xact_id()::text"))
        if last >= now + base:
            base = last - now + 1
            await connection.execute(
                "INSERT INTO meta (key, value) VALUES ('event_base', $1) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                base,
            )
    return base


def migrate_database(url: str) -> str:
    """Bring the schema up to date, and say what was done.

    Raises:
        LedgerUnavailableError: the server cannot be reached.
        SchemaOutOfDateError: the ledger was made by a newer program.
    """

    async def go() -> str | None:
        connection = await connect(url)
        try:
            return await prepare(connection, migrate=True)
        except (asyncpg.PostgresError, *Lost) as error:
            raise meaning(error) from error
        finally:
            await connection.close()

    with asyncio.Runner() as runner:
        return migrating.told(runner.run(go()))
