"""Everything that the sandbox supplier can do to a purchase, seen by a client through the HTTP API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from gateway_otomax.sandbox import ANY, BEHAVIOURS

Opens = Callable[..., AbstractAsyncContextManager[Any]]

# How each line of docs/sandbox.md ends where the supplier may be asked: status, reason, and whether money was taken.
ENDS: dict[str, tuple[str, str | None, bool]] = {
    ANY: ("success", None, True),
    "14": ("failed", "supplier_refused", False),
    "20": ("success", None, True),
    "22": ("review", None, True),
    "24": ("reversed", "supplier_refused", False),
    "30": ("success", None, True),
    "31": ("failed", "supplier_refused", False),
    "32": ("success", None, True),
    "33": ("success", None, True),
    "34": ("success", None, True),
    "35": ("failed", "invalid_destination", False),
    "36": ("success", None, True),
    "37": ("success", None, True),
    "40": ("failed", "supplier_refused", False),
    "43": ("failed", "supplier_balance", False),
    "44": ("failed", "product_unavailable", False),
    "45": ("failed", "product_unavailable", False),
    "47": ("failed", "product_unavailable", False),
    "52": ("failed", "invalid_destination", False),
    "56": ("failed", "blocked_destination", False),
    "69": ("failed", "cutoff", False),
    "90": ("success", None, True),
    "91": ("success", None, True),
    "92": ("review", None, False),
    "93": ("success", None, True),
    "94": ("success", None, True),
    "95": ("success", None, True),
    "96": ("success", None, True),
    "97": ("success", None, True),
}


def dest(ending: str) -> str:
    return f"0817000099{ending or '01'}"


def ended(transaction: dict[str, Any]) -> bool:
    return bool(transaction["status"] != "pending" or transaction["needs_review"])


def test_the_table_is_whole() -> None:
    assert set(ENDS) == set(BEHAVIOURS)


async def test_each_behaviour_ends_as_its_table_says(street: Opens) -> None:
    async with street() as here:

        async def buy(ending: str) -> dict[str, Any]:
            wait = 1 if ENDS[ending][0] == "review" else 10
            one: dict[str, Any] = await here.buy(f"R-{ending}", dest(ending), wait=wait)
            if ending == "24":
                one = await here.when(one, lambda held: held["status"] == "reversed")
            return one if ended(one) else await here.when(one, ended)

        bought = dict(zip(ENDS, await asyncio.gather(*map(buy, ENDS)), strict=True))
        await here.first.reported()
        await asyncio.sleep(0.1)
        found = {}
        for ending in ENDS:
            _, one = await here.get(f"/v1/transactions/{bought[ending]['id']}")
            found[ending] = (
                "review" if one["needs_review"] else one["status"],
                one["reason"] and one["reason"]["code"],
                here.first.times_bought(one["attempts"][0]["id"]) == 1 and ENDS[ending][2],
            )
            assert len(one["attempts"]) == 1
            if one["status"] == "success":
                assert one["serial"]
                assert one["provider"] == "first"
        assert found == ENDS

        # C38: the supplier took what the successes cost, and what is still open.
        _, page = await here.get("/v1/transactions", limit="200")
        successes = [one["price"] for one in page["transactions"] if one["status"] == "success"]
        assert here.first.charges == sum(successes) + 5_400
        assert set(successes) == {5_400}, "the price is the supplier's, not the route's"

        # No reference was executed twice, and each arrived exactly once.
        arrived = [arrival.ref for arrival in here.first.purchases]
        assert len(arrived) == len(set(arrived)) == len(ENDS)

        _, review = await here.operator("/admin/review")
        assert {one["ref_id"] for one in review["transactions"]} == {"R-22", "R-92"}
        _, strangers = await here.operator("/admin/reports/unmatched")
        assert len(strangers["reports"]) == 1


async def test_what_was_lost_on_the_way_is_bought_once_where_asking_is_resending(street: Opens) -> None:
    async with street(accounts={"first": {"check": "resend"}}) as here:
        one = await here.buy("A-1", dest("92"))
        assert one["status"] == "success"
        assert [arrival.kind.value for arrival in here.first.purchases] == ["lost", "bought"]
        assert len({arrival.ref for arrival in here.first.purchases}) == 1
        again = await here.buy("A-2", dest("91"))
        assert (again["status"], here.first.times_bought(again["attempts"][0]["id"])) == ("success", 1)


async def test_what_was_lost_on_the_way_goes_to_the_next_supplier_by_the_accounts_rule(street: Opens) -> None:
    lost_there = {"never_seen": {"after": "500ms", "times": 2}}
    async with street(accounts={"first": lost_there, "second": {}}) as here:
        # The second one loses it too, and has no such rule: a person must look.
        one = await here.when(await here.buy("A-1", dest("92"), wait=1), ended)
        assert [held["status"] for held in one["attempts"]] == ["rejected", "unknown"]
        assert (one["status"], one["needs_review"]) == ("pending", True)
        assert (here.first.charges, here.second.charges) == (0, 0)
