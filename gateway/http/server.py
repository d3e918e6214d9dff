"""The two listeners: clients and suppliers on one port, operators on another."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

from aiohttp import web

from gateway.http import admin, documents, events, operations, products, reports, transactions, webhooks
from gateway.http.authentication import Authentication
from gateway.http.connection import Runner, Site
from gateway.http.daily import RECOUNT, Days
from gateway.http.description import describe
from gateway.http.engine_protocol import Metrics
from gateway.http.gate import Entrance, Next
from gateway.http.incoming import Services
from gateway.http.limits import Buckets, ClientLimits
from gateway.http.routes import NO_ROUTE, UNREADABLE, Route, Who
from gateway.http.shedding import Shedder
from gateway.http.streams import Streams

_DESCRIPTION: tuple[Route, ...] = (
    Route("GET", "/openapi.json", documents.openapi, Who.ANYONE),
    Route("GET", "/docs", documents.page, Who.ANYONE),
    Route("GET", "/docs/{file}", documents.part, Who.ANYONE),
)

API_ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/transactions", transactions.create, Who.CLIENT, sheds=True),
    Route("GET", "/v1/transactions", transactions.browse, Who.CLIENT),
    Route("GET", "/v1/transactions/{id}", transactions.show, Who.CLIENT),
    Route("GET", "/v1/transactions/{id}/events", transactions.events, Who.CLIENT),
    Route("GET", "/v1/events", events.stream, Who.CLIENT),
    Route("GET", "/v1/products", products.products, Who.CLIENT),
    Route("GET", "/reports/{provider}", reports.receive, Who.SUPPLIER),
    Route("POST", "/reports/{provider}", reports.receive, Who.SUPPLIER),
    Route("GET", "/reports/{provider}/{token}", reports.receive, Who.SUPPLIER),
    Route("POST", "/reports/{provider}/{token}", reports.receive, Who.SUPPLIER),
    *_DESCRIPTION,
)
"""Everything on the API's port."""

ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", "/healthz", operations.healthz, Who.OPERATOR),
    Route("GET", "/readyz", operations.readyz, Who.OPERATOR),
    Route("GET", "/metrics", operations.metrics, Who.OPERATOR),
    Route("GET", "/admin/providers", admin.providers, Who.OPERATOR),
    Route("POST", "/admin/providers/{provider}/pause", admin.pause, Who.OPERATOR),
    Route("POST", "/admin/providers/{provider}/resume", admin.resume, Who.OPERATOR),
    Route("POST", "/admin/providers/{provider}/deposit", admin.deposit, Who.OPERATOR),
    Route("POST", "/admin/providers/{provider}/rebase", admin.rebase, Who.OPERATOR),
    Route("GET", "/admin/transactions", admin.browse, Who.OPERATOR),
    Route("GET", "/admin/transactions/{id}", admin.show, Who.OPERATOR),
    Route("POST", "/admin/transactions/{id}/check", admin.check, Who.OPERATOR),
    Route("POST", "/admin/transactions/{id}/resolve", admin.resolve, Who.OPERATOR),
    Route("GET", "/admin/review", admin.review, Who.OPERATOR),
    Route("GET", "/admin/reports/unmatched", admin.unmatched, Who.OPERATOR),
    Route("GET", "/admin/reports/unreadable", admin.unreadable, Who.OPERATOR),
    Route("GET", "/admin/messages/unreadable", admin.unread, Who.OPERATOR),
    Route("GET", "/admin/webhooks", webhooks.browse, Who.OPERATOR),
    Route("POST", "/admin/webhooks/{notification}/resend", webhooks.resend, Who.OPERATOR),
    Route("POST", "/admin/reload", admin.reload, Who.OPERATOR),
    *_DESCRIPTION,
)
"""Everything on the operators' port."""

_SHEDDER = web.AppKey("shedder", Shedder)

_LAST = 2.0
"""Seconds that a stop gives answers to go out. The engine has drained before, so what is left are requests that never
arrived whole, and they must not make the stop longer than `server.drain` by much."""

ROUTE_NAMES = frozenset({route.name for route in (*API_ROUTES, *ADMIN_ROUTES)}) | {NO_ROUTE, UNREADABLE}
"""How metrics call requests: by the template of the route, or why there is none."""


def make_api_app(services: Services, authentication: Authentication | None = None) -> web.Application:
    """The application for clients and suppliers. It listens to the engine's changes."""
    engine = services.engine
    shared = engine.settings.ledger.url.startswith("postgres")
    days = Days(engine, clock=engine.now, recount=RECOUNT if shared else None)
    streams = Streams(engine, beat=services.times.beat, poll=1.0 if shared else None)
    engine.listeners += [days.hear, streams.hear]
    limits = _limits(engine.settings.cluster.redis, services.metrics, replicas=lambda: engine.ledger.standing.replicas)
    app = _app(
        replace(services, limits=limits, days=days, streams=streams, description=describe(API_ROUTES, "pulsa-gateway")),
        API_ROUTES,
        authentication,
    )

    async def close(_: web.Application) -> None:
        await streams.close()

    async def begin(_: web.Application) -> None:
        await limits.open()

    async def let_go(_: web.Application) -> None:
        await limits.close()

    app.on_startup.append(begin)
    app.on_cleanup.append(let_go)
    app.on_shutdown.append(close)  # before requests in flight are waited for: a stream is one, and has no end
    return app


def _limits(redis: str | None, metrics: Metrics, *, replicas: Callable[[], int]) -> ClientLimits:
    if redis is None:
        return Buckets()
    from gateway.http.redis_limits import RedisBuckets

    buckets = RedisBuckets(redis, known=replicas)
    metrics.redis(lambda: buckets.reachable)
    return buckets


def make_admin_app(services: Services) -> web.Application:
    """The application for operators. It asks for no key: only operators may reach its port."""
    described = replace(services, description=describe(ADMIN_ROUTES, "pulsa-gateway, operators' side"))
    return _app(described, ADMIN_ROUTES, None)


def _app(services: Services, routes: tuple[Route, ...], authentication: Authentication | None) -> web.Application:
    entrance = Entrance(services, Authentication() if authentication is None else authentication)

    @web.middleware
    async def gate(request: web.Request, handler: Next) -> web.StreamResponse:
        return await entrance.pass_through(request, handler)

    app = web.Application(middlewares=[gate])
    entrance.open(app, routes)
    for route in routes:
        if route.sheds:
            app[_SHEDDER] = Shedder(
                services.engine.admits, services.metrics, method=route.method, path=route.path, name=route.name
            )
    return app


async def listen(app: web.Application, services: Services, host: str, port: int, *, most: int = sys.maxsize) -> Runner:
    """Answer on `host` and `port` (0: any free one; `runner.addresses` tells which) until `runner.cleanup()`.

    Args:
        most: connections at the same time; more are told 503 and closed.

    Raises:
        OSError: the port is taken or may not be used.
    """
    drain = min(_LAST, services.engine.settings.server.drain)
    runner = Runner(
        app, metrics=services.metrics, times=services.times, drain=drain, most=most, shedder=app.get(_SHEDDER)
    )
    await runner.setup()
    try:
        await Site(runner, host, port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner
