"""A transaction as clients see it: the shape of the HTTP API, of notifications and of hooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.core.transaction import AttemptState, Event, Transaction


def transaction_view(transaction: Transaction) -> dict[str, Any]:
    """The JSON object of `contract.md` §5. A bill is there only where an inquiry found one."""
    reason = transaction.reason
    view: dict[str, Any] = {
        "id": transaction.id,
        "ref_id": transaction.ref_id,
        "product": transaction.product,
        "dest": transaction.dest,
        "qty": transaction.qty,
        "status": transaction.status.value,
        "needs_review": transaction.needs_review,
        "reason": None if reason is None else {"code": reason.code.value, "message": reason.message},
        "serial": transaction.serial,
        "price": transaction.price,
        "provider": transaction.provider,
        "attempts": [attempt_view(attempt) for attempt in transaction.attempts],
        "created_at": transaction.created_at.isoformat(),
        "updated_at": transaction.updated_at.isoformat(),
    }
    if transaction.bill is not None:
        view["bill"] = transaction.bill
    return view


def attempt_view(attempt: AttemptState) -> dict[str, Any]:
    return {
        "id": attempt.id,
        "provider": attempt.provider,
        "status": attempt.status.value,
        "supplier_ref": attempt.supplier_ref,
        "message": attempt.message,
        "started_at": attempt.started_at.isoformat(),
        "ended_at": _iso(attempt.ended_at),
    }


def event_view(number: int, transaction_id: str, event: Event) -> dict[str, Any]:
    return {
        "id": number,
        "transaction": transaction_id,
        "event": event.kind,
        "at": event.at.isoformat(),
        "source": event.source,
        "attempt": event.attempt,
        "data": event.data,
    }


def _iso(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
