"""What metrics show of how things stand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from gateway.engine.accounts import make_account
from gateway.engine.engine import Engine
from gateway.engine.gauges import Gauges
from gateway.ledger import LedgerUnavailableError
from gateway.net.failure import Failure
from gateway.observe.metrics import Metrics
from gateway.testing.ledger_database import Database
from gateway.testing.processes import until
from gateway.testing.scripted_supplier import ScriptedProvider

Opens = Callable[..., AbstractAsyncContextManager[Any]]


class Reviews:
    def __init__(self) -> None:
        self.count = 3
        self.asked = 0
        self.down = False

    async def review_count(self) -> int:
        self.asked += 1
        if self.down:
            raise LedgerUnavailableError("the ledger is not available")
        return self.count


@pytest.fixture
def gauged(settings_of: Callable[..., Any]) -> tuple[Gauges, Reviews, Metrics, dict[str, int], Any]:
    """Gauges over one account, with real metrics."""
    (settings,) = settings_of(accounts={"alpha": {}}).providers
    accounts = {"alpha": make_account(settings, ScriptedProvider, max_body=1_000)}
    metrics, ledger, errors = Metrics(providers=["alpha"]), Reviews(), {"watcher": 0}
    gauges = Gauges(ledger=ledger, accounts=accounts, shows=metrics, observer_errors=lambda: errors, look_every=0.01)
    return gauges, ledger, metrics, errors, accounts["alpha"]


def shown(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_a_look_shows_what_stands(gauged: Any) -> None:
    gauges, _, metrics, errors, alpha = gauged
    errors["watcher"] = 2
    alpha.paused = "closed for the night"
    await gauges.look()
    assert shown(metrics, "gateway_transactions_needing_review") == 3
    assert shown(metrics, "gateway_provider_breaker_state", provider="alpha", state="closed") == 1
    assert shown(metrics, "gateway_provider_account_closed", provider="alpha") == 1
    assert shown(metrics, "gateway_observer_errors_total", plugin="watcher") == 2
    errors["watcher"] = 3
    alpha.paused = None
    for n in range(10):
        alpha.breaker.ended(str(n), asyncio.get_running_loop().time(), unusable=True)
    await gauges.look()
    assert shown(metrics, "gateway_observer_errors_total", plugin="watcher") == 3
    assert shown(metrics, "gateway_provider_breaker_state", provider="alpha", state="open") == 1
    assert shown(metrics, "gateway_provider_breaker_state", provider="alpha", state="closed") == 0
    assert shown(metrics, "gateway_provider_account_closed", provider="alpha") == 0


async def test_what_needs_a_person_is_counted_at_the_first_look_and_every_fifth(gauged: Any) -> None:
    gauges, ledger, _, _, _ = gauged
    for _ in range(11):
        await gauges.look()
    assert ledger.asked == 3


async def test_a_ledger_that_is_down_stops_no_look(gauged: Any) -> None:
    gauges, ledger, metrics, _, _ = gauged
    ledger.down = True
    looking = asyncio.create_task(gauges.run())
    await until(lambda: asyncio.sleep(0, ledger.asked >= 2), within=5, what="a second question", look=0.01)
    ledger.down, ledger.count = False, 7
    name = "gateway_transactions_needing_review"
    await until(lambda: asyncio.sleep(0, shown(metrics, name) == 7), within=5, what="the count", look=0.01)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def test_a_loop_that_is_blocked_shows_as_lag(gauged: Any) -> None:
    gauges, _, metrics, _, _ = gauged
    looking = asyncio.create_task(gauges.run())
    await asyncio.sleep(0.005)
    time.sleep(0.3)  # noqa: ASYNC251 — the blockade itself
    name = "gateway_event_loop_lag_seconds_sum"
    await until(lambda: asyncio.sleep(0, shown(metrics, name)), within=5, what="the lag", look=0.01)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert (shown(metrics, name) or 0) > 0.2


async def test_turns_at_an_account_are_measured_and_refusals_counted(shop: Opens) -> None:
    metrics = Metrics(providers=["alpha", "beta"])
    async with shop(accounts={"alpha": {"limits": {"in_flight": 1, "queue": 1, "wait": "200ms"}}, "beta": {}}) as here:
        here.engine._observation._counts = metrics
        here.alpha.open.clear()
        made = [await here.buy(f"A-{n}") for n in range(3)]
        for one in made[1:]:
            assert (await here.when(one, lambda held: held.status.final)).provider == "beta"
        here.alpha.open.set()
        await here.when(made[0], lambda held: held.status.final)
    assert shown(metrics, "gateway_lane_refusals_total", provider="alpha") == 2
    assert shown(metrics, "gateway_lane_wait_seconds_count", provider="alpha") == 1
    assert shown(metrics, "gateway_lane_wait_seconds_count", provider="beta") == 2


async def test_a_running_engine_feeds_them_all(shop: Opens, database: Database) -> None:
    async with shop(accounts={"alpha": {"monthly_commitment": 1_000}, "beta": {}}) as here:
        here.alpha.buy = lambda _: Failure.CONNECT_REFUSED
        for n in range(11):
            await here.answered(f"A-{n}")
    metrics = Metrics(providers=["alpha", "beta"])
    ledger = await database.open(owner="one", clock=here.clock.now)
    engine = Engine(
        here.settings,
        {"scripted": ScriptedProvider},
        ledger,
        clock=here.clock,
        counts=metrics,
        transports=lambda one: here.suppliers[one.id],
        look_every=0.01,
    )
    await engine.start()
    try:
        name = "gateway_provider_month_purchases"
        await until(lambda: asyncio.sleep(0, shown(metrics, name, provider="beta") == 11), within=5, what="the month")
        assert shown(metrics, "gateway_provider_month_commitment", provider="alpha") == 1_000
        assert shown(metrics, "gateway_provider_month_commitment", provider="beta") is None
        assert shown(metrics, "gateway_transactions_needing_review") == 0
        assert shown(metrics, "gateway_provider_breaker_state", provider="alpha", state="closed") == 1
    finally:
        await engine.close()
        await ledger.close()
