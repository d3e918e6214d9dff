"""Ordered message rules: a supplier's words in, a verdict and the rule that gave it out.

Rules are data. The first rule that fits decides; where none fits, nothing is said, and the caller must read that as
"unknown". A plugin brings a default set; an account replaces, extends and removes rules by name.

A rule looks at a *view* of the message: the message as it came, or a part of it that the plugin has prepared (without
serial numbers and advertising, for example). The plugin names its views.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gateway.core.outcome import OutcomeStatus, ReasonCode

__all__ = ["LONGEST_TEXT", "Rule", "RuleError", "RuleSet", "check_pattern"]

LONGEST_TEXT = 1_500
"""Characters. A longer text is not read by rules at all: it is no message of a supplier, and time is bounded."""

_LONGEST_PATTERN = 1_000
_MAX_WIDE = 2
_MAX_WIDE_BOUNDED = 3
_MAX_REPEATS = 10
_MANY = 3
"""A group that may repeat more often than this counts as repeating without bound."""
_SMALL_BOUND = 9
_LARGE_BOUND = 100
"""A bound above this counts as none."""


class RuleError(ValueError):
    """A rule, or a set of rules, cannot be used. The message names the rule and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """If `pattern` is found in the view, and `unless` is not found in its own view, the message means `status`."""

    name: str
    pattern: str
    """A regular expression, searched anywhere in the view."""
    status: OutcomeStatus
    reason: ReasonCode | None = None
    unless: str | None = None
    """A regular expression that must not be found."""
    view: str = "message"
    unless_view: str | None = None
    """Left out: the same view as `pattern`."""
    exact_case: bool = False
    """Whether upper and lower case differ."""
    needs: tuple[str, ...] = ()
    """Words of which one must stand in the view (as written here) for `pattern` to be tried at all: a quick way past a
    costly pattern. Empty: it is always tried."""
    never_seen: bool = False
    """The supplier does not know this reference; only with `UNKNOWN`."""
    account_refused: bool = False
    """The supplier refuses the account itself; only with `REJECTED`."""

    def __post_init__(self) -> None:
        if self.never_seen and self.status is not OutcomeStatus.UNKNOWN:
            raise RuleError(f"rule {self.name!r}: never_seen goes with the status unknown")
        if self.account_refused and self.status is not OutcomeStatus.REJECTED:
            raise RuleError(f"rule {self.name!r}: account_refused goes with the status rejected")


class _Compiled(NamedTuple):
    rule: Rule
    view: str
    needs: tuple[str, ...]
    search: Callable[[str], re.Match[str] | None]
    unless_view: str
    unless: Callable[[str], re.Match[str] | None] | None


TOO_LONG = Rule(name="text-too-long", pattern="", status=OutcomeStatus.UNKNOWN)
"""What is said about a text that is longer than a message of a supplier can be."""


