"""What the ledger finds, in which order, and on whose behalf."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.references import References
from gateway.core.transaction import (
    AttemptStatus,
    Change,
    Event,
    Exchange,
    StoredReport,
    Transaction,
    TransactionStatus,
)
from gateway.ledger import Balance, Ledger

START = datetime(2026, 11, 24, 3, 0, 0, 123456, tzinfo=UTC)
Make = Callable[..., Change]


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def put(ledger: Ledger, change: Change) -> Transaction:
    assert await ledger.commit(change)
    return change.after


async def test_a_transaction_is_found_by_number_ref_id_attempt_and_supplier_reference(
    ledger: Ledger, accept: Make, succeed: Make
) -> None:
    opened = await put(ledger, accept(attempts=2))
    settled = await put(ledger, succeed(opened))
    first, second = settled.attempts
    assert await ledger.transaction(settled.id) == settled
    assert await ledger.transaction_by_ref("shop", "A-1") == settled
    assert await ledger.transaction_by_attempt("maxsi", first.id) == settled
    assert await ledger.transaction_by_attempt("maxsi", second.id) == settled
    assert await ledger.transaction_by_supplier_ref("maxsi", f"S{first.id}") == settled


@pytest.mark.parametrize("unknown", ["", "1", "217652400123000999", "x" * 18, "２" * 18, "1' OR '1'='1"])
async def test_what_is_not_there_is_none(ledger: Ledger, accept: Make, unknown: str) -> None:
    opened = await put(ledger, accept())
    assert await ledger.transaction(unknown) is None
    assert await ledger.transaction_by_ref("shop", unknown) is None
    assert await ledger.transaction_by_ref("other", "A-1") is None
    assert await ledger.transaction_by_attempt("maxsi", unknown) is None
    assert await ledger.transaction_by_attempt("second", opened.attempts[0].id) is None
    assert await ledger.transaction_by_supplier_ref("maxsi", unknown) is None


async def test_a_supplier_reference_that_two_transactions_carry_finds_none(
    ledger: Ledger, accept: Make, succeed: Make
) -> None:
    for ref_id in ("A-1", "A-2"):
        change = succeed(await put(ledger, accept(ref_id)))
        attempt = replace(change.after.attempts[0], supplier_ref="SAME")
        await put(ledger, replace(change, after=replace(change.after, attempts=(attempt,))))
    assert await ledger.transaction_by_supplier_ref("maxsi", "SAME") is None


async def test_pages_go_from_newest_to_oldest_without_a_gap(ledger: Ledger, accept: Make) -> None:
    made = [await put(ledger, accept(f"A-{number}", attempts=number % 3)) for number in range(7)]
    seen: list[Transaction] = []
    before: str | None = None
    while page := await ledger.transactions(before_id=before, limit=3):
        seen += page
        before = page[-1].id
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["A-3", "A-2", "A-1"]),
        ({"client": "shop"}, ["A-2", "A-1"]),
        ({"status": "success"}, ["A-1"]),
        ({"product": "PLN20"}, ["A-2"]),
        ({"dest": "0800"}, ["A-3"]),
        ({"provider": "maxsi"}, ["A-2", "A-1"]),
        ({"provider": "second"}, []),
        ({"start": after(10)}, ["A-3", "A-2"]),
        ({"end": after(10)}, ["A-1"]),
        ({"start": after(10), "end": after(20), "client": "shop", "status": "pending"}, ["A-2"]),
    ],
)
async def test_filters_are_all_applied(
    ledger: Ledger, accept: Make, succeed: Make, filters: dict[str, Any], found: list[str]
) -> None:
    await put(ledger, succeed(await put(ledger, accept("A-1"))))
    await put(ledger, accept("A-2", product="PLN20", at=after(10)))
    await put(ledger, accept("A-3", client="other", dest="0800", attempts=0, at=after(20)))
    assert [transaction.ref_id for transaction in await ledger.transactions(**filters)] == found


async def test_review_finds_what_a_person_must_settle(ledger: Ledger, accept: Make) -> None:
    await put(ledger, accept("fine"))
    first = await put(ledger, accept("unsure", needs_review=True))
    second = await put(ledger, accept("contradicting", conflict=True, status=TransactionStatus.FAILED))
    assert await ledger.review() == [second, first]
    assert await ledger.review(before_id=second.id) == [first]
    assert await ledger.review(limit=1) == [second]


async def test_review_is_filtered_by_client_and_by_account(ledger: Ledger, accept: Make) -> None:
    await put(ledger, accept("fine"))
    first = await put(ledger, accept("unsure", needs_review=True))
    other = await put(ledger, accept("of another", client="other", attempts=0, conflict=True))
    assert await ledger.review(client="other") == [other]
    assert await ledger.review(client=first.client) == [first]
    assert await ledger.review(provider=first.attempts[0].provider) == [first]
    assert await ledger.review(provider="nobody") == []
    assert await ledger.review(provider=first.attempts[0].provider, before_id=first.id) == []


async def test_checks_come_due_in_their_order_and_for_their_owner_only(ledger: Ledger, accept: Make) -> None:
    late = await put(ledger, accept("late", at=after(5)))
    early = await put(ledger, accept("early"))
    await put(ledger, accept("not yet", at=after(60)))
    await put(ledger, accept("of another", owner="there"))
    expected = [(each.id, each.attempts[0].id) for each in (early, late)]
    assert await ledger.due_checks(after(36), 10) == expected
    assert await ledger.due_checks(after(36), 1) == expected[:1]
    assert await ledger.due_checks(after(29), 10) == []


async def test_routes_come_due_in_their_order_and_for_their_owner_only(ledger: Ledger, accept: Make) -> None:
    second = await put(ledger, accept("A", attempts=0, route_at=after(2)))
    first = await put(ledger, accept("B", attempts=0, route_at=after(1)))
    await put(ledger, accept("C", attempts=0, route_at=after(9)))
    await put(ledger, accept("D", attempts=0, route_at=after(1), owner="there"))
    await put(ledger, accept("E", attempts=0))
    assert await ledger.due_routes(after(3), 10) == [first.id, second.id]
    assert await ledger.due_routes(after(3), 1) == [first.id]


async def test_what_was_being_sent_is_found_again_for_its_owner_only(
    ledger: Ledger, accept: Make, succeed: Make
) -> None:
    first, second = [await put(ledger, accept(ref_id)) for ref_id in ("A-1", "A-2")]
    await put(ledger, succeed(await put(ledger, accept("done"))))
    await put(ledger, accept("of another", owner="there"))
    assert await ledger.interrupted(10) == [first, second]
    assert await ledger.interrupted(1) == [first]


async def test_the_open_ones_are_counted_over_all_owners(ledger: Ledger, accept: Make, succeed: Make) -> None:
    assert await ledger.open_count() == (0, None)
    oldest = await put(ledger, accept("A-1", owner="there"))
    await put(ledger, accept("A-2", at=after(1)))
    assert await ledger.open_count() == (2, START)
    await put(ledger, succeed(oldest))
    assert await ledger.open_count() == (1, after(1))


async def test_the_last_reference_of_a_node_counts_attempts_too(ledger: Ledger, accept: Make) -> None:
    assert await ledger.last_reference(7) is None
    node7 = References(7)
    opened = await put(ledger, accept("A-1", attempts=0, id=node7.next(START)))
    await put(ledger, accept("A-2", at=after(60)))  # newer, by another node
    assert await ledger.last_reference(7) == opened.id
    attempt = replace(accept("x").after.attempts[0], id=node7.next(START))
    await put(ledger, Change(before=opened, after=replace(opened, version=2, attempts=(attempt,))))
    assert await ledger.last_reference(7) == attempt.id


async def test_numbers_go_on_above_what_the_ledger_holds(ledger: Ledger, accept: Make) -> None:
    node7 = References(7)
    transaction = await put(ledger, accept("A-1", attempts=0, id=node7.next(after(3600))))
    last = await ledger.last_reference(7)
    assert last == transaction.id
    assert References(7, last).next(START) > transaction.id
    assert await ledger.last_reference(8) is None


async def test_events_stream_in_the_order_of_their_commits(ledger: Ledger, accept: Make, succeed: Make) -> None:
    first = await put(ledger, accept("A-1"))
    other = await put(ledger, accept("B-1", client="other"))
    await put(ledger, succeed(first))
    everything = await ledger.events_after(None, 0, 100)
    assert [(transaction, event.kind) for _, transaction, event in everything] == [
        (first.id, "accepted"),
        (other.id, "accepted"),
        (first.id, "attempt"),
        (first.id, "status"),
    ]
    numbers = [number for number, _, _ in everything]
    assert numbers == sorted(set(numbers))
    assert await ledger.events_after("shop", 0, 100) == [everything[0], *everything[2:]]
    assert await ledger.events_after("shop", numbers[0], 1) == [everything[2]]
    assert await ledger.events_after(None, numbers[-1], 100) == []
    assert await ledger.events(first.id) == [(number, event) for number, _, event in [everything[0], *everything[2:]]]


async def test_a_reader_that_follows_the_events_misses_none(database: Any, accept: Make) -> None:
    """Two writers where there can be two, and one reader that always goes on from the last number that it saw."""
    writers = [await database.open() for _ in range(1 if database.kind == "sqlite" else 2)]
    written = 300
    seen: list[int] = []

    async def write(which: int, ledger: Ledger) -> None:
        for number in range(which, written, len(writers)):
            change = accept(f"A-{number}", attempts=0)
            assert await ledger.commit(replace(change, events=(Event("accepted", START, "client", {"n": number}),)))

    async def read() -> None:
        last = 0
        while len(seen) < written:
            for number, _, event in await writers[0].events_after("shop", last, 7):
                assert number > last
                last = number
                seen.append(int(str(event.data["n"])))
            await asyncio.sleep(0)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(read())
        for which, ledger in enumerate(writers):
            group.create_task(write(which, ledger))
    for ledger in writers:
        await ledger.close()
    assert sorted(seen) == list(range(written))


async def test_an_exchange_that_changed_nothing_is_kept_too(ledger: Ledger, accept: Make) -> None:
    opened = await put(ledger, accept())
    exchange = Exchange(
        attempt=opened.attempts[0].id,
        provider="maxsi",
        purpose="check",
        request="GET /check",
        response=None,
        status=None,
        failure="answer time-out",
        started_at=START,
        duration_ms=30_000,
    )
    await ledger.store_exchange(exchange, opened.id)
    await ledger.store_exchange(replace(exchange, attempt=None, purpose="balance"), None)
    assert await ledger.exchanges(opened.id) == [exchange]


async def test_a_notification_waits_until_it_is_delivered(ledger: Ledger, accept: Make, succeed: Make) -> None:
    opened = await put(ledger, accept())
    change = succeed(opened)
    await put(ledger, change)
    [due] = await ledger.due_notifications(after(2), 10)
    assert due.notification == change.notifications[0]
    assert (due.transaction, due.created_at, due.next_try_at, due.tries) == (opened.id, after(2), after(2), 0)
    assert await ledger.due_notifications(after(1), 10) == []
    await ledger.notification_tried(due.notification.id, after(3), after(63), "500 from the receiver")
    assert await ledger.due_notifications(after(62), 10) == []
    [again] = await ledger.due_notifications(after(63), 10)
    assert (again.tries, again.tried_at, again.last_error) == (1, after(3), "500 from the receiver")
    await ledger.notification_tried(due.notification.id, after(63), None, None, delivered=True)
    assert await ledger.due_notifications(after(9999), 10) == []
    [kept] = await ledger.notifications(opened.id)
    assert (kept.tries, kept.delivered_at, kept.dead_at, kept.last_error) == (2, after(63), None, None)


async def test_a_dead_notification_is_not_due(ledger: Ledger, accept: Make, succeed: Make) -> None:
    change = succeed(await put(ledger, accept()))
    await put(ledger, change)
    await ledger.notification_tried(change.notifications[0].id, after(5), after(9), "410 Gone", dead=True)
    assert await ledger.due_notifications(after(9999), 10) == []
    [kept] = await ledger.notifications(change.after.id)
    assert (kept.dead_at, kept.delivered_at, kept.last_error) == (after(5), None, "410 Gone")


async def test_the_latest_balance_of_each_provider_counts(ledger: Ledger) -> None:
    await ledger.save_balance("maxsi", after(2), 900, 850)
    await ledger.save_balance("maxsi", after(1), 1000, 1000)
    await ledger.save_balance("second", after(1), None, -5)
    await ledger.save_balance("second", after(1), 7, -5)
    assert await ledger.balances() == {
        "maxsi": Balance(provider="maxsi", at=after(2), reported=900, computed=850),
        "second": Balance(provider="second", at=after(1), reported=7, computed=-5),
    }


async def test_a_paused_account_stays_paused_over_a_restart(database: Any) -> None:
    first = await database.open()
    await first.pause_account("maxsi", "wrong PIN")
    await first.pause_account("second", "by SITI")
    await first.pause_account("second", "by BUDI")
    await first.pause_account("third", "x")
    await first.resume_account("third")
    await first.close()
    again = await database.open()
    assert await again.paused_accounts() == {"maxsi": "wrong PIN", "second": "by BUDI"}
    await again.close()


async def test_reports_are_listed_newest_first(ledger: Ledger) -> None:
    def report(digest: str) -> StoredReport:
        return StoredReport(
            provider="maxsi", received_at=START, remote="::1", method="POST", query="", body=digest, digest=digest
        )

    numbers = [(await ledger.store_report(report(digest)))[0] for digest in ("a", "b", "c")]
    await ledger.mark_report(numbers[1], "unmatched")
    assert [number for number, _ in await ledger.reports()] == numbers[::-1]
    assert [number for number, _ in await ledger.reports(verdict="unmatched")] == [numbers[1]]
    assert [number for number, _ in await ledger.reports(verdict="received", limit=1)] == [numbers[2]]
    assert [number for number, _ in await ledger.reports(before=numbers[2])] == numbers[1::-1]
    assert [number for number, _ in await ledger.reports(verdict="received", before=numbers[2])] == [numbers[0]]
    assert await ledger.reports(before=numbers[0]) == []


async def test_an_attempt_that_ended_is_not_being_sent(ledger: Ledger, accept: Make) -> None:
    opened = await put(ledger, accept())
    unknown = replace(opened.attempts[0], status=AttemptStatus.UNKNOWN)
    await put(ledger, Change(before=opened, after=replace(opened, version=2, attempts=(unknown,))))
    assert await ledger.interrupted(10) == []


async def test_a_writable_ledger_says_so_and_probes_at_most_once_a_second(database: Any) -> None:
    commits: list[int] = []
    opened = await database.open(on_commit=lambda size, seconds, whole: commits.append(size))
    for _ in range(50):
        await opened.writable()
    await asyncio.gather(*(opened.writable() for _ in range(50)))
    assert len(commits) == 1
    await opened.close()


async def test_a_ledger_tells_its_owner_and_never_its_password(database: Any) -> None:
    opened = await database.open(owner="here")
    assert opened.owner == "here"
    assert "canary-password" not in repr(opened)
    await opened.close()
