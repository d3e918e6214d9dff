"""Which endings speak for or against an account."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.core.endings import endings
from gateway.core.outcome import ReasonCode
from gateway.core.transaction import AttemptState, Change, Reason, Transaction

Attempts = Callable[..., AttemptState]
Purchases = Callable[..., Transaction]


@pytest.mark.parametrize(
    ("was", "became", "said"),
    [
        ("sending", "success", [True]),
        ("pending", "success", [True]),
        ("unknown", "success", [True]),
        ("pending", "failed", [False]),
        ("sending", "rejected", []),
        ("sending", "pending", []),
        ("success", "success", []),
        ("failed", "failed", []),
        ("success", "reversed", []),
    ],
)
def test_an_ending_counts_once_however_late_it_is_learned(
    attempt: Attempts, purchase: Purchases, was: str, became: str, said: list[bool]
) -> None:
    change = Change(before=purchase(attempt(was)), after=purchase(attempt(became)))
    assert [delivered for _, delivered in endings(change)] == said


@pytest.mark.parametrize("code", [ReasonCode.INVALID_DESTINATION, ReasonCode.BLOCKED_DESTINATION, ReasonCode.DUPLICATE])
def test_a_failure_at_every_supplier_does_not_count_against_this_one(
    attempt: Attempts, purchase: Purchases, code: ReasonCode
) -> None:
    after = purchase(attempt("failed", reason=Reason(code)))
    assert list(endings(Change(before=purchase(attempt("pending")), after=after))) == []
