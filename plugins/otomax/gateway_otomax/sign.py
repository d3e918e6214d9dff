"""The signature of the OtomaX dialect, and its variants.

`base64url_without_padding(SHA1("OtomaX|memberID|product|dest|refID|pin|password"))`, over the 20 raw bytes: 27
characters. Some suppliers take standard base64, or base64 or hex of the hex digest; some another prefix or case.
"""

from __future__ import annotations

import base64
import hashlib
from enum import StrEnum

__all__ = ["SignCase", "SignEncoding", "balance_words", "purchase_words", "sign"]


class SignEncoding(StrEnum):
    """How the digest is written."""

    BASE64URL = "base64url"
    """URL-safe base64 of the raw digest, without padding: what nearly all suppliers take."""
    BASE64 = "base64"
    """Standard base64 of the raw digest, with padding."""
    BASE64_HEX = "base64_hex"
    """Standard base64 of the lower-case hex digest."""
    HEX = "hex"
    """The lower-case hex digest."""


class SignCase(StrEnum):
    """How the words are written before they are hashed."""

    AS_GIVEN = "as_given"
    UPPER = "upper"


def sign(
    words: tuple[str, ...],
    *,
    prefix: str = "OtomaX",
    encoding: SignEncoding = SignEncoding.BASE64URL,
    case: SignCase = SignCase.AS_GIVEN,
) -> str:
    """The signature over `prefix|word|word|…`. In upper case the prefix is upper case too."""
    text = "|".join((prefix, *words))
    digest = hashlib.sha1(
        (text.upper() if case is SignCase.UPPER else text).encode(), usedforsecurity=False
    )  # SHA-1 is what the suppliers ask for
    match encoding:
        case SignEncoding.BASE64URL:
            return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
        case SignEncoding.BASE64:
            return base64.b64encode(digest.digest()).decode()
        case SignEncoding.BASE64_HEX:
            return base64.b64encode(digest.hexdigest().encode()).decode()
        case SignEncoding.HEX:
            return digest.hexdigest()


def purchase_words(*, member_id: str, product: str, dest: str, ref: str, pin: str, password: str) -> tuple[str, ...]:
    """What a purchase's signature is over."""
    return (member_id, product, dest, ref, pin, password)


def balance_words(*, member_id: str, pin: str, password: str, check_balance: bool) -> tuple[str, ...]:
    """What a balance request's signature is over: `CheckBalance|memberID|pin|password` at some suppliers, and the
    purchase's words with empty ones (`memberID||||pin|password`) at others."""
    if check_balance:
        return ("CheckBalance", member_id, pin, password)
    return (member_id, "", "", "", pin, password)
