"""A transaction and its attempts, as values. What may happen to them is decided in `apply`, `advance` and `accept`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from gateway.core.outcome import ReasonCode
from gateway.core.value import value


class TransactionStatus(StrEnum):
    """`pending → success | failed`, `success → reversed`. All but `pending` are final."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILED = "failed"
    REVERSED = "reversed"

    @property
    def final(self) -> bool:
        return self is not TransactionStatus.PENDING


class AttemptStatus(StrEnum):
    """`sending → pending | unknown`, and from all three to `success | failed | rejected`; `success → reversed`."""

    SENDING = "sending"
    """Committed, and the call may be leaving now."""
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCESS = "success"
    FAILED = "failed"
    REJECTED = "rejected"
    REVERSED = "reversed"
    """A success that the supplier took back."""

    @property
    def live(self) -> bool:
        """Whether it may still deliver."""
        return self in _LIVE


_LIVE = frozenset({AttemptStatus.SENDING, AttemptStatus.PENDING, AttemptStatus.UNKNOWN})


@value()
class Reason:
    """Why a transaction or an attempt did not succeed: a stable code, and words for people."""

    code: ReasonCode
    message: str = ""


NOT_UNDERSTOOD = ""
"""In the place of a rule's name: no rule understood the supplier's last answer. The attempt may be pending all the
same, by what was said before."""


@value(kw_only=True)
class AttemptState:
    """One purchase at one supplier account, as the ledger holds it."""

    id: str
    """Our reference at the supplier: decimal, at most 18 digits."""
    number: int
    """1 for the first attempt of its transaction."""
    provider: str
    product: str
    """The supplier's product code."""
    expected_price: int | None
    """What the configuration makes it cost, in rupiah: the route's price, and the amount of an open denomination."""
    nth: int | None = None
    """Which purchase of this product for this destination it is that day, where the supplier has to be told."""
    status: AttemptStatus
    started_at: datetime
    ended_at: datetime | None = None
    reason: Reason | None = None
    supplier_ref: str | None = None
    serial: str | None = None
    price: int | None = None
    message: str = ""
    rule: str | None = None
    """The rule that read what the supplier said last; `NOT_UNDERSTOOD` where none did, `None` where none is told."""
    contested: bool = False
    """The evidence contradicts itself: it counts as one that may still deliver, and only a person settles it."""
    checks_done: int = 0
    never_seen: int = 0
    """How many answers in a row said that the supplier does not know the reference."""
    next_check_at: datetime | None = None
    reported: bool | None = None
    """Whether a report that has to be verified said, while this was being sent, that it was delivered. The answer that
    is still to be written down may be older."""

    @property
    def may_deliver(self) -> bool:
        """Whether another supplier must not be tried because of this attempt."""
        return self.status.live or self.contested


@value(kw_only=True)
class Transaction:
    """What one client asked for under one `ref_id`, and everything known about it."""

    id: str
    client: str
    ref_id: str
    request_hash: str
    """Tells whether the same `ref_id` came again with the same body."""
    product: str
    dest: str
    """Checked and normalised."""
    qty: int
    max_price: int | None
    status: TransactionStatus = TransactionStatus.PENDING
    needs_review: bool = False
    """Only a person can settle it. Only on `pending`."""
    conflict: bool = False
    """The evidence contradicts itself and no person has looked at it yet; possible in every status."""
    reason: Reason | None = None
    serial: str | None = None
    price: int | None = None
    provider: str | None = None
    """The account that delivered."""
    bill: dict[str, str] | None = None
    attempts: tuple[AttemptState, ...] = ()
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime
    """After this no new attempt starts."""
    final_at: datetime | None = None
    version: int = 1
    """Counts the committed changes; the compare-and-set of the ledger is on it."""
    owner: str = ""
    """The replica that works on it. Another takes it over only when that one's lease is over."""
    route_at: datetime | None = None
    """When routing is due although no attempt is live: set while a transaction waits for its first or next attempt."""

    def attempt(self, attempt_id: str) -> AttemptState | None:
        return next((attempt for attempt in self.attempts if attempt.id == attempt_id), None)

    def attempts_with(self, changed: AttemptState) -> tuple[AttemptState, ...]:
        """Its attempts, with `changed` in the place of the one that has its id."""
        return tuple(changed if attempt.id == changed.id else attempt for attempt in self.attempts)


@value()
class Event:
    """Something that happened to a transaction. `kind` names it, `source` says who or what told, `data` is JSON."""

    kind: str
    at: datetime
    source: str
    data: dict[str, object]
    attempt: str | None = None


@value(kw_only=True)
class Exchange:
    """One request to a supplier and its answer, already redacted and capped."""

    attempt: str | None
    provider: str
    purpose: str
    """`purchase`, `check`, `balance` or `price_list`."""
    request: str
    response: str | None
    status: int | None
    failure: str | None
    started_at: datetime
    duration_ms: int


@value(kw_only=True)
class Notification:
    """A message to the client's webhook, frozen when the state it tells was decided."""

    id: str
    client: str
    event: str
    body: str


@value()
class ReadReport:
    """What a stored report was taken for, and the attempt that it is about. For `verdict` see `StoredReport`."""

    number: int
    verdict: str
    attempt: str


@value(kw_only=True)
class Change:
    """One committed step of one transaction: everything in it is written together, or nothing.

    `before` is the value that the decision was made on (`None`: the transaction is new); the ledger refuses the change
    when the row has moved on since. `after.version` is one more than `before.version`.
    """

    before: Transaction | None
    after: Transaction
    events: tuple[Event, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    notifications: tuple[Notification, ...] = ()
    report: ReadReport | None = None
    """The stored report that this change was made from; it is marked in the same step."""


@value(kw_only=True)
class StoredReport:
    """A supplier's call back as it came, redacted and capped, kept before it is read."""

    provider: str
    received_at: datetime
    remote: str
    """The supplier's address."""
    method: str
    query: str
    body: str
    digest: str
    """Hex of a hash over the raw report: tells whether the same report came before."""
    attempt: str | None = None
    verdict: str = "received"
    """`received`, then `applied`, `nothing_new`, `to_verify`, `unverified`, `unmatched`, `unreadable` or `repeated`."""
