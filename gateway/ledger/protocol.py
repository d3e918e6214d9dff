"""What the rest of the gateway asks of the ledger. `Change` is the unit of writing; everything else is reading.

Every method may raise `LedgerUnavailableError`: then nothing was written, and asking again later is safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gateway.core.claims import Claim
from gateway.core.share import Standing
from gateway.core.transaction import Change, Event, Exchange, Notification, StoredReport, Transaction
from gateway.ledger.leaving import Leaving, Removed, Unfinished, Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNotification:
    """A notification, and how its delivery stands."""

    notification: Notification
    transaction: str
    created_at: datetime
    next_try_at: datetime | None
    """`None` once it is delivered or dead."""
    tries: int = 0
    tried_at: datetime | None = None
    delivered_at: datetime | None = None
    dead_at: datetime | None = None
    """When delivery was given up."""
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A deposit at one moment, in rupiah: what the supplier said, and what the ledger makes it."""

    provider: str
    at: datetime
    reported: int | None
    computed: int | None


@dataclass(frozen=True, slots=True)
class Bought:
    """What succeeded at one account in some time."""

    purchases: int
    inquiries: int
    """Of bills (cek tagihan): the transaction carries the bill."""


class Paused(Protocol):
    """What nothing goes to until somebody resumes it: accounts, and receivers of webhooks under names of their own."""

    async def pause_account(self, account: str, why: str) -> None:
        """Remember, over restarts, that nothing is bought through an account, or sent to a receiver."""

    async def resume_account(self, account: str) -> None:
        """Forget that again."""

    async def paused_accounts(self) -> dict[str, str]:
        """Paused accounts, and why each one is."""


class Outbox(Paused, Protocol):
    """The notifications, and the receivers that want no more: what is asked on the way of a webhook."""

    @property
    def owner(self) -> str:
        """The name under which this replica works on transactions."""

    async def due_notifications(
        self, now: datetime, limit: int, *, client: str | None = None
    ) -> list[StoredNotification]:
        """Notifications about this owner's transactions that are to be sent, the longest due first. `client=None`: to
        all clients."""

    async def notification(self, id: str) -> StoredNotification | None:  # noqa: A002  # the name that its callers know
        """One notification, whatever became of it."""

    async def notification_tried(
        self,
        id: str,  # noqa: A002  # as above
        at: datetime,
        next_try_at: datetime | None,
        error: str | None,
        *,
        delivered: bool = False,
        dead: bool = False,
    ) -> None:
        """Note one try at delivering: delivered, to be tried again, or given up."""

    async def find_notifications(
        self,
        *,
        client: str | None = None,
        state: str | None = None,
        transaction: str | None = None,
        before_id: str | None = None,
        limit: int = 50,
    ) -> list[StoredNotification]:
        """A page, of the newest transactions first. `state`: `pending`, `delivered` or `dead`. The next page starts
        `before_id`, the last one's id."""

    async def resend_notification(self, id: str, at: datetime) -> None:  # noqa: A002  # as above
        """Make a notification due at `at` whatever became of it, as if it had never been tried."""

    async def notification_backlog(self) -> int:
        """How many notifications are still to be sent, of all owners."""


