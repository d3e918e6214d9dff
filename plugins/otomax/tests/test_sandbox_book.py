"""The sandbox's book: a reference is bought once, and the money adds up."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_otomax.sandbox import BEHAVIOURS, Kind, State
from gateway_otomax.sandbox.book import Book, Order

_NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
_DELAY = timedelta(seconds=10)


def _book(*, balance: int = 100_000, journal: Path | None = None, default_price: int | None = None) -> Book:
    return Book(
        balance=balance,
        prices={"XL5": 5_400, "DANA": 75},
        default_price=default_price,
        delay=_DELAY,
        behaviours=BEHAVIOURS,
        journal=journal,
    )


def _state(book: Book, order: Order, now: datetime) -> State | None:
    purchase = book.find(order, now)
    return None if purchase is None else purchase.state


_ORDERS = st.builds(
    Order,
    ref=st.integers(1, 6).map(str),
    product=st.sampled_from(["XL5", "DANA", "NOPE"]),
    dest=st.sampled_from([f"0817123456{ending or '77'}" for ending in BEHAVIOURS]),
    qty=st.sampled_from([1, 1, 1, 5_000]),
)


@settings(max_examples=60)
@given(orders=st.lists(st.tuples(_ORDERS, st.integers(0, 15)), max_size=25))
def test_charges_are_the_prices_of_what_is_not_given_back(orders: list[tuple[Order, int]]) -> None:
    book, now = _book(balance=20_000), _NOW
    executed: dict[str, Order] = {}
    for order, seconds in orders:
        now += timedelta(seconds=seconds)
        kind, _ = book.place(order, now)
        if kind is Kind.BOUGHT:
            assert order.ref not in executed
            executed[order.ref] = order
        assert book.balance >= 0
        assert book.balance + book.charges == 20_000
    held = [book.find(order, now) for order in executed.values()]
    assert book.charges == sum(line.price for line in held if line is not None and line.state.charged)
    assert book.bought == Counter(executed.keys())
    assert [arrival.ref for arrival in book.arrivals] == [order.ref for order, _ in orders]


@settings(max_examples=60)
@given(order=_ORDERS, seconds=st.integers(0, 20))
def test_the_same_order_again_buys_nothing(order: Order, seconds: int) -> None:
    book = _book()
    first, _ = book.place(order, _NOW)
    balance = book.balance
    again, _ = book.place(order, _NOW)
    if first is Kind.LOST:
        assert again is (Kind.BOUGHT if order.product != "NOPE" else Kind.REFUSED)
    else:
        assert again is Kind.REPEATED
        assert book.balance == balance
    assert book.place(order, _NOW + timedelta(seconds=seconds))[0] is Kind.REPEATED
    assert book.bought[order.ref] <= 1


def test_another_product_destination_or_quantity_under_the_same_reference_is_refused() -> None:
    book = _book()
    assert book.place(Order("7", "XL5", "08171234520"), _NOW)[0] is Kind.BOUGHT
    for other in (
        Order("7", "DANA", "08171234520"),
        Order("7", "XL5", "08171234620"),
        Order("7", "XL5", "08171234520", 9),
    ):
        assert book.place(other, _NOW)[0] is Kind.CONFLICT
    assert (book.bought["7"], book.charges) == (1, 5_400)


def test_money_is_taken_at_once_and_given_back_when_it_fails() -> None:
    book, order = _book(), Order("7", "XL5", "08171234514")
    book.place(order, _NOW)
    assert (_state(book, order, _NOW), book.balance, book.charges) == (State.WAITING, 94_600, 5_400)
    just_before = _NOW + _DELAY - timedelta(microseconds=1)
    assert _state(book, order, just_before) is State.WAITING
    assert _state(book, order, _NOW + _DELAY) is State.FAILED
    assert (book.balance, book.charges, book.bought["7"]) == (100_000, 0, 1)


def test_a_line_takes_its_later_state_once() -> None:
    book, order = _book(), Order("7", "XL5", "08171234524")
    _, purchase = book.place(order, _NOW)
    assert purchase is not None
    book.advance(purchase, _NOW)
    book.advance(purchase, _NOW)
    book.settle(_NOW + _DELAY)
    assert (purchase.state, book.balance) == (State.TAKEN_BACK, 100_000)


def test_a_quantity_is_an_amount_that_is_added_to_the_price() -> None:
    book = _book()
    book.place(Order("7", "DANA", "08171234520", 50_000), _NOW)
    assert book.charges == 50_075


def test_an_unknown_code_is_refused_unless_there_is_a_price_for_all_others() -> None:
    order = Order("7", "NOPE", "08171234520")
    strict, lenient = _book(), _book(default_price=1_000)
    kind, purchase = strict.place(order, _NOW)
    assert kind is Kind.REFUSED
    assert purchase is not None
    assert purchase.behaviour.refusal == BEHAVIOURS["44"].refusal
    assert lenient.place(order, _NOW)[0] is Kind.BOUGHT
    assert (strict.charges, lenient.charges) == (0, 1_000)


def test_a_deposit_that_is_too_small_buys_nothing() -> None:
    book, order = _book(balance=5_399), Order("7", "XL5", "08171234520")
    kind, purchase = book.place(order, _NOW)
    assert kind is Kind.REFUSED
    assert purchase is not None
    assert purchase.behaviour.refusal == BEHAVIOURS["43"].refusal
    assert (book.balance, book.bought["7"]) == (5_399, 0)
    assert _book(balance=5_400).place(order, _NOW)[0] is Kind.BOUGHT


def test_what_is_forgotten_is_bought_again() -> None:
    book, order = _book(), Order("7", "XL5", "08171234520")
    book.place(order, _NOW)
    book.forget()
    assert book.find(order, _NOW) is None
    assert book.place(order, _NOW)[0] is Kind.BOUGHT
    assert book.bought["7"] == 2
    lost = Order("8", "XL5", "08171234592")
    assert book.place(lost, _NOW)[0] is Kind.LOST
    book.forget()
    assert book.place(lost, _NOW)[0] is Kind.LOST


def test_a_check_of_another_destination_finds_nothing() -> None:
    book = _book()
    book.place(Order("7", "XL5", "08171234520"), _NOW)
    assert book.find(Order("7", "XL5", "08171234521"), _NOW) is None
    assert book.find(Order("7", "DANA", "08171234520"), _NOW) is None
    assert book.find(Order("8", "XL5", "08171234520"), _NOW) is None


def test_the_journal_has_a_line_for_each_arrival_and_for_money_given_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    book = _book(journal=path)
    for order in (
        Order("1", "XL5", "08171234520"),
        Order("1", "XL5", "08171234520"),
        Order("1", "DANA", "08171234520"),
        Order("2", "XL5", "08171234540"),
        Order("3", "XL5", "08171234592"),
        Order("4", "XL5", "08171234514"),
    ):
        book.place(order, _NOW)
    book.settle(_NOW + _DELAY)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line["ref"], line["event"], line["price"]) for line in lines] == [
        ("1", "bought", 5_400),
        ("1", "repeated", 0),
        ("1", "conflict", 0),
        ("2", "refused", 0),
        ("3", "lost", 0),
        ("4", "bought", 5_400),
        ("4", "returned", 5_400),
    ]
    assert lines[0] == {
        "at": _NOW.isoformat(),
        "event": "bought",
        "ref": "1",
        "product": "XL5",
        "dest": "08171234520",
        "qty": 1,
        "price": 5_400,
    }


def test_the_summary_counts_by_reference() -> None:
    book = _book()
    for order in (
        Order("1", "XL5", "08171234520"),
        Order("1", "XL5", "08171234520"),
        Order("2", "XL5", "08171234592"),
    ):
        book.place(order, _NOW)
    summary = book.summary(_NOW)
    assert {key: summary[key] for key in ("balance", "charges", "arrived", "bought")} == {
        "balance": 94_600,
        "charges": 5_400,
        "arrived": 3,
        "bought": 1,
    }
    assert summary["purchases"]["1"] == {
        "arrived": 2,
        "bought": 1,
        "state": "success",
        "product": "XL5",
        "dest": "08171234520",
        "qty": 1,
        "price": 5_400,
    }
    assert summary["purchases"]["2"] == {"arrived": 1, "bought": 0, "state": None}
