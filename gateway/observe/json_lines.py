"""One JSON object a line, whatever strangers wrote into it.

JSON escapes line feeds, NUL and ESC by itself. What it leaves alone and a terminal, an editor or a log collector may
still take for a line end or a command is escaped here as well: DEL, the C1 controls (NEL and the one-byte CSI among
them), the line and paragraph separators, and the marks that turn the direction of text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

MAX_TEXT: Final = 20_000
"""Characters of one value that are kept: an exchange is capped before it comes here, other texts are short."""

_UNSAFE: Final = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae\x8e\x8f]|\xe2\x81[\xa6-\xa9]")
_MOST_JSON_INT: Final = 2**63 - 1


def one_line(value: Mapping[str, Any]) -> bytes:
    """`value` as JSON without a line end. Give it what `plain` made."""
    line = orjson.dumps(value)
    return line if line.isascii() else _UNSAFE.sub(_escape, line)


def plain_fields(fields: Mapping[str, Any], redact: Callable[[str], str]) -> dict[str, Any]:
    """`fields` as what JSON has, with every string redacted and cut to `MAX_TEXT`.

    Redacting is what costs, and most lines hold no secret: all strings are shown to `redact` at once, each on a line of
    its own, and one by one only if it finds something there.
    """
    if _is_plain(fields, redact):
        return dict(fields)
    texts: list[str] = []

    def collect(text: str) -> str:
        texts.append(text)
        return text

    result = {name: plain(value, collect) for name, value in fields.items()}
    together = "\n".join(texts)
    if redact(together) == together:
        return result
    return {name: plain(value, redact) for name, value in fields.items()}


_PLAIN: Final = frozenset({str, int, bool, type(None)})


def _is_plain(fields: Mapping[str, Any], redact: Callable[[str], str]) -> bool:
    """Whether `fields` can stay as they are: what nearly all lines are, told by one look at them as JSON.

    Where JSON escapes nothing, every string stands in it as it is, so that what `redact` does not find there is in none
    of them. What it does find may be made of two of them; then they are looked at one by one.
    """
    for value in fields.values():
        if type(value) not in _PLAIN:
            return False
    try:
        line = orjson.dumps(fields)
    except TypeError:  # a lone surrogate, or a number that JSON does not have
        return False
    if len(line) > MAX_TEXT or b"\\" in line:
        return False
    text = line.decode()
    return redact(text) == text


def plain(value: object, redact: Callable[[str], str]) -> Any:
    """`value` as what JSON has, with every string redacted and cut to `MAX_TEXT`. Never raises for the value's sake.

    Objects of other types become their text, so that none of them is serialised behind the redactor's back.
    """
    if isinstance(value, str):
        return _text(value, redact)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _MOST_JSON_INT else str(value)
    if isinstance(value, Mapping):
        return {_text(str(key), redact): plain(inner, redact) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner, redact) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return _text(value.decode("utf-8", "replace"), redact)
    try:
        return _text(str(value), redact)
    except Exception:
        return f"<{type(value).__name__}>"


def _text(text: str, redact: Callable[[str], str]) -> str:
    if type(text) is not str:
        text = str(text)  # an enumeration's member
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()  # lone surrogates are no JSON
    text = redact(text)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text)} characters)"


def _escape(hit: re.Match[bytes]) -> bytes:
    return f"\\u{ord(hit[0].decode()):04x}".encode()
