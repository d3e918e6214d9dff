"""One replica's lease: claimed at the start, kept alive by a heartbeat, looked at before each send, and lost at most
once. What others may do to it stands in `postgres_replicas`, and when they may in `gateway.core.leases`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from gateway.core.leases import Reach, failed, gone_before, reached
from gateway.core.share import Standing
from gateway.ledger import postgres_replicas
from gateway.ledger.errors import LeaseLostError, LedgerError

BEATS = 3
"""How often a lease is renewed in its time."""
AGAIN_SECONDS = 0.5
"""After how long a heartbeat that could not be made is tried again."""
_CLEAR_SECONDS = 1.0
"""An answer that took longer says too little about when it was given."""

T = TypeVar("T")


class Read(Protocol):
    """Does something on one of the connections beside the writer's."""

    def __call__(
        self, work: Callable[[asyncpg.Connection[Any]], Awaitable[T]], *, again: bool = False
    ) -> Awaitable[T]: ...


class Lease:
    """Whether this replica still works alone on its transactions.

    Args:
        seconds: how long after the last heartbeat others may take this replica's transactions over.
        clock: this machine's.
    """

    def __init__(self, owner: str, seconds: float, read: Read, clock: Callable[[], datetime]) -> None:
        self._owner = owner
        self._seconds = seconds
        self._read = read
        self._clock = clock
        self._renewed_at: float | None = None
        self._reach = Reach()
        self.standing = Standing()
        self.ahead = 0.0
        """Seconds by which the database's clock is ahead of this machine's."""
        self.lost = asyncio.Event()
        """Another replica has ended it."""
        self.others_came_or_went = asyncio.Event()

    @property
    def claimed(self) -> bool:
        return self._renewed_at is not None

    def held(self) -> bool:
        """Whether it surely is not over. Before `claim` there is none to lose."""
        if self._renewed_at is None:
            return True
        return not self.lost.is_set() and asyncio.get_running_loop().time() - self._renewed_at < self._seconds

    async def claim(self) -> int:
        """Take it, with a node number that no other replica has.

        Raises:
            LedgerError: all are taken.
        """
        asked = asyncio.get_running_loop().time()
        node, self._reach = await self._read(lambda c: postgres_replicas.claim(c, self._owner, self._seconds))
        self._renewed_at = asked
        self.standing = await self._stand()
        return node

    async def renew(self) -> None:
        """Prolong it.

        Raises:
            LeaseLostError: another replica has ended it.
            LedgerUnavailableError: it may be prolonged or not.
        """
        asked, shown = asyncio.get_running_loop().time(), self._clock()
        now = await self._read(lambda c: postgres_replicas.renew(c, self._owner, self._seconds), again=True)
        if now is None:
            self.lost.set()
            raise LeaseLostError("another replica has taken over this one's transactions; restart this gateway")
        self._renewed_at = asked
        self._answered(now)
        self._compare(now, shown, asyncio.get_running_loop().time() - asked)

    async def compare_clocks(self, connection: asyncpg.Connection[Any]) -> None:
        """Learn how far the database's clock is ahead, before there is a lease to renew."""
        asked, shown = asyncio.get_running_loop().time(), self._clock()
        now = await postgres_replicas.now(connection)
        self._compare(now, shown, asyncio.get_running_loop().time() - asked)

    def _compare(self, now: int, shown: datetime, took: float) -> None:
        if took < _CLEAR_SECONDS:
            self.ahead = now / 1e6 - (shown.timestamp() + took / 2)

    async def keep(self) -> None:
        """Renew it again and again, until it is lost."""
        pause = self._seconds / BEATS
        while not self.lost.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.others_came_or_went.wait(), pause)
            self.others_came_or_went.clear()
            try:
                await self.renew()
                self.standing = await self._stand()
                pause = self._seconds / BEATS
            except LedgerError:  # whatever it is, the heart goes on; a lost lease ends the loop
                pause = min(AGAIN_SECONDS, self._seconds / BEATS)

    async def take_over(self) -> list[str]:
        """End the leases of replicas that are gone, and claim their unfinished transactions: their numbers."""
        gone = self._gone()
        now, found = await self._read(lambda c: postgres_replicas.take_over(c, self._owner, gone, self._seconds))
        if now is not None:
            self._answered(now)
        return found

    async def _stand(self) -> Standing:
        gone = self._gone()
        return await self._read(lambda c: postgres_replicas.standing(c, self._owner, gone, self._seconds), again=True)

    def _gone(self) -> int | None:
        return gone_before(self._reach, postgres_replicas.micros(self._seconds))

    def connection_failed(self) -> None:
        """The ledger was away, or is: this time is not held against the others."""
        self._reach = failed(self._reach)

    def _answered(self, now: int) -> None:
        self._reach = reached(self._reach, now, postgres_replicas.micros(self._seconds))
