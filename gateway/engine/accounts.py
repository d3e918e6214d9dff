"""The accounts at suppliers, as they run: the plugin's provider, the way out, and whether purchases may go there."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog

from gateway.core.apply import NeverSeenRule
from gateway.core.breaker import Breaker, BreakerRule, BreakerState, unusable
from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.core.retry import RetryBudget
from gateway.core.routing import AccountView
from gateway.core.share import Standing, part_in_flight, part_per_second
from gateway.engine.lanes import Lane
from gateway.engine.plugin_faults import tell
from gateway.net.failure import Failure
from gateway.net.redaction import Redactor, secrets_of
from gateway.net.transport import Sent, Transport
from gateway.plugin_errors import FAULTS
from gateway.provider import Asking, Call, Capability, Provider, capabilities
from gateway.settings.types import ProviderSettings

log = structlog.get_logger(__name__)

_RECENT = 200
"""Purchases over which the share of successes is taken."""

_SLOW = 0.8
"""From this share of the time that an answer may take on, it says that the supplier is too slow."""


class Sends(Protocol):
    """Whatever sends a call once. In production this is `gateway.net.transport.Transport`."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def send(self, call: Call) -> Sent: ...


@dataclass(slots=True)
class Balance:
    """What the supplier last said is left, and what we think is left."""

    reported: int | None = None
    computed: int | None = None
    at: datetime | None = None
    drift: int | None = None
    """Found when the supplier speaks; see `gateway.core.drift`."""


@dataclass(slots=True)
class Account:
    """One account: kind and settings, and its state in this process."""

    id: str
    settings: ProviderSettings
    provider: Provider[Any]
    transport: Sends
    lane: Lane
    redactor: Redactor
    capabilities: frozenset[Capability]
    never_seen: NeverSeenRule | None
    counts_equal_purchases: bool = False
    """Whether this supplier has to be told which equal purchase of the day it is."""
    paused: str | None = None
    """Why no purchases go there, or `None`."""
    balance: Balance = field(default_factory=Balance)
    endings: deque[bool] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """Of the recent purchases that ended, whether each ended well. What is open or unknown says nothing yet."""
    last_error: str | None = None
    last_error_at: datetime | None = None
    breaker: Breaker = field(default_factory=Breaker)
    """For purchases."""
    checks: RetryBudget = field(default_factory=RetryBudget)
    """For questions about open attempts."""

    @property
    def asking(self) -> Asking:
        """How this account can be asked; a plugin that fails to say so cannot be asked."""
        if Capability.CHECK not in self.capabilities:
            return Asking.NONE
        try:
            return Asking(self.provider.asking())
        except FAULTS:
            return Asking.NONE

    def view(self) -> AccountView:
        return AccountView(self.closed_because(), self.success_rate())

    def closed_because(self) -> str | None:
        if not self.settings.enabled:
            return "the account is disabled"
        if self.paused is not None:
            return "the account is paused"  # why is for operators, and this is told to clients
        return self.breaker.why_not(seconds())

    def breaker_state(self) -> BreakerState:
        return self.breaker.state(seconds())

    def purchased(self, ref: str, sent: Sent, outcome: Outcome) -> None:
        """Let the breaker know what came of a purchase. A shortage here says nothing about the supplier."""
        if sent.failure is Failure.NO_CONNECTION:
            return
        bad = unusable(
            answered=sent.reply is not None,
            status=None if sent.reply is None else sent.reply.status,
            understood=outcome.status is not OutcomeStatus.UNKNOWN,
            seconds=sent.duration,
            slow_after=_SLOW * self.settings.timeouts.answer,
        )
        now = seconds()
        before = self.breaker.state(now)
        self.breaker.ended(ref, now, unusable=bad)
        after = self.breaker.state(now)
        if after is BreakerState.OPEN and before is not after:
            log.warning("breaker_opened", provider=self.id, why=self.breaker.why_not(now), last=_kind(sent))
        elif after is BreakerState.CLOSED and before is not after:
            log.info("breaker_closed", provider=self.id)

    def take_part(self, standing: Standing) -> None:
        """Use this replica's part of what the supplier allows the account."""
        limits = self.settings.limits
        self.lane.resize(
            per_second=part_per_second(limits.per_second, standing),
            in_flight=part_in_flight(limits.in_flight, standing),
            queue=limits.queue,
        )
        if limits.in_flight < standing.replicas:
            log.warning(
                "in_flight_below_replicas", provider=self.id, in_flight=limits.in_flight, replicas=standing.replicas
            )

    def success_rate(self) -> float:
        """The share of `endings` that were good. 1 where nothing has ended: routing tries such an account as any
        other."""
        return sum(self.endings) / len(self.endings) if self.endings else 1.0


def _kind(sent: Sent) -> str:
    """Of which kind an unusable answer was. No words of the supplier: it may have echoed a secret."""
    if sent.failure is not None:
        return sent.failure.value
    if sent.reply is not None and sent.reply.status >= 500:
        return f"status {sent.reply.status}"
    return f"answered after {sent.duration:.1f} s"


def seconds() -> float:
    """The event loop's clock, which never goes back."""
    return asyncio.get_running_loop().time()


def make_account(
    settings: ProviderSettings,
    kind: type[Provider[Any]],
    *,
    max_body: int,
    transport: Sends | None = None,
    lane: Lane | None = None,
) -> Account:
    """An account, not yet started.

    Args:
        lane: of the account that it takes the place of. The supplier goes on counting the calls that are under way.
    """
    rule = settings.never_seen
    secrets = secrets_of(settings)
    provider = kind(settings)
    limits = settings.limits
    return Account(
        id=settings.id,
        settings=settings,
        provider=provider,
        transport=transport or Transport(settings, secrets=secrets, max_body=max_body),
        lane=lane or Lane(per_second=limits.per_second, in_flight=limits.in_flight, queue=limits.queue),
        redactor=Redactor(secrets),
        capabilities=capabilities(kind),
        counts_equal_purchases=_counts_equal_purchases(settings.id, provider),
        breaker=Breaker(BreakerRule(probe=settings.timeouts.connect + settings.timeouts.answer + 5.0)),
        never_seen=None if rule is None else NeverSeenRule(rule.after, rule.times),
    )


def _counts_equal_purchases(account: str, provider: Provider[Any]) -> bool:
    """What the plugin says. One that fails says no."""
    try:
        return provider.counts_equal_purchases() is True
    except FAULTS as error:
        tell(account, "counts_equal_purchases", error)
        return False
