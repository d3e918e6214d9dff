"""The description and the page that shows it. Both are the same for everyone, so they need no key."""

from __future__ import annotations

from importlib.resources import files

from aiohttp import web

from gateway.http import listing
from gateway.http.incoming import Incoming

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_FILES = {
    "docs.html": "text/html; charset=utf-8",
    "docs.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


async def openapi(incoming: Incoming) -> web.Response:
    """`GET /openapi.json`: this description."""
    return web.Response(body=incoming.services.description, headers={"Content-Type": "application/json"})


async def page(_: Incoming) -> web.Response:
    """`GET /docs`: this description as a page for people."""
    return _file("docs.html")


async def part(incoming: Incoming) -> web.Response:
    """`GET /docs/{file}`: a part of that page."""
    name = incoming.request.match_info["file"]
    if name not in _FILES or name == "docs.html":
        raise listing.nothing_here("file")
    return _file(name)


def _file(name: str) -> web.Response:
    body = (files("gateway.http") / "docs" / name).read_bytes()
    return web.Response(body=body, headers={"Content-Type": _FILES[name], "Content-Security-Policy": _POLICY})
