"""Strangers cannot fill the audit log, and how many were left out of it is told."""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.http.strangers import Strangers

HERE = ipaddress.ip_address("192.0.2.1")


def test_of_one_address_a_few_lines_a_minute_and_then_how_many_were_left_out() -> None:
    strangers = Strangers(each=3)
    assert [strangers.line(HERE, 100.0 + number) for number in range(10)] == [0, 0, 0] + [None] * 7
    assert strangers.line(ipaddress.ip_address("192.0.2.2"), 111.0) == 7
    assert strangers.line(HERE, 161.0) == 0


def test_all_addresses_together_have_a_limit_and_an_ipv6_network_is_one() -> None:
    strangers = Strangers(each=2, total=5, most=50)
    lines = [strangers.line(ipaddress.ip_address(2**40 + (number << 64)), 1.0) for number in range(100)]
    assert sum(line is not None for line in lines) == 5
    assert len(strangers) == 50
    network = Strangers(each=2)
    lines = [network.line(ipaddress.ip_address((0x2001 << 112) + number), 1.0) for number in range(100)]
    assert sum(line is not None for line in lines) == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 30)), max_size=200))
def test_what_is_written_and_what_is_told_to_be_left_out_is_all(asked: list[tuple[int, float]]) -> None:
    strangers = Strangers(each=3, total=8)
    now, written, left_out = 0.0, 0, 0
    for place, pause in asked:
        now += pause
        line = strangers.line(ipaddress.ip_address(place), now)
        if line is not None:
            written, left_out = written + 1, left_out + line
    unsaid = len(asked) - written - left_out
    assert unsaid >= 0
    line = strangers.line(ipaddress.ip_address(9), now + 1000)
    assert line == unsaid


async def test_a_flood_of_wrong_keys_and_reports_leaves_some_lines(gateway: Any) -> None:
    for _ in range(100):
        await gateway.call("GET", "/v1/products", client=None)
        await gateway.call("GET", "/reports/nobody", client=None)
    assert len(gateway.audit.lines) == 20
    assert gateway.metrics.reports == [("unknown", "refused")] * 100
