"""`checks.md` C34: who gets what from every route of both ports. A route that is not in the table fails until it is."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from gateway.http.routes import Route, Who
from gateway.http.server import ADMIN_ROUTES, API_ROUTES


class Rights(NamedTuple):
    """The status that each one gets. The transaction in the path is client A's; the body is a right one."""

    nobody: int
    client_a: int
    client_b: int
    operator: int
    """From the operators' port, without a key. The other three ask the clients' port."""


CLIENTS_OWN = Rights(401, 200, 200, 404)
ONE_OF_A = Rights(401, 200, 404, 404)
OPERATORS = Rights(404, 404, 404, 200)
ALL = Rights(200, 200, 200, 200)
LOCKED_DOOR = Rights(403, 403, 403, 404)
RIGHT_TOKEN = Rights(200, 200, 200, 404)

TABLE: dict[tuple[str, str], Rights] = {
    ("POST", "/v1/transactions"): Rights(401, 200, 201, 404),  # A bought it before, and B buys its own
    ("GET", "/v1/transactions"): CLIENTS_OWN,
    ("GET", "/v1/transactions/{id}"): ONE_OF_A,
    ("GET", "/v1/transactions/{id}/events"): ONE_OF_A,
    ("GET", "/v1/events"): CLIENTS_OWN,
    ("GET", "/v1/products"): CLIENTS_OWN,
    ("GET", "/reports/{provider}"): LOCKED_DOOR,
    ("POST", "/reports/{provider}"): LOCKED_DOOR,
    ("GET", "/reports/{provider}/{token}"): RIGHT_TOKEN,
    ("POST", "/reports/{provider}/{token}"): RIGHT_TOKEN,
    ("GET", "/openapi.json"): ALL,
    ("GET", "/docs"): ALL,
    ("GET", "/docs/{file}"): ALL,
    ("GET", "/healthz"): OPERATORS,
    ("GET", "/readyz"): OPERATORS,
    ("GET", "/metrics"): OPERATORS,
    ("GET", "/admin/providers"): OPERATORS,
    ("POST", "/admin/providers/{provider}/pause"): OPERATORS,
    ("POST", "/admin/providers/{provider}/resume"): OPERATORS,
    ("POST", "/admin/providers/{provider}/deposit"): OPERATORS,
    ("POST", "/admin/providers/{provider}/rebase"): OPERATORS,
    ("GET", "/admin/transactions"): OPERATORS,
    ("GET", "/admin/transactions/{id}"): OPERATORS,
    ("POST", "/admin/transactions/{id}/check"): OPERATORS,
    ("POST", "/admin/transactions/{id}/resolve"): OPERATORS,
    ("GET", "/admin/review"): OPERATORS,
    ("GET", "/admin/reports/unmatched"): OPERATORS,
    ("GET", "/admin/reports/unreadable"): OPERATORS,
    ("GET", "/admin/messages/unreadable"): OPERATORS,
    ("GET", "/admin/webhooks"): OPERATORS,
    ("POST", "/admin/webhooks/{notification}/resend"): OPERATORS,
    ("POST", "/admin/reload"): OPERATORS,
}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/transactions": {"ref_id": "A-1", "product": "XL5", "dest": "081712345678"},
    "/admin/providers/{provider}/pause": {"operator": "Siti", "reason": "maintenance"},
    "/admin/providers/{provider}/deposit": {"operator": "Siti", "reason": "transfer of today", "amount": 1_000_000},
    "/admin/providers/{provider}/rebase": {"operator": "Siti", "reason": "their statement is right"},
    "/admin/transactions/{id}/resolve": {"operator": "Siti", "reason": "statement", "result": "failed"},
}
EVERY = list({(route.method, route.path): route for route in (*API_ROUTES, *ADMIN_ROUTES)}.values())


def test_the_table_has_every_route_and_no_other() -> None:
    assert {(route.method, route.path) for route in EVERY} == set(TABLE)


def test_every_route_says_for_whom_it_is() -> None:
    assert {route.who for route in API_ROUTES} == {Who.CLIENT, Who.SUPPLIER, Who.ANYONE}
    assert {route.who for route in ADMIN_ROUTES} == {Who.OPERATOR, Who.ANYONE}


@pytest.mark.parametrize("route", EVERY, ids=lambda route: f"{route.method} {route.path}")
async def test_everyone_gets_what_the_table_says_and_nothing_else(
    open_gateway: Any, keys: dict[str, str], token: str, route: Route
) -> None:
    async def reload() -> dict[str, Any]:
        return {}

    gateway = await open_gateway(reload=reload)
    bought = (await gateway.buy(client="shop", ref_id="A-1")).json["id"]
    names = {"provider": "locked", "token": token, "id": bought, "file": "docs.js"}
    path = route.path.format(**names, notification=f"msg_{bought}_success")
    body = {"json": BODIES.get(route.path, {"operator": "Siti"})} if route.method == "POST" else {}

    async def ask(base: str, client: str | None = None) -> int:
        headers = {} if client is None else {"Authorization": f"Bearer {keys[client]}"}
        async with gateway.session.request(route.method, base + path, headers=headers, **body) as response:
            return int(response.status)

    seen = Rights(
        nobody=await ask(gateway.api),
        client_a=await ask(gateway.api, "shop"),
        client_b=await ask(gateway.api, "other"),
        operator=await ask(gateway.admin),
    )
    assert seen == TABLE.get((route.method, route.path))
