"""When a notification is tried again, and when a receiver is left alone: `core.delivery`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.delivery import (
    LONGEST_PAUSE,
    MOST_RETRY_AFTER,
    SCHEDULE,
    TOLERATED,
    Answer,
    Receiver,
    Result,
    Verdict,
    judge,
    retry_after,
)

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
FRACTION = st.floats(min_value=0, max_value=1)
STATUS = st.none() | st.integers(min_value=100, max_value=599)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_the_schedule_is_the_published_one_and_reaches_over_a_weekend() -> None:
    offsets = [timedelta(seconds=seconds) for seconds in accumulate(SCHEDULE)]
    assert offsets[:4] == [timedelta(0), timedelta(seconds=5), timedelta(minutes=5, seconds=5), timedelta(seconds=2105)]
    assert offsets[-1] == timedelta(hours=75, minutes=35, seconds=5)
    assert list(SCHEDULE) == sorted(SCHEDULE)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_delivery(status: int) -> None:
    assert judge(Answer(status=status), tries=0, now=NOW, jitter=0.5) == Verdict(result=Result.DELIVERED)


@pytest.mark.parametrize("status", [None, 101, 301, 302, 304, 307, 308, 400, 401, 404, 409, 429, 500, 502, 503])
def test_anything_else_is_tried_again(status: int | None) -> None:
    verdict = judge(Answer(status=status), tries=0, now=NOW, jitter=0)
    assert (verdict.result, verdict.next_try_at) == (Result.RETRY, after(5))
    assert verdict.error == ("no answer" if status is None else f"status {status}")


def test_410_asks_for_no_more() -> None:
    verdict = judge(Answer(status=410, detail="status 410: moved"), tries=0, now=NOW, jitter=0)
    assert verdict == Verdict(result=Result.GONE, error="status 410: moved")


@given(status=STATUS, tries=st.integers(min_value=0, max_value=30), jitter=FRACTION)
@settings(max_examples=100)
def test_each_try_waits_its_pause_and_the_last_ends_it(status: int | None, tries: int, jitter: float) -> None:
    verdict = judge(Answer(status=status), tries=tries, now=NOW, jitter=jitter)
    assert (verdict.next_try_at is not None) == (verdict.result is Result.RETRY)
    if verdict.result is Result.RETRY:
        assert verdict.next_try_at is not None
        pause = SCHEDULE[tries + 1]
        assert after(pause) <= verdict.next_try_at <= after(pause * 1.1 + 0.001)
    elif verdict.result is Result.DEAD:
        assert tries + 1 >= len(SCHEDULE)


@given(jitters=st.lists(FRACTION, min_size=9, max_size=9))
@settings(max_examples=50)
def test_a_receiver_that_is_down_for_70_hours_gets_a_try_after_it(jitters: list[float]) -> None:
    at = NOW
    for tries, jitter in enumerate(jitters):
        verdict = judge(Answer(status=None), tries=tries, now=at, jitter=jitter)
        assert verdict.next_try_at is not None
        at = verdict.next_try_at
    assert timedelta(hours=70) < at - NOW < timedelta(hours=84)
    assert judge(Answer(status=None), tries=len(jitters), now=at, jitter=0).result is Result.DEAD


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_where_it_asks_for_more_than_the_schedule(status: int) -> None:
    longer = judge(Answer(status=status, retry_after="3600"), tries=0, now=NOW, jitter=0)
    assert (longer.next_try_at, longer.hold_until) == (after(3600), after(3600))
    shorter = judge(Answer(status=status, retry_after="1"), tries=1, now=NOW, jitter=0)
    assert (shorter.next_try_at, shorter.hold_until) == (after(300), after(1))
    date = format_datetime(after(7200), usegmt=True)
    assert judge(Answer(status=status, retry_after=date), tries=0, now=NOW, jitter=0).next_try_at == after(7200)


def test_retry_after_of_other_answers_means_nothing() -> None:
    verdict = judge(Answer(status=500, retry_after="3600"), tries=0, now=NOW, jitter=0)
    assert (verdict.next_try_at, verdict.hold_until) == (after(5), None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("999999999999", MOST_RETRY_AFTER),
        ("Tue, 24 Nov 2026 03:02:00 GMT", 120),
        ("Tuesday, 24-Nov-26 03:02:00 GMT", 120),
        ("Tue Nov 24 03:02:00 2026", 120),
        ("Tue, 24 Nov 2026 02:00:00 GMT", 0),
        ("Tue, 24 Nov 2099 02:00:00 GMT", MOST_RETRY_AFTER),
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("１２", None),
        ("1e9", None),
        ("9" * 13, None),
        ("Tue, 99 Nov 2026 03:02:00 GMT", None),
        ("Tue, 24 Nov 9999999999 03:02:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_bounded(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds


@given(text=st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [A-Z+0-9]*"))
@settings(max_examples=200)
def test_no_retry_after_breaks_it(text: str) -> None:
    found = retry_after(text, NOW)
    assert found is None or 0 <= found <= MOST_RETRY_AFTER


FAILURE = Verdict(result=Result.RETRY, next_try_at=after(5))
DELIVERY = Verdict(result=Result.DELIVERED)


def test_a_failing_receiver_gets_one_try_at_a_time_with_growing_pauses() -> None:
    receiver = Receiver()
    at = NOW
    pauses = []
    for _ in range(TOLERATED):
        assert receiver.room(at, in_flight=0, most=8) == 8
        receiver = receiver.after(FAILURE, now=at, jitter=0)
    for _ in range(9):
        assert receiver.closed_until is not None
        pauses.append((receiver.closed_until - at).total_seconds())
        assert receiver.room(at, in_flight=0, most=8) == 0
        at = receiver.closed_until
        assert receiver.room(at, in_flight=0, most=8) == 1
        assert receiver.room(at, in_flight=1, most=8) == 0
        receiver = receiver.after(FAILURE, now=at, jitter=0)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    receiver = receiver.after(DELIVERY, now=at, jitter=0)
    assert receiver.room(at, in_flight=3, most=8) == 5


def test_failures_that_were_under_way_together_count_once_the_receiver_is_closed() -> None:
    receiver = Receiver()
    for _ in range(TOLERATED + 20):
        receiver = receiver.after(FAILURE, now=NOW, jitter=0)
    assert receiver.closed_until == after(5)


def test_a_receiver_that_asks_for_time_is_left_alone_also_by_what_is_delivered_meanwhile() -> None:
    held = Receiver().after(Verdict(result=Result.RETRY, hold_until=after(60)), now=NOW, jitter=0)
    held = held.after(DELIVERY, now=after(1), jitter=0)
    assert held.room(after(59), in_flight=0, most=8) == 0
    assert held.room(after(60), in_flight=0, most=8) == 8


def test_a_clock_that_is_turned_back_stops_nothing() -> None:
    receiver = Receiver(failures=9, closed_until=after(LONGEST_PAUSE), held_until=after(60))
    assert receiver.room(NOW, in_flight=0, most=8) == 0
    assert receiver.room(NOW - timedelta(days=30), in_flight=0, most=8) == 1


@given(
    steps=st.lists(st.tuples(st.sampled_from(Result), FRACTION, st.integers(min_value=0, max_value=400)), max_size=40)
)
@settings(max_examples=100)
def test_a_receiver_is_never_closed_for_longer_than_the_longest_pause(steps: list[tuple[Result, float, int]]) -> None:
    receiver, at = Receiver(), NOW
    for result, jitter, passed in steps:
        receiver = receiver.after(Verdict(result=result), now=at, jitter=jitter)
        at += timedelta(seconds=passed)
        assert 0 <= receiver.room(at, in_flight=2, most=8) <= 6
    assert receiver.room(at + timedelta(seconds=LONGEST_PAUSE * 1.1), in_flight=0, most=8) >= 1
