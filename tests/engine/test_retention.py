"""The hourly round: once, bounded, in batches with rests, and out of the way of everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.engine.retention import EVERY, LOOK_SECONDS, ROUND_SECONDS, TABLES, Retention
from gateway.ledger import ChangeRefusedError, LedgerUnavailableError, Removed
from gateway.settings.types import Retention as Ages

DAY = 86_400.0
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


@dataclass
class Clock:
    """Both clocks: the wall's, and the one that never goes back."""

    passed: float = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)


@dataclass
class Ledger:
    """So many old rows in each table; a batch takes some time."""

    clock: Clock
    old: dict[str, int] = field(default_factory=dict)
    takes: float = 0.01
    calls: list[tuple[str, datetime, int, int]] = field(default_factory=list)
    due: list[bool] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)
    claimed: list[tuple[str, timedelta]] = field(default_factory=list)

    async def claim_duty(self, name: str, now: datetime, every: timedelta) -> bool:
        assert now == self.clock.now()
        self.claimed.append((name, every))
        return self.due.pop(0) if self.due else False

    async def remove_old(self, table: str, before: datetime, after: int, batch: int) -> Removed:
        self.calls.append((table, before, after, batch))
        self.clock.passed += self.takes
        if table in self.fails:
            raise self.fails[table]
        rows = min(batch, self.old.get(table, 0))
        self.old[table] = self.old.get(table, 0) - rows
        return Removed(rows, after + rows if rows else None)


@dataclass
class Duty:
    clock: Clock
    ledger: Ledger
    ages: Ages
    rests: list[float] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    most_rests: int = 10_000

    def make(self) -> Retention:
        async def rest(seconds: float) -> None:
            self.clock.passed += seconds
            self.rests.append(seconds)
            if len(self.rests) > self.most_rests:
                raise asyncio.CancelledError
            await asyncio.sleep(0)

        return Retention(
            ledger=self.ledger,
            ages=lambda: self.ages,
            clock=self.clock,
            removed=lambda table, rows: self.counted.update({table: self.counted.get(table, 0) + rows}),
            seconds=lambda: self.clock.passed,
            rest=rest,
        )


@pytest.fixture
def duty() -> Duty:
    clock = Clock()
    return Duty(
        clock,
        Ledger(clock),
        Ages(exchanges="90d", reports="30d", events=None, notifications=None, balances=None, batch=100),
    )


async def test_a_round_removes_what_is_old_and_counts_it(duty: Duty) -> None:
    duty.ledger.old = {"exchanges": 250, "reports": 100, "events": 7}
    assert await duty.make().round() == {"exchanges": 250, "reports": 100}
    assert duty.counted == {"exchanges": 250, "reports": 100}
    assert duty.ledger.calls[:2] == [
        ("exchanges", NOW - timedelta(days=90), 0, 100),
        ("exchanges", NOW - timedelta(days=90), 100, 100),
    ]


async def test_every_age_of_the_settings_is_a_table_and_every_table_has_one(duty: Duty) -> None:
    assert {*Ages.model_fields} - {"batch"} == set(TABLES)
    duty.ages = Ages(notifications="8d", balances="9d")
    await duty.make().round()
    cut_offs = {table: NOW - before for table, before, *_ in duty.ledger.calls}
    assert list(cut_offs) == list(TABLES)
    assert (cut_offs["notifications"].days, cut_offs["balances"].days) == (8, 9)


async def test_what_is_kept_for_ever_is_never_looked_at(duty: Duty) -> None:
    await duty.make().round()
    assert {table for table, *_ in duty.ledger.calls} == {"exchanges", "reports"}


async def test_a_slow_database_gets_longer_rests(duty: Duty) -> None:
    duty.ledger.old, duty.ledger.takes = {"exchanges": 200}, 2.0
    await duty.make().round()
    assert min(duty.rests) == pytest.approx(8.0)


async def test_a_round_ends_when_its_time_is_over_and_the_next_goes_on(duty: Duty) -> None:
    duty.ledger.old, duty.ledger.takes = {"exchanges": 10**9}, 1.0
    retention = duty.make()
    gone = await retention.round()
    assert duty.clock.passed < ROUND_SECONDS + 10
    assert 0 < gone["exchanges"] < 10**9
    before = duty.counted["exchanges"]
    await retention.round()
    assert duty.counted["exchanges"] > before


async def test_a_table_that_cannot_be_cleared_does_not_keep_the_others(duty: Duty) -> None:
    duty.ledger.fails["exchanges"] = ChangeRefusedError("no")
    duty.ledger.old = {"reports": 10}
    assert await duty.make().round() == {"reports": 10}


async def test_a_ledger_that_is_down_ends_the_round(duty: Duty) -> None:
    duty.ledger.fails["exchanges"] = LedgerUnavailableError("down")
    with pytest.raises(LedgerUnavailableError):
        await duty.make().round()
    assert len(duty.ledger.calls) == 1


async def test_a_round_begins_only_where_the_ledger_gives_the_duty(duty: Duty) -> None:
    duty.ledger.due = [False, True]
    duty.most_rests = 2
    with pytest.raises(asyncio.CancelledError):
        await duty.make().run()
    assert duty.rests[:2] == [LOOK_SECONDS, LOOK_SECONDS]
    assert duty.ledger.claimed == [("retention_at", EVERY)] * 2
    assert [table for table, *_ in duty.ledger.calls] == ["exchanges", "reports"]


async def test_the_duty_goes_on_after_a_failure(duty: Duty) -> None:
    duty.ledger.due = [True, True]
    duty.ledger.fails["exchanges"] = LedgerUnavailableError("down")
    duty.most_rests = 2
    with pytest.raises(asyncio.CancelledError):
        await duty.make().run()
    assert len(duty.ledger.calls) == 2


async def test_an_engine_does_the_duty_and_ends_it_first(
    shop: Callable[..., AbstractAsyncContextManager[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.engine.retention.LOOK_SECONDS", 0.01)
    async with shop() as here:
        old = await here.buy("A-1", wait=5)
        await here.buy("A-2", wait=5)  # the newest rows stay: they must not be the ones that are looked at
        here.clock.forward(500 * DAY)
        young = await here.buy("A-3", wait=5)
        async with asyncio.timeout(10):
            while await here.ledger.events(old.id):  # noqa: ASYNC110 — nothing tells of it
                await asyncio.sleep(0.01)
        assert await here.ledger.exchanges(old.id) == []
        assert len(await here.ledger.events(young.id)) > 0
        assert await here.now(old) == old
        (duty,) = (task for task in asyncio.all_tasks() if task.get_name() == "retention")
        await here.engine.drain(1)
        assert duty.cancelled()
