"""The loop and the clock under the simulation, and the dialect that its suppliers speak."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.outcome import OutcomeStatus
from gateway.testing.scripted_supplier import WORDS, read, say
from gateway.testing.simulated_time import NothingToDoError, SimulatedClock, SimulatedLoop

START = datetime(2026, 11, 24, tzinfo=UTC)


def test_a_day_passes_at_once_and_in_order() -> None:
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(asyncio.get_running_loop().time())

    async def day() -> None:
        await asyncio.gather(*(sleeper(seconds) for seconds in (86_400.0, 1.0, 3_600.0, 1.5)))

    began = time.monotonic()
    with SimulatedLoop() as loop:
        loop.run_until_complete(day())
    assert woken == [1.0, 1.5, 3_600.0, 86_400.0]
    assert time.monotonic() - began < 5


def test_a_time_out_comes_when_it_should() -> None:
    async def wait() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.sleep(31)
        return asyncio.get_running_loop().time()

    with SimulatedLoop() as loop:
        assert loop.run_until_complete(wait()) == 30


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    with SimulatedLoop() as loop:
        forever = loop.create_future()
        with pytest.raises(NothingToDoError):
            loop.run_until_complete(forever)


def test_threads_are_refused() -> None:
    with SimulatedLoop() as loop, pytest.raises(RuntimeError, match="no threads"):
        loop.run_until_complete(asyncio.to_thread(time.time))


def test_a_clock_can_be_wrong_while_time_goes_on_evenly() -> None:
    with SimulatedLoop() as loop:
        clock = SimulatedClock(loop, START)
        loop.run_until_complete(asyncio.sleep(10))
        clock.offset = timedelta(days=-30)
        loop.run_until_complete(asyncio.sleep(5))
        assert clock.now() == START + timedelta(seconds=15) - timedelta(days=30)
        assert loop.time() == 15


@pytest.mark.parametrize("word", WORDS)
def test_a_line_is_read_as_it_was_meant_and_cut_it_says_nothing(word: str) -> None:
    line = say(word, "000000000000000001", sn="SN-1", price=5400, why="cutoff", sref="S-1")
    outcome = read(line)
    assert outcome.rule == word
    assert (outcome.ref, outcome.serial, outcome.price, outcome.supplier_ref) == (
        "000000000000000001",
        "SN-1",
        5400,
        "S-1",
    )
    for length in range(len(line)):
        assert read(line[:length]).status is OutcomeStatus.UNKNOWN
        assert read(line[:length]).rule is None
