"""Receivers over real sockets, and what is sent to them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.core.transaction import Notification
from gateway.settings.types import Webhook, parse_network

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SECRET = "whsec_" + "Q2FuYXJ5LXNlY3JldC1vZi0zMi1ieXRlcy1sb25nISE="


@dataclass
class Got:
    """One request as the receiver saw it."""

    head: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Receiver:
    """A receiver on raw sockets, which answers as a test says and can die and come back on the same port."""

    answer: bytes | Callable[[Got], bytes | None] = b"HTTP/1.1 204 No Content\r\n\r\n"
    """`None`: say nothing, and hold the line."""
    got: list[Got] = field(default_factory=list)
    afterwards: bytes = b""
    """Said a moment after each answer, unasked."""
    spoken: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    tls: ssl.SSLContext | None = None
    handshakes: int = 0
    """With TLS: how often somebody began one, whatever became of it."""
    written: int = 0
    """Bytes of answers that left it."""
    port: int = 0
    more: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        where = f"http://127.0.0.1:{self.port}" if self.tls is None else f"https://localhost:{self.port}"
        return f"{where}/hooks/pulsa?tenant=1"

    async def start(self) -> None:
        if self.tls is not None:
            self.tls.sni_callback = self._begun
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    def _begun(self, *_: Any) -> None:
        self.handshakes += 1

    async def die(self) -> None:
        """Refuse connections from now on, and cut those that are there."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until(self, count: int) -> None:
        """Return when so many requests have come."""
        async with asyncio.timeout(10):
            while len(self.got) < count:
                self.more.clear()
                await self.more.wait()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.rstrip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                got = Got(first, headers, body, asyncio.get_running_loop().time())
                answer = self.answer if isinstance(self.answer, bytes) else self.answer(got)
                self.got.append(got)
                self.more.set()
                if answer is None:
                    await reader.read()
                    return
                for start in range(0, len(answer), 16_384):
                    writer.write(answer[start : start + 16_384])
                    await writer.drain()
                    self.written += min(16_384, len(answer) - start)
                if self.afterwards:
                    await asyncio.sleep(0.05)
                    writer.write(self.afterwards)
                    await writer.drain()
                    self.spoken.set()
                if b"close" in answer[:200]:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._open.discard(writer)
            writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = Receiver()
    await one.start()
    yield one
    await one.die()


@pytest.fixture
async def make_receiver() -> AsyncIterator[Callable[..., Awaitable[Receiver]]]:
    made: list[Receiver] = []

    async def make(**options: Any) -> Receiver:
        one = Receiver(**options)
        await one.start()
        made.append(one)
        return one

    yield make
    for one in made:
        await one.die()


@pytest.fixture
def secret() -> str:
    return SECRET


@pytest.fixture
def webhook() -> Callable[..., Webhook]:
    """A client's webhook; on this machine, unless told otherwise."""

    def make(url: str, *secrets: str, allow: tuple[str, ...] = ("127.0.0.0/8",)) -> Webhook:
        return Webhook(
            url=url,
            secret=tuple(SecretStr(one) for one in secrets) or SecretStr(SECRET),
            allow_networks=tuple(parse_network(one) for one in allow),
        )

    return make


@pytest.fixture
def notification() -> Callable[..., Notification]:
    def make(number: int = 1, client: str = "shop") -> Notification:
        transaction = f"{number:018d}"
        body = (
            f'{{"type":"transaction.success","timestamp":"2026-11-24T03:00:00+00:00","data":{{"id":"{transaction}"}}}}'
        )
        return Notification(id=f"msg_{transaction}_success", client=client, event="transaction.success", body=body)

    return make
