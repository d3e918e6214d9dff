"""Whose address a request came from, when proxies may stand in between.

`X-Forwarded-For` is written by whoever sends it, so an entry counts only when a trusted proxy wrote it: the walk starts
at the connection's own peer and goes from the right. The first address that is not a trusted proxy is the client's.
Something that is not an address stops the walk at the proxy that passed it on.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_ENTRY = re.compile(r"([0-9.]+)(?::[0-9]{1,5})?|\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9A-Fa-f:.]+)", re.ASCII)
_LONGEST_ENTRY = 64


@functools.lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """An address without its zone; an IPv4 address that was written as IPv6 (`::ffff:203.0.113.7`) becomes IPv4."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def within(address: Address | None, networks: Iterable[Network]) -> bool:
    """Whether the address lies in one of the networks. An unknown address lies in none."""
    return address is not None and any(address in network for network in networks)


def neighbourhood(address: Address | None) -> int:
    """One number for all addresses that whoever has one of them has: of IPv6 the /64."""
    if address is None:
        return -1
    if isinstance(address, ipaddress.IPv6Address):
        return (int(address) >> 64) + 2**32
    return int(address)


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> Address | None:
    """The address of the client.

    Args:
        peer: the other end of the connection; `None` where it has no address.
        forwarded_for: the values of `X-Forwarded-For`, one a header line, in their order.
        trusted: the networks of our own proxies.
    """
    address = None if peer is None else parse_address(peer)
    if not trusted or not forwarded_for or not within(address, trusted):
        return address
    for entry in reversed(",".join(forwarded_for).split(",")):
        before = _entry(entry.strip(" \t"))
        if before is None:
            return address
        address = before
        if not within(address, trusted):
            return address
    return address


def _entry(text: str) -> Address | None:
    """One entry: an address, maybe with a port behind it."""
    if len(text) > _LONGEST_ENTRY:
        return None
    match = _ENTRY.fullmatch(text)
    return None if match is None else parse_address(match[1] or match[2] or match[3])
