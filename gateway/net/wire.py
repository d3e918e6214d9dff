"""Whether a call can go out exactly as the provider wrote it. What would have to be mended on the way is refused."""

from __future__ import annotations

import re
from typing import Final

from gateway.provider import Call

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})

MAX_BODY: Final = 1_048_576
"""Bytes. It is written in one piece, so a larger one would hold up every other call."""

# A fragment would be cut off, a user name would become a header, and a character outside visible ASCII would have to
# be encoded by somebody: none of these leaves as it stands.
_URL: Final = re.compile(
    r"(?i:https?)://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?(?:[/?][!-\"$-~]*)?", re.ASCII
).fullmatch
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_HEADER_VALUE: Final = re.compile(r"[\t -~\x80-\uD7FF\uE000-\U0010FFFF]*").fullmatch

# What frames a message, or asks for an answer that the transport does not read, is the transport's own business.
_OURS: Final = frozenset(
    {
        "accept-encoding",
        "content-length",
        "expect",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def mistake_in(call: Call) -> str | None:
    """Why `call` cannot be sent as it stands; `None` where it can. Quotes no value, because each may be a secret."""
    if call.method not in METHODS:
        return "the method is none of " + ", ".join(sorted(METHODS))
    if _URL(call.url) is None:
        return (
            "the URL must be http or https, fully encoded visible ASCII, with a host,"
            " and without user name, password or fragment"
        )
    if call.body is not None and len(call.body) > MAX_BODY:
        return f"the body is larger than {MAX_BODY} bytes"
    for name, value in call.headers:
        if _HEADER_NAME(name) is None or _HEADER_VALUE(value) is None:
            return "a header holds a character that headers cannot carry"
        if name.lower() in _OURS:
            return f"the header {name} is the transport's own"
    return None
