"""What is counted and added up for operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.transaction import AttemptStatus, Change, Transaction, TransactionStatus
from gateway.ledger import Bought, Ledger

START = datetime(2026, 11, 24, 3, 0, 0, 123456, tzinfo=UTC)
Make = Callable[..., Change]


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def put(ledger: Ledger, change: Change) -> Transaction:
    assert await ledger.commit(change)
    return change.after


def taken_back(before: Transaction, at: datetime) -> Change:
    attempt = replace(before.attempts[0], status=AttemptStatus.REVERSED, ended_at=at)
    changed = replace(before, status=TransactionStatus.REVERSED, attempts=(attempt,), version=before.version + 1)
    return Change(before=before, after=changed)


async def test_the_count_of_what_needs_a_person_is_that_of_the_list(ledger: Ledger, accept: Make) -> None:
    assert await ledger.review_count() == 0
    for n in range(7):
        await put(ledger, accept(f"A-{n}", needs_review=n % 3 == 0, conflict=n == 4))
    assert await ledger.review_count() == len(await ledger.review(limit=100)) == 4


async def test_what_succeeded_later_is_charged_at_its_price_and_what_was_given_back_is_taken_off(
    ledger: Ledger, accept: Make, succeed: Make
) -> None:
    early = await put(ledger, succeed(await put(ledger, accept("A-1")), at=after(10)))
    await put(ledger, succeed(await put(ledger, accept("A-2")), at=after(20)))
    unpriced = succeed(await put(ledger, accept("A-3")), at=after(30))
    attempt = replace(unpriced.after.attempts[0], price=None)
    await put(ledger, replace(unpriced, after=replace(unpriced.after, attempts=(attempt,))))
    await put(ledger, accept("A-4"))
    assert await ledger.charged_since("maxsi", after(10)) == 5350 + 5400, "later than, and what the route says"
    assert await ledger.charged_since("maxsi", after(9.999999)) == 5350 + 5350 + 5400
    assert await ledger.charged_since("second", START) == 0
    await put(ledger, taken_back(early, after(40)))
    assert await ledger.charged_since("maxsi", after(15)) == 5350 + 5400 - 5350, "charged before, given back since"
    assert await ledger.charged_since("maxsi", after(5)) == 5350 + 5400, "charged and given back since"
    assert await ledger.charged_since("maxsi", after(40)) == 0


@pytest.mark.parametrize("days", [1, 6])
async def test_an_attempt_that_was_open_for_days_is_charged_when_it_succeeds(
    ledger: Ledger, accept: Make, succeed: Make, days: int
) -> None:
    accepted = await put(ledger, accept("A-1"))
    later = START + timedelta(days=days)
    await put(ledger, succeed(accepted, at=later))
    assert await ledger.charged_since("maxsi", later - timedelta(seconds=1)) == 5350


async def test_purchases_and_inquiries_are_counted_by_account_in_a_stretch_of_time(
    ledger: Ledger, accept: Make, succeed: Make
) -> None:
    day = timedelta(days=1)

    async def bought(ref_id: str, at: datetime, provider: str, **more: Any) -> None:
        change = accept(ref_id, at=at)
        attempt = replace(change.after.attempts[0], provider=provider)
        accepted = await put(ledger, replace(change, after=replace(change.after, attempts=(attempt,))))
        done = succeed(accepted, at=at + day)
        await put(ledger, replace(done, after=replace(done.after, **more)))

    await bought("A-0", START - timedelta(microseconds=1), "maxsi", bill=None)
    await bought("A-1", START, "maxsi", bill=None)
    await bought("A-2", START, "maxsi", bill={"name": "SITI"})
    await bought("A-3", START + day - timedelta(microseconds=1), "second", bill=None)
    await bought("A-4", START + day, "second", bill=None)
    await put(ledger, accept("A-5", at=START + day / 2))
    assert await ledger.bought(START, START + day) == {"maxsi": Bought(1, 1), "second": Bought(1, 0)}
    assert await ledger.bought(START - day, START - day / 2) == {}