class RuleSet:
    """Ordered rules, compiled. Immutable; `changed` makes another one.

    Raises:
        RuleError: two rules have one name, or a pattern is no regular expression.
    """

    __slots__ = ("_compiled", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise RuleError(f"two rules have the name {twice[0]!r}")
        self._compiled = tuple(
            _Compiled(
                rule,
                rule.view,
                rule.needs,
                _compiled(rule, rule.pattern).search,
                rule.unless_view or rule.view,
                None if rule.unless is None else _compiled(rule, rule.unless).search,
            )
            for rule in self.rules
        )

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def changed(self, *, first: Iterable[Rule] = (), last: Iterable[Rule] = (), without: Iterable[str] = ()) -> RuleSet:
        """Another set: without the named rules, with `first` before and `last` behind all others.

        A rule of `first` that has the name of one in the set takes that rule's place instead.

        Raises:
            RuleError: `without` names a rule that is not there, or two rules would have one name.
        """
        first, without = tuple(first), frozenset(without)
        here = {rule.name for rule in self.rules}
        if unknown := sorted(without - here):
            raise RuleError(f"there is no rule {unknown[0]!r} to leave out")
        instead = {rule.name: rule for rule in first if rule.name in here}
        kept = (instead.get(rule.name, rule) for rule in self.rules if rule.name not in without)
        new = [rule for rule in first if rule.name not in here]
        return RuleSet([*new, *kept, *last])

    def read(self, views: Mapping[str, str]) -> Rule | None:
        """The first rule that fits, or `None`. A view that is missing is empty.

        A view of more than `LONGEST_TEXT` characters gives `TOO_LONG`, which means unknown.
        """
        for text in views.values():
            if len(text) > LONGEST_TEXT:
                return TOO_LONG
        for rule, view, needs, search, unless_view, unless in self._compiled:
            text = views.get(view, "")
            if needs:
                for word in needs:  # a plain loop: this runs for every rule of every message
                    if word in text:
                        break
                else:
                    continue
            if search(text) is None:
                continue
            if unless is None or unless(views.get(unless_view, "")) is None:
                return rule
        return None


def _compiled(rule: Rule, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.ASCII if rule.exact_case else re.ASCII | re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise RuleError(f"rule {rule.name!r}: {pattern!r} is no regular expression: {error}") from error


def check_pattern(pattern: str) -> None:
    """Refuse a pattern from a configuration that is no regular expression, or that could take very long.

    Python's `re` cannot be interrupted, so shapes whose time explodes are refused beforehand: a repeated group that
    itself holds a repeat, an option or an alternative; more than two unbounded repeats of "almost any character"; more
    than ten unbounded repeats in all; and back references.

    Raises:
        RuleError: says what is wrong and what to write instead.
    """
    if len(pattern) > _LONGEST_PATTERN:
        raise RuleError(f"a pattern has at most {_LONGEST_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python finds ambiguous, an operator should write otherwise
            re.compile(pattern, re.ASCII | re.IGNORECASE)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise RuleError(f"{pattern!r} is no regular expression: {error}") from error
    scan = _Scan()
    for token in _TOKEN.finditer(pattern):
        scan.take(token)
    if scan.wide > _MAX_WIDE:
        raise RuleError(f"{pattern!r} has more than {_MAX_WIDE} repeats like '.*': write a bound, such as '.{{0,40}}'")
    if scan.wide + scan.wide_bounded > _MAX_WIDE_BOUNDED:
        raise RuleError(f"{pattern!r} has more than {_MAX_WIDE_BOUNDED} repeats like '.{{0,40}}'")
    if scan.repeats > _MAX_REPEATS:
        raise RuleError(
            f"{pattern!r} has more than {_MAX_REPEATS} repeats without a bound: write bounds, such as {{0,9}}"
        )


_TOKEN = re.compile(
    r"""(?P<open>\((?:\?(?:[:=!>]|<[=!]|P<\w+>|[aiLmsux-]+:?\)?))?)
      | (?P<close>\))
      | (?P<bar>\|)
      | (?P<quantifier>(?:[*+?]|\{[0-9]*,?[0-9]*\})[?+]?)
      | (?P<wide>\.|\\[DSW]|\[\^\]?(?:\\.|[^\]\\])*\]|\[\]?(?:\\.|[^\]\\])*\])
      | (?P<back>\\[1-9]|\(\?P=\w+\))
      | (?P<other>\\.|.)""",
    re.VERBOSE | re.DOTALL,
)


class _Scan:
    """Walks a valid pattern and counts what makes it slow."""

    def __init__(self) -> None:
        self.wide = self.wide_bounded = self.repeats = 0
        self._groups = [False]  # per open group: does it hold a repeat, an option or an alternative?
        self._atom: tuple[bool, bool] = (False, False)  # of the last atom: is it wide; is it a group that holds one?

    def take(self, token: re.Match[str]) -> None:
        kind, text = token.lastgroup, token.group()
        if kind == "open":
            if not text.endswith(")"):
                self._groups.append(False)
            self._atom = (False, False)
        elif kind == "close":
            holds = self._groups.pop() if len(self._groups) > 1 else False
            self._groups[-1] = self._groups[-1] or holds
            self._atom = (False, holds)
        elif kind == "bar":
            self._groups[-1] = True
        elif kind == "quantifier":
            self._quantifier(text)
        elif kind == "back":
            raise RuleError("a pattern may hold no back reference: its time has no bound")
        else:
            self._atom = (kind == "wide" and _is_wide(text), False)

    def _quantifier(self, text: str) -> None:
        most = _most(text)
        wide, holds = self._atom
        if holds and most > _MANY:
            raise RuleError("a repeated group may hold no repeat, option or alternative: its time has no bound")
        if most > _LARGE_BOUND:
            self.repeats += 1
            self.wide += wide
        elif most > _SMALL_BOUND:
            self.wide_bounded += wide
        if not re.fullmatch(r"\{[0-9]+\}[?+]?", text):
            self._groups[-1] = True


def _is_wide(text: str) -> bool:
    return text[0] != "[" or text.startswith("[^") or any(wide in text for wide in (r"\S", r"\W", r"\D"))


def _most(quantifier: str) -> int:
    """How often a quantifier repeats at most."""
    if quantifier[0] == "?":
        return 1
    if quantifier[0] in "*+":
        return LONGEST_TEXT + 1
    low, comma, high = quantifier.rstrip("?+").strip("{}").partition(",")
    bound = high if comma else low
    return int(bound) if bound else LONGEST_TEXT + 1
