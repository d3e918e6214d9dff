"""One connection of a caller: what aiohttp's own server leaves open.

- Headers that arrive drop by drop are cut. aiohttp knows one time-out for that and for idle connections; a short one
  would close connections under clients that are about to use them again.
- So are those who do not take their answers: aiohttp would hold them, and the answers, for as long as they like.
- What cannot be parsed is answered as a problem, and neither the answer nor the log repeats it: headers carry keys.
- The connections at a listener have a limit, so that the last file is never a caller's. Near it connections are closed
  after their answer, so that whoever keeps one idle gives room; above it callers are told 503 and turned away.
- While more purchases arrive than can be carried, they are refused before aiohttp reads them; see `shedding`.
- Whoever has sent a whole request and then shuts its side, as simple programs do, gets the answer all the same.
- Suppliers send reports unencoded. A request line of the reports' door with spaces or bytes above ASCII would be
  refused by the parser and the report lost; it is encoded for the parser, and `raw_target` gives it as it came.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import sys
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from gateway.core.descriptors import AT_A_TIME
from gateway.http.engine_protocol import Metrics
from gateway.http.headers import dress
from gateway.http.problems import ProblemError, from_http_exception
from gateway.http.request_id import request_id
from gateway.http.routes import UNREADABLE
from gateway.http.shedding import Shedder
from gateway.http.times import Times
from gateway.http.unparsed import LONGEST_LINE, MOST_HEADERS, what_is_wrong

log = logging.getLogger("gateway.http")

_DOORS = (b"GET /reports/", b"POST /reports/")
_QUEUE = 1024
"""Connections that may wait for being taken."""
_CROWDED = 0.75
"""Of the most connections: from there on they are closed after their answer."""
_SAY_AGAIN = 60.0
"""Seconds between two lines of the log about callers that were turned away."""
_REQUEST_LINE = re.compile(rb"(GET|POST) (/[^\r\n]*) (HTTP/1\.[01])(\r?)\n")
_REFUSED_BY_THE_PARSER = re.compile(rb"[\x00-\x20\x7f-\xff]")
_TARGET = web.RequestKey("raw_target", str)


def raw_target(request: web.Request) -> str:
    """The request target as it came over the line; bytes that are not UTF-8 as surrogates."""
    kept = request.get(_TARGET)
    return request.raw_path if kept is None else kept


def mended(request: web.Request) -> bool:
    """Whether the request line had to be encoded. The answer must then close the connection: see `Connection`."""
    return _TARGET in request


def _may_be_a_report(data: bytes) -> bool:
    """Whether a request line that begins so is one of the reports' door, or may become one: some send it in words."""
    return data.startswith(_DOORS) or any(door.startswith(data) for door in _DOORS)


def encode_line(data: bytes) -> tuple[bytes, str] | None:
    """A request whose line the parser would refuse, mended, and the target as it was; `None` where nothing is wrong.

    Only the target is touched, so where the message begins and ends stays what it was.
    """
    match = _REQUEST_LINE.match(data)
    if match is None or _REFUSED_BY_THE_PARSER.search(match[2]) is None:
        return None
    target = _REFUSED_BY_THE_PARSER.sub(lambda found: b"%%%02X" % found[0][0], match[2])
    line = b"%b %b %b%b\n" % (match[1], target, match[3], match[4])
    return line + data[match.end() :], match[2].decode("utf-8", "surrogateescape")


