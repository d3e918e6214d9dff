"""A small engine in memory: what the listeners ask, answered from lists."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.core.accept import Request, accept
from gateway.core.resolve import CannotResolveError
from gateway.core.share import Standing
from gateway.core.transaction import (
    Change,
    Event,
    Exchange,
    Notification,
    StoredReport,
    Transaction,
    TransactionStatus,
)
from gateway.engine.deposit import CannotCorrectError, Correction
from gateway.engine.errors import (
    DrainingError,
    InvalidRequestError,
    RefIdConflictError,
    UnavailableError,
    UnknownProductError,
)
from gateway.ledger.errors import LedgerUnavailableError
from gateway.ledger.protocol import StoredNotification
from gateway.provider import Acknowledgement, Report
from gateway.settings.types import Settings

KEYS = {"shop": "shop-key-0123456789", "other": "other-key-0123456789", "far": "far-key-0123456789"}
TOKEN = "canary-report-token"
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def hashed(key: str) -> str:
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def make_settings(*, shop: dict[str, Any] | None = None, **server: Any) -> Settings:
    account = {"kind": "acme", "url": "http://127.0.0.1:1/"}
    return Settings.model_validate(
        {
            "server": {"max_body": 4096, **server},
            "clients": [
                {"id": "shop", "key_hash": [hashed("shop-key-of-last-year"), hashed(KEYS["shop"])], **(shop or {})},
                {"id": "other", "key_hash": hashed(KEYS["other"]), "allow_from": ["127.0.0.0/8"]},
                {"id": "far", "key_hash": hashed(KEYS["far"]), "allow_from": ["203.0.113.0/24"]},
            ],
            "providers": [
                {"id": "open", "reports": {"allow_from": ["127.0.0.1"]}, **account},
                {"id": "locked", "reports": {"allow_from": ["127.0.0.1"], "token": TOKEN}, **account},
                {"id": "away", "reports": {"allow_from": ["203.0.113.7"], "token": TOKEN}, **account},
                {"id": "shut", **account},
            ],
        }
    )


class FakeLedger:
    """What the engine's ledger would say, from lists."""

    standing = Standing()

    def __init__(self) -> None:
        self.full = False
        self.down = False
        self.rows: dict[str, Transaction] = {}
        self.happened: dict[str, list[Event]] = {}
        self.calls: list[Exchange] = []
        self.kept: list[StoredReport] = []
        self.numbered: list[tuple[int, str, Event]] = []
        self.reads = 0

    def _ask(self) -> None:
        if self.down:
            raise LedgerUnavailableError("canary: /var/lib/secret-place cannot be read")

    async def writable(self) -> None:
        if self.full:
            raise LedgerUnavailableError("the disk is full")

    async def transaction(self, id: str) -> Transaction | None:  # noqa: A002 — the ledger's name for it
        self._ask()
        return self.rows.get(id)

    async def transaction_by_ref(self, client: str, ref_id: str) -> Transaction | None:
        self._ask()
        return next((row for row in self.rows.values() if (row.client, row.ref_id) == (client, ref_id)), None)

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
        self._ask()
        found = [
            row
            for row in sorted(self.rows.values(), key=lambda row: int(row.id), reverse=True)
            if (client in {None, row.client})
            and (status in {None, row.status.value})
            and (product in {None, row.product})
            and (dest in {None, row.dest})
            and (start is None or row.created_at >= start)
            and (end is None or row.created_at < end)
            and (before_id is None or row.id < before_id)
            and (provider is None or provider in {attempt.provider for attempt in row.attempts})
        ]
        return found[:limit]

    async def events(self, transaction: str) -> list[tuple[int, Event]]:
        return list(enumerate(self.happened.get(transaction, []), 1))

    async def events_after(self, client: str | None, after: int, limit: int) -> list[tuple[int, str, Event]]:
        self._ask()
        self.reads += 1
        found = [one for one in self.numbered if one[0] > after and client in {None, self.rows[one[1]].client}]
        return found[:limit]

    async def exchanges(self, transaction: str) -> list[Exchange]:
        return self.calls

    async def review(
        self,
        *,
        client: str | None = None,
        provider: str | None = None,
        before_id: str | None = None,
        limit: int = 50,
    ) -> list[Transaction]:
        found = await self.transactions(client=client, provider=provider, before_id=before_id, limit=len(self.rows))
        return [row for row in found if row.needs_review][:limit]

    async def reports(
        self, *, verdict: str | None = None, attempt: str | None = None, before: int | None = None, limit: int = 50
    ) -> list[tuple[int, StoredReport]]:
        found = [
            (number, report)
            for number, report in enumerate(self.kept, 1)
            if report.verdict == verdict and (before is None or number < before)
        ]
        return found[::-1][:limit]


@dataclass(frozen=True)
class FakeAccepted:
    transaction: Transaction
    replayed: bool


