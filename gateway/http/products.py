"""What can be bought now."""

from __future__ import annotations

from aiohttp import web

from gateway.http import listing
from gateway.http.incoming import Incoming, json_response


async def products(incoming: Incoming) -> web.Response:
    """`GET /v1/products`."""
    listing.parameters(incoming.request.query.items(), frozenset())
    return json_response({"products": incoming.engine.products()})
