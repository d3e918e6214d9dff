"""Both listeners on real sockets over a small engine in memory, and ways to speak to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from gateway.core.transaction import AttemptState, AttemptStatus
from gateway.http.description import describe
from gateway.http.incoming import Services
from gateway.http.routes import NO_ROUTE, UNREADABLE
from gateway.http.server import ADMIN_ROUTES, API_ROUTES, listen, make_admin_app, make_api_app
from gateway.http.times import Times
from tests.http.memory import KEYS, NOW, TOKEN, FakeAudit, FakeEngine, FakeMetrics, FakeWebhooks, make_settings


@dataclass
class Gateway:
    """Both listeners, and what stands behind them."""

    engine: FakeEngine
    metrics: FakeMetrics
    audit: FakeAudit
    api: str
    admin: str
    session: aiohttp.ClientSession
    runner: web.AppRunner

    @property
    def connections(self) -> list[web.RequestHandler]:
        assert self.runner.server is not None
        return self.runner.server.connections

    @property
    def ports(self) -> tuple[int, int]:
        return int(self.api.rpartition(":")[2]), int(self.admin.rpartition(":")[2])

    async def raw(self, data: bytes, *, port: int | None = None, eof: bool = False, seconds: float = 5.0) -> bytes:
        """Everything that comes back for these bytes until the other side closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[0] if port is None else port)
        try:
            writer.write(data)
            if eof:
                writer.write_eof()
            async with asyncio.timeout(seconds):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def buy(self, client: str = "shop", headers: dict[str, str] | None = None, **body: Any) -> Answer:
        """`POST /v1/transactions`."""
        fields = {"ref_id": "A-1", "product": "XL5", "dest": "081712345678", **body}
        return await self.call("POST", "/v1/transactions", client=client, headers=headers, json=fields)

    async def call(
        self, method: str, path: str, *, client: str | None = "shop", headers: dict[str, str] | None = None, **more: Any
    ) -> Answer:
        """One request to the API."""
        sent = {} if client is None else {"Authorization": f"Bearer {KEYS[client]}"}
        return await self._send(method, self.api + path, {**sent, **(headers or {})}, more)

    async def operate(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> Answer:
        """One request to the operators' side."""
        return await self._send(method, self.admin + path, headers or {}, more)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that nobody tells."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 — aiohttp sets no event when a connection is lost
                await asyncio.sleep(0.01)

    async def _send(self, method: str, url: str, headers: dict[str, str], more: dict[str, Any]) -> Answer:
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **more) as response:
            text = await response.text()
            is_json = response.content_type in {"application/json", "application/problem+json"} and text
            return Answer(
                response.status,
                dict(response.headers),
                text,
                (await response.json(content_type=None)) if is_json else None,
            )


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str
    json: Any


Open = Callable[..., Awaitable[Gateway]]


@pytest.fixture
async def open_gateway() -> AsyncIterator[Open]:
    closers: list[Callable[[], Awaitable[Any]]] = []
    counted: list[FakeMetrics] = []

    async def make(
        *, times: Times | None = None, reload: Any = None, shop: dict[str, Any] | None = None, **server: Any
    ) -> Gateway:
        engine, metrics, audit = FakeEngine(make_settings(shop=shop, **server)), FakeMetrics(), FakeAudit()
        counted.append(metrics)
        services = Services(
            engine=engine,
            metrics=metrics,
            audit=audit,
            times=times or Times(),
            webhooks=FakeWebhooks(engine),
            reload=reload,
        )
        api = await listen(make_api_app(services), services, "127.0.0.1", 0)
        admin = await listen(make_admin_app(services), services, "127.0.0.1", 0)
        session = aiohttp.ClientSession()
        closers.extend([session.close, api.cleanup, admin.cleanup])
        return Gateway(
            engine=engine,
            metrics=metrics,
            audit=audit,
            api=f"http://127.0.0.1:{api.addresses[0][1]}",
            admin=f"http://127.0.0.1:{admin.addresses[0][1]}",
            session=session,
            runner=api,
        )

    yield make
    for close in closers:
        await close()
    seen = {one for metrics in counted for one in metrics.requests if one[0] not in {NO_ROUTE, UNREADABLE}}
    assert not [one for one in sorted(seen) if one[1] not in DESCRIBED[one[0]]], "/openapi.json does not know these"


def described() -> dict[str, set[int]]:
    """The statuses that `/openapi.json` knows of each path."""
    known: dict[str, set[int]] = {}
    for routes in (API_ROUTES, ADMIN_ROUTES):
        for path, methods in orjson.loads(describe(routes, "")).get("paths", {}).items():
            for status in (status for operation in methods.values() for status in operation["responses"]):
                known.setdefault(path, set()).update(range(200, 300) if status == "2XX" else [int(status)])
    return known


DESCRIBED = described()


@pytest.fixture
async def gateway(open_gateway: Open) -> Gateway:
    return await open_gateway()


@pytest.fixture
def keys() -> dict[str, str]:
    return dict(KEYS)


@pytest.fixture
def token() -> str:
    return TOKEN


@pytest.fixture
def an_attempt() -> AttemptState:
    return AttemptState(
        id="900000000000000001",
        number=1,
        provider="open",
        product="X5",
        expected_price=5400,
        status=AttemptStatus.UNKNOWN,
        started_at=NOW,
        rule="nothing fitted",
    )
