"""Accounts that get no purchases until somebody resumes them: paused by an operator, or refused by the supplier.

The ledger holds them, so they outlive restarts, and other replicas hold to them within two seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

EVERY = 2.0
"""Seconds between two looks at what other replicas have paused and resumed."""
log = structlog.get_logger(__name__)


class Pausable(Protocol):
    """An account, as far as it is paused."""

    paused: str | None

    @property
    def id(self) -> str: ...


class Keeps(Protocol):
    """What is asked of the ledger."""

    async def pause_account(self, account: str, why: str) -> None: ...

    async def resume_account(self, account: str) -> None: ...

    async def paused_accounts(self) -> dict[str, str]: ...


class Pauses:
    """Pauses and resumes.

    Args:
        seconds: the event loop's time.
        alone: there are no other replicas to listen to.
    """

    def __init__(
        self, *, ledger: Keeps, accounts: Mapping[str, Pausable], seconds: Callable[[], float], alone: bool
    ) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._seconds = seconds
        self._alone = alone
        self._looked_at = seconds()
        self._unsaved: dict[str, str] = {}
        self._changes = 0
        """Made here: what was read before the last one is old."""

    async def pause(self, account: Pausable, why: str) -> None:
        """Send no purchases through it.

        Raises:
            LedgerUnavailableError: nothing has changed.
        """
        await self._ledger.pause_account(account.id, why)
        self._set(account, why)

    async def resume(self, account: Pausable) -> None:
        """Send purchases through it again.

        Raises:
            LedgerUnavailableError: nothing has changed.
        """
        await self._ledger.resume_account(account.id)
        self._unsaved.pop(account.id, None)
        self._set(account, None)

    def refused(self, account: Pausable, why: str) -> None:
        """The supplier refuses the account: pause it at once, whether the ledger can be written or not."""
        self._unsaved[account.id] = why
        self._set(account, why)

    async def save(self) -> None:
        """Write down what is not yet.

        Raises:
            LedgerUnavailableError: it stays so until the next `tick`.
        """
        for account, why in list(self._unsaved.items()):
            await self._ledger.pause_account(account, why)
            self._changes += 1
            if self._unsaved.get(account) == why:
                del self._unsaved[account]

    async def tick(self) -> None:
        """Listen to the others, every two seconds.

        Raises:
            LedgerUnavailableError: they are heard at the next tick.
        """
        await self.save()
        now = self._seconds()
        if self._alone or now - self._looked_at < EVERY:
            return
        self._looked_at = now
        seen = self._changes
        paused = await self._ledger.paused_accounts()
        if self._changes != seen:
            return
        for account in self._accounts.values():
            why = paused.get(account.id)
            if account.paused != why:
                account.paused = why
                log.warning(
                    "account_paused_elsewhere" if why else "account_resumed_elsewhere", provider=account.id, why=why
                )

    def _set(self, account: Pausable, why: str | None) -> None:
        # A reload may have put another one in its place, while the ledger was written or its last call was under way.
        for one in (account, self._accounts.get(account.id, account)):
            one.paused = why
        self._changes += 1
