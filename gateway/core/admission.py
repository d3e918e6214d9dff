"""How many purchases are let in at the same time, so that those that are let in are answered soon.

Many at once for a moment are a burst, and all of them are taken. Many for longer are more than the machine carries:
then each waits behind all the others, and after a while nobody is answered in time. So a queue that stands is cut
short, and the rest is refused at once, which costs little. It is over when nobody had to be refused for a while.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRule:
    """How many, and for how long. Times are in seconds."""

    many: int
    """So many at the same time keep the machine busy; more only make each wait longer."""
    burst: int
    """So many at the same time are taken for a moment."""
    moment: float = 0.5
    """How long a queue may stand."""
    calm: float = 1.0
    """How long nobody must have been refused before bursts are taken again."""


class Admission:
    """Whether one more is let in. `now` is in seconds on a clock that never goes back."""

    __slots__ = ("_many_since", "_refused_at", "_strained", "rule")

    def __init__(self, rule: AdmissionRule) -> None:
        self.rule = rule
        self._many_since: float | None = None
        self._strained = False
        self._refused_at = 0.0

    def admits(self, inside: int, now: float) -> bool:
        """Whether one more may come in where `inside` are being stored already."""
        rule = self.rule
        if self._strained:
            if inside < rule.many:
                if now - self._refused_at > rule.calm:
                    self._strained, self._many_since = False, None
                return True
            self._refused_at = now
            return False
        if inside < rule.many:
            self._many_since = None
            return True
        if self._many_since is None:
            self._many_since = now
        if now - self._many_since > rule.moment or inside >= rule.burst:
            self._strained, self._refused_at = True, now
            return False
        return True
