"""What an outcome may say together, and about whose purchase."""

from __future__ import annotations

import pytest

from gateway.core.outcome import Outcome, OutcomeStatus, about

REF = "000000000000000001"


def test_never_seen_and_a_refused_account_go_with_one_status_each() -> None:
    for status in OutcomeStatus:
        if status is not OutcomeStatus.UNKNOWN:
            with pytest.raises(ValueError, match="never_seen"):
                Outcome(status=status, never_seen=True)
        if status is not OutcomeStatus.REJECTED:
            with pytest.raises(ValueError, match="account_refused"):
                Outcome(status=status, account_refused=True)


def test_what_names_no_reference_or_ours_is_about_ours() -> None:
    for ref in (None, REF):
        said = Outcome(status=OutcomeStatus.SUCCESS, ref=ref, serial="SN-1")
        assert about(said, REF) is said


def test_of_what_is_about_another_purchase_only_the_words_are_kept() -> None:
    said = Outcome(
        status=OutcomeStatus.SUCCESS, ref="2", serial="SN-1", supplier_ref="T-1", price=1, message="SUKSES", rule="ok"
    )
    assert about(said, REF) == Outcome(status=OutcomeStatus.UNKNOWN, message="SUKSES", rule="ok")
