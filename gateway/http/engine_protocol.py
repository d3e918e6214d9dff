"""What the HTTP side needs of the rest. The engine and the ledger are used through these names alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from gateway.core.accept import Request
from gateway.core.transaction import Event, Exchange, StoredReport, Transaction
from gateway.provider import Acknowledgement, Report
from gateway.settings.types import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which transactions a list is to show; `None` leaves a filter out."""

    client: str | None = None
    status: str | None = None
    product: str | None = None
    dest: str | None = None
    created_from: datetime | None = None
    """Included."""
    created_to: datetime | None = None
    """Not included."""


class LedgerReads(Protocol):
    """The ledger, as far as it is read here."""

    @property
    def writable(self) -> bool:
        """Whether a transaction could be stored now."""

    async def transaction(self, transaction_id: str) -> Transaction | None: ...

    async def transaction_by_ref(self, client: str, ref_id: str) -> Transaction | None: ...

    async def transactions(self, filters: Filters, *, before: str | None, limit: int) -> Sequence[Transaction]:
        """Newest first: at most `limit` transactions with an id below `before`."""

    async def events(self, transaction_id: str) -> Sequence[tuple[int, Event]]:
        """Everything that happened to it in order, each with its number."""

    async def exchanges(self, transaction_id: str) -> Sequence[Exchange]: ...

    async def review(self, *, before: str | None, limit: int) -> Sequence[Transaction]:
        """Those that only a person can settle, newest first."""

    async def reports(self, *, verdict: str, before: int | None, limit: int) -> Sequence[tuple[int, StoredReport]]:
        """Stored reports with one verdict, newest first, each with its number."""


class Accepted(Protocol):
    """What became of a request."""

    @property
    def transaction(self) -> Transaction: ...

    @property
    def replayed(self) -> bool:
        """The `ref_id` was there already, with the same body."""


class Engine(Protocol):
    """The engine, as far as it is called here."""

    draining: bool

    @property
    def settings(self) -> Settings: ...

    @property
    def ledger(self) -> LedgerReads: ...

    def products(self) -> list[dict[str, Any]]:
        """What can be bought now."""

    async def accept(self, client: str, request: Request) -> Accepted:
        """Store a purchase, or find the one that is stored.

        Raises:
            EngineError: `InvalidRequestError`, `UnknownProductError`, `RefIdConflictError` or `UnavailableError`.
        """

    async def wait_final(self, transaction: Transaction, seconds: float) -> Transaction:
        """The transaction once it is final, or as it is after `seconds`."""

    async def report(self, provider: str, report: Report, remote: str) -> Acknowledgement:
        """Store, read and apply a supplier's report.

        Raises:
            UnavailableError: it could not be stored; the supplier must send it again.
        """

    async def check_now(self, transaction_id: str, operator: str) -> Transaction:
        """Ask the supplier now.

        Raises:
            LookupError: there is no such transaction.
        """

    async def resolve(
        self, transaction_id: str, result: str, reason: str, operator: str, serial: str | None
    ) -> Transaction:
        """Settle what no supplier will say.

        Raises:
            LookupError: there is no such transaction.
            gateway.core.resolve.CannotResolveError: it cannot be settled by a person now.
        """

    def providers(self) -> list[dict[str, Any]]:
        """Each account with its state, breaker, balance and last errors."""

    async def pause(self, provider: str, operator: str, reason: str) -> None:
        """Send no purchases through an account. Raises `LookupError` for an unknown one."""

    async def resume(self, provider: str, operator: str) -> None:
        """Send purchases through it again. Raises `LookupError` for an unknown one."""


class Metrics(Protocol):
    """Where requests are counted."""

    def request(self, route: str, status: int, seconds: float) -> None: ...

    def report(self, provider: str, verdict: str) -> None: ...

    @property
    def content_type(self) -> str: ...

    def render(self) -> bytes:
        """The text that Prometheus scrapes; slow, so it is called in a thread."""
