"""A deliverer on a clock that tests move: its receivers are scripts, and its outbox keeps to the ledger's rules."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from gateway.core.delivery import Answer
from gateway.core.transaction import Change, Notification, Transaction
from gateway.engine.deliver import Deliverer
from gateway.ledger import LedgerUnavailableError
from gateway.ledger.protocol import StoredNotification
from gateway.settings.types import Client, Webhook

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
OK = Answer(status=200)
Say = Callable[[Notification], Answer]


@dataclass
class FakeClock:
    """A clock that stands until it is moved."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class FakeOutbox:
    """What the ledger does with notifications, in memory."""

    rows: dict[str, StoredNotification] = field(default_factory=dict)
    paused: dict[str, str] = field(default_factory=dict)
    owner: str = "here"
    full: bool = False
    """Nothing can be written."""
    asked: int = 0

    def put(self, notification: Notification, at: datetime = NOW) -> None:
        self.rows[notification.id] = StoredNotification(
            notification=notification,
            transaction=notification.id.split("_")[1],
            created_at=at,
            next_try_at=at,
        )

    async def due_notifications(
        self, now: datetime, limit: int, *, client: str | None = None
    ) -> list[StoredNotification]:
        self.asked += 1
        found = [
            row
            for row in self.rows.values()
            if row.next_try_at is not None and row.next_try_at <= now and client in {None, row.notification.client}
        ]
        found.sort(key=lambda row: (row.next_try_at, row.notification.id))
        await asyncio.sleep(0)  # a reader's answer is a little old when it arrives
        return found[:limit]

    async def notification(self, id: str) -> StoredNotification | None:  # noqa: A002  # the ledger's name for it
        return self.rows.get(id)

    async def notification_tried(
        self,
        id: str,  # noqa: A002  # the same
        at: datetime,
        next_try_at: datetime | None,
        error: str | None,
        *,
        delivered: bool = False,
        dead: bool = False,
    ) -> None:
        self._write()
        row = self.rows[id]
        self.rows[id] = replace(
            row,
            tries=row.tries + 1,
            tried_at=at,
            next_try_at=None if delivered or dead else next_try_at,
            delivered_at=at if delivered else None,
            dead_at=at if dead else None,
            last_error=error,
        )

    async def resend_notification(self, id: str, at: datetime) -> None:  # noqa: A002  # the same
        self._write()
        self.rows[id] = replace(self.rows[id], next_try_at=at, tries=0, delivered_at=None, dead_at=None)

    async def find_notifications(
        self,
        *,
        client: str | None = None,
        state: str | None = None,
        transaction: str | None = None,
        before_id: str | None = None,
        limit: int = 50,
    ) -> list[StoredNotification]:
        raise NotImplementedError("operators' pages are read from a real ledger, in test_end_to_end.py")

    async def notification_backlog(self) -> int:
        return sum(row.next_try_at is not None for row in self.rows.values())

    async def pause_account(self, account: str, why: str) -> None:
        self._write()
        self.paused[account] = why

    async def resume_account(self, account: str) -> None:
        self._write()
        self.paused.pop(account, None)

    async def paused_accounts(self) -> dict[str, str]:
        return dict(self.paused)

    def _write(self) -> None:
        if self.full:
            raise LedgerUnavailableError("the disk is full")


@dataclass
class Senders:
    """Every client's receiver, as scripted."""

    clock: FakeClock
    say: dict[str, Say] = field(default_factory=dict)
    """What the receiver at a URL answers; else 200."""
    sent: list[tuple[datetime, str]] = field(default_factory=list)
    """When, and which notification."""
    hang: dict[str, asyncio.Event] = field(default_factory=dict)
    flying: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    made: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def __call__(self, webhook: Webhook) -> Sender:
        self.made.append(webhook.url)
        return Sender(self, webhook.url)

    @property
    def ids(self) -> list[str]:
        return [one for _, one in self.sent]


@dataclass
class Sender:
    all: Senders
    url: str

    async def send(self, notification: Notification) -> Answer:
        senders = self.all
        senders.sent.append((senders.clock.now(), notification.id))
        for name in (self.url, "all"):
            senders.flying[name] += 1
            senders.most[name] = max(senders.most[name], senders.flying[name])
        try:
            await asyncio.sleep(0)
            if self.url in senders.hang:
                await senders.hang[self.url].wait()
            say = senders.say.get(self.url)
            return OK if say is None else say(notification)
        finally:
            for name in (self.url, "all"):
                senders.flying[name] -= 1

    async def close(self) -> None:
        self.all.closed.append(self.url)


@dataclass
class Audit:
    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def write(self, event: str, /, **fields: Any) -> None:
        self.lines.append((event, fields))


@dataclass
class Counted:
    results: Counter[str] = field(default_factory=Counter)
    backlog: int | None = None

    def webhook(self, client: str, result: str, seconds: float) -> None:
        assert seconds >= 0
        self.results[f"{client} {result}"] += 1

    def webhook_backlog(self, n: int) -> None:
        self.backlog = n


@dataclass
class World:
    """A deliverer with everything around it."""

    clock: FakeClock
    outbox: FakeOutbox
    senders: Senders
    webhook: Callable[..., Webhook]
    audit: Audit = field(default_factory=Audit)
    counts: Counted = field(default_factory=Counted)
    made: list[Deliverer] = field(default_factory=list)

    def clients(self, **urls: str) -> list[Client]:
        return [
            Client(id=name, key_hash=f"sha256:{'0' * 64}", webhook=self.webhook(url))
            for name, url in (urls or {"shop": "http://shop/"}).items()
        ]

    def deliverer(self, clients: Iterable[Client] | None = None, **options: Any) -> Deliverer:
        one = Deliverer(
            self.outbox,
            clock=self.clock,
            random=Random(1),  # noqa: S311 — a fixed seed, so that a run can be repeated
            counts=self.counts,
            audits=self.audit,
            senders=self.senders,
            **options,
        )
        one.configure(self.clients() if clients is None else clients)
        self.made.append(one)
        return one

    async def work(self, deliverer: Deliverer) -> None:
        """Sweep until a sweep sends nothing."""
        while True:
            before = len(self.senders.sent)
            await deliverer.sweep()
            await deliverer.settled()
            if len(self.senders.sent) == before:
                return

    async def pass_(self, deliverer: Deliverer, seconds: float) -> None:
        """Let time pass, and have done what comes due in it, in steps as long as nothing is due."""
        end = self.clock.at + timedelta(seconds=seconds)
        while self.clock.at < end:
            due = [row.next_try_at for row in self.outbox.rows.values() if row.next_try_at is not None]
            closed = [lane.receiver.closed_until for lane in deliverer._lanes.values()]
            held = [lane.receiver.held_until for lane in deliverer._lanes.values()]
            moments = [one for one in (*due, *closed, *held) if one is not None and one > self.clock.at]
            self.clock.at = min([*moments, end])
            await self.work(deliverer)


def change(*notifications: Notification, owner: str = "here") -> Change:
    """What the door publishes after it has committed a final state."""
    fields: dict[str, Any] = {
        "id": f"{1:018d}",
        "client": notifications[0].client,
        "ref_id": "A-1",
        "request_hash": "0",
        "product": "XL5",
        "dest": "0817",
        "qty": 1,
        "max_price": None,
        "created_at": NOW,
        "updated_at": NOW,
        "deadline_at": NOW,
        "owner": owner,
    }
    return Change(before=None, after=Transaction(**fields), notifications=notifications)
