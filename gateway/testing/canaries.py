"""Looking for secrets that a test has planted, in every form in which they may have been written.

This knows nothing of `gateway.net.redaction`, which it is there to check.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping
from urllib.parse import quote, quote_plus


def forms(secret: str) -> set[str]:
    """The ways in which a secret may be written: escaped for a URL, JSON, Python or HTML, as hex, and in base64, alone
    or inside something longer."""
    plain = secret.encode()
    every_byte = "".join(f"%{byte:02X}" for byte in plain)
    found = {
        secret,
        plain.decode("latin-1"),
        quote(secret),
        quote(secret, safe=""),
        quote(quote(secret, safe=""), safe=""),
        quote_plus(secret),
        every_byte,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(secret).replace("/", "\\/")[1:-1],
        repr(secret)[1:-1],
        repr(plain)[2:-1],
        html.escape(secret),
        plain.hex(),
        base64.b64encode(plain).decode().rstrip("="),
    }
    found |= {_lower_hex(form) for form in found if "%" in form}
    for shift in range(3):  # the bits at both ends mix with what stands there
        packed = base64.b64encode(b"\0" * shift + plain).decode()
        found.add(packed[-(-shift * 8 // 6) : (shift + len(plain)) * 8 // 6])
    return found | {form.translate(_URL_ALPHABET) for form in found if "+" in form or "/" in form}


def seen(text: str, secrets: Mapping[str, str]) -> list[str]:
    """The names of the secrets that are in a text, in any form."""
    return sorted(name for name, secret in secrets.items() if any(form in text for form in forms(secret)))


_URL_ALPHABET = str.maketrans("+/", "-_")


def _lower_hex(text: str) -> str:
    """`%2f` for `%2F`."""
    parts = text.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])
