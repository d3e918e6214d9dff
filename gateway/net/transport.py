"""The transport: it sends a call once, and says truthfully what came of it and whether it may have left.

aiohttp by itself sends a GET, PUT or DELETE a second time when the connection drops, and follows redirects. Every one
of these further passes runs through the middlewares again, so `_Passage` lets the first through and stops the second.
The send line is crossed where the pool hands over a ready connection (`_Pool.connect`): everything up to there is
name lookup, TCP, TLS, the proxy's CONNECT and waiting for a free slot; behind it the request's first byte follows.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ClientResponse
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from gateway.net.body import ACCEPT_ENCODING, Body
from gateway.net.failure import WORDS, Failure, MalformedError, before_line, behind_line, cause
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

_NOT_ASKED_FOR: Final = 101


@dataclass(frozen=True, slots=True, kw_only=True)
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


class _SecondPassError(Exception):
    """aiohttp wanted to send again."""


class _Passage:
    """One call on its way: the one pass that it has, the line that it crosses, and the time that it is given."""

    __slots__ = ("_answer", "_passed", "connecting", "deadline", "error", "left", "protocol", "response", "transport")

    def __init__(self, deadline: asyncio.Timeout, answer: float) -> None:
        self._answer = answer
        self.deadline = deadline
        self._passed = False
        self.connecting = False
        self.left = False
        self.error: Exception | None = None
        self.protocol: ResponseHandler | None = None
        self.transport: asyncio.Transport | None = None
        self.response: ClientResponse | None = None

    async def __call__(self, request: ClientRequest, handler: aiohttp.ClientHandlerType) -> ClientResponse:
        if self._passed:
            raise _SecondPassError
        self._passed = True
        try:
            return await handler(request)
        except Exception as error:
            self.error = error
            raise

    def cross(self, connection: Connection) -> None:
        """The connection is ready: from here on the request counts as gone, and the time for the answer runs."""
        self.deadline.reschedule(asyncio.get_running_loop().time() + self._answer)
        self.protocol = connection.protocol
        self.transport = connection.transport
        self.left = True

    def cut(self) -> None:
        """Close the connection at once: what is still in its buffer must not leave after the call was given up."""
        if self.transport is not None:
            self.transport.abort()
        if self.response is not None:
            self.response.close()

    def ended(self) -> None:
        """Raise the error that ended the connection, if one did: where only its end ends the body, a reset is none."""
        error = None if self.protocol is None else self.protocol.exception()
        if isinstance(error, OSError):
            raise error


_PASSAGE: ContextVar[_Passage] = ContextVar("passage")


class _Pool(aiohttp.TCPConnector):
    """The account's connections. It tells the passage where it stands."""

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:  # noqa: ASYNC109 - aiohttp's signature
        """A ready connection on which nobody has spoken yet.

        An idle connection that already holds bytes is not used: they would be taken for the answer to a purchase that
        was not even sent.
        """
        passage = _PASSAGE.get()
        for _ in range(self.limit + 1):
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol is not None and not protocol.should_close:
                passage.cross(connection)
                return connection
            connection.close()
        raise aiohttp.ClientConnectionError("every connection held bytes that nobody asked for")

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> ResponseHandler:
        _PASSAGE.get().connecting = True
        return await super()._create_connection(req, traces, timeout)


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
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Make the pool. No connection is opened yet."""
        if self._session is not None:
            return
        pool = _Pool(
            limit=self._settings.limits.in_flight,
            ssl=self._tls or True,
            resolver=aiohttp.ThreadedResolver(),
            **({"keepalive_timeout": IDLE} if self._keep_alive else {"force_close": True}),
        )
        self._session = aiohttp.ClientSession(
            connector=pool,
            # aiohttp rounds long time-outs up to whole seconds; ours are meant as they stand.
            timeout=aiohttp.ClientTimeout(
                total=None, connect=self._settings.timeouts.connect, ceil_threshold=float("inf")
            ),
            headers={"User-Agent": "pulsa-gateway", "Accept-Encoding": ACCEPT_ENCODING},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            proxy=self._settings.proxy,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )

    async def close(self) -> None:
        """Close every connection. A call that is under way fails; a second close does nothing."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, call: Call) -> Sent:
        """Send `call` once and wait for its answer, for `timeouts.connect` and then `timeouts.answer` at most.

        Never raises for what the network or the supplier does. A redirect is an answer like any other. A caller that
        is cancelled closes the connection.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        session = self._session
        if session is None:
            return Sent(failure=Failure.NO_CONNECTION, left=False, detail="the transport is closed", duration=0.0)
        if (mistake := mistake_in(call)) is not None:
            return Sent(failure=Failure.INVALID_CALL, left=False, detail=mistake, duration=0.0)
        deadline = asyncio.timeout(None)  # set when the line is crossed
        passage = _Passage(deadline, self._answer)
        token = _PASSAGE.set(passage)
        try:
            async with deadline:
                response = await session.request(
                    call.method,
                    URL(call.url, encoded=True),
                    headers=call.headers,
                    data=call.body,
                    allow_redirects=False,
                    middlewares=(passage,),
                )
                passage.response = response
                reply = await self._read(response, passage)
        except Exception as error:
            passage.cut()
            return self._failed(error, passage, loop.time() - began)
        except BaseException:
            passage.cut()
            raise
        finally:
            _PASSAGE.reset(token)
            passage.error = None  # it holds this frame, which holds the passage
        return Sent(reply=reply, left=True, duration=loop.time() - began)

    async def _read(self, response: ClientResponse, passage: _Passage) -> Reply:
        if response.status == _NOT_ASKED_FOR:
            raise MalformedError("another protocol was not asked for")
        headers = {
            name.lower(): value if value.isascii() else _clean(value) for name, value in response.headers.items()
        }
        content = response.content
        body: Body | None = None
        while piece := await content.readany():
            if body is None:
                body = Body(headers.get("content-encoding", ""), self._max_body)
            body.feed(piece)
        if body is None:
            return Reply(status=response.status, headers=headers, body=b"")
        if "content-length" not in headers and "transfer-encoding" not in headers:
            passage.ended()
        return Reply(status=response.status, headers=headers, body=body.done())

    def _failed(self, error: Exception, passage: _Passage, duration: float) -> Sent:
        if isinstance(error, _SecondPassError) and passage.error is not None:
            error = passage.error
        left = passage.left
        if not left:
            failure = before_line(error, connecting=passage.connecting, proxied=self._settings.proxy is not None)
        elif passage.deadline.expired():
            failure = Failure.ANSWER_TIMEOUT
        else:
            failure = behind_line(error)
        detail = self._redactor.text(f"{WORDS[failure]} ({cause(error)})")
        return Sent(failure=failure, left=left, detail=detail, duration=duration)


def _clean(value: str) -> str:
    """A header's value without the stand-ins for bytes that are no UTF-8: nothing that stores text takes those."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
