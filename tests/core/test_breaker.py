"""The breaker of an account (C16)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.breaker import Breaker, BreakerRule, BreakerState, unusable

OPEN, HALF, CLOSED = BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED


def after(*endings: bool, at: float = 0.0, every: float = 0.0) -> Breaker:
    """A breaker that has seen purchases end, `True` for each unusable one."""
    breaker = Breaker()
    for number, bad in enumerate(endings):
        assert breaker.begin(str(number), at) or breaker.state(at) is not CLOSED
        breaker.ended(str(number), at + number * every, unusable=bad)
    return breaker


@pytest.mark.parametrize(
    ("endings", "state"),
    [
        ([True] * 9, CLOSED),
        ([True] * 10, OPEN),
        ([False] * 5 + [True] * 5, OPEN),
        ([False] * 6 + [True] * 5, CLOSED),
        ([False] * 40 + [True] * 39, CLOSED),
        ([False] * 40 + [True] * 40, OPEN),
        ([False] * 100, CLOSED),
    ],
)
def test_it_opens_after_ten_purchases_half_of_them_unusable(endings: list[bool], state: BreakerState) -> None:
    assert after(*endings).state(0.0) is state


def test_six_in_ten_open_it_and_four_in_ten_do_not() -> None:
    """C16: a supplier at 60 %."""
    often = [n % 10 < 6 for n in range(100)]
    seldom = [n % 10 in {3, 5, 7, 9} for n in range(100)]
    assert after(*often).state(0.0) is OPEN
    assert after(*seldom).state(0.0) is CLOSED


def test_what_lies_behind_the_window_no_longer_counts() -> None:
    breaker = after(*[True] * 9)
    breaker.ended("x", 60.5, unusable=True)
    assert breaker.state(60.5) is CLOSED
    assert after(*[True] * 10, every=6.0).state(54.0) is OPEN
    assert after(*[True] * 30, every=7.0).state(203.0) is CLOSED, "ten a minute never come together"


def test_an_open_breaker_lets_nothing_through_until_its_pause_is_over() -> None:
    breaker = after(*[True] * 10)
    assert not breaker.begin("a", 9.9)
    assert breaker.why_not(0.5) == "too many purchases came to nothing; the next one goes in 10 s"
    assert breaker.state(10.0) is HALF
    assert breaker.begin("a", 10.0)


def test_of_many_that_come_at_once_a_half_open_breaker_lets_one_through() -> None:
    breaker = after(*[True] * 10)
    assert [breaker.why_not(10.0) for _ in range(5)] == [None] * 5, "asking takes nothing away"
    assert [breaker.begin(str(n), 10.0) for n in range(1000)].count(True) == 1
    assert breaker.state(10.0) is HALF
    assert breaker.why_not(10.0) == "too many purchases came to nothing; one is under way to see whether it works again"


def test_a_usable_probe_closes_it_and_an_unusable_one_opens_it_for_twice_as_long() -> None:
    breaker = after(*[True] * 10)
    now = 10.0
    for pause in (20.0, 40.0, 80.0, 160.0, 300.0, 300.0):
        assert breaker.begin("probe", now)
        breaker.ended("probe", now, unusable=True)
        assert breaker.state(now + pause - 0.1) is OPEN
        now += pause
        assert breaker.state(now) is HALF
    assert breaker.begin("probe", now)
    breaker.ended("probe", now, unusable=False)
    assert breaker.state(now) is CLOSED
    for n in range(9):
        breaker.ended(str(n), now, unusable=True)
    assert breaker.state(now) is CLOSED, "the old ones are forgotten"
    breaker.ended("10", now, unusable=True)
    assert breaker.state(now + 9.9) is OPEN
    assert breaker.state(now + 10.0) is HALF, "and so is the long pause"


@pytest.mark.parametrize("bad", [True, False])
def test_purchases_that_began_before_it_opened_say_nothing_about_it_now(bad: bool) -> None:
    breaker = after(*[True] * 10)
    for now in (1.0, 10.0):
        breaker.ended("old", now, unusable=bad)
    assert breaker.state(10.0) is HALF
    assert breaker.begin("probe", 10.0)
    breaker.ended("old", 10.0, unusable=bad)
    assert breaker.state(10.0) is HALF


def test_a_probe_that_never_ends_is_not_waited_for_for_ever() -> None:
    breaker = after(*[True] * 10)
    assert breaker.begin("lost", 10.0)
    assert not breaker.begin("next", 69.9)
    assert breaker.begin("next", 70.0)
    breaker.ended("lost", 71.0, unusable=False)
    assert breaker.state(71.0) is HALF, "its word comes too late"
    breaker.ended("next", 71.0, unusable=False)
    assert breaker.state(71.0) is CLOSED


@pytest.mark.parametrize(
    ("answered", "status", "understood", "seconds", "expected"),
    [
        (False, None, False, 0.1, True),
        (True, 200, True, 0.1, False),
        (True, 200, False, 0.1, False),
        (True, 502, False, 0.1, True),
        (True, 500, True, 0.1, False),
        (True, 404, False, 0.1, False),
        (True, 200, True, 24.0, True),
        (True, 200, True, 23.9, False),
    ],
)
def test_what_says_that_a_supplier_cannot_be_used(
    answered: bool, status: int | None, understood: bool, seconds: float, expected: bool
) -> None:
    found = unusable(answered=answered, status=status, understood=understood, seconds=seconds, slow_after=24.0)
    assert found is expected


Step = tuple[str, float, bool]
steps = st.lists(st.tuples(st.sampled_from(["begin", "end"]), st.floats(0, 20), st.booleans()), max_size=120)


@given(steps=steps)
@settings(max_examples=150)
def test_whatever_happens_one_probe_at_most_is_under_way_and_it_always_lets_one_through_again(
    steps: list[Step],
) -> None:
    breaker = Breaker(BreakerRule(least=2, pause=5.0, longest=40.0, probe=30.0))
    now, number = 0.0, 0
    under_way: list[str] = []
    probes: list[tuple[str, float]] = []
    for what, passed, bad in steps:
        now += passed
        before = breaker.state(now)
        if what == "begin":
            number += 1
            allowed = breaker.why_not(now) is None
            assert breaker.begin(str(number), now) is allowed
            if allowed:
                under_way.append(str(number))
                if before is HALF:
                    assert all(now >= until for _, until in probes), "one at a time"
                    probes.append((str(number), now + 30.0))
            assert allowed or before is not CLOSED
        elif under_way:
            ref = under_way.pop(0 if bad else -1)
            breaker.ended(ref, now, unusable=bad)
            probes = [(probe, until) for probe, until in probes if probe != ref]
    assert breaker.begin("last", now + 40.0 + 30.0)
