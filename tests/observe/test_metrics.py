"""What Prometheus reads: names, documentation, and how many series there can be."""

from __future__ import annotations

import inspect
import math
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gateway.core.outcome import OutcomeStatus, ReasonCode
from gateway.observe.instruments import INSTRUMENTS, HistogramInstrument, Instrument, table
from gateway.observe.metrics import Metrics
from gateway.observe.series import MOST_WORDS, OTHER, Bounds

ROUTES = ("/v1/transactions", "/v1/transactions/{id}", "/reports/{provider}")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(
        clients=["shop"],
        providers=["maxsi", "second"],
        products=["XL5"],
        routes=ROUTES,
        observers=["mailer"],
        version="0.1.0",
    )


def samples(metrics: Metrics) -> dict[str, float]:
    """Every series as `name{label=value,…}`, labels sorted, without the buckets."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            if not sample.name.endswith("_bucket"):
                labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def complaints(one: Instrument) -> list[str]:
    """What Prometheus's naming conventions, and ours, have against a metric."""
    parts = one.name.split("_")
    rules = {
        "begins with gateway_": one.name.startswith("gateway_"),
        "is lower case words": re.fullmatch(r"[a-z]+(_[a-z]+)*", one.name) is not None,
        "_total is for counters, and all of them": one.name.endswith("_total") == (one.type == "counter"),
        "suffixes of histograms are reserved": not one.name.endswith(("_count", "_sum", "_bucket", "_created")),
        "the type is not in the name": not {"counter", "gauge", "histogram", "summary"} & set(parts),
        "units are whole words in base units": not {
            "ms",
            "s",
            "sec",
            "milliseconds",
            "minutes",
            "hours",
            "days",
            "rp",
            "idr",
        }
        & set(parts),
        "a duration is in seconds": not {"duration", "wait", "lag", "age"} & set(parts) or parts[-1] == "seconds",
        "money is in rupiah": "balance" not in parts or parts[-1] == "rupiah",
        "has a sentence of help": one.help.endswith(".") and "|" not in one.help and "\n" not in one.help,
        "labels are lower case words": all(re.fullmatch(r"[a-z]+(_[a-z]+)*", label) for label in one.labels),
        "labels are not reserved": not {"le", "quantile", "job", "instance"} & set(one.labels),
    }
    return [rule for rule, kept in rules.items() if not kept]


@pytest.mark.parametrize("one", INSTRUMENTS, ids=lambda one: one.name)
def test_names_keep_the_conventions(one: Instrument) -> None:
    assert complaints(one) == []


@pytest.mark.parametrize(
    "bad",
    [
        Instrument("gateway_things_total", "A gauge that ends like a counter."),
        Instrument("things", "No prefix."),
        Instrument("gateway_lane_wait", "No unit."),
        Instrument("gateway_lane_wait_ms", "Not a base unit."),
        Instrument("gateway_balance", "No currency."),
        Instrument("gateway_things_count", "Reserved."),
        Instrument("gateway_things", ""),
        Instrument("gateway_things", "Reserved label.", ("le",)),
    ],
)
def test_the_check_of_names_finds_bad_ones(bad: Instrument) -> None:
    assert complaints(bad)


def test_names_are_unique_and_in_the_registry(metrics: Metrics) -> None:
    names = [one.name for one in INSTRUMENTS]
    assert len(names) == len(set(names))
    metrics.redis(lambda: True)
    registered = {
        family.name + ("_total" if family.type == "counter" else ""): (family.type, family.documentation)
        for family in metrics.registry.collect()
    }
    ours = {name: known for name, known in registered.items() if not name.startswith("process_")}
    assert ours == {one.name: (one.type, one.help) for one in INSTRUMENTS}


def test_the_contract_is_covered() -> None:
    """Contract §7, line by line."""
    have = {one.name for one in INSTRUMENTS}
    assert have >= {
        "gateway_requests_total",
        "gateway_request_duration_seconds",
        "gateway_transactions_total",
        "gateway_attempts_total",
        "gateway_attempt_duration_seconds",
        "gateway_transaction_duration_seconds",
        "gateway_acceptance_duration_seconds",
        "gateway_transactions_open",
        "gateway_transactions_oldest_open_age_seconds",
        "gateway_transactions_needing_review",
        "gateway_reports_total",
        "gateway_unread_messages_total",
        "gateway_provider_balance_reported_rupiah",
        "gateway_provider_balance_computed_rupiah",
        "gateway_provider_balance_drift_rupiah",
        "gateway_provider_breaker_state",
        "gateway_rate_limited_total",
        "gateway_lane_refusals_total",
        "gateway_lane_wait_seconds",
        "gateway_webhook_deliveries_total",
        "gateway_webhook_backlog",
        "gateway_ledger_commit_duration_seconds",
        "gateway_ledger_batch_operations",
        "gateway_ledger_queue_operations",
        "gateway_provider_month_purchases",
        "gateway_provider_month_commitment",
    }


