"""The parts of all replicas are what the account allows, and not one call more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.share import Standing, part_in_flight, part_per_second

REPLICAS = st.integers(1, 50)


@given(replicas=REPLICAS, more=st.integers(0, 500))
def test_the_calls_at_once_of_all_replicas_are_those_of_the_account(replicas: int, more: int) -> None:
    most = replicas + more
    parts = [part_in_flight(most, Standing(replicas, rank)) for rank in range(replicas)]
    assert sum(parts) == most
    assert max(parts) - min(parts) <= 1


@given(replicas=REPLICAS, most=st.integers(1, 50))
def test_no_replica_is_left_without_a_way_out(replicas: int, most: int) -> None:
    assert all(part_in_flight(most, Standing(replicas, rank)) >= 1 for rank in range(replicas))


@given(replicas=REPLICAS, most=st.floats(0.1, 1000))
def test_the_calls_a_second_of_all_replicas_are_those_of_the_account(replicas: int, most: float) -> None:
    parts = [part_per_second(most, Standing(replicas, rank)) for rank in range(replicas)]
    assert sum(part for part in parts if part is not None) == pytest.approx(most)


def test_one_replica_has_everything_and_no_limit_stays_none() -> None:
    assert (part_in_flight(7, Standing()), part_per_second(2.5, Standing())) == (7, 2.5)
    assert part_per_second(None, Standing(3, 1)) is None
