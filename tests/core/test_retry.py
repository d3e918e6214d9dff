"""Putting off checks at a supplier that is down (C17)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.retry import RetryBudget, put_off
from gateway.core.transaction import AttemptState, AttemptStatus, Transaction

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


def down(at: float = 0.0) -> RetryBudget:
    budget = RetryBudget()
    for n in range(3):
        assert budget.begin(f"first {n}", at) == 0
        budget.ended(at, answered=False)
    return budget


def test_calls_go_out_while_some_are_answered() -> None:
    budget = RetryBudget()
    for n in range(100):
        assert budget.begin(str(n), 0.0) == 0
        budget.ended(0.0, answered=n % 3 == 0)


def test_after_three_calls_without_an_answer_the_others_wait() -> None:
    budget = down()
    assert [budget.begin(f"c{n}", 0.0) for n in range(1000)] == [5.0] * 1000
    assert budget.begin("c1", 4.0) == 1.0


def test_one_probe_goes_at_a_time_behind_a_growing_pause() -> None:
    budget = down()
    sent = []
    now = 0.0
    while now < 500:
        for n in range(1000):
            if budget.begin(f"{now} {n}", now) == 0:
                sent.append(now)
                budget.ended(now, answered=False)
        now += 1
    assert sent == [5, 15, 35, 75, 155, 275, 395]


def test_the_first_answer_lets_all_go() -> None:
    budget = down()
    assert budget.begin("a", 0.0) > 0
    assert budget.begin("probe", 5.0) == 0
    budget.ended(6.0, answered=True)
    assert [budget.begin(f"c{n}", 6.0) for n in range(100)] == [0.0] * 100
    for _ in range(3):
        budget.ended(7.0, answered=False)
    assert budget.begin("a", 7.0) == 5.0, "the pause begins anew"


def test_no_call_is_put_off_for_longer_than_ten_minutes() -> None:
    budget = down()
    now = 0.0
    while budget.begin("mine", now) > 0:
        if budget.begin(f"probe {now}", now) == 0:
            budget.ended(now, answered=False)
        now += 1
    assert now <= 600
    other = down()
    assert other.begin("mine", 1.0) > 0
    other._next_at = 10_000.0
    assert other.begin("mine", 600.0) == 1.0
    assert other.begin("mine", 601.0) == 0


def test_how_long_a_call_has_waited_is_counted_from_its_own_last_turn() -> None:
    budget = down()
    assert budget.begin("mine", 0.0) > 0
    assert budget.begin("mine", 5.0) == 0, "it is the probe"
    budget.ended(5.0, answered=False)
    assert budget.begin("other", 6.0) > 0
    budget._next_at = 10_000.0
    assert budget.begin("mine", 601.0) > 0, "it has not waited since 0"


def test_after_an_answer_all_have_waited_for_nothing() -> None:
    budget = down()
    assert budget.begin("mine", 0.0) > 0
    budget.ended(1.0, answered=True)
    assert budget.begin("other", 1.0) == 0
    for _ in range(3):
        budget.ended(599.0, answered=False)
    assert budget.begin("mine", 600.0) == 4.0


def test_in_an_hour_of_a_supplier_that_is_down_a_thousand_checks_make_no_more_calls_than_their_turns() -> None:
    """C17: at most 10 % extra calls. Here each call is a check that was due, and most of them are saved."""
    budget = down()
    due = {str(n): 0.0 for n in range(1000)}
    calls = 0
    for now in range(3600):
        for name, at in due.items():
            if at <= now:
                wait = budget.begin(name, now)
                if wait == 0:
                    calls += 1
                    budget.ended(now, answered=False)
                    due[name] = now + 600  # its schedule's next check
                else:
                    due[name] = now + wait
    assert calls <= 3600 / 600 * 1000 / 1.9, "half of the 6,000 that the schedule alone would make"


def transaction(next_check_at: datetime | None = NOW) -> Transaction:
    attempt = AttemptState(
        id="217000000000000000", number=1, provider="one", product="X5", expected_price=5400, started_at=NOW,
        status=AttemptStatus.UNKNOWN, checks_done=2, next_check_at=next_check_at,
    )  # fmt: skip
    return Transaction(
        id="217000000000000001", client="shop", ref_id="A", request_hash="", product="XL5", dest="0817", qty=1,
        max_price=None, attempts=(attempt,), created_at=NOW, updated_at=NOW, deadline_at=NOW,
    )  # fmt: skip


def test_a_check_that_is_put_off_is_not_counted() -> None:
    decision = put_off(transaction(), "217000000000000000", now=NOW, seconds=5.0)
    (attempt,) = decision.after.attempts
    assert attempt.next_check_at == NOW + timedelta(seconds=5)
    assert (attempt.checks_done, decision.after.version, decision.events) == (2, 2, ())


def test_numbers_spread_what_is_put_off_over_as_long_again() -> None:
    before = transaction()
    attempt = before.attempts[0]
    times = set()
    for n in range(200):
        one = f"{217_000_000_000 + n:012d}000000"
        moved = transaction()
        object.__setattr__(moved.attempts[0], "id", one)
        later = put_off(moved, one, now=NOW, seconds=10.0).after.attempts[0].next_check_at
        assert later is not None
        times.add((later - NOW).total_seconds())
    assert min(times) == 10.0
    assert max(times) == pytest.approx(19.9)
    assert len(times) == 100
    assert attempt.next_check_at == NOW


def test_what_needs_no_check_any_more_is_left_alone() -> None:
    settled = transaction(next_check_at=None)
    assert put_off(settled, "217000000000000000", now=NOW, seconds=5.0).after is settled
    assert put_off(settled, "no such attempt", now=NOW, seconds=5.0).after is settled
