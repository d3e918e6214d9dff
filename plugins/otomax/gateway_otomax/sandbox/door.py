"""Who may come in: the member, the signature and the form of a request. Functions of values."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from gateway_otomax.sandbox.book import Order
from gateway_otomax.sign import balance_words, purchase_words, sign

__all__ = ["NO_MEMBER", "WRONG_FORM", "WRONG_SIGN", "Member", "order_of", "parameters_of"]

NO_MEMBER = "Reseller tidak terdaftar"
WRONG_SIGN = "Signature salah"
WRONG_FORM = "Format salah"

_NEEDED = ("product", "dest", "refid", "memberid", "sign")


def parameters_of(raw: str) -> dict[str, str]:
    """The parameters of a raw query or form, their names in lower case; of repeated ones the last. Never raises."""
    if not raw.isascii():
        raw = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    # By hand: the standard library's reader takes more than twice as long, and a bench waits for every answer.
    pairs = (part.partition("=") for part in raw.split("&") if part)
    return {_plain(name).lower(): _plain(value) for name, _, value in pairs}


def _plain(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return unquote(text, errors="replace") if "%" in text else text


def order_of(given: Mapping[str, str]) -> Order:
    """What a request asks for. No quantity is 1; one that is no number is 0."""
    return Order(given.get("refid", ""), given.get("product", ""), given.get("dest", ""), _quantity(given.get("qty")))


def _quantity(text: str | None) -> int:
    if not text:
        return 1
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """The one reseller that the supplier knows."""

    member_id: str
    pin: str = field(repr=False)
    password: str = field(repr=False)
    prefix: str = "OtomaX"

    def refusal(self, given: Mapping[str, str], order: Order) -> str | None:
        """Why a purchase or a check does not come in; `None` where it does."""
        if order.qty < 1 or any(not given.get(name) for name in _NEEDED):
            return WRONG_FORM
        if given["memberid"] != self.member_id:
            return NO_MEMBER
        words = purchase_words(
            member_id=self.member_id,
            product=order.product,
            dest=order.dest,
            ref=order.ref,
            pin=self.pin,
            password=self.password,
        )
        return None if self._signed(words, given["sign"]) else WRONG_SIGN

    def balance_refusal(self, given: Mapping[str, str]) -> str | None:
        """Why the balance is not told; `None` where it is. Both usual signatures are taken."""
        if given.get("memberid") != self.member_id:
            return NO_MEMBER
        for check_balance in (True, False):
            words = balance_words(
                member_id=self.member_id, pin=self.pin, password=self.password, check_balance=check_balance
            )
            if self._signed(words, given.get("sign", "")):
                return None
        return WRONG_SIGN

    def _signed(self, words: tuple[str, ...], given: str) -> bool:
        return hmac.compare_digest(sign(words, prefix=self.prefix).encode(), given.encode())
