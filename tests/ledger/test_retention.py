"""Old rows leave the ledger in batches; what may still be needed does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.core.transaction import Change, Exchange, StoredReport, Transaction
from gateway.ledger import Ledger

Make = Callable[..., Change]
NOW = datetime.fromisoformat("2026-11-24T03:00:00+00:00")
OLD, YOUNG = NOW - timedelta(days=100), NOW - timedelta(days=10)
CUT_OFF = NOW - timedelta(days=90)
TABLES = ("exchanges", "reports", "events")


def report(at: datetime, digest: str = "ab") -> StoredReport:
    return StoredReport(
        provider="maxsi", received_at=at, remote="203.0.113.7", method="GET", query="refid=1", body="", digest=digest
    )


@pytest.fixture
def bought(ledger: Ledger, accept: Make, succeed: Make) -> Callable[..., Any]:
    """A purchase with an exchange, a report and three events, settled unless it is told otherwise."""

    async def buy(ref_id: str, at: datetime, *, settled: bool = True, **changed: Any) -> Transaction:
        accepted = accept(ref_id, at=at)
        assert await ledger.commit(accepted)
        number, _ = await ledger.store_report(report(at, ref_id))
        attempt = accepted.after.attempts[0].id
        await ledger.mark_report(number, "applied", attempt)
        after = accepted.after
        if settled:
            success = succeed(after, at=at + timedelta(seconds=2))
            success = replace(success, after=replace(success.after, **changed))
            assert await ledger.commit(success)
            after = success.after
        else:
            await ledger.store_exchange(exchange(at), after.id)
            if changed:
                later = replace(after, version=after.version + 1, **changed)
                assert await ledger.commit(Change(before=after, after=later))
        return after

    return buy


def exchange(at: datetime) -> Exchange:
    return Exchange(
        attempt=None, provider="maxsi", purpose="balance", request="GET /", response="", status=200, failure=None,
        started_at=at, duration_ms=1,
    )  # fmt: skip


async def clear(ledger: Ledger, table: str, batch: int = 100, before: datetime = CUT_OFF) -> list[int]:
    """Remove what is old: the rows of each batch."""
    batches: list[int] = []
    position: int | None = 0
    while position is not None:
        done = await ledger.remove_old(table, before, position, batch)
        batches.append(done.rows)
        position = done.position
    return batches


async def clear_all(ledger: Ledger) -> dict[str, int]:
    return {table: sum(await clear(ledger, table)) for table in TABLES}


async def test_old_rows_of_settled_purchases_leave_and_the_purchase_stays(
    ledger: Ledger, bought: Callable[..., Any]
) -> None:
    old, young = await bought("A-1", OLD), await bought("A-2", YOUNG)
    assert await clear_all(ledger) == {"exchanges": 1, "reports": 1, "events": 3}
    assert await ledger.transaction(old.id) == old
    assert await ledger.events(old.id) == []
    assert await ledger.exchanges(old.id) == []
    assert await ledger.reports(attempt=old.attempts[0].id) == []
    assert len(await ledger.events(young.id)) == 3
    assert len(await ledger.exchanges(young.id)) == 1
    assert len(await ledger.reports(attempt=young.attempts[0].id)) == 1


@pytest.mark.parametrize(
    "state",
    [
        {"settled": False},
        {"settled": False, "needs_review": True},
        {"conflict": True},
        {"updated_at": CUT_OFF},
    ],
    ids=["open", "waits for a person", "contradicts itself", "changed a short time ago"],
)
async def test_what_may_still_be_needed_stays_however_old_it_is(
    ledger: Ledger, bought: Callable[..., Any], state: dict[str, Any]
) -> None:
    needed = await bought("A-1", OLD, **state)
    await bought("A-2", YOUNG)
    assert await clear_all(ledger) == dict.fromkeys(TABLES, 0)
    assert await ledger.events(needed.id)
    assert await ledger.exchanges(needed.id)
    assert await ledger.reports(attempt=needed.attempts[0].id)


async def test_a_kept_row_does_not_keep_those_behind_it(ledger: Ledger, bought: Callable[..., Any]) -> None:
    await bought("A-1", OLD, settled=False)
    for n in range(5):
        await bought(f"B-{n}", OLD)
    await bought("A-2", YOUNG)
    for table, rows in {"exchanges": 5, "reports": 5, "events": 15}.items():
        assert sum(await clear(ledger, table, batch=2)) == rows


async def test_no_batch_is_larger_than_asked(ledger: Ledger, bought: Callable[..., Any]) -> None:
    for n in range(4):
        await bought(f"A-{n}", OLD)
    await bought("B", YOUNG)
    assert max(await clear(ledger, "events", batch=5)) == 5


async def test_a_report_that_was_not_read_stays_and_one_that_matched_nothing_leaves(ledger: Ledger) -> None:
    unread, _ = await ledger.store_report(report(OLD, "1"))
    unmatched, _ = await ledger.store_report(report(OLD, "2"))
    await ledger.mark_report(unmatched, "unmatched")
    await ledger.store_report(report(YOUNG, "3"))
    assert await clear(ledger, "reports") == [1, 0]
    assert unread in {number for number, _ in await ledger.reports()}
    assert unmatched not in {number for number, _ in await ledger.reports()}


async def test_an_exchange_about_no_purchase_leaves_by_its_own_age(ledger: Ledger, database: Any) -> None:
    for at in (OLD, YOUNG):
        await ledger.store_exchange(exchange(at), None)
    assert sum(await clear(ledger, "exchanges")) == 1
    assert await database.count("exchanges") == 1


async def test_a_notification_leaves_once_it_was_delivered_long_ago_and_never_before(
    ledger: Ledger, database: Any, bought: Callable[..., Any]
) -> None:
    async def tried(ref_id: str, at: datetime, **result: Any) -> str:
        one = await bought(ref_id, OLD)
        (stored,) = await ledger.notifications(one.id)
        await ledger.notification_tried(stored.notification.id, at, at + timedelta(hours=1), None, **result)
        return stored.notification.id

    gone = [await tried(f"A-{n}", OLD, delivered=True) for n in range(5)]
    kept = [
        await tried("B-1", OLD),
        await tried("B-2", OLD, dead=True),
        await tried("B-3", YOUNG, delivered=True),
    ]
    for state in ({"updated_at": YOUNG}, {"conflict": True}):
        one = await bought(f"C-{len(kept)}", OLD, **state)
        kept.append((await ledger.notifications(one.id))[0].notification.id)
        await ledger.notification_tried(kept[-1], OLD, None, None, delivered=True)
    assert sum(batches := await clear(ledger, "notifications", batch=2)) == 5
    assert max(batches) == 2
    assert [await ledger.notification(one) for one in gone] == [None] * 5
    assert None not in [await ledger.notification(one) for one in kept]
    assert await clear(ledger, "notifications") == [0, 0]
    assert await database.count("transactions") == 10


async def test_all_notifications_of_a_purchase_leave_though_a_batch_ends_between_them(
    ledger: Ledger, database: Any, bought: Callable[..., Any]
) -> None:
    one = await bought("A-1", OLD)
    more = [replace((await ledger.notifications(one.id))[0].notification, id=f"msg_{one.id}_{n}") for n in range(3)]
    again = replace(one, version=one.version + 1)
    assert await ledger.commit(Change(before=one, after=again, notifications=tuple(more)))
    for stored in await ledger.notifications(one.id):
        await ledger.notification_tried(stored.notification.id, OLD, None, None, delivered=True)
    assert await clear(ledger, "notifications", batch=2) == [4, 0]
    assert await database.count("notifications") == 0


async def test_balances_leave_account_by_account_but_for_the_latest_and_the_latest_computed(
    ledger: Ledger, database: Any
) -> None:
    assert await clear(ledger, "balances") == [0]
    for provider, computed_until in (("maxsi", 3), ("second", -1), ("third", 99)):
        for n in range(6):
            computed = 900 + n if n <= computed_until else None
            await ledger.save_balance(provider, OLD + timedelta(minutes=n), 1_000 + n, computed)
    await ledger.save_balance("third", YOUNG, 7, 7)
    before = await ledger.balances()
    assert await clear(ledger, "balances", batch=4) == [4, 4, 1, 4, 2, 0]
    left = [tuple(row) for row in await database.execute("SELECT provider, reported FROM balances ORDER BY 1, 2")]
    assert left == [("maxsi", 1_003), ("maxsi", 1_005), ("second", 1_005), ("third", 7)]
    assert await ledger.balances() == before
    assert await clear(ledger, "balances") == [0]


async def test_numbers_of_events_are_never_given_again(
    ledger: Ledger, bought: Callable[..., Any], accept: Make
) -> None:
    old = await bought("A-1", OLD)
    seen = (await ledger.events(old.id))[-1][0]
    await clear_all(ledger)
    after = accept("A-2", at=NOW)
    assert await ledger.commit(after)
    assert [number for number, _, _ in await ledger.events_after("shop", seen, 10)] == [
        number for number, _ in await ledger.events(after.after.id)
    ]
    assert (await ledger.events(after.after.id))[0][0] > seen


async def test_the_newest_row_of_each_table_stays(ledger: Ledger, database: Any, bought: Callable[..., Any]) -> None:
    await bought("A-1", OLD)
    await clear_all(ledger)
    assert [await database.count(table) for table in TABLES] == [1, 1, 1]


async def test_a_repeated_ref_id_still_finds_its_purchase(
    ledger: Ledger, bought: Callable[..., Any], accept: Make
) -> None:
    old = await bought("A-1", OLD)
    await clear_all(ledger)
    assert await ledger.commit(accept("A-1", at=NOW)) is False
    assert await ledger.transaction_by_ref("shop", "A-1") == old


async def test_removing_goes_on_beside_purchases(ledger: Ledger, bought: Callable[..., Any], accept: Make) -> None:
    for n in range(3):
        await bought(f"A-{n}", OLD)
    await bought("B", YOUNG)
    removing = asyncio.create_task(ledger.remove_old("events", CUT_OFF, 0, 100))
    won = await asyncio.gather(*(ledger.commit(accept(f"C-{n}", at=NOW)) for n in range(20)))
    assert all(won)
    assert (await removing).rows == 9


async def test_a_duty_is_done_once_in_its_time(ledger: Ledger) -> None:
    hour = timedelta(hours=1)
    claims = await asyncio.gather(*(ledger.claim_duty("retention_at", NOW, hour) for _ in range(5)))
    assert sorted(claims) == [False] * 4 + [True]
    assert not await ledger.claim_duty("retention_at", NOW + timedelta(minutes=59), hour)
    assert await ledger.claim_duty("retention_at", NOW + hour, hour)
    assert await ledger.claim_duty("another_at", NOW + hour, hour)


async def test_a_clock_that_ran_ahead_does_not_stop_a_duty(ledger: Ledger) -> None:
    hour = timedelta(hours=1)
    assert await ledger.claim_duty("retention_at", NOW + timedelta(days=1000), hour)
    assert await ledger.claim_duty("retention_at", NOW, hour)


async def test_of_two_replicas_one_has_the_duty(postgresql: Any) -> None:
    first, second = await postgresql.open(owner="one"), await postgresql.open(owner="two")
    hour = timedelta(hours=1)
    try:
        claims = await asyncio.gather(*(one.claim_duty("retention_at", NOW, hour) for one in (first, second) * 3))
        assert sum(claims) == 1
    finally:
        await first.close()
        await second.close()
