"""A deposit under traffic: one that is charged in any order shows no drift, and one that loses money shows it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.drift import word
from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.core.transaction import AttemptState, AttemptStatus
from gateway.engine.deposit import Held, UnderWay

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
KEEP = timedelta(seconds=30)


@dataclass
class Supplier:
    """Charges a purchase when it accepts it, when it delivers it, or in between, and gives back what fails."""

    left: int = 1_000_000
    charged: dict[str, int] = field(default_factory=dict)

    def charge(self, attempt: str, price: int) -> None:
        if attempt not in self.charged:
            self.charged[attempt] = price
            self.left -= price

    def give_back(self, attempt: str) -> None:
        self.left += self.charged.pop(attempt, 0)


def attempt(name: str, price: int, at: datetime) -> AttemptState:
    return AttemptState(
        id=name,
        number=1,
        provider="alpha",
        product="X5",
        expected_price=price,
        status=AttemptStatus.SENDING,
        started_at=at,
    )


@dataclass
class Side:
    """Our side: what `Balances` does with an account."""

    held: Held = field(default_factory=Held)
    under_way: UnderWay = field(default_factory=UnderWay)
    now: datetime = START
    attempts: dict[str, AttemptState] = field(default_factory=dict)

    def put(self, attempt: AttemptState) -> None:
        was = self.attempts.get(attempt.id)
        self.attempts[attempt.id] = attempt
        more = self.under_way.step(was, attempt, self.now, KEEP)
        if more and self.held.books is not None:
            self.held.move(more)

    def ends(self, one: AttemptState, status: AttemptStatus) -> None:
        self.put(replace(one, status=status, ended_at=self.now))

    def hear(self, balance: int, since: datetime, attempt: str | None = None) -> None:
        """A balance, and with it that `attempt` succeeded."""
        known = None if attempt is None else self.attempts[attempt]
        outcome = None if attempt is None else Outcome(status=OutcomeStatus.SUCCESS)
        self.held.heard(balance, self.now, self.under_way.told(balance, since, known, outcome))


@dataclass
class Play:
    """Any order of events that can be, and words of any age that is allowed for. `which` picks one of many."""

    prices: list[int]
    supplier: Supplier = field(default_factory=Supplier)
    side: Side = field(default_factory=Side)
    spoken: list[tuple[int, datetime, str | None]] = field(default_factory=list)
    """Words on their way: balance, when it was asked for, and the purchase that it says succeeded."""

    def pick(self, which: int, *, live: bool) -> AttemptState | None:
        of = [
            one
            for one in self.side.attempts.values()
            if (one.status.live if live else one.status is AttemptStatus.SUCCESS)
        ]
        return of[which % len(of)] if of else None

    def send(self, which: int) -> None:
        self.side.put(attempt(str(len(self.side.attempts)), self.prices[which], self.side.now))

    def charge(self, which: int) -> None:
        if (one := self.pick(which, live=True)) is not None:
            self.supplier.charge(one.id, one.expected_price or 0)

    def fail(self, which: int) -> None:
        on_their_way = {name for _, _, name in self.spoken}
        if (one := self.pick(which, live=True)) is not None and one.id not in on_their_way:
            self.supplier.give_back(one.id)
            self.side.ends(one, AttemptStatus.FAILED)

    def reverse(self, which: int) -> None:
        if (one := self.pick(which, live=False)) is not None:
            self.side.ends(one, AttemptStatus.REVERSED)
            self.supplier.give_back(one.id)

    def learn(self, which: int) -> None:
        """A report says that it succeeded, and nothing of the balance."""
        if (one := self.pick(which, live=True)) is not None:
            self.supplier.charge(one.id, one.expected_price or 0)
            self.side.ends(one, AttemptStatus.SUCCESS)

    def answer(self, which: int) -> None:
        """The supplier answers a purchase, and the answer leaves."""
        if (one := self.pick(which, live=True)) is not None:
            self.supplier.charge(one.id, one.expected_price or 0)
            self.spoken.append((self.supplier.left, one.started_at, one.id))

    def say(self, _: int) -> None:
        """The supplier answers a question about the balance, and the answer leaves."""
        self.spoken.append((self.supplier.left, self.side.now, None))

    def arrive(self, which: int) -> None:
        if not self.spoken:
            return
        balance, at, name = self.spoken.pop(which % len(self.spoken))
        if self.side.now - at > KEEP:
            return
        self.side.hear(balance, at, name)
        if name is not None and self.side.attempts[name].status.live:
            self.side.ends(self.side.attempts[name], AttemptStatus.SUCCESS)


WHAT = ("send", "charge", "fail", "reverse", "learn", "answer", "say", "arrive", "arrive")
STEPS = st.lists(st.tuples(st.sampled_from(WHAT), st.integers(min_value=0, max_value=7)), max_size=60)
PRICES = st.lists(st.integers(min_value=1, max_value=50_000), min_size=8, max_size=8)


def play(steps: list[tuple[str, int]], prices: list[int]) -> tuple[Supplier, Side]:
    """The steps one after the other; none of them may make a drift."""
    here = Play(prices)
    here.side.hear(here.supplier.left, here.side.now)
    for what, which in steps:
        here.side.now += timedelta(milliseconds=100)
        getattr(here, what)(which)
        assert here.side.held.drift == 0, (what, which)
    return here.supplier, here.side


@settings(max_examples=150, deadline=None)
@example([("send", 0), ("charge", 0), ("say", 0), ("fail", 0), ("arrive", 0)], [5_400] * 8, 700)
@example([("send", 0), ("learn", 0), ("say", 0), ("reverse", 0), ("arrive", 0)], [5_400] * 8, 700)
@given(
    STEPS, st.lists(st.integers(min_value=1, max_value=50_000), min_size=8, max_size=8), st.integers(-90_000, 90_000)
)
def test_no_order_of_events_makes_a_drift_and_what_is_missing_shows_when_all_is_settled(
    steps: list[tuple[str, int]], prices: list[int], leak: int
) -> None:
    supplier, side = play(steps, prices)
    for one in list(side.attempts.values()):
        if one.status.live:
            supplier.charge(one.id, one.expected_price or 0)
            side.ends(one, AttemptStatus.SUCCESS)
    side.now += timedelta(minutes=1)
    supplier.left -= leak
    side.hear(supplier.left, side.now)
    assert (side.held.drift, side.under_way.total) == (-leak, 0)
    supplier.left -= 1
    side.hear(supplier.left, side.now)
    assert side.held.drift == -leak - 1, "it adds up, and nothing hides it"


@settings(max_examples=50, deadline=None)
@given(STEPS, PRICES)
def test_what_is_bought_after_a_word_changes_the_computed_balance_and_not_the_drift(
    steps: list[tuple[str, int]], prices: list[int]
) -> None:
    _, side = play(steps, prices)
    side.hear(side.held.books.low - side.under_way.total - 700 if side.held.books else 0, side.now + KEEP)
    drift, computed = side.held.drift, side.held.computed
    assert drift == -700
    one = attempt("next", 5_400, side.now)
    side.put(one)
    side.put(replace(one, status=AttemptStatus.SUCCESS, price=5_350, ended_at=side.now))
    assert (side.held.drift, side.held.computed) == (-700, (computed or 0) - 5_350)


def test_an_answer_leaves_no_doubt_about_its_own_purchase_before_and_after_it_is_applied() -> None:
    for settled in (False, True):
        side = Side()
        side.hear(100_000, side.now)
        one = attempt("one", 5_400, side.now)
        side.put(one)
        if settled:
            side.ends(one, AttemptStatus.SUCCESS)
        for wrong in (-1, 1, 0):
            side.hear(94_600 + wrong, one.started_at, "one")
            assert side.held.drift == wrong


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(list(AttemptStatus)), st.integers(0, 20)), max_size=40),
    st.integers(0, 400),
    st.integers(0, 4),
    st.sampled_from([*OutcomeStatus]),
)
def test_what_a_word_may_be_off_by_is_the_sum_over_what_ended_since(
    steps: list[tuple[int, AttemptStatus, int]], age: int, about: int, says: OutcomeStatus
) -> None:
    side = Side()
    for which, status, wait in steps:
        side.now += timedelta(seconds=wait)
        known = side.attempts.get(str(which)) or attempt(str(which), 1_000 * (which + 1), side.now)
        side.put(replace(known, status=status, price=900 * (which + 1), ended_at=None if status.live else side.now))
    since = side.now - timedelta(seconds=age)
    about_state, under_way = side.attempts.get(str(about)), side.under_way
    outcome = Outcome(status=says)
    definite = about_state is not None and says not in {OutcomeStatus.PENDING, OutcomeStatus.UNKNOWN}
    charged = says is OutcomeStatus.SUCCESS
    late, early, balance = sum(under_way.prices.values()), 0, 100_000
    if definite and about_state is not None and about_state.id in under_way.prices:
        late -= under_way.prices[about_state.id]
        balance += (about_state.expected_price or 0) if charged else 0
    for one in under_way.ended:
        own = definite and about_state is not None and one.attempt == about_state.id
        if one.at >= since and not (own and (one.charged > 0) is charged):
            late, early = late + one.most - one.charged, early + one.charged
    assert under_way.told(100_000, since, about_state, outcome) == word(balance, late=late, early=early)


def test_the_last_step_of_a_long_day_is_cheap_and_what_ended_long_ago_is_forgotten() -> None:
    side = Side()
    for number in range(1_000):
        side.now += timedelta(seconds=1)
        one = attempt(str(number), 1, side.now)
        side.put(one)
        side.ends(one, AttemptStatus.SUCCESS)
    assert len(side.under_way.ended) <= 31
    assert side.under_way.prices == {}
    assert len(side.under_way._by_attempt) == len(side.under_way.ended)