def test_the_documentation_lists_every_metric() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    documented = page.partition("<!-- metrics -->\n")[2].partition("<!-- /metrics -->")[0]
    assert documented == table(), "write `table()` of gateway.observe.instruments between the two marks"


@pytest.mark.parametrize(
    "one", [one for one in INSTRUMENTS if isinstance(one, HistogramInstrument)], ids=lambda one: one.name
)
def test_buckets_rise(one: HistogramInstrument) -> None:
    assert list(one.buckets) == sorted(set(one.buckets))


def test_without_a_redis_nothing_says_that_it_is_away(metrics: Metrics) -> None:
    assert not [name for name in samples(metrics) if "redis" in name]
    metrics.redis(lambda: True)
    assert samples(metrics)["gateway_redis_reachable{}"] == 1


def test_each_method_counts_what_it_says(metrics: Metrics) -> None:
    metrics.request("/v1/transactions", 201, 0.03)
    metrics.accepted(0.004)
    metrics.transaction_final("shop", "XL5", "success", None, 2.0)
    metrics.transaction_final("shop", "XL5", "failed", ReasonCode.CUTOFF, 1.0)
    metrics.attempt("maxsi", OutcomeStatus.SUCCESS, 0.4)
    metrics.check("maxsi", "pending")
    metrics.report("maxsi", "applied")
    metrics.unread_message("maxsi")
    metrics.conflict("failed_after_success")
    metrics.balance("maxsi", 900_000, 1_000_000, -100_000)
    metrics.account_closed("maxsi", closed=True)
    metrics.breaker("maxsi", "open")
    metrics.rate_limited("shop", "rate")
    metrics.lane_wait("maxsi", 0.2)
    metrics.lane_refused("maxsi")
    metrics.webhook("shop", "delivered", 0.1)
    metrics.webhook_backlog(3)
    metrics.commit(12, 0.002, whole=False)
    metrics.ledger_queue(lambda: 7)
    metrics.open_transactions(5, 61.5)
    metrics.needs_review(2)
    metrics.purchases_month("maxsi", 40, 1000)
    metrics.removed("exchanges", 250)
    metrics.observer_error("mailer")
    metrics.audit_lost(4)
    metrics.audit_error()
    metrics.clock_jumped()
    metrics.audit_queue(lambda: 9)
    metrics.loop_lag(0.003)
    metrics.reload(ok=False)
    metrics.redis(lambda: False)
    seen = samples(metrics)
    expected = {
        "gateway_redis_reachable{}": 0,
        "gateway_requests_total{route=/v1/transactions,status=201}": 1,
        "gateway_request_duration_seconds_sum{route=/v1/transactions,status=201}": 0.03,
        "gateway_acceptance_duration_seconds_sum{}": 0.004,
        "gateway_transactions_total{client=shop,reason=none,status=success}": 1,
        "gateway_transactions_total{client=shop,reason=cutoff,status=failed}": 1,
        "gateway_product_transactions_total{product=XL5,status=failed}": 1,
        "gateway_transaction_duration_seconds_sum{status=success}": 2.0,
        "gateway_attempts_total{outcome=success,provider=maxsi}": 1,
        "gateway_attempt_duration_seconds_sum{outcome=success,provider=maxsi}": 0.4,
        "gateway_checks_total{provider=maxsi,result=pending}": 1,
        "gateway_reports_total{provider=maxsi,verdict=applied}": 1,
        "gateway_unread_messages_total{provider=maxsi}": 1,
        "gateway_conflicts_total{kind=failed_after_success}": 1,
        "gateway_provider_balance_reported_rupiah{provider=maxsi}": 900_000,
        "gateway_provider_balance_computed_rupiah{provider=maxsi}": 1_000_000,
        "gateway_provider_balance_drift_rupiah{provider=maxsi}": -100_000,
        "gateway_provider_account_closed{provider=maxsi}": 1,
        "gateway_provider_breaker_state{provider=maxsi,state=open}": 1,
        "gateway_provider_breaker_state{provider=maxsi,state=closed}": 0,
        "gateway_provider_breaker_state{provider=maxsi,state=half_open}": 0,
        "gateway_rate_limited_total{client=shop,limit=rate}": 1,
        "gateway_lane_wait_seconds_sum{provider=maxsi}": 0.2,
        "gateway_lane_refusals_total{provider=maxsi}": 1,
        "gateway_webhook_deliveries_total{client=shop,result=delivered}": 1,
        "gateway_webhook_duration_seconds_sum{client=shop}": 0.1,
        "gateway_webhook_backlog{}": 3,
        "gateway_ledger_commit_duration_seconds_sum{}": 0.002,
        "gateway_ledger_batch_operations_sum{}": 12,
        "gateway_ledger_commits_failed_total{}": 1,
        "gateway_ledger_queue_operations{}": 7,
        "gateway_transactions_open{}": 5,
        "gateway_transactions_oldest_open_age_seconds{}": 61.5,
        "gateway_transactions_needing_review{}": 2,
        "gateway_provider_month_purchases{provider=maxsi}": 40,
        "gateway_provider_month_commitment{provider=maxsi}": 1000,
        "gateway_ledger_removed_rows_total{table=exchanges}": 250,
        "gateway_observer_errors_total{plugin=mailer}": 1,
        "gateway_audit_lost_lines_total{}": 4,
        "gateway_audit_errors_total{}": 1,
        "gateway_clock_jumps_total{}": 1,
        "gateway_audit_queue_lines{}": 9,
        "gateway_event_loop_lag_seconds_sum{}": 0.003,
        "gateway_reloads_total{result=refused}": 1,
        "gateway_last_reload_ok{}": 0,
        "gateway_metric_errors_total{}": 0,
    }
    assert {name: seen.get(name) for name in expected} == expected


