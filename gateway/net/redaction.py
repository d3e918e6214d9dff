"""Secrets out of everything that is kept or printed.

A secret is masked in each form in which it travels: as it is, percent-encoded (what must be, or every byte; upper or
lower hex, `+` for a space), escaped for JSON or XML, and in base64, alone or inside something longer (`user:password`).

Two kinds of secrets would shred what has nothing to do with them, and are masked only where they stand alone:

- shorter than five characters (a PIN such as `1234`): where no letter or digit touches them. `pin=1234` and
  `XL5.0817.1234` are masked, `081234567` is not. That an equal number standing alone is masked too is the price.
- digits only, up to eight of them: where no digit touches them.

A percent escape or a JSON escape before such a secret touches nothing: `pin%3D1234`. A provider that glues a short
secret to other digits lists the glued form in `Call.secrets`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import BaseModel, SecretStr

from gateway.provider import Call
from gateway.settings.types import ProviderSettings

MASK: Final = "***"
MAX_KEPT: Final = 16_384
"""Characters of a body that are kept."""
CUT: Final = "… (cut)"

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
    """Masks the given secrets. Empty ones are no secrets.

    Args:
        secrets: as they are, not encoded.
        packed: also look for the forms in base64 and with every byte percent-encoded.
    """

    __slots__ = ("_alone", "_percent_signs", "_runs", "_secrets", "_signs", "known")

    def __init__(self, secrets: Iterable[str], *, packed: bool = True) -> None:
        self.known = frozenset(secrets) - {""}
        self._secrets = tuple(_Secret(secret, packed=packed) for secret in sorted(self.known, key=len, reverse=True))
        signs = dict.fromkeys(sign for secret in self._secrets for sign in secret.signs)
        self._signs = tuple(sign for sign in signs if "%" not in sign)
        self._percent_signs = tuple(sign for sign in signs if "%" in sign)
        self._alone = tuple(secret for secret in self._secrets if secret.only_alone)
        self._runs = tuple(secret.runs for secret in self._secrets if len(secret.runs) != 1)

    def text(self, text: str) -> str:
        """`text` with every secret masked."""
        if self._none_in(text):
            return text  # most texts hold none, and this runs for every exchange
        for secret in self._secrets:
            text = secret.mask(text)
        return text

    def _none_in(self, text: str) -> bool:
        """Whether `text` surely holds no secret."""
        for sign in self._signs:
            if sign in text:
                return False
        if "%" in text:
            for sign in self._percent_signs:
                if sign in text:
                    return False
        for runs in self._runs:
            for run in runs:
                if run not in text:
                    break
            else:
                return False
        return not any(secret.may_stand_in(text) for secret in self._alone)

    def data(self, data: bytes) -> str:
        """`data` as text (what is not UTF-8 as U+FFFD) with every secret masked."""
        return self.text(data.decode("utf-8", "replace"))


class _Secret:
    """One secret and the forms in which it is looked for.

    Escaping leaves letters and digits alone, so a text without each of the secret's runs of them holds none of its
    escaped forms: their pattern is made when it is needed.
    """

    __slots__ = ("_after", "_before", "_escaped", "_packed", "_touches", "_value", "only_alone", "runs")

    def __init__(self, value: str, *, packed: bool) -> None:
        self._value = value
        self._before, self._after = _edges(value)
        self.runs = tuple(sorted(_RUN.findall(value), key=len, reverse=True))
        self._packed = tuple(sorted(_packed(value), key=len, reverse=True)) if packed else ()
        self._escaped: re.Pattern[str] | None = None
        self._touches = _DIGITS if self._before is _NO_DIGIT_NEAR[0] else _LETTERS_AND_DIGITS
        self.only_alone = bool(self._before) and self.runs == (value,)
        """A PIN such as `1234` stands in many a number. Those it does not stand alone in are told apart without a
        pattern: see `may_stand_in`."""

    @property
    def signs(self) -> tuple[str, ...]:
        """A text that holds none of these holds the secret at most as it is or escaped, and then all of its `runs`; one
        of a single run that is not `only_alone` not even so."""
        return self._packed if self.only_alone or len(self.runs) != 1 else (*self.runs, *self._packed)

    def may_stand_in(self, text: str) -> bool:
        """False only if the secret surely does not stand alone in `text`. For one that is `only_alone`.

        Without escapes a value of letters and digits can only stand there as it is, so its neighbours decide.
        """
        value, touches = self._value, self._touches
        at = text.find(value)
        if at < 0:
            return False
        if "%" in text or "\\" in text:
            return True
        size = len(value)
        while at >= 0:
            end = at + size
            if text[end : end + 1] not in touches and (at == 0 or text[at - 1] not in touches):
                return True
            at = text.find(value, at + 1)
        return False

    def mask(self, text: str) -> str:
        if not self._before:
            text = text.replace(self._value, MASK)
        if self.may_stand_in(text) if self.only_alone else all(run in text for run in self.runs):
            if self._escaped is None:
                self._escaped = re.compile(self._before + "".join(map(_any_escape, self._value)) + self._after)
            text = self._escaped.sub(MASK, text)
        for form in self._packed:
            if form in text:
                text = text.replace(form, MASK)
        return text


def masking(call: Call, redactor: Redactor) -> Callable[[str], str]:
    """Masks what `redactor` knows and what the call alone knows, such as its signature. Suppliers echo both.

    A call lists its secrets as it holds them; a supplier may echo them decoded.
    """
    own = set(call.secrets)
    own |= {unquote(secret) for secret in call.secrets if "%" in secret}
    own -= redactor.known
    if not own:
        return redactor.text
    looked_for = [
        (secret, max(_RUN.findall(secret), key=len, default="")) for secret in sorted(own, key=len, reverse=True)
    ]
    more: Redactor | None = None

    def mask(text: str) -> str:
        nonlocal more
        text = redactor.text(text)
        for secret, run in looked_for:
            if run in text:  # only the call itself holds them, and suppliers that echo
                if len(secret) >= _SHORT_NUMBER:
                    text = text.replace(secret, MASK)
                if run in text:
                    more = more or Redactor(own, packed=False)
                    return more.text(text)
        return text

    return mask


def recorded_call(call: Call, mask: Callable[[str], str]) -> str:
    """What may be kept of a call: its line, its own headers, an empty line and the body, cut at `MAX_KEPT`."""
    lines = [f"{call.method} {mask(call.url)}"]
    for name, value in call.headers:
        lines.append(f"{name}: {MASK if name.lower() in _WHOLLY_SECRET else mask(value)}")
    if call.body is not None:
        lines += ["", recorded_text(call.body.decode("utf-8", "replace"), mask)]
    return "\n".join(lines)


def recorded_text(text: str, mask: Callable[[str], str]) -> str:
    """A body as it may be kept: masked first, so that no half of a secret is left at the cut."""
    masked = mask(text)
    return masked if len(masked) <= MAX_KEPT else masked[:MAX_KEPT] + CUT


def secrets_of(settings: ProviderSettings) -> tuple[str, ...]:
    """Every secret in an account's settings: each `SecretStr`, however deep; the proxy's password; and of the
    supplier's address, which may hold a secret path, the path, the query's values and the password."""
    found = dict.fromkeys(_secret_strings(settings))
    for address in (settings.url, settings.proxy):
        if address is None:
            continue
        found |= dict.fromkeys(passwords_in(address))
        if address is settings.url:
            try:
                parts = urlsplit(address)
            except ValueError:
                continue  # what is no URL is never called
            path = parts.path.rstrip("/")
            if len(path) >= _SHORT:
                found[path] = None
            found |= dict.fromkeys(value for _, value in parse_qsl(parts.query) if len(value) >= _SHORT)
    return tuple(secret for secret in found if secret)


def passwords_in(address: str) -> tuple[str, ...]:
    """The password that a URL carries, as it is written, decoded, and with its user; nothing where there is none."""
    try:
        parts = urlsplit(address)
        password = parts.password
    except ValueError:
        return ()
    return (password, unquote(password), f"{parts.username or ''}:{password}") if password else ()


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


_DIGITS: Final = frozenset("0123456789")
_LETTERS_AND_DIGITS: Final = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _edges(secret: str) -> tuple[str, str]:
    """What must stand before and after a secret that is masked only where it stands alone; empty for the others."""
    if len(secret) < _SHORT:
        return _ALONE
    if len(secret) < _SHORT_NUMBER and secret.isascii() and secret.isdigit():
        return _NO_DIGIT_NEAR
    return "", ""


def _any_escape(char: str) -> str:
    """A pattern for one character as it is, percent-encoded (more than once, too), and escaped for JSON or XML."""
    ways = [re.escape(char)]
    if char == " ":
        ways.append(r"\+")
    if not (char.isascii() and char.isalnum()):
        units = char.encode("utf-16-be", "surrogatepass").hex()
        ways.append("".join(r"\\u" + _any_case(units[at : at + 4]) for at in range(0, len(units), 4)))
        ways += [re.escape(escape) for escape in _SHORT_ESCAPES.get(char, ())]
        ways += [f"&#0*{ord(char)};", f"&#[xX]0*{_any_case(f'{ord(char):x}')};"]
    percent = "".join(f"%(?:25)*{_any_case(f'{byte:02x}')}" for byte in char.encode("utf-8", "surrogatepass"))
    return f"(?:{'|'.join((*ways, percent))})"


def _any_case(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)


_SHORT_ESCAPES: Final = {
    '"': ('\\"', "&quot;"),
    "\\": ("\\\\",),
    "/": ("\\/",),
    "\n": ("\\n",),
    "\r": ("\\r",),
    "\t": ("\\t",),
    "\b": ("\\b",),
    "\f": ("\\f",),
    "&": ("&amp;",),
    "<": ("&lt;",),
    ">": ("&gt;",),
    "'": ("&apos;",),
}


def _packed(secret: str) -> set[str]:
    """The forms in which none of the secret's own characters is left."""
    data = secret.encode("utf-8", "surrogatepass")
    every_byte = {"".join(f"%{byte:02X}" for byte in data), "".join(f"%{byte:02x}" for byte in data)}
    return every_byte.union(_base64(data))


def _base64(data: bytes) -> Iterator[str]:
    whole = base64.b64encode(data).decode()
    for text in (whole, whole.rstrip("=")):
        if len(text) >= _LEAST_BASE64:
            yield from _alphabets(text)
    # Inside something longer, the bits at both ends mix with the neighbours': only the characters between are certain.
    for shift in range(3):
        packed = base64.b64encode(b"\0" * shift + data).decode()
        certain = packed[-(-shift * 8 // 6) : (shift + len(data)) * 8 // 6]
        if len(certain) >= _LEAST_BASE64 and len(data) >= _SHORT:
            yield from _alphabets(certain)


def _alphabets(text: str) -> Iterator[str]:
    quoted = quote(text, safe="")
    yield from (text, text.translate(_URL_ALPHABET), quoted, _HEX.sub(lambda hit: hit[0].lower(), quoted))


_RUN: Final = re.compile(r"[0-9A-Za-z]+")
_HEX: Final = re.compile(r"%[0-9A-F]{2}")
_URL_ALPHABET: Final = str.maketrans("+/", "-_")
