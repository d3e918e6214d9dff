"""What a word without quotes means in the configuration file.

YAML 1.1, 1.2 and people disagree on many words: `0711` is 457, `no` is false, `12:30` is 750, `1_000` is 1000, and
`5.400` is five and a bit where this trade writes thousands so. A gateway that sent such a word to a supplier would send
something that nobody wrote. So only what reads the same to everyone is read; the rest is a mistake with advice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

Scalar = str | int | float | bool | None

_QUOTE = "put it in quotes if it is text"
_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)", re.ASCII)
_FRACTION = re.compile(r"[+-]?(?:0|[1-9][0-9]*)\.[0-9]+", re.ASCII)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN_WORDS = frozenset({"true", "false", "yes", "no", "on", "off"})

_TRAPS: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern, re.ASCII), message, advice)
    for pattern, message, advice in (
        (
            r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+",
            "is a fraction to YAML",
            "write thousands without dots (5400), and fractions without zeros at the end (5.4)",
        ),
        (
            r"[+-]?0[0-9_]+",
            "begins with 0, and readers of YAML disagree about such a number (often it is octal)",
            "put it in quotes",
        ),
        (
            r"[+-]?0[xX][0-9a-fA-F_]+|[+-]?0[bB][01_]+|0[oO][0-7_]+",
            "is a hexadecimal, octal or binary number to YAML",
            _QUOTE,
        ),
        (r"[+-]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", "is a number to base 60 to YAML", "put it in quotes"),
        (r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?", "is a date to YAML", "put it in quotes"),
        (
            r"[+-]?(?=[0-9_.]*_)[0-9][0-9_]*(?:\.[0-9_]*)?",
            "is a number with _ to YAML",
            f"write the digits alone, or {_QUOTE}",
        ),
        (
            r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+",
            "is a number with an exponent to YAML",
            _QUOTE,
        ),
        (
            r"[+-]?(?:[0-9]+\.|\.[0-9]+)",
            "is a fraction to YAML",
            f"write digits on both sides of the dot, or {_QUOTE}",
        ),
        (r"[+-]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "is not a number that can be used here", _QUOTE),
        (r"=|<<", "has a meaning of its own in YAML", _QUOTE),
    )
)
"""What is refused, why, and what to write instead."""


_STANDARD: dict[str, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers
"""What YAML 1.1 reads as something else than text, by first character: the net under the list above."""


@dataclass(frozen=True, slots=True)
class Trap:
    """A word that does not read the same to everyone. The word itself is left out: it may be a secret."""

    message: str
    advice: str


def read_plain(text: str) -> Scalar | Trap:
    """The value of a scalar that was written without quotes."""
    if text in _NULL:
        return None
    if text in ("true", "false"):
        return text == "true"
    if not text[0].isalpha():
        if len(text) <= 18 and _INTEGER.fullmatch(text):
            return int(text)
        for pattern, message, advice in _TRAPS:
            if pattern.fullmatch(text):
                return Trap(message, advice)
        if len(text) <= 30 and _FRACTION.fullmatch(text):
            return float(text)
        if _INTEGER.fullmatch(text) or _FRACTION.fullmatch(text):
            return Trap("is a number too long to be kept exactly", "put it in quotes")
    elif text.lower() in _BOOLEAN_WORDS:
        return Trap("is read as true or false by YAML", "write true or false, or put it in quotes if it is text")
    if any(pattern.match(text) for _, pattern in _STANDARD.get(text[0], ())):
        return Trap("is no text to YAML", "put it in quotes")
    return text
