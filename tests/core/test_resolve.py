"""An operator settles what no supplier will say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from gateway.core.advance import Leave, next_step
from gateway.core.apply import Decision, Evidence, Source, apply, conflicts
from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.core.resolve import CannotResolveError, resolve
from gateway.core.routing import Choice
from gateway.core.transaction import AttemptState, AttemptStatus, Transaction, TransactionStatus

Attempts = Callable[..., AttemptState]
Purchases = Callable[..., Transaction]
Steps = Callable[[Transaction, Decision], None]

FIRST = "000000000000000001"


@pytest.fixture(scope="session")
def settled(start: datetime, must_hold: Steps) -> Callable[..., Decision]:
    def settle(before: Transaction, result: str, serial: str | None = None) -> Decision:
        decision = resolve(
            before,
            result=TransactionStatus(result),
            reason="the supplier told us by telephone",
            operator="ann",
            now=start + timedelta(hours=8),
            serial=serial,
        )
        must_hold(before, decision)
        return decision

    return settle


Settles = Callable[..., Decision]


def test_success_gives_the_open_attempt_its_end_price_and_serial(
    attempt: Attempts, purchase: Purchases, settled: Settles
) -> None:
    before = purchase(attempt("rejected"), attempt("unknown", number=2, next_check_at=None), needs_review=True)
    decision = settled(before, "success", serial="SN-9")
    after = decision.after
    assert (after.status, after.provider, after.price, after.serial, after.reason) == (
        TransactionStatus.SUCCESS,
        "beta",
        5_400,
        "SN-9",
        None,
    )
    assert [one.status for one in after.attempts] == [AttemptStatus.REJECTED, AttemptStatus.SUCCESS]
    assert after.attempts[1].serial == "SN-9"
    assert after.updated_at == after.final_at == decision.events[0].at
    assert decision.events[1].data == {"from": "pending", "to": "success", "operator": "ann"}
    assert not after.needs_review
    assert [(event.kind, event.source, event.data["operator"]) for event in decision.events] == [
        ("resolved", "operator", "ann"),
        ("status", "operator", "ann"),
    ]
    assert decision.events[0].data["reason"] == "the supplier told us by telephone"


def test_the_price_that_a_supplier_told_is_kept(attempt: Attempts, purchase: Purchases, settled: Settles) -> None:
    before = purchase(attempt("unknown", price=5_390, next_check_at=None), needs_review=True)
    assert settled(before, "success").after.price == 5_390


def test_failed_ends_every_open_attempt_and_tries_nobody_else(
    attempt: Attempts, purchase: Purchases, settled: Settles, start: datetime
) -> None:
    before = purchase(attempt("failed", contested=True), attempt("unknown", number=2), needs_review=True, conflict=True)
    after = settled(before, "failed").after
    assert after.status is TransactionStatus.FAILED
    assert after.reason is not None
    assert after.reason.code is ReasonCode.OPERATOR
    assert not any(one.may_deliver or one.next_check_at for one in after.attempts)
    assert not after.conflict
    assert next_step(after, Choice((), ()), now=start, max_attempts=9, no_failover={}) == Leave()


def test_failed_names_no_supplier_and_no_price(attempt: Attempts, purchase: Purchases, settled: Settles) -> None:
    before = purchase(attempt("unknown", price=5_390, next_check_at=None), needs_review=True)
    after = settled(before, "failed", serial="SN-9").after
    assert (after.provider, after.price, after.serial) == (None, None, None)


def test_a_success_that_comes_after_it_was_called_failed_calls_a_person_again(
    attempt: Attempts, purchase: Purchases, settled: Settles, start: datetime
) -> None:
    failed = settled(purchase(attempt("unknown"), needs_review=True), "failed").after
    evidence = Evidence(FIRST, Outcome(status=OutcomeStatus.SUCCESS, serial="SN-1"), Source.REPORT, start)
    decision = apply(failed, evidence)
    assert conflicts(decision.events) == ["success_after_failed"]
    assert (decision.after.status, decision.after.conflict) == (TransactionStatus.FAILED, True)


def test_where_two_may_have_delivered_success_names_no_supplier(
    attempt: Attempts, purchase: Purchases, settled: Settles, start: datetime
) -> None:
    before = purchase(
        attempt("rejected", contested=True), attempt("unknown", number=2), needs_review=True, conflict=True
    )
    after = settled(before, "success", serial="SN-9").after
    assert (after.status, after.provider, after.price) == (TransactionStatus.SUCCESS, None, None)
    evidence = Evidence(after.attempts[1].id, Outcome(status=OutcomeStatus.SUCCESS), Source.REPORT, start)
    assert conflicts(apply(after, evidence).events) == ["double_success"]


@pytest.mark.parametrize("status", ["success", "failed", "reversed"])
@pytest.mark.parametrize("result", ["success", "failed"])
def test_a_final_state_stays_and_its_conflict_is_marked_as_seen(
    attempt: Attempts, purchase: Purchases, settled: Settles, status: str, result: str
) -> None:
    before = purchase(attempt(status), status=status, conflict=True)
    decision = settled(before, result)
    assert (decision.after.status.value, decision.after.conflict) == (status, False)
    assert decision.after.attempts == before.attempts
    assert [event.kind for event in decision.events] == ["resolved"]


def test_what_goes_its_way_is_left_alone(attempt: Attempts, purchase: Purchases, settled: Settles) -> None:
    refusals = {
        "still goes its normal way": purchase(attempt("unknown")),
        "is success already": purchase(attempt("success"), status="success"),
        "being called for it right now": purchase(attempt("sending"), needs_review=True),
        "is being called": purchase(attempt("rejected", contested=True), attempt("sending", number=2), conflict=True),
    }
    for words, before in refusals.items():
        for result in ("success", "failed"):
            with pytest.raises(CannotResolveError) as refused:
                settled(before, result)
            assert words.replace("is being called", "being called") in str(refused.value)


@pytest.mark.parametrize("result", ["pending", "reversed"])
def test_only_success_and_failed_are_results(
    attempt: Attempts, purchase: Purchases, settled: Settles, result: str
) -> None:
    with pytest.raises(CannotResolveError, match="success or failed"):
        settled(purchase(attempt("unknown"), needs_review=True), result)


def test_what_is_open_only_at_accounts_that_are_gone_is_settled_before_its_checks_are_over(
    attempt: Attempts, purchase: Purchases, start: datetime
) -> None:
    def settle(before: Transaction, *accounts: str) -> TransactionStatus:
        decision = resolve(
            before,
            result=TransactionStatus.FAILED,
            reason="the supplier has closed",
            operator="ann",
            now=start,
            accounts=accounts,
        )
        return decision.after.status

    gone = purchase(attempt("failed"), attempt("pending", number=2))
    assert settle(gone, "alpha") is TransactionStatus.FAILED
    with pytest.raises(CannotResolveError, match="normal way"):
        settle(gone, "alpha", "beta")
    with pytest.raises(CannotResolveError, match="normal way"):
        settle(purchase(attempt("rejected")))
    with pytest.raises(CannotResolveError, match="right now"):
        settle(purchase(attempt("sending")))
    both = purchase(attempt("failed", contested=True), attempt("pending", number=2))
    with pytest.raises(CannotResolveError, match="normal way"):
        settle(both, "beta")


def test_the_serial_that_the_supplier_has_named_is_the_proof_where_the_operator_knows_no_other(
    attempt: Attempts, purchase: Purchases, settled: Settles
) -> None:
    before = purchase(attempt("failed", contested=True, serial="SN-1", price=0), needs_review=True, conflict=True)
    after = settled(before, "success").after
    assert (after.serial, after.attempts[0].serial, after.price) == ("SN-1", "SN-1", 0)
    after = settled(before, "success", serial="SN-9").after
    assert (after.serial, after.attempts[0].serial) == ("SN-9", "SN-9")
    assert settled(before, "failed", serial="SN-9").after.serial is None


def test_a_person_ends_the_routing_of_what_an_unverified_report_speaks_of(
    attempt: Attempts, purchase: Purchases, settled: Settles, start: datetime
) -> None:
    after = settled(purchase(attempt("failed"), conflict=True, route_at=start), "failed").after
    assert after.route_at is None
