"""What the HTTP side needs of the rest. The engine and the ledger are used through these names alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from gateway.core.accept import Request
from gateway.core.share import Standing
from gateway.core.transaction import Change, Event, Exchange, StoredReport, Transaction
from gateway.engine.deposit import Correction
from gateway.ledger.protocol import StoredNotification
from gateway.provider import Acknowledgement, Report
from gateway.settings.types import Settings


class LedgerReads(Protocol):
    """What is read of the ledger here; `gateway.ledger.Ledger` has it. All may raise `LedgerUnavailableError`."""

    @property
    def standing(self) -> Standing: ...

    async def writable(self) -> None: ...

    async def transaction(self, id: str) -> Transaction | None: ...  # noqa: A002  # the ledger's name for it

    async def transaction_by_ref(self, client: str, ref_id: str) -> Transaction | None: ...

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
    ) -> list[Transaction]: ...

    async def review(
        self,
        *,
        client: str | None = None,
        provider: str | None = None,
        before_id: str | None = None,
        limit: int = 50,
    ) -> list[Transaction]: ...

    async def events(self, transaction: str) -> list[tuple[int, Event]]: ...

    async def events_after(self, client: str | None, after: int, limit: int) -> list[tuple[int, str, Event]]: ...

    async def exchanges(self, transaction: str) -> list[Exchange]: ...

    async def reports(
        self, *, verdict: str | None = None, attempt: str | None = None, before: int | None = None, limit: int = 50
    ) -> list[tuple[int, StoredReport]]: ...


class Balances(Protocol):
    """The deposits at the suppliers, as far as operators correct them."""

    async def paid_in(self, provider: str, amount: int) -> Correction:
        """So many rupiah were paid in, or taken out where it is below 0.

        Raises:
            LookupError: there is no such account.
            gateway.engine.deposit.CannotCorrectError: nothing is counted that could be corrected.
        """

    async def rebase(self, provider: str) -> Correction:
        """Count on from what the supplier said last.

        Raises:
            LookupError: there is no such account.
            gateway.engine.deposit.CannotCorrectError: it has said nothing.
        """


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
    listeners: list[Callable[[Change], None]]
    """Told of each change of this process after its commit."""

    @property
    def settings(self) -> Settings: ...

    @property
    def ledger(self) -> LedgerReads: ...

    @property
    def balances(self) -> Balances: ...

    def admits(self, coming: int = 0) -> bool:
        """Whether one more purchase can be taken soon."""

    def now(self) -> datetime:
        """This moment, as purchases are dated: aware, in UTC."""

    def products(self) -> list[dict[str, Any]]:
        """What can be bought now."""

    async def accept(self, client: str, request: Request) -> Accepted:
        """Store a purchase, or find the one that is stored.

        Raises:
            EngineError: `InvalidRequestError`, `UnknownProductError`, `RefIdConflictError` or `UnavailableError`.
        """

    async def wait_final(self, transaction: Transaction, seconds: float, *, fresh: bool = False) -> Transaction:
        """The transaction once it is final, or as it is after `seconds`. `fresh`: it was accepted this moment."""

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


class Webhooks(Protocol):
    """The deliverer of notifications, as far as operators use it."""

    async def find(
        self, *, client: str | None, state: str | None, transaction: str | None, before_id: str | None, limit: int
    ) -> list[StoredNotification]:
        """A page of notifications, of the newest transactions first."""

    async def resend(self, notification_id: str, operator: str) -> StoredNotification:
        """Send one again.

        Raises:
            LookupError: there is no such notification.
            NoWebhookError: its client has no webhook.
        """

    def receivers(self) -> list[dict[str, Any]]:
        """Each client's receiver, and how it stands."""


class Metrics(Protocol):
    """Where requests are counted."""

    def request(self, route: str, status: int, seconds: float) -> None: ...

    def accepted(self, seconds: float) -> None:
        """A new purchase is in the ledger, `seconds` after its body was read."""

    def report(self, provider: str, verdict: str) -> None: ...

    def rate_limited(self, client: str, limit: str) -> None: ...

    def redis(self, reachable: Callable[[], float]) -> None:
        """How to read whether the Redis of the clients' limits answers."""

    @property
    def content_type(self) -> str: ...

    def render(self) -> bytes:
        """The text that Prometheus scrapes; slow, so it is called in a thread."""
