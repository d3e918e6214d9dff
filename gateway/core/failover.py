"""The one table that says after which failure another supplier may be tried.

It is read only when the failure is definite. It is printed by `gateway explain` and in `docs/operating.md`; an account
can tighten it (`no_failover`), never loosen it.
"""

from __future__ import annotations

from collections.abc import Collection

from gateway.core.outcome import ReasonCode

ANOTHER_SUPPLIER_MAY_BE_TRIED: dict[ReasonCode, bool] = {
    ReasonCode.INVALID_DESTINATION: False,  # the number is wrong everywhere
    ReasonCode.PRODUCT_UNAVAILABLE: True,
    ReasonCode.PRICE_TOO_HIGH: True,
    ReasonCode.DUPLICATE: False,  # it may already have been delivered
    ReasonCode.CUTOFF: True,
    ReasonCode.OUT_OF_AREA: True,  # a matter of this supplier's stock for that region
    ReasonCode.BLOCKED_DESTINATION: False,
    ReasonCode.SUPPLIER_BALANCE: True,
    ReasonCode.SUPPLIER_REFUSED: True,
    ReasonCode.SUPPLIER_TIMEOUT: False,  # of all failures the one that most often turns into a success
    ReasonCode.NO_ROUTE: True,
    ReasonCode.CANCELLED: True,
    ReasonCode.OPERATOR: False,  # a person has decided
}


def another_supplier_may_be_tried(reason: ReasonCode | None, tightened: Collection[str] = ()) -> bool:
    """Whether a definite failure for `reason` may be followed by an attempt elsewhere.

    A failure without a reason is read as `supplier_refused`: the supplier has said no, and did not say why.
    """
    code = reason or ReasonCode.SUPPLIER_REFUSED
    return ANOTHER_SUPPLIER_MAY_BE_TRIED[code] and code.value not in tightened
