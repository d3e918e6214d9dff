"""One connection of a caller: what aiohttp's own server leaves open.

- Headers that arrive drop by drop are cut. aiohttp knows one time-out for that and for idle connections; a short one
  would close connections under clients that are about to use them again.
- What cannot be parsed is answered as a problem, and neither the answer nor the log repeats it: headers carry keys.
- Suppliers send reports unencoded. A request line of the reports' door with spaces or bytes above ASCII would be
  refused by the parser and the report lost; it is encoded for the parser, and `raw_target` gives it as it came.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from gateway.http.engine_protocol import Metrics
from gateway.http.headers import dress
from gateway.http.problems import ProblemError, from_http_exception
from gateway.http.request_id import request_id
from gateway.http.routes import UNREADABLE
from gateway.http.times import Times

log = logging.getLogger("gateway.http")

_DOORS = (b"GET /reports/", b"POST /reports/")
_LONGEST_LINE = 8190
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
    """aiohttp's connection with the three things above."""

    __slots__ = ("_fresh", "_held", "_metrics", "_now", "_original", "_waiting_since", "_working")

    def __init__(
        self, server: web.Server, *, metrics: Metrics, loop: asyncio.AbstractEventLoop, **options: Any
    ) -> None:
        super().__init__(server, loop=loop, **options)
        self._metrics = metrics
        self._now = loop.time
        self._fresh = True
        self._held = b""
        self._original: str | None = None
        self._working = False
        self._waiting_since: float | None = loop.time()

    def data_received(self, data: bytes) -> None:
        if self._fresh:
            data = self._first(data)
            if not data:
                return
        elif data and not self._working and self._waiting_since is None:
            self._waiting_since = self._now()
        super().data_received(data)

    def _first(self, data: bytes) -> bytes:
        """The first bytes of the connection, mended where that is needed; empty while the line is incomplete.

        Only there: later bytes may be part of a body, and to change the length of a body would move the end of the
        message. An answer to a mended request closes the connection, so the next report is the first on its own.
        """
        data = self._held + data
        if data.startswith(_DOORS) and b"\n" not in data and len(data) <= _LONGEST_LINE:
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
        self._waiting_since = None
        if self._original is not None:
            request[_TARGET] = self._original
            self._original = None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        self._working = False
        return await super().finish_response(request, resp, start_time)

    def head_overdue(self, now: float, seconds: float) -> bool:
        """Whether the headers of a request have been on their way for longer than `seconds`."""
        return self._waiting_since is not None and now - self._waiting_since > seconds

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
            problem = ProblemError("bad_request", "this is not HTTP as it should be", close=True)
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


class Listener(web.Server):
    """Makes a `Connection` for each caller, and cuts those whose headers do not arrive."""

    def __init__(
        self,
        server: web.Server,
        *,
        metrics: Metrics,
        loop: asyncio.AbstractEventLoop,
        head_seconds: float,
        **options: Any,
    ) -> None:
        super().__init__(self._answer, request_factory=self._request, loop=loop)
        self._app_handler = server.request_handler
        self._app_factory = server.request_factory
        self._options = options
        self._metrics = metrics
        self._head_seconds = head_seconds
        self._round = min(1.0, head_seconds / 10)
        self._sweeping: asyncio.TimerHandle | None = None

    def __call__(self) -> web.RequestHandler:
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(self._round, self._sweep)
        return Connection(self, metrics=self._metrics, loop=self._loop, **self._options)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """What aiohttp refuses before the application is asked, such as an `Expect` that it cannot meet."""
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
            if isinstance(connection, Connection) and connection.head_overdue(now, self._head_seconds):
                connection.force_close()
        self._sweeping = None
        if connections:
            self._sweeping = self._loop.call_later(self._round, self._sweep)


class Runner(web.AppRunner):
    """Runs an application behind a `Listener`.

    Args:
        drain: seconds for which a stop waits for requests that are being answered.
    """

    def __init__(self, app: web.Application, *, metrics: Metrics, times: Times, drain: float = 25.0) -> None:
        super().__init__(app, access_log=None, shutdown_timeout=drain)
        self._metrics = metrics
        self._times = times

    async def _make_server(self) -> web.Server:
        return Listener(
            await super()._make_server(),
            metrics=self._metrics,
            loop=asyncio.get_running_loop(),
            head_seconds=self._times.head,
            keepalive_timeout=self._times.idle,
            lingering_time=self._times.linger,
            access_log=None,
            logger=log,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=64,
            auto_decompress=False,
        )
