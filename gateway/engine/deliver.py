"""Takes notifications to the clients' receivers, from the ledger and back into it.

At least once: a process that ends between a receiver's answer and its note in the ledger leaves the notification due,
and the next one sends it again, with the same id. What a receiver's answer means is decided in `core.delivery`.

A receiver hurts only itself: each has its own connections, at most `per_client` notifications under way, and one at a
time with growing pauses while it fails. What waits is looked up by client, so that no backlog hides another.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime
from random import Random
from typing import Any, Protocol

import structlog

from gateway.core.delivery import Answer, Receiver, Result, Verdict, judge
from gateway.core.transaction import Change
from gateway.engine.clock import Clock
from gateway.engine.crashpoints import CrashPoint, Hook, nothing
from gateway.engine.errors import EngineError
from gateway.engine.observation import Audits
from gateway.engine.receivers import ReceiverLane, SendsNotification
from gateway.engine.surely import surely
from gateway.ledger import LedgerUnavailableError
from gateway.ledger.protocol import Outbox, StoredNotification
from gateway.net.webhook import WebhookSender
from gateway.settings.types import Client, Webhook

log = structlog.get_logger(__name__)

PER_CLIENT = 8
"""Notifications under way to one receiver."""
_SURVEY = 10.0
"""Seconds between counts of the backlog, and looks at what other replicas found disabled."""


class NoWebhookError(EngineError):
    """The client has no webhook in the configuration, so there is nowhere to send anything."""

    def __init__(self, client: str) -> None:
        super().__init__(f"the client {client} has no webhook in the configuration")


class Counts(Protocol):
    """The metrics of deliveries."""

    def webhook(self, client: str, result: str, seconds: float) -> None: ...

    def webhook_backlog(self, n: int) -> None: ...


class Deliverer:
    """Delivers what is due.

    Args:
        senders: makes the way to a receiver; left out, real HTTP.
        per_client: how many notifications may be under way to one receiver.
        total: and to all of them.
        every: seconds between sweeps. What is committed here is sent at once; a sweep finds the rest.
        crash: reached at the named points.
    """

    def __init__(
        self,
        ledger: Outbox,
        *,
        clock: Clock,
        random: Random,
        counts: Counts | None = None,
        audits: Audits | None = None,
        senders: Callable[[Webhook], SendsNotification] | None = None,
        per_client: int = PER_CLIENT,
        total: int = 64,
        every: float = 1.0,
        crash: Hook = nothing,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._random = random
        self._counts = counts
        self._audits = audits
        self._senders = senders or (lambda webhook: WebhookSender(webhook, now=clock.now))
        self._per_client = per_client
        self._total = total
        self._every = every
        self._crash = crash
        self._lanes: dict[str, ReceiverLane] = {}
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._turn = 0
        self._surveyed: float | None = None
        self._stopping = False
        self._running: asyncio.Task[None] | None = None

    def start(self, clients: Iterable[Client]) -> None:
        """Begin to deliver. The ledger must be started already."""
        self.configure(clients)
        self._running = asyncio.get_running_loop().create_task(self._run(), name="webhooks")

    def configure(self, clients: Iterable[Client]) -> None:
        """Use these clients' webhooks from now on. A webhook that did not change keeps its connections."""
        wanted = {client.id: client.webhook for client in clients if client.webhook is not None}
        for client, lane in list(self._lanes.items()):
            if wanted.get(client) != lane.webhook:
                del self._lanes[client]
                task = asyncio.get_running_loop().create_task(lane.close_when_idle())
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
        for client, webhook in wanted.items():
            if client not in self._lanes:
                self._lanes[client] = ReceiverLane(client, webhook, self._senders(webhook), most=self._per_client)
        self._surveyed = None  # a new address may be disabled already
        self._wake.set()

    async def drain(self, seconds: float) -> bool:
        """Begin nothing new, and let what is under way end within `seconds`. Returns whether it all did.

        What is cut off stays due, and is sent again by the next process.
        """
        self._stopping = True
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        cut = set(self._tasks)
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        return not cut

    async def close(self) -> None:
        """End at once what still runs, and close the connections."""
        await self.drain(0)
        await asyncio.gather(*(lane.sender.close() for lane in self._lanes.values()), *self._leaving)

    def offer(self, change: Change) -> None:
        """A change is committed: send what it tells without asking the ledger for it. Never raises."""
        if change.after.owner != self._ledger.owner:
            return  # a report about another replica's transaction came here; that replica's sweep finds it
        for notification in change.notifications:
            lane = self._lanes.get(notification.client)
            if lane is None:
                continue
            if notification.id in self._busy or self._room(lane) <= 0:
                lane.hungry = True
                continue
            at = change.after.updated_at
            stored = StoredNotification(
                notification=notification, transaction=change.after.id, created_at=at, next_try_at=at
            )
            self._begin(lane, stored)

    async def sweep(self) -> None:
        """Send everything that is due and finds room.

        Raises:
            LedgerUnavailableError: the ledger cannot be read.
        """
        if self._survey_is_due():
            await self._survey()
        for lane in self._lanes.values():
            lane.hungry = True
        await self._feed()

    async def settled(self) -> None:
        """Return when nothing is under way."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def resend(self, notification_id: str, operator: str) -> StoredNotification:
        """Send a notification again, whatever became of it, on a schedule that begins anew. A receiver that was
        disabled or failing gets everything that waits for it again.

        Raises:
            LookupError: there is no such notification.
            NoWebhookError: its client has no webhook now.
        """
        stored = await self._ledger.notification(notification_id)
        if stored is None:
            raise LookupError(f"there is no notification {notification_id}")
        client = stored.notification.client
        lane = self._lanes.get(client)
        if lane is None:
            raise NoWebhookError(client)
        if lane.disabled is not None:
            await self._ledger.resume_account(lane.name)
            lane.disabled = None
        await self._ledger.resend_notification(notification_id, self._clock.now())
        self._audit(
            "webhook_resent", stored, source="operator", operator=operator, state=state_of(stored), tries=stored.tries
        )
        lane.receiver = Receiver()
        lane.hungry = True
        self._wake.set()
        return await self._ledger.notification(notification_id) or stored

    async def find(
        self, *, client: str | None, state: str | None, transaction: str | None, before_id: str | None, limit: int
    ) -> list[StoredNotification]:
        """A page of notifications; see `Ledger.find_notifications`."""
        return await self._ledger.find_notifications(
            client=client, state=state, transaction=transaction, before_id=before_id, limit=limit
        )

    def receivers(self) -> list[dict[str, Any]]:
        """Each client's receiver, and how it stands."""
        now = self._clock.now()
        return [lane.view(now) for lane in self._lanes.values()]

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        sweep_at = loop.time()
        while True:
            self._wake.clear()
            try:
                if loop.time() >= sweep_at:
                    sweep_at = loop.time() + self._every
                    await self.sweep()
                else:
                    await self._feed()
            except LedgerUnavailableError as error:
                log.warning("webhook_sweep_failed", why=str(error))
                await asyncio.sleep(self._every)
            except Exception:
                log.exception("webhook_sweep_failed")
                await asyncio.sleep(self._every)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, sweep_at - loop.time())):
                    await self._wake.wait()

    def _survey_is_due(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._surveyed is not None and now - self._surveyed < _SURVEY:
            return False
        self._surveyed = now
        return True

    async def _survey(self) -> None:
        """What is known only to the ledger: the backlog, and who was disabled, by whichever replica."""
        paused = await self._ledger.paused_accounts()
        for lane in self._lanes.values():
            if not lane.flying:  # one that is under way may just have learnt it, and not written it yet
                lane.disabled = paused.get(lane.name)
        if self._counts is not None:
            self._counts.webhook_backlog(await self._ledger.notification_backlog())

    async def _feed(self) -> None:
        """Let each receiver that may have more have it, beginning with another one each time."""
        lanes = list(self._lanes.values())
        self._turn += 1
        for place in range(len(lanes)):
            lane = lanes[(self._turn + place) % len(lanes)]
            if lane.hungry and self._room(lane) > 0:
                await self._feed_one(lane)

    async def _feed_one(self, lane: ReceiverLane) -> None:
        limit = self._room(lane) + len(lane.flying)
        lane.hungry = False
        lane.ended.clear()
        due = await self._ledger.due_notifications(self._clock.now(), limit, client=lane.client)
        if len(due) == limit:
            lane.hungry = True
        for stored in due:
            held = stored.notification.id in self._busy or stored.notification.id in lane.ended
            if not held and self._room(lane) > 0 and self._lanes.get(lane.client) is lane:
                self._begin(lane, stored)

    def _room(self, lane: ReceiverLane) -> int:
        if self._stopping:
            return 0
        return min(lane.room(self._clock.now()), self._total - len(self._tasks))

    def _begin(self, lane: ReceiverLane, stored: StoredNotification) -> None:
        self._busy.add(stored.notification.id)
        task = asyncio.get_running_loop().create_task(self._deliver(lane, stored))
        self._tasks.add(task)
        lane.flying.add(task)
        task.add_done_callback(lambda done: self._ended(lane, stored.notification.id, done))

    def _ended(self, lane: ReceiverLane, notification_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        lane.flying.discard(task)
        lane.ended.add(notification_id)
        self._busy.discard(notification_id)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("webhook_failed", exc_info=error)
        if any(one.hungry for one in self._lanes.values()):
            self._wake.set()

    async def _deliver(self, lane: ReceiverLane, stored: StoredNotification) -> None:
        self._crash(CrashPoint.BEFORE_NOTIFICATION)
        try:
            answer = await lane.sender.send(stored.notification)
        except Exception as error:
            log.exception("webhook_send_failed", client=lane.client)
            answer = Answer(status=None, detail=f"unexpected ({type(error).__name__})")
        now = self._clock.now()
        verdict = judge(answer, tries=stored.tries, now=now, jitter=self._random.random())
        lane.receiver = lane.receiver.after(verdict, now=now, jitter=self._random.random())
        if self._counts is not None:
            self._counts.webhook(lane.client, verdict.result.value, answer.seconds)
        if verdict.result is Result.GONE:
            lane.disabled = verdict.error or "gone"
        # Until it is noted it counts as under way: it must not go out again each second because a disk is full.
        await surely(lambda: self._note(lane, stored, verdict, now))
        if verdict.result in {Result.DEAD, Result.GONE}:
            event = "webhook_dead" if verdict.result is Result.DEAD else "webhook_disabled"
            log.error(event, client=lane.client, notification=stored.notification.id, why=verdict.error)
            self._audit(event, stored, source="answer", error=verdict.error, tries=stored.tries + 1)

    async def _note(self, lane: ReceiverLane, stored: StoredNotification, verdict: Verdict, now: datetime) -> None:
        if verdict.result is Result.GONE:
            await self._ledger.pause_account(lane.name, verdict.error or "gone")
        await self._ledger.notification_tried(
            stored.notification.id,
            now,
            verdict.next_try_at,
            verdict.error,
            delivered=verdict.result is Result.DELIVERED,
            dead=verdict.result in {Result.DEAD, Result.GONE},
        )

    def _audit(self, event: str, stored: StoredNotification, **fields: Any) -> None:
        if self._audits is not None:
            self._audits.write(
                event,
                notification=stored.notification.id,
                transaction=stored.transaction,
                client=stored.notification.client,
                **fields,
            )


def state_of(stored: StoredNotification) -> str:
    """`pending`, `delivered` or `dead`."""
    if stored.delivered_at is not None:
        return "delivered"
    return "dead" if stored.dead_at is not None else "pending"
