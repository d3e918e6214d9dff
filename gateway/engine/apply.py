"""The door through which every change of state goes: decide, commit by compare-and-set, tell the others.

What is decided stands in `gateway.core`; here it is made to hold. A decision that loses the compare-and-set is made
again on the state as it is now, so two pieces of evidence that arrive together are applied one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from gateway.core.apply import Decision, Evidence, NeverSeenRule, apply
from gateway.core.transaction import Change, Event, Exchange, ReadReport, Transaction
from gateway.engine.crashpoints import CrashPoint, Hook
from gateway.engine.notify import notifications
from gateway.ledger import Ledger

Decide = Callable[[Transaction], Decision]
"""Makes a decision on the state that it is given. Called again when that state has moved on."""


class Settled(NamedTuple):
    """What a decision came to."""

    after: Transaction
    changed: bool
    """Whether it changed anything."""


class Door:
    """Commits decisions.

    Args:
        notified: the clients that have a webhook.
        published: told of each committed change, after the commit; must not raise.
        crash: reached at the named points.
    """

    def __init__(
        self, ledger: Ledger, *, notified: Collection[str], published: Callable[[Change], None], crash: Hook
    ) -> None:
        self._ledger = ledger
        self.notified = notified
        self._published = published
        self._crash = crash

    async def commit(
        self,
        before: Transaction | None,
        after: Transaction,
        events: Sequence[Event],
        *,
        exchanges: Sequence[Exchange] = (),
        report: ReadReport | None = None,
    ) -> bool:
        """Write one step. False: the state has moved on, or the `ref_id` is taken; nothing was written.

        Raises:
            LedgerUnavailableError: nothing was written.
        """
        change = Change(
            before=before,
            after=after,
            events=tuple(events),
            exchanges=tuple(exchanges),
            notifications=notifications(before, after) if after.client in self.notified else (),
            report=report,
        )
        won = await self._ledger.commit(change)
        if won:
            self._published(change)
        return won

    async def settle(
        self,
        transaction: Transaction,
        decide: Decide,
        *,
        exchanges: Sequence[Exchange] = (),
        report: ReadReport | None = None,
    ) -> Settled:
        """Make `decide`'s decision hold, on whatever state it finds.

        Raises:
            LedgerUnavailableError: nothing was written.
        """
        while True:
            decision = decide(transaction)
            if decision.after is transaction:
                for exchange in exchanges:
                    await self._ledger.store_exchange(exchange, transaction.id)
                return Settled(transaction, changed=False)
            self._crash(CrashPoint.BEFORE_APPLY_COMMIT)
            if await self.commit(transaction, decision.after, decision.events, exchanges=exchanges, report=report):
                self._crash(CrashPoint.AFTER_APPLY_COMMIT)
                return Settled(decision.after, changed=True)
            current = await self._ledger.transaction(transaction.id)
            if current is None:
                raise LookupError(f"transaction {transaction.id} is gone from the ledger")
            transaction = current


def by_evidence(evidence: Evidence, never_seen: NeverSeenRule | None) -> Decide:
    """The decision that `evidence` calls for."""
    return lambda transaction: apply(transaction, evidence, never_seen=never_seen)
