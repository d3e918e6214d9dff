"""Limits over replicas, with a real Redis, with one that is gone, and with one that hangs (C13, C14)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.http import redis_limits
from gateway.http.redis_limits import RedisBuckets
from gateway.settings.types import Rate
from gateway.testing.redis_server import RedisServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@asynccontextmanager
async def replicas(server: RedisServer, count: int) -> AsyncIterator[list[RedisBuckets]]:
    made = [RedisBuckets(server.url) for _ in range(count)]
    try:
        for one in made:
            await one.take("warm", Rate(per_second=1000))
        async with asyncio.timeout(10):
            while any(one.replicas != count or not one.reachable for one in made):  # noqa: ASYNC110 — others' beats
                await asyncio.sleep(0.05)
        yield made
    finally:
        for one in made:
            await one.close()


async def press(made: list[RedisBuckets], rate: Rate, seconds: float, times: float = 5) -> tuple[int, float]:
    """An open load at `times` the rate: how many were let in, and how long the slowest had to wait, less what this
    machine itself was late by."""
    let_in, slowest, late = 0, 0.0, 0.0
    began = time.monotonic()

    async def one(number: int) -> None:
        nonlocal let_in, slowest
        asked = time.monotonic()
        standing = await made[number % len(made)].take("shop", rate)
        let_in += standing.allowed
        slowest = max(slowest, time.monotonic() - asked)

    tasks = []
    for number in range(int(seconds * rate.per_second * times)):
        due = began + number / (rate.per_second * times)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        late = max(late, time.monotonic() - due)
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    return let_in, slowest - late


RATE = Rate(per_second=40, burst=30)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_limits, "BEAT", 0.2)


async def test_three_replicas_let_in_the_quota_and_one_burst_together(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_limits, "PATIENCE", 5.0)  # a busy machine is not a Redis that is gone
    async with replicas(server, 3) as made:
        began = time.monotonic()
        let_in, _ = await press(made, RATE, 3)
        taken = time.monotonic() - began
        assert all(one.reachable for one in made)
    assert 0.97 * (RATE.per_second * 3 + RATE.most) <= let_in <= RATE.per_second * taken + RATE.most


async def test_a_flood_takes_nothing_from_the_quota(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_limits, "PATIENCE", 5.0)
    async with replicas(server, 2) as made:
        for one in made:
            take = one._take

            async def slow(take: Any = take, **more: Any) -> Any:
                await asyncio.sleep(0.005)  # an answer's way must not be added to what is owed
                return await take(**more)

            monkeypatch.setattr(one, "_take", slow)
        let_in, _ = await press(made, RATE, 3, times=25)
    assert let_in >= 0.97 * (RATE.per_second * 3 + RATE.most)


async def test_what_is_surely_too_much_is_refused_without_asking(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, asked = Rate(per_second=0.1, burst=2), 0
    async with replicas(server, 1) as (one,):
        take = one._take

        async def counted(**more: Any) -> Any:
            nonlocal asked
            asked += 1
            return await take(**more)

        monkeypatch.setattr(one, "_take", counted)
        standings = [await one.take("slow", slow) for _ in range(50)]
    assert [standing.allowed for standing in standings] == [True, True] + [False] * 48
    assert asked <= 3
    assert all(9 < standing.wait <= 10.0 and standing.remaining == 0 for standing in standings[2:])


async def test_a_process_that_was_late_itself_does_not_take_redis_for_gone(server: RedisServer) -> None:
    async with replicas(server, 1) as (one,):
        rate = Rate(per_second=1, burst=30)
        taking = [asyncio.create_task(one.take("shop", rate)) for _ in range(10)]
        await asyncio.sleep(0)
        time.sleep(0.15)  # noqa: ASYNC251 — the loop is busy with something else
        assert all(standing.allowed for standing in await asyncio.gather(*taking))
        assert one.reachable
        # What was given out meanwhile is told to Redis with the next request.
        assert (await one.take("shop", rate)).remaining <= rate.most - 11


async def test_before_the_first_request_the_replicas_are_counted(server: RedisServer) -> None:
    first, second = (RedisBuckets(server.url) for _ in range(2))
    try:
        await first.open()
        await second.open()
        assert (first.replicas, second.replicas) == (1, 2)
        server.stop()
        slow = Rate(per_second=0.1, burst=4)
        assert sum([(await second.take("shop", slow)).allowed for _ in range(4)]) == 2, "its part, and not the whole"
    finally:
        await first.close()
        await second.close()


async def test_without_redis_each_replica_gives_out_its_part_and_nobody_waits(server: RedisServer) -> None:
    async with replicas(server, 3) as made:
        began = time.monotonic()
        before, _ = await press(made, RATE, 1)
        server.stop()
        without, slowest = await press(made, RATE, 2)
        assert not any(one.reachable for one in made)
        assert slowest < 0.1
        server.start()
        async with asyncio.timeout(5):
            while not all(one.reachable for one in made):  # noqa: ASYNC110 — the heartbeats find out
                await asyncio.sleep(0.05)
        after, _ = await press(made, RATE, 1)
        taken = time.monotonic() - began
    assert without >= 0.7 * RATE.per_second * 2
    # Redis is found again by heartbeats: for one of them some replicas ask it while others still give out their part.
    apart = RATE.per_second * redis_limits.BEAT
    assert before + without + after <= RATE.per_second * taken + RATE.most + apart


async def test_a_redis_that_hangs_holds_nobody_up(server: RedisServer) -> None:
    async with replicas(server, 2) as made:
        with server.hanging():
            _, slowest = await press(made, RATE, 1)
            assert not any(one.reachable for one in made)
        assert slowest < 0.1
        async with asyncio.timeout(5):
            while not all(one.reachable for one in made):  # noqa: ASYNC110 — the heartbeats find out
                await asyncio.sleep(0.05)


async def test_a_refusal_says_how_long_and_the_password_is_not_told(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with replicas(server, 1) as (one,):
        slow = Rate(per_second=0.1, burst=2)
        first, second, third = [await one.take("slow", slow) for _ in range(3)]
        assert (first.allowed, first.remaining, second.remaining) == (True, 1, 0)
        assert not third.allowed
        assert 9.5 < third.wait <= 10.001
        assert 19 < third.full_in <= 20.001
    lost = RedisBuckets("redis://:canary-password@127.0.0.1:1/0")
    assert (await lost.take("shop", slow)).allowed
    await lost.close()
    assert "redis does not answer" in caplog.text
    assert "canary" not in caplog.text + repr(lost)


async def test_replicas_that_start_while_redis_is_away_share_by_the_ledgers_count() -> None:
    rate = Rate(per_second=0.1, burst=9)
    lost = RedisBuckets("redis://127.0.0.1:1/0", known=lambda: 3)
    await lost.open()
    assert sum([(await lost.take("shop", rate)).allowed for _ in range(9)]) == 3
    await lost.close()


async def test_a_redis_that_comes_back_with_another_password_is_told_as_one_that_refuses(
    server: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with replicas(server, 1) as (one,):
        server.stop()
        async with asyncio.timeout(5):
            while one.reachable:  # noqa: ASYNC110 — the heartbeat finds out
                await asyncio.sleep(0.05)
        assert "refuses" not in caplog.text
        with other_password(server, tmp_path):
            async with asyncio.timeout(5):
                while "redis refuses (AuthenticationError)" not in caplog.text:  # noqa: ASYNC110 — the same
                    await asyncio.sleep(0.05)
            await asyncio.sleep(3 * redis_limits.BEAT / 5)
        assert caplog.text.count("redis refuses") == 1


@contextmanager
def other_password(server: RedisServer, folder: Path) -> Iterator[None]:
    """One in its place that wants to be told a password."""
    guarded = RedisServer(folder, "another")
    guarded.port = server.port
    guarded.start()
    try:
        yield
    finally:
        guarded.stop()
