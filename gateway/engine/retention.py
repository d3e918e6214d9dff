"""Old rows leave the ledger: a round an hour, by one replica, in small batches with rests between them.

A round ends when nothing old is left or its time is over; what is left then leaves in the next hours. A batch is one
commit of the ledger's own writer, which purchases share, so its size and the rests decide what they feel of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from gateway.core.retention import cut_offs, pause
from gateway.engine.clock import Clock
from gateway.ledger import LedgerError, LedgerUnavailableError
from gateway.settings.types import Retention as Ages

EVERY = timedelta(hours=1)
DUTY = "retention_at"
"""Under this name the ledger remembers when the last round began, so that of many replicas one does it."""
TABLES = ("exchanges", "reports", "events", "notifications", "balances")
"""Whose rows leave, in this order; the settings have an age of each name."""
LOOK_SECONDS = 60.0
ROUND_SECONDS = 1800.0
"""How long a round may take."""
log = structlog.get_logger(__name__)


class Batch(Protocol):
    """What one batch did; `gateway.ledger.Removed`."""

    @property
    def rows(self) -> int: ...

    @property
    def position(self) -> int | None: ...


class Keeps(Protocol):
    """The ledger, as far as old rows leave it."""

    async def claim_duty(self, name: str, now: datetime, every: timedelta) -> bool: ...

    async def remove_old(self, table: str, before: datetime, after: int, batch: int) -> Batch: ...


class Retention:
    """The duty.

    Args:
        ages: the settings as they are now; a reload changes them.
        removed: told how many rows have left a table.
        seconds: a clock that never goes back.
        rest: waits for so many seconds.
    """

    def __init__(
        self,
        *,
        ledger: Keeps,
        ages: Callable[[], Ages],
        clock: Clock,
        removed: Callable[[str, int], None],
        seconds: Callable[[], float],
        rest: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._ages = ages
        self._clock = clock
        self._removed = removed
        self._seconds = seconds
        self._rest = rest

    async def run(self) -> None:
        """Look once a minute whether a round is due, until cancelled. The first minute belongs to the start."""
        while True:
            await self._rest(LOOK_SECONDS)
            try:
                if await self._ledger.claim_duty(DUTY, self._clock.now(), EVERY):
                    await self.round()
            except LedgerUnavailableError as error:
                log.warning("retention_stopped", why=str(error))
            except Exception:
                log.exception("retention_stopped")

    async def round(self) -> Mapping[str, int]:
        """Remove what is old, as far as the time reaches: how many rows of which table.

        Raises:
            LedgerUnavailableError: the ledger cannot be written; what has left has left.
        """
        ages = self._ages()
        end = self._seconds() + ROUND_SECONDS
        gone: dict[str, int] = {}
        kept = {table: getattr(ages, table) for table in TABLES}
        for table, before in cut_offs(kept, self._clock.now()).items():
            try:
                gone[table] = await self._table(table, before, ages.batch, end)
            except LedgerUnavailableError:
                raise
            except LedgerError:  # one table that cannot be cleared must not keep the others
                log.exception("retention_stopped", table=table)
        if any(gone.values()):
            log.info("old_rows_removed", **gone, finished=self._seconds() < end)
        return gone

    async def _table(self, table: str, before: datetime, batch: int, end: float) -> int:
        gone = 0
        position: int | None = 0
        while position is not None and (began := self._seconds()) < end:
            done = await self._ledger.remove_old(table, before, position, batch)
            position = done.position
            if done.rows:
                gone += done.rows
                self._removed(table, done.rows)
            if position is not None:
                await self._rest(pause(self._seconds() - began))
        return gone
