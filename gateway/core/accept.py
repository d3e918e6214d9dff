"""What a client asked for, and when the same `ref_id` means the same thing."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

from gateway.core.transaction import Event, Transaction
from gateway.core.value import value

_TEXT = json.JSONEncoder(separators=(",", ":")).encode


@value()
class Request:
    """A purchase as a client writes it, before the catalogue is asked."""

    ref_id: str
    product: str
    dest: str
    qty: int = 1
    max_price: int | None = None

    def fingerprint(self) -> str:
        """Equal for equal requests: the same body in another order, spacing or with defaults written out is the same.

        It is over what the client wrote, not over what the catalogue made of it, so that a change of the catalogue
        does not make an old request look like another one.
        """
        text = _TEXT([self.product, self.dest, self.qty, self.max_price])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def accept(
    request: Request,
    *,
    transaction_id: str,
    client: str,
    dest: str,
    now: datetime,
    deadline: float,
    owner: str,
) -> tuple[Transaction, Event]:
    """A new transaction for `request`, not yet routed.

    Args:
        dest: the normalised destination.
        deadline: seconds after which no new attempt starts.
    """
    transaction = Transaction(
        id=transaction_id,
        client=client,
        ref_id=request.ref_id,
        request_hash=request.fingerprint(),
        product=request.product,
        dest=dest,
        qty=request.qty,
        max_price=request.max_price,
        created_at=now,
        updated_at=now,
        deadline_at=now + timedelta(seconds=deadline),
        owner=owner,
        route_at=now,
    )
    return transaction, Event("accepted", now, "client", {"product": request.product, "qty": request.qty})
