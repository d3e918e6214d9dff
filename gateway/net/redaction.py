"""Secrets out of everything that is kept or printed.

A secret is masked in each form in which it travels: as it is, percent-encoded (some characters or all, upper or lower
hex, `+` for a space), escaped for JSON or XML, and in base64, alone or inside something longer (`user:password`).

Two kinds of secrets would shred what has nothing to do with them, and are masked only where they stand alone:

- shorter than five characters (a PIN such as `1234`): where no letter or digit touches them. `pin=1234` and
  `XL5.0817.1234` are masked, `081234567` is not. That an equal number standing alone is masked too is the price.
- digits only, up to eight of them: where no digit touches them.

A percent escape or a JSON escape before such a secret touches nothing: `pin%3D1234`. A provider that glues a short
secret to other digits lists the glued form in `Call.secrets`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit
from xml.sax.saxutils import escape

from pydantic import BaseModel, SecretStr

from gateway.provider import Call, Reply
from gateway.settings.types import ProviderSettings

MASK: Final = "***"
MAX_KEPT: Final = 16_384
"""Characters of a body that are kept."""

_SHORT: Final = 5
_SHORT_NUMBER: Final = 9
_LEAST_BASE64: Final = 6  # shorter pieces of base64 stand in innocent words

_ESCAPE_BEFORE: Final = r"(?<=%[0-9A-Fa-f]{2})|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4})"
_ALONE: Final = (rf"(?:(?<![0-9A-Za-z])|{_ESCAPE_BEFORE})", r"(?![0-9A-Za-z])")
_NO_DIGIT_NEAR: Final = (rf"(?:(?<![0-9])|{_ESCAPE_BEFORE})", r"(?![0-9])")

_WHOLLY_SECRET: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"}
)


class Redactor:
    """Masks the given secrets. Empty ones are no secrets."""

    __slots__ = ("_alone", "_escaped", "_percent", "_plain")

    def __init__(self, secrets: Iterable[str]) -> None:
        plain: set[str] = set()
        alone: dict[str, re.Pattern[str]] = {}
        for secret in set(secrets):
            edges = _edges(secret)
            if edges is None:
                plain |= _forms(secret)
                continue
            for form in _forms(secret):
                if form != secret and ("%" in form or "\\" in form):
                    plain.add(form)  # nobody meets it by chance
                    continue
                before, after = edges if form == secret else _ALONE
                alone[form] = re.compile(before + re.escape(form) + after)
        longest_first = sorted(plain - {""}, key=len, reverse=True)
        self._percent = tuple(form for form in longest_first if "%" in form)
        self._escaped = tuple(form for form in longest_first if "%" not in form and ("\\" in form or "&" in form))
        self._plain = tuple(form for form in longest_first if form not in {*self._percent, *self._escaped})
        self._alone = tuple(sorted(alone.items(), key=lambda item: len(item[0]), reverse=True))

    def text(self, text: str) -> str:
        """`text` with every secret masked."""
        if "%" in text:
            for form in self._percent:
                if form in text:
                    text = text.replace(form, MASK)
        if "\\" in text or "&" in text:
            for form in self._escaped:
                if form in text:
                    text = text.replace(form, MASK)
        for form in self._plain:
            if form in text:
                text = text.replace(form, MASK)
        for form, pattern in self._alone:
            if form in text:
                text = pattern.sub(MASK, text)
        return text

    def data(self, data: bytes) -> str:
        """`data` as text (what is not UTF-8 as U+FFFD) with every secret masked."""
        return self.text(data.decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """A call as it may be kept: without secrets, and with at most `MAX_KEPT` characters of body."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    cut: bool = field(default=False)
    """Whether the body was longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedReply:
    """An answer as it may be kept: without secrets, and with at most `MAX_KEPT` characters of body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    cut: bool = field(default=False)
    """Whether the body was longer."""


def redact_call(call: Call, redactor: Redactor) -> RecordedCall:
    """What may be kept of a call: the secrets that `redactor` knows and the call's own are masked."""
    own = Redactor(call.secrets) if call.secrets else None
    body = None if call.body is None else _masked(call.body.decode("utf-8", "replace"), redactor, own)
    return RecordedCall(
        method=call.method,
        url=_masked(call.url, redactor, own),
        headers=_headers(call.headers, redactor, own),
        body=None if body is None else body[:MAX_KEPT],
        cut=body is not None and len(body) > MAX_KEPT,
    )


