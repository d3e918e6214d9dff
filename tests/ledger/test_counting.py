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


async def test_charges_between_two_moments_are_the_difference_of_two_balances(
    ledger: Ledger, accept: Make, succeed: Make
) -> None:
    early = await put(ledger, succeed(await put(ledger, accept("A-1")), at=after(10)))
    await put(ledger, succeed(await put(ledger, accept("A-2")), at=after(20)))
    await put(ledger, accept("A-3"))
    await put(ledger, taken_back(early, after(30)))
    moments = (0, 10, 15, 20, 25, 30, 40)
    left = {0: 0, 10: 5350, 15: 5350, 20: 10700, 25: 10700, 30: 5350, 40: 5350}
    for start in moments:
        for end in moments[moments.index(start) :]:
            charged = await ledger.charged_between("maxsi", after(start), after(end))
            assert charged == left[end] - left[start], (start, end)
    assert await ledger.charged_between("second", after(0), after(40)) == 0


async def test_what_was_under_way_at_a_moment_is_found_as_it_stands_now(
    ledger: Ledger, accept: Make, succeed: Make
) -> None:
    old = START - timedelta(days=30)
    await put(ledger, succeed(await put(ledger, accept("A-1")), at=after(10)))
    late = await put(ledger, succeed(await put(ledger, accept("A-2")), at=after(20)))
    back = await put(ledger, succeed(await put(ledger, accept("A-3")), at=after(12)))
    await put(ledger, taken_back(back, after(30)))
    waiting = await put(ledger, accept("A-4", needs_review=True, at=old))
    live = await put(ledger, accept("A-5"))
    disputed = await put(ledger, accept("A-6", status=TransactionStatus.FAILED, conflict=True, at=old))
    found = {claim.attempt: claim for claim in await ledger.claims("maxsi", after(15))}
    assert set(found) == {one.attempts[0].id for one in (late, back, waiting, live, disputed)}
    ended = found[late.attempts[0].id]
    assert (ended.status, ended.charge, ended.most, ended.ended_at) == (AttemptStatus.SUCCESS, 5350, 5400, after(20))
    assert ended.succeeded_at is None
    assert found[back.attempts[0].id].succeeded_at == after(12)
    assert found[live.attempts[0].id].status is AttemptStatus.SENDING
    assert await ledger.claims("second", after(15)) == []


async def test_what_ends_while_it_is_asked_what_was_under_way_is_found_as_it_ended(
    ledger: Any, accept: Make, succeed: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await put(ledger, accept("A-1"))
    read, reads = ledger._rows, 0

    async def and_meanwhile_it_ends(*args: Any, **named: Any) -> Any:
        nonlocal reads
        found = await read(*args, **named)
        reads += 1
        if reads == 1:
            await put(ledger, succeed(before, at=after(20)))
        return found

    monkeypatch.setattr(ledger, "_rows", and_meanwhile_it_ends)
    (claim,) = await ledger.claims("maxsi", after(15))
    assert (claim.status, claim.charge, reads) == (AttemptStatus.SUCCESS, 5350, 2)


async def test_the_base_of_a_balance_is_the_latest_that_was_computed(ledger: Ledger) -> None:
    assert await ledger.balance_base("maxsi") is None
    await ledger.save_balance("maxsi", after(1), 1_000, 900)
    await ledger.save_balance("maxsi", after(2), 1_000, 950)
    await ledger.save_balance("maxsi", after(3), 800, None)
    await ledger.save_balance("second", after(4), 1, 1)
    base = await ledger.balance_base("maxsi")
    assert base is not None
    assert (base.at, base.reported, base.computed) == (after(2), 1_000, 950)


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


async def test_equal_purchases_are_those_of_the_day_that_were_delivered_or_may_be(ledger: Ledger, accept: Make) -> None:
    async def attempt(ref_id: str, status: AttemptStatus, sent: float = 60, **differs: Any) -> None:
        change = accept(ref_id, **({"dest": differs.pop("dest")} if "dest" in differs else {}))
        given = {"provider": "maxsi", "product": "XL5", "nth": 1, **differs}
        one = replace(change.after.attempts[0], status=status, started_at=after(sent), **given)
        await put(ledger, replace(change, after=replace(change.after, attempts=(one,))))

    for place, status in enumerate(AttemptStatus):
        await attempt(f"A-{place}", status)
    dest = (await ledger.transactions())[0].dest
    await attempt("B-1", AttemptStatus.SUCCESS, provider="second")
    await attempt("B-2", AttemptStatus.SUCCESS, product="XL10")
    await attempt("B-3", AttemptStatus.SUCCESS, dest="081799999999")
    await attempt("B-4", AttemptStatus.SUCCESS, nth=None)
    await attempt("B-5", AttemptStatus.SUCCESS, sent=-1)
    assert await ledger.equal_purchases("maxsi", "XL5", dest, START) == 4, "sending, pending, unknown and success"
    assert await ledger.equal_purchases("maxsi", "XL5", dest, after(60)) == 4
    assert await ledger.equal_purchases("maxsi", "XL5", dest, after(61)) == 0
