"""Which addresses a notification may go to. Pure; asked for the very address that is about to be connected to.

A webhook's URL is somebody else's text, and a name in it can point anywhere, at another place each time it is asked.
Only the public Internet is allowed, and what the configuration allows besides, by the registries of IANA as they stand
here, so that the rule does not change with the version of Python. An IPv6 address that carries an IPv4 one inside is
judged by both.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator
from typing import Final

IPv4 = ipaddress.IPv4Address
IPv6 = ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REFUSED_4: Final = {
    ipaddress.IPv4Network(network): why
    for network, why in {
        "0.0.0.0/8": "this host",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared by carriers",
        "127.0.0.0/8": "loopback",
        "168.63.129.16/32": "the inside of a cloud",
        "169.254.0.0/16": "link-local",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "set aside for protocols",
        "192.0.2.0/24": "set aside for documentation",
        "192.88.99.0/24": "a tunnel",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "set aside for benchmarks",
        "198.51.100.0/24": "set aside for documentation",
        "203.0.113.0/24": "set aside for documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
    }.items()
}
_REFUSED_6: Final = {
    ipaddress.IPv6Network(network): why
    for network, why in {
        "::/128": "this host",
        "::1/128": "loopback",
        "2001::/23": "set aside for protocols",
        "2001:db8::/32": "set aside for documentation",
        "2002::/16": "a tunnel",
        "3fff::/20": "set aside for documentation",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "ff00::/8": "multicast",
    }.items()
}
_PUBLIC_6: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_CARRIERS: Final = (
    (_NAT64, 0),
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),  # mapped
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),  # translated
    (ipaddress.IPv6Network("::/96"), 0),  # compatible, long deprecated
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4
)
"""IPv6 networks whose addresses hold an IPv4 address, and how many bits stand behind it."""


def refusal(address: str, allowed: Collection[Network] = ()) -> str | None:
    """Why nothing may be sent to `address`; `None` where it may.

    Args:
        address: as the socket gets it; a name is no address, and is refused.
        allowed: networks that are fine whatever stands here.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "not an address"
    if isinstance(parsed, IPv6) and parsed.scope_id is not None:
        parsed = IPv6(int(parsed))
    forms = tuple(_forms(parsed))
    if any(form in network for form in forms for network in allowed):
        return None
    for form in forms:
        why = _refusal_4(form) if isinstance(form, IPv4) else _refusal_6(form)
        if why is not None:
            return why
    return None


def _forms(address: IPv4 | IPv6) -> Iterator[IPv4 | IPv6]:
    """The address, and the IPv4 address inside."""
    if isinstance(address, IPv4):
        yield address
        return
    for network, behind in _CARRIERS:
        if address in network and int(address) > 1:  # `::` and `::1` carry nothing
            yield IPv4(int(address) >> behind & 0xFFFFFFFF)
            break
    yield address


def _refusal_4(address: IPv4) -> str | None:
    return next((why for network, why in _REFUSED_4.items() if address in network), None)


def _refusal_6(address: IPv6) -> str | None:
    if address.ipv4_mapped is not None or address in _NAT64:
        return None  # the address inside is where it goes
    for network, why in _REFUSED_6.items():
        if address in network:
            return why
    return None if address in _PUBLIC_6 else "reserved"
