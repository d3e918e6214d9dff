"""What is known of one deposit, and of the purchases that may or may not have been taken from it."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from gateway.core.drift import Span, compare, explained, word
from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.core.transaction import AttemptState, AttemptStatus
from gateway.engine.accounts import Balance
from gateway.engine.errors import EngineError

DEFINITE = frozenset({OutcomeStatus.SUCCESS, OutcomeStatus.FAILED, OutcomeStatus.REJECTED})
_AT = attrgetter("at")
_RAN = frozenset({AttemptStatus.FAILED, AttemptStatus.REVERSED})
"""It was not charged, but may have been for a while."""


class CannotCorrectError(EngineError):
    """A balance that cannot be corrected now. The message says why, for the operator."""


class Correction(NamedTuple):
    """What an operator's correction did, in rupiah."""

    reported: int | None
    before: int | None
    """The computed balance until then."""
    computed: int | None
    drift: int | None


@dataclass(slots=True)
class Held(Balance):
    """What is known of one deposit."""

    books: Span | None = None
    """What our ledger makes it. `computed` is its upper end: what was under way at the first word is mostly charged."""
    books_at: datetime | None = None
    """Where several replicas buy: the moment of the books, and of `told`."""
    told: Span | None = None
    """What the supplier's last word makes it, less what was charged since: the books after a `rebase`."""

    def move(self, amount: int) -> None:
        """So many rupiah were charged, or given back where it is below 0."""
        self.books = None if self.books is None else self.books.less(amount)
        self.told = None if self.told is None else self.told.less(amount)
        self.computed = None if self.books is None else self.books.high

    def paid_in(self, amount: int) -> None:
        """An operator says that so many rupiah were paid in, or taken out where it is below 0."""
        if self.books is None:
            return
        self.books = self.books.less(-amount)
        self.computed = self.books.high
        before = self.drift
        self.drift = None if before is None else explained(before, amount)
        if self.drift == before and self.told is not None:
            self.told = self.told.less(-amount)  # the supplier's last word is older than the payment

    def rebase(self) -> None:
        """Count on from what the supplier said last."""
        if self.told is not None:
            self.books, self.drift, self.computed = self.told, 0, self.told.high

    def judged(self, books: Span | None, told: Span, at: datetime, charged: int) -> None:
        """The books and the supplier's word, both of one moment that is past; so much was charged since."""
        self.told, self.books_at = told, at
        self.books, self.drift = compare(books, told)
        self.computed = self.books.high - charged

    def heard(self, reported: int, at: datetime, told: Span | None) -> None:
        """The supplier says what is left. `told`: what that makes of the books, where there are any."""
        self.reported, self.at = reported, at
        if told is not None:
            self.told = told
            self.books, self.drift = compare(self.books, told)
            self.computed = self.books.high


class Ended(NamedTuple):
    """An attempt that was charged, was given back, or ended without either."""

    attempt: str
    at: datetime
    """When we learned it."""
    ended_at: datetime
    most: int
    """What it costs where it is charged, in rupiah."""
    charged: int
    """What it costs as it stands."""
    more: int
    """What was charged by this step; below 0: given back."""
    late_before: int
    """`late` of all that ended before it, since the process started."""
    charged_before: int
    """`charged` of the same."""

    @property
    def late(self) -> int:
        """What may be deducted at the supplier and not in the books, by a word that is older."""
        return self.most - self.charged


