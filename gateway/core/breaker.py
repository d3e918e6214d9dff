"""A breaker for purchases at one account: a supplier that cannot be used gets no more of them for a while.

What opens it is a supplier that cannot be reached, does not answer, or answers too late: then each purchase costs its
client the whole time-out and leaves an attempt of unknown fate. A supplier that says no is a supplier that works: wrong
numbers, closed products and an empty deposit never open it. Questions about open attempts are no purchases and go out
in every state.

    closed ──(≥ 10 purchases in the window, ≥ half of them unusable)──> open ──(pause)──> half open
    half open: one purchase goes through. Usable: closed. Unusable: open again, for twice as long.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRule:
    """When a breaker opens, and for how long. Times are in seconds."""

    window: float = 60.0
    """How far back purchases count."""
    least: int = 10
    """Fewer purchases in the window say nothing."""
    share: float = 0.5
    """From this share of unusable ones on it opens."""
    pause: float = 10.0
    """How long it is open at first."""
    longest: float = 300.0
    """How long it is open at most, after it has opened again and again."""
    probe: float = 60.0
    """How long the one purchase of a half-open breaker is waited for; then the next one may go."""


def unusable(*, answered: bool, status: int | None, understood: bool, seconds: float, slow_after: float) -> bool:
    """Whether what came of a purchase says that the supplier cannot be used now.

    Args:
        answered: a whole answer came. Without one the call did not leave, or was cut or timed out behind the send line.
        status: the answer's HTTP status.
        understood: the answer told how the purchase stands. One that did not counts only where the server itself says
            that it is at fault (5xx): an unknown wording is a matter for the message rules.
        seconds: what the call took.
        slow_after: from so many seconds on an answer comes too late to be of use, whatever it says.
    """
    if not answered or seconds >= slow_after:
        return True
    return not understood and status is not None and status >= 500


class Breaker:
    """The state for one account. Each method takes `now`, seconds on a clock that never goes back."""

    __slots__ = ("_bad", "_buckets", "_open_until", "_pause", "_probe", "_probe_until", "_total", "rule")

    def __init__(self, rule: BreakerRule | None = None) -> None:
        self.rule = rule or BreakerRule()
        self._buckets: deque[list[float]] = deque()
        """Of the purchases that count: the second, how many ended in it, and how many of them were unusable."""
        self._total = 0
        self._bad = 0
        self._pause = 0.0
        """How long it is open this time; 0 while it is closed."""
        self._open_until = 0.0
        self._probe: str | None = None
        self._probe_until = 0.0

    def state(self, now: float) -> BreakerState:
        if not self._pause:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._open_until else BreakerState.HALF_OPEN

    def why_not(self, now: float) -> str | None:
        """Why no purchase may begin now, or `None`. Asking takes nothing away: `begin` does."""
        if not self._pause:
            return None
        left = self._open_until - now
        if left > 0:
            return f"too many purchases came to nothing; the next one goes in {left:.0f} s"
        if self._probe is not None and now < self._probe_until:
            return "too many purchases came to nothing; one is under way to see whether it works again"
        return None

    def begin(self, ref: str, now: float) -> bool:
        """Let the purchase `ref` through, or not. Of those that ask a half-open breaker, one goes."""
        if not self._pause:
            return True
        if self.why_not(now) is not None:
            return False
        self._probe, self._probe_until = ref, now + self.rule.probe
        return True

    def ended(self, ref: str, now: float, *, unusable: bool) -> None:
        """A purchase is over. While the breaker is not closed, only the one that was let through says anything: the
        others began before it opened."""
        if self._pause:
            if ref == self._probe:
                self._probed(now, unusable=unusable)
            return
        self._count(now, unusable=unusable)
        if self._total >= self.rule.least and self._bad >= self.rule.share * self._total:
            self._open(now, self.rule.pause)

    def _probed(self, now: float, *, unusable: bool) -> None:
        self._probe = None
        if unusable:
            self._open(now, min(self._pause * 2, self.rule.longest))
        else:
            self._pause = 0.0

    def _open(self, now: float, pause: float) -> None:
        self._pause, self._open_until, self._probe = pause, now + pause, None
        self._buckets.clear()
        self._total = self._bad = 0

    def _count(self, now: float, *, unusable: bool) -> None:
        second = now // 1
        while self._buckets and self._buckets[0][0] <= second - self.rule.window:
            _, total, bad = self._buckets.popleft()
            self._total -= int(total)
            self._bad -= int(bad)
        if not self._buckets or self._buckets[-1][0] != second:
            self._buckets.append([second, 0, 0])
        self._buckets[-1][1] += 1
        self._buckets[-1][2] += unusable
        self._total += 1
        self._bad += unusable
