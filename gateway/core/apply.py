"""What evidence does: a synchronous answer, a report and a status check all come through `apply`.

An operator, who is no evidence but a decision, comes through `resolve`. It never guesses: what contradicts a settled
state is kept as a `conflict` for a person, and the only way out of a final state is `success → reversed`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.core.transaction import (
    NOT_UNDERSTOOD,
    AttemptState,
    AttemptStatus,
    Event,
    Reason,
    Transaction,
    TransactionStatus,
)
from gateway.core.value import evolve, value

MAX_MESSAGE = 1000
MAX_FIELD = 1000


class Source(StrEnum):
    """Who told."""

    ANSWER = "answer"
    """The synchronous answer to the purchase itself, or the transport's knowledge that there was none."""
    REPORT = "report"
    CHECK = "check"
    RECOVERY = "recovery"
    """The gateway itself, after a restart: the attempt was under way when the process ended."""


@dataclass(frozen=True, slots=True)
class NeverSeenRule:
    """When "no such transaction" counts as proof: after `quiet_seconds`, and `times` such answers in a row."""

    quiet_seconds: float
    times: int


@value()
class Evidence:
    """One outcome about one attempt, who told it, and when."""

    attempt: str
    outcome: Outcome
    source: Source
    at: datetime
    by: str = ""
    """Such as the report's number: for the events."""
    since: datetime | None = None
    """What was told may be as old as this: when the report came in, which may be read later, or when the question was
    asked."""


@value()
class Decision:
    """What evidence does. `after is before` when it tells nothing new; the events are then empty too."""

    after: Transaction
    events: tuple[Event, ...] = ()


def apply(before: Transaction, evidence: Evidence, *, never_seen: NeverSeenRule | None = None) -> Decision:
    """Decide what `evidence` does to `before`.

    Raises:
        LookupError: the transaction has no such attempt.
    """
    attempt = before.attempt(evidence.attempt)
    if attempt is None:
        raise LookupError(f"transaction {before.id} has no attempt {evidence.attempt}")
    outcome = believed(attempt, evidence, never_seen)
    if attempt.contested:
        return _about_contested(before, attempt, evidence, outcome)
    if attempt.status.live:
        return _about_live(before, attempt, evidence, outcome)
    return _about_settled(before, attempt, evidence, outcome)


def believed(attempt: AttemptState, evidence: Evidence, never_seen: NeverSeenRule | None) -> Outcome:
    """The outcome as far as this source can know it.

    Only the purchase's own answer can tell that the purchase never ran. A refusal of anything else, such as a wrong
    address during a status check, is about that other call. And "no such transaction" is proof by the account's rule.
    """
    outcome = evidence.outcome
    if outcome.never_seen and evidence.source is Source.CHECK:
        quiet = (evidence.at - attempt.started_at).total_seconds()
        if (
            never_seen is not None
            and attempt.status is not AttemptStatus.PENDING  # it was seen: the supplier had said so
            and quiet >= never_seen.quiet_seconds
            and attempt.never_seen + 1 >= never_seen.times
        ):
            return replace(outcome, status=OutcomeStatus.REJECTED, never_seen=False)
        return outcome
    if outcome.status is OutcomeStatus.REJECTED and (
        evidence.source in {Source.REPORT, Source.CHECK} or attempt.status is AttemptStatus.PENDING
    ):
        return replace(outcome, status=OutcomeStatus.UNKNOWN, account_refused=False)
    return outcome


def _about_live(before: Transaction, attempt: AttemptState, evidence: Evidence, outcome: Outcome) -> Decision:
    status = _next_status(attempt.status, outcome.status)
    changed = _learn(attempt, outcome, status, evidence)
    if changed == attempt:
        return Decision(before)
    event = _event("attempt", evidence, outcome, {"from": attempt.status.value, "to": status.value})
    if status.live:
        return Decision(_with(before, changed, evidence.at), (event,))
    if status is AttemptStatus.SUCCESS:
        return _succeed(before, changed, evidence, outcome, event)
    return Decision(_released(_with(before, changed, evidence.at), evidence.at), (event,))


