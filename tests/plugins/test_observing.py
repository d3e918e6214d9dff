from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import pytest
import structlog

from gateway.plugins import Plugins, load_plugins

Plugin = Callable[..., EntryPoint]

OBSERVER = """
from gateway import hookimpl
seen = []

@hookimpl
def gateway_transaction_changed(transaction, event):
    seen.append((transaction, event))
    {more}
"""


class Clock:
    """A clock that plugins move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("gateway.tests_clock", clock, raising=False)
    return clock


def seen(point: EntryPoint) -> list[Any]:
    module: Any = sys.modules[point.value]
    found: list[Any] = module.seen
    return found


def load(*points: EntryPoint, clock: Clock) -> Plugins:
    plugins = load_plugins(points)
    plugins.clock = clock
    return plugins


def test_every_observer_is_told(plugin: Plugin, clock: Clock) -> None:
    one, two = plugin("one", OBSERVER.format(more="")), plugin("two", OBSERVER.format(more=""))
    plugins = load(one, two, clock=clock)
    assert plugins.has_observers
    plugins.observe({"id": "1"}, {"type": "accepted"})
    assert seen(one) == seen(two) == [({"id": "1"}, {"type": "accepted"})]
    assert plugins.observer_errors == {"one": 0, "two": 0}


@pytest.mark.parametrize(
    "fault",
    [
        "raise RuntimeError('boom')",
        "raise SystemExit(1)",
        "raise KeyboardInterrupt",
        "import asyncio; raise asyncio.CancelledError",
        "raise type('PanicException', (BaseException,), {})('a library written in Rust')",
        "transaction['id'].nope",
    ],
)
def test_an_observer_that_raises_is_counted_and_stops_nobody(plugin: Plugin, clock: Clock, fault: str) -> None:
    points = [plugin(name, OBSERVER.format(more=fault if name == "b" else "")) for name in "abc"]
    plugins = load(*points, clock=clock)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            plugins.observe({"id": "1"}, {})
    assert [len(seen(point)) for point in points] == [3, 3, 3]
    assert [(line["event"], line["plugin"], line["errors"]) for line in lines] == [("observer_failed", "b", 1)]
    assert isinstance(lines[0]["exc_info"], BaseException)
    assert plugins.observer_errors == {"a": 0, "b": 3, "c": 0}
    assert plugins.has_observers


def test_an_observer_cannot_change_what_others_see(plugin: Plugin, clock: Clock) -> None:
    vandal = plugin("a", OBSERVER.format(more="transaction['attempts'].clear(); event.clear()"))
    other = plugin("b", OBSERVER.format(more=""))
    plugins = load(vandal, other, clock=clock)
    transaction, event = {"attempts": [1]}, {"type": "x"}
    plugins.observe(transaction, event)
    assert (transaction, event) == ({"attempts": [1]}, {"type": "x"})
    assert seen(other) == [({"attempts": [1]}, {"type": "x"})]


def test_a_coroutine_that_slips_through_is_an_error(plugin: Plugin, clock: Clock) -> None:
    source = OBSERVER.format(more="return later()") + "\nasync def later(): ...\n"
    plugins = load(plugin("a", source), clock=clock)
    plugins.observe({}, {})
    assert plugins.observer_errors == {"a": 1}


def test_an_observer_that_always_fails_does_not_fill_the_log(plugin: Plugin, clock: Clock) -> None:
    plugins = load(plugin("a", OBSERVER.format(more="raise RuntimeError('boom')")), clock=clock)
    with structlog.testing.capture_logs() as lines:
        for _ in range(250):
            plugins.observe({}, {})
    assert plugins.observer_errors == {"a": 250}
    assert [line["errors"] for line in lines] == [1, 10, 100]


def slow(seconds: float) -> str:
    return OBSERVER.format(more=f"import gateway; gateway.tests_clock.now += {seconds}")


def test_an_observer_that_blocks_is_switched_off_and_shown(plugin: Plugin, clock: Clock) -> None:
    blocking, quick = plugin("a", slow(5.0)), plugin("b", OBSERVER.format(more=""))
    plugins = load(blocking, quick, clock=clock)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            plugins.observe({}, {})
    assert len(seen(blocking)) == 1
    assert len(seen(quick)) == 3
    assert "5000 ms" in plugins.switched_off["a"]
    assert [(line["event"], line["plugin"]) for line in lines] == [("observer_switched_off", "a")]
    assert plugins.observer_errors["a"] == 1, "so that the alert sees it"
    assert plugins.has_observers


def test_an_observer_that_is_slow_on_average_is_switched_off(plugin: Plugin, clock: Clock) -> None:
    point = plugin("a", slow(0.11))
    plugins = load(point, clock=clock)
    for _ in range(20):
        plugins.observe({}, {})
    assert len(seen(point)) == 5
    assert not plugins.has_observers


def test_an_observer_within_its_time_stays(plugin: Plugin, clock: Clock) -> None:
    point = plugin("a", slow(0.09))
    plugins = load(point, clock=clock)
    for _ in range(50):
        plugins.observe({}, {})
    assert len(seen(point)) == 50
    assert not plugins.switched_off


def test_without_observers_observing_costs_next_to_nothing() -> None:
    plugins = load_plugins([])
    assert not plugins.has_observers
    assert timeit.timeit(lambda: plugins.observe({}, {}), number=10_000) < 0.05
