"""Time, as the engine is told it. Durations are on the event loop's monotonic clock, moments on the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import structlog

_SLEW = 0.1
_TOLD = 10.0
_JUMP = 1.0
"""Seconds. A time service that steers a clock moves it by at most half a thousandth of the time that passes."""
_UNINTERRUPTED: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
log = structlog.get_logger(__name__)


class Clock(Protocol):
    def now(self) -> datetime:
        """This moment, aware, in UTC."""


def _uninterrupted() -> float:
    """Seconds that nobody sets. Linux counts the time that a machine sleeps in `CLOCK_BOOTTIME` only."""
    return time.clock_gettime(_UNINTERRUPTED)


class SystemClock:
    """The machine's clock without its jumps.

    It starts at the wall clock's moment and then passes as the monotonic clock does. Where the wall clock is set, this
    one follows by running at most a tenth faster or slower: a clock that is set ahead by hours must not make a purchase
    look hours old, and one that is set back must not put the next check off by days. It never goes back.

    Args:
        wall: seconds since 1970, as the machine shows them.
        passed: seconds since some moment, which nobody sets.
        jumped: called each time that the wall clock is seen to have been set by more than a second.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        passed: Callable[[], float] = _uninterrupted,
        *,
        jumped: Callable[[], None] = lambda: None,
    ) -> None:
        self._wall = wall
        self._passed = passed
        self._jumped = jumped
        self._shown = wall()
        self._at = passed()
        self._apart = self._shown - self._at
        self._told = False

    def now(self) -> datetime:
        at = self._passed()
        wall = self._wall()
        elapsed = max(0.0, at - self._at)
        self._at = at
        if abs(wall - at - self._apart) > _JUMP:
            self._jumped()
        self._apart = wall - at
        expected = self._shown + elapsed
        behind = wall - expected
        most = elapsed * _SLEW
        self._shown = expected + min(max(behind, -most), most)
        if (abs(behind) > _TOLD) is not self._told:
            self._tell(behind)
        return datetime.fromtimestamp(self._shown, UTC)

    def _tell(self, behind: float) -> None:
        self._told = not self._told
        if self._told:
            log.warning("clock_was_set", seconds=round(behind, 1), what="followed slowly; check the time service")
        else:
            log.info("clock_is_right_again")
