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
    if attempt.status not in {AttemptStatus.PENDING, AttemptStatus.UNKNOWN} or attempt.contested:
        return False
    if any(other.may_deliver for other in transaction.attempts if other.id != attempt.id):
        return False
    return timedelta(0) <= now - attempt.started_at < timedelta(seconds=resend_within)


def checked(decision: Decision, attempt_id: str, *, schedule: Sequence[float], now: datetime) -> Decision:
    """Count one check of an attempt, and say when the next one is due or that a person must look.

    Args:
        decision: what the check's answer did.
        schedule: seconds from the sending to each check, rising. The pauses between them are kept also when a check
            came late (the gateway was down), so that a backlog never becomes a burst.
    """
    attempt = decision.after.attempt(attempt_id)
    if attempt is None:
        raise LookupError(f"transaction {decision.after.id} has no attempt {attempt_id}")
    done = attempt.checks_done + 1
    if attempt.status.live and done < len(schedule):
        pause = schedule[done] - schedule[done - 1]
        return _with(decision, replace(attempt, checks_done=done, next_check_at=now + timedelta(seconds=pause)))
    counted = _with(decision, replace(attempt, checks_done=done, next_check_at=None))
    if not attempt.status.live or counted.after.needs_review:
        return counted
    after = counted.after
    if after.status is TransactionStatus.PENDING:
        after = replace(after, needs_review=True)
    else:
        after = replace(after, conflict=True)
    event = Event("needs_review", now, "clock", {"checks": done}, attempt_id)
    return Decision(after, (*counted.events, event))


def verify_now(before: Transaction, attempt_id: str, *, now: datetime, by: str) -> Decision:
    """A report is worth a question: the check is due at once. Used where an account's reports are not believed."""
    attempt = before.attempt(attempt_id)
    if attempt is None:
        raise LookupError(f"transaction {before.id} has no attempt {attempt_id}")
    asked = replace(attempt, next_check_at=now)
    after = replace(
        before,
        attempts=tuple(asked if held.id == attempt_id else held for held in before.attempts),
        updated_at=now,
        version=before.version + 1,
    )
    return Decision(after, (Event("report_to_verify", now, "report", {"by": by}, attempt_id),))


def _with(decision: Decision, attempt: AttemptState) -> Decision:
    after = decision.after
    version = after.version if decision.events else after.version + 1
    attempts = tuple(attempt if held.id == attempt.id else held for held in after.attempts)
    return Decision(replace(after, attempts=attempts, version=version), decision.events)
