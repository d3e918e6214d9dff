"""What a client is told by webhook: decided, frozen and committed together with the state that it tells."""

from __future__ import annotations

import orjson

from gateway.core.transaction import Notification, Transaction, TransactionStatus
from gateway.core.view import transaction_view


def notifications(before: Transaction | None, after: Transaction) -> tuple[Notification, ...]:
    """The messages that this change owes its client: one for each final state, and one for a reversal.

    The id is made of the transaction and its state, so that however often a state is told it is the same message.
    """
    was = TransactionStatus.PENDING if before is None else before.status
    if after.status is was or not after.status.final:
        return ()
    kind = f"transaction.{after.status.value}"
    body = orjson.dumps({"type": kind, "timestamp": after.updated_at.isoformat(), "data": transaction_view(after)})
    return (
        Notification(
            id=f"msg_{after.id}_{after.status.value}", client=after.client, event=kind, body=body.decode("utf-8")
        ),
    )
