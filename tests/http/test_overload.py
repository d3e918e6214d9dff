"""While more arrive than can be carried, a purchase is refused at once, and everything else goes on (C19)."""

from __future__ import annotations

from typing import Any


async def test_a_purchase_is_refused_at_once_and_told_when_to_come_again(gateway: Any) -> None:
    gateway.engine.full = True
    refused = await gateway.buy(ref_id="A-1")
    assert (refused.status, refused.json["code"], refused.headers["Retry-After"]) == (503, "unavailable", "1")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["X-Request-ID"]
    gateway.engine.full = False
    assert (await gateway.buy(ref_id="A-1")).status == 201


async def test_everything_else_is_answered(gateway: Any) -> None:
    bought = await gateway.buy(ref_id="A-1")
    gateway.engine.full = True
    assert (await gateway.call("GET", f"/v1/transactions/{bought.json['id']}")).status == 200
    assert (await gateway.call("GET", "/v1/products")).status == 200
