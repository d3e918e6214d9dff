"""The calls of the OtomaX dialect: purchase, check and balance, encoded to the last character."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from gateway import Attempt, Call
from gateway_otomax.settings import OtomaxSettings
from gateway_otomax.sign import balance_words, purchase_words, sign

__all__ = ["account_secrets", "balance_call", "balance_sign", "check_call", "purchase_call", "purchase_sign"]

Parameters = list[tuple[str, str]]
_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


def purchase_call(settings: OtomaxSettings, attempt: Attempt) -> Call:
    """The call that buys."""
    signature = purchase_sign(settings, attempt)
    return _call(settings, settings.url, _purchase(settings, attempt, signature), signature)


def check_call(settings: OtomaxSettings, attempt: Attempt) -> Call:
    """The call that asks: the purchase with `check=1` behind it, or the purchase again.

    Raises:
        NotImplementedError: the account cannot be asked.
    """
    if settings.check == "none":
        raise NotImplementedError(f"account {settings.id!r} cannot be asked: its setting is check: none")
    signature = purchase_sign(settings, attempt)
    parameters = _purchase(settings, attempt, signature)
    if settings.check == "param":
        parameters.append((settings.names.check, settings.check_value))
    return _call(settings, settings.url, parameters, signature)


def balance_call(settings: OtomaxSettings) -> Call:
    """The call that asks for the deposit's balance."""
    url = settings.balance_url or _behind_path(settings.url, "/balance")
    names = settings.names
    signature = balance_sign(settings)
    parameters: Parameters = [(names.member_id, settings.member_id), *_credentials(settings, signature)]
    return _call(settings, url, parameters, signature)


def purchase_sign(settings: OtomaxSettings, attempt: Attempt) -> str:
    """The signature of a purchase, which is also the one of its check."""
    words = purchase_words(
        member_id=settings.member_id,
        product=attempt.product,
        dest=attempt.dest,
        ref=attempt.ref,
        pin=settings.pin.get_secret_value(),
        password=settings.password.get_secret_value(),
    )
    return _sign(settings, words)


def balance_sign(settings: OtomaxSettings) -> str:
    """The signature of a balance request."""
    words = balance_words(
        member_id=settings.member_id,
        pin=settings.pin.get_secret_value(),
        password=settings.password.get_secret_value(),
        check_balance=settings.balance_sign == "check_balance",
    )
    return _sign(settings, words)


def _sign(settings: OtomaxSettings, words: tuple[str, ...]) -> str:
    return sign(words, prefix=settings.sign_prefix, encoding=settings.sign_encoding, case=settings.sign_case)


def _purchase(settings: OtomaxSettings, attempt: Attempt, signature: str) -> Parameters:
    names = settings.names
    parameters: Parameters = [(names.product, attempt.product)]
    if names.qty is not None and (settings.send_qty == "always" or (settings.send_qty == "open" and attempt.qty != 1)):
        parameters.append((names.qty, str(attempt.qty)))
    parameters += [(names.dest, attempt.dest), (names.ref, attempt.ref), (names.member_id, settings.member_id)]
    parameters += _credentials(settings, signature)
    if names.max_price is not None and attempt.max_price is not None:
        parameters.append((names.max_price, str(attempt.max_price)))
    if names.counter is not None:
        parameters.append((names.counter, str(attempt.nth)))
    return [*parameters, *settings.params.items()]


def _credentials(settings: OtomaxSettings, signature: str) -> Parameters:
    if settings.auth == "sign":
        return [(settings.names.sign, signature)]
    return [
        (settings.names.pin, settings.pin.get_secret_value()),
        (settings.names.password, settings.password.get_secret_value()),
    ]


def _call(settings: OtomaxSettings, url: str, parameters: Parameters, signature: str) -> Call:
    encoded = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in parameters)
    pin, password = settings.pin.get_secret_value(), settings.password.get_secret_value()
    # A short extra parameter (`counter: "1"`) is no secret, and masking it would blacken half of every message.
    keys = [value for value in settings.params.values() if len(value) >= 8]
    secrets = _secrets(url, (pin, password, signature, *keys))
    if settings.method == "POST":
        return Call(method="POST", url=url, headers=_FORM, body=encoded.encode(), secrets=secrets)
    joint = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    return Call(method="GET", url=f"{url}{joint}{encoded}", secrets=secrets)


def _quoted(text: str) -> str:
    # Every reserved character is encoded, and a space is %20: both kinds of decoders read that alike.
    return text if text.isalnum() and text.isascii() else quote(text, safe="")


def account_secrets(settings: OtomaxSettings) -> tuple[str, ...]:
    """What a supplier's words must not repeat: PIN, password, and what the account's own addresses hide."""
    words = (settings.pin.get_secret_value(), settings.password.get_secret_value())
    addresses = (settings.url, settings.balance_url or "")
    return tuple({secret: None for address in addresses for secret in _secrets(address, words)})


def _secrets(url: str, words: Iterable[str]) -> tuple[str, ...]:
    """Each secret as it stands in the call: encoded, and for those that encoding changes also as it is."""
    found: dict[str, None] = {}
    for word in words:
        found[_quoted(word)] = None
        found[word] = None
    found |= dict.fromkeys(_hidden_in(url))
    found.pop("", None)
    return tuple(found)


@functools.lru_cache(maxsize=1024)  # an account has one or two addresses, and each call asks for them
def _hidden_in(url: str) -> tuple[str, ...]:
    """What an address hides: its query, user name, password, and a path of the reseller's own."""
    parts = urlsplit(url)
    found = [parts.query, parts.username or "", parts.password or ""]
    segments = parts.path.strip("/").split("/")
    if len(segments) > 1:  # `/trx` is everybody's, `/trx/slug` is the reseller's own
        found += [parts.path, *filter(_looks_own, segments[1:])]
    return tuple(found)


def _looks_own(segment: str) -> bool:
    """Whether a piece of a path is surely no plain word, which would stand in messages too."""
    return len(segment) >= 6 and (len(segment) >= 16 or re.search(r"[0-9_-]", segment) is not None)


def _behind_path(url: str, more: str) -> str:
    parts = urlsplit(url)
    return parts._replace(path=parts.path.rstrip("/") + more).geturl()
