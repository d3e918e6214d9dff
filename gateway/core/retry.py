"""When calls to a supplier that is down are tried again: by one probe at a time, behind a growing pause.

From a supplier that is down nothing can be learned, and what falls due meanwhile adds up: a thousand checks tried again
and again are a flood in the very moment in which it comes back (C17). So after some calls that brought no answer the
others are put off, and one goes now and then to see whether it works again. A check that was not made is not counted,
so it brings no purchase nearer to a person; and one that was put off for long goes out all the same and is counted, so
that the person is asked in the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.core.apply import Decision
from gateway.core.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """Times are in seconds."""

    failures: int = 3
    """So many calls in a row without an answer, and the others wait."""
    pause: float = 5.0
    """Before the first probe."""
    longest: float = 120.0
    """Between two probes, after many."""
    put_off: float = 600.0
    """How long one call is put off at most; then it goes out although the supplier is down."""


class RetryBudget:
    """For the calls of one kind to one account. Each method takes `now`, seconds on a clock that never goes back."""

    __slots__ = ("_failures", "_next_at", "_pause", "_waiting", "rule")

    def __init__(self, rule: RetryRule | None = None) -> None:
        self.rule = rule or RetryRule()
        self._failures = 0
        self._pause = 0.0
        self._next_at = 0.0
        self._waiting: dict[str, float] = {}
        """The calls that are put off, and since when each is."""

    @property
    def down(self) -> bool:
        """Whether calls are put off."""
        return self._failures >= self.rule.failures

    def begin(self, name: str, now: float) -> float:
        """Seconds to put the call `name` off by, or 0 to let it go.

        A call that goes while the supplier is down is a probe: the others wait until the next one is due.
        """
        if not self.down:
            self._waiting.clear()
            return 0.0
        since = self._waiting.setdefault(name, now)
        if now - since >= self.rule.put_off:
            del self._waiting[name]
            return 0.0
        if now < self._next_at:
            return min(self._next_at - now, since + self.rule.put_off - now)
        self._pause = min(self._pause * 2, self.rule.longest)
        self._next_at = now + self._pause
        del self._waiting[name]
        return 0.0

    def ended(self, now: float, *, answered: bool) -> None:
        """A call is over, with an answer of any kind or with none."""
        if answered:
            self._failures = 0
            return
        self._failures += 1
        if self._failures == self.rule.failures:
            self._pause = self.rule.pause
            self._next_at = now + self._pause


def put_off(before: Transaction, attempt_id: str, *, now: datetime, seconds: float) -> Decision:
    """Ask about an attempt later, without counting a check.

    The numbers of attempts spread them over as long again, so that they do not all come back at once.
    """
    attempt = before.attempt(attempt_id)
    if attempt is None or attempt.next_check_at is None:
        return Decision(before)
    spread = 1.0 + int(attempt_id) // 1_000_000 % 100 / 100
    later = replace(attempt, next_check_at=now + timedelta(seconds=seconds * spread))
    return Decision(replace(before, attempts=before.attempts_with(later), version=before.version + 1))
