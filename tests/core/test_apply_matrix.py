"""What each piece of evidence does to an attempt: the whole matrix, written out from the design.

The rows are what the attempt is, the columns what is said. A word is what the attempt becomes; `=` is nothing new, and
`conflict` keeps the attempt and calls a person.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from gateway.core.apply import Decision, Evidence, Source, apply, conflicts
from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.core.transaction import AttemptState, AttemptStatus, Transaction, TransactionStatus

COLUMNS = ("success", "failed", "pending", "rejected", "unknown")

# The purchase's own answer, and what the transport knows: only it can tell that the purchase never ran.
ANSWER = """
    sending    success    failed     pending    rejected   unknown
    pending    success    failed     =          =          =
    unknown    success    failed     pending    rejected   =
    success    =          conflict   =          conflict   =
    failed     conflict   =          =          =          =
    rejected   conflict   =          conflict   =          =
    reversed   conflict   =          =          =          =
"""
# A report or a check: a refusal in it is about that other call, and a success may be taken back.
TOLD = """
    sending    success    failed     pending    unknown    unknown
    pending    success    failed     =          =          =
    unknown    success    failed     pending    =          =
    success    =          reversed   =          =          =
    failed     conflict   =          =          =          =
    rejected   conflict   =          conflict   =          =
    reversed   conflict   =          =          =          =
"""
OF_THE_TRANSACTION = {"success": "success", "reversed": "reversed"}
"""The state of a transaction whose only attempt is settled; of the others, `pending`: routing is due."""


def rows(source: Source, table: str) -> list[tuple[Source, str, str, str]]:
    return [
        (source, name, said, cell)
        for name, *cells in (line.split() for line in table.strip().splitlines())
        for said, cell in zip(COLUMNS, cells, strict=True)
    ]


MATRIX = [*rows(Source.ANSWER, ANSWER), *rows(Source.REPORT, TOLD), *rows(Source.CHECK, TOLD)]


def test_the_matrix_is_whole() -> None:
    assert {(source, name, said) for source, name, said, _ in MATRIX} == {
        (source, status.value, said.value)
        for source in (Source.ANSWER, Source.REPORT, Source.CHECK)
        for status in AttemptStatus
        for said in OutcomeStatus
    }


@pytest.mark.parametrize(("source", "name", "said", "cell"), MATRIX)
def test_evidence_does_what_the_matrix_says(
    *,
    attempt: Callable[..., AttemptState],
    purchase: Callable[..., Transaction],
    must_hold: Callable[[Transaction, Decision], None],
    start: datetime,
    source: Source,
    name: str,
    said: str,
    cell: str,
) -> None:
    before = purchase(attempt(name), status=OF_THE_TRANSACTION.get(name, "pending"))
    at = start + timedelta(seconds=9)
    decision = apply(before, Evidence(before.attempts[0].id, Outcome(status=OutcomeStatus(said)), source, at))
    must_hold(before, decision)
    after = decision.after
    one = after.attempts[0]
    if cell == "=":
        assert after is before
        return
    assert after.updated_at == at
    if cell == "conflict":
        assert one.status.value == name
        assert after.status is before.status
        assert after.conflict
        assert conflicts(decision.events) == ["contradiction"]
        if before.status is TransactionStatus.PENDING:
            # It may have been delivered after all: no other supplier, a person.
            assert (one.contested, after.route_at, after.needs_review) == (True, None, True)
        return
    assert one.status.value == cell
    assert not after.conflict
    assert decision.events[0].kind == "attempt"
    if cell in {"success", "reversed"}:
        assert after.status.value == cell
        assert [event.kind for event in decision.events] == ["attempt", "status"]
    else:
        assert after.status is TransactionStatus.PENDING
        assert (after.route_at == at) == (cell in {"failed", "rejected"})


@pytest.mark.parametrize("status", list(AttemptStatus))
@pytest.mark.parametrize("source", [Source.ANSWER, Source.REPORT, Source.CHECK])
def test_the_same_evidence_a_hundred_times_is_the_same_as_once(
    attempt: Callable[..., AttemptState],
    purchase: Callable[..., Transaction],
    start: datetime,
    status: AttemptStatus,
    source: Source,
) -> None:
    for said in OutcomeStatus:
        before = purchase(attempt(status.value), status=OF_THE_TRANSACTION.get(status.value, "pending"))
        outcome = Outcome(status=said, message="words", serial="SN-1", price=5_390, supplier_ref="T-1")
        evidence = Evidence(before.attempts[0].id, outcome, source, start)
        state, told = before, 0
        for _ in range(100):
            decision = apply(state, evidence)
            told += decision.after is not state
            state = decision.after
        if state.conflict:
            # A contradiction of a success is told each time; whoever applies reports sees to repeated ones.
            assert all(held.status is before.attempts[0].status for held in state.attempts)
        else:
            assert told <= 1


@pytest.mark.parametrize("said", ["failed", "rejected"])
@pytest.mark.parametrize("source", [Source.REPORT, Source.CHECK])
def test_a_refusal_that_is_not_the_answer_never_frees_an_attempt(
    attempt: Callable[..., AttemptState],
    purchase: Callable[..., Transaction],
    start: datetime,
    said: str,
    source: Source,
) -> None:
    for name in ("sending", "pending", "unknown"):
        before = purchase(attempt(name))
        outcome = Outcome(
            status=OutcomeStatus(said),
            reason=ReasonCode.SUPPLIER_REFUSED,
            message="IP tidak sesuai",
            account_refused=said == "rejected",
        )
        after = apply(before, Evidence(before.attempts[0].id, outcome, source, start)).after
        if said == "rejected":
            assert after.attempts[0].status.live
            assert after.route_at is None
        else:
            assert after.route_at is not None


def test_a_restart_makes_what_was_being_sent_unknown_and_touches_nothing_else(
    attempt: Callable[..., AttemptState], purchase: Callable[..., Transaction], start: datetime
) -> None:
    for status in AttemptStatus:
        before = purchase(attempt(status.value), status=OF_THE_TRANSACTION.get(status.value, "pending"))
        interrupted = Evidence(before.attempts[0].id, Outcome(status=OutcomeStatus.UNKNOWN), Source.RECOVERY, start)
        after = apply(before, interrupted).after
        if status is AttemptStatus.SENDING:
            assert after.attempts[0].status is AttemptStatus.UNKNOWN
            assert after.attempts[0].next_check_at is not None
            assert after.route_at is None
        else:
            assert after is before


def test_evidence_about_an_attempt_that_is_not_there_is_refused(
    attempt: Callable[..., AttemptState], purchase: Callable[..., Transaction], start: datetime
) -> None:
    with pytest.raises(LookupError, match="no attempt 000000000000000002"):
        apply(
            purchase(attempt()),
            Evidence("000000000000000002", Outcome(status=OutcomeStatus.SUCCESS), Source.REPORT, start),
        )
