"""What happens to every request, in one place: its id, who may, refusals as problems, headers, counting.

One middleware and not five, because each costs every purchase.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from gateway.core.resolve import CannotResolveError
from gateway.engine.errors import EngineError
from gateway.http.authentication import Authentication, NotFromHereError
from gateway.http.connection import mended
from gateway.http.headers import dress
from gateway.http.incoming import Incoming, Services
from gateway.http.limits import REQUESTS, retry_after
from gateway.http.problems import ProblemError, allow, from_engine, from_http_exception
from gateway.http.request_id import HEADER, request_id
from gateway.http.routes import NO_ROUTE, Route, Who
from gateway.http.shedding import BUSY, BUSY_HEADERS
from gateway.ledger.errors import LedgerUnavailableError

log = logging.getLogger("gateway.http")

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Entrance:
    """Lets requests in by one route table."""

    def __init__(self, services: Services, authentication: Authentication) -> None:
        self._services = services
        self._authentication = authentication
        self._routes: dict[web.AbstractRoute, Route] = {}

    def open(self, app: web.Application, routes: Iterable[Route]) -> None:
        """Register the routes. What is read by `GET` can also be asked for by `HEAD`, but for the suppliers' door,
        where a `GET` tells something."""
        for route in routes:
            self._routes[app.router.add_route(route.method, route.path, _never)] = route
            if route.method == "GET" and route.who is not Who.SUPPLIER:
                self._routes[app.router.add_route("HEAD", route.path, _never)] = route

    async def pass_through(self, request: web.Request, handler: Next) -> web.StreamResponse:
        """The middleware."""
        started = time.perf_counter()
        name = request_id(request.headers.get(HEADER))
        route = self._routes.get(request.match_info.route)
        incoming = None
        try:
            if route is None:
                response = await handler(request)
            elif route.sheds and not self._services.engine.admits():
                response = web.Response(status=503, body=BUSY, headers=BUSY_HEADERS)
            else:
                incoming = Incoming(self._services, request, name)
                if route.who is Who.CLIENT:
                    await self._admit(incoming)
                response = await route.handler(incoming)
        except Exception as error:
            response = _refusal(error, request, NO_ROUTE if route is None else route.name, name)
        if not response.prepared:
            dress(response.headers, name)
            if incoming is not None and incoming.standing is not None:
                incoming.tell_standing(response.headers)
            if mended(request) or not request.content.is_eof():
                response.force_close()  # the rest of the body was not read, and is not another request
        self._services.metrics.request(
            NO_ROUTE if route is None else route.name, response.status, time.perf_counter() - started
        )
        return response

    async def _admit(self, incoming: Incoming) -> None:
        try:
            caller = self._authentication.caller(
                incoming.request.headers.getall("Authorization", ()),
                self._services.engine.settings.clients,
                incoming.address,
                time.monotonic(),
            )
        except NotFromHereError as problem:
            known = {"client": problem.caller.client.id, "key": problem.caller.key}
            self._services.refused("client_refused", incoming.address(), why=problem.code, **known)
            raise
        except ProblemError as problem:
            self._services.refused("client_refused", incoming.address(), why=problem.code)
            raise
        client = caller.client
        if client.rate is None:
            incoming.admit(caller, None)
            return
        standing = await self._services.limits.take(client.id, client.rate)
        incoming.admit(caller, standing)
        if not standing.allowed:
            self._services.metrics.rate_limited(client.id, "requests")
            raise ProblemError(
                "rate_limited",
                f"more than {client.rate.per_second:g} requests a second",
                headers={"Retry-After": retry_after(standing.wait)},
                policy=REQUESTS,
            )


async def _never(_: web.Request) -> web.StreamResponse:
    """Stands in aiohttp's table, where a handler has to be; `Entrance` calls the one of the route."""
    raise RuntimeError("the entrance was not passed")


def _refusal(error: Exception, request: web.Request, route: str, name: str) -> web.StreamResponse:
    match error:
        case ProblemError():
            return error.response()
        case EngineError() | CannotResolveError() | LedgerUnavailableError():
            return from_engine(error).response()
        case web.HTTPMethodNotAllowed() if request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": allow(error)})
        case web.HTTPException():
            return from_http_exception(error).response()
    log.error("request %s on %s %s failed", name, request.method, route, exc_info=error)
    return ProblemError("internal_error", f"the request could not be carried out; its id is {name}").response()
