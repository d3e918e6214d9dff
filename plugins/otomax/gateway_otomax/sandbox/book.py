"""The sandbox's book: what was bought, how it stands, and what it cost. No sockets, and the clock is passed in.

A reference is bought once: as long as the book remembers it, the same purchase again only tells how the first stands.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from gateway_otomax.sandbox.behaviours import Behaviour, State, behaviour_of, refused

__all__ = ["INQUIRIES", "Arrival", "Book", "Kind", "Order", "Purchase"]

INQUIRIES = ("CEK", "INQ")
"""How the codes of products begin that only ask for a bill."""
_WRONG_CODE = refused("wrong product code", 44, "Kode produk salah")
_NO_MONEY = refused("our deposit there is too small", 43, "Saldo tidak cukup")


class Kind(StrEnum):
    """What became of one request to buy."""

    BOUGHT = "bought"
    """It was executed: the money was taken."""
    REFUSED = "refused"
    """It was stored as failed; no money was taken."""
    REPEATED = "repeated"
    """The reference was there already with the same purchase; nothing was executed."""
    CONFLICT = "conflict"
    """The reference was there already with another purchase; nothing was executed."""
    LOST = "lost"
    """It was dropped before it was stored."""
    TURNED_AWAY = "turned_away"
    """Wrong member, signature or form: it never reached the book."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a request asks for."""

    ref: str
    product: str
    dest: str
    qty: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request to buy, as it arrived. Checks are not among them."""

    ref: str
    product: str
    dest: str
    qty: int
    sign_ok: bool
    at: datetime
    kind: Kind

    @property
    def executed(self) -> bool:
        return self.kind is Kind.BOUGHT


@dataclass(slots=True, kw_only=True)
class Purchase:
    """One line of the book. Money in whole rupiah."""

    number: int
    """The supplier's own reference."""
    order: Order
    at: datetime
    price: int
    balance_before: int
    behaviour: Behaviour
    state: State
    serial: str


