"""What is hidden of numbers and serials, and what is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.observe.masking import mask, masked


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("08575111724", "08575xxx724"),
        ("081712345678", "08171xxx678"),
        ("12345678901234567890", "12345xxx890"),
        ("0812345678", "08xxx78"),
        ("1234567", "12xxx67"),
        ("1234", "xxx"),
    ],
)
def test_the_form_is_the_suppliers_own(value: str, shown: str) -> None:
    assert mask(value) == shown


@given(st.text(min_size=1, max_size=30))
def test_three_characters_at_least_are_hidden(value: str) -> None:
    shown = mask(value)
    assert len(shown.replace("xxx", "", 1)) <= max(0, len(value) - 3)


@pytest.mark.parametrize(
    ("field", "value", "text", "shown"),
    [
        ("dest", "081712345678", "to +6281712345678 now", "to +6281xxx678 now"),
        ("dest", "081712345678", "XL5.81712345678", "XL5.81712xxx678"),
        ("dest", "081712345678", "0817-1234-5678", "0817-xxx678"),
        ("dest", "081712345678", "dest%3D081712345678%26x", "dest%3D08171xxx678%26x"),
        ("serial", "1234-5678-9012-3456-7890", "TOKEN 12345678901234567890", "TOKEN 12345xxx890"),
        ("serial", "12345678901234567890", "TOKEN 1234-5678-9012-3456-7890", "TOKEN 1234-xxx890"),
        (
            "serial",
            "1234-5678-9012-3456-7890/BUDI S/R1/900VA",
            "SN=1234-5678-9012-3456-7890%2FBUDI%20S%2FR1%2F900VA",
            "SN=1234-xxx0VA",
        ),
        ("serial", "01434804957955199674", "SN: 0143 4804 9579 5519 9674/RINA", "SN: 0143 4xxx674/RINA"),
        ("serial", "0143-4804-9579-5519-9674/RINA", "SN: 0143 4804 9579 5519 9674/RINA", "SN: 0143 4xxx674/RINA"),
        ("dest", "081712345678", "0817.1234.5678", "0817.1xxx678"),
        ("dest", "081712345678", "+62 817 1234 5678", "+62 817 1xxx678"),
        ("dest", "081712345678", "HRG 5.400 0817 1234 5678 1.200", "HRG 5.400 0817 1xxx678 1.200"),
        ("serial", 'A"B/C-9001122', '{"sn":"A\\"B/C-9001122"}', '{"sn":"A"B/Cxxx122"}'),
        ("serial", "R24112.0817.XYZ", "sn=R24112.0817.XYZ&", "sn=R2411xxxXYZ&"),
    ],
)
def test_they_are_found_in_each_form(field: str, value: str, text: str, shown: str) -> None:
    line = masked({field: value, "message": text})
    assert line["message"] == shown
    assert line[field] == mask(value)


@pytest.mark.parametrize(
    "text",
    [
        "HRG 5.400 SISA SALDO 1.234.567.890",
        "2026-11-24 10:00:00",
        "refID=176387123456712345",
        "a94a8fe5ccb085712345678d391e987982fbbd3",
        "R081712345678Z",
    ],
)
def test_prices_times_references_and_hashes_are_left_alone(text: str) -> None:
    assert masked({"dest": "085799998888", "response": text})["response"] == text


@pytest.mark.parametrize("text", ["unknown 081712345678", "m=6281712345678&t=1", "dest%3D081712345678"])
def test_a_number_in_a_report_that_matches_nothing_is_masked(text: str) -> None:
    assert "1712345678" not in masked({"response": text})["response"]


def test_identifiers_and_hashes_stay_whole() -> None:
    line = {"ref_id": "081712345678", "transaction": "081712345678", "dest": "081712345678", "expected": "081712345678"}
    assert masked(line) == {**line, "dest": "08171xxx678"}


MSISDN = st.from_regex(r"08[0-9]{8,11}", fullmatch=True)


@given(MSISDN, st.text(alphabet="abc .,:=&/\n", max_size=10), st.text(alphabet="abc .,:=&/\n", max_size=10))
@settings(max_examples=100)
def test_a_destination_never_stays_in_its_line(dest: str, before: str, after: str) -> None:
    line = masked(
        {"dest": dest, "data": [{"message": before + dest + after}], "response": f"{before}62{dest[1:]}{after}"}
    )
    assert dest[1:] not in str(line)


@given(MSISDN, st.lists(st.sampled_from(["", " ", ".", "-", " - "]), min_size=12, max_size=12), st.integers(1, 3))
@settings(max_examples=100)
def test_a_destination_in_groups_never_stays_in_its_line(dest: str, between: list[str], times: int) -> None:
    written = "".join(digit + gap for digit, gap in zip(dest, [*between, ""], strict=False)).strip(" .-")
    shown = masked({"dest": dest, "message": " 5.000 ".join([written] * times)})["message"]
    assert dest[1:] not in "".join(character for character in shown if character.isalnum())
    assert shown.count("xxx") == times


def test_a_text_full_of_one_number_is_masked_throughout() -> None:
    shown = masked({"dest": "081712345678", "message": "0817 1234 5678 " * 5_000})["message"]
    assert shown.count("xxx") == 5_000


@pytest.mark.parametrize("word", ["xABCDEFy", "ABCDEF", "sABCDEFsuccess"])
def test_a_word_that_holds_a_serial_of_letters_is_masked(word: str) -> None:
    shown = masked({"dest": "081712345678", "serial": "ABCDEF", "message": word, "to": "success"})
    assert "ABCDEF" not in shown["message"]
    assert shown["to"] == "success"


def test_a_line_without_private_fields_is_the_same() -> None:
    line = {"event": "breaker", "provider": "maxsi", "from": "closed", "to": "open", "count": 3, "at": None}
    assert masked(line) == line
