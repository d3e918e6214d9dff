"""Where a day begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.day import day_around


def test_a_day_begins_at_midnight_where_people_are() -> None:
    assert day_around(datetime(2026, 11, 23, 12, 0, tzinfo=UTC), ZoneInfo("Asia/Jakarta")) == (
        datetime(2026, 11, 22, 17, tzinfo=UTC),
        datetime(2026, 11, 23, 17, tzinfo=UTC),
    )


def test_a_day_has_as_many_hours_as_its_place_gives_it() -> None:
    start, end = day_around(datetime(2026, 3, 29, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    assert end - start == timedelta(hours=23)


def test_the_last_moment_of_a_year_is_in_its_last_day() -> None:
    assert day_around(datetime(2026, 12, 31, 16, 59, 59, 999_999, tzinfo=UTC), ZoneInfo("Asia/Jakarta")) == (
        datetime(2026, 12, 30, 17, tzinfo=UTC),
        datetime(2026, 12, 31, 17, tzinfo=UTC),
    )


def test_where_midnight_comes_twice_the_day_begins_at_the_first() -> None:
    for hour in (4, 5):  # the clock shows half past twelve both times
        start, end = day_around(datetime(2026, 11, 1, hour, 30, tzinfo=UTC), ZoneInfo("America/Havana"))
        assert (start, end - start) == (datetime(2026, 11, 1, 4, tzinfo=UTC), timedelta(hours=25))


@given(st.integers(0, 40 * 366 * 86_400))
def test_every_moment_is_in_its_day_and_the_next_day_begins_where_it_ends(seconds: int) -> None:
    now, zone = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), ZoneInfo("Asia/Jakarta")
    start, end = day_around(now, zone)
    assert start <= now < end
    assert day_around(end, zone)[0] == end
