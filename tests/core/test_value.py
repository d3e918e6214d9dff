"""Values are equal and hashed by what they hold, the type checker keeps them as they are, and a changed copy is what
`dataclasses.replace` makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gateway.core.outcome import ReasonCode
from gateway.core.transaction import AttemptState, AttemptStatus, Reason, Transaction, TransactionStatus
from gateway.core.value import evolve

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ATTEMPT = AttemptState(
    id="1", number=1, provider="p", product="X", expected_price=1, status=AttemptStatus.SENDING, started_at=NOW
)
TRANSACTION = Transaction(
    id="1",
    client="c",
    ref_id="r",
    request_hash="h",
    product="X",
    dest="08",
    qty=1,
    max_price=None,
    created_at=NOW,
    updated_at=NOW,
    deadline_at=NOW,
    attempts=(ATTEMPT,),
)


def test_it_holds_the_changes_and_all_the_rest_and_leaves_the_old_one_alone() -> None:
    changes: dict[str, Any] = {"status": TransactionStatus.SUCCESS, "serial": "123", "version": 2}
    assert evolve(TRANSACTION, **changes) == replace(TRANSACTION, **changes)
    assert evolve(ATTEMPT, price=5) == replace(ATTEMPT, price=5)
    assert evolve(ATTEMPT) == ATTEMPT
    assert TRANSACTION.version == 1


def test_a_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(TypeError, match="AttemptState has no field 'prize'"):
        evolve(ATTEMPT, prize=5)


def test_equal_values_are_one_key_and_others_are_not() -> None:
    prices = {Reason(ReasonCode.DUPLICATE, "sama"): 1}
    assert prices[Reason(ReasonCode.DUPLICATE, "sama")] == 1
    assert Reason(ReasonCode.DUPLICATE, "lain") not in prices


if TYPE_CHECKING:
    # In strict mode an `ignore` that ignores nothing is an error: so these lines hold mypy to refusing them.
    TRANSACTION.version = 2  # type: ignore[misc]
    ATTEMPT.price = 5  # type: ignore[misc]
