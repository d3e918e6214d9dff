"""Texts of one shape: a pattern that takes all digits alike finds the same places in them."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.core.digits import digits_apart


@pytest.mark.parametrize(
    ("pattern", "apart"),
    [
        (r"\bsaldo\b[^0-9=\-]{0,12}\d{3,9}[0-9.,]+", set()),
        (r"h2h|full|100", {"h2h", "100"}),
        (r"H2H", {"h2h"}),
        (r"\(?(?:rp\.? ?)?\d[\d.,]{0,12}", set()),
        (r"ab2?c", {"2"}),
        (r"20*", {"2", "0"}),
        (r"[1-9]", None),
        (r"[05]", None),
        (r"(\d)\1", None),
        (r"(?P<a>x)(?P=a)", None),
        (r"(a)?(?(1)b|c)", None),
        (r"\x32", None),
        (r"\\2", {"2"}),
        (r"[]0-9]{2}", set()),
    ],
)
def test_the_digits_that_a_pattern_tells_apart(pattern: str, apart: set[str] | None) -> None:
    assert digits_apart(pattern) == apart


PIECES = ["a", "h2h", "10", "0", "7", r"\d", r"\d{2,3}", "[0-9.]", "[a-z0-9]", "?", "*", "{2}", "(?:", ")", "|", r"\b"]
PIECES += [".", r"\w", "[1-9]", r"\(", "(?<!1)", "(?=2)"]


@given(
    pattern=st.lists(
        st.sampled_from(PIECES),
        max_size=8,
    ).map("".join),
    text=st.text("ahH.( 01279", max_size=20),
    other=st.text("01279", min_size=20, max_size=20),
)
def test_it_finds_the_same_places_whatever_the_other_digits_are(pattern: str, text: str, other: str) -> None:
    try:
        compiled = re.compile(pattern, re.ASCII | re.IGNORECASE)
    except re.error:
        assume(False)
        return
    apart = digits_apart(pattern)
    if apart is None or any(word in text.lower() for word in apart):
        return
    taken = set("".join(apart))
    exchanged = "".join(
        new if old.isdigit() and new not in taken else old for old, new in zip(text, other, strict=False)
    )
    if any(word in exchanged.lower() for word in apart):
        return
    assert [match.span() for match in compiled.finditer(text)] == [
        match.span() for match in compiled.finditer(exchanged)
    ]
