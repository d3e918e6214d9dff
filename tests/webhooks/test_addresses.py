"""Where a notification may go: the table of check C11."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.net.addresses import refusal

INSIDE = [
    "0.0.0.0",  # noqa: S104 — an address to refuse
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::10.0.0.1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
OUTSIDE = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2001:4860:4860::8888",
    "2400:cb00::1",
    "2606:4700::1111",
    "2a00:1450::1",
]
NO_ADDRESS = ["localhost", "", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1:80", "[::1]", "１.1.1.1"]


@pytest.mark.parametrize("address", INSIDE)
def test_what_lies_inside_is_refused_and_says_why(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_public_is_allowed(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_address_is_refused_even_where_everything_is_allowed(text: str) -> None:
    everything = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
    assert refusal(text, everything) == "not an address"


@pytest.mark.parametrize(
    ("network", "address", "allowed"),
    [
        ("10.1.0.0/16", "10.1.2.3", True),
        ("10.1.0.0/16", "10.2.0.1", False),
        ("10.1.0.0/16", "::ffff:10.1.2.3", True),
        ("10.1.0.0/16", "64:ff9b::10.1.2.3", True),
        ("10.1.0.0/16", "::ffff:127.0.0.1", False),
        ("127.0.0.0/8", "127.0.0.1", True),
        ("127.0.0.0/8", "::1", False),
        ("::1/128", "::1", True),
        ("::1/128", "127.0.0.1", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("fd00::/8", "fd12::1", True),
        ("fd00::/8", "fc00::1", False),
        ("2002::/16", "2002:7f00:1::1", True),
    ],
)
def test_a_network_that_is_allowed_opens_itself_only(network: str, address: str, *, allowed: bool) -> None:
    assert (refusal(address, (ipaddress.ip_network(network),)) is None) is allowed


@given(address=st.ip_addresses(v=4))
@settings(max_examples=300)
def test_what_python_calls_not_global_is_refused(address: ipaddress.IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert refusal(str(address))
        assert refusal(f"::ffff:{address}")
        assert refusal(f"64:ff9b::{address}")


@given(address=st.ip_addresses(v=6))
@settings(max_examples=300)
def test_the_same_of_ipv6(address: ipaddress.IPv6Address) -> None:
    if (not address.is_global or address.is_multicast) and address.ipv4_mapped is None:
        assert refusal(str(address))
