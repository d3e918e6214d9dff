"""The accounts at suppliers, as they run: the plugin's provider, the way out, and whether purchases may go there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from gateway.core.apply import NeverSeenRule
from gateway.core.routing import AccountView
from gateway.engine.lanes import Lane
from gateway.net.redaction import Redactor, secrets_of
from gateway.net.transport import Sent, Transport
from gateway.provider import Asking, Call, Capability, Provider, capabilities
from gateway.settings.types import ProviderSettings

_RECENT = 200
"""Purchases over which the share of successes is taken."""


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
    paused: str | None = None
    """Why no purchases go there, or `None`."""
    balance: Balance = field(default_factory=Balance)
    endings: deque[bool] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """Of the recent purchases, whether each ended well."""
    last_error: str | None = None
    last_error_at: datetime | None = None

    @property
    def asking(self) -> Asking:
        """How this account can be asked; a plugin that fails to say so cannot be asked."""
        if Capability.CHECK not in self.capabilities:
            return Asking.NONE
        try:
            return Asking(self.provider.asking())
        except Exception:
            return Asking.NONE

    def view(self) -> AccountView:
        return AccountView(self.closed_because(), self.success_rate())

    def closed_because(self) -> str | None:
        if not self.settings.enabled:
            return "the account is disabled"
        return None if self.paused is None else f"the account is paused: {self.paused}"

    def success_rate(self) -> float:
        return sum(self.endings) / len(self.endings) if self.endings else 1.0


def make_account(
    settings: ProviderSettings, kind: type[Provider[Any]], *, max_body: int, transport: Sends | None = None
) -> Account:
    """An account, not yet started."""
    rule = settings.never_seen
    secrets = secrets_of(settings)
    return Account(
        id=settings.id,
        settings=settings,
        provider=kind(settings),
        transport=transport or Transport(settings, secrets=secrets, max_body=max_body),
        lane=Lane(
            per_second=settings.limits.per_second,
            in_flight=settings.limits.in_flight,
            queue=settings.limits.queue,
        ),
        redactor=Redactor(secrets),
        capabilities=capabilities(kind),
        never_seen=None if rule is None else NeverSeenRule(rule.after, rule.times),
    )


def make_accounts(
    providers: Iterable[ProviderSettings], kinds: Mapping[str, type[Provider[Any]]], *, max_body: int
) -> dict[str, Account]:
    """Every account whose kind is loaded."""
    return {
        settings.id: make_account(settings, kinds[settings.kind], max_body=max_body)
        for settings in providers
        if settings.kind in kinds
    }
