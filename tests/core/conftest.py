"""Purchases and attempts to decide on, and what must hold after every decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.apply import Decision
from gateway.core.transaction import AttemptState, AttemptStatus, Transaction, TransactionStatus

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)

Attempts = Callable[..., AttemptState]
Purchases = Callable[..., Transaction]
Steps = Callable[[Transaction, Decision], None]

_ENDS = {AttemptStatus.SUCCESS, AttemptStatus.FAILED, AttemptStatus.REJECTED}
_MAY_BECOME = {
    AttemptStatus.SENDING: {AttemptStatus.PENDING, AttemptStatus.UNKNOWN, *_ENDS},
    AttemptStatus.PENDING: set(_ENDS),
    AttemptStatus.UNKNOWN: {AttemptStatus.PENDING, *_ENDS},
    AttemptStatus.SUCCESS: {AttemptStatus.REVERSED},
    AttemptStatus.FAILED: set(),
    AttemptStatus.REJECTED: set(),
    AttemptStatus.REVERSED: set(),
}


@pytest.fixture(scope="session")
def start() -> datetime:
    """When everything here begins."""
    return START


@pytest.fixture(scope="session")
def attempt() -> Attempts:
    """Makes an attempt: `attempt("pending", number=2, …)`."""

    def make(status: str = "pending", *, number: int = 1, **more: Any) -> AttemptState:
        one = AttemptState(
            id=f"{number:018d}",
            number=number,
            provider=("alpha", "beta", "gamma", "delta")[number - 1],
            product="X5",
            expected_price=5_400,
            status=AttemptStatus(status),
            started_at=START,
            next_check_at=START + timedelta(seconds=30),
        )
        if not one.status.live:
            one = replace(one, ended_at=START, next_check_at=None)
        return replace(one, **more)

    return make


@pytest.fixture(scope="session")
def purchase() -> Purchases:
    """Makes a transaction with these attempts, open unless `status` says otherwise."""

    def make(*attempts: AttemptState, status: str = "pending", **more: Any) -> Transaction:
        final = status != "pending"
        one = Transaction(
            id="000000000000000900",
            client="shop",
            ref_id="A-1",
            request_hash="hash",
            product="XL5",
            dest="081712345678",
            qty=1,
            max_price=None,
            status=TransactionStatus(status),
            attempts=attempts,
            created_at=START,
            updated_at=START,
            deadline_at=START + timedelta(seconds=120),
            final_at=START if final else None,
            version=7,
            owner="one",
            route_at=None if final or any(held.may_deliver for held in attempts) else START,
        )
        winner = next((held for held in attempts if held.status is AttemptStatus.SUCCESS), None)
        if winner is not None and status == "success":
            one = replace(
                one, provider=winner.provider, serial=winner.serial, price=winner.price or winner.expected_price
            )
        return replace(one, **more)

    return make


@pytest.fixture(scope="session")
def must_hold() -> Steps:
    """What holds for every decision, whatever was decided."""
    return _must_hold


def _must_hold(before: Transaction, decision: Decision) -> None:
    after = decision.after
    if after is before:
        assert decision.events == ()
        return
    assert after != before, "another value, and nothing in it is new"
    assert after.version == before.version + 1
    if before.status is not after.status:
        allowed = {("pending", "success"), ("pending", "failed"), ("success", "reversed")}
        assert (before.status.value, after.status.value) in allowed
        assert any(event.kind == "status" for event in decision.events), "a status that nobody is told of"
    assert (after.final_at is None) == (after.status is TransactionStatus.PENDING)
    assert not after.needs_review or after.status is TransactionStatus.PENDING
    assert [held.id for held in after.attempts[: len(before.attempts)]] == [held.id for held in before.attempts]
    by_hand = any(event.kind == "resolved" for event in decision.events)
    for was, held in zip(before.attempts, after.attempts, strict=False):
        assert held.status is was.status or held.status in _MAY_BECOME[was.status] or (by_hand and was.contested)
        assert (held.ended_at is None) == held.status.live
        assert not held.contested or held.status in {AttemptStatus.FAILED, AttemptStatus.REJECTED}
        if was.status is held.status and was.serial:
            assert held.serial == was.serial, "a proof of delivery was overwritten"
    if after.status is TransactionStatus.SUCCESS and after.provider is not None:
        assert isinstance(after.price, int)
    _is_not_forgotten(after)


def _is_not_forgotten(after: Transaction) -> None:
    """An open purchase has somebody who will go on with it: an attempt under way, routing, or a person."""
    if after.status is not TransactionStatus.PENDING:
        assert after.route_at is None
        return
    live = [held for held in after.attempts if held.status.live]
    if any(held.may_deliver for held in after.attempts):
        assert after.route_at is None, "routing is due while an attempt may still deliver"
    assert live or after.route_at is not None or after.needs_review, "nobody goes on with it"
    for held in live:
        assert held.next_check_at is not None or after.needs_review, "nobody asks about it"
