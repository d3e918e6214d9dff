"""A client gets what its rate gives and one burst, and is told where it stands."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.limits import Buckets, Standing, policy_field
from gateway.settings.types import Rate


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_five_times_the_quota_for_half_a_minute_is_let_in_at_the_quota_and_one_burst() -> None:
    clock = Clock()
    buckets, rate = Buckets(clock), Rate(per_second=50, burst=100)
    allowed = 0
    for _ in range(30 * 250):
        allowed += (await buckets.take("shop", rate)).allowed
        clock.now += 1 / 250
    assert 30 * 50 + 100 - 1 <= allowed <= 30 * 50 + 100


def at_once(waiting: Coroutine[Any, Any, Standing]) -> Standing:
    """Buckets in memory answer without waiting, so no event loop is needed."""
    with pytest.raises(StopIteration) as ended:
        waiting.send(None)
    standing = ended.value.value
    assert isinstance(standing, Standing)
    return standing


rates = st.builds(Rate, per_second=st.floats(0.1, 1000), burst=st.none() | st.integers(1, 500))
pauses = st.lists(st.floats(0, 2), min_size=1, max_size=200)


@settings(max_examples=60, deadline=None)
@given(rate=rates, pauses=pauses)
def test_no_stretch_of_time_lets_in_more_than_its_rate_and_one_burst(rate: Rate, pauses: list[float]) -> None:
    clock = Clock()
    buckets = Buckets(clock)
    let_in: list[float] = []
    for pause in pauses:
        clock.now += pause
        if at_once(buckets.take("shop", rate)).allowed:
            let_in.append(clock.now)
    for first, begin in enumerate(let_in):
        for count, end in enumerate(let_in[first:], 1):
            assert count <= (end - begin) * rate.per_second + rate.most + 1e-6


@settings(max_examples=60, deadline=None)
@given(rate=rates, pauses=pauses)
def test_who_does_what_he_is_told_is_never_refused_and_a_refusal_says_exactly_how_long(
    rate: Rate, pauses: list[float]
) -> None:
    clock = Clock()
    buckets = Buckets(clock)

    def take() -> Standing:
        return at_once(buckets.take("shop", rate))

    for pause in pauses:
        clock.now += pause
        standing = take()
        assert 0 <= standing.remaining <= rate.most
        assert standing.allowed == (standing.wait == 0)
        if not standing.allowed:
            clock.now += standing.wait * 0.99
            assert not take().allowed
            clock.now += standing.wait * 0.01 + 1e-6
            assert take().allowed
        elif standing.remaining:
            promised = standing.remaining
            assert all(take().allowed for _ in range(promised))


async def test_clients_do_not_share_a_bucket() -> None:
    buckets, rate = Buckets(Clock()), Rate(per_second=1)
    assert (await buckets.take("shop", rate)).allowed
    assert not (await buckets.take("shop", rate)).allowed
    assert (await buckets.take("other", rate)).allowed


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
async def test_parts_of_a_rate_give_out_no_more_than_the_whole_together(parts: int) -> None:
    clock, rate = Clock(), Rate(per_second=50, burst=100)
    replicas = [Buckets(clock, parts) for _ in range(parts)]
    allowed = 0
    for number in range(30 * 250):
        allowed += (await replicas[number % parts].take("shop", rate)).allowed
        clock.now += 1 / 250
    assert 30 * 50 <= allowed <= 30 * 50 + 100


async def test_a_window_is_told_in_whole_seconds_that_keep_within_the_rate() -> None:
    assert policy_field(Rate(per_second=50, burst=100)) == '"requests";q=100;w=2'
    assert policy_field(Rate(per_second=50, burst=75)) == '"requests";q=75;w=2'
    assert policy_field(Rate(per_second=0.5)) == '"requests";q=1;w=2'


async def test_a_client_above_its_rate_is_refused_and_told_when_to_come_back(open_gateway: Any) -> None:
    gateway = await open_gateway(shop={"rate": {"per_second": 0.01, "burst": 3}})
    for left in (2, 1, 0):
        answer = await gateway.call("GET", "/v1/products")
        assert answer.status == 200
        assert answer.headers["RateLimit-Policy"] == '"requests";q=3;w=300'
        assert re.fullmatch(rf'"requests";r={left};t=[0-9]+', answer.headers["RateLimit"])
    refused = await gateway.buy()
    assert (refused.status, refused.json["code"]) == (429, "rate_limited")
    assert 99 <= int(refused.headers["Retry-After"]) <= 100
    assert refused.headers["RateLimit"].startswith('"requests";r=0;t=')
    assert refused.headers["RateLimit-Policy"] == '"requests";q=3;w=300'
    assert gateway.metrics.limited == [("shop", "requests")]
    assert gateway.engine.ledger.rows == {}
    assert (await gateway.buy(client="other")).status == 201


async def test_a_repeated_purchase_counts_as_a_request(open_gateway: Any) -> None:
    gateway = await open_gateway(shop={"rate": {"per_second": 0.01, "burst": 2}})
    assert [(await gateway.buy()).status for _ in range(3)] == [201, 200, 429]


async def test_refused_requests_do_not_push_the_next_one_away() -> None:
    clock = Clock()
    buckets, rate = Buckets(clock), Rate(per_second=1, burst=1)
    assert (await buckets.take("shop", rate)).allowed
    for _ in range(50):
        assert not (await buckets.take("shop", rate)).allowed
    clock.now += 1
    assert (await buckets.take("shop", rate)).allowed


async def test_clients_without_a_rate_are_told_nothing(gateway: Any) -> None:
    assert "RateLimit" not in (await gateway.buy()).headers
