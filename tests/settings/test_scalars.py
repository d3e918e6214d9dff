from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings.scalars import Trap, read_plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("null", None),
        ("~", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("5400", 5400),
        ("-5", -5),
        ("1.5", 1.5),
        ("0.125", 0.125),
        ("XL5", "XL5"),
        ("127.0.0.1", "127.0.0.1"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("30s", "30s"),
        ("23:45-00:15", "23:45-00:15"),
        ("http://a.example/x", "http://a.example/x"),
        ("5X", "5X"),
    ],
)
def test_words_that_everyone_reads_alike_are_read(text: str, value: object) -> None:
    read = read_plain(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "0711", "0899", "00", "-07", "0x1F", "0b11", "0o17", "12:30", "1:02:03", "190:20:30.15", "1_000", "1_0.5",
        "yes", "no", "on", "off", "No", "YES", "True", "FALSE", "2026-11-23", "2026-11-23T10:00:00Z", "1E5", "1e5",
        "1.5e+3", ".5", "5.", ".inf", "-.INF", ".nan", "5.400", "1.234.567", "12.500", "=", "<<", "1" * 19,
        "123456789012345678901234567890.5", ".0_", "1.e+5", "0_7", "-0b_1",
    ],
)  # fmt: skip
def test_words_that_readers_disagree_about_are_traps(text: str) -> None:
    trap = read_plain(text)
    assert isinstance(trap, Trap)
    assert "quotes" in trap.advice or "thousands" in trap.advice


@settings(max_examples=300)
@given(st.text(alphabet="0123456789+-._:eExXoObnNTZyYsStrufalE ", min_size=1, max_size=12))
def test_nothing_is_read_otherwise_than_the_safe_loader_reads_it(text: str) -> None:
    """What is not a trap has the value that PyYAML gives it, so no other program sees another configuration."""
    if text != text.strip() or text.startswith("- ") or text in ("-", "...", "---") or ": " in text or text[-1] == ":":
        return  # not a plain scalar
    try:
        standard = yaml.safe_load("v: " + text)
    except (yaml.YAMLError, ValueError):
        return
    ours = read_plain(text)
    if not isinstance(ours, Trap) and isinstance(standard, dict):
        assert ours == standard["v"]
        assert type(ours) is type(standard["v"])


@settings(max_examples=200)
@given(st.text(max_size=40))
def test_a_trap_never_holds_the_word(text: str) -> None:
    trap = read_plain(text)
    if isinstance(trap, Trap) and len(text) > 3:
        assert text not in trap.message or text in "true false"
