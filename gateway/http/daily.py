"""How much a client may buy a day: `daily: {purchases, amount}` of the configuration.

What counts is what the ledger holds: purchases created since midnight that have not failed and were not taken back. So
a restart forgets nothing, a repeated `ref_id` counts once, and a purchase that fails gives its place back. An open
purchase counts with the most that it may cost, so the sum never grows by an answer.

A day is counted from the ledger once, when the client first buys, and then kept up by the engine's changes. Other
replicas' changes are not heard here: with PostgreSQL the day is counted again every half minute, so together they may
pass a limit by what the others sell in that time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.core.day import day_around
from gateway.core.routing import amount_of
from gateway.core.transaction import Change, Transaction, TransactionStatus
from gateway.http.engine_protocol import Engine
from gateway.http.limits import Told
from gateway.http.models import PurchaseBody
from gateway.http.problems import ProblemError
from gateway.settings.types import Client, Daily, Product

RECOUNT = 30.0
"""Seconds after which a count is taken anew where other replicas sell, too."""
_PAGE = 1000
_CLOCKS_APART = timedelta(seconds=5)
_COUNTED = frozenset({TransactionStatus.PENDING, TransactionStatus.SUCCESS})


class Sold(NamedTuple):
    """Purchases, and rupiah."""

    purchases: int = 0
    amount: int = 0

    def plus(self, other: Sold) -> Sold:
        return Sold(self.purchases + other.purchases, self.amount + other.amount)

    def minus(self, other: Sold) -> Sold:
        return Sold(self.purchases - other.purchases, self.amount - other.amount)


def most_it_costs(product: Product | None, qty: int, max_price: int | None) -> int:
    """The most that a purchase can cost, in rupiah: by its dearest route, with the amount where `qty` is one."""
    if product is None:
        return 0
    prices = [route.price for route in product.routes if route.enabled]
    cost = max(prices, default=0) + amount_of(qty, open_denomination=product.open_denomination)
    return max(0, cost if max_price is None else min(cost, max_price))


def weight(transaction: Transaction, product: Product | None) -> Sold:
    """What a transaction counts for."""
    if transaction.status not in _COUNTED:
        return Sold()
    price = transaction.price if transaction.status is TransactionStatus.SUCCESS else None
    if price is None:
        # What was sent before a reload costs what it did then, whatever the catalogue says by now.
        sent = max((attempt.expected_price or 0 for attempt in transaction.attempts), default=0)
        price = max(sent, most_it_costs(product, transaction.qty, transaction.max_price))
    return Sold(1, max(0, price))  # a commission makes no room for other purchases


@dataclass(slots=True)
class _Day:
    start: datetime
    end: datetime
    sold: Sold = field(default_factory=Sold)
    under_way: Sold = field(default_factory=Sold)
    """Purchases that are being accepted."""
    open: dict[str, Sold] = field(default_factory=dict)
    """What each open purchase counts for in `sold`: a reload may change what it would count for now."""
    counted_at: datetime | None = None
    counting: asyncio.Task[None] | None = None
    heard: list[Change] = field(default_factory=list)
    """What changed while it was being counted."""


class Days:
    """Holds clients to their daily limits.

    Args:
        recount: seconds after which a count is taken anew, or `None`.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime], recount: float | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._recount = recount
        self._days: dict[str, _Day] = {}
        self._products: dict[str, Product] = {}
        self._products_of: Sequence[Product] | None = None

    def hear(self, change: Change) -> None:
        """A change was committed in this process."""
        day = self._days.get(change.after.client) if self._days else None
        if day is None or not day.start <= change.after.created_at < day.end:
            return
        if day.counting is not None and not day.counting.done():
            day.heard.append(change)
        if day.counted_at is not None:
            day.sold = day.sold.plus(self._step(day.open, change))

    def _step(self, counted: dict[str, Sold], change: Change) -> Sold:
        """What a change adds to the sum. `counted`, what open purchases count for, is brought up to date."""
        before, after = change.before, change.after
        product = self._product(after.product)
        was = counted.pop(after.id, None)
        if was is None:
            was = Sold() if before is None else weight(before, product)
        now = weight(after, product)
        if not after.status.final:
            counted[after.id] = now
        return now.minus(was)

    async def enter(self, client: Client, limit: Daily, purchase: PurchaseBody) -> Sold:
        """Keep room for a purchase while it is being accepted; give it back with `leave`, however that ends.

        A `ref_id` that is there already needs no room.

        Raises:
            ProblemError: `rate_limited`.
            LedgerUnavailableError: the day could not be counted.
        """
        day = await self._today(client.id, limit)
        room = Sold(1, most_it_costs(self._product(purchase.product), purchase.qty, purchase.max_price))
        before = day.sold.plus(day.under_way)
        over = passed(before.plus(room), limit)
        if over is None:
            day.under_way = day.under_way.plus(room)
            return room
        if await self._engine.ledger.transaction_by_ref(client.id, purchase.ref_id) is not None:
            return Sold()
        name, told, most = over
        left = most - (before.purchases if name == "daily_purchases" else before.amount)
        length, rest = (day.end - day.start).total_seconds(), (day.end - self._clock()).total_seconds()
        raise DayIsOverError(Told(name, most, max(0, left), length, rest), told)

    def leave(self, client: Client, room: Sold) -> None:
        """The purchase was accepted and counts by itself, or it was not."""
        day = self._days[client.id]
        day.under_way = day.under_way.minus(room)

    def _product(self, code: str) -> Product | None:
        products = self._engine.settings.products
        if products is not self._products_of:
            self._products_of, self._products = products, {product.code: product for product in products}
        return self._products.get(code)

    async def _today(self, client: str, limit: Daily) -> _Day:
        now = self._clock()
        day = self._days.get(client)
        if day is None or not day.start <= now < day.end:
            under_way = Sold() if day is None else day.under_way
            day = self._days[client] = _Day(*day_around(now, ZoneInfo(limit.timezone)), under_way=under_way)
        due = day.counted_at is None or (
            self._recount is not None and (now - day.counted_at).total_seconds() >= self._recount
        )
        if due and (day.counting is None or day.counting.done()):
            day.counting = asyncio.get_running_loop().create_task(self._count(client, day, now))
        if day.counted_at is None and day.counting is not None:
            await asyncio.shield(day.counting)
        return day

    async def _count(self, client: str, day: _Day, now: datetime) -> None:
        """Add up the ledger. What changes meanwhile is heard, and added where the ledger was read before it."""
        day.heard.clear()
        sold, before_id = Sold(), None
        counted: dict[str, Sold] = {}
        read: dict[str, int] = {}
        while True:
            page = await self._engine.ledger.transactions(
                client=client, start=day.start, end=day.end, before_id=before_id, limit=_PAGE
            )
            for one in page:
                counts = weight(one, self._product(one.product))
                sold = sold.plus(counts)
                if not one.status.final:
                    counted[one.id] = counts
                if not one.status.final or one.updated_at >= now - _CLOCKS_APART:
                    read[one.id] = one.version
            if len(page) < _PAGE:
                break
            before_id = page[-1].id
        for change in day.heard:
            if change.after.version > read.get(change.after.id, 0):
                sold = sold.plus(self._step(counted, change))
        day.heard.clear()
        day.sold, day.open, day.counted_at = sold, counted, now


class DayIsOverError(ProblemError):
    """A daily limit is reached."""

    def __init__(self, limit: Told, words: str) -> None:
        super().__init__(
            "rate_limited",
            f"this would be more than the {words} that may be bought a day; purchases that fail give their place back",
            headers=limit.headers(),
            policy=limit.name,
        )
        self.limit = limit.name


def passed(sold: Sold, limit: Daily) -> tuple[str, str, int] | None:
    """Which limit is passed, for programs and for people, and how much it is; `None` where there is room."""
    if limit.purchases is not None and sold.purchases > limit.purchases:
        return "daily_purchases", f"{limit.purchases} purchases", limit.purchases
    if limit.amount is not None and sold.amount > limit.amount:
        return "daily_amount", f"{limit.amount} rupiah", limit.amount
    return None
