"""One corpus of raw bytes against both listeners: `checks.md` C22. And slow callers: C21."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import Any

import pytest

from gateway.http.times import Times

H = b"Host: x\r\nConnection: close\r\n"
KEY = b"Authorization: Bearer shop-key-0123456789\r\n"
JSON = b"Content-Type: application/json\r\n"
BUY = b"POST /v1/transactions HTTP/1.1\r\n" + H + KEY + JSON

CORPUS: dict[str, bytes] = {
    "nothing but line ends": b"\r\n" * 20,
    "NULs": b"\x00" * 64,
    "text": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x99" * 200,
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00",
    "HTTP/0.9": b"GET /v1/products\r\n\r\n",
    "HTTP/1.0 without Host": b"GET /v1/products HTTP/1.0\r\n\r\n",
    "HTTP/3.0": b"GET / HTTP/3.0\r\n" + H + b"\r\n",
    "HTTP/1.11": b"GET / HTTP/1.11\r\n" + H + b"\r\n",
    "no version": b"GET /\r\n" + H + b"\r\n",
    "no Host": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
    "odd Host": b"GET / HTTP/1.1\r\nHost: a b/\\@\r\nConnection: close\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\n" + H + b"\r\n",
    "unknown method": b"EXPLODE / HTTP/1.1\r\n" + H + b"\r\n",
    "long method": b"A" * 5000 + b" / HTTP/1.1\r\n" + H + b"\r\n",
    "CONNECT": b"CONNECT example.org:443 HTTP/1.1\r\n" + H + b"\r\n",
    "CONNECT nowhere": b"CONNECT / HTTP/1.1\r\n" + H + b"\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\n" + H + b"\r\n",
    "OPTIONS *": b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n",
    "GET *": b"GET * HTTP/1.1\r\n" + H + b"\r\n",
    "absolute target": b"GET http://evil/v1/products HTTP/1.1\r\n" + H + b"\r\n",
    "absolute target without host": b"GET http:// HTTP/1.1\r\n" + H + b"\r\n",
    "other scheme": b"GET file:///etc/passwd HTTP/1.1\r\n" + H + b"\r\n",
    "bad port": b"GET http://x:99999999/ HTTP/1.1\r\n" + H + b"\r\n",
    "broken IPv6": b"GET http://[::1/ HTTP/1.1\r\n" + H + b"\r\n",
    "no slash": b"GET v1/products HTTP/1.1\r\n" + H + b"\r\n",
    "empty target": b"GET  HTTP/1.1\r\n" + H + b"\r\n",
    "dots": b"GET /v1/../../../../etc/passwd HTTP/1.1\r\n" + H + b"\r\n",
    "encoded dots": b"GET /v1/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + H + KEY + b"\r\n",
    "double slash": b"GET //v1//products HTTP/1.1\r\n" + H + b"\r\n",
    "NUL in the path": b"GET /v1/\x00 HTTP/1.1\r\n" + H + b"\r\n",
    "encoded NUL": b"GET /v1/transactions/%00 HTTP/1.1\r\n" + H + KEY + b"\r\n",
    "broken percent": b"GET /v1/transactions/%zz%f HTTP/1.1\r\n" + H + KEY + b"\r\n",
    "broken UTF-8": b"GET /v1/transactions/%ff%fe HTTP/1.1\r\n" + H + KEY + b"\r\n",
    "surrogates": b"GET /v1/transactions/%ed%a0%80?ref_id=%ed%a0%80 HTTP/1.1\r\n" + H + KEY + b"\r\n",
    "surrogate ref": b"GET /v1/transactions?ref_id=%ed%a0%80%ff HTTP/1.1\r\n" + H + KEY + b"\r\n",
    "bytes above ASCII": b"GET /v1/\xff\xfe HTTP/1.1\r\n" + H + b"\r\n",
    "long target": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + H + b"\r\n",
    "long query": b"GET /v1/transactions?" + b"a=1&" * 20_000 + b" HTTP/1.1\r\n" + H + b"\r\n",
    "many parameters": b"GET /v1/transactions?" + b"&" * 2000 + b"a=1&" * 1000 + b" HTTP/1.1\r\n" + H + KEY + b"\r\n",
    "fragment": b"GET /v1/products#x?y HTTP/1.1\r\n" + H + KEY + b"\r\n",
    "long header": b"GET / HTTP/1.1\r\n" + H + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
    "long header name": b"GET / HTTP/1.1\r\n" + H + b"X" * 70_000 + b": a\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + H + b"X: a\r\n" * 5000 + b"\r\n",
    "header without colon": b"GET / HTTP/1.1\r\n" + H + b"nothing\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\n" + H + b"X : a\r\n\r\n",
    "empty header name": b"GET / HTTP/1.1\r\n" + H + b": a\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\n" + H + b"X: a\r\n b\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\n" + H + b"X: a\x00b\r\n\r\n",
    "bare CR": b"GET / HTTP/1.1\rHost: x\r\r",
    "bare LF": b"GET / HTTP/1.1\nHost: x\nConnection: close\n\n",
    "bytes in headers": b"GET /v1/products HTTP/1.1\r\n"
    + H
    + KEY
    + b"X-Request-ID: \xff\xfe\r\nX-Forwarded-For: \xff\r\n\r\n",
    "bytes in the key": b"GET /v1/products HTTP/1.1\r\n" + H + b"Authorization: Bearer \xc3\x28\r\n\r\n",
    "bytes in Prefer": BUY + b"Prefer: wait=\xff\r\nContent-Length: 2\r\n\r\n{}",
    "bytes in Content-Type": b"POST /v1/transactions HTTP/1.1\r\n"
    + H
    + KEY
    + b"Content-Type: \xff\r\nContent-Length: 2\r\n\r\n{}",
    "negative length": BUY + b"Content-Length: -1\r\n\r\n",
    "length in words": BUY + b"Content-Length: two\r\n\r\n{}",
    "length with plus": BUY + b"Content-Length: +2\r\n\r\n{}",
    "huge length": BUY + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "large length": BUY + b"Content-Length: 4611686018427387904\r\n\r\n{}",
    "two lengths": BUY + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and chunks": BUY + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": BUY + b"Transfer-Encoding: gzip\r\n\r\n{}",
    "coding twice": BUY + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "odd chunked": BUY + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunk size in words": BUY + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "negative chunk": BUY + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "huge chunk": BUY + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "chunk without end": BUY + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n",
    "long chunk extension": BUY + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 70_000 + b"\r\n{}\r\n0\r\n\r\n",
    "trailer": BUY + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n\r\n",
    "broken gzip": BUY + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "short body": BUY + b"Content-Length: 100\r\n\r\n{}",
    "no length": BUY + b"\r\n",
    "body on GET": b"GET /v1/products HTTP/1.1\r\n" + H + KEY + b"Content-Length: 5\r\n\r\nhello",
    "expects a miracle": BUY + b"Expect: a-miracle\r\nContent-Length: 2\r\n\r\n{}",
    "expects a miracle nowhere": b"GET /nowhere HTTP/1.1\r\n" + H + b"Expect: a-miracle\r\n\r\n",
    "expects 100": BUY + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    "upgrade": b"GET /v1/products HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\nhello",
    "h2c": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n\r\n",
    "old websocket": b"GET / HTTP/1.1\r\n" + H + b"Sec-WebSocket-Key1: 1\r\n\r\n",
    "smuggled": BUY + b"Content-Length: 4\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    "odd cookie": b"GET /v1/products HTTP/1.1\r\n" + H + KEY + b'Cookie: a="\\;;;=\xff\r\n\r\n',
    "odd range": b"GET /v1/products HTTP/1.1\r\n" + H + b"Range: bytes=-\r\nIf-Modified-Since: never\r\n\r\n",
    "report with NULs": b"GET /reports/open?m=\x00\x00 x HTTP/1.1\r\n" + H + b"\r\n",
    "report that never ends": b"GET /reports/open?m=" + b"a b" * 3000,
    "report without version": b"GET /reports/open?m=a b\r\n" + H + b"\r\n",
    "report with a bad body": b"POST /reports/open HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "admin resolve": b"POST /admin/transactions/1/resolve HTTP/1.1\r\n" + H + JSON + b"Content-Length: 1\r\n\r\n{",
    "admin id": b"GET /admin/transactions/%ff HTTP/1.1\r\n" + H + b"\r\n",
    "admin list": b"GET /admin/transactions?ref_id=%ff&client=%00 HTTP/1.1\r\n" + H + b"\r\n",
    "admin provider": b"POST /admin/providers/%00%ff/pause HTTP/1.1\r\n" + H + JSON + b"Content-Length: 2\r\n\r\n{}",
}

_STATUS = re.compile(rb"^HTTP/\d\.\d (\d{3}) ", re.MULTILINE)
_TELLS_TOO_MUCH = re.compile(rb"Traceback|File \"|aiohttp|Python/|llhttp|shop-key|Error:|0x[0-9a-f]{6}")


@pytest.mark.parametrize("listener", ["api", "admin"])
@pytest.mark.parametrize("name", CORPUS)
async def test_malformed_requests_get_4xx_or_are_cut_and_are_told_nothing(
    open_gateway: Any, caplog: pytest.LogCaptureFixture, name: str, listener: str
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = await open_gateway(times=Times(head=0.3, body=0.3, idle=1.0, linger=0.1))
    port = gateway.ports[0 if listener == "api" else 1]
    answer = await gateway.raw(CORPUS[name], port=port)
    statuses = [int(one) for one in _STATUS.findall(answer)]
    assert all(status < 500 for status in statuses), answer
    assert not _TELLS_TOO_MUCH.search(answer), answer
    for status, head in zip(statuses, _heads(answer), strict=True):
        if status >= 200:
            assert b"x-request-id: " in head.lower(), head
        if status >= 400:
            assert b"application/problem+json" in head, head
    written = "\n".join(record.getMessage() + (record.exc_text or "") for record in caplog.records)
    assert "shop-key" not in written
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR], written
    good = b"GET /healthz HTTP/1.1\r\n" if listener == "admin" else b"GET /v1/products HTTP/1.1\r\n"
    assert (await gateway.raw(good + H + KEY + b"\r\n", port=port)).startswith(b"HTTP/1.1 200 "), "others are served"


def _heads(answer: bytes) -> list[bytes]:
    return [
        part.partition(b"\r\n\r\n")[0]
        for part in re.split(rb"(?=^HTTP/\d\.\d \d{3} )", answer, flags=re.MULTILINE)
        if part
    ]


async def test_headers_that_do_not_arrive_are_cut(open_gateway: Any) -> None:
    gateway = await open_gateway(times=Times(head=0.4))
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    writer.write(b"GET /v1/products HTTP/1.1\r\n")
    dripping = asyncio.create_task(_drip(writer, b"X-A: b\r\n"))
    assert await asyncio.wait_for(_rest(reader), 5) == b""
    assert time.monotonic() - began < 1.5
    dripping.cancel()
    writer.close()


async def test_a_connection_that_says_nothing_is_cut(open_gateway: Any) -> None:
    gateway = await open_gateway(times=Times(head=0.3))
    assert await gateway.raw(b"") == b""


async def test_headers_of_a_later_request_are_cut_too(open_gateway: Any, keys: dict[str, str]) -> None:
    gateway = await open_gateway(times=Times(head=0.3, idle=60.0))
    request = b"GET /v1/products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n" % keys["shop"].encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    writer.write(request)
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.write(b"GET /v1/prod")
    await asyncio.wait_for(_rest(reader), 5)
    writer.close()


async def test_an_idle_connection_stays_open_longer_than_headers_may_take(
    open_gateway: Any, keys: dict[str, str]
) -> None:
    gateway = await open_gateway(times=Times(head=0.2, idle=60.0))
    request = b"GET /v1/products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n" % keys["shop"].encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    writer.write(request + b"\r\n")
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    await asyncio.sleep(0.8)
    writer.write(request + b"Connection: close\r\n\r\n")
    assert b"HTTP/1.1 200 OK" in await asyncio.wait_for(_rest(reader), 5)
    writer.close()


async def test_a_long_answer_is_not_taken_for_slow_headers(open_gateway: Any) -> None:
    gateway = await open_gateway(times=Times(head=0.2))
    gateway.engine.hold = asyncio.Event()
    asking = asyncio.create_task(gateway.buy())
    await asyncio.wait_for(gateway.engine.accepted.wait(), 5)
    await asyncio.sleep(0.6)
    gateway.engine.hold.set()
    assert (await asyncio.wait_for(asking, 5)).status == 201


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unknown method", "the method is not known"),
        ("TLS", "this is TLS"),
        ("long target", "more than 8190 bytes"),
        ("long header", "more than 8190 bytes"),
        ("bare LF", "the request line is not"),
        ("HTTP/1.11", "the request line is not"),
        ("no Host", "one Host"),
        ("two Hosts", "one Host"),
        ("two lengths", "one Content-Length"),
        ("many headers", "64 headers at most"),
        ("chunk size in words", "the chunks of the body"),
    ],
)
async def test_what_cannot_be_parsed_is_told_what_is_wrong(gateway: Any, name: str, words: str) -> None:
    answer = await gateway.raw(CORPUS[name])
    assert b'"code":"bad_request"' in answer
    assert words.encode() in answer


@pytest.mark.parametrize("path", ["/v1/transactions", "/reports/open"])
async def test_a_body_that_stalls_is_408_and_cut(open_gateway: Any, path: str) -> None:
    gateway = await open_gateway(times=Times(body=0.3, linger=0.2))
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    writer.write(b"POST %b HTTP/1.1\r\nHost: x\r\n" % path.encode() + KEY + JSON + b"Content-Length: 1000\r\n\r\n{")
    dripping = asyncio.create_task(_drip(writer, b" "))
    answer = await asyncio.wait_for(_rest(reader), 5)
    assert time.monotonic() - began < 2
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"request_timeout"' in answer
    assert gateway.engine.reports == []
    dripping.cancel()
    writer.close()


async def test_a_body_behind_a_refusal_is_not_waited_for(open_gateway: Any) -> None:
    gateway = await open_gateway(times=Times(body=60.0, linger=0.2))
    answer = await gateway.raw(
        b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\n" + JSON + b"Content-Length: 1000\r\n\r\n{"
    )
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nConnection: close\r\n" in answer


async def test_a_body_that_does_not_end_is_413_at_the_limit(open_gateway: Any) -> None:
    gateway = await open_gateway(times=Times(body=60.0, linger=0.2))
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    writer.write(b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\n" + KEY + JSON + b"Transfer-Encoding: chunked\r\n\r\n")
    dripping = asyncio.create_task(_drip(writer, b"3e8\r\n" + b" " * 1000 + b"\r\n"))
    answer = await asyncio.wait_for(_rest(reader), 5)
    assert answer.startswith(b"HTTP/1.1 413 ")
    dripping.cancel()
    writer.close()


async def test_the_times_in_force_keep_the_promise() -> None:
    times = Times()
    assert times.head + 1 <= 10, "partial headers closed within 10 s; the round adds up to one"
    assert times.body + times.linger <= 15, "stalled bodies within 15 s"


async def _drip(writer: asyncio.StreamWriter, drop: bytes) -> None:
    while True:
        writer.write(drop)
        await asyncio.sleep(0.05)


async def _rest(reader: asyncio.StreamReader) -> bytes:
    collected = b""
    try:
        while chunk := await reader.read(65_536):
            collected += chunk
    except ConnectionError:
        pass
    return collected
