"""Whose address a request came from: `checks.md` C15."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.client_address import Address, Network, client_address, parse_address, within


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


PROXIES = networks("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9, 10.2.3.4"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["203.0.113.9,"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.2.3.4, ::ffff:10.0.0.2"], "1.2.3.4"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("fd00::1%eth0", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.009"], "10.0.0.1"),
        ("10.0.0.1", ["0x7f.1"], "10.0.0.1"),
        ("10.0.0.1", ["2130706433"], "10.0.0.1"),
        ("10.0.0.1", ["１.1.1.1"], "10.0.0.1"),
        ("10.0.0.1", ["\x00"], "10.0.0.1"),
        (None, ["203.0.113.9"], None),
        ("", ["203.0.113.9"], None),
    ],
)
def test_the_walk_goes_from_the_right_and_stops_at_the_first_stranger(
    peer: str | None, forwarded: list[str], expected: str | None
) -> None:
    found = client_address(peer, forwarded, PROXIES)
    assert (None if found is None else str(found)) == expected


addresses = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.sampled_from(["10.0.0.1", "10.9.9.9", "fd00::1", "::ffff:10.0.0.1", "203.0.113.9", "::ffff:203.0.113.9"]),
)
entries = st.one_of(
    addresses, st.text(max_size=12), st.sampled_from(["", " ", "unknown", "_hidden", "1.2.3.4:5", "[::1]:80"])
)
lines = st.lists(st.lists(entries, max_size=4).map(", ".join), max_size=3)
trusted_sets = st.sampled_from(
    [
        (),
        PROXIES,
        networks("0.0.0.0/0"),
        networks("0.0.0.0/0", "::/0"),
        networks("10.0.0.1/32"),
        networks("203.0.113.0/24"),
    ]
)


@settings(max_examples=150)
@given(peer=addresses, forwarded=lines, trusted=trusted_sets)
def test_an_untrusted_peer_can_say_nothing(peer: str, forwarded: list[str], trusted: tuple[Network, ...]) -> None:
    own = parse_address(peer)
    if not within(own, trusted):
        assert client_address(peer, forwarded, trusted) == own


@settings(max_examples=150)
@given(left=lines, stranger=addresses, chain=st.lists(st.sampled_from(["10.0.0.1", "10.2.3.4", "fd00::2"]), max_size=3))
def test_nothing_left_of_the_first_stranger_matters(left: list[str], stranger: str, chain: list[str]) -> None:
    address = parse_address(stranger)
    if within(address, PROXIES):
        return
    assert client_address("10.0.0.1", [*left, ", ".join([stranger, *chain])], PROXIES) == address


@settings(max_examples=150)
@given(left=lines, garbage=st.text(max_size=20), chain=st.lists(st.sampled_from(["10.0.0.7", "fd00::2"]), max_size=3))
def test_garbage_stops_the_walk_at_the_proxy_that_passed_it_on(left: list[str], garbage: str, chain: list[str]) -> None:
    if "," in garbage or _reads(garbage):
        return
    expected = parse_address(chain[0] if chain else "10.0.0.1")
    assert client_address("10.0.0.1", [*left, ", ".join([garbage, *chain])], PROXIES) == expected


def _reads(text: str) -> bool:
    """Whether an entry is an address in the standard library's eyes, with or without a port."""
    entry = text.strip(" \t")
    host = entry.partition("]")[0].removeprefix("[") if entry.startswith("[") else entry
    return any(parse_address(one) is not None for one in (host, host.partition(":")[0]))


@settings(max_examples=150)
@given(peer=addresses, forwarded=lines, trusted=trusted_sets)
def test_the_answer_is_somebody_who_was_named_and_never_a_mapped_address(
    peer: str, forwarded: list[str], trusted: tuple[Network, ...]
) -> None:
    found: Address | None = client_address(peer, forwarded, trusted)
    assert found is not None
    assert not (isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped)
