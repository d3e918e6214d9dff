"""Every metric that the gateway has, as data: name, labels, what it counts. `docs/metrics.md` is made from it.

Names follow Prometheus: counters end in `_total`, durations in `_seconds`, money in `_rupiah`. The values of `client`,
`provider`, `product` and `route` come from the configuration and the route table; all others are words of the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

ANSWER_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
"""From an answer out of memory to the longest that a client or a supplier may be waited for."""

FINAL_SECONDS: Final = (
    0.01,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    1800.0,
    7200.0,
    21600.0,
    86400.0,
)
"""From a supplier that answers at once to one that needs a day; between them the default times of the checks."""

ACCEPT_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""From a commit of a quick disk to what no client waits for."""

COMMIT_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
BATCH_SIZES: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
LAG_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric. `labels` are in the order in which values are given."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """`counter`, `gauge` or `histogram`, as Prometheus calls it."""
        return type(self).__name__.removesuffix("Instrument").lower()

    @property
    def unit(self) -> str:
        """`seconds`, `rupiah`, or empty for a plain number."""
        last = self.name.rpartition("_")[2]
        return last if last in UNITS else ""


UNITS: Final = frozenset({"seconds", "rupiah"})


@dataclass(frozen=True, slots=True)
class CounterInstrument(Instrument):
    """Only rises; begins at 0 when the process starts."""


@dataclass(frozen=True, slots=True)
class GaugeInstrument(Instrument):
    """Is what it is now. A series that is not known is absent, not 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramInstrument(Instrument):
    """How values are spread. `buckets` are upper bounds; the one for everything above is added."""

    buckets: tuple[float, ...]


