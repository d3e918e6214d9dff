"""The accounts that are open: opened, kept and let go as the configuration says, each with this replica's part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

import structlog

from gateway.core.share import Standing
from gateway.engine.accounts import Account, Sends, make_account
from gateway.engine.lanes import Lane, Slot
from gateway.ledger import Ledger
from gateway.provider import Provider
from gateway.settings.types import ProviderSettings, Settings

log = structlog.get_logger(__name__)


class OpenAccounts:
    """Opens accounts and lets them go.

    Args:
        kinds: the providers' classes by kind.
        transports: makes the way out of an account; left out, real HTTP.
        spawn: runs a coroutine in the background until it ends.
    """

    def __init__(
        self,
        *,
        kinds: Mapping[str, type[Provider[Any]]],
        ledger: Ledger,
        transports: Callable[[ProviderSettings], Sends] | None,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self.by_id: dict[str, Account] = {}
        """The same object over reloads."""
        self._kinds = kinds
        self._ledger = ledger
        self._transports = transports
        self._spawn = spawn
        self._standing = Standing()
        self._left: dict[str, Lane] = {}
        """The lanes of accounts that were taken out: one that comes back may have calls under way."""

    async def start(self, settings: Settings) -> None:
        """Open the first ones. The ledger must have a node by now, so that this replica's part is known."""
        self._standing = self._ledger.standing
        await self.use(settings)

    async def use(self, settings: Settings) -> None:
        """Open new and changed accounts, keep the equal ones, and let the others go when their calls are over.

        A changed account keeps its lane: the calls that are under way count for the supplier, whatever we call them.

        Raises:
            LedgerUnavailableError: it cannot be read which ones are paused; nothing has changed.
        """
        paused = await self._ledger.paused_accounts()
        wanted: dict[str, Account] = {}
        for one in settings.providers:
            held = self.by_id.get(one.id)
            kind = self._kinds.get(one.kind)
            if held is not None and held.settings == one:
                wanted[one.id] = held
            elif kind is not None:
                transport = None if self._transports is None else self._transports(one)
                lane = self._left.get(one.id) if held is None else held.lane
                account = make_account(one, kind, max_body=settings.server.max_body, transport=transport, lane=lane)
                await account.transport.start()
                wanted[one.id] = account
        # From here on nothing is awaited: what is paused or sent meanwhile would be missed.
        before = dict(self.by_id)
        gone = [account for id_, account in before.items() if wanted.get(id_) is not account]
        self.by_id.clear()
        self.by_id.update(wanted)
        for account in wanted.values():
            self._left.pop(account.id, None)
            held = before.get(account.id)
            if held is not account:
                account.paused = paused.get(account.id) if held is None else held.paused
                account.take_part(self._standing)
            if held is not None and held.settings.url != account.settings.url:
                log.warning(
                    "account_moved",
                    provider=account.id,
                    what="open purchases are asked about at the new address; another supplier needs another account",
                )
        for account in gone:
            if account.id not in wanted:
                self._left[account.id] = account.lane
                log.warning(
                    "account_taken_out",
                    provider=account.id,
                    what="open purchases there can be asked about no more; they wait for its return, or for a person",
                )
            self._spawn(_close_when_idle(account, account.lane.slots()))

    async def divide(self) -> None:
        """Divide what suppliers allow anew where a replica came or went."""
        standing = self._ledger.standing
        if standing != self._standing:
            self._standing = standing
            log.info("replicas_changed", replicas=standing.replicas, rank=standing.rank)
            for account in self.by_id.values():
                account.take_part(standing)

    async def close(self) -> None:
        """Close the connections of all of them."""
        for account in self.by_id.values():
            await account.transport.close()


async def _close_when_idle(account: Account, slots: Collection[Slot]) -> None:
    """Close the way out of an account that is gone, when the calls that have these slots are over. Who gets a slot
    later looks at the accounts anew."""
    try:
        while not all(slot.released for slot in slots):  # noqa: ASYNC110 — seldom, and nobody waits for it
            await asyncio.sleep(0.2)
    finally:  # also when the process ends first
        await account.transport.close()
