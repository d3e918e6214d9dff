"""The engine's clock follows the machine's, and none of its jumps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.engine.clock import SystemClock

START = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
JUMPS = st.floats(-90 * 86400, 90 * 86400)
PASSES = st.lists(st.floats(0, 7200), min_size=1, max_size=20)


class Machine:
    """A wall clock that somebody sets, and a monotonic one that nobody sets."""

    def __init__(self) -> None:
        self.wall, self.passed = START, 1000.0

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.passed += seconds

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.wall, lambda: self.passed)


def test_it_shows_the_wall_clock() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wait(3600)
    assert clock.now() == datetime(2026, 11, 24, 1, tzinfo=UTC)


@given(jump=JUMPS, passes=PASSES)
def test_a_jump_never_changes_how_long_something_took_by_more_than_a_tenth(jump: float, passes: list[float]) -> None:
    machine = Machine()
    clock = machine.clock()
    before = clock.now()
    machine.wall += jump
    for seconds in passes:
        machine.wait(seconds)
        clock.now()
    shown = (clock.now() - before).total_seconds()
    assert sum(passes) * 0.9 - 0.001 <= shown <= sum(passes) * 1.1 + 0.001


@given(jumps=st.lists(JUMPS, max_size=5), passes=PASSES)
def test_it_never_goes_back(jumps: list[float], passes: list[float]) -> None:
    machine = Machine()
    clock = machine.clock()
    shown = [clock.now()]
    for number, seconds in enumerate(passes):
        machine.wall += jumps[number] if number < len(jumps) else 0.0
        shown.append(clock.now())
        machine.wait(seconds)
        shown.append(clock.now())
    assert shown == sorted(shown)


@pytest.mark.parametrize("jump", [-600.0, 600.0])
def test_it_shows_the_right_time_again_after_ten_times_the_jump(jump: float) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += jump
    for _ in range(6001):
        machine.wait(1)
        clock.now()
    assert abs(clock.now() - datetime.fromtimestamp(machine.wall, UTC)) < timedelta(milliseconds=1)


def test_the_small_steps_of_a_time_service_are_followed_at_once() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += 0.004
    machine.wait(1)
    assert clock.now().timestamp() == pytest.approx(machine.wall, abs=1e-5)


def test_each_jump_is_counted_and_nothing_else() -> None:
    machine = Machine()
    seen: list[float] = []
    clock = SystemClock(lambda: machine.wall, lambda: machine.passed, jumped=lambda: seen.append(machine.wall))
    for jump in (0.5, 3600.0, -2.0, -7200.0):
        machine.wall += jump
        for _ in range(60):
            machine.wait(60)
            machine.wall += 0.03  # as fast as a time service steers
            clock.now()
    assert len(seen) == 3, "half a second is none, and one that is still being followed does not hide the next"


def test_a_jump_is_told_once_and_its_end_also() -> None:
    machine = Machine()
    clock = machine.clock()
    with structlog.testing.capture_logs() as lines:
        machine.wall += 60
        for _ in range(1200):
            machine.wait(1)
            clock.now()
    assert [line["event"] for line in lines] == ["clock_was_set", "clock_is_right_again"]
    assert lines[0]["seconds"] == 60.0