@dataclass(slots=True)
class UnderWay:
    """The attempts of one account that the supplier may or may not have charged, and those that have just ended.

    A busy account has thousands that have just ended, and every answer asks for their sum from some moment on: each
    carries the sum of those before it, so that an answer costs the same under any traffic.
    """

    prices: dict[str, int] = field(default_factory=dict)
    total: int = 0
    ended: deque[Ended] = field(default_factory=deque)
    """In the order in which we learned of them."""
    _by_attempt: dict[str, tuple[Ended, ...]] = field(default_factory=dict)
    _late: int = 0
    _charged: int = 0

    def take_up(self, attempt: AttemptState) -> None:
        """An attempt as another process left it."""
        if _in_doubt(attempt):
            self._begin(attempt.id, _most(attempt))

    def step(self, was: AttemptState | None, attempt: AttemptState, now: datetime, keep: timedelta) -> int:
        """An attempt has changed, and that is committed: rupiah that are charged by it, below 0 what is given back.

        Args:
            keep: for how long it is remembered once it has ended.
        """
        if _in_doubt(attempt):
            self._begin(attempt.id, _most(attempt))
        elif was is not None:
            self._end(attempt.id)
        more = _charge(attempt) - (0 if was is None else _charge(was))
        ran = was is not None and _in_doubt(was) and attempt.status in _RAN
        if more or ran:
            self._remember(attempt, now, more)
            while self.ended[0].at < now - keep:
                self._forget_first()
        return more

    def decided(self, attempt_id: str) -> None:
        """A person has decided about an attempt whose evidence contradicts itself: it is no longer in doubt."""
        self._end(attempt_id)

    def charged_after(self, at: datetime) -> int:
        """Rupiah charged by what ended later than `at`, less what was given back."""
        return sum(one.more for one in self.ended if one.ended_at > at)

    def told(self, balance: int, since: datetime, attempt: AttemptState | None, outcome: Outcome | None) -> Span:
        """What a reported balance makes of the books.

        Args:
            since: it is younger than this.
            attempt: the one that the supplier was speaking of, where it was, and what it said of it.
        """
        if attempt is None or outcome is None or outcome.status not in DEFINITE:
            late, early = self._doubt(since, None, charged=False)
            return word(balance, late=late, early=early)
        # What the message says of its own purchase leaves no doubt about that one.
        charged = outcome.status is OutcomeStatus.SUCCESS
        late, early = self._doubt(since, attempt.id, charged=charged)
        if charged and attempt.id in self.prices:  # deducted there, and here as soon as this is applied
            balance += (attempt.expected_price if outcome.price is None else outcome.price) or 0
        return word(balance, late=late, early=early)

    def _remember(self, attempt: AttemptState, now: datetime, more: int) -> None:
        ended = Ended(
            attempt.id,
            now,
            attempt.ended_at or now,
            _most(attempt),
            _charge(attempt),
            more,
            late_before=self._late,
            charged_before=self._charged,
        )
        self._late += ended.late
        self._charged += ended.charged
        self.ended.append(ended)
        self._by_attempt[ended.attempt] = (*self._by_attempt.get(ended.attempt, ()), ended)

    def _forget_first(self) -> None:
        name = self.ended.popleft().attempt
        _, *rest = self._by_attempt.pop(name)
        if rest:
            self._by_attempt[name] = tuple(rest)

    def _begin(self, attempt_id: str, price: int) -> None:
        self.total += price - self.prices.get(attempt_id, 0)
        self.prices[attempt_id] = price

    def _end(self, attempt_id: str) -> None:
        self.total -= self.prices.pop(attempt_id, 0)

    def _doubt(self, since: datetime, certain: str | None, charged: bool) -> tuple[int, int]:
        """What may be deducted at the supplier and not in the books, and the other way round, in rupiah, in a word that
        is younger than `since`.

        Args:
            certain: the attempt that the word itself is about, where it says whether that is `charged`.
        """
        late, early = self.total, 0
        first = bisect_left(self.ended, since, key=_AT)
        if first < len(self.ended):
            late += self._late - self.ended[first].late_before
            early += self._charged - self.ended[first].charged_before
        if certain is not None:
            late -= self.prices.get(certain, 0)
            for one in self._by_attempt.get(certain, ()):
                if one.at >= since and (one.charged > 0) is charged:
                    late -= one.late
                    early -= one.charged
        return late, early


def _in_doubt(attempt: AttemptState) -> bool:
    """Whether it may be charged at the supplier, and is not in the books."""
    return attempt.may_deliver


def _most(attempt: AttemptState) -> int:
    """What an attempt costs where it is charged, in rupiah."""
    return max(attempt.expected_price or 0, attempt.price or 0)


def _charge(attempt: AttemptState) -> int:
    """What an attempt costs as things stand, in rupiah."""
    if attempt.status is not AttemptStatus.SUCCESS:
        return 0
    return (attempt.expected_price if attempt.price is None else attempt.price) or 0
