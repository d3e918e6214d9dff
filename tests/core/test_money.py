"""Amounts as suppliers write them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import AMOUNT, parse_rupiah, rupiah


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("30.442", 30_442),
        ("30,442", 30_442),
        ("30442", 30_442),
        ("75.377.526", 75_377_526),
        ("Rp. 1.234.567,00", 1_234_567),
        ("Rp30.442", 30_442),
        ("rp 66.616", 66_616),
        ("1.234.531.425,773", 1_234_531_425),
        ("1,234,567.00", 1_234_567),
        ("10.000,-", 10_000),
        ("6.438.", 6_438),
        ("0", 0),
        ("-500", -500),
        ("Rp -5.000", -5_000),
        ("-Rp5.000", -5_000),
        ("- 5.000", -5_000),
        ("12.50", 12),
        ("0.123", 0),
        ("1234.567", 1_234),
        ("1.234.56", 1_234),
        ("1.234.567,8", 1_234_567),
        (" 30.442\n", 30_442),
        ("123.456.789.012.345", 123_456_789_012_345),
    ],
)
def test_amounts_are_read_as_they_are_meant(written: str, amount: int) -> None:
    assert parse_rupiah(written) == amount


@pytest.mark.parametrize(
    "written",
    [
        "",
        "-",
        "Rp",
        "lima ribu",
        "1.2.3",
        "12.3456",
        "1.234,567,890",
        "1 000",
        "5rb",
        "٣",
        "9" * 16,
        "1.234.567.890.123.456",
        "0.123.45",
        "1234.567.890",
        "1" * 5_000,
        "1.000x",
    ],
)
def test_what_is_not_clearly_an_amount_is_none(written: str) -> None:
    assert parse_rupiah(written) is None


@given(
    st.integers(-(10**15) + 1, 10**15 - 1), st.sampled_from([".", ",", ""]), st.sampled_from(["", "Rp", "Rp. ", "rp "])
)
def test_every_whole_amount_is_read_back_in_every_writing(amount: int, separator: str, currency: str) -> None:
    written = f"{abs(amount):,}".replace(",", separator)
    assert parse_rupiah(("-" if amount < 0 else "") + currency + written) == amount


@given(st.text(max_size=60))
def test_any_text_is_an_amount_or_nothing_and_never_an_error(text: str) -> None:
    assert type(parse_rupiah(text)) in (int, type(None))


@given(st.integers(0, 10**12))
def test_the_pattern_finds_what_the_reader_reads(amount: int) -> None:
    match = re.search(AMOUNT, f"Saldo {amount:,}. Terima kasih")
    assert match is not None
    assert parse_rupiah(match[0]) == amount


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (299065, 299065),
        (5700.0, 5700),
        (-1.9, -1),
        ("106.204.167", 106204167),
        (True, None),
        (None, None),
        ([], None),
        (math.nan, None),
        (math.inf, None),
        (10**15, None),
        (1e300, None),
    ],
)
def test_json_values_become_whole_rupiah_or_nothing(value: object, amount: int | None) -> None:
    found = rupiah(value)
    assert found == amount
    assert type(found) in (int, type(None))
