"""One request on its way through: what a handler is given."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import orjson
from aiohttp import web
from multidict import CIMultiDict
from pydantic import BaseModel

from gateway.http.authentication import Caller
from gateway.http.bodies import read_body, read_json
from gateway.http.client_address import Address, client_address
from gateway.http.daily import Days
from gateway.http.engine_protocol import Engine, Metrics, Webhooks
from gateway.http.limits import Buckets, ClientLimits, Standing, policy_field, standing_field
from gateway.http.listing import parameters
from gateway.http.strangers import Strangers
from gateway.http.streams import Streams
from gateway.http.times import Times
from gateway.settings.types import Client

M = TypeVar("M", bound=BaseModel)


class Audit(Protocol):
    """Where it is written down who was refused and what operators did."""

    @property
    def trouble(self) -> str | None:
        """Why nothing is being written, or `None`."""

    def write(self, event: str, /, **fields: Any) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that handlers use."""

    engine: Engine
    metrics: Metrics
    audit: Audit | None = None
    times: Times = field(default_factory=Times)
    limits: ClientLimits = field(default_factory=Buckets)
    days: Days | None = None
    streams: Streams | None = None
    description: bytes = b"{}"
    """`/openapi.json` of the application."""
    strangers: Strangers = field(default_factory=Strangers)
    webhooks: Webhooks | None = None
    reload: Callable[[], Awaitable[Mapping[str, Any]]] | None = None
    """Reads the configuration again; raises `ConfigurationError` and changes nothing where it cannot be used."""

    def note(self, event: str, **fields: object) -> None:
        """Write to the audit log, where there is one."""
        if self.audit is not None:
            self.audit.write(event, **fields)

    def refused(self, event: str, address: Address | None, **fields: object) -> None:
        """Write to the audit log that somebody was refused, unless that fills it."""
        left_out = self.strangers.line(address, time.monotonic())
        if left_out is not None:
            more = {"left_out_before": left_out} if left_out else {}
            self.note(event, address=str(address), **fields, **more)


class Incoming:
    """One request, and who sent it."""

    __slots__ = ("_caller", "request", "request_id", "services", "standing")

    def __init__(self, services: Services, request: web.Request, request_id: str) -> None:
        self.services = services
        self.request = request
        self.request_id = request_id
        self._caller: Caller | None = None
        self.standing: Standing | None = None
        """Of the client's rate, where it has one."""

    @property
    def engine(self) -> Engine:
        return self.services.engine

    @property
    def client(self) -> Client:
        """The client that was let in. Only on routes for clients."""
        return self.caller.client

    @property
    def caller(self) -> Caller:
        """The client that was let in, and by which key. Only on routes for clients."""
        if self._caller is None:
            raise RuntimeError("this route is not for clients, so there is no client")
        return self._caller

    def admit(self, caller: Caller, standing: Standing | None) -> None:
        """Let it pass as `caller`."""
        self._caller = caller
        self.standing = standing

    def tell_standing(self, headers: CIMultiDict[str]) -> None:
        """Add where the client stands, where it has a rate. `add`: a handler may tell of other limits beside it."""
        rate = None if self._caller is None else self._caller.client.rate
        if self.standing is not None and rate is not None:
            headers.add("RateLimit-Policy", policy_field(rate))
            headers.add("RateLimit", standing_field(self.standing))

    def address(self) -> Address | None:
        """Where it came from, past our own proxies."""
        request = self.request
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        return client_address(
            peer[0] if isinstance(peer, tuple) else None,
            request.headers.getall("X-Forwarded-For", []),
            self.engine.settings.server.trusted_proxies,
        )

    def take_no_parameters(self) -> None:
        """Refuse every parameter. Raises `ProblemError`."""
        if self.request.rel_url.raw_query_string:
            parameters(self.request.query.items(), frozenset())

    async def json(self, model: type[M]) -> M:
        """The body as a `model`, of a request that takes no parameters. Raises `ProblemError`."""
        self.take_no_parameters()
        return await read_json(
            self.request, model, limit=self.engine.settings.server.max_body, seconds=self.services.times.body
        )

    async def body(self) -> bytes:
        """The body as it is. Raises `ProblemError`."""
        return await read_body(
            self.request, limit=self.engine.settings.server.max_body, seconds=self.services.times.body
        )


def json_response(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in JSON."""
    all_headers = {"Content-Type": "application/json"}
    if headers is not None:
        all_headers.update(headers)
    return web.Response(status=status, body=orjson.dumps(value), headers=all_headers)
