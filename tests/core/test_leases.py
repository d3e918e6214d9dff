"""Who counts as gone: those who were silent while the ledger could be reached, and nobody who lives."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.leases import Reach, failed, gone_before, newcomer, reached

SECOND = 1_000_000
LEASE = 15 * SECOND
BEAT = LEASE // 3
AGAIN = SECOND // 2
"""A replica whose heartbeat failed tries again so soon."""
SWEEP = SECOND
START = 1_795_000_000 * SECOND

Outages = list[tuple[int, int]]
outages = st.lists(
    st.tuples(st.integers(0, 40 * SECOND), st.integers(1, 60 * SECOND)).map(tuple), min_size=0, max_size=8
)
"""Each: how long the ledger is there, and then how long it is not, in microseconds."""


def away(pattern: Outages) -> Outages:
    """From and to of each outage."""
    found, at = [], START
    for there, gone in pattern:
        found.append((at + there, at + there + gone))
        at += there + gone
    return found


def is_away(at: int, when: Outages) -> bool:
    return any(start <= at < end for start, end in when)


def heartbeats(first: int, until: int, when: Outages) -> list[int]:
    """When a replica that lives renews its lease."""
    found, at = [], first
    while at <= until:
        if is_away(at, when):
            at += AGAIN
        else:
            found.append(at)
            at += BEAT
    return found


def contacts(first: int, until: int, when: Outages) -> list[tuple[int, Reach]]:
    """What a replica knows after each of its sweeps. It notices connections that were lost since the last one."""
    reach, found, last = Reach(), [], first
    for at in range(first, until, SWEEP):
        if is_away(at, when) or any(last < start <= at for start, _ in when):
            reach = failed(reach)
        if not is_away(at, when):
            reach = reached(reach, at, LEASE)
            found.append((at, reach))
        last = at
    return found


@settings(max_examples=60)
@given(outages, st.integers(0, BEAT), st.integers(0, SWEEP))
def test_nobody_who_lives_counts_as_gone_whatever_the_outages(pattern: Outages, beat: int, sweep: int) -> None:
    when = away(pattern)
    until = (when[-1][1] if when else START) + 4 * LEASE
    beats = heartbeats(START + beat, until, when)
    for at, reach in contacts(START + sweep, until, when):
        gone = gone_before(reach, LEASE)
        renewed = max((one for one in beats if one <= at), default=at)
        assert gone is None or gone < renewed, f"{(at - START) / SECOND:g} s after the start"


@settings(max_examples=60)
@given(outages, st.integers(0, SWEEP))
def test_who_is_gone_is_known_one_lease_after_the_last_outage(pattern: Outages, sweep: int) -> None:
    when = away(pattern)
    over = when[-1][1] if when else START
    renewed = over - 1  # in the moment before the ledger went away at the latest
    seen = contacts(START + sweep, over + LEASE + 3 * SWEEP, when)
    gone = gone_before(seen[-1][1], LEASE)
    assert gone is not None
    assert gone >= renewed


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(-LEASE, LEASE)), max_size=60))
def test_what_is_known_is_never_more_than_a_lease_of_answers_before_the_last_one(steps: list[tuple[bool, int]]) -> None:
    reach, now, answers = Reach(), START, []
    for answered, pause in steps:
        now += pause
        if answered:
            reach = reached(reach, now, LEASE)
            answers.append(now)
        else:
            reach = failed(reach)
        assert all(start <= end for start, end in reach.spans)
        assert all(one[1] < other[0] for one, other in zip(reach.spans, reach.spans[1:], strict=False))
        gone = gone_before(reach, LEASE)
        if gone is not None:
            assert min(answers) <= gone <= max(answers) - LEASE


def test_an_outage_longer_than_a_lease_makes_nobody_gone_who_renewed_before_it() -> None:
    known = newcomer(START, START + 60 * SECOND)
    back = failed(known)
    for at in range(360, 370):
        back = reached(back, START + at * SECOND, LEASE)
    assert gone_before(known, LEASE) == START + 45 * SECOND
    assert gone_before(back, LEASE) == START + 54 * SECOND


def test_a_machine_that_slept_has_seen_nothing_meanwhile() -> None:
    known = newcomer(START, START + 60 * SECOND)
    woken = reached(reached(known, START + 3_600 * SECOND, LEASE), START + 3_601 * SECOND, LEASE)
    assert gone_before(woken, LEASE) == START + 46 * SECOND


def test_the_time_of_a_failure_does_not_count() -> None:
    known = newcomer(START, START + 14 * SECOND)
    back = reached(failed(known), START + 16 * SECOND, LEASE)
    assert gone_before(back, LEASE) is None
    assert gone_before(reached(known, START + 16 * SECOND, LEASE), LEASE) == START + SECOND


def test_a_clock_that_is_set_back_makes_nobody_gone() -> None:
    known = newcomer(START, START + 60 * SECOND)
    assert gone_before(reached(known, START - 3_600 * SECOND, LEASE), LEASE) is None


def test_answers_that_overtake_each_other_change_nothing() -> None:
    known = newcomer(START, START + 60 * SECOND)
    assert gone_before(reached(known, START + 59 * SECOND, LEASE), LEASE) == gone_before(known, LEASE)


def test_a_newcomer_at_a_server_that_was_just_started_takes_nobody_for_gone() -> None:
    assert gone_before(newcomer(START, START + 14 * SECOND), LEASE) is None
    assert gone_before(newcomer(START, START + 15 * SECOND), LEASE) == START


def test_a_ledger_that_flaps_for_ever_is_not_remembered_for_ever() -> None:
    reach = Reach()
    for at in range(10_000):
        reach = failed(reached(reached(reach, START + at * SECOND, LEASE), START + at * SECOND + 1, LEASE))
    assert len(reach.spans) <= 100


def test_answers_at_most_half_a_lease_apart_are_one_span_and_others_are_not() -> None:
    first = reached(Reach(), 0, 12)
    assert reached(first, 6, 12) == Reach(((0, 6),), unbroken=True)
    assert reached(first, 7, 12) == Reach(((7, 7),), unbroken=True), "of the first there is nothing to remember"
    longer = reached(first, 6, 12)
    assert reached(longer, 13, 12) == Reach(((0, 6), (13, 13)), unbroken=True)


def test_a_clock_that_is_set_back_by_more_than_half_a_lease_is_another_clock() -> None:
    known = reached(reached(Reach(), 0, 12), 6, 12)
    assert reached(known, 0, 12) == Reach(((0, 6),), unbroken=True), "answers that overtook each other"
    back = reached(known, -1, 12)
    assert back == Reach(((-1, -1),), unbroken=True)
    assert reached(back, 5, 12) == Reach(((-1, 5),), unbroken=True)


def test_after_a_failure_the_answers_are_one_span_from_the_next_one_on() -> None:
    broken = failed(reached(reached(Reach(), 0, 12), 6, 12))
    assert reached(broken, 6, 12) == Reach(((0, 6),), unbroken=True)
    assert reached(reached(broken, 6, 12), 9, 12) == Reach(((0, 9),), unbroken=True)


def test_of_many_spans_the_latest_are_remembered() -> None:
    reach = Reach()
    for number in range(300):
        start = 100 * number
        reach = failed(reached(reached(reach, start, 12), start + 6, 12))
    assert reach.spans[-1] == (29_900, 29_906)
    assert len(reach.spans) == 100


def test_a_server_that_started_later_than_its_answer_says_is_known_from_that_answer_on() -> None:
    assert newcomer(500, 400) == Reach(((400, 400),), unbroken=True)
