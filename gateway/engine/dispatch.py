"""Carrying a transaction to suppliers: choose a route, commit the attempt, send it once, apply what came.

The order is the promise. A slot of the account's lane is taken first, then the attempt is committed as `sending`, and
only then the call leaves. Whatever ends this process in between leaves an attempt that is asked about, never resent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from random import Random
from weakref import WeakValueDictionary

from gateway.core.advance import Finish, Leave, Send, Step, finish, next_step, start
from gateway.core.apply import Decision, Evidence, Source
from gateway.core.day import SUPPLIERS_ZONE, day_around
from gateway.core.outcome import Outcome, ReasonCode, about
from gateway.core.references import References
from gateway.core.routing import AccountView, Choice, Dropped, Product, Route, Strategy, choose
from gateway.core.transaction import AttemptState, Transaction
from gateway.core.value import value
from gateway.engine.accounts import Account, seconds
from gateway.engine.apply import Door, by_evidence
from gateway.engine.clock import Clock
from gateway.engine.crashpoints import CrashPoint, Hook
from gateway.engine.exchange import attempt_for_provider, exchange
from gateway.engine.lanes import LaneFullError, Slot
from gateway.engine.plugin_faults import tell, tell_wrong
from gateway.engine.surely import surely
from gateway.ledger import Ledger
from gateway.net.transport import Sent
from gateway.plugin_errors import FAULTS
from gateway.provider import Attempt, Call
from gateway.settings.types import Routing

_STRATEGIES = {strategy.value: strategy for strategy in Strategy}
_DRAWN = frozenset({Strategy.WEIGHTED, Strategy.BALANCED_BY_SUCCESS})


@value()
class Prepared:
    """An attempt that is ready to be committed and sent."""

    decision: Decision
    attempt: AttemptState
    asked: Attempt
    """The attempt in the words of the provider contract."""
    account: Account
    call: Call


class Dispatcher:
    """Carries transactions as far as they go now.

    Args:
        catalogue: products by code; replaced when the configuration is reloaded.
        refused: told when a supplier refuses an account, so that nothing more is sent there.
        turned: told how many seconds a purchase waited for its turn at an account; `None`: it got none.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        door: Door,
        accounts: Mapping[str, Account],
        catalogue: Mapping[str, Product],
        routing: Routing,
        references: References,
        clock: Clock,
        random: Random,
        refused: Callable[[Account, Outcome], None],
        answered: Callable[[Account, AttemptState, Outcome, Sent], None],
        turned: Callable[[Account, float | None], None],
        crash: Hook,
    ) -> None:
        self._ledger = ledger
        self._door = door
        self.accounts = accounts
        self.catalogue = catalogue
        self.routing = routing
        self._references = references
        self._clock = clock
        self._random = random
        self._refused = refused
        self._answered = answered
        self.turned = turned
        self._crash = crash
        self.busy: set[str] = set()
        """The transactions that this process is working on right now."""
        self._turns: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()

    def plan(self, transaction: Transaction, skipped: Mapping[tuple[str, str], Dropped]) -> tuple[Step, Choice]:
        """What to do next with `transaction`, by the state of the accounts at this moment.

        Args:
            skipped: routes that gave no slot, or whose plugin could make no call, on this walk.
        """
        now = self._clock.now()
        choice = self.choice(transaction, now, skipped)
        step = next_step(
            transaction,
            choice,
            now=now,
            max_attempts=self.routing.max_attempts,
            no_failover={id_: account.settings.no_failover for id_, account in self.accounts.items()}
            if transaction.attempts
            else {},
        )
        return step, choice

    def choice(self, transaction: Transaction, now: datetime, skipped: Mapping[tuple[str, str], Dropped]) -> Choice:
        product = self.catalogue.get(transaction.product)
        routes = () if product is None else product.routes
        strategy = _STRATEGIES[self.routing.strategy]
        weighs = strategy is Strategy.BALANCED_BY_SUCCESS
        views: dict[str, AccountView] = {}
        for route in routes:
            account = self.accounts.get(route.provider)
            if account is not None:
                views[route.provider] = account.view() if weighs else AccountView(account.closed_because())
        choice = choose(
            routes,
            views,
            now=now,
            strategy=strategy,
            draws=[self._random.random() for _ in routes] if strategy in _DRAWN else (),
            amount=self._amount(transaction),
            max_price=transaction.max_price,
            tried={(attempt.provider, attempt.product) for attempt in transaction.attempts},
        )
        if not skipped:
            return choice
        kept = tuple(route for route in choice.routes if (route.provider, route.product) not in skipped)
        return Choice(kept, (*choice.dropped, *skipped.values()))

    def prepare(
        self, transaction: Transaction, route: Route, choice: Choice, nth: int | None = None
    ) -> Prepared | Dropped:
        """The attempt through `route` and the call that makes it, or why the plugin could make none.

        Args:
            nth: which equal purchase of the day it is, at an account that has to be told.
        """
        account = self.accounts[route.provider]
        now = self._clock.now()
        decision = start(
            transaction,
            route,
            choice,
            attempt_id=self._references.next(now),
            now=now,
            amount=self._amount(transaction),
            first_check=account.settings.checks[0],
            nth=nth,
        )
        attempt = decision.after.attempts[-1]
        asked = attempt_for_provider(transaction, attempt)
        try:
            call = account.provider.purchase(asked)
        except FAULTS as error:
            tell(account.id, "purchase", error)
            why = f"the plugin could not make the call ({type(error).__name__})"
            return Dropped(route, why, ReasonCode.NO_ROUTE)
        if not isinstance(call, Call):
            tell_wrong(account.id, "purchase", f"it gave {type(call).__name__}, and not a Call")
            return Dropped(route, "the plugin made no call", ReasonCode.NO_ROUTE)
        if not account.breaker.begin(attempt.id, seconds()):
            return Dropped(route, account.breaker.why_not(seconds()) or "the breaker is open", ReasonCode.NO_ROUTE)
        return Prepared(decision, attempt, asked, account, call)

    def _amount(self, transaction: Transaction) -> int:
        product = self.catalogue.get(transaction.product)
        return 0 if product is None else product.amount(transaction.qty)

    async def carry(self, transaction: Transaction, dropped: Dropped | None = None) -> Transaction:
        """Take a transaction as far as it goes now: to its end, or to an attempt that may still deliver.

        Only one task at a time works on a transaction; a second call returns at once.

        Args:
            dropped: a route whose plugin has just failed to make the call; it is not asked once more.
        """
        if transaction.id in self.busy:
            return transaction
        self.busy.add(transaction.id)
        try:
            return await self._walk(transaction, dropped)
        finally:
            self.busy.discard(transaction.id)

    async def carry_sent(self, transaction: Transaction, prepared: Prepared, slot: Slot) -> Transaction:
        """The same for a transaction whose attempt is committed already and has its slot."""
        self.busy.add(transaction.id)
        try:
            return await self._walk(await self._send(transaction, prepared, slot))
        finally:
            self.busy.discard(transaction.id)

    async def _walk(self, transaction: Transaction, dropped: Dropped | None = None) -> Transaction:
        skipped: dict[tuple[str, str], Dropped] = {}
        if dropped is not None:
            skipped[dropped.route.provider, dropped.route.product] = dropped
        while not transaction.status.final:
            step, choice = self.plan(transaction, skipped)
            if isinstance(step, Leave):
                return transaction
            if isinstance(step, Finish):
                transaction = await self._finish(transaction, step, choice)
                continue
            slot = await self._slot(transaction, step.route, skipped)
            if slot is None:
                continue
            committed = await self._commit(transaction, step.route, slot, skipped)
            if isinstance(committed, Prepared):
                transaction = await self._send(committed.decision.after, committed, slot)
            else:
                transaction = committed
        return transaction

    async def _commit(
        self, transaction: Transaction, route: Route, slot: Slot, skipped: dict[tuple[str, str], Dropped]
    ) -> Prepared | Transaction:
        """The committed attempt through `route`; or the slot is given back, and this is the transaction as it is."""
        won = False
        try:
            async with self._turn(transaction, route):
                nth = await self._nth(transaction, route)
                # The wait for the slot, and the question, took time: what was decided before is decided again on the
                # state as it is now.
                again, choice = self.plan(transaction, skipped)
                # Draws are not made again: a route that had to win twice would get too small or too large a share.
                if not isinstance(again, Send) or route not in choice.routes:
                    return transaction
                prepared = self.prepare(transaction, route, choice, nth)
                if isinstance(prepared, Dropped):
                    skipped[route.provider, route.product] = prepared
                    return transaction
                won = await self._door.commit(transaction, prepared.decision.after, prepared.decision.events)
            return prepared if won else await self._current(transaction)
        finally:
            if not won:
                slot.release(unused=True)

    async def _slot(
        self, transaction: Transaction, route: Route, skipped: dict[tuple[str, str], Dropped]
    ) -> Slot | None:
        account = self.accounts[route.provider]
        left = (transaction.deadline_at - self._clock.now()).total_seconds()
        began = seconds()
        try:
            slot = await account.lane.take(min(account.settings.limits.wait, left))
        except LaneFullError as error:
            self.turned(account, None)
            skipped[route.provider, route.product] = Dropped(route, str(error), ReasonCode.NO_ROUTE)
            return None
        self.turned(account, seconds() - began)
        return slot

    def _turn(self, transaction: Transaction, route: Route) -> AbstractAsyncContextManager[object]:
        """Equal purchases that are counted are counted and committed one after the other: at the same time each would
        be the first, and the supplier would refuse all but one."""
        if not self._counts(route):
            return contextlib.nullcontext()
        return self._turns.setdefault((route.provider, route.product, transaction.dest), asyncio.Lock())

    def _counts(self, route: Route) -> bool:
        account = self.accounts.get(route.provider)
        return account is not None and account.counts_equal_purchases

    async def _nth(self, transaction: Transaction, route: Route) -> int | None:
        """Which equal purchase of the day it would be, where the account's supplier has to be told."""
        if not self._counts(route):
            return None
        today, _ = day_around(self._clock.now(), SUPPLIERS_ZONE)
        return 1 + await self._ledger.equal_purchases(route.provider, route.product, transaction.dest, today)

    async def _finish(self, transaction: Transaction, step: Finish, choice: Choice) -> Transaction:
        decision = finish(transaction, step.reason, choice, now=self._clock.now())
        if await self._door.commit(transaction, decision.after, decision.events):
            return decision.after
        return await self._current(transaction)

    async def _current(self, transaction: Transaction) -> Transaction:
        current = await self._ledger.transaction(transaction.id)
        if current is None:
            raise LookupError(f"transaction {transaction.id} is gone from the ledger")
        return current

    async def _send(self, transaction: Transaction, prepared: Prepared, slot: Slot) -> Transaction:
        """Send the committed attempt, once, and write down what came of it, whatever that takes."""
        account, attempt = prepared.account, prepared.attempt
        try:
            self._crash(CrashPoint.AFTER_ATTEMPT_COMMIT)
            if not self._ledger.lease_held():
                # This process slept past its lease: others have taken the attempt over and ask about it.
                return transaction
            asked = prepared.asked
            answer = await exchange(
                account,
                prepared.call,
                purpose="purchase",
                attempt=attempt.id,
                read=lambda reply: account.provider.read_purchase(asked, reply),
                now=attempt.started_at,
            )
        finally:
            slot.release()
        self._crash(CrashPoint.AFTER_ANSWER)
        outcome = about(answer.outcome, attempt.id)
        account.purchased(attempt.id, answer.sent, answer.outcome)
        self._answered(account, attempt, outcome, answer.sent)
        if outcome.account_refused:
            self._refused(account, outcome)
        evidence = Evidence(attempt.id, outcome, Source.ANSWER, self._clock.now())
        decide = by_evidence(evidence, account.never_seen)
        return (await surely(lambda: self._door.settle(transaction, decide, exchanges=(answer.exchange,)))).after
