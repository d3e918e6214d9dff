"""What to do next with a transaction: send an attempt, finish it, or leave it alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from gateway.core.apply import Decision
from gateway.core.failover import another_supplier_may_be_tried
from gateway.core.outcome import ReasonCode
from gateway.core.routing import Choice, Route
from gateway.core.transaction import AttemptState, AttemptStatus, Event, Reason, Transaction, TransactionStatus
from gateway.core.value import evolve, value


@value()
class Send:
    """Buy through this route."""

    route: Route


@value()
class Finish:
    """Nothing more can be tried: the transaction has failed, and it is certain that nothing was delivered."""

    reason: Reason


@value()
class Leave:
    """Nothing is to be done now: it is final, or an attempt may still deliver."""


Step = Send | Finish | Leave


def next_step(
    transaction: Transaction,
    choice: Choice,
    *,
    now: datetime,
    max_attempts: int,
    no_failover: Mapping[str, Collection[str]],
) -> Step:
    """Decide the next step.

    Args:
        choice: the routes that may be tried now (`core.routing.choose`).
        no_failover: by account, the reason codes after which its failures are final.
    """
    if transaction.status.final or any(attempt.may_deliver for attempt in transaction.attempts):
        return Leave()
    last = transaction.attempts[-1] if transaction.attempts else None
    if last is not None and last.status is AttemptStatus.FAILED:
        code = last.reason.code if last.reason else None
        if not another_supplier_may_be_tried(code, no_failover.get(last.provider, ())):
            return Finish(_last_reason(transaction, choice))
    if now >= transaction.deadline_at or len(transaction.attempts) >= max_attempts or not choice.routes:
        return Finish(_last_reason(transaction, choice))
    return Send(choice.routes[0])


def _last_reason(transaction: Transaction, choice: Choice) -> Reason:
    """The latest word of a supplier, or, where none was reached, why no route could be tried."""
    for attempt in reversed(transaction.attempts):
        if attempt.status is AttemptStatus.FAILED and attempt.reason is not None:
            return attempt.reason
    if transaction.attempts:
        return Reason(ReasonCode.NO_ROUTE, "no supplier could be reached; nothing was bought")
    if not choice.dropped:
        return Reason(ReasonCode.NO_ROUTE, "no supplier could be tried in time; nothing was bought")
    return Reason(choice.reason(), "; ".join(f"{d.route.provider}: {d.why}" for d in choice.dropped)[:1000])


def start(
    before: Transaction,
    route: Route,
    choice: Choice,
    *,
    attempt_id: str,
    now: datetime,
    amount: int,
    first_check: float,
    nth: int | None = None,
) -> Decision:
    """A new attempt through `route`, in state `sending`: to be committed before the call leaves.

    Args:
        amount: what the order costs on top of the route's price, in rupiah; see `core.routing.Product.amount`.
        nth: which equal purchase of the day it is, where the supplier has to be told.
        first_check: seconds from now to the first check. It is committed with the attempt, so that whatever becomes of
            this process the attempt is asked about.
    """
    cost = route.price + amount
    attempt = AttemptState(
        id=attempt_id,
        number=len(before.attempts) + 1,
        provider=route.provider,
        product=route.product,
        expected_price=cost,
        nth=nth,
        status=AttemptStatus.SENDING,
        started_at=now,
        next_check_at=now + timedelta(seconds=first_check),
    )
    after = evolve(
        before,
        attempts=(*before.attempts, attempt),
        route_at=None,
        updated_at=now,
        version=before.version + 1,
    )
    data: dict[str, object] = {"provider": route.provider, "product": route.product, "price": cost}
    if choice.dropped:
        data["dropped"] = [
            {"provider": dropped.route.provider, "product": dropped.route.product, "why": dropped.why}
            for dropped in choice.dropped
        ]
    return Decision(after, (Event("attempt_started", now, "gateway", data, attempt_id),))


def finish(before: Transaction, reason: Reason, choice: Choice, *, now: datetime) -> Decision:
    """The transaction has failed: nothing may deliver any more, and nothing more can be tried."""
    after = evolve(
        before,
        status=TransactionStatus.FAILED,
        needs_review=False,
        reason=reason,
        route_at=None,
        final_at=now,
        updated_at=now,
        version=before.version + 1,
    )
    data: dict[str, object] = {
        "from": "pending",
        "to": "failed",
        "reason": reason.code.value,
        "message": reason.message,
    }
    if choice.dropped:
        data["dropped"] = [
            {"provider": dropped.route.provider, "product": dropped.route.product, "why": dropped.why}
            for dropped in choice.dropped
        ]
    return Decision(after, (Event("status", now, "gateway", data),))
