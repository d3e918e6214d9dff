"""Callers who shut their side when they have sent their request, as `nc` and simple programs of suppliers do."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import pytest

from gateway.http.times import Times

PRODUCTS = b"GET /v1/products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n"
BUY = (
    b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Type: application/json\r\n"
    b"Content-Length: 57\r\n\r\n"
    b'{"ref_id":"A-1","product":"XL5","dest":"081712345678"}   '
)


def statuses(answers: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)


async def test_who_shuts_its_side_gets_the_answer_and_then_the_end(gateway: Any, keys: dict[str, str]) -> None:
    for request, status in ((PRODUCTS, b"200"), (BUY, b"201")):
        answer = await gateway.raw(request % keys["shop"].encode(), eof=True)
        assert statuses(answer) == [status]
    assert statuses(await gateway.raw(b"GET /reports/open?m=a b HTTP/1.1\r\nHost: x\r\n\r\n", eof=True)) == [b"200"]


async def test_several_requests_before_the_end_are_all_answered(gateway: Any, keys: dict[str, str]) -> None:
    answers = await gateway.raw(PRODUCTS % keys["shop"].encode() * 3, eof=True)
    assert statuses(answers) == [b"200"] * 3
    assert b"Connection: close" not in answers.rpartition(b"HTTP/1.1 ")[0], "only the last answer may say so"


async def test_an_answer_that_takes_a_while_comes_too_and_says_that_it_is_the_last(
    gateway: Any, keys: dict[str, str]
) -> None:
    gateway.engine.hold = asyncio.Event()
    asking = asyncio.create_task(gateway.raw(BUY % keys["shop"].encode(), eof=True))
    await asyncio.wait_for(gateway.engine.accepted.wait(), 5)
    await asyncio.sleep(0.1)
    gateway.engine.hold.set()
    answer = await asking
    assert statuses(answer) == [b"201"]
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("cut", [b"", b"GET /v1/prod", b"GET /reports/open?m=a b", BUY[:-3]])
async def test_half_a_request_gets_no_answer_and_the_end_at_once(
    gateway: Any, keys: dict[str, str], cut: bytes
) -> None:
    sent = cut % keys["shop"].encode() if b"%b" in cut else cut
    began = time.monotonic()
    assert await gateway.raw(sent, eof=True) == b""
    assert time.monotonic() - began < 2
    await gateway.until(lambda: not gateway.connections)
    assert gateway.engine.reports == []


async def test_a_stream_ends_with_its_listener(gateway: Any, keys: dict[str, str]) -> None:
    request = b"GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n" % keys["shop"].encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    writer.write(request)
    await asyncio.wait_for(reader.readuntil(b"retry: 2000\n\n\r\n"), 5)
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 2) == b""
    writer.close()


async def test_who_hung_up_is_not_held_for_longer_than_an_answer_may_wait(
    open_gateway: Any, keys: dict[str, str]
) -> None:
    gateway = await open_gateway(times=Times(head=0.5, taking=0.3))
    gateway.engine.hold = asyncio.Event()
    assert await gateway.raw(BUY % keys["shop"].encode(), eof=True) == b""
    assert gateway.engine.accepted.is_set()
    gateway.engine.hold.set()
    await gateway.until(lambda: not gateway.connections)
    assert len(gateway.engine.ledger.rows) == 1, "the purchase itself was made"
