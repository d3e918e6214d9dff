"""The month's purchases: known from the first moment, counted day by day, and not shown before they are counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.engine.accounts import make_account
from gateway.engine.engine import Engine
from gateway.engine.month import Month, Months
from gateway.ledger import Bought, LedgerUnavailableError
from gateway.testing.ledger_database import Database
from gateway.testing.scripted_supplier import ScriptedProvider

JAKARTA = timedelta(hours=7)


class Sold:
    """A ledger with one purchase and two inquiries a day, that may be slow or away."""

    def __init__(self) -> None:
        self.days: list[int] = []
        self.slow_from = self.away_on = 99

    async def bought(self, start: datetime, end: datetime) -> Mapping[str, Bought]:
        assert end - start == timedelta(days=1)
        day = (start.astimezone(UTC) + JAKARTA).day
        self.days.append(day)
        if day >= self.slow_from:
            await asyncio.sleep(60)
        if day == self.away_on:
            raise LedgerUnavailableError("planted")
        return {"alpha": Bought(1, 2)}


class Clock:
    moment = datetime(2026, 11, 9, 20, tzinfo=UTC)  # the 10th in Jakarta

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def months(settings_of: Callable[..., Any]) -> tuple[Months, Sold, list[tuple[str, int, int | None]]]:
    (settings,) = settings_of(accounts={"alpha": {"monthly_commitment": 50}}).providers
    sold = Sold()
    shown: list[tuple[str, int, int | None]] = []
    made = Months(
        ledger=sold,
        accounts={"alpha": make_account(settings, ScriptedProvider, max_body=1_000)},
        clock=Clock(),
        counted=lambda *told: shown.append(told),
        seconds=lambda: 0.0,
    )
    return made, sold, shown


async def test_before_it_is_counted_it_is_not_known(months: Any) -> None:
    made, _, shown = months
    assert made.of("alpha") == Month(None, None)
    await made.start()
    assert made.of("alpha") == Month(10, 20)
    assert made.of("beta") == Month(0, 0)
    assert shown == [("alpha", 10, 50)]


async def test_a_start_waits_a_short_time_only_and_the_count_goes_on_where_it_was(months: Any) -> None:
    made, sold, shown = months
    sold.slow_from = 7
    await asyncio.wait_for(made.start(patience=0.05), 5)
    assert sold.days == [1, 2, 3, 4, 5, 6, 7]
    assert made.of("alpha") == Month(None, None)
    assert shown == []
    sold.slow_from = 99
    await made.tick()
    assert sold.days[7:] == [7, 8, 9, 10], "what was counted is not counted again"
    assert made.of("alpha") == Month(10, 20)


async def test_a_ledger_that_is_away_keeps_no_start(months: Any) -> None:
    made, sold, _ = months
    sold.away_on = 3
    await made.start()
    assert made.of("alpha").purchases is None
    with pytest.raises(LedgerUnavailableError):
        await made.tick()
    sold.away_on = 99
    await made.tick()
    assert made.of("alpha").purchases == 10


async def test_a_gateway_that_starts_again_knows_its_month_at_once(shop: Any, database: Database) -> None:
    async with shop() as here:
        for n in range(3):
            await here.answered(f"A-{n}")
    ledger = await database.open(owner="one", clock=here.clock.now)
    engine = Engine(
        here.settings,
        {"scripted": ScriptedProvider},
        ledger,
        clock=here.clock,
        transports=lambda one: here.suppliers[one.id],
        look_every=3600.0,
    )
    await engine.start()
    try:
        (month,) = [one["month"] for one in engine.providers() if one["provider"] == "alpha"]
        assert (month["purchases"], month["inquiries"]) == (3, 0)
    finally:
        await engine.close()
        await ledger.close()
