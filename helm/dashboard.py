"""The Grafana dashboard as a short description, and the JSON that Grafana imports.

    python helm/dashboard.py      writes helm/pulsa-gateway/files/dashboard.json

Rows are the four questions of an operator, and the machine last. Gauges that speak of the ledger are the same from each
replica, so `max` is taken of them; counters are added up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).parent / "pulsa-gateway" / "files" / "dashboard.json"
WIDTH: Final = 24
"""Columns of Grafana's grid."""
RATE: Final = "[$__rate_interval]"
J: Final = 'job=~"$job"'
P: Final = 'job=~"$job", provider=~"$provider"'


@dataclass(frozen=True)
class Panel:
    """One panel. `queries` are expressions with the legend of each; `unit` is Grafana's name of it."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 7
    says: str = ""
    steps: tuple[tuple[str, float | None], ...] = ()
    """Colours and the values from which each holds."""


def quantiles(metric: str, labels: str, *by: str) -> tuple[tuple[str, str], ...]:
    """The middle, and what one in twenty and one in a hundred exceeds."""
    group = ", ".join((*by, "le"))
    legend = " ".join(f"{{{{{label}}}}}" for label in by)
    return tuple(
        (
            f"histogram_quantile({share}, sum by ({group}) (rate({metric}_bucket{{{labels}}}{RATE})))",
            f"{legend} {name}".strip(),
        )
        for share, name in ((0.5, "half"), (0.95, "95 %"), (0.99, "99 %"))
    )


def slowest(metric: str, labels: str, by: str) -> tuple[tuple[str, str], ...]:
    """What one in twenty exceeds, for each value of a label."""
    return ((quantiles(metric, labels, by)[1][0], f"{{{{{by}}}}}"),)


def per_minute(metric: str, labels: str, by: str) -> tuple[tuple[str, str], ...]:
    """How often a minute, for each value of the labels."""
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return ((f"60 * sum by ({by}) (rate({metric}{{{labels}}}{RATE}))", legend),)


def one(title: str, expression: str, unit: str = "short", *, bad: float | None = None, says: str = "") -> Panel:
    """A single number, red from `bad` on."""
    steps = () if bad is None else (("green", None), ("red", bad))
    return Panel(title, ((expression, ""),), unit, "stat", 4, 4, says, steps)


_ENDED = f'gateway_transactions_total{{{J}, status=~"success|failed"}}[$__range]'
_WELL = f'gateway_transactions_total{{{J}, status="success"}}[$__range]'
_LEFT = f"min by (provider) (gateway_provider_balance_reported_rupiah{{{P}}})"
_BURN = f"clamp_min(-min by (provider) (deriv(gateway_provider_balance_reported_rupiah{{{P}}}[2h])), 0.01)"

ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Are purchases ending well?",
        (
            Panel(
                "Ended well",
                ((f"sum(increase({_WELL})) / sum(increase({_ENDED}))", ""),),
                "percentunit",
                "stat",
                4,
                4,
                "Of all that ended in the time shown.",
                (("red", None), ("orange", 0.7), ("green", 0.9)),
            ),
            one("Ended", f"sum(increase({_ENDED}))", says="In the time shown."),
            one("Open now", f"max(gateway_transactions_open{{{J}}})"),
            one("Conflicts", f"sum(increase(gateway_conflicts_total{{{J}}}[$__range]))", bad=0.5),
            one(
                "Taken back",
                f'sum(increase(gateway_transactions_total{{{J}, status="reversed"}}[$__range])) or vector(0)',
                bad=0.5,
                says="A success that the supplier took back later.",
            ),
            one(
                "Accounts that can be used",
                f"sum(max by (provider) ((1 - gateway_provider_account_closed{{{J}}}) "
                f'* ignoring (state) gateway_provider_breaker_state{{{J}, state="closed"}}))',
            ),
            Panel("How purchases end", per_minute("gateway_transactions_total", J, "status"), "opm"),
            Panel(
                "Why they fail", per_minute("gateway_transactions_total", f'{J}, status!="success"', "reason"), "opm"
            ),
            Panel(
                "Products that fail most",
                (
                    (
                        "topk(10, 60 * sum by (product) "
                        f'(rate(gateway_product_transactions_total{{{J}, status="failed"}}{RATE})))',
                        "{{product}}",
                    ),
                ),
                "opm",
            ),
            Panel(
                "What suppliers answer",
                per_minute("gateway_attempts_total", P, "provider, outcome"),
                "opm",
                width=12,
                says="What became of a pending purchase later is not in it.",
            ),
            Panel(
                "What cannot be told, by supplier",
                (
                    (
                        f'sum by (provider) (rate(gateway_attempts_total{{{P}, outcome="unknown"}}{RATE})) '
                        f"/ sum by (provider) (rate(gateway_attempts_total{{{P}}}{RATE}))",
                        "{{provider}}",
                    ),
                ),
                "percentunit",
                width=12,
            ),
        ),
    ),
    (
        "How fast?",
        (
            Panel(
                "From acceptance to the end",
                quantiles("gateway_transaction_duration_seconds", f'{J}, status=~"success|failed"'),
                "s",
            ),
            Panel(
                "Until a purchase is stored",
                quantiles("gateway_acceptance_duration_seconds", J),
                "s",
                says="The client has its answer then, unless it asked to wait.",
            ),
            Panel("Suppliers' answers, 95 %", slowest("gateway_attempt_duration_seconds", P, "provider"), "s"),
            Panel(
                "Waiting for a turn, 95 %",
                slowest("gateway_lane_wait_seconds", P, "provider"),
                "s",
                says="In front of an account's limits.",
            ),
            Panel(
                "Oldest open purchase",
                ((f"max(gateway_transactions_oldest_open_age_seconds{{{J}}})", "oldest"),),
                "s",
            ),
            Panel("Open purchases", ((f"max(gateway_transactions_open{{{J}}})", "open"),)),
            Panel(
                "Requests, 99 %",
                (
                    (
                        "histogram_quantile(0.99, sum by (route, le) "
                        f"(rate(gateway_request_duration_seconds_bucket{{{J}}}{RATE})))",
                        "{{route}}",
                    ),
                ),
                "s",
                says="/v1/transactions holds the time that clients ask to wait, /v1/events that of whole streams.",
            ),
        ),
    ),
    (
        "Is money drifting?",
        (
            Panel(
                "Drift",
                ((f"min by (provider) (gateway_provider_balance_drift_rupiah{{{P}}})", "{{provider}}"),),
                "currencyIDR",
                says="Reported less computed. Below 0: the supplier took more than the ledger knows of.",
            ),
            Panel(
                "Deposits",
                (
                    (_LEFT, "{{provider}} reported"),
                    (f"max by (provider) (gateway_provider_balance_computed_rupiah{{{P}}})", "{{provider}} computed"),
                ),
                "currencyIDR",
            ),
            Panel(
                "How long deposits last",
                ((f"clamp_max({_LEFT} / {_BURN}, 7 * 86400)", "{{provider}}"),),
                "s",
                says="At the pace of the last two hours, a week at most.",
            ),
            Panel("Conflicts", per_minute("gateway_conflicts_total", J, "kind"), "opm"),
            Panel(
                "Purchases this month",
                (
                    (f"max by (provider) (gateway_provider_month_purchases{{{P}}})", "{{provider}} bought"),
                    (f"max by (provider) (gateway_provider_month_commitment{{{P}}})", "{{provider}} asked for"),
                ),
            ),
            Panel(
                "Taken back",
                per_minute("gateway_transactions_total", f'{J}, status="reversed"', "client"),
                "opm",
            ),
        ),
    ),
    (
        "What needs me?",
        (
            one("Need review", f"max(gateway_transactions_needing_review{{{J}}})", bad=1),
            one("Accounts closed", f"sum(max by (provider) (gateway_provider_account_closed{{{J}}}))", bad=1),
            one(
                "Breakers not closed",
                f'sum(max by (provider) (gateway_provider_breaker_state{{{J}, state=~"open|half_open"}}))',
                bad=1,
            ),
            one("Messages unread", f"sum(increase(gateway_unread_messages_total{{{J}}}[$__range]))", bad=1),
            one("Notifications waiting", f"max(gateway_webhook_backlog{{{J}}})", bad=1000),
            one("Last reload", f"min(gateway_last_reload_ok{{{J}}})", says="1: taken. 0: refused."),
            Panel(
                "Alerts",
                (
                    (
                        'sum by (alertname, severity) (ALERTS{alertname=~"Gateway.*", alertstate="firing"})',
                        "{{alertname}}",
                    ),
                ),
            ),
            Panel("Waiting for a person", ((f"max(gateway_transactions_needing_review{{{J}}})", "need review"),)),
            Panel(
                "Messages that no rule understood", per_minute("gateway_unread_messages_total", P, "provider"), "opm"
            ),
            Panel("Questions about open purchases", per_minute("gateway_checks_total", P, "provider, result"), "opm"),
            Panel("Reports", per_minute("gateway_reports_total", P, "provider, verdict"), "opm"),
            Panel("No turn at an account", per_minute("gateway_lane_refusals_total", P, "provider"), "opm"),
            Panel("Notifications", per_minute("gateway_webhook_deliveries_total", J, "client, result"), "opm"),
            Panel("Receivers' answers, 95 %", slowest("gateway_webhook_duration_seconds", J, "client"), "s"),
            Panel("Clients over a limit", per_minute("gateway_rate_limited_total", J, "client, limit"), "opm"),
        ),
    ),
    (
        "The gateway itself",
        (
            Panel("Requests", per_minute("gateway_requests_total", J, "route, status"), "opm"),
            Panel("Commits", quantiles("gateway_ledger_commit_duration_seconds", J), "s"),
            Panel(
                "Operations in one commit",
                (
                    (
                        f"sum(rate(gateway_ledger_batch_operations_sum{{{J}}}{RATE})) "
                        f"/ sum(rate(gateway_ledger_batch_operations_count{{{J}}}{RATE}))",
                        "mean",
                    ),
                ),
            ),
            Panel(
                "Waiting to be written",
                (
                    (f"sum by (instance) (gateway_ledger_queue_operations{{{J}}})", "{{instance}} ledger"),
                    (f"sum by (instance) (gateway_audit_queue_lines{{{J}}})", "{{instance}} audit log"),
                ),
            ),
            Panel("Event loop, how late", quantiles("gateway_event_loop_lag_seconds", J, "instance")[2:], "s"),
            Panel(
                "CPU",
                ((f"sum by (instance) (rate(process_cpu_seconds_total{{{J}}}{RATE}))", "{{instance}}"),),
                "percentunit",
            ),
            Panel("Memory", ((f"sum by (instance) (process_resident_memory_bytes{{{J}}})", "{{instance}}"),), "bytes"),
            Panel(
                "Open files",
                (
                    (
                        f"sum by (instance) (process_open_fds{{{J}}}) / sum by (instance) (process_max_fds{{{J}}})",
                        "{{instance}}",
                    ),
                ),
                "percentunit",
            ),
            Panel(
                "What is lost or goes wrong",
                (
                    (f"sum(increase(gateway_audit_lost_lines_total{{{J}}}{RATE}))", "audit lines"),
                    (f"sum(increase(gateway_audit_errors_total{{{J}}}{RATE}))", "tries at the audit log"),
                    (f"sum(increase(gateway_ledger_commits_failed_total{{{J}}}{RATE}))", "commits"),
                    (f"sum(increase(gateway_clock_jumps_total{{{J}}}{RATE}))", "jumps of the clock"),
                    (f"sum(increase(gateway_metric_errors_total{{{J}}}{RATE}))", "values not counted"),
                    (f"sum(increase(gateway_observer_errors_total{{{J}}}{RATE}))", "observers"),
                    (f'sum(increase(gateway_reloads_total{{{J}, result="refused"}}{RATE}))', "reloads"),
                ),
            ),
            Panel(
                "Redis answers",
                ((f"min by (instance) (gateway_redis_reachable{{{J}}})", "{{instance}}"),),
            ),
            Panel(
                "Rows that retention removed",
                per_minute("gateway_ledger_removed_rows_total", J, "table"),
                "opm",
            ),
            Panel("Age of the process", ((f"time() - process_start_time_seconds{{{J}}}", "{{instance}}"),), "s"),
            Panel(
                "What runs",
                ((f"count by (version, python) (gateway_build_info{{{J}}})", "{{version}} on Python {{python}}"),),
            ),
        ),
    ),
)


def dashboard() -> dict[str, Any]:
    """The whole of it, as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS:
        panels.append(_header(len(panels) + 1, title, y))
        y += 1
        x = tallest = 0
        for panel in row:
            if x + panel.width > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            panels.append(_panel(len(panels) + 1, panel, x, y))
            x += panel.width
            tallest = max(tallest, panel.height)
        y += tallest
    return {
        "uid": "pulsa-gateway",
        "title": "pulsa-gateway",
        "description": "Are purchases ending well, how fast, is money drifting, what needs me?",
        "tags": ["pulsa-gateway"],
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": _variables()},
        "panels": panels,
    }


_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def _header(number: int, title: str, y: int) -> dict[str, Any]:
    place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit}
    if panel.steps:
        defaults["thresholds"] = {
            "mode": "absolute",
            "steps": [{"color": colour, "value": value} for colour, value in panel.steps],
        }
    options: dict[str, Any] = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}}
    if panel.kind == "stat":
        options = {"colorMode": "value", "graphMode": "area", "reduceOptions": {"calcs": ["lastNotNull"]}}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": _SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
            for index, (expression, legend) in enumerate(panel.queries)
        ],
    }


def _variables() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    ]
    for name, query in (
        ("job", "label_values(gateway_build_info, job)"),
        ("provider", 'label_values(gateway_provider_account_closed{job=~"$job"}, provider)'),
    ):
        found.append(
            {
                "name": name,
                "label": name.capitalize(),
                "type": "query",
                "datasource": _SOURCE,
                "query": {"query": query, "refId": name},
                "definition": query,
                "refresh": 2,
                "sort": 1,
                "multi": True,
                "includeAll": True,
                "allValue": ".*",
                "current": {"text": ["All"], "value": ["$__all"]},
            }
        )
    return found


def text() -> str:
    """What the file holds."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
