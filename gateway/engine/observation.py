"""What the engine tells the outside: metrics, the audit log and observing plugins. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import structlog

from gateway.core.apply import conflicts
from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.core.transaction import AttemptState, Change, Event, StoredReport, Transaction
from gateway.core.view import event_view, transaction_view
from gateway.engine.accounts import Account
from gateway.engine.clock import Clock
from gateway.engine.gauges import Shows
from gateway.net.transport import Sent

log = structlog.get_logger(__name__)


class Counts(Shows, Protocol):
    """The metrics, as far as the engine counts."""

    def transaction_final(self, client: str, product: str, status: str, reason: str | None, seconds: float) -> None: ...

    def attempt(self, provider: str, outcome: str, seconds: float) -> None: ...

    def check(self, provider: str, result: str) -> None: ...

    def report(self, provider: str, verdict: str) -> None: ...

    def unread_message(self, provider: str) -> None: ...

    def conflict(self, kind: str) -> None: ...

    def balance(self, provider: str, reported: int | None, computed: int | None, drift: int | None) -> None: ...

    def purchases_month(self, provider: str, count: int, commitment: int | None) -> None: ...

    def lane_wait(self, provider: str, seconds: float) -> None: ...

    def lane_refused(self, provider: str) -> None: ...

    def open_transactions(self, count: int, oldest_age_seconds: float) -> None: ...

    def removed(self, table: str, rows: int) -> None: ...


class Audits(Protocol):
    """The audit log, as far as the engine writes to it. Must be cheap: it is called on the way of every purchase."""

    def write(self, event: str, /, **fields: Any) -> None: ...


class Observes(Protocol):
    """The observing plugins."""

    @property
    def has_observers(self) -> bool: ...

    @property
    def observer_errors(self) -> Mapping[str, int]: ...

    def observe(self, transaction: dict[str, Any], event: dict[str, Any]) -> None: ...


class Observation:
    """Tells what happened, after it is committed."""

    def __init__(
        self, *, counts: Counts | None, audits: Audits | None, observers: Observes | None, clock: Clock
    ) -> None:
        self._counts = counts
        self._audits = audits
        self._observers = observers
        self._clock = clock

    def changed(self, change: Change) -> None:
        """A change is committed."""
        after = change.after
        if self._counts is not None:
            self._count(change)
        if self._audits is not None:
            for event in change.events:
                self._audit(after, event)
            for exchange in change.exchanges:
                self._audits.write(
                    "exchange",
                    transaction=after.id,
                    ref_id=after.ref_id,
                    client=after.client,
                    provider=exchange.provider,
                    attempt=exchange.attempt,
                    purpose=exchange.purpose,
                    request=exchange.request,
                    response=exchange.response,
                    status=exchange.status,
                    failure=exchange.failure,
                    duration_ms=exchange.duration_ms,
                    dest=after.dest,
                    serial=after.serial,
                )
        if self._observers is not None and self._observers.has_observers:
            for event in change.events:
                self._observers.observe(transaction_view(after), event_view(0, after.id, event))

    def _count(self, change: Change) -> None:
        counts, after = self._counts, change.after
        if counts is None:
            return
        was_final = change.before is not None and change.before.status.final
        if after.status.final and (not was_final or change.before is None or change.before.status is not after.status):
            counts.transaction_final(
                after.client,
                after.product,
                after.status.value,
                None if after.reason is None else after.reason.code.value,
                (after.updated_at - after.created_at).total_seconds(),
            )
        for kind in conflicts(change.events):
            counts.conflict(kind)
            log.error("conflict", kind=kind, transaction=after.id, client=after.client)

    def _audit(self, after: Transaction, event: Event) -> None:
        assert self._audits is not None  # noqa: S101 — the caller has looked
        data = dict(event.data)
        fields: dict[str, Any] = {
            "transaction": after.id,
            "ref_id": after.ref_id,
            "client": after.client,
            "provider": data.pop("provider", None) or _provider(after, event),
            "attempt": event.attempt,
            "source": event.source,
            "dest": after.dest,
            "serial": after.serial,
        }
        if "from" in data:
            fields["from_"] = data.pop("from")
        self._audits.write(event.kind, **{**data, **fields})

    def answered(self, account: Account, attempt: AttemptState, outcome: Outcome, sent: Sent) -> None:
        """A purchase was answered, or surely was not."""
        if outcome.status in {OutcomeStatus.REJECTED, OutcomeStatus.UNKNOWN}:
            account.last_error, account.last_error_at = outcome.message or _empty(sent), self._clock.now()
        if self._counts is not None:
            self._counts.attempt(account.id, outcome.status.value, sent.duration)
            # Where nothing came back, the message is our own.
            if sent.reply is not None and outcome.status is OutcomeStatus.UNKNOWN and outcome.rule is None:
                self._counts.unread_message(account.id)

    def refused(self, account: Account, outcome: Outcome) -> None:
        """A supplier refuses the account itself."""
        log.error("account_refused", provider=account.id, message=outcome.message)
        if self._counts is not None:
            self._counts.account_closed(account.id, True)
        if self._audits is not None:
            self._audits.write("account_refused", provider=account.id, source="answer", message=outcome.message)

    def account(self, account: Account, operator: str) -> None:
        """An operator paused or resumed an account."""
        closed = account.paused is not None
        if self._counts is not None:
            self._counts.account_closed(account.id, closed)
        if self._audits is not None:
            event = "account_paused" if closed else "account_resumed"
            self._audits.write(event, provider=account.id, source="operator", operator=operator, reason=account.paused)

    def balance(self, provider: str, reported: int | None, computed: int | None, drift: int | None) -> None:
        if self._counts is not None:
            self._counts.balance(provider, reported, computed, drift)

    def month(self, provider: str, count: int, commitment: int | None) -> None:
        if self._counts is not None:
            self._counts.purchases_month(provider, count, commitment)

    def observer_errors(self) -> Mapping[str, int]:
        """How often each observing plugin has failed."""
        return {} if self._observers is None else self._observers.observer_errors

    def asked(self, account: Account, result: str, unread: bool) -> None:
        """A supplier was asked, or could not be; `unread`: no rule understood its answer."""
        if self._counts is not None:
            self._counts.check(account.id, result)
            if unread:
                self._counts.unread_message(account.id)

    def turned(self, account: Account, seconds: float | None) -> None:
        """A purchase got its turn at an account after so many seconds, or none."""
        if self._counts is None:
            return
        if seconds is None:
            self._counts.lane_refused(account.id)
        else:
            self._counts.lane_wait(account.id, seconds)

    def reported(self, number: int, report: StoredReport, verdict: str, attempt: str | None) -> None:
        """A supplier's report was read, or could not be."""
        if self._counts is not None:
            self._counts.report(report.provider, verdict)
            if verdict == "unreadable":
                self._counts.unread_message(report.provider)
        if self._audits is not None:
            self._audits.write(
                "report",
                provider=report.provider,
                attempt=attempt,
                source=report.remote,
                report=number,
                verdict=verdict,
            )

    def removed(self, table: str, rows: int) -> None:
        if self._counts is not None:
            self._counts.removed(table, rows)

    def open(self, count: int, oldest: datetime | None) -> None:
        if self._counts is not None:
            age = 0.0 if oldest is None else max(0.0, (self._clock.now() - oldest).total_seconds())
            self._counts.open_transactions(count, age)


def _empty(sent: Sent) -> str:
    if sent.reply is None:
        return sent.detail
    what = "no message in what came, such as a page of HTML" if sent.reply.body.strip() else "no words"
    return f"HTTP status {sent.reply.status} and {what}"


def _provider(transaction: Transaction, event: Event) -> str | None:
    attempt = None if event.attempt is None else transaction.attempt(event.attempt)
    return transaction.provider if attempt is None else attempt.provider
