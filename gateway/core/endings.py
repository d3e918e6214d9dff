"""What a change says about the suppliers: which attempts ended in it, and whether that speaks for their account."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.core.failover import another_supplier_may_be_tried
from gateway.core.transaction import AttemptStatus, Change


def endings(change: Change) -> Iterator[tuple[str, bool]]:
    """The account of each attempt that ended in `change`, and whether it delivered.

    However it was learned, by the answer, a report or a check: at most suppliers the answer only says that the purchase
    is under way. A failure that would have been one at any supplier, such as a wrong number, says nothing about this
    one and is left out, and so is what never ran: that is the breaker's matter.
    """
    before = {} if change.before is None else {attempt.id: attempt.status for attempt in change.before.attempts}
    for attempt in change.after.attempts:
        if attempt.status is before.get(attempt.id):
            continue
        if attempt.status is AttemptStatus.SUCCESS:
            yield attempt.provider, True
        elif attempt.status is AttemptStatus.FAILED and another_supplier_may_be_tried(
            None if attempt.reason is None else attempt.reason.code
        ):
            yield attempt.provider, False
