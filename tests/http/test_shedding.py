"""What is too much is refused at the line only where nothing can be misunderstood, and with the usual answer."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.shedding import whole
from gateway.http.times import Times

BODY = b'{"ref_id":"A-1","product":"XL5","dest":"081712345678"}'
LINE = b"POST /v1/transactions "
HEAD = b"HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer shop-key-0123456789\r\nContent-Type: application/json\r\n"


def request(more: bytes = b"", *, body: bytes = BODY, length: bytes | None = None) -> bytes:
    told = b"Content-Length: %b\r\n" % (str(len(body)).encode() if length is None else length)
    return LINE + HEAD + told + more + b"\r\n" + body


def plain(data: bytes) -> bool:
    return whole(data, len(LINE)) is not None


def test_a_plain_purchase_is_recognised() -> None:
    assert plain(request())
    assert plain(request(b"X-Request-ID: mine\r\nUser-Agent: curl/8\r\nAccept: */*\r\nPrefer: wait=5\r\n"))


@pytest.mark.parametrize(
    "data",
    [
        request()[:-1],
        request() + b"\r\n",
        request() + request(),
        request(length=b"+54"),
        request(length=b"054x"),
        request(length=b"54, 54"),
        request(b"Content-Length: 54\r\n"),
        request(b"content-length : 54\r\n"),
        request(b"Content-Length: 54, 54\r\n"),
        request(b"X: y\r\n Content-Length: 10\r\n"),
        request(b"Transfer-Encoding: chunked\r\n"),
        request(b"transfer-encoding:\tidentity\r\n"),
        request(b"Expect: 100-continue\r\n"),
        request(b"Connection: close\r\n"),
        request(b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        request(b"Trailer: X\r\n"),
        request(b"X: \xff\r\n"),
        request(b"X: a\nContent-Length: 3\r\n"),
        request(b"X: a\rContent-Length: 3\r\n"),
        request(b"X: \x00\r\n"),
        request(b": y\r\n"),
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        request().replace(b"HTTP/1.1", b"x HTTP/1.1"),
        request().replace(b"\r\n", b"\n"),
        LINE + HEAD + b"\r\n",
    ],
)
def test_whatever_is_not_plain_goes_the_usual_way(data: bytes) -> None:
    assert not plain(data)


@given(st.binary(max_size=12), st.integers(0, 200))
def test_no_byte_more_or_less_is_taken(noise: bytes, place: int) -> None:
    data = request()
    place = min(place, len(data))
    changed = data[:place] + noise + data[place:]
    if plain(changed):
        head, _, body = changed[len(LINE) :].partition(b"\r\n\r\n")
        lengths = re.findall(rb"(?im)^content-length:[ \t]*([0-9]+)[ \t]*\r?$", head)
        assert [int(one) for one in lengths] == [len(body)]


async def answered(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = int(re.findall(rb"(?i)content-length: ([0-9]+)", head)[0])
    return head, await asyncio.wait_for(reader.readexactly(length), 5)


def fields(head: bytes) -> dict[bytes, bytes]:
    lines = [line.split(b": ", 1) for line in head.strip().split(b"\r\n")[1:]]
    return {name.lower(): value for name, value in lines if name.lower() not in {b"date", b"x-request-id"}}


async def test_the_refusal_at_the_line_is_the_usual_one(gateway: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    gateway.engine.full = True
    told = []
    for _ in range(3):  # a connection's first request goes the usual way
        writer.write(request(b"X-Request-ID: mine\r\n"))
        told.append(await answered(reader))
    writer.write(request())
    unnamed, _ = await answered(reader)
    gateway.engine.full = False
    writer.write(request(b"Prefer: wait=0\r\n"))
    bought, _ = await answered(reader)
    writer.close()
    usual, *others = told
    assert usual[0].startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    for head, body in others:
        assert b"\r\nDate:" not in head, "it was not refused at the line"
        assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert (fields(head), body) == (fields(usual[0]), usual[1])
        assert b"\r\nX-Request-ID: mine\r\n" in head
    assert re.search(rb"\r\nX-Request-ID: [0-9a-f]{12}-[0-9a-f]+\r\n", unnamed)
    assert bought.startswith(b"HTTP/1.1 201 ")
    assert [status for _, status in gateway.metrics.requests].count(503) == 4


async def test_what_is_not_whole_or_more_than_one_is_refused_in_order(gateway: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    gateway.engine.full = True
    writer.write(request(b"X-Request-ID: n0\r\n"))
    await answered(reader)
    writer.write(b"".join(request(b"X-Request-ID: n%d\r\n" % number) for number in range(1, 6)))
    writer.write(b"GET /v1/products HTTP/1.1\r\nHost: g\r\nX-Request-ID: n6\r\n\r\n")
    names = [re.findall(rb"X-Request-ID: (\w+)", (await answered(reader))[0])[0] for _ in range(2)]
    assert names[0] == b"n1"
    writer.close()


async def test_a_refused_connection_stays_as_long_as_any_idle_one(open_gateway: Any) -> None:
    gateway = await open_gateway(times=Times(head=0.3, idle=0.8))
    gateway.engine.full = True
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    for _ in range(5):  # longer than `idle`, and longer than headers may take
        writer.write(request())
        await answered(reader)
        await asyncio.sleep(0.4)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_those_that_are_let_pass_are_counted_until_they_are_looked_at(gateway: Any) -> None:
    gateway.engine.hold = asyncio.Event()
    lines = [await asyncio.open_connection("127.0.0.1", gateway.ports[0]) for _ in range(4)]
    for reader, writer in lines:
        writer.write(b"GET /v1/products HTTP/1.1\r\nHost: g\r\n\r\n")
        await answered(reader)
    for _, writer in lines:
        writer.write(request())
    await asyncio.wait_for(gateway.engine.accepted.wait(), 5)
    lines[0][1].transport.abort()
    gateway.engine.hold.set()
    for reader, writer in lines[1:]:
        await answered(reader)
        writer.write(request())
        await answered(reader)
        writer.close()
    asked = gateway.engine.asked  # at the line, and then again at the gate
    assert max(asked) >= 2
    assert asked[-2:] == [0, 0]
