"""What a supplier echoes of our secrets is kept in no field, and what the customer bought is kept whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import Outcome, OutcomeStatus
from gateway.engine.exchange import masked
from gateway.net.redaction import Redactor

PASSWORD, PIN = "s3cret-canary", "4433"
MASK = Redactor([PASSWORD, PIN]).text
SUCCESS = Outcome(status=OutcomeStatus.SUCCESS, message="SUKSES", serial="0410028811", supplier_ref="T77")


@pytest.mark.parametrize("field", ["message", "serial", "supplier_ref"])
def test_a_password_in_a_field_is_masked_and_what_stands_around_it_stays(field: str) -> None:
    changed: dict[str, Any] = {field: f"SN 0410 {PASSWORD} 88"}
    kept = getattr(masked(replace(SUCCESS, **changed), MASK), field)
    assert PASSWORD not in kept
    assert kept.startswith("SN 0410 ")
    assert kept.endswith(" 88")


def test_a_password_in_a_bill_is_masked() -> None:
    bill = {"name": f"BUDI {PASSWORD}", "amount": "90.000"}
    kept = masked(replace(SUCCESS, bill=bill), MASK).bill
    assert kept is not None
    assert PASSWORD not in kept["name"]
    assert kept["amount"] == "90.000"


@given(st.lists(st.integers(0, 9999), min_size=4, max_size=4))
def test_a_token_that_holds_the_digits_of_a_pin_reaches_the_customer_whole(groups: list[int]) -> None:
    token = "-".join(f"{group:04d}" for group in [*groups, int(PIN)])
    outcome = replace(SUCCESS, serial=token, bill={"token": token})
    assert masked(outcome, MASK) == outcome


def test_what_holds_no_secret_is_the_same_value() -> None:
    assert masked(SUCCESS, MASK) is SUCCESS
