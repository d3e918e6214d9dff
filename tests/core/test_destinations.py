"""How destinations are checked and written."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.destinations import InvalidDestinationError, normalise

NUMBERS = {
    "081712345678": "081712345678",
    "+6281712345678": "081712345678",
    "6281712345678": "081712345678",
    "0817-1234-5678": "081712345678",
    "0817 1234 5678": "081712345678",
    "+62 817-1234-5678": "081712345678",
    "081234567": None,
    "0812345678": "0812345678",
    "08123456789012": "08123456789012",
    "081234567890123": None,
    "080712345678": None,
    "071712345678": None,
    "81712345678": None,
    "0062817123456": None,
    "++6281712345678": None,
    "+081712345678": None,
    "0817--12345678": None,
    "-081712345678": None,
    " 081712345678": None,
    "081712345678 ": None,
    "081712345678\n": None,
    "0817.1234.5678": None,
    "081712345678x": None,
    "": None,
    "٠٨١٧١٢٣٤٥٦٧٨": None,
    "08171234567๘": None,
    "0817123456７8": None,
    "0817123456²78": None,
}


@pytest.mark.parametrize(("written", "sent"), NUMBERS.items())
def test_mobile_numbers(written: str, sent: str | None) -> None:
    if sent is None:
        with pytest.raises(InvalidDestinationError, match="not an Indonesian mobile number: write 08"):
            normalise("msisdn", written)
    else:
        assert normalise("msisdn", written) == sent


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("32127971177", "32127971177"),
        ("3212797117 7", "32127971177"),
        ("1234 5678 901-2", "123456789012"),
        ("1234567890123", "1234567890123"),
        ("1234567890", None),
        ("12345678901234", None),
        ("+32127971177", None),
        ("3212797117٧", None),
        ("32127971177\n", None),
    ],
)
def test_meters(written: str, sent: str | None) -> None:
    if sent is None:
        with pytest.raises(InvalidDestinationError, match="11 to 13 digits"):
            normalise("meter", written)
    else:
        assert normalise("meter", written) == sent


@pytest.mark.parametrize("written", ["a", "user@game 1", "x" * 100, "12|34"])
def test_free_destinations_are_sent_as_they_are(written: str) -> None:
    assert normalise("free", written) == written


@pytest.mark.parametrize("written", ["", " a", "a ", "x" * 101, "a\nb", "a\x00b", "é", "a\tb", "\x7f"])
def test_free_destinations_are_visible_ascii(written: str) -> None:
    with pytest.raises(InvalidDestinationError, match="visible ASCII"):
        normalise("free", written)


anything = st.text(alphabet=st.sampled_from("0123456789 +-62８٨²x\n") | st.characters(), max_size=20)


@given(anything)
def test_what_passes_is_ascii_digits_and_passes_again_as_itself(written: str) -> None:
    for kind, shape in (("msisdn", r"08[1-9][0-9]{7,11}"), ("meter", r"[0-9]{11,13}")):
        try:
            sent = normalise(kind, written)
        except InvalidDestinationError:
            continue
        assert re.fullmatch(shape, sent)
        assert normalise(kind, sent) == sent


DIGITS = [char for char in map(chr, range(128, 0x1FFFF)) if unicodedata.category(char) in {"Nd", "No"}]


@given(st.sampled_from(DIGITS), st.integers(0, 11))
def test_a_digit_of_another_script_is_no_digit(digit: str, place: int) -> None:
    written = "081712345678"
    for kind in ("msisdn", "meter", "free"):
        with pytest.raises(InvalidDestinationError):
            normalise(kind, written[:place] + digit + written[place + 1 :])
