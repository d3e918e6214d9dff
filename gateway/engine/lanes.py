"""The way to one supplier account: so many a second, so many at once, and a bounded queue for the rest.

A purchase takes a slot before its attempt is committed. What gets no slot in time was never sent, and the next route is
tried.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque


class LaneFullError(Exception):
    """No slot in time, or too many waiting already. Nothing was sent."""


class Slot:
    """The right to make one call. Release it exactly when the call is over."""

    __slots__ = ("_lane", "released")

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.released = False

    def release(self, *, unused: bool = False) -> None:
        """Give the slot back. With `unused` no call was made, and its share of the rate is given back too."""
        if not self.released:
            self.released = True
            self._lane._give_back(self, unused=unused)  # noqa: SLF001 — slot and lane are one mechanism


class Lane:
    """Pacing towards one account.

    Args:
        per_second: calls a second, evenly spaced; `None` for no limit.
        in_flight: calls at the same time.
        queue: how many may wait for a slot.
    """

    def __init__(self, *, per_second: float | None, in_flight: int, queue: int) -> None:
        self._interval = 0.0 if per_second is None else 1.0 / per_second
        self._most = in_flight
        self._queue = queue
        self._out: set[Slot] = set()
        self._next_at = 0.0
        self._waiting: deque[asyncio.Future[Slot]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def resize(self, *, per_second: float | None, in_flight: int, queue: int) -> None:
        """Allow more or less from now on. Calls that are under way end as they are."""
        self._interval = 0.0 if per_second is None else 1.0 / per_second
        self._most = in_flight
        self._queue = queue
        self._pump()

    @property
    def in_flight(self) -> int:
        return len(self._out)

    def slots(self) -> frozenset[Slot]:
        """Those that are out at this moment."""
        return frozenset(self._out)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def try_take(self) -> Slot | None:
        """A slot, if one is free at this moment and nobody waits for it."""
        if self._waiting or len(self._out) >= self._most:
            return None
        if self._interval:
            now = asyncio.get_running_loop().time()
            if now < self._next_at:
                return None
            self._next_at = now + self._interval
        return self._give_out()

    async def take(self, wait: float) -> Slot:
        """A slot, in the order of asking, within `wait` seconds.

        Raises:
            LaneFullError: none came free in time, or the queue is full.
        """
        slot = self.try_take()
        if slot is not None:
            return slot
        if len(self._waiting) >= self._queue or wait <= 0:
            raise LaneFullError("too many purchases wait for this account")
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._pump()
        try:
            async with asyncio.timeout(wait):
                return await future
        except TimeoutError:
            self._leave(future)
            raise LaneFullError(f"no slot came free within {wait:g} s") from None
        except asyncio.CancelledError:
            self._leave(future)
            raise

    def _leave(self, future: asyncio.Future[Slot]) -> None:
        """Take a waiter out of the queue, and pass on a slot that it was given at the last moment."""
        if future.done() and not future.cancelled():
            future.result().release(unused=True)
            return
        with contextlib.suppress(ValueError):
            self._waiting.remove(future)

    def _give_out(self) -> Slot:
        slot = Slot(self)
        self._out.add(slot)
        return slot

    def _give_back(self, slot: Slot, *, unused: bool) -> None:
        self._out.discard(slot)
        if unused and self._interval:
            self._next_at -= self._interval
        self._pump()

    def _pump(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._waiting and len(self._out) < self._most:
            if self._interval:
                now = loop.time()
                if now < self._next_at:
                    self._timer = loop.call_at(self._next_at, self._pump)
                    return
                self._next_at = now + self._interval
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(self._give_out())
