"""Which digits a pattern tells apart, so that texts that differ in other digits only need to be searched once."""

from __future__ import annotations

import re

_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEAT = re.compile(r"\{[0-9]*,?[0-9]*\}|[*+?]")
_LITERAL = re.compile(r"[0-9A-Za-z]+")
_DIGIT = re.compile(r"[0-9]")
_BACK_REFERENCE = re.compile(r"\(\?(?:P=|\()")
_BY_NUMBER = frozenset("0123456789xuUN")
"""Behind a backslash: a character by its number or name, or a back reference."""


def digits_apart(pattern: str) -> frozenset[str] | None:
    """The words with digits in them, in lower case, that `pattern` asks for as they are. `None`: it cannot be told.

    In a text that holds none of these words, upper and lower case alike, each ASCII digit may be exchanged for another
    one that stands in no such word, and `pattern` finds the same places as before: everything else in it that takes
    digits takes them all. What is not sure is told apart.
    """
    found: set[str] = set()
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            if pattern[at + 1 : at + 2] in _BY_NUMBER:
                return None
            at += 2
        elif char == "(" and _BACK_REFERENCE.match(pattern, at):
            return None
        elif char == "[" and (match := _CLASS.match(pattern, at)):
            if _DIGIT.search(match[0].replace("0-9", "")):
                return None
            at = match.end()
        elif match := _LITERAL.match(pattern, at):
            at = match.end()
            # The last character may be repeated or left out, so it is a word of its own.
            cut = len(match[0]) - 1 if _REPEAT.match(pattern, at) else len(match[0])
            found.update(part for part in (match[0][:cut], match[0][cut:]) if _DIGIT.search(part))
        elif match := _REPEAT.match(pattern, at):
            at = match.end()
        else:
            at += 1
    return frozenset(word.lower() for word in found)
