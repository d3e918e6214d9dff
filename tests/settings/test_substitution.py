from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings.substitution import SubstitutionError, substitute


def test_plain_text_asks_for_nothing() -> None:
    assert substitute("XL5 costs $5 {today}", {}) is None


def test_variables_are_put_in_anywhere() -> None:
    assert substitute("http://${HOST}:${PORT}/trx", {"HOST": "h", "PORT": "81"}) == "http://h:81/trx"


def test_a_doubled_dollar_stands_for_itself() -> None:
    assert substitute("$${HOST} and ${HOST}", {"HOST": "h"}) == "${HOST} and h"


def test_what_was_put_in_is_not_searched_again() -> None:
    assert substitute("${A}", {"A": "${B}", "B": "no"}) == "${B}"
    assert substitute("${A}", {"A": "file:/etc/passwd"}) == "file:/etc/passwd"


@pytest.mark.parametrize("text", ["${MISSING}", "a${MISSING}b", "${", "${}", "${A B}", "${1A}", "${EMPTY}"])
def test_what_is_missing_is_named(text: str) -> None:
    with pytest.raises(SubstitutionError) as caught:
        substitute(text, {"EMPTY": ""})
    if "MISSING" in text:
        assert "MISSING" in str(caught.value)


def test_everything_that_is_missing_in_one_text_is_named_at_once() -> None:
    with pytest.raises(SubstitutionError, match="the environment variables A and B are not set"):
        substitute("${A}:${THERE}@${B}/${A}", {"THERE": "x"})
    with pytest.raises(SubstitutionError, match="the environment variable A is not set"):
        substitute("${A}${A}", {})


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"s3cret\n", "s3cret"),
        (b"s3cret", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b"a\nb\n\n", "a\nb\n"),
        (b" a ", " a "),
    ],
)
def test_a_secret_file_loses_one_line_end(tmp_path: Path, content: bytes, value: str) -> None:
    (tmp_path / "pin").write_bytes(content)
    assert substitute(f"file:{tmp_path}/pin", {}) == value
    assert substitute("file:${DIR}/pin", {"DIR": str(tmp_path)}) == value


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff", b"x" * 65_537])
def test_a_secret_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "pin").write_bytes(content)
    with pytest.raises(SubstitutionError, match="pin"):
        substitute(f"file:{tmp_path}/pin", {})


def test_a_file_only_at_the_beginning_is_a_file() -> None:
    assert substitute("a file:/nowhere", {}) is None


@settings(max_examples=100)
@given(st.text(max_size=30), st.dictionaries(st.sampled_from(["A", "B"]), st.text(max_size=10)))
def test_only_its_own_error_is_raised(text: str, env: dict[str, str]) -> None:
    if not text.startswith("file:"):
        with suppress(SubstitutionError):
            substitute(text, env)