def _succeed(
    before: Transaction, attempt: AttemptState, evidence: Evidence, outcome: Outcome, event: Event
) -> Decision:
    if before.status is TransactionStatus.PENDING:
        after = evolve(
            before,
            attempts=before.attempts_with(attempt),
            updated_at=evidence.at,
            version=before.version + 1,
            status=TransactionStatus.SUCCESS,
            needs_review=False,
            reason=None,
            serial=attempt.serial,
            price=attempt.price if attempt.price is not None else attempt.expected_price,
            provider=attempt.provider,
            bill=outcome.bill or before.bill,
            final_at=evidence.at,
            route_at=None,
        )
        events: tuple[Event, ...] = (
            event,
            _event("status", evidence, outcome, {"from": "pending", "to": "success"}),
        )
        others = [other for other in before.attempts if other.id != attempt.id and other.contested]
        if others:
            after = evolve(after, conflict=True)
            events += (_conflict(evidence, outcome, "double_success", {"other": [other.id for other in others]}),)
        return Decision(after, events)
    after = _with(before, attempt, evidence.at)
    # Two suppliers delivered, or one delivered what a person had called failed: money is gone and a person must know.
    double = before.status is TransactionStatus.SUCCESS
    kind = "double_success" if double else "success_after_" + before.status.value
    after = evolve(after, conflict=True)
    return Decision(after, (event, _conflict(evidence, outcome, kind, {"status": before.status.value})))


def _about_settled(before: Transaction, attempt: AttemptState, evidence: Evidence, outcome: Outcome) -> Decision:
    said, is_now = outcome.status, attempt.status
    if said is OutcomeStatus.UNKNOWN or (said is OutcomeStatus.PENDING and is_now is not AttemptStatus.REJECTED):
        return Decision(before)  # late news of an earlier stage
    if is_now is AttemptStatus.SUCCESS:
        if said is OutcomeStatus.SUCCESS:
            return _same_success(before, attempt, evidence, outcome)
        if evidence.source is Source.ANSWER or said is not OutcomeStatus.FAILED or _may_be_older(evidence, attempt):
            # What was told before the success that it contradicts is no taking back.
            return _contradiction(before, attempt, evidence, outcome)
        return _reverse(before, attempt, evidence, outcome)
    if is_now is AttemptStatus.REVERSED:
        return (
            Decision(before)
            if said is not OutcomeStatus.SUCCESS
            else _contradiction(before, attempt, evidence, outcome)
        )
    if said in {OutcomeStatus.FAILED, OutcomeStatus.REJECTED}:
        return Decision(before)  # failed or rejected already: the same news again
    return _contradiction(before, attempt, evidence, outcome)


def _may_be_older(evidence: Evidence, attempt: AttemptState) -> bool:
    """Whether it may have been told before it was learned how the attempt ended."""
    return evidence.since is not None and attempt.ended_at is not None and evidence.since < attempt.ended_at


def _same_success(before: Transaction, attempt: AttemptState, evidence: Evidence, outcome: Outcome) -> Decision:
    """The same success again: it may bring what the first one left out, and must not bring another serial."""
    if attempt.serial and outcome.serial and outcome.serial[:MAX_FIELD] != attempt.serial:
        return _contradiction(before, attempt, evidence, outcome)
    richer = evolve(
        attempt,
        serial=attempt.serial or _cut(outcome.serial),
        supplier_ref=attempt.supplier_ref or _cut(outcome.supplier_ref),
        price=attempt.price if attempt.price is not None else outcome.price,
        next_check_at=None,
    )
    if richer == attempt:
        return Decision(before)
    after = _with(before, richer, evidence.at)
    if before.status is TransactionStatus.SUCCESS and _is_named(before, attempt):
        # The catalogue's price stood in until the supplier named one.
        price = before.price if attempt.price is not None or richer.price is None else richer.price
        after = evolve(after, serial=richer.serial if before.serial is None else before.serial, price=price)
    if richer == evolve(attempt, next_check_at=None):
        return Decision(after, (_event("confirmed", evidence, outcome, {}),))
    return Decision(after, (_event("enriched", evidence, outcome, {}),))


