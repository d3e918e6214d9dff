"""What can be bought, as the configuration says it, in the shape that routing decides on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from zoneinfo import ZoneInfo

from gateway.core.routing import ClosedHours, Product, Route
from gateway.settings.types import Product as ProductSettings
from gateway.settings.types import Route as RouteSettings


def catalogue(products: Iterable[ProductSettings]) -> dict[str, Product]:
    """Products by code. A disabled product is left out, as if it were not there."""
    return {
        product.code: Product(
            code=product.code,
            name=product.name,
            dest=product.dest,
            open_denomination=product.open_denomination,
            routes=tuple(_route(route) for route in product.routes),
        )
        for product in products
        if product.enabled
    }


def _route(route: RouteSettings) -> Route:
    return Route(
        provider=route.provider,
        product=route.code,
        price=route.price,
        weight=route.weight,
        closed=None if route.cutoff is None else closed_hours(route.cutoff, route.timezone),
        enabled=route.enabled,
    )


def closed_hours(text: str, timezone: str) -> ClosedHours:
    """`23:45-00:15` in `timezone`.

    Raises:
        ValueError: the text is no such window.
        zoneinfo.ZoneInfoNotFoundError: there is no such time zone.
    """
    start, separator, end = text.partition("-")
    if not separator:
        raise ValueError(f"{text!r} is not a window such as 23:45-00:15")
    return ClosedHours(time.fromisoformat(start.strip()), time.fromisoformat(end.strip()), ZoneInfo(timezone))
