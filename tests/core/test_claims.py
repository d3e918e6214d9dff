"""A supplier's word held against the ledger's rows: no order of events makes a drift, and missing money shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.claims import Claim, Word, charged_after, told_by
from gateway.core.drift import Span, compare
from gateway.core.transaction import AttemptStatus

START = datetime(2026, 11, 24, tzinfo=UTC)


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


@dataclass
class Purchase:
    """One purchase, in seconds: sent, deducted and given back at the supplier, and ended in the ledger."""

    price: int
    sent: float
    deducted: float | None
    given_back: float | None
    ended: float | None
    status: AttemptStatus
    succeeded: float | None = None

    def taken(self, moment: float) -> int:
        """What the supplier has of it."""
        has = self.deducted is not None and self.deducted <= moment
        return self.price if has and not (self.given_back is not None and self.given_back <= moment) else 0

    def booked(self, moment: float) -> int:
        """What the ledger has of it."""
        if self.status is AttemptStatus.SUCCESS:
            return self.price if (self.ended or 0) <= moment else 0
        if self.status is AttemptStatus.REVERSED:
            return self.price if (self.succeeded or 0) <= moment < (self.ended or 0) else 0
        return 0

    def claim(self, number: int) -> Claim:
        return Claim(
            attempt=str(number),
            status=self.status,
            contested=False,
            most=self.price,
            charge=self.price,
            started_at=at(self.sent),
            ended_at=None if self.ended is None else at(self.ended),
            succeeded_at=None if self.succeeded is None else at(self.succeeded),
        )


seconds = st.integers(0, 100).map(float)
KINDS = ("success", "failed", "given back late", "rejected", "reversed", "open", "open, deducted")


@st.composite
def purchases(draw: st.DrawFn) -> Purchase:
    kind = draw(st.sampled_from(KINDS))
    price = draw(st.integers(1, 50_000))
    moments = sorted(draw(st.lists(seconds, min_size=4, max_size=4)))
    sent, first, second, third = moments
    match kind:
        case "success":
            return Purchase(price, sent, first, None, second, AttemptStatus.SUCCESS)
        case "failed":
            return Purchase(price, sent, None, None, first, AttemptStatus.FAILED)
        case "given back late":
            return Purchase(price, sent, first, second, third, AttemptStatus.FAILED)
        case "rejected":
            return Purchase(price, sent, None, None, first, AttemptStatus.REJECTED)
        case "reversed":
            # It is taken back at the supplier before the ledger learns of it.
            return Purchase(price, sent, sent, second, third, AttemptStatus.REVERSED, succeeded=first)
    return Purchase(price, sent, None if kind == "open" else first, None, None, AttemptStatus.PENDING)


def judged(all_: list[Purchase], since: float, said: float, heard: float, missing: int = 0) -> tuple[int, Span]:
    """The books at `since`, and what the word that was said at `said` makes of them."""
    reported = -missing - sum(one.taken(said) for one in all_)
    told = told_by(
        Word(reported=reported, since=at(since), heard_at=at(heard)),
        [one.claim(number) for number, one in enumerate(all_)],
    )
    return -sum(one.booked(since) for one in all_), told


@given(st.lists(purchases(), max_size=8), st.tuples(seconds, seconds, seconds))
@settings(max_examples=400)
def test_whatever_was_under_way_is_no_drift(all_: list[Purchase], moments: tuple[float, float, float]) -> None:
    since, said, heard = sorted(moments)
    books, told = judged(all_, since, said, heard)
    assert told.low <= books <= told.high


AT_TEN = [
    Purchase(5_400, 1.0, 2.0, None, 10.0, AttemptStatus.SUCCESS),
    Purchase(5_400, 1.0, 2.0, 15.0, 20.0, AttemptStatus.REVERSED, succeeded=10.0),
]
"""What ended, and what had succeeded, at the very moment."""


@given(st.lists(purchases(), max_size=8), seconds)
@example(AT_TEN, 10.0)
def test_what_was_charged_after_a_moment_is_the_difference_of_two_balances(all_: list[Purchase], moment: float) -> None:
    claims = [one.claim(number) for number, one in enumerate(all_)]
    assert charged_after(at(moment), claims) == sum(one.booked(1_000) - one.booked(moment) for one in all_)


@given(st.lists(purchases(), max_size=8), st.integers(1, 10**6))
@settings(max_examples=200)
def test_what_is_missing_shows_once_everything_is_settled(all_: list[Purchase], missing: int) -> None:
    all_ = [one for one in all_ if one.ended is not None]
    books, told = judged(all_, 101, 102, 103, missing)
    assert compare(Span(books, books), told) == (Span(books, books), -missing)


def test_a_word_leaves_no_doubt_about_its_own_purchase() -> None:
    one = Purchase(5_400, 10, 11, None, 12, AttemptStatus.SUCCESS).claim(1)
    failed = Purchase(5_400, 10, None, None, 12, AttemptStatus.FAILED).claim(1)

    def said(charged: bool | None) -> Word:
        return Word(reported=1_000, since=at(10), heard_at=at(12), attempt="1", charged=charged)

    assert told_by(said(True), [one]) == Span(6_400, 6_400)
    assert told_by(said(False), [failed]) == Span(1_000, 1_000)
    assert told_by(said(None), [one]) == Span(1_000, 6_400), "nothing definite was said"
    assert told_by(said(False), [one]) == Span(1_000, 6_400), "it has changed its mind"
    later = Word(reported=1_000, since=at(13), heard_at=at(14), attempt="1", charged=True)
    assert told_by(later, [one]) == Span(1_000, 1_000), "the books held it already"


def test_what_was_sent_after_the_word_and_what_surely_never_ran_are_no_doubt() -> None:
    said = Word(reported=1_000, since=at(10), heard_at=at(12))
    after = Purchase(5_400, 13, 14, None, 15, AttemptStatus.SUCCESS).claim(1)
    never = Purchase(5_400, 10, None, None, 11, AttemptStatus.REJECTED).claim(2)
    assert told_by(said, [after, never]) == Span(1_000, 1_000)


CONTESTED = Claim(
    attempt="1",
    status=AttemptStatus.FAILED,
    contested=True,
    most=5_400,
    charge=0,
    started_at=at(1),
    ended_at=at(5),
)


def test_a_contested_attempt_is_in_doubt_however_long_ago_it_ended_and_whatever_the_word_says_of_it() -> None:
    said = Word(reported=1_000, since=at(10), heard_at=at(12))
    assert told_by(said, [CONTESTED]) == Span(1_000, 6_400)
    assert told_by(replace(said, attempt="1", charged=False), [CONTESTED]) == Span(1_000, 6_400)


def test_what_ended_at_the_very_moment_is_in_the_books_and_no_doubt() -> None:
    said = Word(reported=1_000, since=at(10), heard_at=at(12))
    one = Purchase(5_400, 1, 2, None, 10, AttemptStatus.SUCCESS).claim(1)
    assert told_by(said, [one]) == Span(1_000, 1_000)
    back = Purchase(5_400, 1, 2, 11, 12, AttemptStatus.REVERSED, succeeded=10).claim(1)
    assert told_by(said, [back]) == Span(-4_400, 1_000), "the books hold it, and it may have been given back"


def test_a_word_about_one_purchase_says_nothing_of_another_or_against_what_became_of_it() -> None:
    one = Purchase(5_400, 10, 11, None, 12, AttemptStatus.SUCCESS).claim(1)
    failed = Purchase(5_400, 10, None, None, 12, AttemptStatus.FAILED).claim(1)

    def said(charged: bool | None, about: str = "1") -> Word:
        return Word(reported=1_000, since=at(10), heard_at=at(12), attempt=about, charged=charged)

    assert told_by(said(True, "2"), [one]) == Span(1_000, 6_400)
    assert told_by(said(True), [failed]) == Span(1_000, 6_400)
    assert told_by(said(None), [failed]) == Span(1_000, 6_400)


def test_what_is_in_doubt_is_the_most_and_what_is_booked_the_charge() -> None:
    one = replace(Purchase(5_400, 10, 11, None, 12, AttemptStatus.SUCCESS).claim(1), charge=5_000)
    assert told_by(Word(reported=1_000, since=at(10), heard_at=at(12)), [one]) == Span(1_000, 6_400)
    assert charged_after(at(10), [one]) == 5_000
