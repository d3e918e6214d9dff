"""A supplier's word held against the books."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.drift import Span, compare, explained, word

RUPIAH = st.integers(min_value=0, max_value=10**9)
ANY = st.integers(min_value=-(10**9), max_value=10**9)
SPANS = st.builds(lambda low, wide: Span(low, low + wide), ANY, RUPIAH)


def test_the_first_word_makes_the_books() -> None:
    assert compare(None, word(1_000)) == (Span(1_000, 1_000), 0)
    assert compare(None, word(1_000, late=500)) == (Span(1_000, 1_500), 0)


@pytest.mark.parametrize(
    ("reported", "late", "early", "drift"),
    [
        (1_000, 0, 0, 0),
        (999, 0, 0, -1),
        (1_001, 0, 0, 1),
        (500, 500, 0, 0),  # what is under way is deducted there
        (1_000, 500, 0, 0),  # or it is not
        (499, 500, 0, -1),
        (1_500, 0, 500, 0),  # what has just ended was not deducted when it spoke
        (1_501, 0, 500, 1),
    ],
)
def test_only_what_nothing_explains_is_a_drift(reported: int, late: int, early: int, drift: int) -> None:
    books = Span(1_000, 1_000)
    assert compare(books, word(reported, late=late, early=early)) == (books, drift)


@given(SPANS, SPANS)
def test_the_books_never_get_wider_and_a_drift_leaves_them_alone(books: Span, told: Span) -> None:
    after, drift = compare(books, told)
    assert books.low <= after.low <= after.high <= books.high
    assert (drift == 0) is (told.low <= books.high and books.low <= told.high)
    if drift:
        assert after == books
        moved, nothing = compare(books, Span(told.low - drift, told.high - drift))
        assert nothing == 0, "a drift is the least that explains the difference"
        assert moved.low == moved.high or books.low == books.high or told.low == told.high


@given(SPANS, ANY)
def test_what_is_charged_moves_both_ends(books: Span, amount: int) -> None:
    assert books.less(amount).less(-amount) == books
    assert books.less(amount).high - books.less(amount).low == books.high - books.low


def test_a_span_has_its_ends_in_order() -> None:
    with pytest.raises(ValueError, match="a span from 2 to 1"):
        Span(2, 1)


@given(ANY, ANY)
def test_a_payment_explains_a_drift_of_its_own_direction_and_never_turns_it_round(drift: int, amount: int) -> None:
    left = explained(drift, amount)
    assert abs(left) <= abs(drift)
    assert left * drift >= 0
    if amount * drift <= 0:
        assert left == drift
    else:
        assert abs(drift) - abs(left) == min(abs(drift), abs(amount))


def test_what_is_taken_is_less_and_what_is_put_in_is_more() -> None:
    assert Span(1_000, 3_000).less(400) == Span(600, 2_600)
    assert Span(1_000, 3_000).less(-400) == Span(1_400, 3_400)
