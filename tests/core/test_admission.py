"""A burst is taken, a standing queue is cut short, and what is over is over (C19)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.admission import Admission, AdmissionRule

RULE = AdmissionRule(many=10, burst=100)


def test_few_are_always_let_in() -> None:
    admission = Admission(RULE)
    assert all(admission.admits(9, now / 10) for now in range(1000))


def test_a_burst_is_let_in_for_a_moment() -> None:
    admission = Admission(RULE)
    assert all(admission.admits(inside, 1.0 + inside / 1000) for inside in range(100))
    assert admission.admits(10, 1.4)


def test_a_queue_that_drains_in_between_is_no_standing_one() -> None:
    admission = Admission(RULE)
    for second in range(20):
        assert admission.admits(50, second)
        assert admission.admits(9, second + 0.4)


def test_a_standing_queue_is_cut_short() -> None:
    admission = Admission(RULE)
    assert admission.admits(50, 1.0)
    assert not admission.admits(50, 1.6)
    assert not admission.admits(10, 1.7)
    assert admission.admits(9, 1.8), "the machine goes on working at what it can"


def test_more_than_a_burst_are_refused_at_once() -> None:
    assert not Admission(RULE).admits(100, 1.0)


def test_it_is_over_when_nobody_was_refused_for_a_while() -> None:
    admission = Admission(RULE)
    assert not admission.admits(100, 1.0)
    assert admission.admits(9, 1.9)
    assert not admission.admits(10, 1.95), "still strained"
    assert admission.admits(9, 3.0)
    assert admission.admits(99, 3.1), "calm again: a burst is taken"


@given(steps=st.lists(st.tuples(st.integers(0, 200), st.floats(0, 2)), max_size=50))
def test_never_more_than_a_burst_and_never_fewer_than_many(steps: list[tuple[int, float]]) -> None:
    admission, now = Admission(RULE), 0.0
    for inside, passed in steps:
        now += passed
        let_in = admission.admits(inside, now)
        assert let_in or inside >= RULE.many
        assert not let_in or inside < RULE.burst
