"""When a day begins and ends where people count it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

SUPPLIERS_ZONE = ZoneInfo("Asia/Jakarta")
"""Where suppliers' days and months begin."""


def day_around(now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """When the day of `now` began in `zone` and when it ends, in UTC. A day is not always 24 hours long."""
    local = now.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    following = midnight.date() + timedelta(days=1)
    return midnight.astimezone(UTC), midnight.replace(
        year=following.year, month=following.month, day=following.day
    ).astimezone(UTC)
