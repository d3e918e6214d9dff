"""Reading rupiah amounts from what suppliers write: `30.442`, `30,442`, `30442`, `Rp. 1.234.567,00`, `-500`.

Thousands are usually `.`, at some suppliers `,`, at some nothing; decimals occur and are dropped. What is not
clearly an amount is `None`, never a guess.
"""

from __future__ import annotations

import re

__all__ = ["AMOUNT", "parse_rupiah", "rupiah"]

AMOUNT = r"-?\s?(?:[Rr][Pp]\.?\s?)?-?[0-9]+(?:[.,][0-9]+)*"
"""An amount as the source of a regular expression, without groups: put it into a larger one, give the match to
`parse_rupiah`. A full stop that ends the sentence does not belong to it."""

_WRITTEN = re.compile(
    r"(?P<minus>-)?\s{0,3}(?:rp\b\.?)?\s{0,3}(?P<second>-)?\s{0,3}(?P<number>[0-9]+(?:[.,][0-9]+)*)[.,]?(?:-{1,2})?",
    re.IGNORECASE | re.ASCII,
)
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:(?:\.[0-9]{3}){0,4}|(?:,[0-9]{3}){0,4})").fullmatch
"""What most amounts look like; they need no closer look."""
_RP_AT_NUMBER = re.compile(r"(?i)rp(?=[0-9])")
_LONGEST = 40
_MAX_DIGITS = 15
_MOST_DECIMALS = 3


def parse_rupiah(text: str) -> int | None:
    """Whole rupiah from one written amount, or `None` where `text` is not clearly one.

    Decimals are dropped, towards zero. One separator before exactly three digits is a thousands separator, because
    rupiah have no cents that anybody uses. More than 15 digits are no amount.
    """
    if _GROUPED(text) is not None:
        return int(text.replace(".", "").replace(",", ""))
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    match = _WRITTEN.fullmatch(_spaced_rp(text))
    if match is None:
        return None
    value = _number(match["number"])
    if value is None:
        return None
    return -value if match["minus"] or match["second"] else value


def rupiah(value: object) -> int | None:
    """Whole rupiah from a JSON value: an int as it is, a finite float without its decimals, a string as written."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 10**_MAX_DIGITS else None
    if isinstance(value, float):
        return int(value) if abs(value) < 10**_MAX_DIGITS else None  # what is not finite is not below it
    return parse_rupiah(value) if isinstance(value, str) else None


def _spaced_rp(text: str) -> str:
    # `Rp30.442` has no word boundary behind `Rp`.
    return _RP_AT_NUMBER.sub("rp ", text, count=1)


def _number(written: str) -> int | None:
    kinds = [char for char in written if char in ".,"]
    groups = re.split(r"[.,]", written)
    one_kind = len(set(kinds)) == 1
    if not kinds or (one_kind and _thousands(groups)):
        whole = groups
    elif not _thousands(groups[:-1]):
        return None
    elif len(groups[-1]) <= _MOST_DECIMALS and (one_kind or kinds.count(kinds[-1]) == 1):
        whole = groups[:-1]
    else:
        return None
    digits = "".join(whole)
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _thousands(groups: list[str]) -> bool:
    """Whether these are the groups of one whole number: `["1", "234", "567"]`, or a single one of any length."""
    if len(groups) == 1:
        return True
    first, *rest = groups
    return 1 <= len(first) <= 3 and first != "0" and all(len(group) == 3 for group in rest)
