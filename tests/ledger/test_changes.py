"""What a change writes: everything that belongs to it or nothing at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.outcome import ReasonCode
from gateway.core.transaction import (
    AttemptStatus,
    Change,
    Event,
    ReadReport,
    Reason,
    StoredReport,
    TransactionStatus,
)
from gateway.ledger import ChangeRefusedError, Ledger, LedgerUnavailableError

START = datetime(2026, 11, 24, 3, 0, 0, 123456, tzinfo=UTC)
Make = Callable[..., Change]
TABLES = ("transactions", "attempts", "events", "exchanges", "notifications")


async def counts(database: Any) -> dict[str, int]:
    return {table: await database.count(table) for table in TABLES}


async def test_a_new_transaction_comes_back_as_it_was_written(ledger: Ledger, accept: Make) -> None:
    change = accept()
    assert await ledger.commit(change)
    assert await ledger.transaction(change.after.id) == change.after


async def test_every_field_comes_back_as_it_was_written(ledger: Ledger, accept: Make, succeed: Make) -> None:
    change = accept(attempts=2, max_price=6000, qty=3, route_at=START)
    rich = replace(
        change.after,
        needs_review=True,
        conflict=True,
        reason=Reason(ReasonCode.OPERATOR, "seen by a person"),
        attempts=(
            replace(change.after.attempts[0], reported=False),
            replace(
                change.after.attempts[1],
                status=AttemptStatus.FAILED,
                reason=Reason(ReasonCode.CUTOFF, "tutup"),
                contested=True,
                checks_done=3,
                never_seen=2,
                reported=True,
                expected_price=None,
                nth=2,
            ),
        ),
    )
    assert await ledger.commit(replace(change, after=rich))
    assert await ledger.transaction(rich.id) == rich
    settled = succeed(rich)
    assert await ledger.commit(settled)
    assert await ledger.transaction(rich.id) == settled.after


async def test_a_change_brings_its_events_exchanges_notifications_and_marks_its_report(
    ledger: Ledger, accept: Make, succeed: Make
) -> None:
    opened = accept()
    await ledger.commit(opened)
    number, _ = await ledger.store_report(a_report())
    [attempt] = opened.after.attempts
    change = succeed(opened.after, report=ReadReport(number, "to_verify", attempt.id))
    assert await ledger.commit(change)
    assert [event for _, event in await ledger.events(opened.after.id)] == [*opened.events, *change.events]
    assert await ledger.exchanges(opened.after.id) == list(change.exchanges)
    assert [stored.notification for stored in await ledger.notifications(opened.after.id)] == list(change.notifications)
    assert [(report.verdict, report.attempt) for _, report in await ledger.reports()] == [("to_verify", attempt.id)]


async def test_a_taken_ref_id_loses_and_leaves_nothing(ledger: Ledger, database: Any, accept: Make) -> None:
    assert await ledger.commit(accept("A-1"))
    before = await counts(database)
    assert not await ledger.commit(accept("A-1"))
    assert await counts(database) == before


async def test_many_written_together_come_back_each_with_its_own_and_in_order(
    ledger: Ledger, accept: Make, succeed: Make
) -> None:
    """As many as one statement takes, several times and some more; among them every seventh with a taken `ref_id`."""
    await ledger.commit(accept("taken"))
    new = [accept("taken" if n % 7 == 3 else f"A-{n}", attempts=1 + n % 3) for n in range(29)]
    won = await asyncio.gather(*(ledger.commit(change) for change in new))
    assert won == [n % 7 != 3 for n in range(29)]
    final = [succeed(change.after) for change, win in zip(new, won, strict=True) if win]
    assert all(await asyncio.gather(*(ledger.commit(change) for change in final)))
    for change in final:
        number = change.after.id
        assert await ledger.transaction(number) == change.after
        assert [event.kind for _, event in await ledger.events(number)] == ["accepted", "attempt", "status"]
        assert await ledger.exchanges(number) == list(change.exchanges)
        assert [one.notification for one in await ledger.notifications(number)] == list(change.notifications)
    told = await ledger.events_after("shop", 0, 200)
    assert [number for number, _, _ in told] == sorted(number for number, _, _ in told)
    accepted = [number for _, number, event in told if event.kind == "accepted"]
    assert accepted[1:] == [change.after.id for change, win in zip(new, won, strict=True) if win]


async def test_another_client_may_use_the_same_ref_id(ledger: Ledger, accept: Make) -> None:
    assert await ledger.commit(accept("A-1"))
    assert await ledger.commit(accept("A-1", client="other"))


async def test_a_change_of_a_version_that_has_moved_on_loses_and_leaves_nothing(
    ledger: Ledger, database: Any, accept: Make, succeed: Make
) -> None:
    opened = accept().after
    await ledger.commit(Change(before=None, after=opened))
    number, _ = await ledger.store_report(a_report())
    moved = replace(opened, version=2, needs_review=True)
    assert await ledger.commit(Change(before=opened, after=moved))
    before = await counts(database)
    assert not await ledger.commit(succeed(opened, report=ReadReport(number, "applied", opened.attempts[0].id)))
    assert await counts(database) == before
    assert await ledger.transaction(opened.id) == moved
    assert [report.verdict for _, report in await ledger.reports()] == ["received"]


async def test_of_fifty_at_once_from_the_same_version_one_wins(ledger: Ledger, accept: Make, succeed: Make) -> None:
    opened = accept().after
    await ledger.commit(Change(before=None, after=opened))
    # Without notifications, whose numbers would betray a second winner.
    changes = [
        replace(succeed(opened, at=START + timedelta(seconds=second)), notifications=()) for second in range(1, 51)
    ]
    won = await asyncio.gather(*(ledger.commit(change) for change in changes))
    assert sum(won) == 1
    assert await ledger.transaction(opened.id) == changes[won.index(True)].after
    assert len(await ledger.events(opened.id)) == 2
    assert len(await ledger.exchanges(opened.id)) == 1


async def test_of_fifty_at_once_with_one_ref_id_one_wins(ledger: Ledger, database: Any, accept: Make) -> None:
    changes = [accept("A-1") for _ in range(50)]
    won = await asyncio.gather(*(ledger.commit(change) for change in changes))
    assert sum(won) == 1
    assert await ledger.transaction_by_ref("shop", "A-1") == changes[won.index(True)].after
    assert await counts(database) == {
        "transactions": 1,
        "attempts": 1,
        "events": 1,
        "exchanges": 0,
        "notifications": 0,
    }


async def test_of_the_same_new_transaction_twice_at_once_one_wins(ledger: Ledger, accept: Make) -> None:
    change = accept("A-1", attempts=0)
    won = await asyncio.gather(*(ledger.commit(change) for _ in range(3)))
    assert sum(won) == 1
    assert len(await ledger.events(change.after.id)) == 1


async def test_changes_that_follow_each_other_may_share_a_commit(ledger: Ledger, accept: Make, succeed: Make) -> None:
    opened = accept(attempts=0)
    sent = replace(opened.after, version=2, attempts=accept("other").after.attempts)
    settled = succeed(sent)
    results = await asyncio.gather(
        ledger.commit(opened), ledger.commit(Change(before=opened.after, after=sent)), ledger.commit(settled)
    )
    assert all(results)
    assert await ledger.transaction(opened.after.id) == settled.after


async def test_a_change_that_the_database_refuses_hits_only_its_own_caller(
    ledger: Ledger, database: Any, accept: Make
) -> None:
    good = [accept(f"G-{number}") for number in range(5)]
    await ledger.commit(good[0])
    twice = replace(accept("B-1").after, attempts=good[0].after.attempts)  # an attempt's number given twice
    bad = Change(before=None, after=twice, events=(Event("accepted", START, "client", {}),))
    results = await asyncio.gather(
        *(ledger.commit(change) for change in (good[1], good[2], bad, good[3], good[4])), return_exceptions=True
    )
    assert [result for result in results if result is True] == [True] * 4
    assert isinstance(results[2], ChangeRefusedError)
    assert not isinstance(results[2], LedgerUnavailableError)
    assert await ledger.transaction_by_ref("shop", "B-1") is None
    assert await database.count("events") == 5
    assert await database.count("transactions") == 5


@pytest.mark.parametrize("impossible", [{"id": "12"}, {"qty": 2**70}, {"dest": {"a": 1}}])
async def test_a_value_that_no_row_can_hold_hits_only_its_own_caller(
    ledger: Ledger, accept: Make, impossible: dict[str, Any]
) -> None:
    bad = replace(accept("B-1").after, **impossible)
    results = await asyncio.gather(
        ledger.commit(accept("G-1")),
        ledger.commit(Change(before=None, after=bad)),
        ledger.commit(accept("G-2")),
        return_exceptions=True,
    )
    assert results[0] is True
    assert results[2] is True
    assert isinstance(results[1], ChangeRefusedError)


async def test_what_a_supplier_may_send_can_be_kept(ledger: Ledger, accept: Make, succeed: Make) -> None:
    opened = accept().after
    await ledger.commit(Change(before=None, after=opened))
    change = succeed(opened)
    odd = "SN\x00 \ud800 \U0001f600 \x1b[31m\r\n"
    attempt = replace(change.after.attempts[0], message=odd, serial=odd)
    change = replace(
        change,
        after=replace(change.after, serial=odd, attempts=(attempt,)),
        events=(Event("attempt", START, "answer", {"message": odd, "reason": ReasonCode.CUTOFF}, attempt.id),),
        exchanges=(replace(change.exchanges[0], request=odd, response=odd, failure=odd),),
    )
    assert await ledger.commit(change)
    kept = await ledger.transaction(opened.id)
    assert kept is not None
    clean = kept.attempts[0].message
    assert "\x00" not in clean
    assert clean.startswith("SN\ufffd ")
    assert clean.endswith("\U0001f600 \x1b[31m\r\n")
    assert kept.status is TransactionStatus.SUCCESS
    assert (await ledger.exchanges(opened.id))[0].response == clean
    [(_, event)] = await ledger.events(opened.id)
    assert event.data["reason"] == "cutoff"


async def test_a_time_that_does_not_say_its_zone_is_refused(ledger: Ledger, accept: Make) -> None:
    naive = replace(accept().after, created_at=START.replace(tzinfo=None))
    with pytest.raises(ChangeRefusedError):
        await ledger.commit(Change(before=None, after=naive))


async def test_a_caller_that_gives_up_waiting_does_not_hurt_the_others(ledger: Ledger, accept: Make) -> None:
    first = asyncio.ensure_future(ledger.commit(accept("A-1")))
    second = asyncio.ensure_future(ledger.commit(accept("A-2")))
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    assert await ledger.transaction_by_ref("shop", "A-1") is not None


async def test_closing_writes_what_is_queued_and_refuses_what_comes_later(database: Any, accept: Make) -> None:
    opened = await database.open()
    waiting = [asyncio.ensure_future(opened.commit(accept(f"A-{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await opened.close()
    assert all(await asyncio.gather(*waiting))
    with pytest.raises(LedgerUnavailableError):
        await opened.commit(accept("late"))
    again = await database.open()
    assert len(await again.transactions(limit=100)) == 20
    await again.close()


async def test_many_callers_share_few_commits(database: Any, accept: Make) -> None:
    sizes: list[int] = []
    opened = await database.open(on_commit=lambda size, seconds, whole: sizes.append(size))
    await asyncio.gather(*(opened.commit(accept(f"A-{number}")) for number in range(1100)))
    await opened.close()
    assert sum(sizes) == 1100
    assert len(sizes) <= 5
    assert max(sizes) == 512


def a_report(digest: str = "d1", **fields: Any) -> StoredReport:
    values: dict[str, Any] = {
        "provider": "maxsi",
        "received_at": START,
        "remote": "203.0.113.7",
        "method": "GET",
        "query": "refid=1&message=SUKSES",
        "body": "",
        "digest": digest,
        **fields,
    }
    return StoredReport(**values)


async def test_a_report_gets_a_number_and_a_repeated_one_is_known(ledger: Ledger) -> None:
    first, seen_first = await ledger.store_report(a_report())
    second, seen_second = await ledger.store_report(a_report())
    _, seen_elsewhere = await ledger.store_report(a_report(provider="second"))
    _, seen_other = await ledger.store_report(a_report("d2"))
    assert second > first
    assert [seen_first, seen_second, seen_elsewhere, seen_other] == [False, True, False, False]


async def test_of_the_same_report_many_times_at_once_one_is_the_first(ledger: Ledger) -> None:
    stored = await asyncio.gather(*(ledger.store_report(a_report()) for _ in range(20)))
    assert [seen for _, seen in stored].count(False) == 1
    assert len({number for number, _ in stored}) == 20


async def test_a_report_is_marked_with_its_verdict_and_its_attempt(ledger: Ledger) -> None:
    number, _ = await ledger.store_report(a_report())
    await ledger.mark_report(number, "to_verify", "000000000000000042")
    await ledger.mark_report(number, "nothing_new")
    [(found, report)] = await ledger.reports(attempt="000000000000000042")
    assert (found, report) == (number, a_report(verdict="nothing_new", attempt="000000000000000042"))
    assert await ledger.reports(verdict="to_verify") == []
