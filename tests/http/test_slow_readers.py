"""Those who ask and do not take their answers are cut, and what waits for them stays small."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from gateway.http.streams import PIECE, Stream, Told
from gateway.http.times import Times

ASK = b"GET /openapi.json HTTP/1.1\r\nHost: g\r\n\r\n"
MANY = 400
"""Answers that no buffer of a line holds together."""


async def asked(port: int, times: int) -> socket.socket:
    """A connection that asks and takes nothing, and whose buffer is small."""
    loop = asyncio.get_running_loop()
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.setblocking(False)
    await loop.sock_connect(line, ("127.0.0.1", port))
    await loop.sock_sendall(line, ASK * times)
    return line


async def taken(line: socket.socket, within: float) -> tuple[int, bool]:
    """How many bytes come, and whether the connection ended."""
    loop = asyncio.get_running_loop()
    size = 0
    try:
        async with asyncio.timeout(within):
            while data := await loop.sock_recv(line, 65_536):
                size += len(data)
    except ConnectionError:
        return size, True
    except TimeoutError:
        return size, False
    return size, True


async def test_who_takes_no_answer_is_cut(open_gateway: Any) -> None:
    gateway = await open_gateway(times=Times(head=1.0, taking=0.5))
    one = len(await gateway.raw(ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
    line = await asked(gateway.ports[0], MANY)
    try:
        await asyncio.sleep(1.5)
        size, ended = await taken(line, 5)
        assert ended
        assert size < MANY * one / 2
    finally:
        line.close()
    assert (await gateway.buy()).status == 201


async def test_who_takes_them_late_but_in_time_gets_all(open_gateway: Any) -> None:
    gateway = await open_gateway(times=Times(head=1.0, taking=5.0))
    one = len(await gateway.raw(ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
    line = await asked(gateway.ports[0], MANY)
    try:
        await asyncio.sleep(1.5)
        size, _ = await taken(line, 5)
        assert size >= MANY * (one - 200)
    finally:
        line.close()


async def test_one_piece_of_a_stream_is_small_and_nothing_is_lost() -> None:
    stream = Stream(lambda: None, lambda _: True)
    for number in range(100):
        stream.put(Told((2 * number + 1, 2 * number + 2), (b"x" * 10_000, b"y" * 10_000)))
    after, sizes, text = 0, [], b""
    while after < 200:
        following = await stream.next(after)
        assert following is not None
        piece, after = following
        sizes.append(len(piece))
        text += piece
    assert max(sizes) < PIECE + 20_000
    assert text == (b"x" * 10_000 + b"y" * 10_000) * 100
    stream.put(Told((201,), (b"z",)))
    assert await stream.next(after) == (b"z", 201)
