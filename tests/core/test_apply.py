"""What evidence brings with it: serials, prices, second successes, takings back, and "no such transaction"."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.core.apply import MAX_FIELD, MAX_MESSAGE, Decision, Evidence, NeverSeenRule, Source, apply, conflicts
from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.core.transaction import NOT_UNDERSTOOD, AttemptState, AttemptStatus, Transaction, TransactionStatus

Attempts = Callable[..., AttemptState]
Purchases = Callable[..., Transaction]
Steps = Callable[[Transaction, Decision], None]

FIRST, SECOND = "000000000000000001", "000000000000000002"
RULE = NeverSeenRule(quiet_seconds=600, times=2)
NEVER_SEEN = Outcome(status=OutcomeStatus.UNKNOWN, never_seen=True, message="TIDAK ADA transaksi")


@pytest.fixture(scope="session")
def told(start: datetime, must_hold: Steps) -> Callable[..., Decision]:
    """Applies evidence that is written short: `told(before, FIRST, "success", serial="SN-1")`."""

    def apply_it(
        before: Transaction,
        attempt: str,
        said: str | Outcome,
        *,
        source: Source = Source.REPORT,
        after: float = 1.0,
        since: datetime | None = None,
        proof: NeverSeenRule | None = None,
        **facts: Any,
    ) -> Decision:
        outcome = Outcome(status=OutcomeStatus(said), **facts) if isinstance(said, str) else said
        evidence = Evidence(attempt, outcome, source, start + timedelta(seconds=after), by="report 5", since=since)
        decision = apply(before, evidence, never_seen=proof)
        must_hold(before, decision)
        return decision

    return apply_it


Told = Callable[..., Decision]


def test_a_success_brings_proof_price_and_supplier(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    before = purchase(attempt(), needs_review=True)
    after = told(before, FIRST, "success", serial="SN-1", price=5_390, supplier_ref="T-1", message="SUKSES").after
    assert (after.serial, after.price, after.provider, after.reason) == ("SN-1", 5_390, "alpha", None)
    assert not after.needs_review
    one = after.attempts[0]
    assert (one.serial, one.price, one.supplier_ref, one.message) == ("SN-1", 5_390, "T-1", "SUKSES")
    assert one.next_check_at is None


def test_without_a_price_in_the_answer_the_routes_price_counts(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    after = told(purchase(attempt()), FIRST, "success").after
    assert after.price == 5_400
    assert after.attempts[0].price is None


def test_a_price_of_nothing_is_a_price(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    assert told(purchase(attempt()), FIRST, "success", price=0).after.price == 0


def test_what_is_not_a_success_brings_no_serial_and_no_price(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    for said in ("pending", "failed", "unknown"):
        after = told(purchase(attempt("sending")), FIRST, said, serial="SN-1", price=5_390).after
        assert (after.serial, after.price, after.attempts[0].serial, after.attempts[0].price) == (None,) * 4


def test_a_failure_without_a_reason_is_the_suppliers_refusal(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    after = told(purchase(attempt()), FIRST, "failed", message="GAGAL").after
    reason = after.attempts[0].reason
    assert reason is not None
    assert (reason.code, reason.message) == (ReasonCode.SUPPLIER_REFUSED, "GAGAL")


def test_the_same_success_may_add_what_was_left_out(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    first = told(purchase(attempt()), FIRST, "success").after
    decision = told(first, FIRST, "success", serial="SN-1", supplier_ref="T-1")
    assert [event.kind for event in decision.events] == ["enriched"]
    assert decision.after.serial == "SN-1"
    assert decision.after.attempts[0].supplier_ref == "T-1"
    again = told(decision.after, FIRST, "success", serial="SN-1", supplier_ref="T-1")
    assert again.after is decision.after


def test_the_same_success_again_changes_nothing_that_was_known(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    first = told(purchase(attempt()), FIRST, "success", serial="SN-1", price=5_390, supplier_ref="T-1").after
    assert told(first, FIRST, "success").after is first, "what it leaves out stays"
    assert told(first, FIRST, "success", serial="SN-1", price=9_999, supplier_ref="T-2").after is first


def test_another_serial_is_a_conflict_and_changes_nothing_that_was_told(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    first = told(purchase(attempt()), FIRST, "success", serial="SN-1").after
    decision = told(first, FIRST, "success", serial="SN-2")
    assert conflicts(decision.events) == ["contradiction"]
    assert decision.events[0].data["serial"] == "SN-2"
    assert (decision.after.serial, decision.after.status, decision.after.conflict) == (
        "SN-1",
        TransactionStatus.SUCCESS,
        True,
    )


def test_a_very_long_serial_that_comes_again_is_the_same_serial(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    first = told(purchase(attempt()), FIRST, "success", serial="9" * (MAX_FIELD + 500)).after
    assert first.serial == "9" * MAX_FIELD
    assert told(first, FIRST, "success", serial="9" * (MAX_FIELD + 500)).after is first


def test_long_words_are_cut(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    decision = told(purchase(attempt()), FIRST, "failed", message="x" * 5_000)
    one = decision.after.attempts[0]
    assert len(one.message) == MAX_MESSAGE
    assert one.reason is not None
    assert len(one.reason.message) == MAX_MESSAGE
    assert len(str(decision.events[0].data["message"])) == MAX_MESSAGE


def test_a_success_that_is_taken_back_is_reversed_once(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    bought = told(purchase(attempt()), FIRST, "success", serial="SN-1", price=5_390).after
    decision = told(bought, FIRST, "failed", message="REFUND", after=60)
    after = decision.after
    assert after.status is TransactionStatus.REVERSED
    assert after.reason is not None
    assert (after.reason.code, after.reason.message) == (ReasonCode.SUPPLIER_REFUSED, "REFUND")
    assert after.serial == "SN-1", "what was delivered stays to be read"
    assert after.route_at is None, "what was taken back is not bought again"
    assert told(after, FIRST, "failed", message="REFUND", after=61).after is after
    assert conflicts(told(after, FIRST, "success", serial="SN-1", after=62).events) == ["contradiction"]


@pytest.mark.parametrize("source", [Source.REPORT, Source.CHECK])
def test_a_failure_that_was_told_before_the_success_was_learned_is_no_taking_back(
    attempt: Attempts, purchase: Purchases, told: Told, start: datetime, source: Source
) -> None:
    bought = told(purchase(attempt()), FIRST, "success", serial="SN-1", after=60).after
    old = told(bought, FIRST, "failed", source=source, after=90, since=start + timedelta(seconds=59))
    assert (old.after.status, old.after.conflict) == (TransactionStatus.SUCCESS, True)
    assert conflicts(old.events) == ["contradiction"]
    new = told(bought, FIRST, "failed", source=source, after=90, since=start + timedelta(seconds=60))
    assert new.after.status is TransactionStatus.REVERSED


def test_a_late_answer_does_not_take_a_reported_success_back(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    reported = told(purchase(attempt("sending")), FIRST, "success", serial="SN-1").after
    for said in ("pending", "unknown"):
        assert told(reported, FIRST, said, source=Source.ANSWER).after is reported
    decision = told(reported, FIRST, "failed", source=Source.ANSWER)
    assert decision.after.status is TransactionStatus.SUCCESS
    assert conflicts(decision.events) == ["contradiction"]


def test_a_price_that_is_told_after_the_end_takes_the_place_of_the_catalogues(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    bought = told(purchase(attempt()), FIRST, "success", serial="SN-1").after
    assert (bought.price, bought.attempts[0].price) == (bought.attempts[0].expected_price, None)
    named = told(bought, FIRST, "success", serial="SN-1", price=5_475).after
    assert (named.price, named.attempts[0].price, named.serial) == (5_475, 5_475, "SN-1")
    assert told(named, FIRST, "success", price=9_999).after.price == 5_475, "the first word stays"


def test_pending_stays_known_when_a_check_brings_nothing(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    after = told(purchase(attempt("pending")), FIRST, "unknown", source=Source.CHECK, message="502").after
    assert after.attempts[0].status is AttemptStatus.PENDING


@pytest.mark.parametrize("state", ["unknown", "pending"])
def test_the_rule_is_the_one_that_read_the_last_words_and_says_where_none_did(
    attempt: Attempts, purchase: Purchases, told: Told, state: str
) -> None:
    before = purchase(attempt(state, rule="waiting", message="akan diproses"))

    def learned(after: Decision) -> tuple[str, str | None]:
        one = after.after.attempts[0]
        assert one.status is AttemptStatus(state)
        return one.message, one.rule

    for source in (Source.CHECK, Source.ANSWER):
        unread = told(before, FIRST, "unknown", message="OTW ya", source=source)
        assert learned(unread) == ("OTW ya", NOT_UNDERSTOOD)
        assert learned(told(unread.after, FIRST, "unknown", source=Source.CHECK)) == ("OTW ya", NOT_UNDERSTOOD)
        again = told(unread.after, FIRST, "unknown", message="odd", rule="two against one", source=Source.CHECK)
        assert learned(again) == ("odd", "two against one")
        assert learned(told(unread.after, FIRST, NEVER_SEEN, source=Source.CHECK)) == (NEVER_SEEN.message, None)
    # A report is listed by itself, and a silence has no words.
    assert learned(told(before, FIRST, "unknown", message="OTW ya")) == ("OTW ya", "waiting")
    assert learned(told(before, FIRST, "unknown", source=Source.CHECK)) == ("akan diproses", "waiting")


def test_success_of_one_that_had_failed_stops_routing_and_calls_a_person(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    failed = told(purchase(attempt()), FIRST, "failed", reason=ReasonCode.CUTOFF).after
    assert failed.route_at is not None
    decision = told(failed, FIRST, "success", serial="SN-1")
    after = decision.after
    assert (after.status, after.route_at, after.needs_review, after.conflict) == (
        TransactionStatus.PENDING,
        None,
        True,
        True,
    )
    assert after.attempts[0].contested
    assert after.attempts[0].may_deliver


def test_success_of_the_second_beside_a_contested_first_is_a_double_success(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    before = purchase(attempt("rejected"), attempt("pending", number=2))
    contested = told(before, FIRST, "success", serial="SN-1").after
    assert contested.attempts[0].contested
    assert not contested.needs_review, "the second is still on its way"
    decision = told(contested, SECOND, "success", serial="SN-2")
    assert decision.after.status is TransactionStatus.SUCCESS
    assert (decision.after.provider, decision.after.serial) == ("beta", "SN-2")
    assert decision.after.conflict
    assert conflicts(decision.events) == ["double_success"]
    assert decision.events[-1].data["other"] == [FIRST]


def test_failure_of_the_second_beside_a_contested_first_needs_a_person_and_no_third_supplier(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    before = purchase(attempt("rejected"), attempt("pending", number=2))
    contested = told(before, FIRST, "success", serial="SN-1").after
    after = told(contested, SECOND, "failed", reason=ReasonCode.CUTOFF).after
    assert (after.status, after.needs_review, after.route_at) == (TransactionStatus.PENDING, True, None)


@pytest.mark.parametrize("first", ["failed", "rejected"])
def test_a_late_success_of_what_had_failed_is_a_double_success_where_another_has_delivered(
    attempt: Attempts, purchase: Purchases, told: Told, first: str
) -> None:
    before = purchase(attempt(first), attempt("success", number=2, serial="SN-2"), status="success")
    decision = told(before, FIRST, "success", serial="SN-1")
    assert conflicts(decision.events) == ["double_success"]
    assert decision.events[0].data["serial"] == "SN-1", "for the claim"
    assert (decision.after.provider, decision.after.serial, decision.after.conflict) == ("beta", "SN-2", True)


def test_a_refused_one_that_is_called_pending_and_then_delivered_is_a_double_success_and_told_once(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    before = purchase(attempt("rejected"), attempt("success", number=2, serial="SN-2"), status="success")
    pending = told(before, FIRST, "pending")
    assert conflicts(pending.events) == ["contradiction"]
    delivered = told(pending.after, FIRST, "success", serial="SN-1")
    assert conflicts(delivered.events) == ["double_success"]
    assert told(delivered.after, FIRST, "success", serial="SN-1").after is delivered.after


@pytest.mark.parametrize("first", ["failed", "rejected"])
def test_the_serial_of_a_late_success_is_kept_and_the_same_news_again_is_none(
    attempt: Attempts, purchase: Purchases, told: Told, first: str
) -> None:
    after = told(purchase(attempt(first)), FIRST, "success", serial="SN-1").after
    assert (after.attempts[0].serial, after.serial) == ("SN-1", None)
    assert told(after, FIRST, "success", serial="SN-1").after is after


def test_a_late_success_of_what_had_failed_is_told_as_one_where_nobody_has_delivered(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    ended = purchase(attempt("failed"), attempt("failed", number=2), status="failed")
    assert conflicts(told(ended, FIRST, "success", serial="SN-1").events) == ["success_after_failed"]
    going_on = purchase(attempt("failed"), attempt("pending", number=2))
    assert conflicts(told(going_on, FIRST, "success", serial="SN-1").events) == ["contradiction"]


def test_a_second_supplier_that_delivers_too_is_a_double_success(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    before = purchase(attempt("unknown"), attempt("success", number=2, serial="SN-2"), status="success")
    decision = told(before, FIRST, "success", serial="SN-1")
    assert conflicts(decision.events) == ["double_success"]
    after = decision.after
    assert (after.provider, after.serial, after.conflict) == ("beta", "SN-2", True)
    assert after.attempts[0].status is AttemptStatus.SUCCESS
    # One of two is taken back: it was still delivered once.
    assert told(after, FIRST, "failed").after.status is TransactionStatus.SUCCESS


def test_where_two_delivered_and_the_named_one_is_taken_back_the_other_is_named(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    first, second = attempt("success", serial="SN-1", price=5_390), attempt("unknown", number=2)
    both = told(purchase(first, second, status="success"), SECOND, "success", serial="SN-2", price=5_440).after
    assert (both.provider, both.serial, both.price) == ("alpha", "SN-1", 5_390)
    left = told(both, FIRST, "failed").after
    assert (left.status, left.provider, left.serial, left.price) == (TransactionStatus.SUCCESS, "beta", "SN-2", 5_440)
    catalogue = told(both, SECOND, "failed").after
    assert (catalogue.provider, catalogue.serial, catalogue.price) == ("alpha", "SN-1", 5_390)
    none = told(left, SECOND, "failed").after
    assert none.status is TransactionStatus.REVERSED


def test_of_two_successes_at_one_account_each_has_its_own_price(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    """Two routes, with two of the supplier's products, lead to it."""
    first = attempt("success", serial="SN-1")
    second = attempt("success", number=2, provider="alpha", product="X5B", serial="SN-2", expected_price=6_000)
    before = purchase(first, second, status="success", serial="SN-2", price=6_000)
    after = told(before, FIRST, "success", serial="SN-1", price=5_390).after
    assert (after.serial, after.price, after.attempts[0].price) == ("SN-2", 6_000, 5_390)
    after = told(before, SECOND, "success", serial="SN-2", price=6_010).after
    assert (after.serial, after.price) == ("SN-2", 6_010)