def _is_named(transaction: Transaction, attempt: AttemptState) -> bool:
    """Whether this is the success that the transaction tells. Two routes may lead to one account."""
    return (transaction.provider, transaction.serial) == (attempt.provider, attempt.serial)


def _reverse(before: Transaction, attempt: AttemptState, evidence: Evidence, outcome: Outcome) -> Decision:
    taken_back = evolve(
        _learn(attempt, outcome, AttemptStatus.REVERSED, evidence), reason=_reason(outcome), next_check_at=None
    )
    after = _with(before, taken_back, evidence.at)
    event = _event("attempt", evidence, outcome, {"from": "success", "to": "reversed"})
    if before.status is not TransactionStatus.SUCCESS:
        return Decision(after, (event,))
    other = next((held for held in after.attempts if held.status is AttemptStatus.SUCCESS), None)
    if other is not None:
        if _is_named(before, attempt):
            # What proves the delivery, and what it cost, is the other one's from now on.
            price = other.price if other.price is not None else other.expected_price
            after = evolve(after, provider=other.provider, serial=other.serial, price=price)
        return Decision(after, (event,))
    after = evolve(after, status=TransactionStatus.REVERSED, reason=_reason(outcome), needs_review=False)
    return Decision(after, (event, _event("status", evidence, outcome, {"from": "success", "to": "reversed"})))


def _contradiction(before: Transaction, attempt: AttemptState, evidence: Evidence, outcome: Outcome) -> Decision:
    """Keep what contradicts a settled attempt, and keep the transaction from going on as if it had not been said."""
    kind = _kind_of_contradiction(before, attempt, outcome)
    event = _conflict(evidence, outcome, kind, {"attempt_status": attempt.status.value, "said": outcome.status.value})
    doubted = attempt.status in {AttemptStatus.FAILED, AttemptStatus.REJECTED}
    contested = evolve(
        attempt,
        contested=doubted,
        serial=attempt.serial or _cut(outcome.serial) if doubted else attempt.serial,
        next_check_at=None,
    )
    after = evolve(_with(before, contested, evidence.at), conflict=True)
    if before.status is TransactionStatus.PENDING:
        after = evolve(after, route_at=None)
        if not any(other.status.live for other in after.attempts):
            after = evolve(after, needs_review=True)
    return Decision(after, (event,))


def _kind_of_contradiction(before: Transaction, attempt: AttemptState, outcome: Outcome) -> str:
    """A late success of what had failed is told by what it cost: it wakes somebody where another supplier has delivered
    since, and money was spent twice."""
    if outcome.status is OutcomeStatus.SUCCESS and attempt.status is not AttemptStatus.SUCCESS:
        if any(other.status is AttemptStatus.SUCCESS for other in before.attempts):
            return "double_success"
        if before.status is TransactionStatus.FAILED:
            return "success_after_failed"
    return "contradiction"


def _about_contested(before: Transaction, attempt: AttemptState, evidence: Evidence, outcome: Outcome) -> Decision:
    """More about an attempt whose evidence contradicts itself: only a person settles it, but what is said is kept."""
    if outcome.status in {OutcomeStatus.UNKNOWN, OutcomeStatus.PENDING}:
        return Decision(before)
    richer = evolve(attempt, serial=attempt.serial or _cut(outcome.serial))
    if richer == attempt:
        return Decision(before)
    # What was refused and then called pending is contested before anybody has said that it was delivered.
    first = attempt.status is AttemptStatus.REJECTED
    kind = _kind_of_contradiction(before, attempt, outcome) if first else "contradiction"
    return Decision(_with(before, richer, evidence.at), (_conflict(evidence, outcome, kind, {}),))


