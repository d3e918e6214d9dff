"""The transport: it sends a call once, and says truthfully what came of it and whether it may have left.

The send line is crossed where the pool hands over a ready connection: everything up to there is name lookup, TCP, TLS,
the proxy's CONNECT and waiting for a free slot; behind it the whole request is written, in one piece and once.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import field
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import StreamReader

from gateway.core.value import value
from gateway.net.body import Body
from gateway.net.failure import OUT_OF_SOCKETS, WORDS, Failure, MalformedError, before_line, behind_line, cause
from gateway.net.pool import CONNECTING, Origin, Origins, Pool
from gateway.net.redaction import Redactor, secrets_of
from gateway.net.wire import mistake_in
from gateway.provider import Call, Reply
from gateway.settings.types import ProviderSettings

__all__ = ["Failure", "Sent", "Transport"]

IDLE: Final = 4.0
"""Seconds for which an unused connection is kept. Shorter than the five after which Apache and Node close: a purchase
that meets a closing connection may have left, and nobody can tell."""

MAX_HEADERS: Final = 64
MAX_HEADER_BYTES: Final = 8190
"""Of one header, and of the status line."""

MAX_INTERIM: Final = 100
"""Interim answers (1xx) before the final one. Each costs little, but read as fast as they can come they would hold
everybody up for as long as an answer may take."""

_NOT_ASKED_FOR: Final = 101
_SHORTAGE: Final = 0.1
"""Seconds until a connection is tried again after this process could open no more files."""


@value(kw_only=True)
class Sent:
    """What came of one call: either `reply` or `failure`."""

    reply: Reply | None = field(default=None, repr=False)
    """The whole answer, unpacked and within the limit."""
    failure: Failure | None = None
    left: bool
    """Whether the request may have left this machine. False is certain; true is not."""
    detail: str = ""
    """One line for people, without secrets."""
    duration: float
    """Seconds, by the monotonic clock."""


class _Passage:
    """One call behind the send line: its connection, and the time that its answer has."""

    __slots__ = ("_connection", "_timer", "expired", "protocol")

    def __init__(self, connection: Connection, protocol: ResponseHandler, answer: float) -> None:
        self._connection = connection
        self.protocol = protocol
        self.expired = False
        self._timer = asyncio.get_running_loop().call_later(answer, self._expire)

    def _expire(self) -> None:
        self.expired = True
        self._cut()

    def _cut(self) -> None:
        """Close the connection at once: what is still in its buffer must not leave after the call was given up.

        Whoever reads from it is woken by its end.
        """
        transport = self.protocol.transport
        if transport is not None:
            transport.abort()

    def give_up(self) -> None:
        """The call is over without an answer."""
        self._timer.cancel()
        self._cut()
        self._connection.close()

    def done(self) -> None:
        """The answer is whole; the connection may serve the next call."""
        self._timer.cancel()
        transport = self.protocol.transport
        if transport is not None and transport.get_write_buffer_size():
            transport.abort()  # answered before it was read to its end: the rest belongs to no other call
        self._connection.release()

    def check_end(self, *, framed: bool) -> None:
        """Raise what makes a body that seems whole none: our own cut, and, where only the connection's end ends a
        body (it is not `framed`), the error that ended the connection."""
        if self.expired:
            raise TimeoutError
        error = None if framed else self.protocol.exception()
        if isinstance(error, OSError):
            raise error


class Transport:
    """One account's way out: its own pool, time-outs and proxy.

    Args:
        settings: the account. `limits.in_flight` is the size of the pool.
        secrets: further strings that must not show in `Sent.detail`; those of `settings` are known.
        max_body: bytes that an answer's unpacked body may have.
        keep_alive: whether connections are used again.
        tls: whom to trust; left out, the system's certificate authorities.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        secrets: Sequence[str] = (),
        max_body: int = 65_536,
        keep_alive: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._answer = settings.timeouts.answer
        self._max_body = max_body
        self._keep_alive = keep_alive
        self._tls = tls
        self._redactor = Redactor((*secrets_of(settings), *secrets))
        self._origins = Origins(settings.proxy, keep_alive=keep_alive)
        # aiohttp rounds long time-outs up to whole seconds; ours are meant as they stand.
        self._connect = aiohttp.ClientTimeout(
            total=None, connect=settings.timeouts.connect, ceil_threshold=float("inf")
        )
        self._pool: Pool | None = None

    async def start(self) -> None:
        """Make the pool. No connection is opened yet."""
        if self._pool is None:
            self._pool = Pool(
                limit=self._settings.limits.in_flight,
                ssl=self._tls or True,
                resolver=aiohttp.ThreadedResolver(),
                **({"keepalive_timeout": IDLE} if self._keep_alive else {"force_close": True}),
            )

    async def close(self) -> None:
        """Close every connection. A call that is under way fails; a second close does nothing."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def send(self, call: Call) -> Sent:
        """Send `call` once and wait for its answer, for `timeouts.connect` and then `timeouts.answer` at most.

        Never raises for what the network or the supplier does. A redirect is an answer like any other. A caller that
        is cancelled closes the connection.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        pool = self._pool
        if pool is None:
            return Sent(failure=Failure.NO_CONNECTION, left=False, detail="the transport is closed", duration=0.0)
        if (mistake := mistake_in(call)) is not None:
            return Sent(failure=Failure.INVALID_CALL, left=False, detail=mistake, duration=0.0)
        connecting: list[bool] = []
        CONNECTING.set(connecting)
        try:
            origin, target = self._origins.of(call.url)
            connection = await self._connected(pool, origin, began + self._settings.timeouts.connect)
        except Exception as error:
            failure = before_line(error, connecting=bool(connecting), proxied=self._settings.proxy is not None)
            return self._failed(failure, error, loop.time() - began, left=False)
        protocol = connection.protocol
        assert protocol is not None  # noqa: S101 — `ready` has looked
        passage = _Passage(connection, protocol, self._answer)
        try:
            message, content = await self._exchange(protocol, call, origin.message(call, target))
            reply = await self._read(message, content, passage)
        except Exception as error:
            passage.give_up()
            failure = Failure.ANSWER_TIMEOUT if passage.expired else behind_line(error)
            return self._failed(failure, error, loop.time() - began, left=True)
        except BaseException:
            passage.give_up()
            raise
        passage.done()
        return Sent(reply=reply, left=True, duration=loop.time() - began)

    async def _connected(self, pool: Pool, origin: Origin, until: float) -> Connection:
        """A connection. That this process may open no more files for a while is not the supplier's doing nor the
        purchase's, and nothing has left yet: it is waited out as long as connecting may take."""
        while True:
            try:
                return await pool.ready(origin, self._connect)
            except TimeoutError as error:
                raise aiohttp.ConnectionTimeoutError from error
            except aiohttp.ClientConnectorError as error:
                short = error.os_error.errno in OUT_OF_SOCKETS
                if not short or asyncio.get_running_loop().time() + _SHORTAGE > until:
                    raise
            await asyncio.sleep(_SHORTAGE)

    async def _exchange(
        self, protocol: ResponseHandler, call: Call, message: bytes
    ) -> tuple[RawResponseMessage, StreamReader]:
        """Write the request and read the head of its answer."""
        protocol.set_response_params(
            skip_payload=call.method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )
        transport = protocol.transport
        if transport is None:
            raise aiohttp.ServerDisconnectedError
        transport.write(message)
        for _ in range(MAX_INTERIM + 1):
            head, content = await protocol.read()
            if head.code < 100 or head.code > 199 or head.code == _NOT_ASKED_FOR:
                return head, content
        raise MalformedError("interim answers without end")

    async def _read(self, message: RawResponseMessage, content: StreamReader, passage: _Passage) -> Reply:
        if message.code == _NOT_ASKED_FOR:
            raise MalformedError("another protocol was not asked for")
        headers = {name.lower(): value if value.isascii() else _clean(value) for name, value in message.headers.items()}
        body: Body | None = None
        while piece := await content.readany():
            if body is None:
                body = Body(headers.get("content-encoding", ""), self._max_body)
            body.feed(piece)
        passage.check_end(framed="content-length" in headers or message.chunked)
        return Reply(status=message.code, headers=headers, body=b"" if body is None else body.done())

    def _failed(self, failure: Failure, error: Exception, duration: float, *, left: bool) -> Sent:
        detail = self._redactor.text(f"{WORDS[failure]} ({cause(error)})")
        return Sent(failure=failure, left=left, detail=detail, duration=duration)


def _clean(value: str) -> str:
    """A header's value without the stand-ins for bytes that are no UTF-8: nothing that stores text takes those."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
