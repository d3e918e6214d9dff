"""The table of behaviours: whole, shown as it is, and chosen by the last two digits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway_otomax.sandbox
from gateway_otomax.sandbox import ANY, BEHAVIOURS, Answer, Behaviour, State, Tells, table
from gateway_otomax.sandbox.behaviours import behaviour_of

_ENDINGS = sorted(ending for ending in BEHAVIOURS if ending != ANY)


def test_the_page_shows_the_table_as_the_code_has_it() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    shown = page.partition("<!-- behaviours -->\n")[2].partition("\n<!-- /behaviours -->")[0]
    assert shown == table(), "write `table()` of gateway_otomax.sandbox between the two marks"


def test_the_docstring_shows_the_table_too() -> None:
    assert table() in (gateway_otomax.sandbox.__doc__ or "")


def test_every_line_of_the_table_has_six_cells_and_its_own_ending() -> None:
    lines = table().splitlines()[2:]
    assert [line.count("|") for line in lines] == [7] * len(BEHAVIOURS)
    assert [line.split("|")[1].strip() for line in lines] == [*_ENDINGS, "any other"]


def test_endings_are_two_digits_and_meanings_differ() -> None:
    assert all(re.fullmatch(r"[0-9]{2}", ending) for ending in _ENDINGS)
    assert len({behaviour.means for behaviour in BEHAVIOURS.values()}) == len(BEHAVIOURS)


def test_every_kind_of_answer_and_of_report_can_be_had() -> None:
    assert {behaviour.answer for behaviour in BEHAVIOURS.values()} == set(Answer)
    assert {tells for behaviour in BEHAVIOURS.values() for tells in behaviour.reports} == set(Tells)
    assert {behaviour.last for behaviour in BEHAVIOURS.values()} == set(State)


def test_what_is_refused_says_why() -> None:
    answers_no = {ending: one.refusal for ending, one in BEHAVIOURS.items() if one.answer is Answer.FAILED}
    # The ending of what fails at once is the status code that says so.
    codes = {ending: refusal and str(refusal.code) for ending, refusal in answers_no.items()}
    assert codes == {ending: ending for ending in answers_no}


@given(head=st.text(max_size=12), ending=st.sampled_from(_ENDINGS))
def test_the_last_two_digits_choose(head: str, ending: str) -> None:
    assert behaviour_of(head + ending) is BEHAVIOURS[ending]


@given(dest=st.text(max_size=14).filter(lambda dest: dest[-2:] not in _ENDINGS))
def test_any_other_destination_is_pending_then_success(dest: str) -> None:
    assert behaviour_of(dest) is BEHAVIOURS[ANY]
    assert (BEHAVIOURS[ANY].at_first, BEHAVIOURS[ANY].later) == (State.WAITING, State.SUCCESS)


@pytest.mark.parametrize(
    ("behaviour", "charged"),
    [
        (BEHAVIOURS["20"], "yes"),
        (BEHAVIOURS["14"], "given back"),
        (BEHAVIOURS["24"], "given back"),
        (BEHAVIOURS["40"], "no"),
        (BEHAVIOURS["92"], "when it comes again"),
    ],
)
def test_the_table_says_what_becomes_of_the_money(behaviour: Behaviour, charged: str) -> None:
    assert table({ANY: behaviour}).endswith(f"| {charged} |")
