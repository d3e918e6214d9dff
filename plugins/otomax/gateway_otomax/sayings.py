"""What a message says by an account's rules. Messages of one shape are read once.

Suppliers write their messages from templates: the next one differs from the last in its numbers. Nearly all patterns,
of the rules and of the views, take every digit alike, so what one message says all others say that differ from it in
digits only. Which digits a pattern does tell apart is read off it (`gateway.core.digits`): a message that holds one of
those is read by itself, and so is every message where a pattern cannot be told.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import replace

from gateway import OutcomeStatus
from gateway.core.digits import digits_apart
from gateway.core.rules import RuleSet
from gateway_otomax import views, wording
from gateway_otomax.fields import Fields
from gateway_otomax.reasons import REASONS
from gateway_otomax.status_codes import Verdict

__all__ = ["Sayings"]

_REASONS = RuleSet(REASONS)
_KEPT = 1_024
"""Shapes that are remembered for one account."""

Span = tuple[int, int] | None


class Sayings:
    """Reads messages by `rules`."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._apart, self._shape = _shapes(_patterns(rules))
        self._remembered = functools.lru_cache(maxsize=_KEPT)(self.read)

    @property
    def remembered(self) -> int:
        """How many shapes are remembered."""
        return self._remembered.cache_info().currsize

    def said(self, text: str, serial: Span, *, serial_elsewhere: bool = False) -> Verdict | None:
        """What `text` says; `None` where no rule fits.

        Args:
            text: with its white space collapsed.
            serial: where a serial number stands in it.
            serial_elsewhere: there is one beside the text.
        """
        apart = self._apart
        if apart is None:
            return self.read(text, serial, serial_elsewhere)
        if apart:
            low, spelled = text.lower(), wording.in_one_spelling(text)
            for word in apart:
                if word in low or word in spelled:
                    return self.read(text, serial, serial_elsewhere)
        return self._remembered(text.translate(self._shape), serial, serial_elsewhere)

    def read(self, text: str, serial: Span, serial_elsewhere: bool) -> Verdict | None:
        """The same, without remembering."""
        seen = views.views_of(text, Fields(serial_span=serial))
        if serial_elsewhere:
            seen.update({name: f"{seen[name]} sn {wording.SERIAL_MARK}" for name in ("words", "evidence", "deciding")})
        rule = self._rules.read(seen)
        if rule is None:
            return None
        said = Verdict(rule.status, rule.reason, rule.name, rule.never_seen, rule.account_refused)
        if said.status is OutcomeStatus.FAILED and said.reason is None:
            why = _REASONS.read(seen)
            return replace(said, reason=why.reason if why else None)
        return said


def _patterns(rules: RuleSet) -> Iterable[str]:
    """Every pattern that decides what a message says."""
    for rule in (*rules, *REASONS):
        yield rule.pattern
        yield rule.unless or ""
        yield from map(re.escape, rule.needs)
    for name, pattern in wording.ASIDES:
        yield pattern
        yield from map(re.escape, wording.skip_words(name))
    for module in (views, wording):
        for value in vars(module).values():
            if isinstance(value, re.Pattern):
                yield value.pattern


def _shapes(patterns: Iterable[str]) -> tuple[frozenset[str] | None, dict[int, int]]:
    """The words that tell digits apart (`None`: that is not known), and how a text becomes its shape."""
    apart: set[str] = set()
    for pattern in patterns:
        words = digits_apart(pattern)
        if words is None:
            return None, {}
        apart |= words
    free = sorted(set("0123456789") - set("".join(apart)))
    if not free:
        return None, {}
    return frozenset(apart), str.maketrans("0123456789", free[0] * 10)
