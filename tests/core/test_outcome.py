"""What an outcome may say together, and about whose purchase."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.characters import storable
from gateway.core.outcome import Outcome, OutcomeStatus, about
from gateway.provider import Update

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


@given(st.text(st.characters(categories=None)))
def test_what_cannot_be_kept_of_a_text_is_replaced_one_by_one_and_nothing_else_is_touched(text: str) -> None:
    kept = storable(text)
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")  # two halves are one
    assert kept == "".join("\ufffd" if one == "\0" or "\ud800" <= one <= "\udfff" else one for one in whole)
    assert orjson.loads(orjson.dumps(kept)) == kept


@pytest.mark.parametrize("odd", ["SN-\ud83d", "SN-\0", "\udc00-SN"])
def test_an_outcome_holds_no_text_that_cannot_be_kept(odd: str) -> None:
    kept = odd.translate({0: "\ufffd", 0xD83D: "\ufffd", 0xDC00: "\ufffd"})
    said = Outcome(
        status=OutcomeStatus.SUCCESS, message=odd, ref=odd, supplier_ref=odd, serial=odd, rule=odd, bill={odd: odd}
    )
    assert said == Outcome(
        status=OutcomeStatus.SUCCESS,
        message=kept,
        ref=kept,
        supplier_ref=kept,
        serial=kept,
        rule=kept,
        bill={kept: kept},
    )
    assert said.message == kept
    assert said.bill == {kept: kept}
    update = Update(ref=odd, outcome=said, supplier_ref=odd)
    assert (update.ref, update.supplier_ref) == (kept, kept)