class Ledger(Outbox, Protocol):
    """The truth about every transaction. One object a process."""

    @property
    def queued(self) -> int:
        """How many operations wait for the writer."""

    @property
    def ahead(self) -> float:
        """Seconds by which the moment that counts for all replicas is ahead of what this machine's clock shows."""

    async def start(self) -> None:
        """Open it.

        Raises:
            LedgerBusyError: another process has it.
            LedgerDamagedError: its file is damaged.
            SchemaOutOfDateError: its schema does not fit this program.
            LedgerUnavailableError: it cannot be reached or written.
        """

    async def close(self) -> None:
        """Write what is queued, and close."""

    async def commit(self, change: Change) -> bool:
        """Write one step of one transaction, durably, all of it or nothing.

        Returns:
            Whether it was written. `False`: the transaction moved on since `change.before` was read, or the client's
            `ref_id` is taken. Then nothing of it was written.

        Raises:
            ChangeRefusedError: the database refused it, for example because a number was given twice.
        """

    async def writable(self) -> None:
        """Return if a commit reached the disk within the last second or does so now; raise otherwise."""

    async def store_report(self, report: StoredReport) -> tuple[int, bool]:
        """Keep a report: its number, and whether the same provider had sent the same digest before."""

    async def mark_report(self, number: int, verdict: str, attempt: str | None = None) -> None:
        """Say what became of a report, and which attempt it was about where that is known."""

    async def store_exchange(self, exchange: Exchange, transaction: str | None) -> None:
        """Keep an exchange that changed nothing."""

    async def transaction(self, id: str) -> Transaction | None:  # noqa: A002  # the name that its callers know
        """One transaction with all its attempts, in their order."""

    async def transaction_by_ref(self, client: str, ref_id: str) -> Transaction | None:
        """The client's transaction with this `ref_id`."""

    async def transaction_by_attempt(self, provider: str, attempt: str) -> Transaction | None:
        """The transaction of an attempt, if that attempt was made at this account."""

    async def transaction_by_supplier_ref(self, provider: str, supplier_ref: str) -> Transaction | None:
        """The transaction whose attempt carries the supplier's own reference; `None` unless exactly one does."""

    async def transactions(
        self,
        *,
        client: str | None = None,
        status: str | None = None,
        product: str | None = None,
        dest: str | None = None,
        provider: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        before_id: str | None = None,
        limit: int = 50,
    ) -> list[Transaction]:
        """A page, newest first. `provider`: has an attempt at that account. `start` ≤ created < `end`.
        The next page starts `before_id`, the last one's id."""

    async def review(
        self,
        *,
        client: str | None = None,
        provider: str | None = None,
        before_id: str | None = None,
        limit: int = 50,
    ) -> list[Transaction]:
        """Transactions that only a person can settle, or whose evidence contradicts itself; newest first. `provider`:
        has an attempt at that account."""

    async def review_count(self) -> int:
        """How many transactions `review` would give in all, of all clients and accounts."""

    async def events(self, transaction: str) -> list[tuple[int, Event]]:
        """Everything that happened to a transaction, in order, with the events' numbers."""

    async def events_after(self, client: str | None, after: int, limit: int) -> list[tuple[int, str, Event]]:
        """Events with a higher number than `after`: number, transaction and event. `client=None`: of all clients.

        What is committed later always has a higher number than what this returned, so a stream that goes on from the
        last number that it saw misses nothing.
        """

    async def exchanges(self, transaction: str) -> list[Exchange]:
        """What was said to suppliers and what they said about a transaction, in order."""

    async def reports(
        self, *, verdict: str | None = None, attempt: str | None = None, before: int | None = None, limit: int = 50
    ) -> list[tuple[int, StoredReport]]:
        """A page of reports with their numbers, newest first. The next page starts `before` the last one's number."""

    async def due_checks(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Attempts of this owner to ask about: transaction and attempt, the longest due first."""

    async def due_routes(self, now: datetime, limit: int) -> list[str]:
        """Transactions of this owner that wait for an attempt, the longest due first."""

    async def interrupted(self, limit: int) -> list[Transaction]:
        """Transactions of this owner with an attempt that was `sending`, oldest first."""

    async def open_count(self) -> tuple[int, datetime | None]:
        """How many transactions are pending, of all owners, and when the oldest was created."""

    async def last_reference(self, node: int) -> str | None:
        """The highest number that this node gave to a transaction or an attempt."""

    async def notifications(self, transaction: str) -> list[StoredNotification]:
        """The notifications about one transaction, oldest first."""

    async def save_balance(self, provider: str, at: datetime, reported: int | None, computed: int | None) -> None:
        """Keep a balance in rupiah."""

    async def balances(self) -> dict[str, Balance]:
        """The latest balance of each provider."""

    async def charged_since(self, provider: str, after: datetime) -> int:
        """Rupiah that an account took for what succeeded later than `after`, less what it gave back of what had
        succeeded before. Looks at attempts that were sent in the seven days before `after`, and since."""

    async def balance_base(self, provider: str) -> Balance | None:
        """The latest balance of an account that was computed, if there is one."""

    async def charged_between(self, provider: str, start: datetime, end: datetime) -> int:
        """Rupiah that an account took for what succeeded with `start` < ended ≤ `end`, less what it gave back in that
        time. Looks at attempts that were sent in the seven days before `start`, and since."""

    async def claims(self, provider: str, since: datetime) -> list[Claim]:
        """The attempts at an account that have ended later than `since`, and those of transactions that are open or
        that a person has to look at. Of the former those that were sent in the seven days before `since`, and later."""

    async def bought(self, start: datetime, end: datetime) -> dict[str, Bought]:
        """What succeeded at each account, of what was sent with `start` ≤ sent < `end`."""

    async def equal_purchases(self, provider: str, product: str, dest: str, start: datetime) -> int:
        """How many attempts to buy a supplier's product for a destination were sent at an account with `start` ≤ sent,
        and delivered or may. Only those that carry a number (`nth`) are counted."""

    async def claim_duty(self, name: str, now: datetime, every: timedelta) -> bool:
        """Whether this replica is to do something that is done once in `every` by one of them all."""

    async def remove_old(self, table: str, before: datetime, after: int, batch: int) -> Removed:
        """Remove old rows of `exchanges`, `reports`, `events`, `notifications` or `balances`, in one commit.

        Of what belongs to a transaction only if that is final, needs nobody, and has not changed since `before`; never
        a report that was not read, a notification that was not delivered, an account's latest balance or the latest
        that was computed, and never the newest row of a table whose rows are numbered.

        Args:
            before: rows that are older may leave.
            after: where the last batch ended; 0 at first.
            batch: how many rows are looked at.
        """

    async def unfinished(self, before: datetime) -> list[Unfinished]:
        """Why transactions that were created before a moment cannot be dropped yet; nothing where they can."""

    async def leaving_count(self, before: datetime) -> int:
        """How many transactions `leaving` will give."""

    async def leaving(self, before: datetime, after: str | None, limit: int) -> list[Whole]:
        """Transactions that were created before a moment, with everything that belongs to them, in the order of their
        numbers. The next page starts `after` the last one's id. The newest transaction, and that of the newest event,
        are not among them: numbers go on from those."""

    async def drop(self, leaving: Sequence[Leaving], before: datetime) -> int:
        """Drop transactions with everything that belongs to them, in one commit: how many went. What has changed since
        it was read, is open, or has a notification to deliver stays. Their `ref_id`s are forgotten."""

    async def claim_node(self) -> int:
        """A number from 0 to 999 for `References`, held by this process alone as long as it lives. SQLite: always 0."""

    @property
    def standing(self) -> Standing:
        """This replica among those that hold a lease, as last seen: at most a third of a lease ago, and at once when
        another comes or leaves in order."""

    def lease_held(self) -> bool:
        """Whether this replica surely still works alone on its transactions. Look before each send: a process that was
        frozen past its lease must not send what others have taken over. SQLite: always."""

    async def lease_lost(self) -> None:
        """Until others have taken this replica's transactions over, for good. SQLite: for ever."""

    async def take_over(self) -> list[str]:
        """Claim unfinished transactions of replicas that are gone: their numbers. SQLite: there are none."""
