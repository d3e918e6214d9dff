"""The options `--from`, `--to` and `--timezone`: days as people mean them."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class _Day(click.ParamType[date]):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day: write it as 2026-11-24", param, ctx)


class _Zone(click.ParamType[zoneinfo.ZoneInfo]):
    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> zoneinfo.ZoneInfo:
        if isinstance(value, zoneinfo.ZoneInfo):
            return value
        try:
            return zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is not a time zone: write a name such as Asia/Jakarta", param, ctx)


def day_options(*, required: bool) -> Callable[[F], F]:
    """Give a command `--from` and `--to` as its arguments `first` and `last`, and `--timezone` as `zone`."""

    def give(function: F) -> F:
        for option in (
            click.option(
                "--timezone",
                "zone",
                type=_Zone(),
                default="Asia/Jakarta",
                show_default=True,
                help="Where the days begin and end at midnight.",
            ),
            click.option("--to", "last", type=_Day(), required=required, help="The last day, included."),
            click.option("--from", "first", type=_Day(), required=required, help="The first day, included."),
        ):
            function = option(function)
        return function

    return give


def moments(first: date, last: date, zone: zoneinfo.ZoneInfo) -> tuple[datetime, datetime]:
    """From the beginning of `first` (included) to the end of `last` (not included).

    Raises:
        click.BadParameter: they are not in order, or out of the calendar.
    """
    if last < first:
        raise click.BadParameter(f"--to {last} lies before --from {first}")
    try:
        end = last + timedelta(days=1)
        return datetime.combine(first, time.min, zone), datetime.combine(end, time.min, zone)
    except OverflowError:
        raise click.BadParameter(f"--to {last} lies at the end of the calendar") from None
