"""HTTPS and proxies: as long as the tunnel or the handshake is not there, nothing has left."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.net.transport import Failure, Transport
from gateway.provider import Call
from gateway.settings.types import ProviderSettings
from gateway.testing.raw_supplier import RawSupplier, answer, drop, hang, raw

Account = Callable[..., ProviderSettings]
Open = Callable[..., Awaitable[Transport]]

CERTIFICATE = Path(__file__).with_name("localhost.pem")


@pytest.fixture(scope="module")
def served() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


@pytest.fixture(scope="module")
def trusted() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CERTIFICATE))


class Proxy:
    """A proxy that tunnels CONNECT, and keeps what it was asked."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        host, _, port = head.split(b" ", 2)[1].decode().rpartition(":")
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = asyncio.create_task(_pump(up_reader, writer))
        try:
            await _pump(reader, up_writer)
        finally:
            back.cancel()
            up_writer.close()
            await asyncio.gather(back, return_exceptions=True)
        return False


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


async def test_a_trusted_certificate_is_taken(
    open_transport: Open, account: Account, served: ssl.SSLContext, trusted: ssl.SSLContext
) -> None:
    async with RawSupplier(answer(b"one"), drop(), tls=served) as supplier:
        transport = await open_transport(account(supplier.url), tls=trusted)
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        assert sent.reply is not None
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        assert (sent.failure, sent.left) == (Failure.DROPPED, True)
        assert len(supplier.requests) == 2


async def test_a_certificate_that_nobody_vouches_for_has_not_left(
    open_transport: Open, account: Account, served: ssl.SSLContext
) -> None:
    async with RawSupplier(tls=served) as supplier:
        sent = await (await open_transport(account(supplier.url))).send(Call(method="GET", url=f"{supplier.url}/"))
        assert (sent.failure, sent.left) == (Failure.TLS, False)
        assert "self-signed certificate" in sent.detail
        assert supplier.requests == []


async def test_a_supplier_that_speaks_no_tls_has_not_got_it(open_transport: Open, account: Account) -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        return False

    async def slam(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
        return False

    for greeting, expected in ((babble, Failure.TLS), (slam, Failure.CONNECT_REFUSED)):
        async with RawSupplier(on_connect=greeting) as supplier:
            url = f"https://127.0.0.1:{supplier.port}/"
            sent = await (await open_transport(account(url))).send(Call(method="GET", url=url))
            assert (sent.failure, sent.left) == (expected, False)


async def test_a_handshake_that_does_not_come_is_given_up_within_the_connect_time_out(
    open_transport: Open, account: Account
) -> None:
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
        await asyncio.Event().wait()
        return False

    async with RawSupplier(on_connect=silent) as supplier:
        url = f"https://127.0.0.1:{supplier.port}/"
        sent = await (await open_transport(account(url, connect="200ms"))).send(Call(method="GET", url=url))
        assert (sent.failure, sent.left) == (Failure.CONNECT_TIMEOUT, False)
        assert 0.19 < sent.duration < 1


async def test_https_goes_through_the_proxys_tunnel_and_shows_it_nothing(
    open_transport: Open, account: Account, served: ssl.SSLContext, trusted: ssl.SSLContext
) -> None:
    proxy = Proxy()
    async with RawSupplier(answer(b"one"), drop(), tls=served) as supplier, RawSupplier(on_connect=proxy) as egress:
        address = f"http://us:pass-canary@127.0.0.1:{egress.port}"
        transport = await open_transport(account(supplier.url, proxy=address), tls=trusted)
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/trx?pin=pin-canary"))
        assert sent.reply is not None
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/trx?pin=pin-canary"))
        assert (sent.failure, sent.left) == (Failure.DROPPED, True)
        assert len(supplier.requests) == 2
        assert len(proxy.heads) == 1
        assert b"canary" not in proxy.heads[0]
        authorization = base64.b64encode(b"us:pass-canary")
        assert b"Proxy-Authorization: Basic " + authorization in proxy.heads[0]
        assert supplier.requests[0].header(b"proxy-authorization") is None


@pytest.mark.parametrize(
    "answered", [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", b"", b"\x00garbage\r\n\r\n"]
)
async def test_a_proxy_that_opens_no_tunnel_lets_nothing_leave(
    open_transport: Open, account: Account, served: ssl.SSLContext, answered: bytes
) -> None:
    async with RawSupplier(tls=served) as supplier, RawSupplier(raw(answered)) as egress:
        transport = await open_transport(account(supplier.url, proxy=egress.url))
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/trx"))
        assert (sent.failure, sent.left) == (Failure.PROXY, False)
        assert supplier.connections == 0
        assert len(egress.requests) == 1  # the tunnel is not asked for a second time either


async def test_a_proxy_that_does_not_answer_is_given_up_within_the_connect_time_out(
    open_transport: Open, account: Account
) -> None:
    async with RawSupplier(hang()) as egress:
        transport = await open_transport(account("https://127.0.0.1:9/", connect="200ms", proxy=egress.url))
        sent = await transport.send(Call(method="GET", url="https://127.0.0.1:9/"))
        assert (sent.failure, sent.left) == (Failure.CONNECT_TIMEOUT, False)
        assert sent.duration < 1


async def test_a_proxy_that_cannot_be_reached_lets_nothing_leave(open_transport: Open, account: Account) -> None:
    async with RawSupplier() as gone:
        pass
    transport = await open_transport(account(proxy=gone.url))
    for scheme in ("http", "https"):
        sent = await transport.send(Call(method="GET", url=f"{scheme}://127.0.0.1:9/"))
        assert (sent.failure, sent.left) == (Failure.PROXY, False)


async def test_plain_http_goes_to_the_proxy_whole_and_its_word_is_an_answer(
    open_transport: Open, account: Account
) -> None:
    async with RawSupplier(answer(b"OK"), answer(b"bad gateway", status=502), drop()) as egress:
        address = f"http://us:secret@127.0.0.1:{egress.port}"
        transport = await open_transport(account("http://supplier.test/trx", proxy=address))
        url = "http://supplier.test/trx?a=%2f+b"
        first, second, third = [await transport.send(Call(method="GET", url=url)) for _ in range(3)]
        assert first.reply is not None
        assert second.reply is not None
        assert second.reply.status == 502
        assert (third.failure, third.left) == (Failure.DROPPED, True)
        assert [request.target for request in egress.requests] == [url.encode()] * 3
        for request in egress.requests:
            assert request.header(b"host") == b"supplier.test"
            assert request.header(b"proxy-authorization") == b"Basic " + base64.b64encode(b"us:secret")
