"""The parser's complaints about YAML, in words that help."""

from __future__ import annotations

import re

import yaml

from gateway.errors import Mistake

_SPACES = "check the spaces before this line"
_TAG = "begins with !, which is a tag to YAML"
_FLOW = 'within { } and [ ] put "${NAME}" and text with punctuation in quotes'
_PROBLEMS: tuple[tuple[str, str, str], ...] = (
    ("tab character", "a tab stands where only spaces may", "use spaces"),
    ("mapping values are not allowed", "a : stands where no key can be", f"{_SPACES}, or put the text in quotes"),
    ("could not find expected ':'", "a key has no :", "put long text in quotes"),
    ("did not find expected key", "this does not line up with the lines above", _SPACES),
    ("did not find expected '-'", "this does not line up with the list above", _SPACES),
    ("expected ',' or", "a { or [ is not closed before this", _FLOW),
    ("unexpected end of stream", "a quote is never closed", ""),
    ("unknown escape", "a \\ in double quotes begins an escape that YAML does not know", "use single quotes"),
    ("nesting depth", "is nested more levels deep than a parser takes", ""),  # PyYAML 6.0.4 and later
    ("undefined tag handle", _TAG, "put it in quotes"),
)
"""Words of the parser's (libyaml and PyYAML), message, advice."""


def syntax_mistake(file: str, text: str, error: yaml.YAMLError) -> Mistake:
    """A syntax error in words. The parser's own words are kept only where they cannot quote the file's text."""
    if isinstance(error, yaml.reader.ReaderError):
        position = error.position if isinstance(error.position, int) else 0
        at = text.count("\n", 0, position) + 1
        return Mistake(file=file, line=at, message="holds a control character that YAML does not allow")
    problem, mark = "cannot be read", None
    if isinstance(error, yaml.MarkedYAMLError):
        problem, mark = error.problem or problem, error.problem_mark or error.context_mark
        if "quoted scalar" in (error.context or "") and "unknown escape" not in problem:
            mark = error.context_mark or mark  # where the quote begins, rather than the end of the file
    message, advice = "is not YAML: " + re.sub(r"'[^']{2,}'|\"[^\"]{2,}\"", "…", problem), ""
    for words, said, advised in _PROBLEMS:
        if words in problem:
            message, advice = said, advised
            break
    else:
        if "cannot start any token" in problem and mark is not None:
            message, advice = _bad_start(text, mark.line, mark.column)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
    return Mistake(file=file, line=line, column=column, message=message, advice=advice)


def _bad_start(text: str, line: int, column: int) -> tuple[str, str]:
    lines = text.split("\n")
    character = lines[line][column : column + 1] if line < len(lines) else ""
    if character == "\t":
        return "a tab stands where only spaces may", "use spaces"
    return f"a value cannot begin with {character} in YAML", "put it in quotes"
