"""`Prefer: wait=N`."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.prefer import preferred_wait


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([], None),
        (["wait=10"], 10),
        (["WAIT = 10"], 10),
        (['wait="10"'], 10),
        (["wait=0"], 0),
        (["wait=60"], 60),
        (["wait=61"], 60),
        (["wait=999999999"], 60),
        (["wait=" + "9" * 5000], 60),
        (["wait=" + "0" * 5000 + "7"], 7),
        (["respond-async, wait=10"], 10),
        (["respond-async", "wait=10"], 10),
        (["wait=10;foo=bar"], 10),
        (['foo="a, wait=5", wait=10'], 10),
        (["wait=10, wait=20"], 10),
        (["wait=10", "wait=20"], 10),
        (["wait=x, wait=20"], None),
        (["wait"], None),
        (["wait="], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=1e1"], None),
        (["wait=10 seconds"], None),
        (["wait=٣"], None),
        (["waiting=10"], None),
        (["return=minimal"], None),
        (['"wait=10'], None),
        ([""], None),
        ([",,,"], None),
    ],
)
def test_a_wait_is_read_and_what_cannot_be_read_is_ignored(values: list[str], seconds: int | None) -> None:
    assert preferred_wait(values) == seconds


@settings(max_examples=100)
@given(st.lists(st.text(alphabet='wait=0123456789";, \\', max_size=40), max_size=3))
def test_it_is_none_or_from_0_to_60(values: list[str]) -> None:
    seconds = preferred_wait(values)
    assert seconds is None or 0 <= seconds <= 60
