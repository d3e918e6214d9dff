"""What a supplier's word about a deposit makes of the books, where purchases are known from the ledger's rows alone.

Replicas buy from one deposit, and none of them sees what the others do. So a word is kept for a minute, until all that
had ended when it was said is in the ledger for certain, and is then held against the books of that moment. What was
under way at that moment may be deducted in the word or not; see `gateway.core.drift`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.core.drift import Span, word
from gateway.core.transaction import AttemptStatus

_NOT_CHARGED = frozenset({AttemptStatus.FAILED, AttemptStatus.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A supplier has said what is left."""

    reported: int
    """Rupiah."""
    since: datetime
    """It was said after this moment."""
    heard_at: datetime
    attempt: str | None = None
    """The attempt that it was speaking of."""
    charged: bool | None = None
    """What it says of that attempt; `None`: nothing definite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An attempt that was under way at about the time of a word, as it stands now."""

    attempt: str
    status: AttemptStatus
    contested: bool
    most: int
    """What it costs where it is charged, in rupiah."""
    charge: int
    """What it cost, where it succeeded."""
    started_at: datetime
    ended_at: datetime | None
    succeeded_at: datetime | None = None
    """Of one that was taken back: when it had succeeded."""


def told_by(said: Word, claims: Iterable[Claim]) -> Span:
    """The books at `said.since` by a supplier's word.

    Args:
        claims: every attempt at the account that has ended after `said.since`, or may still deliver.
    """
    reported, late, early = said.reported, 0, 0
    for claim in claims:
        open_ = claim.status.live or claim.contested
        ended_before = claim.ended_at is not None and claim.ended_at <= said.since
        if claim.started_at > said.heard_at or (ended_before and not open_):
            continue
        if not open_ and claim.attempt == said.attempt and _agrees(said, claim):
            reported += claim.charge if said.charged else 0  # the books of before it do not hold it
        elif claim.succeeded_at is not None and claim.succeeded_at <= said.since:
            early += claim.charge  # the books hold it, and it may have been given back already
        elif claim.status is not AttemptStatus.REJECTED:
            late += claim.most
    return word(reported, late=late, early=early)


def charged_after(moment: datetime, claims: Iterable[Claim]) -> int:
    """Rupiah charged by what has ended after a moment, less what was given back."""
    total = 0
    for claim in claims:
        if claim.ended_at is None or claim.ended_at <= moment:
            continue
        if claim.status is AttemptStatus.SUCCESS:
            total += claim.charge
        elif claim.succeeded_at is not None and claim.succeeded_at <= moment:
            total -= claim.charge
    return total


def _agrees(said: Word, claim: Claim) -> bool:
    """Whether what the word says of its own purchase is how that has ended."""
    if said.charged:
        return claim.status is AttemptStatus.SUCCESS
    return said.charged is False and claim.status in _NOT_CHARGED
