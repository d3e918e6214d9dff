"""What clients see: the exact shape of contract.md §5, and nothing of what is ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from gateway.core.outcome import ReasonCode
from gateway.core.transaction import AttemptState, Event, Reason, Transaction
from gateway.core.view import event_view, transaction_view

Attempts = Callable[..., AttemptState]
Purchases = Callable[..., Transaction]


def test_an_open_purchase(attempt: Attempts, purchase: Purchases) -> None:
    one = purchase(attempt("pending", message="akan diproses"))
    assert transaction_view(one) == {
        "id": "000000000000000900",
        "ref_id": "A-1",
        "product": "XL5",
        "dest": "081712345678",
        "qty": 1,
        "status": "pending",
        "needs_review": False,
        "reason": None,
        "serial": None,
        "price": None,
        "provider": None,
        "attempts": [
            {
                "id": "000000000000000001",
                "provider": "alpha",
                "status": "pending",
                "supplier_ref": None,
                "message": "akan diproses",
                "started_at": "2026-11-24T03:00:00+00:00",
                "ended_at": None,
            }
        ],
        "created_at": "2026-11-24T03:00:00+00:00",
        "updated_at": "2026-11-24T03:00:00+00:00",
    }


def test_one_that_waits_for_a_person(attempt: Attempts, purchase: Purchases) -> None:
    view = transaction_view(purchase(attempt("unknown"), needs_review=True, qty=20_000))
    assert (view["needs_review"], view["qty"]) == (True, 20_000)
    assert not transaction_view(purchase(attempt("unknown"), conflict=True))["needs_review"]


def test_a_delivered_purchase(attempt: Attempts, purchase: Purchases) -> None:
    one = purchase(attempt("success", serial="SN-1", price=5_390, supplier_ref="T-1"), status="success")
    view = transaction_view(one)
    assert (view["status"], view["serial"], view["price"], view["provider"]) == ("success", "SN-1", 5_390, "alpha")
    assert (view["attempts"][0]["supplier_ref"], view["attempts"][0]["ended_at"]) == (
        "T-1",
        "2026-11-24T03:00:00+00:00",
    )


def test_a_failed_purchase_says_why(attempt: Attempts, purchase: Purchases) -> None:
    one = purchase(attempt("failed"), status="failed", reason=Reason(ReasonCode.CUTOFF, "Produk sedang cut off"))
    assert transaction_view(one)["reason"] == {"code": "cutoff", "message": "Produk sedang cut off"}


def test_a_bill_is_there_only_where_one_was_found(attempt: Attempts, purchase: Purchases) -> None:
    assert "bill" not in transaction_view(purchase(attempt()))
    assert transaction_view(purchase(attempt(), bill={"name": "BUDI"}))["bill"] == {"name": "BUDI"}


def test_what_is_ours_is_not_shown(attempt: Attempts, purchase: Purchases, start: datetime) -> None:
    """What another client could use, what a supplier costs elsewhere, and how we work, stays here."""
    view = transaction_view(purchase(attempt(rule="rule-name"), client="shop-canary", owner="owner-canary"))
    text = json.dumps(view)
    for ours in ("shop-canary", "owner-canary", "rule-name", "version", "expected_price", "request_hash", "X5"):
        assert ours not in text
    assert json.loads(text) == view


def test_an_event(start: datetime) -> None:
    event = Event("status", start, "report", {"from": "pending", "to": "success"}, "000000000000000001")
    assert event_view(12, "000000000000000900", event) == {
        "id": 12,
        "transaction": "000000000000000900",
        "event": "status",
        "at": "2026-11-24T03:00:00+00:00",
        "source": "report",
        "attempt": "000000000000000001",
        "data": {"from": "pending", "to": "success"},
    }
