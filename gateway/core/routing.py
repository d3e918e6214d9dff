"""Which suppliers may be tried for a transaction, in which order, and why each other one is dropped."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from enum import StrEnum

from gateway.core.outcome import ReasonCode
from gateway.core.value import value


@dataclass(frozen=True, slots=True)
class ClosedHours:
    """Hours of the day, in one time zone, in which a route is closed. May reach over midnight."""

    start: time
    end: time
    zone: tzinfo

    def closed(self, now: datetime) -> bool:
        local = now.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.zone}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way to buy a product."""

    provider: str
    product: str
    """The supplier's code."""
    price: int
    """Rupiah; where the order's `qty` is an amount, what the supplier takes on top of it."""
    weight: int = 1
    closed: ClosedHours | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Product:
    """Something that can be bought, and the ways to buy it in the configuration's order."""

    code: str
    name: str
    dest: str
    open_denomination: bool
    routes: tuple[Route, ...]
    enabled: bool = True

    def amount(self, qty: int) -> int:
        """What an order for `qty` costs on top of a route's price, in rupiah."""
        return amount_of(qty, open_denomination=self.open_denomination)


def amount_of(qty: int, *, open_denomination: bool) -> int:
    """The rupiah that an order for `qty` is about, where its product has no price of its own; otherwise 0."""
    return qty if open_denomination else 0


class Strategy(StrEnum):
    PRIORITY = "priority"
    CHEAPEST = "cheapest"
    WEIGHTED = "weighted"
    BALANCED_BY_SUCCESS = "balanced-by-success"


@value()
class AccountView:
    """What routing needs to know of an account at this moment."""

    closed_because: str | None = None
    """Why no purchase may go there now (paused, refused, breaker open, disabled), or `None`."""
    success_rate: float = 1.0
    """The recent share of purchases that ended well, 0 to 1."""


@value()
class Dropped:
    """A route that is not tried, and why."""

    route: Route
    why: str
    reason: ReasonCode


@value()
class Choice:
    """The routes to try, in order, and the dropped ones."""

    routes: tuple[Route, ...]
    dropped: tuple[Dropped, ...]

    def reason(self) -> ReasonCode:
        """Why nothing can be tried: the one reason that all dropped routes share, or `no_route`."""
        reasons = {dropped.reason for dropped in self.dropped}
        return reasons.pop() if len(reasons) == 1 else ReasonCode.NO_ROUTE


def choose(
    routes: Sequence[Route],
    accounts: Mapping[str, AccountView],
    *,
    now: datetime,
    strategy: Strategy,
    draws: Iterable[float],
    amount: int,
    max_price: int | None = None,
    tried: Collection[tuple[str, str]] = (),
) -> Choice:
    """Order the routes that may be tried.

    Args:
        draws: one number from 0 (included) to 1 for each route, used by the weighted strategies; passed in so that the
            same draws give the same order.
        tried: provider and supplier's code of each earlier attempt; those are not tried again.
        amount: what the order costs on top of a route's price, in rupiah; see `Product.amount`.
        max_price: the most that the client will pay in all, in rupiah, or `None`.
    """
    usable: list[Route] = []
    dropped: list[Dropped] = []
    for route in routes:
        drop = _drop(route, accounts.get(route.provider), now=now, amount=amount, max_price=max_price, tried=tried)
        if drop is None:
            usable.append(route)
        else:
            dropped.append(drop)
    return Choice(tuple(_ordered(usable, accounts, strategy, draws)), tuple(dropped))


def _drop(
    route: Route,
    account: AccountView | None,
    *,
    now: datetime,
    amount: int,
    max_price: int | None,
    tried: Collection[tuple[str, str]],
) -> Dropped | None:
    if not route.enabled:
        return Dropped(route, "the route is disabled", ReasonCode.NO_ROUTE)
    if (route.provider, route.product) in tried:
        return Dropped(route, "already tried for this transaction", ReasonCode.NO_ROUTE)
    if account is None:
        return Dropped(route, "the account is not loaded", ReasonCode.NO_ROUTE)
    if account.closed_because is not None:
        return Dropped(route, account.closed_because, ReasonCode.NO_ROUTE)
    if route.closed is not None and route.closed.closed(now):
        return Dropped(route, f"closed at this hour ({route.closed})", ReasonCode.CUTOFF)
    cost = route.price + amount
    if max_price is not None and cost > max_price:
        return Dropped(route, f"costs {cost} rupiah, above the client's {max_price}", ReasonCode.PRICE_TOO_HIGH)
    return None


def _ordered(
    routes: list[Route], accounts: Mapping[str, AccountView], strategy: Strategy, draws: Iterable[float]
) -> list[Route]:
    if strategy is Strategy.PRIORITY or len(routes) < 2:
        return routes
    if strategy is Strategy.CHEAPEST:
        return sorted(routes, key=lambda route: route.price)
    # Weighted order without replacement (Efraimidis and Spirakis): sort by draw ** (1 / weight), highest first.
    keyed: list[tuple[float, Route]] = []
    for route, draw in zip(routes, draws, strict=False):
        weight = float(route.weight)
        if strategy is Strategy.BALANCED_BY_SUCCESS:
            weight *= max(accounts[route.provider].success_rate, 0.01)
        keyed.append((draw ** (1.0 / weight) if weight > 0 else -1.0, route))
    return [route for _, route in sorted(keyed, key=lambda pair: pair[0], reverse=True)]
