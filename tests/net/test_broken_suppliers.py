"""C20: whatever a supplier does, it costs the answer time-out at most, little memory, and the outcome stays honest."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable

import pytest

from gateway.net.transport import MAX_INTERIM, Failure, Transport
from gateway.provider import Call
from gateway.settings.types import ProviderSettings
from gateway.testing.raw_supplier import (
    Behaviour,
    RawSupplier,
    answer,
    big_body,
    drip,
    garbage,
    gzip_bomb,
    hang,
    huge_header,
    informational_flood,
    many_headers,
    raw,
    reset,
    short_body,
)

Account = Callable[..., ProviderSettings]
Open = Callable[..., Awaitable[Transport]]

OK = b"HTTP/1.1 200 OK\r\n"
MOST_MEMORY = 20_000_000

BROKEN: dict[str, tuple[Behaviour, Failure]] = {
    "hang": (hang(), Failure.ANSWER_TIMEOUT),
    "drip": (drip(OK + b"Content-Length: 900\r\n\r\n" + b"a" * 900), Failure.ANSWER_TIMEOUT),
    "drip of headers": (drip(OK + b"X: a\r\n" * 500), Failure.ANSWER_TIMEOUT),
    "interim answers without end": (informational_flood(), Failure.MALFORMED),
    "garbage": (garbage(), Failure.MALFORMED),
    "bad chunk": (raw(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc"), Failure.MALFORMED),
    "another protocol": (
        raw(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nabc"),
        Failure.MALFORMED,
    ),
    "brotli that nobody asked for": (
        answer(b"\x0b\x02\x80OK\x03", headers=[("Content-Encoding", "br")]),
        Failure.MALFORMED,
    ),
    "broken gzip": (
        answer(gzip.compress(b"status=20")[:-9], headers=[("Content-Encoding", "gzip")]),
        Failure.MALFORMED,
    ),
    "no gzip at all": (answer(b"status=20", headers=[("Content-Encoding", "gzip")]), Failure.MALFORMED),
    "short body": (short_body(), Failure.TRUNCATED),
    "cut chunk": (raw(OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nsta"), Failure.TRUNCATED),
    "reset in the body": (reset(OK + b"Content-Length: 50\r\n\r\nstatus=20"), Failure.TRUNCATED),
    "reset instead of the end": (reset(OK + b"\r\nstatus=20&message=sukses"), Failure.RESET),
    "reset instead of the end of an odd encoding": (
        reset(OK + b"Transfer-Encoding: identity\r\n\r\nstatus=20&message=sukses"),
        Failure.RESET,
    ),
    "cut headers": (raw(OK + b"Content-Le"), Failure.DROPPED),
    "huge header": (huge_header(), Failure.TOO_LARGE),
    "many headers": (many_headers(), Failure.TOO_LARGE),
    "huge status line": (raw(b"HTTP/1.1 200 " + b"a" * 100_000 + b"\r\n\r\n"), Failure.TOO_LARGE),
    "100 MB": (big_body(), Failure.TOO_LARGE),
    "100 MB of unknown length": (big_body(told=False), Failure.TOO_LARGE),
    "gzip bomb": (gzip_bomb(), Failure.TOO_LARGE),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_supplier_costs_little_and_its_outcome_is_unknown(
    open_transport: Open, account: Account, name: str
) -> None:
    behaviour, expected = BROKEN[name]
    async with RawSupplier(behaviour) as supplier:
        transport = await open_transport(account(supplier.url, answer="400ms"))
        tracemalloc.start()
        try:
            sent = await transport.send(Call(method="GET", url=f"{supplier.url}/trx?pin=canary-pin"))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (sent.failure, sent.left, sent.reply) == (expected, True, None)
        assert sent.duration < 0.4 + 0.4  # the time-out, and what a busy machine adds
        assert most < MOST_MEMORY
        assert len(supplier.requests) == 1
        assert sent.detail.isprintable()
        assert "canary" not in sent.detail + repr(sent)


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537])
async def test_the_limit_counts_the_unpacked_body(open_transport: Open, account: Account, size: int) -> None:
    body = b"a" * size
    bare = zlib.compressobj(wbits=-15)
    packed: dict[str, bytes] = {
        "": body,
        "identity": body,
        "gzip": gzip.compress(body),
        "x-gzip": gzip.compress(body[: size // 2]) + gzip.compress(body[size // 2 :]),
        "deflate": zlib.compress(body),
        "Deflate": bare.compress(body) + bare.flush(),
    }
    for encoding, data in packed.items():
        async with RawSupplier(answer(data, headers=[("Content-Encoding", encoding)] if encoding else [])) as supplier:
            transport = await open_transport(account(supplier.url))
            sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
            if size > 65_536:
                assert sent.failure is Failure.TOO_LARGE
            else:
                assert sent.reply is not None
                assert sent.reply.body == body


async def test_a_good_number_of_interim_answers_is_waited_through(open_transport: Open, account: Account) -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\n" * MAX_INTERIM
    async with RawSupplier(raw(interim + OK + b"Content-Length: 9\r\n\r\nstatus=20")) as supplier:
        transport = await open_transport(account(supplier.url))
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        assert sent.reply is not None
        assert sent.reply.body == b"status=20"


async def test_an_answer_without_a_length_ends_with_the_connection(open_transport: Open, account: Account) -> None:
    async with RawSupplier(raw(OK + b"\r\nstatus=20")) as supplier:
        transport = await open_transport(account(supplier.url))
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        assert sent.reply is not None
        assert sent.reply.body == b"status=20"


@pytest.mark.parametrize("status", [200, 204, 304, 400, 500])
async def test_a_status_is_the_providers_to_read(open_transport: Open, account: Account, status: int) -> None:
    body = b"" if status in {204, 304} else b"x"
    headers = [("X-Two", "a"), ("X-Two", "b"), ("X-Odd", "\u00e9"), ("Content-Encoding", "identity")]
    async with RawSupplier(answer(body, status=status, headers=headers)) as supplier:
        transport = await open_transport(account(supplier.url))
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        assert sent.reply is not None
        assert (sent.reply.status, sent.reply.body) == (status, body)
        assert sent.reply.headers["x-two"] == "b"
        assert sent.reply.headers["x-odd"] == "\u00e9"


async def test_a_header_that_is_no_text_is_made_text(open_transport: Open, account: Account) -> None:
    async with RawSupplier(raw(OK + b"X-Odd: a\xffb\r\nContent-Length: 0\r\n\r\n")) as supplier:
        transport = await open_transport(account(supplier.url))
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        assert sent.reply is not None
        assert sent.reply.headers["x-odd"] == "a\ufffdb"


async def test_a_supplier_that_sent_too_much_is_hung_up_on(open_transport: Open, account: Account) -> None:
    async with RawSupplier(big_body(), answer(b"next")) as supplier:
        transport = await open_transport(account(supplier.url, limits={"in_flight": 1}))
        assert (await transport.send(Call(method="GET", url=f"{supplier.url}/"))).failure is Failure.TOO_LARGE
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        assert sent.reply is not None
        assert supplier.connections == 2
