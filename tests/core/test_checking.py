"""When an open attempt is asked about, when asking may buy, and when only a person can help (C5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.apply import Decision, Evidence, Source, apply
from gateway.core.checking import checked, keep_unverified, may_ask_by_resending, verify
from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.core.transaction import AttemptState, AttemptStatus, Transaction, TransactionStatus

Attempts = Callable[..., AttemptState]
Purchases = Callable[..., Transaction]
Steps = Callable[[Transaction, Decision], None]

ID = "000000000000000001"
SCHEDULE = (30.0, 120.0, 600.0)


def seconds(amount: float) -> timedelta:
    return timedelta(seconds=amount)


def ask(before: Transaction, now: datetime, *, said: str = "unknown") -> Decision:
    """One check whose answer says this."""
    outcome = Outcome(status=OutcomeStatus(said))
    decision = apply(before, Evidence(ID, outcome, Source.CHECK, now))
    return checked(decision, ID, schedule=SCHEDULE, now=now, conclusive=said in {"success", "failed"})


def test_questions_go_by_the_schedule_and_then_a_person_is_asked(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime
) -> None:
    state = purchase(attempt("unknown"))
    for due, following in ((30, 120), (120, 600), (600, None)):
        assert state.attempts[0].next_check_at == start + seconds(due)
        decision = ask(state, start + seconds(due))
        must_hold(state, decision)
        state = decision.after
        assert state.attempts[0].next_check_at == (None if following is None else start + seconds(following))
        assert state.needs_review == (following is None)
    assert [(event.kind, event.data) for event in decision.events] == [("needs_review", {"checks": 3})]
    assert state.attempts[0].status is AttemptStatus.UNKNOWN, "a time-out never becomes a failure"
    assert state.status is TransactionStatus.PENDING


def test_after_the_last_check_everybody_who_knows_may_still_settle_it(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime
) -> None:
    waiting = purchase(attempt("unknown", checks_done=3, next_check_at=None), needs_review=True)
    late = start + timedelta(days=2)
    decision = apply(waiting, Evidence(ID, Outcome(status=OutcomeStatus.SUCCESS), Source.REPORT, late))
    must_hold(waiting, decision)
    assert (decision.after.status, decision.after.needs_review) == (TransactionStatus.SUCCESS, False)


def test_a_gateway_that_was_down_keeps_the_pauses_and_makes_no_burst(
    attempt: Attempts, purchase: Purchases, start: datetime
) -> None:
    state = purchase(attempt("unknown"))
    now = start + timedelta(days=1)
    asked = []
    while (due := state.attempts[0].next_check_at) is not None:
        now = max(now, due)
        asked.append(now)
        state = ask(state, now).after
    assert [(later - sooner).total_seconds() for sooner, later in pairwise(asked)] == [90, 480]


def test_a_check_before_its_time_is_not_counted(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime
) -> None:
    before = purchase(attempt("unknown"))
    wanted = verify(before, ID, succeeded=True, at=start + seconds(5), now=start + seconds(5), by="report 1")
    must_hold(before, wanted)
    assert wanted.after.attempts[0].next_check_at == start + seconds(5)
    assert [(event.kind, event.data) for event in wanted.events] == [("report_to_verify", {"by": "report 1"})]
    answered = ask(wanted.after, start + seconds(6))
    must_hold(wanted.after, answered)
    one = answered.after.attempts[0]
    assert (one.checks_done, one.next_check_at) == (0, start + seconds(30))
    assert wanted.after.updated_at == start + seconds(5)
    later = purchase(attempt("unknown", checks_done=1, next_check_at=start + seconds(40)))
    one = ask(later, start + seconds(40)).after.attempts[0]
    assert (one.checks_done, one.next_check_at) == (1, start + seconds(120))


def test_an_answer_that_teaches_something_and_the_next_question_are_one_step(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime
) -> None:
    before = purchase(attempt("unknown"))
    decision = ask(before, start + seconds(30), said="pending")
    must_hold(before, decision)
    assert (decision.after.attempts[0].status, decision.after.attempts[0].checks_done) == (AttemptStatus.PENDING, 1)


def test_a_question_that_was_under_way_when_a_person_decided_is_followed_by_no_other(
    attempt: Attempts, purchase: Purchases, start: datetime
) -> None:
    """Which of two delivered nobody knows: both stay open, and are asked about no more."""
    one, other = attempt("unknown", next_check_at=None), attempt("pending", number=2, next_check_at=None)
    decided = purchase(one, other, status="success")
    assert ask(decided, start + seconds(30)).after is decided


def test_a_person_is_called_once(attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime) -> None:
    one, asked = attempt("unknown", checks_done=3, next_check_at=None), start + seconds(900)
    waiting = purchase(one, needs_review=True)
    again = verify(waiting, ID, at=asked, now=asked, by="report 1", succeeded=True).after
    decision = ask(again, asked)
    must_hold(again, decision)
    assert (decision.events, decision.after.needs_review) == ((), True)
    assert decision.after.attempts[0].next_check_at is None


def test_a_contested_attempt_that_nobody_clears_up_waits_for_a_person(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime
) -> None:
    contested = attempt("failed", contested=True, checks_done=3, next_check_at=start)
    before = purchase(contested, attempt("pending", number=2), conflict=True)
    decision = ask(before, start + seconds(900))
    must_hold(before, decision)
    assert decision.after.needs_review


def test_what_is_asked_about_sooner_anyway_stays_as_it_is(
    attempt: Attempts, purchase: Purchases, start: datetime
) -> None:
    before = purchase(attempt("unknown"))
    assert verify(before, ID, succeeded=True, at=start + seconds(30), now=start, by="report 1").after is before
    assert verify(before, ID, succeeded=True, at=start + seconds(31), now=start, by="report 1").after is before


@pytest.mark.parametrize("said", [("success", False), ("failed", True), ("rejected", True)])
def test_a_report_that_overtook_the_answer_and_says_another_thing_is_asked_about(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime, said: tuple[str, bool]
) -> None:
    """The ledger was away: the answer said success, the supplier took it back, and both were written down later."""
    answered, reported = said
    sending = purchase(attempt("sending"))
    late = start + seconds(45)  # a check is due already, and would end with the answer
    for now in (start + seconds(1), late):
        wanted = verify(sending, ID, succeeded=reported, at=now, now=now, by="report 1")
        must_hold(sending, wanted)
        assert [event.kind for event in wanted.events] == ["report_to_verify"]
        evidence = Evidence(ID, Outcome(status=OutcomeStatus(answered)), Source.ANSWER, start + seconds(1))
        settled = apply(wanted.after, evidence)
        must_hold(wanted.after, settled)
        due = settled.after.attempts[0].next_check_at
        assert due is not None
        assert due <= now
    confirmed = ask(settled.after, late, said="success" if reported else "failed")
    must_hold(settled.after, confirmed)
    assert confirmed.after.attempts[0].next_check_at is None
    assert confirmed.after.conflict == reported, "a person looks where it was delivered all the same"
    assert (confirmed.after.status is TransactionStatus.REVERSED) != reported


@pytest.mark.parametrize(("answered", "reported"), [("success", True), ("failed", False), ("rejected", False)])
def test_a_report_that_overtook_the_answer_and_says_the_same_raises_no_question(
    attempt: Attempts, purchase: Purchases, start: datetime, answered: str, reported: bool
) -> None:
    now = start + seconds(1)
    wanted = verify(purchase(attempt("sending")), ID, succeeded=reported, at=now, now=now, by="report 1").after
    evidence = Evidence(ID, Outcome(status=OutcomeStatus(answered)), Source.ANSWER, now)
    assert apply(wanted, evidence).after.attempts[0].next_check_at is None


def test_an_attempt_that_is_being_sent_remembers_a_success_before_a_failure(
    attempt: Attempts, purchase: Purchases, start: datetime
) -> None:
    state = purchase(attempt("sending"))
    for succeeded, remembered in ((None, None), (False, False), (True, True), (False, True), (None, True)):
        state = verify(state, ID, at=start, now=start, by="report 1", succeeded=succeeded).after
        assert state.attempts[0].reported is remembered


def test_an_answer_ends_the_questions_that_only_the_schedule_has(
    attempt: Attempts, purchase: Purchases, start: datetime
) -> None:
    evidence = Evidence(ID, Outcome(status=OutcomeStatus.SUCCESS), Source.ANSWER, start + seconds(60))
    assert apply(purchase(attempt("sending")), evidence).after.attempts[0].next_check_at is None


@pytest.mark.parametrize("said", ["success", "failed"])
def test_a_definite_answer_ends_the_questions(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime, said: str
) -> None:
    before = purchase(attempt("unknown"))
    decision = ask(before, start + seconds(30), said=said)
    must_hold(before, decision)
    assert decision.after.attempts[0].next_check_at is None
    assert not decision.after.needs_review


def test_a_confirmed_failure_ends_the_verification_of_a_report(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime
) -> None:
    failed = purchase(attempt("failed"), attempt("pending", number=2))
    doubted = verify(failed, ID, at=start, now=start, by="report 5").after
    decision = ask(doubted, start + seconds(40), said="failed")
    must_hold(doubted, decision)
    assert (decision.after.attempts[0].next_check_at, decision.after.conflict) == (None, False)


def test_a_confirmed_success_ends_the_verification_of_a_report(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime
) -> None:
    bought = purchase(attempt("success"), status="success")
    asked = verify(bought, ID, succeeded=False, at=start + seconds(60), now=start + seconds(60), by="report 2").after
    decision = ask(asked, start + seconds(60), said="success")
    must_hold(asked, decision)
    assert decision.after.attempts[0].next_check_at is None
    assert (decision.after.status, decision.after.conflict) == (TransactionStatus.SUCCESS, False)


def test_a_report_against_a_success_that_nobody_confirms_ends_with_a_person(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime
) -> None:
    state = verify(
        purchase(attempt("success"), status="success"), ID, succeeded=False, at=start, now=start, by="report 2"
    ).after
    rounds = 0
    while (due := state.attempts[0].next_check_at) is not None and rounds < 10:
        decision = ask(state, due, said="unknown")
        must_hold(state, decision)
        state, rounds = decision.after, rounds + 1
    assert (state.status, state.conflict) == (TransactionStatus.SUCCESS, True)
    assert rounds == 4


def test_a_report_against_a_failure_that_nobody_confirms_is_a_conflict_while_another_supplier_has_it(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime
) -> None:
    failed = purchase(attempt("failed"), attempt("pending", number=2))
    state = verify(failed, ID, succeeded=True, at=start, now=start, by="report 2").after
    while (due := state.attempts[0].next_check_at) is not None:
        decision = ask(state, due)
        must_hold(state, decision)
        state = decision.after
    assert (state.conflict, state.needs_review) == (True, False), "the second may still settle it"


def test_an_attempt_that_is_still_open_after_another_has_delivered_is_a_conflict(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime
) -> None:
    state = purchase(attempt("unknown"), attempt("success", number=2), status="success")
    while (due := state.attempts[0].next_check_at) is not None:
        decision = ask(state, due)
        must_hold(state, decision)
        state = decision.after
    assert (state.status, state.conflict) == (TransactionStatus.SUCCESS, True)


def test_an_attempt_that_was_settled_meanwhile_is_not_asked_about_again(
    attempt: Attempts, purchase: Purchases, start: datetime
) -> None:
    """The answer to the last question brings nothing, and a report has settled the attempt while it was awaited."""
    settled = purchase(attempt("failed", checks_done=3), status="failed")
    assert ask(settled, start + seconds(601)).after is settled


def test_a_check_of_an_unknown_attempt_is_refused(attempt: Attempts, purchase: Purchases, start: datetime) -> None:
    before = purchase(attempt())
    with pytest.raises(LookupError):
        checked(Decision(before), "nobody", schedule=SCHEDULE, now=start, conclusive=False)
    with pytest.raises(LookupError):
        verify(before, "nobody", succeeded=True, at=start, now=start, by="report 1")


def test_a_report_that_cannot_be_verified_is_kept_and_changes_nothing_else(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime
) -> None:
    before = purchase(attempt("unknown"))
    decision = keep_unverified(before, ID, now=start, by="report 3", said="success")
    must_hold(before, decision)
    assert decision.after == replace(before, conflict=True, version=before.version + 1)
    [event] = decision.events
    assert event.data == {"conflict": "unverified_report", "said": "success", "by": "report 3"}


def test_a_shorter_schedule_after_a_reload_ends_at_once_with_a_person(
    attempt: Attempts, purchase: Purchases, must_hold: Steps, start: datetime
) -> None:
    before = purchase(attempt("unknown", checks_done=5))
    decision = ask(before, start + seconds(700))
    must_hold(before, decision)
    assert decision.after.needs_review


# Asking by sending the purchase again.


def may_resend(transaction: Transaction, now: datetime, position: int = 0) -> bool:
    return may_ask_by_resending(transaction, transaction.attempts[position], now=now, resend_within=43_200)


@pytest.mark.parametrize("status", list(AttemptStatus))
def test_only_what_is_open_may_be_asked_about_by_resending(
    attempt: Attempts, purchase: Purchases, start: datetime, status: AttemptStatus
) -> None:
    allowed = may_resend(purchase(attempt(status.value)), start + seconds(60))
    assert allowed == (status in {AttemptStatus.PENDING, AttemptStatus.UNKNOWN})


@pytest.mark.parametrize("status", ["success", "failed", "reversed"])
def test_nothing_is_resent_for_a_transaction_that_is_over(
    attempt: Attempts, purchase: Purchases, start: datetime, status: str
) -> None:
    assert not may_resend(purchase(attempt("unknown"), status=status), start + seconds(60))


def test_nothing_is_resent_while_another_attempt_may_deliver(
    attempt: Attempts, purchase: Purchases, start: datetime
) -> None:
    one = attempt("unknown")
    assert may_resend(purchase(one, attempt("rejected", number=2)), start + seconds(60))
    for other in (
        attempt("sending", number=2),
        attempt("unknown", number=2),
        attempt("failed", number=2, contested=True),
    ):
        assert not may_resend(purchase(one, other), start + seconds(60))


@pytest.mark.parametrize(
    ("later", "allowed"),
    [(0, True), (43_199, True), (43_200, False), (10**7, False), (-1, False), (-30 * 86_400, False)],
)
def test_nothing_is_resent_that_the_supplier_may_have_forgotten_nor_after_the_clock_went_back(
    attempt: Attempts, purchase: Purchases, start: datetime, later: int, allowed: bool
) -> None:
    assert may_resend(purchase(attempt("unknown")), start + seconds(later)) is allowed


@given(
    schedule=st.lists(st.floats(0.1, 1e6), min_size=1, max_size=6, unique=True).map(sorted),
    late=st.lists(st.floats(0, 1e6), min_size=1, max_size=12),
    extra=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_the_questions_always_come_to_an_end(
    *,
    attempt: Attempts,
    purchase: Purchases,
    must_hold: Steps,
    start: datetime,
    schedule: list[float],
    late: list[float],
    extra: list[bool],
) -> None:
    state = purchase(attempt("unknown", next_check_at=start + seconds(schedule[0])))
    now, counted = start, 0
    for number in range(30):
        due = state.attempts[0].next_check_at
        if due is None:
            break
        if number < 12 and extra[number] and now < due:
            state = verify(state, ID, succeeded=True, at=now, now=now, by="report").after
        else:
            now = max(now, due) + seconds(late[number % len(late)])
        decision = checked(Decision(state), ID, schedule=schedule, now=now, conclusive=False)
        must_hold(state, decision)
        state = decision.after
        assert state.attempts[0].checks_done in {counted, counted + 1}
        counted = state.attempts[0].checks_done
    assert state.needs_review
    assert counted == len(schedule)