class FakeEngine:
    """Takes purchases into memory, and remembers what it was told."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ledger = FakeLedger()
        self.draining = False
        self.full = False
        self.asked: list[int] = []
        """How many were on their way, each time it was asked whether one more may come in."""
        self.reports: list[tuple[str, Report, str]] = []
        self.acknowledgement = Acknowledgement()
        self.told: list[tuple[str, ...]] = []
        self.waits: list[float] = []
        self.accepted = asyncio.Event()
        self.hold: asyncio.Event | None = None
        self.broken: Exception | None = None
        self.nothing_said = False
        self.listeners: list[Callable[[Change], None]] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    def products(self) -> list[dict[str, Any]]:
        return [{"product": "XL5", "name": "XL 5.000", "dest": "msisdn", "open_denomination": False, "available": True}]

    def admits(self, coming: int = 0) -> bool:
        self.asked.append(coming)
        return not self.full

    async def accept(self, client: str, request: Request) -> FakeAccepted:
        if self.broken is not None:
            raise self.broken
        if self.draining:
            raise DrainingError
        if self.ledger.full:
            raise UnavailableError("the ledger cannot be written", retry_after=7)
        known = await self.ledger.transaction_by_ref(client, request.ref_id)
        if known is not None:
            if known.request_hash != request.fingerprint():
                raise RefIdConflictError(known)
            return FakeAccepted(known, replayed=True)
        if request.product != "XL5":
            raise UnknownProductError(request.product)
        if not request.dest.isascii():
            raise InvalidRequestError("dest", "is not an Indonesian mobile number")
        number = len(self.ledger.rows) + 1
        transaction, event = accept(
            request,
            transaction_id=f"{number:018d}",
            client=client,
            dest=request.dest,
            now=NOW + timedelta(minutes=number),
            deadline=120,
            owner="one",
        )
        self.ledger.happened[transaction.id] = [event]
        self.commit(Change(before=None, after=transaction, events=(event,)))
        self.accepted.set()
        if self.hold is not None:
            await self.hold.wait()
        return FakeAccepted(transaction, replayed=False)

    def commit(self, change: Change) -> None:
        """Store it, and tell whoever listens."""
        self.ledger.rows[change.after.id] = change.after
        for event in change.events:
            self.ledger.numbered.append((len(self.ledger.numbered) * 10 + 10, change.after.id, event))
        for listener in self.listeners:
            listener(change)

    async def wait_final(self, transaction: Transaction, seconds: float, *, fresh: bool = False) -> Transaction:
        self.waits.append(seconds)
        final = replace(transaction, status=TransactionStatus.SUCCESS, serial="SN1", price=5400, provider="open")
        self.ledger.rows[transaction.id] = final
        return final

    async def report(self, provider: str, report: Report, remote: str) -> Acknowledgement:
        if self.ledger.full:
            raise UnavailableError("the ledger cannot be written; send the report again")
        self.reports.append((provider, report, remote))
        return self.acknowledgement

    async def check_now(self, transaction_id: str, operator: str) -> Transaction:
        self.told.append(("check", transaction_id, operator))
        return self.ledger.rows[transaction_id]

    async def resolve(
        self, transaction_id: str, result: str, reason: str, operator: str, serial: str | None
    ) -> Transaction:
        before = self.ledger.rows[transaction_id]
        if before.status.final:
            raise CannotResolveError("it is final already")
        self.told.append(("resolve", transaction_id, result, reason, operator, serial or ""))
        after = replace(before, status=TransactionStatus(result), serial=serial)
        self.ledger.rows[transaction_id] = after
        return after

    def providers(self) -> list[dict[str, Any]]:
        return [{"id": one.id, "paused": None} for one in self.settings.providers]

    async def pause(self, provider: str, operator: str, reason: str) -> None:
        self._known(provider)
        self.told.append(("pause", provider, operator, reason))

    async def resume(self, provider: str, operator: str) -> None:
        self._known(provider)
        self.told.append(("resume", provider, operator))

    @property
    def balances(self) -> FakeEngine:
        return self

    async def paid_in(self, provider: str, amount: int) -> Correction:
        self._known(provider)
        if self.nothing_said:
            raise CannotCorrectError("the supplier has not said what is left")
        self.told.append(("paid_in", provider, str(amount)))
        return Correction(reported=500, before=400, computed=400 + amount, drift=0)

    async def rebase(self, provider: str) -> Correction:
        self._known(provider)
        if self.nothing_said:
            raise CannotCorrectError("the supplier has not said what is left")
        self.told.append(("rebase", provider))
        return Correction(reported=500, before=400, computed=500, drift=0)

    def _known(self, provider: str) -> None:
        if provider not in {one.id for one in self.settings.providers}:
            raise LookupError(provider)


class FakeWebhooks:
    """Delivers nothing, and has one notification for each purchase."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine

    async def find(self, **filters: Any) -> list[StoredNotification]:
        return [self._of(row) for row in self._engine.ledger.rows.values()]

    async def resend(self, notification_id: str, operator: str) -> StoredNotification:
        self._engine.told.append(("resend", notification_id, operator))
        return next(one for one in await self.find() if one.notification.id == notification_id)

    def receivers(self) -> list[dict[str, Any]]:
        return []

    @staticmethod
    def _of(row: Transaction) -> StoredNotification:
        told = Notification(id=f"msg_{row.id}_success", client=row.client, event="transaction.success", body="{}")
        return StoredNotification(notification=told, transaction=row.id, created_at=NOW, next_try_at=NOW)


class FakeMetrics:
    """Remembers what was counted."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self.requests: list[tuple[str, int]] = []
        self.reports: list[tuple[str, str]] = []
        self.limited: list[tuple[str, str]] = []
        self.acceptances: list[float] = []

    def accepted(self, seconds: float) -> None:
        self.acceptances.append(seconds)

    def request(self, route: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append((route, status))

    def report(self, provider: str, verdict: str) -> None:
        self.reports.append((provider, verdict))

    def rate_limited(self, client: str, limit: str) -> None:
        self.limited.append((client, limit))

    def redis(self, reachable: Callable[[], float]) -> None:
        self.redis_reachable = reachable

    def render(self) -> bytes:
        return b"# nothing\n"


@dataclass
class FakeAudit:
    """Remembers what was written down."""

    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    trouble: str | None = None

    def write(self, event: str, /, **fields: Any) -> None:
        self.lines.append((event, fields))
