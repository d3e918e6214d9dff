"""A client buys no more a day than it may, over repeats, failures and restarts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.transaction import AttemptState, AttemptStatus, Change, Transaction, TransactionStatus
from gateway.http.daily import Days, Sold, most_it_costs, weight
from gateway.settings.types import Product
from tests.http.memory import FakeEngine

ROUTES = [{"provider": "open", "code": "X5", "price": 5400}, {"provider": "away", "code": "X5", "price": 5500}]
FIXED = Product.model_validate({"code": "XL5", "routes": ROUTES})
OPEN = Product.model_validate({"code": "DANA", "open_denomination": True, "routes": ROUTES[:1]})


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> Any:
    def put(gateway: Any) -> None:
        gateway.engine.settings = gateway.engine.settings.model_copy(update={"products": (FIXED, OPEN)})

    return put


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine in memory lives on 23 November 2026."""
    monkeypatch.setattr(FakeEngine, "now", lambda _: NOON)


NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_a_purchase_counts_with_the_most_that_it_may_cost() -> None:
    assert most_it_costs(FIXED, 1, None) == 5500
    assert most_it_costs(FIXED, 1, 5450) == 5450
    assert most_it_costs(OPEN, 50_000, None) == 55_400
    assert most_it_costs(OPEN, 50_000, 55_000) == 55_000, "the client's most is of the whole"
    assert most_it_costs(None, 1, None) == 0


@pytest.mark.usefixtures("today")
async def test_the_purchase_above_the_number_is_refused_and_a_repeat_is_not(open_gateway: Any) -> None:
    gateway = await open_gateway(shop={"daily": {"purchases": 2}})
    assert (await gateway.buy(ref_id="A-1")).status == 201
    assert (await gateway.buy(ref_id="A-1")).status == 200
    assert (await gateway.buy(ref_id="A-2")).status == 201
    refused = await gateway.buy(ref_id="A-3")
    assert (refused.status, refused.json["code"]) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) == 5 * 3600
    assert refused.headers["RateLimit-Policy"] == '"daily_purchases";q=2;w=86400'
    assert refused.headers["RateLimit"] == '"daily_purchases";r=0;t=18000'
    assert refused.json["violated-policies"] == ["daily_purchases"]
    assert gateway.metrics.limited == [("shop", "daily_purchases")]
    assert len(gateway.engine.ledger.rows) == 2
    assert (await gateway.buy(ref_id="A-2")).status == 200
    assert (await gateway.buy(ref_id="A-2", dest="0811111111")).status == 409
    assert (await gateway.buy(client="other", ref_id="A-3")).status == 201


@pytest.mark.usefixtures("today")
async def test_fifty_at_once_get_no_more_than_the_day_has_room_for(open_gateway: Any) -> None:
    gateway = await open_gateway(shop={"daily": {"purchases": 7}})
    accept = gateway.engine.accept

    async def accept_slowly(*request: Any) -> Any:
        await asyncio.sleep(0.05)  # as a commit does
        return await accept(*request)

    gateway.engine.accept = accept_slowly
    answers = await asyncio.gather(*(gateway.buy(ref_id=f"A-{number}") for number in range(50)))
    assert sorted(answer.status for answer in answers) == [201] * 7 + [429] * 43


@pytest.mark.usefixtures("today")
async def test_what_failed_or_could_not_be_stored_gives_its_place_back(open_gateway: Any) -> None:
    gateway = await open_gateway(shop={"daily": {"purchases": 1}})
    gateway.engine.ledger.full = True
    assert (await gateway.buy(ref_id="A-0")).status == 503
    gateway.engine.ledger.full = False
    first = await gateway.buy(ref_id="A-1")
    assert (await gateway.buy(ref_id="A-2")).status == 429
    before = gateway.engine.ledger.rows[first.json["id"]]
    failed = replace(before, status=TransactionStatus.FAILED, version=2)
    gateway.engine.commit(Change(before=before, after=failed))
    assert (await gateway.buy(ref_id="A-2")).status == 201
    assert (await gateway.buy(ref_id="A-3")).status == 429


@pytest.mark.usefixtures("today")
async def test_the_amount_counts_open_purchases_at_most_and_ended_ones_at_their_price(
    open_gateway: Any, products: Any
) -> None:
    gateway = await open_gateway(shop={"daily": {"amount": 11_000}})
    products(gateway)
    first = await gateway.buy(ref_id="A-1")
    assert (await gateway.buy(ref_id="A-2")).status == 201
    assert (await gateway.buy(ref_id="A-3", max_price=100)).status == 429
    before = gateway.engine.ledger.rows[first.json["id"]]
    gateway.engine.commit(
        Change(before=before, after=replace(before, status=TransactionStatus.SUCCESS, price=5400, version=2))
    )
    refused = await gateway.buy(ref_id="A-3", max_price=101)
    assert refused.status == 429
    assert refused.headers["RateLimit"].startswith('"daily_amount";r=100;t='), "what is left, and too little for it"
    assert (await gateway.buy(ref_id="A-3", max_price=100)).status == 201
    assert gateway.metrics.limited == [("shop", "daily_amount")] * 2