REQUESTS = CounterInstrument(
    "gateway_requests_total", "HTTP requests answered, on every listener.", ("route", "status")
)
REQUEST_SECONDS = HistogramInstrument(
    "gateway_request_duration_seconds",
    "From the complete request head to the answer. Holds the time that a client asked to wait.",
    ("route", "status"),
    buckets=ANSWER_SECONDS,
)
ACCEPTANCE_SECONDS = HistogramInstrument(
    "gateway_acceptance_duration_seconds",
    "From a new purchase's body being read to its row being durable. What a client asks to wait is not in it.",
    buckets=ACCEPT_SECONDS,
)
TRANSACTIONS = CounterInstrument(
    "gateway_transactions_total",
    "Transactions that became final, and reversals. The reason is `none` for a success.",
    ("client", "status", "reason"),
)
PRODUCT_TRANSACTIONS = CounterInstrument(
    "gateway_product_transactions_total", "The same transactions by product.", ("product", "status")
)
TRANSACTION_SECONDS = HistogramInstrument(
    "gateway_transaction_duration_seconds",
    "From acceptance to the final state, or to the reversal.",
    ("status",),
    buckets=FINAL_SECONDS,
)
OPEN = GaugeInstrument("gateway_transactions_open", "Transactions that are not final yet, for all replicas.")
OLDEST_OPEN = GaugeInstrument(
    "gateway_transactions_oldest_open_age_seconds",
    "Age of the oldest transaction that is not final; 0 where none is open.",
)
NEEDS_REVIEW = GaugeInstrument("gateway_transactions_needing_review", "Transactions that only a person can settle.")
CONFLICTS = CounterInstrument(
    "gateway_conflicts_total",
    "Evidence that contradicts a final state or an earlier answer, kept for a person.",
    ("kind",),
)
ATTEMPTS = CounterInstrument(
    "gateway_attempts_total",
    "Purchases sent or refused before sending, by what came of the call.",
    ("provider", "outcome"),
)
ATTEMPT_SECONDS = HistogramInstrument(
    "gateway_attempt_duration_seconds",
    "From the call to what came of it. What becomes of a pending purchase later is not in it.",
    ("provider", "outcome"),
    buckets=ANSWER_SECONDS,
)
CHECKS = CounterInstrument(
    "gateway_checks_total",
    "Questions to a supplier about an open attempt, by what they brought.",
    ("provider", "result"),
)
REPORTS = CounterInstrument(
    "gateway_reports_total", "Reports that suppliers sent, by what was done with them.", ("provider", "verdict")
)
UNREAD_MESSAGES = CounterInstrument(
    "gateway_unread_messages_total", "Answers and reports that no message rule understood.", ("provider",)
)
BALANCE_REPORTED = GaugeInstrument(
    "gateway_provider_balance_reported_rupiah", "Deposit left, as the supplier last said.", ("provider",)
)
BALANCE_COMPUTED = GaugeInstrument(
    "gateway_provider_balance_computed_rupiah", "Deposit left, as the gateway's own ledger counts it.", ("provider",)
)
BALANCE_DRIFT = GaugeInstrument(
    "gateway_provider_balance_drift_rupiah",
    "Reported less computed, when it was reported. Below 0: the supplier took more than the ledger knows of.",
    ("provider",),
)
ACCOUNT_CLOSED = GaugeInstrument(
    "gateway_provider_account_closed",
    "1 while the account gets no purchases until an operator resumes it.",
    ("provider",),
)
BREAKER = GaugeInstrument(
    "gateway_provider_breaker_state",
    "1 for the state in which the account's breaker is (closed, half_open, open), 0 for the others.",
    ("provider", "state"),
)
PURCHASES_MONTH = GaugeInstrument(
    "gateway_provider_month_purchases",
    "Successful purchases in this calendar month (Jakarta's), counted once a minute.",
    ("provider",),
)
COMMITMENT = GaugeInstrument(
    "gateway_provider_month_commitment",
    "Purchases a month that the supplier asks for; absent where it asks for none.",
    ("provider",),
)
LANE_WAIT = HistogramInstrument(
    "gateway_lane_wait_seconds",
    "How long purchases waited for their turn at an account.",
    ("provider",),
    buckets=ANSWER_SECONDS,
)
LANE_REFUSED = CounterInstrument(
    "gateway_lane_refusals_total",
    "Purchases that got no turn at an account in time; the next route was tried.",
    ("provider",),
)
RATE_LIMITED = CounterInstrument(
    "gateway_rate_limited_total", "Requests refused because a client was over a limit, by limit.", ("client", "limit")
)
REDIS = GaugeInstrument(
    "gateway_redis_reachable",
    "1 while Redis answers, 0 while each replica gives out its part of every rate; absent where none is configured.",
)
WEBHOOKS = CounterInstrument(
    "gateway_webhook_deliveries_total", "Attempts to deliver a notification, by result.", ("client", "result")
)
WEBHOOK_SECONDS = HistogramInstrument(
    "gateway_webhook_duration_seconds",
    "How long a client's receiver took to answer.",
    ("client",),
    buckets=ANSWER_SECONDS,
)
WEBHOOK_BACKLOG = GaugeInstrument("gateway_webhook_backlog", "Notifications that are not delivered yet.")
COMMIT = HistogramInstrument(
    "gateway_ledger_commit_duration_seconds", "How long one commit of the ledger took.", buckets=COMMIT_SECONDS
)
BATCH = HistogramInstrument(
    "gateway_ledger_batch_operations", "Operations that were committed together.", buckets=BATCH_SIZES
)
COMMITS_FAILED = CounterInstrument(
    "gateway_ledger_commits_failed_total",
    "Commits that failed, as a whole or for one of their operations. Whoever waited for it was told.",
)
LEDGER_QUEUE = GaugeInstrument("gateway_ledger_queue_operations", "Operations that wait for the ledger's writer.")
REMOVED = CounterInstrument(
    "gateway_ledger_removed_rows_total", "Old rows that retention removed from the ledger, by table.", ("table",)
)
OBSERVER_ERRORS = CounterInstrument(
    "gateway_observer_errors_total", "Errors of plugins that observe; they change nothing.", ("plugin",)
)
AUDIT_QUEUE = GaugeInstrument("gateway_audit_queue_lines", "Audit lines that are not written yet.")
AUDIT_LOST = CounterInstrument(
    "gateway_audit_lost_lines_total", "Audit lines lost because the disk could not take them and the queue was full."
)
AUDIT_ERRORS = CounterInstrument(
    "gateway_audit_errors_total", "Tries to write the audit log that failed; the lines wait and are tried again."
)
LOOP_LAG = HistogramInstrument(
    "gateway_event_loop_lag_seconds", "How much later than asked a timer ran.", buckets=LAG_SECONDS
)
CLOCK_JUMPS = CounterInstrument(
    "gateway_clock_jumps_total", "Times that the machine's clock was seen to have been set by more than a second."
)
RELOADS = CounterInstrument(
    "gateway_reloads_total", "Reloads of the configuration, by result (ok, refused).", ("result",)
)
RELOAD_OK = GaugeInstrument(
    "gateway_last_reload_ok", "1 if the last reload was taken, 0 if it was refused and the old configuration holds."
)
METRIC_ERRORS = CounterInstrument(
    "gateway_metric_errors_total", "Values that could not be counted. Anything above 0 is a fault of the gateway."
)
BUILD = GaugeInstrument("gateway_build_info", "Always 1; the labels tell what is running.", ("version", "python"))


def _all() -> Iterator[Instrument]:
    for value in globals().copy().values():
        if isinstance(value, Instrument):
            yield value


INSTRUMENTS: Final = tuple(_all())
"""All of them, in the order of this file."""


def table() -> str:
    """Every metric as the rows of a Markdown table."""
    rows = ["| name | type | labels | unit | meaning |", "| --- | --- | --- | --- | --- |"]
    for one in INSTRUMENTS:
        labels = ", ".join(f"`{label}`" for label in one.labels) or "–"
        rows.append(f"| `{one.name}` | {one.type} | {labels} | {one.unit or '–'} | {one.help} |")
    return "\n".join(rows) + "\n"
