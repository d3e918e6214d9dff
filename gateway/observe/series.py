"""Metrics whose number of series is bounded, and cheap to reach.

A label holds clients, providers, products and routes that were made known, or a limited number of words. Anything else
is counted as `other`, so that no reference, telephone number or path ever becomes a series.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram

from gateway.core.delivery import Result
from gateway.core.outcome import OutcomeStatus, ReasonCode
from gateway.observe.instruments import Instrument

OTHER: Final = "other"
MOST_WORDS: Final = 64
"""How many different words one label may hold where the set is not fixed."""
BREAKER_STATES: Final = ("closed", "half_open", "open")
CONFLICT_KINDS: Final = (
    "double_success",
    "success_after_failed",
    "success_after_reversed",
    "contradiction",
    "unverified_report",
)
LOST_WEBHOOKS: Final = (Result.DEAD, Result.GONE)
SERVER_ERRORS: Final = (500, 503)
CHECK_RESULTS: Final = ("answered", "no_answer")
"""Like the three above: rare, and to be seen the first time. What begins at 1 never rose, so these begin at 0."""

_NAMED: Final = ("client", "provider", "product", "route")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_FIXED: Final = {
    "outcome": frozenset(OutcomeStatus),
    "reason": frozenset({*ReasonCode, "none"}),
    "state": frozenset(BREAKER_STATES),
}

M = TypeVar("M", Counter, Gauge, Histogram)


class Bounds:
    """Which values a label may hold."""

    def __init__(self) -> None:
        self._named: dict[str, frozenset[str]] = dict.fromkeys(_NAMED, frozenset())
        self._words: dict[str, set[str]] = {}

    def know(self, label: str, values: Iterable[str]) -> frozenset[str]:
        """From now on `label` holds these values and `other`. Returns the ones that are no longer among them."""
        before = self._named[label]
        self._named[label] = frozenset(values)
        return before - self._named[label]

    def bounded(self, label: str, value: object) -> str:
        """`value`, or `other` where it is not one of those that `label` may hold."""
        text = str(value)
        fixed = self._named.get(label, _FIXED.get(label))
        if fixed is not None:
            return text if text in fixed else OTHER
        words = self._words.setdefault(label, set())
        if text in words:
            return text
        if len(words) >= MOST_WORDS or not _WORD.fullmatch(text):
            return OTHER
        words.add(text)
        return text


class Family(Generic[M]):
    """One metric and its children. `labels()` costs more than the counting itself, so children are kept."""

    __slots__ = ("_bounds", "_children", "_metric", "instrument")

    def __init__(self, instrument: Instrument, metric: M, bounds: Bounds) -> None:
        self.instrument = instrument
        self._metric: M = metric
        self._bounds = bounds
        self._children: dict[tuple[object, ...], M] = {}

    def at(self, *values: object) -> M:
        """The child for these label values."""
        child = self._children.get(values)
        return child if child is not None else self._make(values)

    def _make(self, values: tuple[object, ...]) -> M:
        bounded = tuple(map(self._bounds.bounded, self.instrument.labels, values))
        child = self._children.get(bounded)
        if child is None:
            child = self._metric.labels(*bounded) if bounded else self._metric
            self._children[bounded] = child
        if bounded == tuple(map(str, values)):
            self._children[values] = child  # a number keeps its own key; what became `other` keeps none
        return child

    def forget(self, *first: str) -> None:
        """Remove every series whose first labels are these."""
        for key in [key for key in self._children if key[: len(first)] == first]:
            self._children.pop(key, None)
            self._metric.remove(*map(str, key))
