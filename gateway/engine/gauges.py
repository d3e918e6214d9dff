"""What metrics show that no event tells: how things stand, looked at once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog

from gateway.engine.accounts import Account
from gateway.ledger import LedgerUnavailableError

LOOK_SECONDS = 1.0
_REVIEW_EVERY = 5
"""Looks between two counts of what needs a person."""
log = structlog.get_logger(__name__)


class Shows(Protocol):
    """The metrics, as far as they show how things stand."""

    def needs_review(self, count: int) -> None: ...

    def breaker(self, provider: str, state: str) -> None: ...

    def account_closed(self, provider: str, closed: bool) -> None: ...

    def observer_error(self, plugin: str) -> None: ...

    def loop_lag(self, seconds: float) -> None: ...


class Reviews(Protocol):
    """The ledger, as far as it counts what needs a person."""

    async def review_count(self) -> int: ...


class Gauges:
    """Looks, and shows.

    Args:
        observer_errors: how often each observing plugin has failed.
        also: done at each look, such as `Balances.tick`.
    """

    def __init__(
        self,
        *,
        ledger: Reviews,
        accounts: Mapping[str, Account],
        shows: Shows | None,
        observer_errors: Callable[[], Mapping[str, int]],
        also: tuple[Callable[[], Awaitable[None]], ...] = (),
        look_every: float = LOOK_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._shows = shows
        self._observer_errors = observer_errors
        self._also = also
        self._every = look_every
        self._told: dict[str, int] = {}
        self._looks = 0

    async def run(self) -> None:
        """Look until cancelled. How late each look begins is the lag of the event loop."""
        loop = asyncio.get_running_loop()
        while True:
            for work in (self.look, *self._also):
                try:
                    await work()
                except LedgerUnavailableError as error:
                    log.warning("gauges_not_read", why=str(error))
                except Exception:
                    log.exception("gauges_not_read")
            due = loop.time() + self._every
            await asyncio.sleep(self._every)
            if self._shows is not None:
                self._shows.loop_lag(loop.time() - due)

    async def look(self) -> None:
        """Show how things stand now.

        Raises:
            LedgerUnavailableError: what needs a person could not be counted; all else is shown.
        """
        shows = self._shows
        if shows is None:
            return
        for account in self._accounts.values():
            shows.breaker(account.id, account.breaker_state().value)
            shows.account_closed(account.id, account.paused is not None)
        for plugin, errors in self._observer_errors().items():
            for _ in range(errors - self._told.get(plugin, 0)):
                shows.observer_error(plugin)
            self._told[plugin] = errors
        self._looks += 1
        if self._looks % _REVIEW_EVERY == 1:
            shows.needs_review(await self._ledger.review_count())
