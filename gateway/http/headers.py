"""The headers that every answer carries."""

from __future__ import annotations

from multidict import CIMultiDict

from gateway.http.request_id import HEADER

ON_EVERY_ANSWER = (
    ("Server", "pulsa-gateway"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
"""Answers hold what only their receiver may see, and nothing that a browser should run. A page for people says
otherwise by setting the header itself. `Server` tells no version."""


def dress(headers: CIMultiDict[str], request_id: str) -> None:
    """Add what is missing; what a handler set stays."""
    headers[HEADER] = request_id
    for name, value in ON_EVERY_ANSWER:
        headers.setdefault(name, value)
