"""What is done next: C6, the next supplier only when it is definite that the one before delivered nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.advance import Finish, Leave, Send, Step, finish, next_step
from gateway.core.advance import start as begin
from gateway.core.apply import Decision
from gateway.core.failover import ANOTHER_SUPPLIER_MAY_BE_TRIED, another_supplier_may_be_tried
from gateway.core.outcome import ReasonCode
from gateway.core.routing import Choice, Dropped, Route
from gateway.core.transaction import AttemptState, AttemptStatus, Reason, Transaction, TransactionStatus

Attempts = Callable[..., AttemptState]
Purchases = Callable[..., Transaction]

FIRST = Route(provider="alpha", product="X5", price=5_400)
NEXT = Route(provider="beta", product="X5", price=5_450)
CHOICE = Choice((NEXT,), (Dropped(FIRST, "already tried for this transaction", ReasonCode.NO_ROUTE),))

# The table of C6, as `docs/operating.md` and architecture.md (States) have it.
CURABLE_ELSEWHERE = {
    "product_unavailable",
    "price_too_high",
    "cutoff",
    "out_of_area",
    "supplier_balance",
    "supplier_refused",
    "no_route",
    "cancelled",
}
FINAL_EVERYWHERE = {"invalid_destination", "duplicate", "blocked_destination", "supplier_timeout", "operator"}


def what_next(
    transaction: Transaction, now: datetime, choice: Choice = CHOICE, max_attempts: int = 3, **no_failover: list[str]
) -> Step:
    return next_step(transaction, choice, now=now, max_attempts=max_attempts, no_failover=no_failover)


def failed(attempt: Attempts, code: ReasonCode | None, number: int = 1) -> AttemptState:
    return attempt("failed", number=number, reason=None if code is None else Reason(code, "words"))


def test_the_failover_table_speaks_about_every_reason() -> None:
    assert {code.value for code in ReasonCode} == CURABLE_ELSEWHERE | FINAL_EVERYWHERE
    assert set(ANOTHER_SUPPLIER_MAY_BE_TRIED) == set(ReasonCode)
    assert {code.value for code, may in ANOTHER_SUPPLIER_MAY_BE_TRIED.items() if may} == CURABLE_ELSEWHERE


@pytest.mark.parametrize("code", [None, *ReasonCode])
def test_after_a_failure_the_table_decides(
    attempt: Attempts, purchase: Purchases, start: datetime, code: ReasonCode | None
) -> None:
    step = what_next(purchase(failed(attempt, code)), start)
    if code is None or code.value in CURABLE_ELSEWHERE:
        assert step == Send(NEXT)
    else:
        assert step == Finish(Reason(code, "words"))


@pytest.mark.parametrize("code", list(ReasonCode))
def test_an_account_only_tightens_the_table(
    attempt: Attempts, purchase: Purchases, start: datetime, code: ReasonCode
) -> None:
    before = purchase(failed(attempt, code))
    assert isinstance(what_next(before, start, alpha=[code.value]), Finish)
    everything_else = [other.value for other in ReasonCode if other is not code]
    assert what_next(before, start, alpha=everything_else) == what_next(before, start)
    assert what_next(before, start, beta=[code.value]) == what_next(before, start), "another account's rule"


@given(st.sampled_from([None, *ReasonCode]), st.sets(st.sampled_from([code.value for code in ReasonCode])))
def test_tightening_never_loosens(code: ReasonCode | None, tightened: set[str]) -> None:
    assert another_supplier_may_be_tried(code, tightened) <= another_supplier_may_be_tried(code)


@pytest.mark.parametrize("status", [AttemptStatus.SENDING, AttemptStatus.PENDING, AttemptStatus.UNKNOWN])
@pytest.mark.parametrize("position", [0, 1])
def test_nothing_is_done_while_an_attempt_may_deliver(
    attempt: Attempts, purchase: Purchases, start: datetime, status: AttemptStatus, position: int
) -> None:
    attempts = [attempt("rejected"), attempt("rejected", number=2)]
    attempts[position] = attempt(status.value, number=position + 1)
    for now in (start, start + timedelta(days=3)):
        assert what_next(purchase(*attempts), now) == Leave()
        assert what_next(purchase(*attempts), now, Choice((), ())) == Leave()


def test_nothing_is_done_beside_a_contested_attempt(attempt: Attempts, purchase: Purchases, start: datetime) -> None:
    contested = attempt("rejected", contested=True)
    assert what_next(purchase(contested, attempt("failed", number=2)), start) == Leave()


@pytest.mark.parametrize("status", [status for status in TransactionStatus if status.final])
def test_what_is_final_is_left_alone(
    attempt: Attempts, purchase: Purchases, start: datetime, status: TransactionStatus
) -> None:
    assert what_next(purchase(attempt("rejected"), status=status.value), start) == Leave()


def test_after_a_rejection_the_next_supplier_is_tried_whatever_the_reason(
    attempt: Attempts, purchase: Purchases, start: datetime
) -> None:
    for code in ReasonCode:
        assert what_next(purchase(attempt("rejected", reason=Reason(code))), start) == Send(NEXT)


def test_no_attempt_starts_after_the_deadline_or_beyond_the_most(
    attempt: Attempts, purchase: Purchases, start: datetime
) -> None:
    one = purchase(failed(attempt, ReasonCode.CUTOFF))
    almost = one.deadline_at - timedelta(microseconds=1)
    assert what_next(one, almost) == Send(NEXT)
    assert what_next(one, one.deadline_at) == Finish(Reason(ReasonCode.CUTOFF, "words"))
    assert what_next(one, start, max_attempts=1) == Finish(Reason(ReasonCode.CUTOFF, "words"))
    assert what_next(one, start, max_attempts=2) == Send(NEXT)


def test_the_reason_is_the_last_word_of_a_supplier(attempt: Attempts, purchase: Purchases, start: datetime) -> None:
    nothing = Choice((), (Dropped(NEXT, "closed", ReasonCode.CUTOFF),))
    failure = failed(attempt, ReasonCode.PRODUCT_UNAVAILABLE)
    unreached = Reason(ReasonCode.OUT_OF_AREA, "no supplier's word")
    cases = {
        (failure, attempt("rejected", number=2, reason=unreached)): ReasonCode.PRODUCT_UNAVAILABLE,
        (attempt("rejected"), failed(attempt, ReasonCode.SUPPLIER_BALANCE, 2)): ReasonCode.SUPPLIER_BALANCE,
        (attempt("rejected", reason=unreached),): ReasonCode.NO_ROUTE,
        (): ReasonCode.CUTOFF,
    }
    for attempts, code in cases.items():
        step = what_next(purchase(*attempts), start, nothing)
        assert isinstance(step, Finish)
        assert step.reason.code is code
        assert step.reason.message


def test_where_no_route_could_be_tried_each_one_says_why(purchase: Purchases, start: datetime) -> None:
    dropped = (Dropped(FIRST, "costs 5400", ReasonCode.PRICE_TOO_HIGH), Dropped(NEXT, "paused", ReasonCode.NO_ROUTE))
    step = what_next(purchase(), start, Choice((), dropped))
    assert step == Finish(Reason(ReasonCode.NO_ROUTE, "alpha: costs 5400; beta: paused"))
    assert isinstance(what_next(purchase(), start, Choice((), dropped[:1])), Finish)
    late = what_next(purchase(), start + timedelta(days=1), Choice((FIRST,), ()))
    assert isinstance(late, Finish)
    assert late.reason.code is ReasonCode.NO_ROUTE


def test_an_attempt_starts_with_its_first_check_already_set(
    attempt: Attempts, purchase: Purchases, must_hold: Callable[[Transaction, Decision], None], start: datetime
) -> None:
    before = purchase(attempt("rejected"))
    now = start + timedelta(seconds=3)
    decision = begin(before, NEXT, CHOICE, attempt_id="000000000000000777", now=now, amount=50_000, first_check=30)
    must_hold(before, decision)
    one = decision.after.attempts[-1]
    assert (one.id, one.number, one.provider, one.product, one.expected_price, one.status) == (
        "000000000000000777",
        2,
        "beta",
        "X5",
        55_450,
        AttemptStatus.SENDING,
    )
    assert one.next_check_at == now + timedelta(seconds=30)
    (event,) = decision.events
    assert (event.kind, event.attempt, event.data["provider"], event.data["price"]) == (
        "attempt_started",
        one.id,
        "beta",
        55_450,
    )
    assert event.data["dropped"] == [
        {"provider": "alpha", "product": "X5", "why": "already tried for this transaction"}
    ]


def test_a_finished_transaction_has_its_reason_and_tells_it(
    attempt: Attempts, purchase: Purchases, must_hold: Callable[[Transaction, Decision], None], start: datetime
) -> None:
    before = replace(purchase(failed(attempt, ReasonCode.CUTOFF)), needs_review=True)
    reason = Reason(ReasonCode.CUTOFF, "closed")
    decision = finish(before, reason, CHOICE, now=start)
    must_hold(before, decision)
    assert (decision.after.status, decision.after.reason, decision.after.needs_review) == (
        TransactionStatus.FAILED,
        reason,
        False,
    )
    (event,) = decision.events
    assert (event.data["from"], event.data["to"], event.data["reason"]) == ("pending", "failed", "cutoff")