def test_every_metric_can_be_moved_by_a_method(metrics: Metrics) -> None:
    """A metric that no method touches would stay 0 for ever. The list above uses every public method."""
    public = {
        name
        for name, _ in inspect.getmembers(Metrics, inspect.isfunction)
        if not name.startswith("_") and name not in {"render", "configure", "know_routes", "failed"}
    }
    body = inspect.getsource(test_each_method_counts_what_it_says)
    assert {name for name in public if f"metrics.{name}(" not in body} == set()
    assert {one.name for one in INSTRUMENTS if f'"{one.name}' not in body} == {"gateway_build_info"}


def test_a_balance_that_is_not_known_is_absent(metrics: Metrics) -> None:
    metrics.balance("maxsi", 900, 1000, -100)
    metrics.balance("maxsi", None, 1000, None)
    seen = samples(metrics)
    assert "gateway_provider_balance_reported_rupiah{provider=maxsi}" not in seen
    assert "gateway_provider_balance_drift_rupiah{provider=maxsi}" not in seen
    assert seen["gateway_provider_balance_computed_rupiah{provider=maxsi}"] == 1000
    metrics.balance("maxsi", 950, 1000, -50)
    assert samples(metrics)["gateway_provider_balance_drift_rupiah{provider=maxsi}"] == -50


def test_an_account_that_is_gone_keeps_no_gauge(metrics: Metrics) -> None:
    metrics.balance("maxsi", 900, 1000, -100)
    metrics.breaker("maxsi", "open")
    metrics.purchases_month("maxsi", 1, 2)
    metrics.attempt("maxsi", "success", 0.1)
    metrics.configure(clients=["shop"], providers=["second"], products=["XL5"])
    metrics.balance("second", 5, 5, 0)
    seen = samples(metrics)
    assert [name for name in seen if name.startswith("gateway_provider_") and "maxsi" in name] == []
    assert seen["gateway_attempts_total{outcome=success,provider=maxsi}"] == 1, "a counter never goes back"
    assert seen["gateway_provider_balance_drift_rupiah{provider=second}"] == 0


def test_a_name_that_a_reload_brings_is_no_longer_other(metrics: Metrics) -> None:
    metrics.unread_message("third")
    metrics.configure(clients=[], providers=["maxsi", "third"], products=[])
    metrics.unread_message("third")
    seen = samples(metrics)
    assert seen["gateway_unread_messages_total{provider=other}"] == 1
    assert seen["gateway_unread_messages_total{provider=third}"] == 1


