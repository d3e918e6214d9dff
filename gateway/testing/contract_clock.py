"""Another day, for a plugin that must not look at the clock."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

SHIFT = 100_003.0
"""Seconds: another day, another hour, another minute and another second."""


class _LaterDatetime(dt.datetime):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        return dt.datetime.now(tz) + dt.timedelta(seconds=SHIFT)

    @classmethod
    def utcnow(cls) -> Any:
        return dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=SHIFT)

    @classmethod
    def today(cls) -> Any:
        return cls.now()


class _LaterDate(dt.date):
    @classmethod
    def today(cls) -> Any:
        return (dt.datetime.now() + dt.timedelta(seconds=SHIFT)).date()  # noqa: DTZ005 - as date.today() does


def another_day(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Until `monkeypatch` is undone, `package` and its modules see a clock that is a day and some hours ahead."""
    later = _later_module(dt, datetime=_LaterDatetime, date=_LaterDate)
    functions = {name: _moved(getattr(time, name), argument) for name, argument in _READERS.items()}
    clocks: dict[int, object] = {id(getattr(time, name)): function for name, function in functions.items()}
    clocks |= {id(dt): later, id(dt.datetime): _LaterDatetime, id(dt.date): _LaterDate}
    clocks[id(time)] = _later_module(time, **functions)
    for module in tuple(_modules(package)):
        for name, value in tuple(vars(module).items()):
            if id(value) in clocks:
                monkeypatch.setattr(module, name, clocks[id(value)])


_READERS = {"time": None, "time_ns": None, "localtime": 0, "gmtime": 0, "ctime": 0, "strftime": 1}
"""What reads the clock, and the place of the argument that makes it read something else."""


def _moved(function: Callable[..., Any], argument: int | None) -> Callable[..., Any]:
    def moved(*given: Any) -> Any:
        if argument is None:
            return function() + (int(SHIFT * 1e9) if function is time.time_ns else SHIFT)
        if len(given) > argument:
            return function(*given)
        now = time.time() + SHIFT
        return function(*given, time.localtime(now) if function is time.strftime else now)

    return moved


def _later_module(module: ModuleType, **changed: object) -> ModuleType:
    later = ModuleType(module.__name__)
    vars(later).update({**vars(module), **changed})
    return later


def _modules(package: str) -> Iterator[ModuleType]:
    for name, module in tuple(sys.modules.items()):
        if name == package or name.startswith(f"{package}."):
            yield module
