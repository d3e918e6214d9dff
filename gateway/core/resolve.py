"""An operator settles what no supplier will say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gateway.core.apply import Decision
from gateway.core.outcome import ReasonCode
from gateway.core.transaction import AttemptStatus, Event, Reason, Transaction, TransactionStatus


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
) -> Decision:
    """Settle an open transaction that needs a person, or note that a conflict has been looked at.

    An open transaction becomes `result`. One that is final stays as it is: final states do not change; its conflict is
    marked as seen.

    Args:
        result: `success` or `failed`.

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
    if not before.needs_review and not before.conflict:
        raise CannotResolveError("it still goes its normal way; it is asked about by itself")
    if any(attempt.status is AttemptStatus.SENDING for attempt in before.attempts):
        raise CannotResolveError("a supplier is being called for it right now; try again in a minute")
    settled = tuple(
        replace(
            attempt,
            status=AttemptStatus.FAILED if result is TransactionStatus.FAILED else attempt.status,
            contested=False,
            ended_at=now if result is TransactionStatus.FAILED else attempt.ended_at,
            next_check_at=None,
        )
        if attempt.may_deliver
        else attempt
        for attempt in before.attempts
    )
    provider = price = None
    if result is TransactionStatus.SUCCESS:
        open_ones = [attempt for attempt in before.attempts if attempt.may_deliver]
        if len(open_ones) == 1:
            winner = open_ones[0]
            provider = winner.provider
            price = winner.price if winner.price is not None else winner.expected_price
            settled = tuple(
                replace(
                    attempt, status=AttemptStatus.SUCCESS, ended_at=now, contested=False, serial=serial or winner.serial
                )
                if attempt.id == winner.id
                else attempt
                for attempt in settled
            )
    after = replace(
        before,
        status=result,
        needs_review=False,
        conflict=False,
        reason=Reason(ReasonCode.OPERATOR, reason) if result is TransactionStatus.FAILED else None,
        serial=serial if result is TransactionStatus.SUCCESS else None,
        provider=provider,
        price=price,
        attempts=settled,
        route_at=None,
        final_at=now,
        updated_at=now,
        version=before.version + 1,
    )
    return Decision(
        after, (event, Event("status", now, "operator", {"from": "pending", "to": result.value, "operator": operator}))
    )
