"""The engine put together: the parts in this folder, the accounts, and the tasks that run in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from random import Random
from typing import Any

import structlog

from gateway.core.accept import Request
from gateway.core.admission import Admission, AdmissionRule
from gateway.core.endings import endings
from gateway.core.outcome import Outcome
from gateway.core.references import References
from gateway.core.transaction import AttemptState, Change, Transaction
from gateway.engine.accept import Accepted, Acceptor
from gateway.engine.accounts import Account, Sends
from gateway.engine.apply import Door
from gateway.engine.balance import Balances
from gateway.engine.catalogue import catalogue
from gateway.engine.check import Checker
from gateway.engine.clock import Clock, SystemClock
from gateway.engine.crashpoints import Hook, nothing
from gateway.engine.dispatch import Dispatcher
from gateway.engine.errors import DrainingError
from gateway.engine.gauges import Gauges
from gateway.engine.month import Months
from gateway.engine.observation import Audits, Counts, Observation, Observes
from gateway.engine.open_accounts import OpenAccounts
from gateway.engine.overview import account_view, products_view
from gateway.engine.pauses import Pauses
from gateway.engine.recover import Sweeper
from gateway.engine.report import ReportReader
from gateway.engine.retention import Retention
from gateway.engine.review import Reviewer
from gateway.engine.tasks import Tasks
from gateway.engine.waiting import Waiting
from gateway.ledger import Ledger, LedgerUnavailableError
from gateway.net.transport import Sent
from gateway.provider import Acknowledgement, Provider, Report
from gateway.settings.types import ProviderSettings, Settings

log = structlog.get_logger(__name__)

_LOOK = 0.01
"""Seconds between two looks, at a stop, whether a purchase is still being stored."""


class Engine:
    """Everything that happens to transactions in this process.

    Args:
        kinds: the providers' classes by kind.
        transports: makes the way out of an account; left out, real HTTP.
        random: for the weighted strategies; seeded in simulations.
        look_every: seconds between two looks at balances, the month's purchases and what metrics show; `None`: never,
            and nothing leaves the ledger by age.
        crash: reached at the named crash points; does nothing in production.
    """

    def __init__(
        self,
        settings: Settings,
        kinds: Mapping[str, type[Provider[Any]]],
        ledger: Ledger,
        *,
        clock: Clock | None = None,
        counts: Counts | None = None,
        audits: Audits | None = None,
        observers: Observes | None = None,
        transports: Callable[[ProviderSettings], Sends] | None = None,
        random: Random | None = None,
        sweep_every: float = 1.0,
        look_every: float | None = 1.0,
        crash: Hook = nothing,
    ) -> None:
        self.settings = settings
        self.ledger = ledger
        self.draining = False
        self._accepting = 0
        self._admission = Admission(_admission(settings))
        self._clock = clock or SystemClock()
        self._observation = Observation(counts=counts, audits=audits, observers=observers, clock=self._clock)
        self._random = random or Random()  # noqa: S311 — spreads load, guards nothing
        self._sweep_every = sweep_every
        self._look_every = look_every
        self._counts = counts
        self._looking: asyncio.Task[None] | None = None
        self._working: list[asyncio.Task[None]] = []
        """What goes on by itself until a drain; `_looking` goes on through it."""
        self._crash = crash
        self._waiting = Waiting()
        self._tasks = Tasks()
        self._open = OpenAccounts(kinds=kinds, ledger=ledger, transports=transports, spawn=self._tasks.begin)
        self.accounts = self._open.by_id
        self._webhooks: set[str] = set()
        self.listeners: list[Callable[[Change], None]] = []
        """Told of each change of this process after its commit; must be quick."""

    async def start(self) -> None:
        """Open the accounts, take up what the last process left, and begin to sweep.

        The ledger must be started already.
        """
        ledger = self.ledger
        node = await ledger.claim_node()
        references = References(node, await ledger.last_reference(node))
        await self._open.start(self.settings)
        self._assemble_bookkeeping()
        self._assemble_life(references)
        await self.balances.start()
        self._configure(self.settings)
        recovered = await self._sweeper.recover()
        if recovered:
            log.warning("recovered", attempts=recovered)
        if self._look_every is not None:
            await self._months.start()
        self._begin_work()

    def _assemble_bookkeeping(self) -> None:
        """Make what keeps the books of the accounts: what is left at each, whether it is paused, and its month."""
        ledger, accounts, observation = self.ledger, self.accounts, self._observation
        seconds = asyncio.get_running_loop().time
        alone = self.settings.ledger.url.startswith("sqlite")
        self.balances = Balances(
            ledger=ledger,
            accounts=accounts,
            clock=self._clock,
            counted=observation.balance,
            spawn=self._tasks.begin_once,
            seconds=seconds,
            alone=alone,
        )
        self._pauses = Pauses(ledger=ledger, accounts=accounts, seconds=seconds, alone=alone)
        self._months = Months(
            ledger=ledger, accounts=accounts, clock=self._clock, counted=observation.month, seconds=seconds
        )

    def _assemble_life(self, references: References) -> None:
        """Make the parts of a transaction's life, in its order, each with what it needs of the others."""
        clock, ledger, crash = self._clock, self.ledger, self._crash
        door = Door(ledger, notified=self._webhooks, published=self._published, crash=crash)
        self._dispatcher = dispatcher = Dispatcher(
            ledger=ledger,
            door=door,
            accounts=self.accounts,
            catalogue={},
            routing=self.settings.routing,
            references=references,
            clock=clock,
            random=self._random,
            refused=self._account_refused,
            answered=self._answered,
            turned=self._observation.turned,
            crash=crash,
        )
        self._acceptor = Acceptor(
            ledger=ledger,
            door=door,
            dispatcher=dispatcher,
            references=references,
            clock=clock,
            owner=ledger.owner,
            spawn=self._tasks.begin,
            crash=crash,
        )
        self._reports = ReportReader(
            ledger=ledger,
            door=door,
            clock=clock,
            follow=self._follow,
            counted=self._observation.reported,
            heard=self.balances.reported,
            crash=crash,
        )
        self._checker = Checker(
            ledger=ledger,
            door=door,
            dispatcher=dispatcher,
            clock=clock,
            asked=self._observation.asked,
            heard=self._asked,
            crash=crash,
        )
        self._reviewer = Reviewer(ledger=ledger, door=door, checker=self._checker, accounts=self.accounts, clock=clock)
        self._sweeper = Sweeper(
            ledger=ledger,
            dispatcher=dispatcher,
            checker=self._checker,
            reports=self._reports,
            accounts=self.accounts,
            clock=clock,
            spawn=self._tasks.begin_once,
            observed=self._observation.open,
            interval=self._sweep_every,
        )

    def _begin_work(self) -> None:
        """Begin what goes on by itself."""
        self._working.append(asyncio.create_task(self._sweeper.run(), name="sweeper"))
        if self._look_every is None:
            return
        gauges = Gauges(
            ledger=self.ledger,
            accounts=self.accounts,
            shows=self._counts,
            observer_errors=self._observation.observer_errors,
            also=(self._open.divide, self._pauses.tick, self.balances.tick, self._months.tick),
            look_every=self._look_every,
        )
        self._looking = asyncio.create_task(gauges.run(), name="gauges")
        retention = Retention(
            ledger=self.ledger,
            ages=lambda: self.settings.retention,
            clock=self._clock,
            removed=self._observation.removed,
            seconds=asyncio.get_running_loop().time,
        )
        self._working.append(asyncio.create_task(retention.run(), name="retention"))

    async def drain(self, seconds: float) -> bool:
        """Take nothing new, and let what is under way end within `seconds`. Returns whether it all did.

        What is cut off is `sending` on disk, and is asked about by the next process.
        """
        self.draining = self._tasks.refusing = True
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        self._working.clear()
        now = asyncio.get_running_loop().time
        ends = now() + seconds
        # What a commit that is on its way starts is waited for too.
        while (self._tasks or self._accepting) and (left := ends - now()) > 0:
            if self._tasks:
                await self._tasks.wait(left)
            else:
                await asyncio.sleep(min(left, _LOOK))
        cut = await self._tasks.cut()
        # Nobody learns any more here: whoever still waits is answered with what is known.
        self._waiting.close()
        return not cut

    async def close(self) -> None:
        """End at once what still runs, and close the accounts. The ledger is left to whoever opened it."""
        await self.drain(0)
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None
            try:
                await self.balances.save(everything=True)
            except LedgerUnavailableError as error:
                log.warning("balances_not_saved", why=str(error))
        await self._open.close()

    def admits(self, coming: int = 0) -> bool:
        """Whether one more purchase can be taken soon. Look before anything is done for it: refusing must be cheap.

        Args:
            coming: purchases that were let pass and have not been accepted yet.
        """
        return self._admission.admits(self._accepting + coming, asyncio.get_running_loop().time())

    async def accept(self, client: str, request: Request) -> Accepted:
        """Store a purchase, or find the one that is stored; see `Acceptor.accept`.

        Raises:
            DrainingError: the gateway is stopping.
        """
        if self.draining:
            raise DrainingError
        self._accepting += 1
        try:
            return await self._acceptor.accept(client, request)
        finally:
            self._accepting -= 1

    async def wait_final(self, transaction: Transaction, seconds: float, *, fresh: bool = False) -> Transaction:
        """The transaction once it is final, or as it is after `seconds`.

        Args:
            fresh: it was accepted a moment ago and nothing has been awaited since, so no change can have been missed
                and the ledger need not be asked.
        """
        if transaction.status.final or seconds <= 0:
            return transaction
        # Registered before the ledger is asked, so that a change between the two is not missed.
        with self._waiting.expecting(transaction.id) as final:
            if not fresh:
                current = await self.ledger.transaction(transaction.id)
                if current is not None and current.status.final:
                    return current
            done = await self._waiting.within(final, seconds)
        return done or await self.ledger.transaction(transaction.id) or transaction

    async def report(self, provider: str, report: Report, remote: str) -> Acknowledgement:
        """Take in a supplier's report; see `ReportReader.receive`.

        Raises:
            LookupError: there is no such account.
            UnavailableError: it could not be stored.
        """
        return await self._reports.receive(self._account(provider), report, remote)

    async def check_now(self, transaction_id: str, operator: str) -> Transaction:
        """Ask the suppliers of a transaction now. Raises `LookupError` for an unknown one."""
        return await self._reviewer.check_now(transaction_id, operator)

    async def resolve(
        self, transaction_id: str, result: str, reason: str, operator: str, serial: str | None = None
    ) -> Transaction:
        """Settle a transaction by hand; see `Reviewer.resolve`."""
        return await self._reviewer.resolve(transaction_id, result, reason, operator, serial)

    async def pause(self, provider: str, operator: str, reason: str) -> None:
        """Send no purchases through an account until it is resumed, at any replica, restarts included."""
        account = self._account(provider)
        await self._pauses.pause(account, reason)
        self._observation.account(account, operator)

    async def resume(self, provider: str, operator: str) -> None:
        """Send purchases through an account again."""
        account = self._account(provider)
        await self._pauses.resume(account)
        self._observation.account(account, operator)

    def now(self) -> datetime:
        """This moment, as purchases are dated."""
        return self._clock.now()

    def products(self) -> list[dict[str, Any]]:
        """What can be bought now, with the lowest price of a route that is open, in rupiah."""
        return products_view(self._dispatcher.catalogue.values(), self.accounts, self._clock.now())

    def providers(self) -> list[dict[str, Any]]:
        """Each account, and how it stands."""
        return [account_view(account, self._months.of(account.id)) for account in self.accounts.values()]

    async def reload(self, settings: Settings) -> None:
        """Use new settings from now on. What is under way ends with the old ones."""
        await self._open.use(settings)
        if self._looking is not None:
            for account in self.accounts.values():
                self.balances.of(account)  # what is known of a deposit stays
        self._configure(settings)

    def _configure(self, settings: Settings) -> None:
        self.settings = settings
        self._admission.rule = _admission(settings)
        self._dispatcher.catalogue = catalogue(settings.products)
        self._dispatcher.routing = settings.routing
        self._webhooks.clear()
        self._webhooks.update(client.id for client in settings.clients if client.webhook is not None)

    def changed_elsewhere(self, transaction_id: str) -> None:
        """Another replica has changed a transaction; the empty string stands for any of them. Wakes who waits here."""
        for waited in self._waiting.waited() if not transaction_id else (transaction_id,):
            if self._waiting.is_waited(waited):
                self._tasks.begin_once(f"look {waited}", self._look(waited))

    async def _look(self, transaction_id: str) -> None:
        transaction = await self.ledger.transaction(transaction_id)
        if transaction is not None:
            self._waiting.changed(transaction)

    def _account(self, provider: str) -> Account:
        account = self.accounts.get(provider)
        if account is None:
            raise LookupError(f"there is no account {provider!r}")
        return account

    def _account_refused(self, account: Account, outcome: Outcome) -> None:
        if account.paused is None:
            self._pauses.refused(account, f"the supplier refuses the account: {outcome.message}")
            log.error("account_refused", provider=account.id, why=outcome.message)
            self._observation.refused(account, outcome)
            self._tasks.begin(self._pauses.save())

    def _answered(self, account: Account, attempt: AttemptState, outcome: Outcome, sent: Sent) -> None:
        self._observation.answered(account, attempt, outcome, sent)
        self.balances.answered(account, attempt, outcome)

    def _asked(self, account: Account, attempt: AttemptState, outcome: Outcome, at: datetime) -> None:
        self.balances.answered(account, attempt, outcome, since=at)

    def _published(self, change: Change) -> None:
        self._waiting.changed(change.after)
        for provider, delivered in endings(change):
            if (account := self.accounts.get(provider)) is not None:
                account.endings.append(delivered)
        for listener in (self._observation.changed, self.balances.changed, *self.listeners):
            try:
                listener(change)
            except Exception:
                log.exception("listener_failed")

    def _follow(self, transaction: Transaction, attempt_id: str) -> None:
        """A report has set a transaction free, or asks for a question: do it now rather than at the next sweep."""
        attempt = transaction.attempt(attempt_id)
        if transaction.route_at is not None:
            self._tasks.begin_once(f"route {transaction.id}", self._dispatcher.carry(transaction))
        elif attempt is not None and attempt.next_check_at is not None and attempt.next_check_at <= self._clock.now():
            self._tasks.begin_once(f"check {attempt_id}", self._checker.check(transaction.id, attempt_id))


def _admission(settings: Settings) -> AdmissionRule:
    return AdmissionRule(many=settings.server.accepting, burst=settings.server.accepting_burst)
