"""Accepting a purchase: checked, routed and committed before the client is answered; the same `ref_id` only once."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from gateway.core.accept import Request, accept
from gateway.core.advance import Finish, Send, finish
from gateway.core.destinations import InvalidDestinationError, normalise
from gateway.core.references import References
from gateway.core.routing import Dropped
from gateway.core.transaction import Event, Transaction
from gateway.core.value import value
from gateway.engine.apply import Door
from gateway.engine.clock import Clock
from gateway.engine.crashpoints import CrashPoint, Hook
from gateway.engine.dispatch import Dispatcher, Prepared
from gateway.engine.errors import (
    EngineError,
    InvalidRequestError,
    RefIdConflictError,
    UnavailableError,
    UnknownProductError,
)
from gateway.engine.lanes import Slot
from gateway.ledger import Ledger, LedgerUnavailableError

Spawn = Callable[[Coroutine[Any, Any, Any]], None]


@value()
class Accepted:
    """What became of a request."""

    transaction: Transaction
    replayed: bool
    """The `ref_id` was there already, with the same body."""


class Acceptor:
    """Takes purchases from clients.

    Args:
        owner: this replica's name.
        spawn: runs a coroutine in the background until it ends.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        door: Door,
        dispatcher: Dispatcher,
        references: References,
        clock: Clock,
        owner: str,
        spawn: Spawn,
        crash: Hook,
    ) -> None:
        self._ledger = ledger
        self._door = door
        self._dispatcher = dispatcher
        self._references = references
        self._clock = clock
        self._owner = owner
        self._spawn = spawn
        self._crash = crash

    async def accept(self, client: str, request: Request) -> Accepted:
        """Store a purchase, or find the one that is stored under this `ref_id`.

        Where the first route has a free slot, its attempt is committed together with the transaction: one durable write
        before the call leaves, and one after it.

        Raises:
            InvalidRequestError, UnknownProductError: nothing was stored.
            RefIdConflictError: the `ref_id` belongs to another request.
            UnavailableError: the ledger cannot be written; nothing was stored and nothing was sent.
        """
        try:
            dest = self._checked(request)
        except EngineError:
            # What was accepted stays accepted, also when the catalogue has changed since.
            existing = await self._existing(client, request)
            if existing is None:
                raise
            return existing
        now = self._clock.now()
        transaction, accepted = accept(
            request,
            transaction_id=self._references.next(now),
            client=client,
            dest=dest,
            now=now,
            deadline=self._dispatcher.routing.deadline,
            owner=self._owner,
        )
        return await self._store(transaction, accepted, request)

    def _checked(self, request: Request) -> str:
        product = self._dispatcher.catalogue.get(request.product)
        if product is None:
            raise UnknownProductError(request.product)
        if request.qty != 1 and not product.open_denomination:
            raise InvalidRequestError("qty", "must be 1: this product has a fixed amount")
        if request.qty == 1 and product.open_denomination:
            raise InvalidRequestError(
                "qty", "must be the amount in rupiah, and above 1: this product has no amount of its own"
            )
        try:
            return normalise(product.dest, request.dest)
        except InvalidDestinationError as error:
            raise InvalidRequestError("dest", str(error)) from None

    async def _store(self, transaction: Transaction, accepted: Event, request: Request) -> Accepted:
        after, events, first, slot = self._first_step(transaction, accepted)
        try:
            self._crash(CrashPoint.BEFORE_ACCEPT_COMMIT)
            won = await self._door.commit(None, after, events)
            self._crash(CrashPoint.AFTER_ACCEPT_COMMIT)
        except BaseException as error:
            if slot is not None:
                slot.release(unused=True)
            if isinstance(error, LedgerUnavailableError):
                raise UnavailableError("the ledger cannot be written; nothing was bought") from error
            raise
        if not won:
            if slot is not None:
                slot.release(unused=True)
            existing = await self._existing(transaction.client, request)
            if existing is None:
                raise UnavailableError("the ledger did not take the purchase; nothing was bought")
            return existing
        if isinstance(first, Prepared) and slot is not None:
            self._spawn(self._dispatcher.carry_sent(after, first, slot))
        elif not after.status.final:
            self._spawn(self._dispatcher.carry(after, first if isinstance(first, Dropped) else None))
        return Accepted(after, replayed=False)

    def _first_step(
        self, transaction: Transaction, accepted: Event
    ) -> tuple[Transaction, tuple[Event, ...], Prepared | Dropped | None, Slot | None]:
        step, choice = self._dispatcher.plan(transaction, {})
        if isinstance(step, Finish):
            decision = finish(transaction, step.reason, choice, now=transaction.created_at)
            return decision.after, (accepted, *decision.events), None, None
        if isinstance(step, Send):
            account = self._dispatcher.accounts[step.route.provider]
            # What the ledger has to be asked for is not asked before the client is answered.
            slot = None if account.counts_equal_purchases else account.lane.try_take()
            if slot is not None:
                self._dispatcher.turned(account, 0.0)
                prepared = self._dispatcher.prepare(transaction, step.route, choice)
                if not isinstance(prepared, Dropped):
                    decision = prepared.decision
                    return decision.after, (accepted, *decision.events), prepared, slot
                slot.release(unused=True)
                return transaction, (accepted,), prepared, None
        return transaction, (accepted,), None, None

    async def _existing(self, client: str, request: Request) -> Accepted | None:
        try:
            existing = await self._ledger.transaction_by_ref(client, request.ref_id)
        except LedgerUnavailableError as error:
            raise UnavailableError("the ledger cannot be read; try again") from error
        if existing is None:
            return None
        if existing.request_hash != request.fingerprint():
            raise RefIdConflictError(existing)
        return Accepted(existing, replayed=True)
