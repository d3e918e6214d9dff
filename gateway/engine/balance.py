"""The deposits at the suppliers: what they say is left, what our own ledger makes it, and the drift between the two.

    computed = what the supplier said first − charges of what succeeded since + what was given back since
    drift    = reported − computed

A drift that stays below 0 is money that the supplier took and the ledger does not know of. Purchases that are under way
show in it until they are settled, because most suppliers charge when they accept. A deposit that is paid in shows as a
drift above 0, until an operator says that it is so (`rebase`).

What a supplier says costs nothing to hear: two numbers are kept, and written to the ledger at most once a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Protocol

import structlog

from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.core.transaction import AttemptState, AttemptStatus, Change, Exchange
from gateway.engine.accounts import Account, Balance
from gateway.engine.clock import Clock
from gateway.engine.exchange import record
from gateway.engine.lanes import LaneFullError
from gateway.ledger import Balance as StoredBalance
from gateway.net.redaction import masking
from gateway.provider import Call, Capability

SAVE_SECONDS = 60.0
log = structlog.get_logger(__name__)


class Deposits(Protocol):
    """The ledger, as far as balances go."""

    async def balances(self) -> dict[str, StoredBalance]: ...

    async def save_balance(self, provider: str, at: datetime, reported: int | None, computed: int | None) -> None: ...

    async def charged_since(self, provider: str, after: datetime) -> int: ...

    async def store_exchange(self, exchange: Exchange, transaction: str | None) -> None: ...


class Balances:
    """Keeps the balances of all accounts.

    Args:
        accounts: as they are now; a reload changes them, and what is known of an account stays.
        counted: told the reported and the computed balance of an account in rupiah, `None` where it is not known.
        spawn: runs a coroutine in the background, named so that the same work is not started twice.
        alone: no other replica buys from these accounts. Otherwise their charges are unknown here, and so is what the
            ledger makes the balance.
        seconds: a clock that never goes back.
    """

    def __init__(
        self,
        *,
        ledger: Deposits,
        accounts: Mapping[str, Account],
        clock: Clock,
        counted: Callable[[str, int | None, int | None], None],
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
        self._held: dict[str, Balance] = {}
        self._open: dict[str, dict[str, int]] = {}
        """Of each account the attempts under way in this process, and what each will cost."""
        self._changed: set[str] = set()
        self._saved_at: dict[str, float] = {}
        self._asked_at: dict[str, float] = {}

    async def start(self) -> None:
        """Take up what the last process knew, and what was charged after it was written down.

        Raises:
            LedgerUnavailableError: it cannot be read.
        """
        for provider, stored in (await self._ledger.balances()).items():
            computed = None
            if self._alone and stored.computed is not None:
                computed = stored.computed - await self._ledger.charged_since(provider, stored.at)
            self._held[provider] = Balance(stored.reported, computed, stored.at)
        for account in self._accounts.values():
            self._tell(account.id, self.of(account))

    def of(self, account: Account) -> Balance:
        """What is known of an account's deposit. It is the account's own `balance` from then on."""
        held = self._held.setdefault(account.id, account.balance)
        if account.balance is not held:
            account.balance = held
        return held

    def answered(self, account: Account, attempt: AttemptState, outcome: Outcome) -> None:
        """A supplier has answered a purchase, and its message may hold the balance after it. Not for answers to
        questions: those repeat the message of the time of the purchase, with the balance of then."""
        if outcome.balance is not None:
            self._hear(account, outcome.balance, attempt, outcome)

    def reported(self, account: Account, balance: int | None) -> None:
        """A supplier has said what is left, on another occasion."""
        if balance is not None:
            self._hear(account, balance)

    def _hear(
        self, account: Account, balance: int, attempt: AttemptState | None = None, outcome: Outcome | None = None
    ) -> None:
        held = self.of(account)
        held.reported, held.at = balance, self._clock.now()
        if held.computed is None and self._alone:
            held.computed = balance + self._charged_already(account.id, attempt, outcome)
        self._changed.add(account.id)

    def _charged_already(self, provider: str, attempt: AttemptState | None, outcome: Outcome | None) -> int:
        """What the first balance no longer holds, and `changed` will take off once more when it is settled."""
        charges = dict(self._open.get(provider, {}))
        if attempt is not None and outcome is not None:
            charges.pop(attempt.id, None)
            if outcome.status in {OutcomeStatus.SUCCESS, OutcomeStatus.PENDING}:
                price = attempt.expected_price if outcome.price is None else outcome.price
                charges[attempt.id] = price or 0
        return sum(charges.values())

    def changed(self, change: Change) -> None:
        """A change is committed: take off what was charged, and add what was given back."""
        before = {} if change.before is None else {attempt.id: attempt for attempt in change.before.attempts}
        for attempt in change.after.attempts:
            was = before.get(attempt.id)
            if attempt is was:
                continue
            under_way = self._open.setdefault(attempt.provider, {})
            if attempt.status.live:
                under_way[attempt.id] = attempt.expected_price or 0
            else:
                under_way.pop(attempt.id, None)
            more = _charge(attempt) - (0 if was is None else _charge(was))
            held = self._held.get(attempt.provider)
            if more and held is not None and held.computed is not None:
                held.computed -= more
                self._changed.add(attempt.provider)

    async def rebase(self, account: Account) -> None:
        """Take what the supplier said last for right, for example after a deposit was paid in.

        Raises:
            LookupError: it has said nothing yet.
            LedgerUnavailableError: it cannot be written down.
        """
        held = self.of(account)
        if held.reported is None:
            raise LookupError(f"the supplier of {account.id} has not said what is left")
        if self._alone:
            held.computed = held.reported + self._charged_already(account.id, None, None)
        self._changed.add(account.id)
        await self.save(everything=True)

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
                self._spawn(f"balance {account.id}", self.ask(account))
        await self.save()

    async def save(self, *, everything: bool = False) -> None:
        """Write down what has changed, each account at most once a minute, or all of it at the end.

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
            if not (everything or last is None or now - last >= SAVE_SECONDS):
                continue
            # Before the ledger is asked: what changes meanwhile is to be written the next time.
            self._changed.discard(provider)
            try:
                await self._ledger.save_balance(provider, self._clock.now(), held.reported, held.computed)
            except BaseException:
                self._changed.add(provider)
                raise
            self._saved_at[provider] = now

    async def ask(self, account: Account) -> int | None:
        """Ask a supplier what is left, and keep the question and the answer: rupiah, or `None` where it does not say.

        Raises:
            LedgerUnavailableError: the exchange cannot be kept; the balance is all the same.
        """
        try:
            call = account.provider.balance()
        except Exception:
            call = None
        if not isinstance(call, Call):
            log.warning("balance_not_asked", provider=account.id, why="the plugin made no call")
            return None
        try:
            slot = await account.lane.take(account.settings.limits.wait)
        except LaneFullError:
            return None  # purchases come first; it is asked again at its next time
        started = self._clock.now()
        try:
            sent = await account.transport.send(call)
        finally:
            slot.release()
        balance: int | None = None
        if sent.reply is not None:
            try:
                said = account.provider.read_balance(sent.reply)
            except Exception:
                said = None
            balance = said if isinstance(said, int) and not isinstance(said, bool) else None
        if balance is None:
            log.warning("balance_not_told", provider=account.id, why=sent.detail or "the answer does not say")
        self.reported(account, balance)
        mask = masking(call, account.redactor)
        kept = record(account.id, call, sent, mask, purpose="balance", attempt=None, now=started)
        await self._ledger.store_exchange(kept, None)
        return balance

    def _tell(self, provider: str, held: Balance) -> None:
        self._counted(provider, held.reported, held.computed)


def _charge(attempt: AttemptState) -> int:
    """What an attempt costs as things stand, in rupiah."""
    if attempt.status is not AttemptStatus.SUCCESS:
        return 0
    return (attempt.expected_price if attempt.price is None else attempt.price) or 0
