"""What a supplier says is left of a deposit, held against the books.

A purchase that is under way when the supplier says it may be deducted there or not: suppliers charge when they accept,
or when they deliver, and none says which. So books and word are compared as spans of what is possible, and a drift is
what no order of events explains:

    the books allow   low … high                  what is left by our ledger, apart from what is under way
    the word allows   reported − early … reported + late

    late    what the supplier may have deducted already and the books have not
    early   what the books have deducted and the supplier may not have, when it said so

Where the two meet there is no drift, and the books are as narrow as both together. Where they do not, the drift is the
gap, below 0 where the supplier has less than the books, and the books stay: a gap that is real is there the next time.
"""

from __future__ import annotations

from gateway.core.value import value


@value()
class Span:
    """A deposit in rupiah: at least `low`, at most `high`. The same where it is known exactly."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"a span from {self.low} to {self.high}")

    def less(self, amount: int) -> Span:
        """The span after `amount` rupiah are taken; below 0: after they are put in."""
        return Span(self.low - amount, self.high - amount)


def word(reported: int, *, late: int = 0, early: int = 0) -> Span:
    """What a reported balance says of the books.

    Args:
        late: rupiah, at least 0; see above.
        early: rupiah, at least 0; see above.
    """
    return Span(reported - early, reported + late)


def compare(books: Span | None, told: Span) -> tuple[Span, int]:
    """The books after a supplier's word, and the drift in rupiah.

    Args:
        books: `None`: there are none yet, and they begin with this word.
    """
    if books is None:
        return told, 0
    if told.high < books.low:
        return books, told.high - books.low
    if told.low > books.high:
        return books, told.low - books.high
    return Span(max(books.low, told.low), min(books.high, told.high)), 0


def explained(drift: int, amount: int) -> int:
    """What stays of a drift when an operator says that `amount` rupiah were paid in, or taken out where it is below 0.

    A payment that the supplier's last word did not hold yet explains nothing of it, so it never turns a drift round.
    """
    if drift > 0:
        return max(0, drift - max(0, amount))
    return min(0, drift - min(0, amount))
