"""Which rows are old enough to leave, and which months are finished."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.retention import LEAST_PAUSE, Month, cut_offs, newest_end, pause

JAKARTA = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
moments = st.datetimes(datetime(2020, 1, 2), datetime(2050, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 — the zone is given beside it
zones = st.sampled_from(["Asia/Jakarta", "Asia/Jayapura", "UTC", "America/Los_Angeles"]).map(ZoneInfo)


def test_each_table_has_its_own_age() -> None:
    found = cut_offs({"exchanges": 86_400.0, "events": 2 * 86_400.0}, NOW)
    assert found == {"exchanges": NOW - timedelta(days=1), "events": NOW - timedelta(days=2)}


def test_what_is_kept_for_ever_has_no_cut_off() -> None:
    assert cut_offs({"exchanges": None, "reports": 1e15}, NOW) == {}


def test_the_previous_month_and_the_current_one_stay() -> None:
    assert str(newest_end(NOW, JAKARTA)) == "2026-10"
    assert str(newest_end(datetime(2027, 1, 31, tzinfo=UTC), JAKARTA)) == "2026-12"


def test_months_turn_at_midnight_of_the_time_zone() -> None:
    before, after = datetime(2026, 11, 30, 16, 59, tzinfo=UTC), datetime(2026, 11, 30, 17, 0, tzinfo=UTC)
    assert [str(newest_end(at, JAKARTA)) for at in (before, after)] == ["2026-10", "2026-11"]
    assert Month(2026, 12).begins(JAKARTA) == after


@given(moments, zones)
def test_what_may_be_dropped_is_a_whole_month_old_at_least(now: datetime, zone: ZoneInfo) -> None:
    end = newest_end(now, zone).begins(zone)
    assert timedelta(days=27) < now - end < timedelta(days=63)
    assert end.day == 1
    assert (end.hour, end.minute) == (0, 0)


@given(st.floats(0, 1000))
def test_at_most_a_fifth_of_the_time_is_work(worked: float) -> None:
    assert pause(worked) >= max(LEAST_PAUSE, 4 * worked)
