"""References: 18 digits, never the same one twice, whatever the clock does and however often the process restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.references import EPOCH, NODES, References

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
jumps = st.lists(st.sampled_from([0.0, 0.0005, 0.001, 1.0, 7_200.0, -0.001, -1.0, -30 * 86_400.0]), max_size=60)


@given(jumps, st.integers(0, NODES - 1), st.sets(st.integers(0, 59)))
def test_numbers_rise_whatever_the_clock_does_also_over_restarts(
    steps: list[float], node: int, restarts: set[int]
) -> None:
    now, given_out = NOW, list[str]()
    references = References(node)
    for place, step in enumerate(steps):
        now += timedelta(seconds=step)
        if place in restarts:
            references = References(node, max(given_out, default=None))
        given_out += [references.next(now) for _ in range(3)]
    assert given_out == sorted(set(given_out))
    assert all(len(one) == 18 and one.isascii() and one.isdigit() for one in given_out)


def test_thousands_in_one_millisecond_are_all_different_and_rise() -> None:
    references = References(7)
    given_out = [references.next(NOW) for _ in range(5_000)]
    assert given_out == sorted(set(given_out))


def test_nodes_never_meet() -> None:
    nodes = [References(node) for node in (0, 1, 500, NODES - 1)]
    given_out = [one.next(NOW) for one in nodes for _ in range(1_500)]
    assert len(set(given_out)) == len(given_out)


def test_after_a_restart_in_the_same_millisecond_nothing_is_given_twice() -> None:
    first = References(3)
    before = [first.next(NOW) for _ in range(1_234)]
    second = References(3, before[-1])
    assert second.next(NOW) > before[-1]
    assert second.next(NOW - timedelta(days=30)) > before[-1]


def test_the_first_and_the_last_moment() -> None:
    assert References().next(EPOCH) == "000000000000000000"
    assert len(References().next(EPOCH - timedelta(days=1))) == 18
    last = EPOCH + timedelta(milliseconds=10**12 - 1)
    assert References(999).next(last).startswith("999999999999999")
    with pytest.raises(OverflowError, match="2051"):
        References().next(last + timedelta(milliseconds=1))


@pytest.mark.parametrize("node", [-1, NODES])
def test_a_node_is_one_of_a_thousand(node: int) -> None:
    with pytest.raises(ValueError, match="0 to 999"):
        References(node)
