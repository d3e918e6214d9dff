"""The books of a deposit from which several replicas buy: read from the ledger's rows, and never on a purchase's way.

A word of the supplier is kept for a minute. Then everything that had ended when it was said is in the ledger for
certain, whichever replica bought it, and the word is held against the books of that moment:

    books at that moment = base − what the ledger has charged since the base, less what was given back

The base is the latest computed balance in the ledger, which all replicas share: it is written down by whichever replica
first knows a deposit to the rupiah, and goes forward every six hours, so that the rows since then stay few. As long as
there is none, a replica narrows down what it knows with each word that it hears, as one that is alone does.

Each replica shows the drift of the last word that it has judged itself. Judging reads a week of the account's rows, so
a replica rests twenty times as long as that took.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from gateway.core.claims import Claim, Word, charged_after, told_by
from gateway.core.drift import Span
from gateway.engine.clock import Clock
from gateway.engine.deposit import CannotCorrectError, Held
from gateway.ledger import Balance

AGE = timedelta(seconds=60)
"""How old a word is when it is judged."""
SKEW = timedelta(seconds=2)
"""How far the clocks of two replicas may be apart."""
FORWARD = timedelta(hours=6)
_SETTLED = timedelta(seconds=30)
"""Less than `AGE`, so that an operator's correction is never older than a base that another replica moves forward."""
_REST = 20
_INSTANT = timedelta(microseconds=1)


class Rows(Protocol):
    """The ledger, as far as it counts deposits for several replicas."""

    async def balance_base(self, provider: str) -> Balance | None: ...

    async def charged_between(self, provider: str, start: datetime, end: datetime) -> int: ...

    async def claims(self, provider: str, since: datetime) -> list[Claim]: ...

    async def save_balance(self, provider: str, at: datetime, reported: int | None, computed: int | None) -> None: ...


class SharedBooks:
    """Judges what suppliers say.

    Args:
        seconds: a clock that never goes back.
    """

    def __init__(self, *, ledger: Rows, clock: Clock, seconds: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._seconds = seconds
        self._words: dict[str, Word] = {}
        self._rests_until = 0.0

    def heard(self, provider: str, said: Word) -> None:
        """Keep a word, unless one waits already: of a steady stream every word is as good."""
        self._words.setdefault(provider, said)

    def due(self) -> list[str]:
        """The accounts whose word is old enough to be judged now."""
        if self._seconds() < self._rests_until:
            return []
        old = self._clock.now() - AGE
        return [provider for provider, said in self._words.items() if said.heard_at <= old]

    async def start(self, provider: str, held: Held) -> None:
        """Take up the base, counted to this moment."""
        base = await self._ledger.balance_base(provider)
        if base is not None and base.computed is not None:
            held.books, held.books_at = await self._forward(provider, base, self._clock.now() - _SETTLED)
            held.computed = held.books.high

    async def judge(self, provider: str, held: Held) -> None:
        """Hold the word that waits against the books.

        Raises:
            LedgerUnavailableError: it waits on.
        """
        began = self._seconds()
        said = self._words[provider]
        base = await self._ledger.balance_base(provider)
        since = base.at if base is not None else held.books_at
        if since is None or said.since >= since:  # an older word knows nothing of a correction
            books = await self._books(provider, held, base, said.since)
            claims = await self._ledger.claims(provider, said.since)
            held.judged(books, told_by(said, claims), said.since, charged_after(said.since, claims))
            exact = held.books is not None and held.books.low == held.books.high
            if held.books is not None and exact and (base is None or said.since - base.at >= FORWARD):
                await self._ledger.save_balance(provider, said.since, said.reported, held.books.high)
        self._words.pop(provider, None)
        self._rests_until = self._seconds() + _REST * (self._seconds() - began)

    async def paid_in(self, provider: str, held: Held, amount: int) -> None:
        """A deposit of `amount` rupiah was paid in, or taken out where it is below 0.

        Raises:
            CannotCorrectError: there is no base yet.
            LedgerUnavailableError: it cannot be written down; nothing was changed.
        """
        base = await self._ledger.balance_base(provider)
        if base is None:
            raise CannotCorrectError(
                f"the deposit of {provider} is not known to the rupiah yet: try again after a minute without purchases"
            )
        at = max(self._clock.now() - _SETTLED, base.at + _INSTANT)
        books, _ = await self._forward(provider, base, at)
        await self._ledger.save_balance(provider, at, held.reported, books.high + amount)
        if held.books is None:
            held.books, held.books_at = books, at
        held.paid_in(amount)
        held.computed = books.high + amount
        self._words.pop(provider, None)

    async def rebase(self, provider: str, held: Held) -> None:
        """Count on from the word that was judged last, without a drift.

        Raises:
            CannotCorrectError: there is none, or purchases were under way when it was said.
            LedgerUnavailableError: it cannot be written down; nothing was changed.
        """
        told, at = held.told, held.books_at
        if told is None or at is None:
            raise CannotCorrectError(
                f"no word of the supplier of {provider} has been held against the ledger here since the start; "
                "that takes a minute"
            )
        if told.low != told.high:
            raise CannotCorrectError(
                f"purchases were under way when the supplier of {provider} spoke last: "
                "pause the account for two minutes and try again"
            )
        base = await self._ledger.balance_base(provider)
        computed = told.high
        if base is not None and base.at > at:
            later = base.at + _INSTANT
            computed -= await self._ledger.charged_between(provider, at, later)
            at = later
        await self._ledger.save_balance(provider, at, held.reported, computed)
        held.rebase()
        self._words.pop(provider, None)

    async def _books(self, provider: str, held: Held, base: Balance | None, at: datetime) -> Span | None:
        if base is not None:
            return (await self._forward(provider, base, at))[0]
        if held.books is None or held.books_at is None:
            return None
        return held.books.less(await self._ledger.charged_between(provider, held.books_at, at))

    async def _forward(self, provider: str, base: Balance, at: datetime) -> tuple[Span, datetime]:
        """The books at a moment, by the base; those of the base where that is later."""
        end = max(at, base.at)
        left = (base.computed or 0) - await self._ledger.charged_between(provider, base.at, end)
        return Span(left, left), end
