"""What is old enough to leave the ledger, and which months are finished. Pure: the clock is passed in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

LEAST_PAUSE = 0.05
"""Seconds between two batches at least."""
_REST = 4
"""A batch is followed by so many times its own length of rest: a slow database gets more of it."""


class Month(NamedTuple):
    """A month of the calendar."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def begins(self, zone: tzinfo) -> datetime:
        """Its first moment in a time zone."""
        return datetime(self.year, self.month, 1, tzinfo=zone)

    def before(self) -> Month:
        """The month before it."""
        return Month(self.year - 1, 12) if self.month == 1 else Month(self.year, self.month - 1)


def newest_end(now: datetime, zone: tzinfo) -> Month:
    """The newest month before which transactions may be dropped: the previous one. That one and the current one stay,
    because clients still repeat their `ref_id`s, and suppliers still settle and take back."""
    local = now.astimezone(zone)
    return Month(local.year, local.month).before()


def cut_offs(ages: Mapping[str, float | None], now: datetime) -> dict[str, datetime]:
    """For each table the moment before which its rows may leave. A table that keeps its rows for ever has none.

    Args:
        ages: how long the rows of each table are kept, in seconds; `None`: for ever.
    """
    found: dict[str, datetime] = {}
    for table, age in ages.items():
        if age is not None:
            try:
                found[table] = now - timedelta(seconds=age)
            except OverflowError:
                continue  # longer than the calendar: for ever
    return found


def pause(worked: float) -> float:
    """Seconds to rest after a batch that took `worked` seconds."""
    return max(LEAST_PAUSE, worked * _REST)