def redact_reply(reply: Reply, redactor: Redactor, call: Call | None = None) -> RecordedReply:
    """What may be kept of an answer. Suppliers echo: the secrets of the `call` that it answers are masked as well."""
    own = Redactor(call.secrets) if call is not None and call.secrets else None
    body = _masked(reply.text(), redactor, own)
    return RecordedReply(
        status=reply.status,
        headers=_headers(reply.headers.items(), redactor, own),
        body=body[:MAX_KEPT],
        cut=len(body) > MAX_KEPT,
    )


def secrets_of(settings: ProviderSettings) -> tuple[str, ...]:
    """Every secret in an account's settings: each `SecretStr`, however deep; the proxy's password; and of the
    supplier's address, which may hold a secret path, the path, the query's values and the password."""
    found = dict.fromkeys(_secret_strings(settings))
    for address in (settings.url, settings.proxy):
        if address is None:
            continue
        try:
            parts = urlsplit(address)
            password = parts.password
        except ValueError:
            continue  # what is no URL is never called
        if password:
            found |= dict.fromkeys((password, unquote(password)))
            found[f"{parts.username or ''}:{password}"] = None
        if address is settings.url:
            path = parts.path.rstrip("/")
            if len(path) >= _SHORT:
                found[path] = None
            found |= dict.fromkeys(value for _, value in parse_qsl(parts.query) if len(value) >= _SHORT)
    return tuple(secret for secret in found if secret)


def _secret_strings(value: object) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case BaseModel():
            for name in type(value).model_fields:
                yield from _secret_strings(getattr(value, name))
        case dict():
            for inner in value.values():
                yield from _secret_strings(inner)
        case tuple() | list() | set() | frozenset():
            for inner in value:
                yield from _secret_strings(inner)


def _edges(secret: str) -> tuple[str, str] | None:
    """What must stand before and after a secret that is masked only where it stands alone; `None` for the others."""
    if len(secret) < _SHORT:
        return _ALONE
    if len(secret) < _SHORT_NUMBER and secret.isascii() and secret.isdigit():
        return _NO_DIGIT_NEAR
    return None


@lru_cache(maxsize=4096)
def _forms(secret: str) -> frozenset[str]:
    """The forms in which `secret` travels."""
    if not secret:
        return frozenset()
    data = secret.encode("utf-8", "surrogatepass")
    percent = {quote(data, safe=""), quote(data), quote_plus(data), quote(data, safe="/:@!$'()*,;=+~")}
    percent.add("".join(f"%{byte:02X}" for byte in data))
    lower = {_HEX.sub(lambda hit: hit[0].lower(), form) for form in percent}
    dumped = json.dumps(secret)[1:-1]
    escaped = {dumped, json.dumps(secret, ensure_ascii=False)[1:-1], dumped.replace("/", "\\/")}
    escaped |= {escape(secret), escape(secret, {'"': "&quot;", "'": "&#39;"}), escape(secret, {'"': "&#34;"})}
    return frozenset({secret, *percent, *lower, *escaped, *_base64(data)})


_HEX: Final = re.compile(r"%[0-9A-F]{2}")


def _base64(data: bytes) -> Iterator[str]:
    whole = base64.b64encode(data).decode()
    for text in (whole, whole.rstrip("=")):
        if len(text) >= _LEAST_BASE64:
            yield from (text, text.translate(_URL_ALPHABET), quote(text, safe=""))
    # Inside something longer, the bits at both ends mix with the neighbours': only the characters between are certain.
    for shift in range(3):
        packed = base64.b64encode(b"\0" * shift + data).decode()
        certain = packed[-(-shift * 8 // 6) : (shift + len(data)) * 8 // 6]
        if len(certain) >= _LEAST_BASE64 and len(data) >= _SHORT:
            yield from (certain, certain.translate(_URL_ALPHABET), quote(certain, safe=""))


_URL_ALPHABET: Final = str.maketrans("+/", "-_")


def _masked(text: str, redactor: Redactor, own: Redactor | None) -> str:
    text = redactor.text(text)
    return text if own is None else own.text(text)


def _headers(
    headers: Iterable[tuple[str, str]], redactor: Redactor, own: Redactor | None
) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, MASK if name.lower() in _WHOLLY_SECRET else _masked(value, redactor, own)) for name, value in headers
    )
