"""The deposits at the suppliers: what they say is left, what our own ledger makes it, and the drift between the two.

    computed = what the supplier said first − charges of what succeeded since + what was given back since + deposits
    drift    = what was reported, held against the computed balance of that moment; see `gateway.core.drift`

A drift is found when a supplier says what is left, and stays until it says so again: what is bought meanwhile cannot
change it. Of what was under way while the supplier spoke nobody knows whether it was deducted, so a drift is only what
no order of events explains. Such doubt hides at most the price of what is under way, and only until a quieter moment:
the computed balance is never corrected by it, so what is really missing is still missing then.

That is how it is done where this process is the only one that buys. Where others may, the ledger's rows are counted
instead, and the drift is known a minute later: see `shared_books`.

A drift below 0 is money that the supplier took and the ledger does not know of. A deposit that is paid in shows as a
drift above 0, until an operator says so (`paid_in`) or takes the supplier's word (`rebase`).

What a supplier says costs nothing to hear: a few numbers are kept, and written to the ledger once a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from gateway.core.claims import Word
from gateway.core.drift import Span
from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.core.transaction import AttemptState, Change, Exchange, Transaction
from gateway.engine.accounts import Account
from gateway.engine.ask_balance import ask_balance
from gateway.engine.clock import Clock
from gateway.engine.deposit import DEFINITE, CannotCorrectError, Correction, Held, UnderWay
from gateway.engine.shared_books import SKEW, Rows, SharedBooks
from gateway.ledger import Balance as StoredBalance
from gateway.ledger import LedgerUnavailableError
from gateway.provider import Capability

SAVE_SECONDS = 60.0
REPORT_AGE = timedelta(seconds=15)
"""How old the balance in a report may be: suppliers try again for some seconds until they are answered."""
_SETTLED = timedelta(seconds=30)
"""What ended longer ago than this is committed and told, so the ledger has it and so have we."""
_PAGE = 1000
_TURN = 0.9
"""Of `balance_every`: so long nobody else asks. A little less, so that whoever asked can ask again in its time."""
log = structlog.get_logger(__name__)


class Deposits(Rows, Protocol):
    """The ledger, as far as balances go."""

    async def balances(self) -> dict[str, StoredBalance]: ...

    async def charged_since(self, provider: str, after: datetime) -> int: ...

    async def claim_duty(self, name: str, now: datetime, every: timedelta) -> bool: ...

    async def store_exchange(self, exchange: Exchange, transaction: str | None) -> None: ...

    async def transactions(
        self, *, status: str | None = None, before_id: str | None = None, limit: int = 50
    ) -> list[Transaction]: ...

    async def review(self, *, before_id: str | None = None, limit: int = 50) -> list[Transaction]: ...


class Balances:
    """Keeps the balances of all accounts.

    Args:
        accounts: as they are now; a reload changes them, and what is known of an account stays.
        counted: told what is reported and computed and the drift of an account in rupiah, `None` where it is not known.
        spawn: runs a coroutine in the background, named so that the same work is not started twice.
        alone: no other replica buys from these accounts. Otherwise the ledger's rows say what was charged; see
            `SharedBooks`.
        seconds: a clock that never goes back.
    """

    def __init__(
        self,
        *,
        ledger: Deposits,
        accounts: Mapping[str, Account],
        clock: Clock,
        counted: Callable[[str, int | None, int | None, int | None], None],
        spawn: Callable[[str, Coroutine[Any, Any, Any]], None],
        seconds: Callable[[], float],
        alone: bool = True,
    ) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._clock = clock
        self._counted = counted
        self._spawn = spawn
        self._seconds = seconds
        self._alone = alone
        self._held: dict[str, Held] = {}
        self._under_way: dict[str, UnderWay] = {}
        self._changed: set[str] = set()
        self._saved_at: dict[str, float] = {}
        self._written_to: dict[str, datetime] = {}
        """What ended later than this is found in the ledger by the next start; anything else must be written down."""
        self._overdue: set[str] = set()
        self._asked_at: dict[str, float] = {}
        self._urgent: set[str] = set()
        """To be asked whoever else has asked."""
        self._started_at = clock.now()
        self._counted_to: dict[str, datetime] = {}
        """The moment of an account's books as they were taken up: the start, or later where the clock was set back."""
        self._shared = None if alone else SharedBooks(ledger=ledger, clock=clock, seconds=seconds)

    async def start(self) -> None:
        """Take up what the last process knew, what was charged after it was written down, and what is under way.

        A drift is not taken up: it is found again when the supplier says what is left.

        Raises:
            LedgerUnavailableError: it cannot be read.
        """
        for provider, stored in (await self._ledger.balances()).items():
            held = self._held[provider] = Held(stored.reported, at=stored.at)
            if self._alone and stored.computed is not None:
                left = stored.computed - await self._ledger.charged_since(provider, stored.at)
                held.books, held.computed = Span(left, left), left
                counted = [one.ended_at for one in await self._ledger.claims(provider, stored.at) if one.ended_at]
                self._counted_to[provider] = max([self._started_at, stored.at, *counted])
                self._written_to[provider] = stored.at
            if self._shared is not None:
                await self._shared.start(provider, held)
        if self._alone:
            await self._take_up()
        for account in self._accounts.values():
            self._tell(account.id, self.of(account))

    async def _take_up(self) -> None:
        """Find the attempts that may have been charged."""
        last: str | None = None
        while page := await self._ledger.transactions(status="pending", before_id=last, limit=_PAGE):
            self._follow(page)
            last = page[-1].id
        last = None
        while page := await self._ledger.review(before_id=last, limit=_PAGE):
            self._follow(page)
            last = page[-1].id

    def _follow(self, transactions: list[Transaction]) -> None:
        for transaction in transactions:
            for attempt in transaction.attempts:
                self._of(attempt.provider).take_up(attempt)

    def of(self, account: Account) -> Held:
        """What is known of an account's deposit. It is the account's own `balance` from then on."""
        held = self._held.setdefault(account.id, Held())
        if account.balance is not held:
            account.balance = held
        return held

    def _of(self, provider: str) -> UnderWay:
        return self._under_way.setdefault(provider, UnderWay())

    def answered(
        self, account: Account, attempt: AttemptState, outcome: Outcome, *, since: datetime | None = None
    ) -> None:
        """A supplier has said something about a purchase, and its message may hold what is left.

        Args:
            attempt: before this was applied.
            since: the balance is younger than this; left out, younger than the purchase.
        """
        if outcome.balance is not None:
            self._hear(account, outcome.balance, attempt.started_at if since is None else since, attempt, outcome)

    def reported(self, account: Account, attempt: AttemptState, outcome: Outcome) -> None:
        """The same of a report that is believed: nobody knows when it was written."""
        self.answered(account, attempt, outcome, since=self._clock.now() - REPORT_AGE)

    def _hear(
        self,
        account: Account,
        balance: int,
        since: datetime,
        attempt: AttemptState | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        told: Span | None = None
        if self._alone:
            told = self._of(account.id).told(balance, since, attempt, outcome)
        now = self._clock.now()
        self.of(account).heard(balance, now, told)
        if self._shared is not None:
            self._shared.heard(account.id, _word(balance, since, now, attempt, outcome))
        self._changed.add(account.id)

    def changed(self, change: Change) -> None:
        """A change is committed: take off what was charged, and add what was given back."""
        if not self._alone:
            return
        before = {} if change.before is None else {attempt.id: attempt for attempt in change.before.attempts}
        for attempt in change.after.attempts:
            was = before.get(attempt.id)
            if attempt is not was:
                self._step(was, attempt)
            if attempt.contested and change.after.status.final and not change.after.conflict:
                # A person has looked at it: from now on what was taken for it all the same is a drift.
                self._of(attempt.provider).decided(attempt.id)

    def _step(self, was: AttemptState | None, attempt: AttemptState) -> None:
        account = self._accounts.get(attempt.provider)
        answer = None if account is None else account.settings.timeouts
        keep = _SETTLED if answer is None else max(_SETTLED, timedelta(seconds=answer.connect + answer.answer))
        more = self._of(attempt.provider).step(was, attempt, self._clock.now(), keep)
        held = self._held.get(attempt.provider)
        if more and held is not None and held.books is not None:
            held.move(more)
            self._changed.add(attempt.provider)
            written_to = self._written_to.get(attempt.provider)
            if written_to is not None and attempt.ended_at is not None and attempt.ended_at <= written_to:
                # Such as a price that is told later: the next start would not find it, so it does not wait a minute.
                self._overdue.add(attempt.provider)

    async def paid_in(self, provider: str, amount: int) -> Correction:
        """A deposit of `amount` rupiah was paid in at the supplier, or taken out where it is below 0.

        Raises:
            LookupError: there is no such account.
            CannotCorrectError: nothing is counted that could be corrected.
            LedgerUnavailableError: it cannot be written down; nothing was changed.
        """
        account, held = self._account(provider)
        before = held.computed
        if self._shared is not None:
            await self._shared.paid_in(provider, held, amount)
            return self._corrected(account, held, before)
        if held.books is None:
            raise CannotCorrectError(self._why_not(provider))
        await self._write(provider, held, held.books.less(-amount))
        before = held.computed
        held.paid_in(amount)
        return self._corrected(account, held, before)

    async def rebase(self, provider: str) -> Correction:
        """Take what the supplier said last for right: count on from there, without a drift.

        Raises:
            LookupError: there is no such account.
            CannotCorrectError: it has said nothing since the gateway started.
            LedgerUnavailableError: it cannot be written down; nothing was changed.
        """
        account, held = self._account(provider)
        if self._shared is not None:
            before = held.computed
            await self._shared.rebase(provider, held)
            return self._corrected(account, held, before)
        if held.told is None:
            raise CannotCorrectError(self._why_not(provider))
        await self._write(provider, held, held.told)
        before = held.computed
        held.rebase()
        return self._corrected(account, held, before)

    def _account(self, provider: str) -> tuple[Account, Held]:
        account = self._accounts.get(provider)
        if account is None:
            raise LookupError(f"there is no account {provider!r}")
        return account, self.of(account)

    def _why_not(self, provider: str) -> str:
        return f"the supplier of {provider} has not said what is left since the gateway started"

    def _corrected(self, account: Account, held: Held, before: int | None) -> Correction:
        self._changed.add(account.id)
        self._tell(account.id, held)
        self._urgent.add(account.id)
        self._asked_at.pop(account.id, None)  # the next tick asks, where it may: then the drift is that of after this
        return Correction(held.reported, before, held.computed, held.drift)

    async def tick(self) -> None:
        """Ask the accounts whose time it is, and write down what has changed. To be called about once a second.

        Raises:
            LedgerUnavailableError: it cannot be written down; the next call tries again.
        """
        now = self._seconds()
        for account in list(self._accounts.values()):
            every = account.settings.balance_every
            if every is None or Capability.BALANCE not in account.capabilities:
                continue
            if now >= self._asked_at.get(account.id, now - every) + every:
                self._asked_at[account.id] = now
                self._spawn(f"balance {account.id}", self._ask_in_turn(account, every))
        if self._shared is not None:
            for provider in self._shared.due():
                self._spawn(f"drift {provider}", self._judge(self._shared, provider))
        await self.save()

    async def _ask_in_turn(self, account: Account, every: float) -> None:
        """Ask, unless another replica has asked in this turn. Who asks hears the answer."""
        if self._shared is not None and account.id not in self._urgent:
            turn = timedelta(seconds=every * _TURN)
            if not await self._ledger.claim_duty(f"balance:{account.id}", self._clock.now(), turn):
                return
        self._urgent.discard(account.id)
        await self.ask(account)

    async def _judge(self, shared: SharedBooks, provider: str) -> None:
        held = self._held.setdefault(provider, Held())
        try:
            await shared.judge(provider, held)
        except LedgerUnavailableError as error:
            log.warning("drift_not_found", provider=provider, why=str(error))
        else:
            self._tell(provider, held)

    async def save(self, *, everything: bool = False) -> None:
        """Write down what has changed, each account at most once a minute unless a kill would lose it, or all of it at
        the end.

        Raises:
            LedgerUnavailableError: what is not written yet stays changed.
        """
        now = self._seconds()
        for provider in sorted(self._changed):
            held = self._held.get(provider)
            last = self._saved_at.get(provider)
            if held is None:
                continue
            self._tell(provider, held)
            overdue = provider in self._overdue
            if not (everything or overdue or last is None or now - last >= SAVE_SECONDS):
                continue
            # Before the ledger is asked: what changes meanwhile is to be written the next time.
            self._changed.discard(provider)
            self._overdue.discard(provider)
            try:
                await self._write(provider, held, held.books)
            except BaseException:
                self._changed.add(provider)
                if overdue:
                    self._overdue.add(provider)
                raise
            self._saved_at[provider] = now

    async def _write(self, provider: str, held: Held, books: Span | None) -> None:
        """Write down what the books were half a minute ago: what has ended since is in the ledger for certain, and is
        taken off again at the next start. Books that are not exact are not kept: they would become a false drift."""
        if self._shared is not None:  # it keeps the books itself
            await self._ledger.save_balance(provider, self._clock.now(), held.reported, None)
            return
        # Not before the start: what ended before it is in the books, and not among what we saw end. And not before what
        # the last process wrote, where its clock was ahead of ours: the latest row is the one that is taken up.
        at = max(self._clock.now() - _SETTLED, self._counted_to.get(provider, self._started_at))
        computed: int | None = None
        if books is not None and books.low == books.high:
            computed = books.high + self._of(provider).charged_after(at)
        self._written_to[provider] = at  # before it is written: what changes meanwhile is to be written again
        await self._ledger.save_balance(provider, at, held.reported, computed)

    async def ask(self, account: Account) -> int | None:
        """Ask a supplier what is left; see `ask_balance`.

        Raises:
            LedgerUnavailableError: the exchange cannot be kept; the balance is all the same.
        """
        return await ask_balance(account, clock=self._clock, heard=self._hear, keep=self._keep)

    async def _keep(self, exchange: Exchange) -> None:
        await self._ledger.store_exchange(exchange, None)

    def _tell(self, provider: str, held: Held) -> None:
        self._counted(provider, held.reported, held.computed, held.drift)


def _word(balance: int, since: datetime, now: datetime, attempt: AttemptState | None, outcome: Outcome | None) -> Word:
    """A supplier's word, for replicas whose clocks may be apart."""
    charged: bool | None = None
    if attempt is not None and outcome is not None and outcome.status in DEFINITE:
        charged = outcome.status is OutcomeStatus.SUCCESS
    about = None if attempt is None else attempt.id
    return Word(reported=balance, since=since - SKEW, heard_at=now + SKEW, attempt=about, charged=charged)
