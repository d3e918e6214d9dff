"""When an open attempt is asked about, whether asking is allowed, and when only a person can help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.core.apply import Decision
from gateway.core.transaction import AttemptState, AttemptStatus, Event, Transaction, TransactionStatus


def may_ask_by_resending(
    transaction: Transaction, attempt: AttemptState, *, now: datetime, resend_within: float
) -> bool:
    """Whether sending the purchase again under the same reference is a question and not a second purchase.

    It buys now if the first one never arrived. So: only while the transaction is open, while nothing else may deliver,
    and while the supplier surely remembers the reference.

    Args:
        resend_within: seconds after which the supplier may have forgotten it.
    """
    if transaction.status is not TransactionStatus.PENDING:
        return False
    if attempt.status not in {AttemptStatus.PENDING, AttemptStatus.UNKNOWN}:
        return False
    if any(other.may_deliver for other in transaction.attempts if other.id != attempt.id):
        return False
    return timedelta(0) <= now - attempt.started_at < timedelta(seconds=resend_within)


def checked(
    decision: Decision, attempt_id: str, *, schedule: Sequence[float], now: datetime, conclusive: bool
) -> Decision:
    """Count one check of an attempt, and say when the next one is due or that a person must look.

    A check that came before its time, because a report or an operator asked for it, is not counted.

    Args:
        decision: what the check's answer did.
        schedule: seconds from the sending to each check, rising. The pauses between them are kept also when a check
            came late (the gateway was down), so that a backlog never becomes a burst.
        conclusive: whether the supplier said how the attempt ended.
    """
    attempt = _attempt(decision.after, attempt_id)
    if conclusive or attempt.next_check_at is None:
        # It is settled, by this answer or meanwhile by something else or a person, and nobody wants it verified.
        return _with(decision, replace(attempt, next_check_at=None))
    done = attempt.checks_done
    if done < len(schedule):
        due = attempt.started_at + timedelta(seconds=schedule[done])
        if now < due:
            return _with(decision, replace(attempt, next_check_at=due))
        done += 1
    if done < len(schedule):
        pause = timedelta(seconds=schedule[done] - schedule[done - 1])
        return _with(decision, replace(attempt, checks_done=done, next_check_at=now + pause))
    counted = _with(decision, replace(attempt, checks_done=done, next_check_at=None))
    return _for_a_person(counted, attempt_id, now=now, checks=done)


def _for_a_person(decision: Decision, attempt_id: str, *, now: datetime, checks: int) -> Decision:
    """No question is left: an open transaction is never called failed for that, it waits for a person."""
    after = decision.after
    attempt = after.attempt(attempt_id)
    if after.status is not TransactionStatus.PENDING or (attempt is not None and not attempt.may_deliver):
        after = replace(after, conflict=True)
    elif after.needs_review:
        return decision
    else:
        after = replace(after, needs_review=True)
    return Decision(after, (*decision.events, Event("needs_review", now, "clock", {"checks": checks}, attempt_id)))


def verify(
    before: Transaction, attempt_id: str, *, at: datetime, now: datetime, by: str, succeeded: bool | None = None
) -> Decision:
    """A report is worth a question: a check is due at `at`. Used where an account's reports are not believed.

    Args:
        succeeded: whether a report says success or failure. An attempt that is being sent remembers it (a success
            before a failure), and the question about it is due at once.
    """
    attempt = _attempt(before, attempt_id)
    reported = attempt.reported
    if succeeded is not None and attempt.status is AttemptStatus.SENDING:
        at = attempt.started_at  # before any that its schedule has
        reported = succeeded or bool(reported)
    event = Event("report_to_verify", now, "report", {"by": by}, attempt_id)
    return _due(before, replace(attempt, reported=reported), at, event)


def ask_now(before: Transaction, attempt_id: str, *, now: datetime, operator: str) -> Decision:
    """An operator has the supplier asked: a check is due now."""
    event = Event("check_asked", now, "operator", {"operator": operator}, attempt_id)
    return _due(before, _attempt(before, attempt_id), now, event)


def _attempt(transaction: Transaction, attempt_id: str) -> AttemptState:
    attempt = transaction.attempt(attempt_id)
    if attempt is None:
        raise LookupError(f"transaction {transaction.id} has no attempt {attempt_id}")
    return attempt


def _due(before: Transaction, attempt: AttemptState, at: datetime, event: Event) -> Decision:
    due = at if attempt.next_check_at is None else min(at, attempt.next_check_at)
    asked = replace(attempt, next_check_at=due)
    if asked == before.attempt(attempt.id):
        return Decision(before)
    return Decision(_replaced(before, asked, event.at), (event,))


def keep_unverified(before: Transaction, attempt_id: str, *, now: datetime, by: str, said: str) -> Decision:
    """A report that is not believed and cannot be asked about safely: a person must look, nothing else changes."""
    event = Event("conflict", now, "report", {"conflict": "unverified_report", "said": said, "by": by}, attempt_id)
    after = replace(before, conflict=True, updated_at=now, version=before.version + 1)
    return Decision(after, (event,))


def _replaced(before: Transaction, attempt: AttemptState, now: datetime) -> Transaction:
    return replace(before, attempts=before.attempts_with(attempt), updated_at=now, version=before.version + 1)


def _with(decision: Decision, attempt: AttemptState) -> Decision:
    """The decision with the attempt's schedule in it; still one step of the version."""
    after = decision.after
    held = after.attempt(attempt.id)
    if held == attempt:
        return decision
    version = after.version if decision.events else after.version + 1
    return Decision(replace(after, attempts=after.attempts_with(attempt), version=version), decision.events)