def test_references_and_junk_paths_make_no_series(metrics: Metrics) -> None:
    """10,000 references in every place where one could slip in, and 1,000 paths that nobody serves."""

    def everything(word: str, path: str) -> None:
        metrics.request(path, 404, 0.001)
        metrics.transaction_final(word, word, word, word, 1.0)
        metrics.attempt(word, word, 0.1)
        metrics.check(word, word)
        metrics.report(word, word)
        metrics.unread_message(word)
        metrics.conflict(word)
        metrics.balance(word, 1, 2, -1)
        metrics.breaker(word, word)
        metrics.account_closed(word, closed=False)
        metrics.rate_limited(word, word)
        metrics.lane_wait(word, 1)
        metrics.webhook(word, word, 1)
        metrics.observer_error(word)
        metrics.purchases_month(word, 1, 1)

    choose = random.Random(1)  # noqa: S311 — the same references each time, not secrets
    for _ in range(200):
        everything(f"A-{choose.getrandbits(64)}", f"/v1/transactions/{choose.getrandbits(32)}")
    before = len(samples(metrics))
    for number in range(10_000):
        path = f"/{choose.getrandbits(40):x}/..%2f{number}" if number < 1_000 else "/v1/transactions"
        everything(f"A-{choose.getrandbits(64)}", path)
    seen = samples(metrics)
    assert len(seen) - before <= 8, "at most what /v1/transactions itself added"
    assert seen["gateway_requests_total{route=other,status=404}"] == 1_200
    assert seen["gateway_provider_balance_reported_rupiah{provider=other}"] == 1
    labels = re.findall(r"\w+=([^,}]*)", " ".join(seen))
    assert len(set(labels)) < 600
    kept = sum(len(family._children) for family in vars(metrics).values() if hasattr(family, "_children"))
    assert kept < 1_500, "what became `other` must not be kept under its own name either"


@given(st.lists(st.text(max_size=40), max_size=200))
@settings(max_examples=50)
def test_a_label_holds_a_limited_number_of_harmless_words(values: list[str]) -> None:
    bounds = Bounds()
    words = {bounds.bounded("kind", value) for value in values}
    assert len(words) <= MOST_WORDS + 1
    assert all(word == OTHER or re.fullmatch(r"[A-Za-z0-9_.-]+", word) for word in words)


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, -math.inf])
def test_a_senseless_duration_spoils_no_sum(metrics: Metrics, seconds: float) -> None:
    metrics.attempt("maxsi", "success", 0.5)
    metrics.attempt("maxsi", "success", seconds)
    seen = samples(metrics)
    assert seen["gateway_attempt_duration_seconds_sum{outcome=success,provider=maxsi}"] == 0.5
    assert seen["gateway_attempt_duration_seconds_count{outcome=success,provider=maxsi}"] == 2


def test_counting_never_raises_and_says_that_it_failed(metrics: Metrics) -> None:
    metrics.audit_lost(-1)
    metrics.commit("many", 1.0, whole=True)  # type: ignore[arg-type]  # a caller's mistake is what is tested
    metrics.attempt(["maxsi"], "success", 1.0)  # type: ignore[arg-type]  # the same

    def broken() -> float:
        raise RuntimeError("the ledger is closed")

    metrics.ledger_queue(broken)
    seen = samples(metrics)
    assert seen["gateway_metric_errors_total{}"] == 3
    assert math.isnan(seen["gateway_ledger_queue_operations{}"])


def test_the_first_failure_is_seen_as_a_rise(metrics: Metrics) -> None:
    """A counter that appears with 1 has no rise; so the ones that alerts watch begin at 0."""
    seen = samples(metrics)
    for outcome in OutcomeStatus:
        assert seen[f"gateway_attempts_total{{outcome={outcome},provider=second}}"] == 0
    for series in (
        "gateway_unread_messages_total{provider=second}",
        "gateway_checks_total{provider=second,result=no_answer}",
        "gateway_observer_errors_total{plugin=mailer}",
        "gateway_reloads_total{result=refused}",
        "gateway_ledger_commits_failed_total{}",
        "gateway_audit_errors_total{}",
        "gateway_audit_lost_lines_total{}",
        "gateway_clock_jumps_total{}",
    ):
        assert seen[series] == 0


def test_build_info_names_the_version(metrics: Metrics) -> None:
    assert any(name.startswith("gateway_build_info{") and "version=0.1.0" in name for name in samples(metrics))


def test_two_gateways_in_one_process_do_not_share(metrics: Metrics) -> None:
    other = Metrics(providers=["maxsi"])
    metrics.unread_message("maxsi")
    assert samples(other)["gateway_unread_messages_total{provider=maxsi}"] == 0
    assert "version=0.0.4" in other.content_type or "version=1.0.0" in other.content_type
