"""Which side of the send line a call ended on: nothing left, or it may have left."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable

import pytest

from gateway.net.transport import Failure, Transport
from gateway.provider import Call
from gateway.settings.types import ProviderSettings
from gateway.testing.raw_supplier import RawSupplier, answer, hang

Account = Callable[..., ProviderSettings]
Open = Callable[..., Awaitable[Transport]]


def _closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_a_refused_connection_has_not_left(open_transport: Open, account: Account) -> None:
    url = f"http://127.0.0.1:{_closed_port()}/trx"
    sent = await (await open_transport(account(url))).send(Call(method="GET", url=url))
    assert (sent.failure, sent.left, sent.reply) == (Failure.CONNECT_REFUSED, False, None)
    assert "ECONNREFUSED" in sent.detail


async def test_a_name_without_an_address_has_not_left(
    open_transport: Open, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_address(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    url = "http://supplier.test/trx?pin=canary"
    sent = await (await open_transport(account(url))).send(Call(method="GET", url=url))
    assert (sent.failure, sent.left) == (Failure.DNS, False)
    assert "canary" not in sent.detail


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
async def test_no_socket_to_be_had_has_not_left(
    open_transport: Open, account: Account, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    async with RawSupplier() as supplier:
        transport = await open_transport(account(supplier.url))

        def no_socket(*_: object, **__: object) -> None:
            raise OSError(number, "none left")

        monkeypatch.setattr(socket, "socket", no_socket)
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        monkeypatch.undo()
        assert (sent.failure, sent.left) == (Failure.NO_CONNECTION, False)
        assert supplier.requests == []


async def test_a_shortage_of_files_that_passes_is_waited_out(
    open_transport: Open, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawSupplier() as supplier:
        transport = await open_transport(account(supplier.url))
        tried = 0

        def no_socket(*_: object, **__: object) -> None:
            nonlocal tried
            tried += 1
            if tried == 2:
                monkeypatch.undo()
            raise OSError(errno.EMFILE, "none left")

        monkeypatch.setattr(socket, "socket", no_socket)
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        assert (sent.failure, tried) == (None, 2)
        assert len(supplier.requests) == 1


async def test_no_free_connection_in_time_has_not_left(open_transport: Open, account: Account) -> None:
    async with RawSupplier(hang()) as supplier:
        transport = await open_transport(account(supplier.url, connect="100ms", limits={"in_flight": 1}))
        first = asyncio.create_task(transport.send(Call(method="GET", url=f"{supplier.url}/first")))
        await supplier.seen()
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/second"))
        assert (sent.failure, sent.left) == (Failure.NO_CONNECTION, False)
        assert 0.09 < sent.duration < 1
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert [request.target for request in supplier.requests] == [b"/first"]


async def test_each_account_has_its_own_pool(open_transport: Open, account: Account) -> None:
    async with RawSupplier(hang()) as slow, RawSupplier() as quick:
        one = await open_transport(account(slow.url, limits={"in_flight": 1}, answer="300ms"))
        other = await open_transport(account(quick.url, limits={"in_flight": 1}))
        blocked = asyncio.create_task(one.send(Call(method="GET", url=f"{slow.url}/")))
        await slow.seen()
        assert (await other.send(Call(method="GET", url=f"{quick.url}/"))).reply is not None
        assert (await blocked).failure is Failure.ANSWER_TIMEOUT


async def test_waiting_for_a_connection_does_not_shorten_the_time_for_the_answer(
    open_transport: Open, account: Account
) -> None:
    async def slow(request: object, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(0.3)
        return await answer(b"OK")(request, writer)  # type: ignore[arg-type] # the request is not looked at

    async with RawSupplier(slow) as supplier:
        transport = await open_transport(account(supplier.url, answer="500ms", limits={"in_flight": 1}))
        sent = await asyncio.gather(
            *(transport.send(Call(method="GET", url=f"{supplier.url}/{number}")) for number in range(2))
        )
        assert [one.failure for one in sent] == [None, None]
        assert max(one.duration for one in sent) > 0.55


async def test_a_supplier_that_does_not_even_read_may_have_it(open_transport: Open, account: Account) -> None:
    async def never_read(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
        await asyncio.Event().wait()
        return False

    async with RawSupplier(on_connect=never_read) as supplier:
        transport = await open_transport(account(supplier.url, answer="300ms"))
        sent = await transport.send(Call(method="POST", url=f"{supplier.url}/", body=b"x" * 1_000_000))
        assert (sent.failure, sent.left) == (Failure.ANSWER_TIMEOUT, True)
        assert sent.duration < 1


async def test_a_cancelled_caller_closes_the_connection_and_is_cancelled(
    open_transport: Open, account: Account
) -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def watch(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        closed.set()
        return False

    async with RawSupplier(on_connect=watch) as supplier:
        transport = await open_transport(account(supplier.url))
        task = asyncio.create_task(transport.send(Call(method="GET", url=f"{supplier.url}/")))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(closed.wait(), 1)


async def test_a_closed_transport_sends_nothing_and_closes_again(account: Account) -> None:
    async with RawSupplier() as supplier:
        transport = Transport(account(supplier.url))
        unstarted = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        await transport.start()
        await transport.start()
        await transport.close()
        await transport.close()
        closed = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        for sent in (unstarted, closed):
            assert (sent.failure, sent.left) == (Failure.NO_CONNECTION, False)
        assert supplier.connections == 0


async def test_closing_ends_a_call_that_is_under_way_as_maybe_sent(open_transport: Open, account: Account) -> None:
    async with RawSupplier(hang()) as supplier:
        transport = await open_transport(account(supplier.url))
        task = asyncio.create_task(transport.send(Call(method="GET", url=f"{supplier.url}/")))
        await supplier.seen()
        await transport.close()
        sent = await asyncio.wait_for(task, 1)
        assert (sent.reply, sent.left) == (None, True)


async def test_a_body_without_a_length_that_our_time_out_ends_is_no_answer(
    open_transport: Open, account: Account
) -> None:
    async def half(_request: object, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nR#1 XL5.08 ")
        await writer.drain()
        await asyncio.Event().wait()
        return False

    async with RawSupplier(half) as supplier:
        transport = await open_transport(account(supplier.url, answer="200ms"))
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        assert (sent.failure, sent.left, sent.reply) == (Failure.ANSWER_TIMEOUT, True, None)