@pytest.mark.usefixtures("today")
@pytest.mark.parametrize("now_costs", [100, 9_000, None], ids=["cheaper", "dearer", "taken out"])
@pytest.mark.parametrize("ends", [TransactionStatus.SUCCESS, TransactionStatus.FAILED])
async def test_a_reload_while_a_purchase_is_open_leaves_the_amount_exact(
    open_gateway: Any, products: Any, now_costs: int | None, ends: TransactionStatus
) -> None:
    def reload(price: int | None) -> None:
        route = {**ROUTES[0], "price": price}
        there = () if price is None else (Product.model_validate({"code": "XL5", "routes": [route]}),)
        gateway.engine.settings = gateway.engine.settings.model_copy(update={"products": there})

    gateway = await open_gateway(shop={"daily": {"amount": 20_000}})
    products(gateway)
    first = await gateway.buy(ref_id="A-1")
    reload(now_costs)
    before = gateway.engine.ledger.rows[first.json["id"]]
    price = 5400 if ends is TransactionStatus.SUCCESS else None
    gateway.engine.commit(Change(before=before, after=replace(before, status=ends, price=price, version=2)))
    reload(50_000)
    left = 20_000 - (price or 0)
    assert (await gateway.buy(ref_id="A-2", max_price=left + 1)).status == 429
    assert (await gateway.buy(ref_id="A-3", max_price=left)).status == 201


def test_an_open_purchase_counts_with_what_it_was_sent_for_where_that_is_more_than_the_catalogue_says_now() -> None:
    sent = AttemptState(
        id="1", number=1, provider="open", product="X5", expected_price=5450, status=AttemptStatus.PENDING,
        started_at=NOON,
    )  # fmt: skip
    one = Transaction(
        id="2", client="shop", ref_id="A-1", request_hash="", product="XL5", dest="0817", qty=1, max_price=None,
        attempts=(sent,), created_at=NOON, updated_at=NOON, deadline_at=NOON,
    )  # fmt: skip
    assert weight(one, Product.model_validate({"code": "XL5", "routes": [{**ROUTES[0], "price": 100}]})) == Sold(
        1, 5450
    )
    assert weight(one, None) == Sold(1, 5450)
    assert weight(one, FIXED) == Sold(1, 5500)


def test_a_bill_whose_supplier_pays_a_commission_makes_no_room_for_other_purchases() -> None:
    paid = Transaction(
        id="2", client="shop", ref_id="A-1", request_hash="", product="PLN", dest="0817", qty=1, max_price=None,
        status=TransactionStatus.SUCCESS, price=-1_500, created_at=NOON, updated_at=NOON, deadline_at=NOON,
    )  # fmt: skip
    assert weight(paid, None) == Sold(1, 0)


@pytest.mark.usefixtures("today")
async def test_a_restart_counts_the_day_from_the_ledger(open_gateway: Any) -> None:
    old = await open_gateway(shop={"daily": {"purchases": 3}})
    for number in range(3):
        assert (await old.buy(ref_id=f"A-{number}")).status == 201
    rows = old.engine.ledger.rows
    yesterday, failed, _ = sorted(rows)
    rows[yesterday] = replace(rows[yesterday], created_at=NOON - timedelta(days=1))
    rows[failed] = replace(rows[failed], status=TransactionStatus.FAILED)
    fresh = await open_gateway(shop={"daily": {"purchases": 3}})
    fresh.engine.ledger.rows = dict(rows)
    assert [(await fresh.buy(ref_id=f"B-{number}")).status for number in range(3)] == [201, 201, 429]


@pytest.mark.usefixtures("today")
async def test_a_day_that_cannot_be_counted_sells_nothing_and_is_counted_later(open_gateway: Any) -> None:
    gateway = await open_gateway(shop={"daily": {"purchases": 1}})
    gateway.engine.ledger.down = True
    assert (await gateway.buy()).status == 503
    gateway.engine.ledger.down = False
    assert (await gateway.buy()).status == 201


async def test_what_changes_while_the_ledger_is_read_counts_once(open_gateway: Any) -> None:
    gateway = await open_gateway(shop={})
    await gateway.buy(ref_id="A-1")
    await gateway.buy(ref_id="A-2")
    engine, ledger = gateway.engine, gateway.engine.ledger
    first, second = ledger.rows.values()
    days = Days(engine, clock=lambda: NOON)
    read = ledger.transactions

    async def reading(**which: Any) -> Any:
        late = replace(first, id="000000000000000099", ref_id="A-99")
        days.hear(Change(before=None, after=late))
        ledger.rows[late.id] = late
        found = await read(**which)
        failed = replace(first, status=TransactionStatus.FAILED, version=first.version + 1)
        days.hear(Change(before=first, after=failed))
        days.hear(Change(before=second, after=replace(second, status=TransactionStatus.SUCCESS, version=2)))
        return found

    ledger.transactions = reading
    client = engine.settings.clients[0].model_copy(
        update={"daily": type("D", (), {"timezone": "Asia/Jakarta", "purchases": None, "amount": None})()}
    )
    body = type("B", (), {"product": "XL5", "qty": 1, "max_price": None, "ref_id": "A-5"})()
    room = await days.enter(client, client.daily, body)
    days.leave(client, room)
    assert days._days["shop"].sold == Sold(2, 0)
    assert weight(second, None) == Sold(1, 0)
