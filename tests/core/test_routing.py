"""Which suppliers are tried, in which order, and why each other one is not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.outcome import ReasonCode
from gateway.core.routing import AccountView, Choice, ClosedHours, Dropped, Product, Route, Strategy, choose

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
JAKARTA = ZoneInfo("Asia/Jakarta")
OPEN = {"alpha": AccountView(), "beta": AccountView(), "gamma": AccountView()}
ALPHA = Route(provider="alpha", product="X5", price=5_450)
BETA = Route(provider="beta", product="XL05", price=5_400)
GAMMA = Route(provider="gamma", product="X5", price=5_400)
ROUTES = (ALPHA, BETA, GAMMA)


def chosen(
    *routes: Route,
    strategy: Strategy = Strategy.PRIORITY,
    now: datetime = NOW,
    draws: tuple[float, ...] = (0.1, 0.5, 0.9),
    amount: int = 0,
    max_price: int | None = None,
    tried: frozenset[tuple[str, str]] = frozenset(),
    accounts: dict[str, AccountView] | None = None,
) -> Choice:
    return choose(
        routes,
        OPEN if accounts is None else accounts,
        now=now,
        strategy=strategy,
        draws=draws,
        amount=amount,
        max_price=max_price,
        tried=tried,
    )


def names(choice: Choice) -> list[str]:
    return [route.provider for route in choice.routes]


def test_priority_is_the_order_of_the_configuration() -> None:
    assert names(chosen(*ROUTES)) == ["alpha", "beta", "gamma"]
    assert names(chosen(GAMMA, ALPHA)) == ["gamma", "alpha"]


def test_cheapest_keeps_the_order_among_equal_prices() -> None:
    assert names(chosen(*ROUTES, strategy=Strategy.CHEAPEST)) == ["beta", "gamma", "alpha"]
    assert names(chosen(GAMMA, ALPHA, BETA, strategy=Strategy.CHEAPEST)) == ["gamma", "beta", "alpha"]


def test_weights_are_the_shares_of_first_choices() -> None:
    heavy, light = Route(provider="alpha", product="A", price=1, weight=3), Route(provider="beta", product="B", price=1)
    random, firsts = Random(20261124), Counter[str]()  # noqa: S311 — a sample, no secret
    for _ in range(4_000):
        draws = (random.random(), random.random())
        firsts[names(chosen(heavy, light, strategy=Strategy.WEIGHTED, draws=draws))[0]] += 1
    assert 0.72 < firsts["alpha"] / 4_000 < 0.78


def test_a_route_of_weight_nothing_is_the_last_resort() -> None:
    last = Route(provider="alpha", product="A", price=1, weight=0)
    for draw in (0.0, 0.999):
        assert names(chosen(last, BETA, strategy=Strategy.WEIGHTED, draws=(0.999, draw))) == ["beta", "alpha"]
    assert names(chosen(last, strategy=Strategy.WEIGHTED, draws=(0.5,))) == ["alpha"]


def test_weights_alone_know_of_no_success() -> None:
    seldom = {"alpha": AccountView(success_rate=0.01), "beta": AccountView()}
    for draws in ((0.9, 0.5), (0.5, 0.9)):
        blind = names(chosen(ALPHA, BETA, strategy=Strategy.WEIGHTED, draws=draws))
        assert names(chosen(ALPHA, BETA, strategy=Strategy.WEIGHTED, draws=draws, accounts=seldom)) == blind


def test_balanced_by_success_prefers_the_one_that_delivers_and_still_tries_the_other() -> None:
    accounts = {"alpha": AccountView(success_rate=1.0), "beta": AccountView(success_rate=0.0)}
    random, firsts = Random(7), Counter[str]()  # noqa: S311 — a sample, no secret
    for _ in range(3_000):
        draws = (random.random(), random.random())
        choice = chosen(ALPHA, BETA, strategy=Strategy.BALANCED_BY_SUCCESS, draws=draws, accounts=accounts)
        firsts[names(choice)[0]] += 1
    assert 0 < firsts["beta"] < 100


DROPS = [
    (Route(provider="alpha", product="X5", price=1, enabled=False), "disabled", ReasonCode.NO_ROUTE),
    (Route(provider="nobody", product="X5", price=1), "not loaded", ReasonCode.NO_ROUTE),
    (Route(provider="shut", product="X5", price=1), "paused by ann", ReasonCode.NO_ROUTE),
    (Route(provider="alpha", product="tried", price=1), "already tried", ReasonCode.NO_ROUTE),
    (Route(provider="alpha", product="X5", price=5_001), "above the client's 5000", ReasonCode.PRICE_TOO_HIGH),
    (
        Route(provider="alpha", product="X5", price=1, closed=ClosedHours(time(9), time(11), JAKARTA)),
        "09:00-11:00 Asia/Jakarta",
        ReasonCode.CUTOFF,
    ),
]


@pytest.mark.parametrize(("route", "why", "reason"), DROPS)
def test_each_dropped_route_says_why(route: Route, why: str, reason: ReasonCode) -> None:
    choice = chosen(
        route,
        max_price=5_000,
        tried=frozenset({("alpha", "tried")}),
        accounts={"alpha": AccountView(), "shut": AccountView(closed_because="paused by ann")},
    )
    assert choice.routes == ()
    (dropped,) = choice.dropped
    assert why in dropped.why
    assert (dropped.reason, choice.reason()) == (reason, reason)


def test_a_route_with_closed_hours_is_open_at_all_others() -> None:
    route = replace(ALPHA, closed=ClosedHours(time(9), time(11), JAKARTA))  # it is ten there
    assert names(chosen(route, BETA)) == ["beta"]
    assert names(chosen(route, BETA, now=NOW + timedelta(hours=1))) == ["alpha", "beta"]


def test_the_amount_of_an_open_denomination_counts_towards_the_highest_price() -> None:
    assert names(chosen(*ROUTES, amount=50_000, max_price=55_400)) == ["beta", "gamma"]
    refused = chosen(*ROUTES, amount=50_000, max_price=55_399)
    assert refused.reason() is ReasonCode.PRICE_TOO_HIGH
    assert [dropped.why for dropped in refused.dropped[1:]] == ["costs 55400 rupiah, above the client's 55399"] * 2


def test_only_an_open_denomination_has_an_amount() -> None:
    fixed = Product("XL5", "", "msisdn", open_denomination=False, routes=ROUTES)
    assert (fixed.amount(1), replace(fixed, open_denomination=True).amount(50_000)) == (0, 50_000)


def test_the_highest_price_may_be_reached_exactly() -> None:
    assert names(chosen(*ROUTES, max_price=5_400)) == ["beta", "gamma"]
    assert names(chosen(*ROUTES, max_price=5_450)) == ["alpha", "beta", "gamma"]
    assert chosen(*ROUTES, max_price=1).reason() is ReasonCode.PRICE_TOO_HIGH


def test_where_the_reasons_differ_it_is_no_route() -> None:
    dropped = (Dropped(ALPHA, "", ReasonCode.CUTOFF), Dropped(BETA, "", ReasonCode.PRICE_TOO_HIGH))
    assert Choice((), dropped).reason() is ReasonCode.NO_ROUTE
    assert Choice((), ()).reason() is ReasonCode.NO_ROUTE


def test_another_product_of_the_same_supplier_may_still_be_tried() -> None:
    choice = chosen(ALPHA, Route(provider="alpha", product="X5B", price=1), tried=frozenset({("alpha", "X5")}))
    assert [route.product for route in choice.routes] == ["X5B"]


@pytest.mark.parametrize(
    ("local", "closed"),
    [
        ("23:44:59.999999", False),
        ("23:45:00", True),
        ("23:59:59", True),
        ("00:00:00", True),
        ("00:14:59.999999", True),
        ("00:15:00", False),
        ("12:00:00", False),
    ],
)
def test_closed_over_midnight(local: str, closed: bool) -> None:
    hours = ClosedHours(time(23, 45), time(0, 15), JAKARTA)
    moment = datetime.combine(NOW.date(), time.fromisoformat(local), JAKARTA)
    assert hours.closed(moment) is closed
    assert hours.closed(moment.astimezone(UTC)) is closed, "the same moment, told in another zone"


def test_hours_are_those_of_their_own_zone() -> None:
    hours = {zone: ClosedHours(time(23), time(23, 59), ZoneInfo(zone)) for zone in ("Asia/Jakarta", "Asia/Jayapura")}
    at_23_in_jakarta = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)
    assert [one.closed(at_23_in_jakarta) for one in hours.values()] == [True, False]
    assert [one.closed(at_23_in_jakarta - timedelta(hours=2)) for one in hours.values()] == [False, True]


minutes = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))


@given(minutes, minutes, st.integers(0, 24 * 60 - 1), st.integers(-12, 14))
def test_a_day_is_closed_for_as_long_as_the_window_is(start: time, end: time, minute: int, offset: int) -> None:
    hours = ClosedHours(start, end, timezone(timedelta(hours=offset)))
    length = ((end.hour * 60 + end.minute) - (start.hour * 60 + start.minute)) % (24 * 60)
    behind = (minute - (start.hour * 60 + start.minute)) % (24 * 60)
    moment = datetime(2026, 11, 24, tzinfo=hours.zone) + timedelta(minutes=minute)
    assert hours.closed(moment) is (behind < length)


some_routes = st.lists(
    st.builds(
        Route,
        provider=st.sampled_from(["alpha", "beta", "nobody"]),
        product=st.sampled_from(["A", "B"]),
        price=st.integers(-10, 10),
        weight=st.integers(0, 3),
        enabled=st.booleans(),
    ),
    max_size=6,
)


@given(
    some_routes, st.sampled_from(Strategy), st.integers(0, 2**32), st.integers(0, 10), st.none() | st.integers(-10, 20)
)
def test_every_route_is_either_tried_or_dropped_and_nothing_is_made_up(
    routes: list[Route], strategy: Strategy, seed: int, amount: int, max_price: int | None
) -> None:
    random = Random(seed)  # noqa: S311 — any numbers will do
    draws = [random.random() for _ in routes]
    tried = frozenset({("beta", "B")})
    accounts = {"alpha": AccountView(success_rate=0.3), "beta": AccountView()}
    choices = [
        choose(
            routes,
            accounts,
            now=NOW,
            strategy=strategy,
            draws=draws,
            amount=amount,
            max_price=max_price,
            tried=tried,
        )
        for _ in range(2)
    ]
    assert choices[0] == choices[1], "the same draws, another order"
    choice = choices[0]
    both = [*choice.routes, *(dropped.route for dropped in choice.dropped)]
    assert Counter(map(repr, both)) == Counter(map(repr, routes))
    for route in choice.routes:
        assert route.enabled
        assert route.provider in accounts
        assert (route.provider, route.product) not in tried
        assert max_price is None or route.price + amount <= max_price
