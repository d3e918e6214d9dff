"""Answers that tell of an earlier purchase: "X5.0817… sdh pernah jam 10:10, status Sukses. SN: …".

Some suppliers look for the earlier one by our reference. Then it is the very purchase that is asked about. Others look
for the same product to the same number today. Then its success may be another customer's order, and ours was refused
as its repetition: nothing was bought for it. The words are the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from gateway import Outcome, OutcomeStatus

__all__ = ["BEFORE_SUCCESS", "EarlierBy", "believed", "without_foreign_facts"]

EarlierBy = Literal["named", "reference", "number"]
"""How a supplier finds an earlier purchase: `reference`, `number`, or nobody knows: `named`, which believes a message
that answers a question or reports by itself, and names our reference."""

BEFORE_SUCCESS = "before-success"
_BEFORE_FAILED = "before-failed"
_WHOSE = "before-whose"
_RULES = (BEFORE_SUCCESS, _BEFORE_FAILED, _WHOSE, "before-waiting", "before")


def believed(outcome: Outcome, earlier_by: EarlierBy, *, asked: bool = True) -> Outcome:
    """`outcome`, or `UNKNOWN` where it tells the end of an earlier purchase that may be another one's.

    Args:
        outcome: its `ref` is the one that the message names, or `None`.
        earlier_by: the account's setting.
        asked: the message answers a check or is a report. It is not the answer to the purchase itself: before that we
            had sent nothing under this reference, so that an earlier one was not ours. Its failure is no doubt then:
            ours was refused as a repetition, whatever became of the other.
    """
    if earlier_by == "reference":
        return outcome
    if outcome.status is OutcomeStatus.SUCCESS and outcome.rule == BEFORE_SUCCESS:
        sure = earlier_by == "named" and asked and outcome.ref is not None
    elif outcome.status is OutcomeStatus.FAILED and outcome.rule == _BEFORE_FAILED:
        sure = earlier_by == "named" or not asked
    else:
        sure = True
    return outcome if sure else replace(outcome, status=OutcomeStatus.UNKNOWN, reason=None, rule=_WHOSE)


def without_foreign_facts(outcome: Outcome, earlier_by: EarlierBy, *, asked: bool) -> Outcome:
    """The answer without what may belong to another purchase: by its `supplier_ref` alone that one's report would
    settle this attempt."""
    if earlier_by == "reference" or outcome.rule not in _RULES:
        return outcome
    if asked and outcome.ref is not None and outcome.rule != _WHOSE:
        return outcome
    return replace(outcome, supplier_ref=None, serial=None, price=None)