@dataclass(slots=True, kw_only=True)
class Book:
    """Every purchase by its reference, and the deposit.

    Attributes:
        balance: the deposit, in whole rupiah.
        prices: what each product code costs; a quantity above 1 is an amount, and is added.
        default_price: what any other code costs; `None`: other codes are refused as unknown.
        delay: how long after the purchase a line takes its later state.
        journal: a file that gets one JSON line for every arrival and for all money that is given back.
    """

    balance: int
    prices: Mapping[str, int]
    default_price: int | None
    delay: timedelta
    behaviours: Mapping[str, Behaviour]
    journal: Path | None = None
    arrivals: list[Arrival] = field(default_factory=list)
    bought: Counter[str] = field(default_factory=Counter)
    charges: int = 0
    """What was taken and not given back."""
    _lines: dict[str, Purchase] = field(default_factory=dict)
    _lost: set[str] = field(default_factory=set)
    _due: list[tuple[datetime, int, Purchase]] = field(default_factory=list)
    _number: int = 70_000_000

    def place(self, order: Order, now: datetime) -> tuple[Kind, Purchase | None]:
        """Take up a request that was let in: buy it, refuse it, lose it, or tell the one that was there before."""
        self.settle(now)
        kind, purchase = self._place(order, now)
        if kind is Kind.BOUGHT:
            self.bought[order.ref] += 1
        self.note(order, kind, now, price=purchase.price if purchase and kind is Kind.BOUGHT else 0)
        return kind, purchase

    def _place(self, order: Order, now: datetime) -> tuple[Kind, Purchase | None]:
        known = self._lines.get(order.ref)
        if known is not None:
            return (Kind.REPEATED if known.order == order else Kind.CONFLICT), known
        behaviour = behaviour_of(order.dest, self.behaviours)
        if behaviour.lost and order.ref not in self._lost:
            self._lost.add(order.ref)
            return Kind.LOST, None
        price = self._price(order)
        if price is None:
            behaviour = _WRONG_CODE
        elif price > self.balance:
            behaviour = _NO_MONEY
        purchase = self._line(order, now, price or 0, behaviour)
        self._lines[order.ref] = purchase
        if not purchase.state.charged:
            return Kind.REFUSED, purchase
        self.balance -= purchase.price
        self.charges += purchase.price
        if behaviour.later is not None:
            heapq.heappush(self._due, (now + self.delay, purchase.number, purchase))
        return Kind.BOUGHT, purchase

    def _line(self, order: Order, now: datetime, price: int, behaviour: Behaviour) -> Purchase:
        self._number += 1
        return Purchase(
            number=self._number,
            order=order,
            at=now,
            price=price,
            balance_before=self.balance,
            behaviour=behaviour,
            state=behaviour.at_first,
            serial=_serial(order, self._number),
        )

    def _price(self, order: Order) -> int | None:
        price = self.prices.get(order.product, self.default_price)
        return price if price is None or order.qty == 1 else price + order.qty

    def note(self, order: Order, kind: Kind, now: datetime, *, sign_ok: bool = True, price: int = 0) -> None:
        """Keep an arrival, and write it into the journal. `price` is what was taken."""
        arrival = Arrival(
            ref=order.ref, product=order.product, dest=order.dest, qty=order.qty, sign_ok=sign_ok, at=now, kind=kind
        )
        self.arrivals.append(arrival)
        if self.journal is not None:
            self._write(now, kind, order, price)

    def find(self, order: Order, now: datetime) -> Purchase | None:
        """The purchase that a check asks about; `None` where there is none."""
        self.settle(now)
        purchase = self._lines.get(order.ref)
        same = purchase is not None and (purchase.order.product, purchase.order.dest) == (order.product, order.dest)
        return purchase if same else None

    def settle(self, now: datetime) -> None:
        """Give every line whose time has come its later state."""
        while self._due and self._due[0][0] <= now:
            self.advance(heapq.heappop(self._due)[2], now)

    def advance(self, purchase: Purchase, now: datetime) -> None:
        """Give one line its later state now. Nothing happens a second time."""
        later = purchase.behaviour.later
        if later is None or purchase.state is later or not purchase.state.charged:
            return
        purchase.state = later
        if not later.charged:
            self.balance += purchase.price
            self.charges -= purchase.price
            if self.journal is not None:
                self._write(now, "returned", purchase.order, purchase.price)

    def forget(self) -> None:
        """Lose the memory of every reference, as suppliers do after a while: the same reference buys again."""
        self._lines.clear()
        self._lost.clear()

    def summary(self, now: datetime) -> dict[str, Any]:
        """Counts for JSON, in whole rupiah."""
        self.settle(now)
        arrived = Counter(arrival.ref for arrival in self.arrivals)
        return {
            "balance": self.balance,
            "charges": self.charges,
            "arrived": len(self.arrivals),
            "bought": self.bought.total(),
            "purchases": {
                ref: {"arrived": count, "bought": self.bought[ref], **_described(self._lines.get(ref))}
                for ref, count in arrived.items()
            },
        }

    def _write(self, now: datetime, event: str, order: Order, price: int) -> None:
        if self.journal is None:
            return
        line = {
            "at": now.isoformat(),
            "event": event,
            "ref": order.ref,
            "product": order.product,
            "dest": order.dest,
            "qty": order.qty,
            "price": price,
        }
        with self.journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _described(purchase: Purchase | None) -> dict[str, Any]:
    if purchase is None:
        return {"state": None}
    order = purchase.order
    return {
        "state": purchase.state.name.lower(),
        "product": order.product,
        "dest": order.dest,
        "qty": order.qty,
        "price": purchase.price,
    }


def _serial(order: Order, number: int) -> str:
    """A serial number; for electricity a token of five groups with what it is for; the bill where it is asked for."""
    if order.product.startswith(INQUIRIES):
        return "NAMA:PELANGGAN SANDBOX/PERIODE:NOV26/TAG:150.000/ADM:2.500/TTAG:152.500"
    digits = f"2611{number:016d}"
    if not order.product.startswith("PLN"):
        return digits
    token = " ".join(digits[start : start + 4] for start in range(0, 20, 4))
    return f"{token}/PELANGGAN SANDBOX/R1/1300 VA/13,1KWH"
