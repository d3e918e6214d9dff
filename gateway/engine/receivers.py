"""The clients' receivers of webhooks, as they run: the way there, what is under way, and whether more may go."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from typing import Any, Protocol

from gateway.core.delivery import Answer, Receiver
from gateway.core.transaction import Notification
from gateway.settings.types import Webhook


class SendsNotification(Protocol):
    """The way to one receiver; `net.webhook.WebhookSender` in production."""

    async def send(self, notification: Notification) -> Answer: ...

    async def close(self) -> None: ...


class ReceiverLane:
    """The notifications to one client.

    Args:
        most: how many may be under way when all is well.
    """

    __slots__ = ("client", "disabled", "ended", "flying", "hungry", "most", "name", "receiver", "sender", "webhook")

    def __init__(self, client: str, webhook: Webhook, sender: SendsNotification, *, most: int) -> None:
        self.client = client
        self.webhook = webhook
        self.sender = sender
        self.most = most
        self.receiver = Receiver()
        self.flying: set[asyncio.Task[None]] = set()
        self.ended: set[str] = set()
        """What ended while the ledger was being read: it may be among what was read, and is not due."""
        self.hungry = True
        """There may be more due than was read."""
        self.disabled: str | None = None
        """What its receiver said when it wanted no more."""
        # The address is part of the name: a client that moves its receiver is served again.
        self.name = f"webhook:{client}:{hashlib.sha256(webhook.url.encode()).hexdigest()[:16]}"

    def room(self, now: datetime) -> int:
        """How many more may go now."""
        if self.disabled is not None:
            return 0
        return self.receiver.room(now, in_flight=len(self.flying), most=self.most)

    def state(self, now: datetime) -> str:
        """`open`, `waiting` after failures or by the receiver's wish, or `disabled`."""
        if self.disabled is not None:
            return "disabled"
        return "open" if self.receiver.room(now, in_flight=0, most=self.most) > 1 else "waiting"

    def view(self, now: datetime) -> dict[str, Any]:
        """How it stands, for operators."""
        return {
            "client": self.client,
            "state": self.state(now),
            "why": self.disabled,
            "failures": self.receiver.failures,
            "in_flight": len(self.flying),
        }

    async def close_when_idle(self) -> None:
        """Close the connections when what is under way on them has ended."""
        if self.flying:
            await asyncio.wait(set(self.flying))
        await self.sender.close()
