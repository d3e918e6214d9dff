"""What is kept out of the operational log whatever the redactor knows: addresses, request lines, header values.

A redactor knows the gateway's own secrets. It does not know a client's key, of which only the hash is configured, and
libraries put whole request heads into the texts of their errors. So these are recognised by their form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import TracebackType
from typing import Final

_URL: Final = re.compile(r"""\b([A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s/?\#@'"<>]*@)?([^\s/?\#'"<>]*)([^\s'"<>]*)""")
_REQUEST_LINE: Final = re.compile(
    r"\b(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE)( +)(?:[/*]|https?:)[^\s'\"]*"
)
_QUERY: Final = re.compile(r"\?[^\s'\"<>]*=[^\s'\"<>]*")
_HEADER: Final = re.compile(
    r"""(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-auth-token|[a-z-]*signature)"""
    r"""(['"]?\s*[:=]|['"]\s*,)\s*.*"""
)
_SCHEME: Final = re.compile(r"\b([Bb]earer|Basic)\s+[A-Za-z0-9._~+/-]{6,}=*")
_PARAMETERS: Final = re.compile(r"\[parameters: .*?\](?=\n|$)", re.DOTALL)

_HOLD_WHAT_CAME: Final = frozenset({"aiohttp", "yarl", "multidict", "http"})
"""Packages whose exceptions quote what was received or called."""
_DEEPEST: Final = 10


def scrub(text: str) -> str:
    """`text` without paths and queries of URLs, passwords in them, request targets, header values, SQL parameters."""
    if "://" in text:
        text = _URL.sub(lambda hit: f"{hit[1]}{hit[2]}{'/…' if hit[3] else ''}", text)
    if "?" in text:
        text = _QUERY.sub("?…", text)
    if "[parameters" in text:
        text = _PARAMETERS.sub("[parameters: …]", text)
    text = _REQUEST_LINE.sub(r"\1\2…", text)
    text = _SCHEME.sub(r"\1 ***", text)
    return _HEADER.sub(r"\1\2 ***", text)


def told(error: BaseException, *, words: bool = True) -> str:
    """An exception as text: its type, its message, its frames, and what caused it. Not scrubbed.

    Args:
        words: whether messages are told; without them no value is in the text.
    """
    return "\n".join(_told(error, set(), words=words))


def _told(error: BaseException, seen: set[int], *, words: bool) -> Iterator[str]:
    seen.add(id(error))
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    yield f"{name}: {_message(error)}" if words else name
    yield from _frames(error.__traceback__)
    if len(seen) >= _DEEPEST:
        return
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            if id(inner) not in seen:
                yield "one of them:"
                yield from _told(inner, seen, words=words)
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield "caused by:" if error.__cause__ is not None else "while handling:"
        yield from _told(before, seen, words=words)


def _message(error: BaseException) -> str:
    if type(error).__module__.partition(".")[0] in _HOLD_WHAT_CAME:
        return "(its text is not kept: it may quote what was sent or received)"
    try:
        return str(error)
    except Exception:
        return "(its text cannot be had)"


def _frames(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield f"  {code.co_filename}:{traceback.tb_lineno} in {code.co_qualname}"
        traceback = traceback.tb_next
