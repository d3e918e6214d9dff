from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigurationError, Mistake
from gateway.settings.yaml_source import MAX_DEPTH, YamlSource, read_yaml
from gateway.settings.yaml_syntax import syntax_mistake


def read(tmp_path: Path, text: str | bytes) -> YamlSource:
    file = tmp_path / "c.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_yaml(file, {})


def fatal(tmp_path: Path, text: str | bytes) -> Mistake:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    assert len(caught.value.mistakes) == 1
    return caught.value.mistakes[0]


def test_each_value_keeps_its_place(tmp_path: Path) -> None:
    source = read(tmp_path, "a: 1\nb:\n  - x\n  - c: {d: y,\n         e: z}\n")
    assert source.root == {"a": 1, "b": ["x", {"c": {"d": "y", "e": "z"}}]}
    assert source.locate(("b", 1, "c", "e")) == (("b", 1, "c", "e"), (5, 10))
    assert source.locate(("b", 1, "c", "function-after", "nope")) == (("b", 1, "c"), (4, 5))


def test_a_byte_order_mark_and_crlf_are_accepted(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfa: x\r\nb: y\r\n").root == {"a": "x", "b": "y"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", None, "is empty"),
        ("# only a comment\n", None, "is empty"),
        ("---\n", None, "is empty"),
        ("- a\n", 1, "mapping"),
        ("hello\n", 1, "mapping"),
        ("a: 1\n\tb: 2\n", 2, "tab"),
        ("\ta: 1\n", 1, "tab"),
        ("a: 1\n b: 2\n", 2, "no key can be"),
        ("a: 1\nb: {c: ${X}}\n", 2, "not closed"),
        ("a: 1\nb: 'x\n", 2, "quote"),
        ("a: 1\nb: @x\n", 2, "cannot begin with @"),
        ('a: "\\q"\n', 1, "escape"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("a: 1\nb: *gone\n", 2, "anchor"),
        ("a: &x [*x]\n", 1, "inside of"),
        ("a: 1\n{b: 1}: 2\n", 2, ""),
        (b"a: 1\nb: \xff\n", 2, "UTF-8"),
        (b"a: 1\nb: \x00\n", 2, "control character"),
    ],
)
def test_what_is_not_a_configuration_is_told_with_its_line(
    tmp_path: Path, text: str | bytes, line: int | None, words: str
) -> None:
    mistake = fatal(tmp_path, text)
    assert mistake.line == line
    assert words in mistake.message


@pytest.mark.parametrize(
    "value", ["*S3CRET99", "!S3CRET99 x", "!S3CRET99!x y", "&S3CRET99", "@S3CRET99", "%S3CRET99", "'S3CRET99"]
)
@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
def test_a_secret_that_yaml_stumbles_over_is_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: type, value: str
) -> None:
    monkeypatch.setattr("gateway.settings.yaml_source._LOADER", loader)
    file = tmp_path / "c.yaml"
    file.write_text(f"a: 1\npassword: {value}\n", encoding="utf-8")
    try:
        told = str(read_yaml(file, {}).broken)
    except ConfigurationError as error:
        told = str(error)
    assert "S3CRET99" not in told


def test_words_of_the_parser_that_quote_the_file_are_cut() -> None:
    error = yaml.MarkedYAMLError(problem="""found 'S3CRET99' beside "S3CRET99", and '}'""")
    told = str(syntax_mistake("c.yaml", "", error))
    assert "S3CRET99" not in told
    assert "'}'" in told


def test_a_tag_builds_nothing(tmp_path: Path) -> None:
    source = read(
        tmp_path, "a: !!python/object/apply:os.system ['true']\nb: !!python/name:os.system x\nc: !!str 0711\n"
    )
    assert [loc for loc, *_ in source.broken] == [("a",), ("b",)]
    assert source.root["c"] == "0711"


def test_duplicate_keys_are_told_with_both_lines(tmp_path: Path) -> None:
    source = read(tmp_path, "a: 1\nb: 2\na: 3\nc: {d: 1, d: 2}\n")
    assert [(loc, place[0], message) for loc, place, message, _ in source.broken] == [
        (("a",), 3, "is written twice, first on line 1"),
        (("c", "d"), 4, "is written twice, first on line 4"),
    ]


def test_anchors_may_be_used_and_merges_may_not(tmp_path: Path) -> None:
    source = read(tmp_path, "a: &limits {x: 1}\nb: *limits\nc:\n  <<: *limits\n")
    assert source.root["b"] == {"x": 1}
    assert [message for _, _, message, _ in source.broken] == ["<< merges keys, which is not supported"]


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "aliases written out" in fatal(tmp_path, "\n".join(lines)).message


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 50_000])
def test_deep_nesting_is_refused(tmp_path: Path, depth: int) -> None:
    assert "levels deep" in fatal(tmp_path, "a: " + "[" * depth).message


def test_a_missing_file_and_a_directory_are_mistakes(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            read_yaml(path, {})


@settings(max_examples=150)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"#,\n \t$?%@", max_size=60))
def test_any_text_is_read_or_told_as_a_mistake(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(text, encoding="utf-8")
    mistakes: tuple[Mistake, ...] = ()
    try:
        read_yaml(file, {})
    except ConfigurationError as error:
        mistakes = error.mistakes
    assert all(str(mistake).isprintable() for mistake in mistakes)
