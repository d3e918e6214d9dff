"""The connections to one supplier: aiohttp's pool and parser, without the session that sends again by itself.

aiohttp's session would send a GET, PUT or DELETE a second time when the connection drops, follow redirects, keep
cookies, and cost as much as everything else that a purchase costs. What is used of aiohttp here is below all that: its
connector (name lookup, TCP, TLS, the proxy's CONNECT, idle connections) and its parser of answers. A request is written
exactly once because there is exactly one place that writes, `Transport`, and it holds no loop.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Final

import aiohttp
from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from gateway.net.body import ACCEPT_ENCODING
from gateway.net.idle import QuietPool
from gateway.provider import Call

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_ORIGINS: Final = 64

CONNECTING: Final[ContextVar[list[bool]]] = ContextVar("connecting")
"""Holds true once a call has begun to open a connection of its own, instead of waiting for another's."""


class Origin:
    """One scheme, host and port, and what is the same in every request to it.

    Raises:
        aiohttp.InvalidURL, ValueError: there is no such place.
    """

    __slots__ = ("_fixed", "_proxied", "request", "url")

    def __init__(self, url: str, proxy: str | None, *, keep_alive: bool, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.request = ClientRequest(
            "GET", URL(url, encoded=True), loop=loop, ssl=True, proxy=None if proxy is None else URL(proxy)
        )
        """What the connector wants to know a place by. It is never sent."""
        self._proxied = proxy is not None and not self.request.is_ssl()
        fixed = [
            ("Host", self.request.headers[hdrs.HOST]),
            ("User-Agent", "pulsa-gateway"),
            ("Accept", "*/*"),
            ("Accept-Encoding", ACCEPT_ENCODING),
        ]
        if not keep_alive:
            fixed.append(("Connection", "close"))
        self._fixed = tuple((name.lower(), f"{name}: {value}\r\n") for name, value in fixed)

    def message(self, call: Call, target: str) -> bytes:
        """The whole request as it goes over the line, once there is a connection."""
        if self._proxied:
            target = self.url + target
        given = {name.lower() for name, _ in call.headers}
        head = [f"{call.method} {target} HTTP/1.1\r\n"]
        head += [line for name, line in self._fixed if name not in given]
        if self._proxied and (allowed := self.request.headers.get(hdrs.PROXY_AUTHORIZATION)) is not None:
            head.append(f"Proxy-Authorization: {allowed}\r\n")
        head += [f"{name}: {value}\r\n" for name, value in call.headers]
        body = call.body or b""
        if body or call.method not in _WITHOUT_BODY:
            if "content-type" not in given and (body or call.method != "DELETE"):
                head.append("Content-Type: application/octet-stream\r\n")
            head.append(f"Content-Length: {len(body)}\r\n")
        head.append("\r\n")
        return "".join(head).encode() + body


class Origins:
    """The places that calls went to; an account has one or two."""

    def __init__(self, proxy: str | None, *, keep_alive: bool) -> None:
        self._proxy = proxy
        self._keep_alive = keep_alive
        self._known: dict[str, Origin] = {}

    def of(self, url: str) -> tuple[Origin, str]:
        """Where `url` leads, and the target to ask for there. `url` has passed `mistake_in`.

        Raises:
            aiohttp.InvalidURL, ValueError: there is no such place.
        """
        begin = url.index("://") + 3
        ends = [at for at in (url.find("/", begin), url.find("?", begin)) if at >= 0]
        end = min(ends, default=len(url))
        place, target = url[:end], url[end:]
        origin = self._known.get(place)
        if origin is None:
            loop = asyncio.get_running_loop()
            origin = Origin(place, self._proxy, keep_alive=self._keep_alive, loop=loop)
            if len(self._known) >= _MOST_ORIGINS:
                self._known.clear()
            self._known[place] = origin
        return origin, target if target.startswith("/") else "/" + target


class Pool(QuietPool):
    """An account's connections."""

    async def ready(self, origin: Origin, timeout: aiohttp.ClientTimeout) -> Connection:  # noqa: ASYNC109 - aiohttp's
        """A connection on which nobody has spoken yet.

        An idle connection that already holds bytes is not used: they would be taken for the answer to a purchase that
        was not even sent.

        Raises:
            aiohttp.ClientError, OSError, TimeoutError: there is none.
        """
        for _ in range(self.limit + 1):
            connection = await self.connect(origin.request, [], timeout)
            protocol = connection.protocol
            if protocol is not None and not protocol.should_close:
                return connection
            connection.close()
        raise aiohttp.ClientConnectionError("every connection held bytes that nobody asked for")

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> ResponseHandler:
        CONNECTING.get().append(True)
        return await super()._create_connection(req, traces, timeout)
