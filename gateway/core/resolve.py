"""An operator settles what no supplier will say."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from datetime import datetime

from gateway.core.apply import Decision
from gateway.core.outcome import ReasonCode
from gateway.core.transaction import AttemptState, AttemptStatus, Event, Reason, Transaction, TransactionStatus


class CannotResolveError(ValueError):
    """The transaction cannot be settled by a person now; the message says why."""


def resolve(
    before: Transaction,
    *,
    result: TransactionStatus,
    reason: str,
    operator: str,
    now: datetime,
    serial: str | None = None,
    accounts: Container[str] | None = None,
) -> Decision:
    """Settle an open transaction that needs a person, or note that a conflict has been looked at.

    An open transaction becomes `result`. One that is final stays as it is: final states do not change; its conflict is
    marked as seen.

    Args:
        result: `success` or `failed`.
        accounts: those that there are; left out, all. Nobody asks about what is open at one that was taken out, so it
            needs a person already.

    Raises:
        CannotResolveError: a supplier is being called for it at this moment, it still goes its normal way, or it is
            final and there is nothing to settle.
    """
    if result not in {TransactionStatus.SUCCESS, TransactionStatus.FAILED}:
        raise CannotResolveError("the result of a transaction is success or failed")
    data: dict[str, object] = {"result": result.value, "reason": reason, "operator": operator}
    event = Event("resolved", now, "operator", data)
    if before.status.final:
        if not before.conflict:
            raise CannotResolveError(f"it is {before.status.value} already, and nothing contradicts that")
        after = replace(before, conflict=False, updated_at=now, version=before.version + 1)
        return Decision(after, (event,))
    if not before.needs_review and not before.conflict and not _out_of_reach(before, accounts):
        raise CannotResolveError("it still goes its normal way; it is asked about by itself")
    if any(attempt.status is AttemptStatus.SENDING for attempt in before.attempts):
        raise CannotResolveError("a supplier is being called for it right now; try again in a minute")
    failed = result is TransactionStatus.FAILED
    open_ones = [attempt for attempt in before.attempts if attempt.may_deliver]
    # Which of several delivered, a person cannot tell us here: then no account is named, and none is charged.
    winner = open_ones[0] if len(open_ones) == 1 and not failed else None
    proof = serial or (None if winner is None else winner.serial)
    after = replace(
        before,
        status=result,
        needs_review=False,
        conflict=False,
        reason=Reason(ReasonCode.OPERATOR, reason) if failed else None,
        serial=None if failed else proof,
        provider=None if winner is None else winner.provider,
        price=None if winner is None else _charged(winner),
        attempts=tuple(
            _settled(attempt, failed=failed, won=attempt is winner, proof=proof, now=now)
            if attempt.may_deliver
            else attempt
            for attempt in before.attempts
        ),
        route_at=None,
        final_at=now,
        updated_at=now,
        version=before.version + 1,
    )
    status = Event("status", now, "operator", {"from": "pending", "to": result.value, "operator": operator})
    return Decision(after, (event, status))


def _out_of_reach(transaction: Transaction, accounts: Container[str] | None) -> bool:
    """Whether all that may deliver is at accounts that were taken out."""
    if accounts is None:
        return False
    open_ones = [attempt for attempt in transaction.attempts if attempt.may_deliver]
    return bool(open_ones) and all(attempt.provider not in accounts for attempt in open_ones)


def _charged(attempt: AttemptState) -> int | None:
    return attempt.price if attempt.price is not None else attempt.expected_price


def _settled(attempt: AttemptState, *, failed: bool, won: bool, proof: str | None, now: datetime) -> AttemptState:
    """An open attempt after the decision: over where it is known how, and asked about no more."""
    quiet = replace(attempt, contested=False, next_check_at=None)
    if failed:
        return replace(quiet, status=AttemptStatus.FAILED, ended_at=now)
    if won:
        return replace(quiet, status=AttemptStatus.SUCCESS, ended_at=now, serial=proof)
    return quiet
