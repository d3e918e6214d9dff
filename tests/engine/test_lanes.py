"""The way to one account: so many a second, so many at once, and no slot is ever lost."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.engine.lanes import Lane, LaneFullError, Slot
from gateway.testing.simulated_time import SimulatedLoop


@dataclass(frozen=True)
class Taker:
    """One who asks for a slot: when, for how long, and what becomes of it."""

    after: float
    wait: float
    holds: float
    unused: bool
    gives_up: float | None
    """Seconds after which it is cancelled, wherever it is then."""


takers = st.lists(
    st.builds(
        Taker,
        after=st.sampled_from([0.0, 0.0, 0.1, 0.5, 1.0]),
        wait=st.sampled_from([0.0, 0.05, 0.5, 3.0]),
        holds=st.sampled_from([0.0, 0.1, 0.5, 2.0]),
        unused=st.booleans(),
        gives_up=st.sampled_from([None, None, 0.0, 0.05, 0.5]),
    ),
    max_size=25,
)


@given(takers, st.integers(1, 3), st.integers(0, 4), st.sampled_from([None, 1.0, 4.0, 10.0]))
@settings(max_examples=150, deadline=None)
def test_no_limit_is_ever_passed_and_no_slot_is_ever_lost(
    everybody: list[Taker], most: int, queue: int, per_second: float | None
) -> None:
    with SimulatedLoop() as loop:
        loop.run_until_complete(_all_of(everybody, most, queue, per_second))


async def _all_of(everybody: list[Taker], most: int, queue: int, per_second: float | None) -> None:
    loop = asyncio.get_running_loop()
    lane = Lane(per_second=per_second, in_flight=most, queue=queue)
    sent: list[float] = []
    held = 0

    async def take(one: Taker) -> None:
        nonlocal held
        asked = loop.time()
        try:
            slot = await lane.take(one.wait)
        except LaneFullError:
            assert loop.time() <= asked + one.wait + 1e-9
            return
        assert loop.time() <= asked + one.wait + 1e-9, "it waited longer than it would"
        held += 1
        try:
            assert held <= most
            assert lane.in_flight <= most
            assert lane.waiting <= queue
            if not one.unused:
                sent.append(loop.time())
            await asyncio.sleep(one.holds)
        finally:
            held -= 1
            slot.release(unused=one.unused)
            slot.release(unused=one.unused)

    tasks = []
    for one in everybody:
        await asyncio.sleep(one.after)
        task = asyncio.create_task(take(one))
        tasks.append(task)
        if one.gives_up is not None:
            loop.call_later(one.gives_up, task.cancel)
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert result is None or isinstance(result, asyncio.CancelledError), result
    assert (lane.in_flight, lane.waiting) == (0, 0)
    if per_second is not None and all(not one.unused and one.gives_up is None for one in everybody):
        gaps = [later - sooner for sooner, later in pairwise(sent)]
        assert all(gap >= 1 / per_second - 1e-6 for gap in gaps)
    await asyncio.sleep(5)
    assert isinstance(lane.try_take(), Slot), "a slot was lost"


@given(takers)
@settings(max_examples=50, deadline=None)
def test_what_is_given_back_unused_never_makes_a_burst(everybody: list[Taker]) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        lane = Lane(per_second=2.0, in_flight=50, queue=100)
        sent: list[float] = []

        async def take(one: Taker) -> None:
            with contextlib.suppress(LaneFullError):
                slot = await lane.take(3.0)
                if one.unused:
                    slot.release(unused=True)
                    return
                sent.append(loop.time())
                await asyncio.sleep(one.holds)
                slot.release()

        tasks = []
        for one in everybody:
            await asyncio.sleep(one.after)
            tasks.append(asyncio.create_task(take(one)))
        await asyncio.gather(*tasks)
        for place, at in enumerate(sent):
            assert sum(at <= other < at + 5 for other in sent[place:]) <= 11

    with SimulatedLoop() as loop:
        loop.run_until_complete(run())


def test_slots_go_in_the_order_of_asking_and_at_an_even_pace() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        lane = Lane(per_second=10, in_flight=100, queue=100)
        got: list[tuple[int, float]] = []

        async def take(number: int) -> None:
            await lane.take(60)
            got.append((number, round(loop.time(), 6)))

        await asyncio.gather(*(take(number) for number in range(20)))
        assert got == [(number, round(number * 0.1, 6)) for number in range(20)]

    with SimulatedLoop() as loop:
        loop.run_until_complete(run())


def test_nobody_overtakes_those_who_wait() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        lane = Lane(per_second=1, in_flight=5, queue=5)
        overtaking: list[Slot | None] = []
        # At the very moment at which the one who waits is to get its slot, and before it.
        loop.call_at(1.0, lambda: overtaking.append(lane.try_take()))
        assert lane.try_take() is not None
        assert isinstance(await lane.take(5), Slot)
        assert overtaking == [None]
        assert loop.time() == 1.0

    with SimulatedLoop() as loop:
        loop.run_until_complete(run())


def test_a_full_queue_and_a_wait_that_is_over_say_so() -> None:
    async def run() -> None:
        lane = Lane(per_second=None, in_flight=1, queue=1)
        lane.try_take()
        waiting = asyncio.create_task(lane.take(2))
        await asyncio.sleep(0)
        with pytest.raises(LaneFullError, match="too many purchases wait"):
            await lane.take(2)
        with pytest.raises(LaneFullError, match="no slot came free within 2 s"):
            await waiting
        assert lane.waiting == 0

    with SimulatedLoop() as loop:
        loop.run_until_complete(run())


def test_a_slot_is_given_back_once() -> None:
    async def run() -> None:
        lane = Lane(per_second=1, in_flight=5, queue=5)
        first = lane.try_take()
        assert first is not None
        first.release(unused=True)
        assert lane.try_take() is not None, "nothing was sent"
        first.release(unused=True)
        assert lane.try_take() is None
        assert lane.in_flight == 1

    with SimulatedLoop() as loop:
        loop.run_until_complete(run())


def test_another_pace_holds_from_the_next_slot_on() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        lane = Lane(per_second=1, in_flight=50, queue=50)
        got: list[float] = []

        async def take() -> None:
            await lane.take(60)
            got.append(loop.time())

        taking = [asyncio.create_task(take()) for _ in range(3)]
        await asyncio.sleep(0.5)
        lane.resize(per_second=4, in_flight=50, queue=50)
        await asyncio.gather(*taking)
        lane.resize(per_second=None, in_flight=50, queue=50)
        await asyncio.gather(*(take() for _ in range(3)))
        assert got == [0.0, 1.0, 1.25, 1.25, 1.25, 1.25]

    with SimulatedLoop() as loop:
        loop.run_until_complete(run())


def test_who_gave_up_at_the_moment_of_its_turn_leaves_the_turn_to_the_next() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        lane = Lane(per_second=1, in_flight=5, queue=5)
        assert lane.try_take() is not None
        first, second = asyncio.create_task(lane.take(60)), asyncio.create_task(lane.take(60))
        loop.call_at(1.0, lambda: loop.call_soon(first.cancel))
        await second
        assert first.cancelled()
        assert (loop.time(), lane.in_flight) == (1.0, 2)

    with SimulatedLoop() as loop:
        loop.run_until_complete(run())
