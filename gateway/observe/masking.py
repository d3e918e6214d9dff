"""Destinations and serials as suppliers mask them in their own reports: `08575xxx724`.

A line's own `dest` and `serial` are masked wherever they stand in it, in each form in which suppliers write them, and
so is everything that looks like an Indonesian mobile number. Identifiers stay whole, because people look things up by
them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, quote_plus

import orjson

PRIVATE: Final = frozenset({"dest", "serial"})
CHAIN: Final = frozenset({"after", "expected"})
"""Hashes in the notes that the log makes about itself."""
IDENTIFIERS: Final = frozenset(
    {"ts", "event", "transaction", "ref_id", "client", "provider", "attempt", "supplier_ref", "product", "prev", *CHAIN}
)
"""Fields that are never masked. A client that makes its `ref_id` of telephone numbers has them in the log."""

_LEAST_IN_TEXT: Final = 6  # shorter values stand in innocent words and prices
_LEAST_DIGITS: Final = 7
_NO_VALUE: Final = 1_000_000  # characters: longer than any text
_FLAT: Final = frozenset({str, int, float, bool, type(None)})
_RUN: Final = re.compile(r"\+?[0-9](?:-?[0-9]){6,}")
_GROUPS: Final = re.compile(r"[0-9](?:[-. ]{0,3}[0-9]){6,}")
_ESCAPE: Final = re.compile("%[0-9A-Fa-f]{2}")
_MOBILE: Final = re.compile(r"\+?(?:0|62)8[0-9]{7,11}")


def mask(value: str) -> str:
    """The first five and the last three characters; less of what is short. Three characters at least are hidden."""
    if len(value) >= 11:
        return f"{value[:5]}xxx{value[-3:]}"
    return f"{value[:2]}xxx{value[-2:]}" if len(value) >= 7 else "xxx"


def masked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one line, of which none is anything but what JSON has."""
    private: list[str] = []
    if _FLAT.issuperset(map(type, fields.values())):
        private = [value for value in map(fields.get, PRIVATE) if type(value) is str]
    else:
        for name, value in fields.items():
            _collect(name, value, private)
    known: tuple[str, ...] = ()
    shortest = _NO_VALUE
    if private:
        known = tuple(sorted({value for value in private if len(value) >= _LEAST_IN_TEXT}, key=len, reverse=True))
        shortest = len(known[-1]) if known else _NO_VALUE
    result = dict(fields)
    for name, value in fields.items():
        if value is None or name in IDENTIFIERS:
            continue
        if type(value) is not str or name in PRIVATE:
            result[name] = _masked(name, value, known)
        elif len(value) >= _LEAST_IN_TEXT and not (len(value) < shortest and value.isalpha()):
            # What was left out is a single word, such as `success`: no private value fits in, and no number is there.
            result[name] = _in_text(value, known)
    return result


@dataclass(frozen=True, slots=True)
class _Known:
    """How a private value is found again in a text."""

    masked: str
    forms: tuple[str, ...]
    cores: tuple[str, ...]


@functools.lru_cache(maxsize=4096)  # the lines of one transaction name the same ones
def _known(value: str) -> _Known:
    return _Known(mask(value), _forms(value), tuple(_cores(value)))


def _collect(name: str, value: object, found: list[str]) -> None:
    match value:
        case str() if name in PRIVATE:
            found.append(value)
        case dict():
            for inner_name, inner in value.items():
                _collect(inner_name, inner, found)
        case list():
            for inner in value:
                _collect(name, inner, found)


def _masked(name: str, value: object, known: tuple[str, ...]) -> object:
    if isinstance(value, str):
        if name in PRIVATE:
            return mask(value) if value else value
        return value if name in IDENTIFIERS or len(value) < _LEAST_IN_TEXT else _in_text(value, known)
    if isinstance(value, dict):
        return {inner_name: _masked(inner_name, inner, known) for inner_name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(name, inner, known) for inner in value]
    return value


@functools.lru_cache(maxsize=256)  # a supplier's words stand in several lines of one transaction
def _in_text(text: str, values: tuple[str, ...]) -> str:
    """`text` with the private `values`, the longest first, and whatever else is a telephone number masked."""
    known = [_known(value) for value in values]
    for one in known:
        for form in one.forms:
            text = text.replace(form, one.masked)

    def run(hit: re.Match[str]) -> str:
        digits = hit[0].replace("-", "")
        for one in known:
            for core in one.cores:
                if core in digits:
                    return mask(hit[0])
        return mask(hit[0]) if _MOBILE.fullmatch(digits) is not None and _stands_alone(hit) else hit[0]

    text = _RUN.sub(run, text)
    close = _close(text)
    cores = [core for one in known for core in one.cores if core in close]
    return _GROUPS.sub(lambda hit: _in_groups(hit[0], cores), text) if cores else text


def _close(text: str) -> str:
    """`text` without what may stand between groups of digits."""
    return text.replace(" ", "").replace(".", "").replace("-", "")


def _in_groups(text: str, cores: list[str]) -> str:
    """Digits in groups: a token `1234 5678 …` is masked, and the prices and dates that stand beside it stay."""
    for core in cores:
        digits = _close(text)
        at = digits.find(core)
        if at < 0:
            continue
        places = [place for place, character in enumerate(text) if character not in " .-"]
        parts, done = [], 0
        while at >= 0:
            start, end = places[at], places[at + len(core) - 1] + 1
            parts += [text[done:start], mask(text[start:end])]
            done, at = end, digits.find(core, at + len(core))
        text = "".join([*parts, text[done:]])
    return text


def _stands_alone(hit: re.Match[str]) -> bool:
    """Whether no letter touches it: within a hash or a reference, digits are no telephone number."""
    before, after = hit.string[max(0, hit.start() - 3) : hit.start()], hit.string[hit.end() : hit.end() + 1]
    return not after.isalpha() and (not before[-1:].isalpha() or _ESCAPE.fullmatch(before) is not None)


def _forms(value: str) -> tuple[str, ...]:
    """As it is, and as it stands in a URL, a form, or JSON."""
    if value.isalnum():
        return (value,)
    return tuple(
        dict.fromkeys(
            (value, quote(value, safe=""), quote(value), quote_plus(value), orjson.dumps(value)[1:-1].decode())
        )
    )


def _cores(value: str) -> Iterator[str]:
    """The digits by which a number is known again without its prefix, and a token with or without its dashes."""
    for part in value.split("/"):
        digits = part.replace("-", "").replace(" ", "").removeprefix("+")
        if digits.isascii() and digits.isdigit():
            core = digits.removeprefix("62") if digits.startswith("628") else digits.removeprefix("0")
            if len(core) >= _LEAST_DIGITS:
                yield core
