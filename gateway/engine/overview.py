"""What the engine shows of itself: the products that can be bought, and how each account stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from gateway.core.routing import Product
from gateway.engine.accounts import Account
from gateway.engine.month import Month


def products_view(products: Iterable[Product], accounts: Mapping[str, Account], now: datetime) -> list[dict[str, Any]]:
    """Each product, with the lowest price of a route that is open at `now`, in rupiah; without the amount of an open
    denomination."""
    return [_product_view(product, accounts, now) for product in products]


def _product_view(product: Product, accounts: Mapping[str, Account], now: datetime) -> dict[str, Any]:
    prices = [
        route.price
        for route in product.routes
        if route.enabled
        and (account := accounts.get(route.provider)) is not None
        and account.closed_because() is None
        and not (route.closed is not None and route.closed.closed(now))
    ]
    return {
        "product": product.code,
        "name": product.name,
        "dest": product.dest,
        "open_denomination": product.open_denomination,
        "available": bool(prices),
        "price": min(prices, default=None),
    }


def account_view(account: Account, month: Month) -> dict[str, Any]:
    """How an account stands: whether purchases go there and why not, what is under way, its deposit, its month."""
    why = account.closed_because()
    if account.settings.enabled and account.paused is not None:
        why = f"{why}: {account.paused}"
    return {
        "provider": account.id,
        "kind": account.settings.kind,
        "state": "available" if why is None else "unavailable",
        "why": why,
        "breaker": account.breaker_state().value,
        "checks": "put_off" if account.checks.down else "as_due",
        "in_flight": account.lane.in_flight,
        "waiting": account.lane.waiting,
        "success_rate": round(account.success_rate(), 4) if account.endings else None,
        "success_rate_of": len(account.endings),
        "balance": {
            "reported": account.balance.reported,
            "computed": account.balance.computed,
            "drift": account.balance.drift,
            "at": None if account.balance.at is None else account.balance.at.isoformat(),
        },
        "month": {
            "purchases": month.purchases,
            "commitment": account.settings.monthly_commitment,
            "inquiries": month.inquiries,
        },
        "last_error": account.last_error,
        "last_error_at": None if account.last_error_at is None else account.last_error_at.isoformat(),
    }
