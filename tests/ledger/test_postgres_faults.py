"""A PostgreSQL that restarts, drops connections, or loses the answer to a commit (C25)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from gateway.core.transaction import Change
from gateway.ledger import LedgerError, LedgerUnavailableError, open_ledger, postgres_connection

Make = Callable[..., Change]


class Proxy:
    """Between the ledger and the server. `cut` says where a connection that says COMMIT is cut: `before` the server
    hears of it, or `after` it has answered; `None`: nowhere. `meanwhile` happens before the ledger notices."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.cut: str | None = None
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self.refuse = False
        self._pairs: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()
        for task in self._pairs:
            task.cancel()
        await asyncio.gather(*self._pairs, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pairs.add(task)
        task.add_done_callback(self._pairs.discard)
        try:
            if not self.refuse:
                await self._pair(reader, writer)
        except (asyncio.CancelledError, OSError):
            pass  # the end of the test, or of the server; asyncio would log it as an error of this one
        finally:
            writer.transport.abort()

    async def _pair(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, out = await asyncio.open_connection("127.0.0.1", self._port)
        back = asyncio.create_task(self._copy(there, writer))
        try:
            while data := await reader.read(1 << 16):
                if b"COMMIT" in data and self.cut is not None:
                    if self.cut == "after":
                        back.cancel()
                        await asyncio.gather(back, return_exceptions=True)
                        out.write(data)
                        await there.read(1 << 16)
                    self.cut = None
                    if self.meanwhile is not None:
                        await self.meanwhile()
                    return
                out.write(data)
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)
            out.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.transport.abort()


@pytest.fixture
async def proxy(postgresql: Any) -> AsyncIterator[Proxy]:
    proxy = Proxy(postgresql.server.port)
    async with proxy.listening() as port:
        postgresql.url = postgresql.url.replace(f":{postgresql.server.port}/", f":{port}/")
        yield proxy


async def kill_connections(database: Any) -> None:
    await database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


async def test_a_commit_whose_answer_was_lost_is_read_back(
    postgresql: Any, proxy: Proxy, accept: Make, succeed: Make
) -> None:
    ledger = await postgresql.open()
    opened = accept()
    assert await ledger.commit(opened)
    proxy.cut = "after"
    settled = succeed(opened.after)
    won, taken = await asyncio.gather(ledger.commit(settled), ledger.commit(accept("A-1")))
    assert won
    assert not taken
    assert proxy.cut is None
    assert await ledger.transaction(opened.after.id) == settled.after
    assert len(await ledger.events(opened.after.id)) == 3
    await ledger.close()


async def test_a_commit_that_never_arrived_was_not_made(
    postgresql: Any, proxy: Proxy, accept: Make, succeed: Make
) -> None:
    ledger = await postgresql.open()
    opened = accept()
    assert await ledger.commit(opened)
    proxy.cut = "before"
    settled = succeed(opened.after)
    with pytest.raises(LedgerUnavailableError, match="cannot be reached"):
        await ledger.commit(settled)
    assert await ledger.transaction(opened.after.id) == opened.after
    assert await ledger.commit(settled)
    await ledger.close()


async def test_a_table_that_somebody_has_locked_is_not_told_as_a_server_that_is_gone(
    postgresql: Any, monkeypatch: pytest.MonkeyPatch, accept: Make
) -> None:
    monkeypatch.setattr(postgres_connection, "COMMAND_SECONDS", 0.5)
    ledger = await postgresql.open()
    other = await asyncpg.connect(postgresql.url)
    await other.execute("BEGIN")
    await other.execute("LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE")
    with pytest.raises(LedgerUnavailableError, match="did not answer in time: it hangs, waits for a lock"):
        await ledger.commit(accept())
    await other.close()
    assert await ledger.commit(accept("A-1"))
    await ledger.close()


class Replying:
    """A connection whose server makes the commit, or does not, and says another thing."""

    def __init__(self, connection: Any, *, does: str, says: str | Exception) -> None:
        self._connection, self._does, self._says = connection, does, says

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def execute(self, sql: str, *params: object) -> Any:
        if sql != "COMMIT":
            return await self._connection.execute(sql, *params)
        await self._connection.execute(self._does)
        if isinstance(self._says, Exception):
            raise self._says
        return self._says


async def test_a_commit_that_was_answered_with_an_error_is_read_back(postgresql: Any, accept: Make) -> None:
    ledger = await postgresql.open()
    assert await ledger.commit(accept("A-0"))
    for number, does in ((1, "COMMIT"), (2, "ROLLBACK")):
        error = asyncpg.InternalServerError("could not write to log file")
        ledger._writer._connection = Replying(ledger._writer._connection, does=does, says=error)
        if does == "COMMIT":
            assert await ledger.commit(accept(f"A-{number}"))
        else:
            with pytest.raises(LedgerUnavailableError):
                await ledger.commit(accept(f"A-{number}"))
    assert [transaction.ref_id for transaction in await ledger.transactions()] == ["A-1", "A-0"]
    await ledger.close()


async def test_a_commit_that_was_answered_with_a_rollback_was_not_made(postgresql: Any, accept: Make) -> None:
    ledger = await postgresql.open()
    assert await ledger.commit(accept("A-0"))
    kept = ledger._writer._connection
    ledger._writer._connection = Replying(kept, does="ROLLBACK", says="ROLLBACK")
    with pytest.raises(LedgerUnavailableError, match="rolled a write back"):
        await ledger.commit(accept("A-1"))
    ledger._writer._connection = kept
    assert await ledger.commit(accept("A-1"))
    await ledger.close()


async def test_a_commit_of_unknown_fate_says_so(
    postgresql: Any, proxy: Proxy, accept: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connection, "FATE_SECONDS", 0.3)
    ledger = await postgresql.open()
    assert await ledger.commit(accept("A-0"))
    proxy.cut = "after"
    proxy.refuse = True
    with pytest.raises(LedgerUnavailableError, match="fate is unknown"):
        await ledger.commit(accept("A-1"))
    proxy.refuse = False
    assert not await ledger.commit(accept("A-1"))  # the client asks again, and finds that it was made
    await ledger.close()


async def test_the_number_of_a_crashed_write_given_to_another_one_does_not_vouch_for_it(
    postgresql: Any, proxy: Proxy, accept: Make
) -> None:
    """PostgreSQL gives the number of a transaction anew when a crash came before anything of it was on disk."""
    server = postgresql.server
    await postgresql.execute("ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()")
    ledger = await postgresql.open()
    assert await ledger.commit(accept("A-0"))
    over = asyncio.Event()

    async def crash() -> None:
        await asyncio.to_thread(server.stop, "immediate")
        await asyncio.to_thread(server.start)
        await postgresql.execute(*["SELECT pg_current_xact_id()"] * 20)
        over.set()

    proxy.cut, proxy.meanwhile = "before", crash
    with pytest.raises(LedgerUnavailableError):
        await ledger.commit(accept("A-1"))
    await over.wait()
    assert [transaction.ref_id for transaction in await ledger.transactions()] == ["A-0"]
    assert await ledger.commit(accept("A-1"))
    await postgresql.execute("ALTER SYSTEM RESET wal_writer_delay", "SELECT pg_reload_conf()")
    await ledger.close()


async def test_dropped_connections_are_replaced(postgresql: Any, accept: Make) -> None:
    ledger = await postgresql.open()
    for number in range(3):
        with suppress(LedgerUnavailableError):
            await ledger.commit(accept(f"A-{number}"))
        assert len(await ledger.transactions()) == number + 1
        await kill_connections(postgresql)
        with suppress(LedgerUnavailableError):  # a drop may be noticed only in the middle of this
            await ledger.writable()
            await ledger.commit(accept(f"B-{number}"))
        await postgresql.execute("DELETE FROM transactions WHERE ref_id LIKE 'B%'")
    assert await ledger.commit(accept("last"))
    await ledger.close()


async def test_a_server_that_restarts_makes_it_unavailable_at_once_and_back_by_itself(
    postgresql: Any, accept: Make
) -> None:
    server = postgresql.server
    ledger = await postgresql.open()
    await ledger.claim_node()
    await ledger.commit(accept("A-0", owner=ledger.owner))
    await asyncio.to_thread(server.stop, "immediate")
    try:
        started = time.monotonic()
        for call in (ledger.commit(accept("A-1")), ledger.transactions(), ledger.writable(), ledger.take_over()):
            ledger._written_at = None
            with pytest.raises(LedgerUnavailableError) as caught:
                await call
            assert "canary" not in str(caught.value)
        assert time.monotonic() - started < 3
    finally:
        await asyncio.to_thread(server.start)
    assert await ledger.commit(accept("A-1", owner=ledger.owner))
    assert [transaction.ref_id for transaction in await ledger.transactions()] == ["A-1", "A-0"]
    await ledger.close()


async def test_nothing_answered_is_lost_and_nothing_lost_is_kept_over_restarts(
    postgresql: Any, accept: Make, eventually: Any
) -> None:
    """Clients that repeat their `ref_id` until they are answered, while the server crashes again and again."""
    server = postgresql.server
    ledger = await postgresql.open()
    answered: list[str] = []
    stopped = asyncio.Event()

    async def client(lane: int) -> None:
        count = 0
        while not stopped.is_set():
            name = f"{lane}-{count}"
            try:
                won = await ledger.commit(accept(name))
            except LedgerUnavailableError:
                await asyncio.sleep(0.01)
                continue
            # Losing means that an earlier commit of this name, whose fate was unknown, had been made.
            assert won or await ledger.transaction_by_ref("shop", name) is not None
            answered.append(name)
            count += 1

    clients = [asyncio.create_task(client(lane)) for lane in range(8)]
    for _ in range(3):
        seen = len(answered)
        await eventually(lambda seen=seen: len(answered) >= seen + 200)
        await asyncio.to_thread(server.stop, "immediate")
        await asyncio.to_thread(server.start)
    stopped.set()
    await asyncio.gather(*clients)
    kept = {row[0] for row in await postgresql.execute("SELECT ref_id FROM transactions")}
    attempts = await postgresql.count("attempts")
    await ledger.close()
    assert set(answered) <= kept
    assert attempts == len(kept)


async def test_a_wrong_database_name_or_address_is_said_without_the_password(postgresql: Any) -> None:
    for url in (
        postgresql.url + "-not-there",
        "postgresql://gateway:canary-password@[::1/x",
        "postgresql://u:canary@h:x/",
    ):
        with pytest.raises(LedgerError) as caught:
            await open_ledger(url).start()
        assert "canary" not in repr(caught.value)


async def test_a_closed_ledger_leaves_no_connection_behind(postgresql: Any, accept: Make) -> None:
    ledger = await postgresql.open(on_change=lambda number: None)
    await ledger.claim_node()
    await asyncio.gather(ledger.commit(accept()), *(ledger.transactions() for _ in range(20)))
    await ledger.close()
    assert await postgresql.execute("SELECT key FROM meta WHERE key LIKE 'writer:%'") == []
    beside = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    async with asyncio.timeout(5):
        while (await postgresql.execute(f"SELECT 1 {beside}")) != []:  # made of constants
            pass