class Connection(web.RequestHandler):
    """aiohttp's connection with what is said above."""

    __slots__ = (
        "_asked",
        "_coming",
        "_ended_at",
        "_fresh",
        "_held",
        "_listener",
        "_metrics",
        "_now",
        "_original",
        "_shedder",
        "_stuck_since",
        "_waiting_since",
        "_working",
    )

    def __init__(self, server: Listener, *, metrics: Metrics, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(server, loop=loop, **options)
        self._listener = server
        self._metrics = metrics
        self._now = loop.time
        self._shedder = server.shedder
        self._asked: web.BaseRequest | None = None
        self._coming = False
        self._ended_at: float | None = None
        self._fresh = True
        self._held = b""
        self._original: str | None = None
        self._working = False
        self._stuck_since: float | None = None
        self._waiting_since: float | None = loop.time()

    def data_received(self, data: bytes) -> None:
        if self._fresh:
            data = self._first(data)
            if not data:
                return
        elif data and not self._working and self._waiting_since is None:
            if self._shedder is not None and self._shedder.begins(data) and self._shed(data, self._shedder):
                return
            self._waiting_since = self._now()
        super().data_received(data)

    def _shed(self, data: bytes, shedder: Shedder) -> bool:
        """Refuse it here, where it is too much and nothing else is under way on this connection."""
        waits = self._waiter is not None and not self._waiter.done() and not self._messages
        if not waits or self._listener.crowded or self.transport is None or self._keepalive_timeout is None:
            return False
        answer = shedder.answer(data)
        if answer is None:
            self._coming = True
            shedder.coming += 1
            return False
        self._next_keepalive_close_time = self._now() + self._keepalive_timeout
        self.transport.write(answer)
        return True

    def came(self) -> None:
        """The request that was let pass is looked at now, or never will be."""
        if self._coming and self._shedder is not None:
            self._coming = False
            self._shedder.coming -= 1

    def connection_lost(self, exc: BaseException | None) -> None:
        self.came()
        self._asked = None
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp's says nothing, which is `False` to asyncio
        """The caller has nothing more to say. Whether the connection stays, for the answers that are still to come.

        Whoever hangs up looks just the same, so it does not stay for one who only listens (a stream), or where
        connections are scarce. Nothing is lost by that: what has arrived whole is carried out.
        """
        if self._listener.crowded or not self._owes_an_answer():
            return False
        self._ended_at = self._now()
        return True

    def _owes_an_answer(self) -> bool:
        """Whether a request has arrived whole, and none of its answer is written."""
        if self._messages:
            return self._messages[-1][1].is_eof()
        asked = self._asked
        return asked is not None and asked.content.is_eof() and asked.writer.output_size == 0

    def answer_overdue(self, now: float, seconds: float) -> bool:
        """Whether a caller who shut its side has been waiting for longer than `seconds`."""
        return self._ended_at is not None and now - self._ended_at > seconds

    def _first(self, data: bytes) -> bytes:
        """The first bytes of the connection, mended where that is needed; empty while the line is incomplete.

        Only there: later bytes may be part of a body, and to change the length of a body would move the end of the
        message. An answer to a mended request closes the connection, so the next report is the first on its own.
        """
        data = self._held + data
        if b"\n" not in data and len(data) <= LONGEST_LINE and _may_be_a_report(data):
            self._held = data
            return b""
        self._held = b""
        self._fresh = False
        if data.startswith(_DOORS) and (encoded := encode_line(data)) is not None:
            data, self._original = encoded
        return data

    def began(self, request: web.BaseRequest) -> None:
        """The headers of a request are complete."""
        self._working = True
        self._asked = request
        self._waiting_since = None
        if self._original is not None:
            request[_TARGET] = self._original
            self._original = None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        self._working = False
        self._asked = None
        if self._listener.crowded or (self._ended_at is not None and not self._messages):
            resp.force_close()
        return await super().finish_response(request, resp, start_time)

    def head_overdue(self, now: float, seconds: float) -> bool:
        """Whether the headers of a request have been on their way for longer than `seconds`."""
        return self._waiting_since is not None and now - self._waiting_since > seconds

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck_since = self._now()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stuck_since = None

    def stuck(self, now: float, seconds: float) -> bool:
        """Whether an answer has been waiting to be taken for longer than `seconds`."""
        return self._stuck_since is not None and now - self._stuck_since > seconds

    def abort(self) -> None:
        """End it at once; what was not taken is lost."""
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not even be parsed. `exc` and `message` hold what was sent, so they go nowhere."""
        name = request_id(None)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer had begun already")
        if status < 500:
            problem = ProblemError("bad_request", what_is_wrong(exc), close=True)
        else:
            problem = ProblemError("internal_error", f"the request could not be answered; its id is {name}", close=True)
            log.error("request %s could not be answered: %s", name, type(exc).__name__)
        response = problem.response()
        dress(response.headers, name)
        self._metrics.request(UNREADABLE, problem.status, 0.0)
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        error = kw.get("exc_info")
        log.error("a connection ended by %s", type(error).__name__ if isinstance(error, BaseException) else "an error")


class _TurnedAway(asyncio.Protocol):
    """A connection above the limit: told so, and closed. Nothing of it is read, so nothing is begun."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 — a stream's
        response = ProblemError(
            "unavailable", "too many connections are open here; come again", headers={"Retry-After": "1"}
        ).response()
        dress(response.headers, request_id(None))
        body = response.body
        assert isinstance(body, bytes)  # noqa: S101 — a problem's
        response.headers.update({"Content-Length": str(len(body)), "Connection": "close"})
        head = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
        transport.write(f"HTTP/1.1 503 Service Unavailable\r\n{head}\r\n".encode() + body)
        transport.close()


class Listener(web.Server):
    """Makes a `Connection` for each caller, and cuts those whose headers do not arrive.

    Args:
        head_seconds: in which the headers of a request must have arrived.
        taking_seconds: in which an answer must be taken.
        most: connections at the same time.
        shedder: refuses at the line, or nobody does.
    """

    def __init__(
        self,
        server: web.Server,
        *,
        metrics: Metrics,
        loop: asyncio.AbstractEventLoop,
        head_seconds: float,
        taking_seconds: float,
        most: int,
        shedder: Shedder | None,
        **options: Any,
    ) -> None:
        super().__init__(self._answer, request_factory=self._request, loop=loop)
        self._app_handler = server.request_handler
        self._app_factory = server.request_factory
        self._options = options
        self._metrics = metrics
        self._head_seconds = head_seconds
        self._taking_seconds = taking_seconds
        self._most = most
        self.shedder = shedder
        self._turned_away_at = -math.inf
        self.crowded = False
        """Whether connections are to be closed after their answer."""
        self._round = min(1.0, head_seconds / 10)
        self._sweeping: asyncio.TimerHandle | None = None

    def __call__(self) -> Any:
        """The protocol of a new connection; aiohttp's word for it is narrower than what asyncio takes."""
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(self._round, self._sweep)
        count = len(self.connections)
        self.crowded = count >= self._most * _CROWDED
        if count >= self._most:
            self._turn_away()
            return _TurnedAway()
        return Connection(self, metrics=self._metrics, loop=self._loop, **self._options)

    def _turn_away(self) -> None:
        self._metrics.request(UNREADABLE, 503, 0.0)
        now = self._loop.time()
        if now - self._turned_away_at >= _SAY_AGAIN:
            self._turned_away_at = now
            log.warning("all of %d connections are taken; more are turned away", self._most)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """What aiohttp refuses before the application is asked, such as an `Expect` that it cannot meet."""
        if isinstance(request.protocol, Connection):
            request.protocol.came()
        try:
            return await self._app_handler(request)
        except web.HTTPException as error:
            response = from_http_exception(error).response()
            dress(response.headers, request_id(None))
            self._metrics.request(UNREADABLE, response.status, 0.0)
            return response

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        request = self._app_factory(message, payload, protocol, writer, task)
        if isinstance(protocol, Connection):
            protocol.began(request)
        return request

    def _sweep(self) -> None:
        """Looked at in rounds: a timer for each request would cost more than the request's headers."""
        connections = self.connections
        now = self._loop.time()
        for connection in connections:
            if isinstance(connection, Connection):
                if connection.head_overdue(now, self._head_seconds):
                    connection.force_close()
                elif connection.stuck(now, self._taking_seconds) or connection.answer_overdue(
                    now, self._taking_seconds
                ):
                    connection.abort()  # a close would wait for what nobody takes
        self._sweeping = None
        self.crowded = len(connections) >= self._most * _CROWDED
        if connections:
            self._sweeping = self._loop.call_later(self._round, self._sweep)


class Site(web.TCPSite):
    """A listening address whose queue is long, and from which few connections are taken at a time.

    asyncio uses one number for both. It takes that many before the first one is looked at, and each takes a file: a
    crowd would hold files above every limit.
    """

    def __init__(self, runner: web.AppRunner, host: str, port: int) -> None:
        super().__init__(runner, host, port, backlog=AT_A_TIME)

    async def start(self) -> None:
        await super().start()
        assert isinstance(self._server, asyncio.Server)  # noqa: S101 — made by the line above
        for listening in self._server.sockets:
            with listening.dup() as same:
                same.listen(_QUEUE)


class Runner(web.AppRunner):
    """Runs an application behind a `Listener`.

    Args:
        drain: seconds for which a stop waits for requests that are being answered.
        most: connections at the same time.
        shedder: refuses at the line what is too much; left out, nobody does.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        metrics: Metrics,
        times: Times,
        drain: float = 25.0,
        most: int = sys.maxsize,
        shedder: Shedder | None = None,
    ) -> None:
        super().__init__(app, access_log=None, shutdown_timeout=drain)
        self._most = most
        self._shedder = shedder
        self._metrics = metrics
        self._times = times

    async def _make_server(self) -> web.Server:
        return Listener(
            await super()._make_server(),
            metrics=self._metrics,
            loop=asyncio.get_running_loop(),
            head_seconds=self._times.head,
            taking_seconds=self._times.taking,
            most=self._most,
            shedder=self._shedder,
            keepalive_timeout=self._times.idle,
            lingering_time=self._times.linger,
            access_log=None,
            logger=log,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
            max_headers=MOST_HEADERS,
            auto_decompress=False,
        )