def test_a_taking_back_names_nobody_where_a_person_could_name_nobody(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    """A person has said that it was delivered, and not by whom; later both suppliers say that they did."""
    first, second = attempt("success", serial="SN-1"), attempt("success", number=2, serial="SN-2")
    before = purchase(first, second, status="success", provider=None, price=None, serial="SN-9")
    left = told(before, FIRST, "failed").after
    assert (left.status, left.provider, left.price, left.serial) == (TransactionStatus.SUCCESS, None, None, "SN-9")


def test_the_price_of_the_catalogue_stands_in_where_the_one_that_is_named_instead_has_none(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    first, second = attempt("success", serial="SN-1", price=5_390), attempt("unknown", number=2, expected_price=5_450)
    both = told(purchase(first, second, status="success"), SECOND, "success").after
    left = told(both, FIRST, "failed").after
    assert (left.provider, left.serial, left.price) == ("beta", None, 5_450)


def test_a_purchase_that_waited_for_a_person_goes_on_where_a_failure_sets_it_free(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    before = purchase(attempt("unknown", next_check_at=None), needs_review=True)
    after = told(before, FIRST, "failed", reason=ReasonCode.CUTOFF).after
    assert (after.needs_review, after.route_at is not None) == (False, True)


def test_a_failure_after_the_end_sends_nobody_on(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    before = purchase(attempt("unknown"), attempt("success", number=2, serial="SN-2"), status="success")
    after = told(before, FIRST, "failed").after
    assert (after.status, after.attempts[0].status, after.route_at) == (
        TransactionStatus.SUCCESS,
        AttemptStatus.FAILED,
        None,
    )


def test_what_was_delivered_after_a_person_had_called_it_failed_can_be_taken_back_and_stays_failed(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    delivered = told(purchase(attempt("unknown"), status="failed"), FIRST, "success", serial="SN-1").after
    after = told(delivered, FIRST, "failed").after
    assert (after.status, after.attempts[0].status) == (TransactionStatus.FAILED, AttemptStatus.REVERSED)


@pytest.mark.parametrize("status", ["failed", "reversed"])
def test_a_success_after_the_end_is_kept_for_a_person(
    attempt: Attempts, purchase: Purchases, told: Told, status: str
) -> None:
    before = purchase(attempt("unknown"), status=status)
    decision = told(before, FIRST, "success", serial="SN-1")
    assert conflicts(decision.events) == [f"success_after_{status}"]
    assert (decision.after.status.value, decision.after.conflict) == (status, True)


def test_more_about_a_contested_attempt_is_kept_and_settles_nothing(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    contested = told(purchase(attempt("failed")), FIRST, "success").after
    assert told(contested, FIRST, "pending").after is contested
    assert told(contested, FIRST, "unknown").after is contested
    assert told(contested, FIRST, "failed").after is contested
    after = told(contested, FIRST, "success", serial="SN-1").after
    assert after.attempts[0].serial == "SN-1"
    assert (after.status, after.needs_review, after.attempts[0].contested) == (TransactionStatus.PENDING, True, True)
    assert told(after, FIRST, "success", serial="SN-1").after is after
    assert told(after, FIRST, "success", serial="SN-2").after is after, "the first proof stays"


# "No such transaction".


def test_never_seen_counts_as_proof_only_after_the_quiet_time_and_often_enough(
    attempt: Attempts, purchase: Purchases, told: Told
) -> None:
    state = purchase(attempt("unknown"))
    for seconds, count in ((30, 1), (120, 2), (599, 3)):
        state = told(state, FIRST, NEVER_SEEN, source=Source.CHECK, after=seconds, proof=RULE).after
        assert (state.attempts[0].status, state.attempts[0].never_seen) == (AttemptStatus.UNKNOWN, count)
    state = told(state, FIRST, NEVER_SEEN, source=Source.CHECK, after=600, proof=RULE).after
    assert state.attempts[0].status is AttemptStatus.REJECTED
    assert state.route_at is not None


def test_never_seen_once_is_not_enough_however_late(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    after = told(purchase(attempt("unknown")), FIRST, NEVER_SEEN, source=Source.CHECK, after=86_400, proof=RULE).after
    assert after.attempts[0].status is AttemptStatus.UNKNOWN


def test_another_answer_in_between_starts_the_count_again(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    state = purchase(attempt("unknown", never_seen=1))
    state = told(state, FIRST, "unknown", source=Source.CHECK, message="502", after=700, proof=RULE).after
    assert state.attempts[0].never_seen == 0
    state = told(state, FIRST, NEVER_SEEN, source=Source.CHECK, after=800, proof=RULE).after
    assert state.attempts[0].status is AttemptStatus.UNKNOWN


def test_without_a_rule_never_seen_is_never_proof(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    state = purchase(attempt("unknown"))
    for round_ in range(20):
        state = told(state, FIRST, NEVER_SEEN, source=Source.CHECK, after=86_400 * (round_ + 1)).after
        assert state.attempts[0].status is AttemptStatus.UNKNOWN


def test_what_was_seen_once_is_not_made_unseen(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    state = purchase(attempt("pending", never_seen=50))
    for round_ in range(5):
        state = told(state, FIRST, NEVER_SEEN, source=Source.CHECK, after=10_000 + round_, proof=RULE).after
        assert state.attempts[0].status is AttemptStatus.PENDING


def test_never_seen_takes_no_success_back(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    bought = told(purchase(attempt("unknown", never_seen=50)), FIRST, "success", serial="SN-1").after
    decision = told(bought, FIRST, NEVER_SEEN, source=Source.CHECK, after=9_999, proof=RULE)
    assert (decision.after.status, decision.after.serial) == (TransactionStatus.SUCCESS, "SN-1")
    assert conflicts(decision.events) == ["contradiction"]


@pytest.mark.parametrize("source", [Source.ANSWER, Source.REPORT])
def test_never_seen_is_proof_only_from_a_check(
    attempt: Attempts, purchase: Purchases, told: Told, source: Source
) -> None:
    state = told(purchase(attempt("unknown", never_seen=50)), FIRST, NEVER_SEEN, source=source, after=9_999, proof=RULE)
    assert state.after.attempts[0].status is AttemptStatus.UNKNOWN


def test_a_clock_that_was_set_back_proves_nothing(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    state = purchase(attempt("unknown", never_seen=50))
    after = told(state, FIRST, NEVER_SEEN, source=Source.CHECK, after=-30 * 86_400, proof=RULE).after
    assert after.attempts[0].status is AttemptStatus.UNKNOWN


def test_the_events_say_who_told_what_and_from_what_to_what(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    facts: dict[str, Any] = {
        "serial": "SN-1",
        "price": 5_390,
        "supplier_ref": "T-1",
        "rule": "sukses-sn",
        "message": "SUKSES",
    }
    first, second = told(purchase(attempt()), FIRST, "success", **facts).events
    assert (first.kind, first.source, first.attempt) == ("attempt", "report", FIRST)
    assert first.data == {"from": "pending", "to": "success", "by": "report 5", **facts}
    assert (second.kind, second.data["from"], second.data["to"]) == ("status", "pending", "success")


def test_a_bill_that_an_inquiry_found_stays(attempt: Attempts, purchase: Purchases, told: Told) -> None:
    bill = {"name": "BUDI", "amount": "120500"}
    after = told(purchase(attempt()), FIRST, "success", bill=bill).after
    assert after.bill == bill
    assert told(purchase(attempt(), bill=bill), FIRST, "success").after.bill == bill
