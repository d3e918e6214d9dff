"""Time that passes only when nothing is left to do: an event loop and a clock for simulations.

`SimulatedLoop` is asyncio's own loop without sockets, threads and waiting. Where the real one would sleep until the
next timer, this one sets its time forward. So a day passes in milliseconds, and the same program takes the same steps.

    with SimulatedLoop() as loop:
        clock = SimulatedClock(loop, datetime(2026, 11, 24, tzinfo=UTC))
        loop.run_until_complete(main(clock))
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, NoReturn


class NothingToDoError(RuntimeError):
    """Everything waits for something that will never happen."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """An event loop whose `time()` starts at 0 and jumps to the next timer. Has no I/O and no threads."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0
        self._selector = _Jumping(self)

    def __enter__(self) -> SimulatedLoop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._passed

    def pass_time(self, seconds: float) -> None:
        """Set the time forward."""
        self._passed += seconds

    def run_in_executor(self, *_: object) -> NoReturn:
        """Refuse: threads would make two runs differ."""
        raise RuntimeError("a simulation has no threads")

    def _process_events(self, event_list: Sequence[Any]) -> None:
        """There are none: asyncio asks every loop for this."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""


class _Jumping:
    """Stands where the real loop waits for sockets."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> Sequence[Any]:
        if timeout is None:
            raise NothingToDoError("every task waits, and no timer is set")
        if timeout > 0:
            self._loop.pass_time(timeout)
        return ()


class SimulatedClock:
    """A wall clock over a simulated loop. It can be set, as real ones are; the loop's time goes on evenly.

    Args:
        start: what it shows at the loop's time 0; aware, in UTC.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start
        self.offset = timedelta(0)
        """By how much it is wrong."""

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time()) + self.offset
