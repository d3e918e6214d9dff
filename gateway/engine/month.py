"""Purchases of this month at each account, against what the supplier asks for, and inquiries of bills.

Suppliers close accounts that buy too little, and charge for those that only inquire. Months and days are Jakarta's.
The ledger is asked day by day, so that no single question takes long: the whole month at the start and at midnight, and
in between today and yesterday, of which something may still be settled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol

from gateway.core.day import SUPPLIERS_ZONE
from gateway.engine.accounts import Account
from gateway.engine.clock import Clock
from gateway.ledger import LedgerUnavailableError

EVERY_SECONDS = 60.0
START_SECONDS = 0.5
"""How long a start waits for the first count."""


@dataclass(frozen=True, slots=True)
class Month:
    """What succeeded at one account since the month began; `None` where that is not counted yet."""

    purchases: int | None = None
    inquiries: int | None = None


class Counted(Protocol):
    """What succeeded in some time, as the ledger counts it."""

    @property
    def purchases(self) -> int: ...

    @property
    def inquiries(self) -> int: ...


class Sold(Protocol):
    """The ledger, as far as it counts."""

    async def bought(self, start: datetime, end: datetime) -> Mapping[str, Counted]: ...


class Months:
    """Counts the month.

    Args:
        counted: told the purchases of an account this month, and how many its supplier asks for.
        seconds: a clock that never goes back.
    """

    def __init__(
        self,
        *,
        ledger: Sold,
        accounts: Mapping[str, Account],
        clock: Clock,
        counted: Callable[[str, int, int | None], None],
        seconds: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._clock = clock
        self._counted = counted
        self._seconds = seconds
        self._days: dict[date, Mapping[str, Counted]] = {}
        self._done: set[date] = set()
        """Days that a count which is not over yet has counted."""
        self._counted_on: date | None = None
        self._next_at = 0.0

    def of(self, provider: str) -> Month:
        """What succeeded at an account this month, as of the last count."""
        if self._counted_on is None:
            return Month()
        found = [day[provider] for day in self._days.values() if provider in day]
        return Month(sum(one.purchases for one in found), sum(one.inquiries for one in found))

    async def start(self, patience: float = START_SECONDS) -> None:
        """Count, so that the month is known from the first moment; a large one is counted further by `tick`.

        Args:
            patience: seconds.
        """
        with contextlib.suppress(TimeoutError, LedgerUnavailableError):
            async with asyncio.timeout(patience):
                await self.tick()

    async def tick(self) -> None:
        """Count where it is time to. To be called about once a second.

        Raises:
            LedgerUnavailableError: the ledger cannot be read; the next call tries again.
        """
        now = self._seconds()
        if now < self._next_at:
            return
        today = self._clock.now().astimezone(SUPPLIERS_ZONE).date()
        first = today.replace(day=1)
        for day in [day for day in self._days if not first <= day <= today]:
            del self._days[day]
        again = first if today != self._counted_on else max(first, today - timedelta(days=1))
        for ahead in range((today - again).days + 1):
            day = again + timedelta(days=ahead)
            if day in self._done:
                continue
            self._days[day] = await self._ledger.bought(_midnight(day), _midnight(day + timedelta(days=1)))
            if day < today:
                self._done.add(day)
        self._done.clear()
        self._counted_on = today
        self._next_at = now + EVERY_SECONDS
        for account in self._accounts.values():
            self._counted(account.id, self.of(account.id).purchases or 0, account.settings.monthly_commitment)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, SUPPLIERS_ZONE)
