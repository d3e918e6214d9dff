"""C4: a purchase is sent once, whatever the client library would like to do about a dropped connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.net.transport import Failure, Transport
from gateway.provider import Call
from gateway.settings.types import ProviderSettings
from gateway.testing.raw_supplier import Behaviour, RawSupplier, answer, drop, raw, redirect, reset

Account = Callable[..., ProviderSettings]
Open = Callable[..., Awaitable[Transport]]

METHODS = ["GET", "POST", "PUT", "DELETE"]
CONNECTIONS = ["cold", "warm", "force_close"]


async def _send(open_transport: Open, account: Account, method: str, connection: str, *behaviours: Behaviour) -> object:
    """Send one purchase over such a connection, and return what came of it after the supplier's view was checked."""
    warmed = connection == "warm"
    async with RawSupplier(*([answer(b"warm")] if warmed else []), *behaviours) as supplier:
        transport = await open_transport(account(supplier.url), keep_alive=connection != "force_close")
        body = b"refID=1" if method in {"POST", "PUT"} else None
        if warmed:
            assert (await transport.send(Call(method="GET", url=f"{supplier.url}/warm"))).reply is not None
        sent = await transport.send(Call(method=method, url=f"{supplier.url}/trx?refID=1", body=body))
        seen = [request for request in supplier.requests if request.target == b"/trx?refID=1"]
        assert len(seen) == 1
        assert seen[0].body == (body or b"")
        assert len(supplier.requests) == 1 + warmed
        if warmed:
            assert seen[0].connection == supplier.requests[0].connection == 1
        assert sent.left
        return sent.reply or sent.failure


@pytest.mark.parametrize("connection", CONNECTIONS)
@pytest.mark.parametrize("method", METHODS)
async def test_a_dropped_connection_is_not_tried_again(
    open_transport: Open, account: Account, method: str, connection: str
) -> None:
    ended = await _send(open_transport, account, method, connection, drop(), answer(b"twice"))
    assert ended is Failure.DROPPED


@pytest.mark.parametrize("connection", CONNECTIONS)
@pytest.mark.parametrize("method", METHODS)
async def test_a_reset_connection_is_not_tried_again(
    open_transport: Open, account: Account, method: str, connection: str
) -> None:
    assert await _send(open_transport, account, method, connection, reset(), answer(b"twice")) is Failure.RESET


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", METHODS)
async def test_a_redirect_is_an_answer_and_is_not_followed(
    open_transport: Open, account: Account, method: str, status: int
) -> None:
    for connection in CONNECTIONS:
        reply = await _send(
            open_transport, account, method, connection, redirect(status, "/trx?refID=1"), answer(b"followed")
        )
        assert getattr(reply, "status", None) == status


async def test_an_idle_connection_that_the_supplier_closed_is_not_used(open_transport: Open, account: Account) -> None:
    async with RawSupplier(answer(b"one", close=True), answer(b"two")) as supplier:
        transport = await open_transport(account(supplier.url))
        for expected in (b"one", b"two"):
            sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
            assert sent.reply is not None
            assert sent.reply.body == expected
            await _turns()  # the end of the connection is read
        assert supplier.connections == len(supplier.requests) == 2


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(
    open_transport: Open, account: Account
) -> None:
    stale = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale"
    late = asyncio.Event()

    async def answer_and_again(_request: object, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")
        await writer.drain()
        await late.wait()
        writer.write(stale)
        await writer.drain()
        return True

    for first in (answer_and_again, raw(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none" + stale, close=False)):
        async with RawSupplier(first, answer(b"two")) as supplier:
            transport = await open_transport(account(supplier.url))
            sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
            assert sent.reply is not None
            assert sent.reply.body == b"one"
            late.set()
            await _turns()  # the late answer is written and read
            sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
            assert sent.reply is not None
            assert sent.reply.body == b"two"
            assert len(supplier.requests) == supplier.connections == 2


async def test_a_supplier_that_speaks_first_never_gets_the_call_answered_twice(
    open_transport: Open, account: Account
) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"220 welcome\r\n")
        await writer.drain()
        return True

    async with RawSupplier(answer(b"one"), on_connect=greet) as supplier:
        transport = await open_transport(account(supplier.url))
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        assert sent.reply is None
        assert len(supplier.requests) <= 1


async def test_concurrent_calls_are_each_sent_once_while_half_of_them_are_dropped(
    open_transport: Open, account: Account
) -> None:
    async with RawSupplier(*[answer(b"OK"), drop()] * 50) as supplier:
        transport = await open_transport(account(supplier.url, limits={"in_flight": 8}))
        await asyncio.gather(
            *(transport.send(Call(method="GET", url=f"{supplier.url}/trx?refID={number}")) for number in range(100))
        )
        assert sorted(request.target for request in supplier.requests) == sorted(
            b"/trx?refID=%d" % number for number in range(100)
        )
        assert supplier.most_open <= 8


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
