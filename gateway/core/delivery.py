"""When a notification is tried again, what its receiver's answer means, and when a receiver is left alone.

The schedule is the one that Standard Webhooks publishes. Its pauses grow for a day, and together they reach over three:
a receiver that is down from Friday evening to Monday morning still gets everything.

A receiver is also seen as a whole. After a few failures in a row nothing goes to it but one try after another, with
pauses that grow to five minutes, so that a backlog of thousands costs a dead receiver a handful of calls; the first
answer that fits opens it again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

SCHEDULE: Final = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds before each try, counted from the one before: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
The last try comes 75 h 35 min after the first. After it the notification is dead, and only an operator sends it."""

JITTER: Final = 0.1
"""By how much of itself a pause may grow, never shrink: what failed together must not come back together."""

MOST_RETRY_AFTER: Final = 86_400.0
"""Seconds. A receiver that asks for more is asked again after a day."""

TOLERATED: Final = 5
"""Failures in a row after which a receiver gets one try at a time."""
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 300.0
"""Seconds between those tries: the first pause, doubled after each failure, up to the longest."""

_ASKS_FOR_TIME: Final = frozenset({429, 503})
_SECONDS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_GONE: Final = 410


class Result(StrEnum):
    """What became of one try."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"
    """It was the last try."""
    GONE = "gone"
    """The receiver wants no more: neither this one nor others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a receiver said."""

    status: int | None
    """`None`: there was no answer."""
    retry_after: str | None = None
    """The header `Retry-After`, as it came."""
    detail: str = ""
    """One line for operators, without secrets."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What follows from an answer."""

    result: Result
    next_try_at: datetime | None = None
    """Only for `RETRY`."""
    error: str | None = None
    hold_until: datetime | None = None
    """Until when the receiver asked to be left alone."""


def judge(answer: Answer, *, tries: int, now: datetime, jitter: float) -> Verdict:
    """What an answer means. Only 2xx is a delivery; a redirect is a failure like any other.

    Args:
        tries: how many there were before this one.
        jitter: from 0 to 1.
    """
    status = answer.status
    if status is not None and 200 <= status < 300:
        return Verdict(result=Result.DELIVERED)
    error = answer.detail or ("no answer" if status is None else f"status {status}")
    if status == _GONE:
        return Verdict(result=Result.GONE, error=error)
    asked = None if status not in _ASKS_FOR_TIME else retry_after(answer.retry_after, now)
    hold_until = None if not asked else now + timedelta(seconds=asked)
    if tries + 1 >= len(SCHEDULE):
        return Verdict(result=Result.DEAD, error=error, hold_until=hold_until)
    next_try_at = now + timedelta(seconds=_spread(SCHEDULE[tries + 1], jitter))
    if hold_until is not None:
        next_try_at = max(next_try_at, hold_until)
    return Verdict(result=Result.RETRY, next_try_at=next_try_at, error=error, hold_until=hold_until)


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds from 0 to `MOST_RETRY_AFTER` that the header `Retry-After` asks for: a number, or an HTTP date (RFC 9110
    §10.2.3). `None` where it is not there or cannot be read."""
    if text is None or len(text) > 100:
        return None
    text = text.strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    elif text[:1].isalpha():
        try:
            moment = parsedate_to_datetime(text)
            seconds = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
            seconds -= now.timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    else:
        return None
    return min(max(seconds, 0.0), MOST_RETRY_AFTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """How one receiver behaves as a whole."""

    failures: int = 0
    """In a row."""
    closed_until: datetime | None = None
    """After too many failures: when the next try may go."""
    held_until: datetime | None = None
    """By its own wish."""

    def room(self, now: datetime, *, in_flight: int, most: int) -> int:
        """How many more notifications may go to it now, `most` at once when all is well."""
        # A wait that is longer than any that is ever set comes from a clock that was turned back.
        if _ahead(self.held_until, now, MOST_RETRY_AFTER) or _ahead(
            self.closed_until, now, LONGEST_PAUSE * (1 + JITTER)
        ):
            return 0
        return max(0, (1 if self.failures >= TOLERATED else most) - in_flight)

    def after(self, verdict: Verdict, *, now: datetime, jitter: float) -> Receiver:
        """The receiver after one more answer. `jitter`: from 0 to 1."""
        if verdict.result is Result.DELIVERED:
            return replace(self, failures=0, closed_until=None)
        held = self.held_until
        if verdict.hold_until is not None:
            held = verdict.hold_until if held is None else max(held, verdict.hold_until)
        if self.closed_until is not None and now < self.closed_until:
            return replace(self, held_until=held)  # it was sent before the others failed, and says nothing new
        failures = self.failures + 1
        closed = None
        if failures >= TOLERATED:
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - TOLERATED, 10))
            closed = now + timedelta(seconds=_spread(pause, jitter))
        return Receiver(failures=failures, closed_until=closed, held_until=held)


def _spread(pause: float, jitter: float) -> float:
    return pause * (1 + JITTER * jitter)


def _ahead(until: datetime | None, now: datetime, most: float) -> bool:
    return until is not None and timedelta(0) < until - now <= timedelta(seconds=most)
