"""The addresses in the configuration: which forms each of them may have. Their text is never repeated."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HTTP = ("http", "https")
REDIS = ("redis", "rediss")

_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_NAMES_OF_THE_INSIDE = (".internal", ".local", ".home.arpa")
"""Set aside for private networks by ICANN and by RFC 6762 and 8375: nobody can own one on the Internet."""


def networks_meant_by(url: str) -> tuple[Network, ...]:
    """Networks that are not public, and to which this URL leads by its own words.

    Whoever writes `http://10.1.2.3/` means that address, and `https://shop.internal/` an address inside. A name of the
    Internet means neither: whoever owns it can let it point anywhere.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            return _LOOPBACK
        inside = host != "" and ("." not in host or host.endswith(_NAMES_OF_THE_INSIDE))
        return _PRIVATE if inside else ()
    if any(address in network for network in _LOOPBACK + _PRIVATE):
        return (ipaddress.ip_network(address),)
    return ()


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