def _next_status(now: AttemptStatus, said: OutcomeStatus) -> AttemptStatus:
    if said is OutcomeStatus.UNKNOWN and now is AttemptStatus.PENDING:
        return AttemptStatus.PENDING  # that the supplier has it stays known
    return AttemptStatus(said.value)


def _learn(attempt: AttemptState, outcome: Outcome, status: AttemptStatus, evidence: Evidence) -> AttemptState:
    ended = not status.live
    answered = evidence.source is Source.ANSWER
    # A report has said another thing than the answer, which may be older: the question must outlive the answer.
    doubted = answered and attempt.reported is (status is not AttemptStatus.SUCCESS)
    counts = attempt.never_seen
    if evidence.source is Source.CHECK:
        counts = counts + 1 if evidence.outcome.never_seen else 0
    failed = status in {AttemptStatus.FAILED, AttemptStatus.REJECTED}
    return evolve(
        attempt,
        status=status,
        ended_at=evidence.at if ended else None,
        reason=_reason(outcome) if failed else attempt.reason,
        supplier_ref=attempt.supplier_ref or _cut(outcome.supplier_ref),
        serial=(_cut(outcome.serial) or attempt.serial) if status is AttemptStatus.SUCCESS else attempt.serial,
        price=outcome.price if status is AttemptStatus.SUCCESS and outcome.price is not None else attempt.price,
        message=outcome.message[:MAX_MESSAGE] or attempt.message,
        rule=_rule(attempt, evidence),
        never_seen=counts,
        next_check_at=None if ended and not doubted else attempt.next_check_at,
        reported=None if answered else attempt.reported,
    )


def _rule(attempt: AttemptState, evidence: Evidence) -> str | None:
    """The rule that goes with the last words. A report that nobody understood is kept, and listed, as a report."""
    said = evidence.outcome
    if said.rule or not said.message or evidence.source is Source.REPORT:
        return said.rule or attempt.rule
    return NOT_UNDERSTOOD if said.status is OutcomeStatus.UNKNOWN and not said.never_seen else None


def _released(after: Transaction, at: datetime) -> Transaction:
    """An attempt ended without delivery: where nothing else may deliver, routing is due; where only a contested attempt
    is left, a person."""
    if after.status is not TransactionStatus.PENDING or any(attempt.status.live for attempt in after.attempts):
        return after
    if any(attempt.contested for attempt in after.attempts):
        return evolve(after, needs_review=True)
    return evolve(after, route_at=at, needs_review=False)


def _with(before: Transaction, attempt: AttemptState, at: datetime) -> Transaction:
    return evolve(before, attempts=before.attempts_with(attempt), updated_at=at, version=before.version + 1)


def _reason(outcome: Outcome) -> Reason:
    return Reason(outcome.reason or ReasonCode.SUPPLIER_REFUSED, outcome.message[:MAX_MESSAGE])


def _cut(text: str | None) -> str | None:
    return text[:MAX_FIELD] if text else None


def _event(kind: str, evidence: Evidence, outcome: Outcome, data: dict[str, object]) -> Event:
    told: dict[str, object] = {**data, "message": outcome.message[:MAX_MESSAGE]}
    for name in ("rule", "reason", "serial", "price", "supplier_ref"):
        value = getattr(outcome, name)
        if value is not None:
            told[name] = value
    if evidence.by:
        told["by"] = evidence.by
    return Event(kind=kind, at=evidence.at, source=evidence.source.value, data=told, attempt=evidence.attempt)


def _conflict(evidence: Evidence, outcome: Outcome, kind: str, data: dict[str, object]) -> Event:
    return _event("conflict", evidence, outcome, {"conflict": kind, "said": outcome.status.value, **data})


def conflicts(events: Collection[Event]) -> list[str]:
    """The kinds of conflict among `events`: `double_success`, `success_after_failed`, `contradiction`, …"""
    return [str(event.data["conflict"]) for event in events if event.kind == "conflict"]
