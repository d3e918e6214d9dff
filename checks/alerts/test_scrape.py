"""What a running gateway shows, and what a real Prometheus makes of it."""

from __future__ import annotations

import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from checks.alerts.rules import PLACE, rules
from checks.alerts.scraping import Scraped, asked
from checks.alerts.tools import Tools
from gateway.testing.processes import until

CAUSED = (
    "GatewayPurchasesFail",
    "GatewayAttemptsFail",
    "GatewayBreakerOpen",
    "GatewayNoAccountOpen",
    "GatewayMonthBehind",
)
"""What the traffic may also stir: how many purchases end in which second differs from run to run."""


def test_promtool_finds_nothing_wrong_with_the_metrics(scraped: Scraped, programs: Tools) -> None:
    done = subprocess.run(
        [programs.promtool, "check", "metrics"],
        input=scraped.metrics,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_prometheus_takes_the_whole_page(scraped: Scraped) -> None:
    targets = (await asked(scraped.prometheus, "targets"))["activeTargets"]
    assert [(one["health"], one["lastError"], one["labels"]["job"]) for one in targets] == [("up", "", PLACE["job"])]


def test_the_traffic_moved_what_an_operator_looks_at(scraped: Scraped) -> None:
    """So that the checks below look at a gateway that has done something."""
    moved = {
        sample.name
        for family in text_string_to_metric_families(scraped.metrics)
        for sample in family.samples
        if sample.value
    }
    assert moved >= {
        "gateway_transactions_total",
        "gateway_acceptance_duration_seconds_count",
        "gateway_attempts_total",
        "gateway_checks_total",
        "gateway_reports_total",
        "gateway_unread_messages_total",
        "gateway_transactions_needing_review",
        "gateway_provider_balance_reported_rupiah",
        "gateway_webhook_deliveries_total",
        "gateway_rate_limited_total",
        "gateway_ledger_commit_duration_seconds_count",
        "gateway_provider_month_commitment",
    }


def test_what_is_rare_is_there_before_it_happens(scraped: Scraped) -> None:
    """A series that begins at 1 never rose, so `increase` would not see the first double success."""
    for line in (
        'gateway_conflicts_total{kind="double_success"} 0.0',
        'gateway_conflicts_total{kind="success_after_failed"} 0.0',
        'gateway_webhook_deliveries_total{client="shop",result="dead"} 0.0',
        'gateway_webhook_deliveries_total{client="shop",result="gone"} 0.0',
        'gateway_requests_total{route="/v1/transactions",status="503"} 0.0',
        'gateway_requests_total{route="/v1/transactions",status="500"} 0.0',
        'gateway_reports_total{provider="other",verdict="refused"} 0.0',
        'gateway_reloads_total{result="refused"} 0.0',
        "gateway_ledger_commits_failed_total 0.0",
        "gateway_audit_errors_total 0.0",
        "gateway_audit_lost_lines_total 0.0",
        "gateway_clock_jumps_total 0.0",
    ):
        assert f"\n{line}\n" in scraped.metrics


def test_no_label_holds_what_clients_or_suppliers_write(scraped: Scraped) -> None:
    """References, numbers and paths would each become a series."""
    families = list(text_string_to_metric_families(scraped.metrics))
    values = {value for family in families for sample in family.samples for value in sample.labels.values()}
    assert not {value for value in values if "hanging" in value or "0817" in value or "nowhere" in value}
    assert sum(len(family.samples) for family in families) < 2_000


async def test_prometheus_evaluates_every_alert_without_an_error(scraped: Scraped) -> None:
    groups = (await asked(scraped.prometheus, "rules"))["groups"]
    found = {rule["name"]: (rule["health"], rule.get("lastError", "")) for group in groups for rule in group["rules"]}
    assert found == dict.fromkeys(rules(), ("ok", ""))


async def test_no_alert_stirs_without_a_cause(scraped: Scraped) -> None:
    """Pending ones count, because most wait some minutes. Half of the traffic fails, and some of it is garbage."""

    async def stirring() -> set[str]:
        alerts = (await asked(scraped.prometheus, "alerts"))["alerts"]
        found = {alert["labels"]["alertname"] for alert in alerts}
        return found if found >= {"GatewayNeedsReview", "GatewayUnreadMessages"} else set()

    found = await until(stirring, within=15, what="the alerts that have a cause", look=0.5)
    assert found <= {"GatewayNeedsReview", "GatewayUnreadMessages", *CAUSED}


@pytest.mark.parametrize("name", ["gateway_transactions_total", "gateway_request_duration_seconds_bucket"])
async def test_counters_rise_while_there_is_traffic(name: str, scraped: Scraped) -> None:
    # At its end, and not now: the alerts' own cases take a minute before this.
    found = await asked(scraped.prometheus, "query", query=f"sum(rate({name}[1m]))", time=str(scraped.ended))
    assert float(found["result"][0]["value"][1]) > 0
