"""The addresses in the configuration: which forms each of them may have. Their text is never repeated."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

HTTP = ("http", "https")
REDIS = ("redis", "rediss")


def url_mistake(url: str, schemes: Collection[str], *, needs_host: bool = True) -> str | None:
    """What is wrong with a URL, or `None`."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "holds a character that cannot be in a URL"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme.lower() not in schemes:
        return f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    if needs_host and not parts.hostname:
        return "names no host"
    if port == 0:
        return "names port 0"
    if parts.fragment:
        return "holds a #, behind which nothing is ever sent"
    return None


def ledger_mistake(url: str) -> str | None:
    """What is wrong with the ledger's URL, or `None`."""
    if url.startswith("sqlite:"):
        path = url.removeprefix("sqlite:///")
        if path == url or path in ("", ":memory:") or path.startswith("file:"):
            return "must name a file: sqlite:///var/gateway.db (relative) or sqlite:////var/lib/gateway.db"
        return None
    if url.startswith(("postgresql:", "postgres:")):
        return url_mistake(url, ("postgresql",), needs_host=False)  # without one it is the local socket
    return "must begin with sqlite:/// or postgresql://"
