"""What Prometheus reads. Each method counts one thing, costs about a microsecond, and never raises.

The metrics themselves are listed in `instruments`, and what a label may hold is decided in `series`.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable, Iterable
from typing import Concatenate, ParamSpec

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from gateway.core.outcome import OutcomeStatus
from gateway.observe import instruments as known
from gateway.observe.instruments import CounterInstrument, GaugeInstrument, HistogramInstrument
from gateway.observe.series import (
    BREAKER_STATES,
    CHECK_RESULTS,
    CONFLICT_KINDS,
    LOST_WEBHOOKS,
    OTHER,
    SERVER_ERRORS,
    Bounds,
    Family,
)

P = ParamSpec("P")


def _contained(count: Callable[Concatenate[Metrics, P], None]) -> Callable[Concatenate[Metrics, P], None]:
    """Counting must not stop a purchase: what goes wrong is itself counted."""

    @functools.wraps(count)
    def counted(self: Metrics, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            count(self, *args, **kwargs)
        except Exception:
            self.failed()

    return counted


class Metrics:
    """All metrics of one gateway, in a registry of their own.

    Args:
        clients, providers, products: the ids and codes in the configuration; see `configure`.
        routes: the route table's templates, such as `/v1/transactions/{id}`.
        observers: the plugins that observe.
        version: of the gateway.
    """

    def __init__(
        self,
        *,
        clients: Iterable[str] = (),
        providers: Iterable[str] = (),
        products: Iterable[str] = (),
        routes: Iterable[str] = (),
        observers: Iterable[str] = (),
        version: str = "",
    ) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self.registry = CollectorRegistry()
        self._bounds = Bounds()
        self._requests = self._counter(known.REQUESTS)
        self._request_seconds = self._histogram(known.REQUEST_SECONDS)
        self._acceptance_seconds = self._histogram(known.ACCEPTANCE_SECONDS)
        self._transactions = self._counter(known.TRANSACTIONS)
        self._product_transactions = self._counter(known.PRODUCT_TRANSACTIONS)
        self._transaction_seconds = self._histogram(known.TRANSACTION_SECONDS)
        self._open = self._gauge(known.OPEN)
        self._oldest_open = self._gauge(known.OLDEST_OPEN)
        self._needs_review = self._gauge(known.NEEDS_REVIEW)
        self._conflicts = self._counter(known.CONFLICTS)
        self._attempts = self._counter(known.ATTEMPTS)
        self._attempt_seconds = self._histogram(known.ATTEMPT_SECONDS)
        self._checks = self._counter(known.CHECKS)
        self._reports = self._counter(known.REPORTS)
        self._unread = self._counter(known.UNREAD_MESSAGES)
        self._reported = self._gauge(known.BALANCE_REPORTED)
        self._computed = self._gauge(known.BALANCE_COMPUTED)
        self._drift = self._gauge(known.BALANCE_DRIFT)
        self._closed = self._gauge(known.ACCOUNT_CLOSED)
        self._breaker = self._gauge(known.BREAKER)
        self._month = self._gauge(known.PURCHASES_MONTH)
        self._commitment = self._gauge(known.COMMITMENT)
        self._lane_wait = self._histogram(known.LANE_WAIT)
        self._lane_refused = self._counter(known.LANE_REFUSED)
        self._rate_limited = self._counter(known.RATE_LIMITED)
        self._webhooks = self._counter(known.WEBHOOKS)
        self._webhook_seconds = self._histogram(known.WEBHOOK_SECONDS)
        self._webhook_backlog = self._gauge(known.WEBHOOK_BACKLOG)
        self._commit = self._histogram(known.COMMIT)
        self._batch = self._histogram(known.BATCH)
        self._commits_failed = self._counter(known.COMMITS_FAILED)
        self._ledger_queue = self._gauge(known.LEDGER_QUEUE)
        self._removed = self._counter(known.REMOVED)
        self._observer_errors = self._counter(known.OBSERVER_ERRORS)
        self._audit_queue = self._gauge(known.AUDIT_QUEUE)
        self._audit_lost = self._counter(known.AUDIT_LOST)
        self._audit_errors = self._counter(known.AUDIT_ERRORS)
        self._loop_lag = self._histogram(known.LOOP_LAG)
        self._clock_jumps = self._counter(known.CLOCK_JUMPS)
        self._reloads = self._counter(known.RELOADS)
        self._reload_ok = self._gauge(known.RELOAD_OK)
        self._metric_errors = self._counter(known.METRIC_ERRORS)
        self._gauge(known.BUILD).at(version or "unknown", platform.python_version()).set(1)
        ProcessCollector(registry=self.registry)
        self.configure(clients=clients, providers=providers, products=products)
        self.know_routes(routes)
        self._begin(observers)

    @property
    def content_type(self) -> str:
        """Of what `render` gives."""
        return prometheus_client.CONTENT_TYPE_LATEST

    def render(self) -> bytes:
        """Everything in Prometheus's text format. Takes milliseconds: call it in a thread."""
        return generate_latest(self.registry)

    def configure(self, *, clients: Iterable[str], providers: Iterable[str], products: Iterable[str]) -> None:
        """Make the configuration's names known, at the start and at each reload. Gauges of lost accounts go."""
        buyers = tuple(clients)
        self._bounds.know("client", buyers)
        self._bounds.know("product", products)
        accounts = tuple(providers)
        for gone in self._bounds.know("provider", accounts):
            for gauge in (self._reported, self._computed, self._drift, self._closed, self._breaker, self._month):
                gauge.forget(gone)
            self._commitment.forget(gone)
        for provider in accounts:  # so that the first one is seen as a rise
            for outcome in OutcomeStatus:
                self._attempts.at(provider, outcome)
            self._unread.at(provider)
            self._lane_refused.at(provider)
            for result in CHECK_RESULTS:
                self._checks.at(provider, result)
        for reporter in (*accounts, OTHER):
            self._reports.at(reporter, "refused")
        for client in buyers:
            for result in LOST_WEBHOOKS:
                self._webhooks.at(client, result)
        for kind in CONFLICT_KINDS:
            self._conflicts.at(kind)

    def _begin(self, observers: Iterable[str]) -> None:
        for plugin in observers:
            self._observer_errors.at(plugin)
        for result in ("ok", "refused"):
            self._reloads.at(result)
        self._reload_ok.at().set(1)

    def know_routes(self, routes: Iterable[str]) -> None:
        """Make the templates of the route table known."""
        templates = tuple(routes)
        self._bounds.know("route", templates)
        for route in templates:
            for status in SERVER_ERRORS:
                self._requests.at(route, status)

    def failed(self) -> None:
        """Something could not be counted."""
        self._metric_errors.at().inc()

    @_contained
    def request(self, route: str, status: int, seconds: float) -> None:
        """One HTTP request was answered. `route` is the template, never the path."""
        self._requests.at(route, status).inc()
        self._request_seconds.at(route, status).observe(_span(seconds))

    @_contained
    def accepted(self, seconds: float) -> None:
        """A new purchase is in the ledger, `seconds` after its body was read."""
        self._acceptance_seconds.at().observe(_span(seconds))

    @_contained
    def transaction_final(self, client: str, product: str, status: str, reason: str | None, seconds: float) -> None:
        """A transaction became final or was reversed, `seconds` after it was accepted."""
        self._transactions.at(client, status, reason or "none").inc()
        self._product_transactions.at(product, status).inc()
        self._transaction_seconds.at(status).observe(_span(seconds))

    @_contained
    def attempt(self, provider: str, outcome: str, seconds: float) -> None:
        """A purchase call is over; `outcome` is an `OutcomeStatus`."""
        self._attempts.at(provider, outcome).inc()
        self._attempt_seconds.at(provider, outcome).observe(_span(seconds))

    @_contained
    def check(self, provider: str, result: str) -> None:
        """An open attempt was asked about."""
        self._checks.at(provider, result).inc()

    @_contained
    def report(self, provider: str, verdict: str) -> None:
        """A supplier called back."""
        self._reports.at(provider, verdict).inc()

    @_contained
    def unread_message(self, provider: str) -> None:
        """No message rule understood what a supplier wrote."""
        self._unread.at(provider).inc()

    @_contained
    def conflict(self, kind: str) -> None:
        """Evidence contradicts what is settled."""
        self._conflicts.at(kind).inc()

    @_contained
    def balance(self, provider: str, reported: int | None, computed: int | None, drift: int | None) -> None:
        """What is left of the deposit in rupiah. What is not known is absent."""
        for gauge, value in ((self._reported, reported), (self._computed, computed), (self._drift, drift)):
            _set(gauge, provider, value)

    @_contained
    def account_closed(self, provider: str, closed: bool) -> None:
        """Whether the account gets no purchases until an operator resumes it."""
        self._closed.at(provider).set(closed)

    @_contained
    def breaker(self, provider: str, state: str) -> None:
        """The account's breaker is now `closed`, `half_open` or `open`."""
        for one in BREAKER_STATES:
            self._breaker.at(provider, one).set(one == state)

    @_contained
    def rate_limited(self, client: str, limit: str) -> None:
        """A request was refused because of `limit`."""
        self._rate_limited.at(client, limit).inc()

    @_contained
    def lane_wait(self, provider: str, seconds: float) -> None:
        """A purchase got its turn at the account after `seconds`."""
        self._lane_wait.at(provider).observe(_span(seconds))

    @_contained
    def lane_refused(self, provider: str) -> None:
        """A purchase got no turn at the account."""
        self._lane_refused.at(provider).inc()

    def redis(self, reachable: Callable[[], float]) -> None:
        """How to read whether Redis answers; called at each scrape, in its thread. Without it the metric is absent."""
        self._gauge(known.REDIS).at().set_function(_readable(reachable))

    @_contained
    def webhook(self, client: str, result: str, seconds: float) -> None:
        """A notification was offered to the client's receiver."""
        self._webhooks.at(client, result).inc()
        self._webhook_seconds.at(client).observe(_span(seconds))

    @_contained
    def webhook_backlog(self, n: int) -> None:
        """So many notifications are not delivered yet."""
        self._webhook_backlog.at().set(n)

    @_contained
    def commit(self, batch_size: int, seconds: float, whole: bool) -> None:
        """The ledger committed `batch_size` operations together, or could not write all of them."""
        self._commit.at().observe(_span(seconds))
        self._batch.at().observe(batch_size)
        if not whole:
            self._commits_failed.at().inc()

    def ledger_queue(self, length: Callable[[], float]) -> None:
        """How to read the number of operations that wait for the ledger; called at each scrape, in its thread."""
        self._ledger_queue.at().set_function(_readable(length))

    def audit_queue(self, length: Callable[[], float]) -> None:
        """How to read the number of audit lines that are not written yet; called at each scrape, in its thread."""
        self._audit_queue.at().set_function(_readable(length))

    @_contained
    def open_transactions(self, count: int, oldest_age_seconds: float) -> None:
        """So many transactions are open, and the oldest is so old (0 where there is none)."""
        self._open.at().set(count)
        self._oldest_open.at().set(oldest_age_seconds)

    @_contained
    def needs_review(self, count: int) -> None:
        """So many transactions wait for a person."""
        self._needs_review.at().set(count)

    @_contained
    def purchases_month(self, provider: str, count: int, commitment: int | None) -> None:
        """So many purchases succeeded this month, and the supplier asks for so many."""
        self._month.at(provider).set(count)
        _set(self._commitment, provider, commitment)

    @_contained
    def removed(self, table: str, rows: int) -> None:
        """So many old rows have left a table of the ledger."""
        self._removed.at(table).inc(rows)

    @_contained
    def observer_error(self, plugin: str) -> None:
        """A plugin's observer raised or took too long."""
        self._observer_errors.at(plugin).inc()

    @_contained
    def audit_lost(self, n: int) -> None:
        """So many more audit lines are lost."""
        self._audit_lost.at().inc(n)

    @_contained
    def audit_error(self) -> None:
        """The audit log could not be written this time."""
        self._audit_errors.at().inc()

    @_contained
    def clock_jumped(self) -> None:
        """The machine's clock was set."""
        self._clock_jumps.at().inc()

    @_contained
    def loop_lag(self, seconds: float) -> None:
        """A timer of the event loop ran so much later than asked."""
        self._loop_lag.at().observe(_span(seconds))

    @_contained
    def reload(self, ok: bool) -> None:
        """The configuration was reloaded, or refused."""
        self._reloads.at("ok" if ok else "refused").inc()
        self._reload_ok.at().set(ok)

    def _counter(self, one: CounterInstrument) -> Family[Counter]:
        return Family(one, Counter(one.name, one.help, one.labels, registry=self.registry), self._bounds)

    def _gauge(self, one: GaugeInstrument) -> Family[Gauge]:
        return Family(one, Gauge(one.name, one.help, one.labels, registry=self.registry), self._bounds)

    def _histogram(self, one: HistogramInstrument) -> Family[Histogram]:
        metric = Histogram(one.name, one.help, one.labels, registry=self.registry, buckets=one.buckets)
        return Family(one, metric, self._bounds)


def _span(seconds: float) -> float:
    """A duration that can be added up: one value that is not a number would spoil a histogram's sum for good."""
    return seconds if 0.0 < seconds < 1e9 else 0.0


def _set(gauge: Family[Gauge], provider: str, value: int | None) -> None:
    if value is None:
        gauge.forget(provider)
    else:
        gauge.at(provider).set(value)


def _readable(length: Callable[[], float]) -> Callable[[], float]:
    """A scrape must not fail because one number cannot be read: it is then not a number."""

    def read() -> float:
        try:
            return length()
        except Exception:
            return float("nan")

    return read
