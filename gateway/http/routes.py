"""What a route is: one line of a table that the application, the rights tests and the description are made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

from gateway.http.incoming import Incoming

NO_ROUTE = "none"
"""How metrics call a request to a path that is not there."""
UNREADABLE = "unreadable"
"""How metrics call what could not be parsed."""

Handler = Callable[[Incoming], Awaitable[web.StreamResponse]]


class Who(StrEnum):
    """Who may use a route."""

    ANYONE = "anyone"
    CLIENT = "client"
    """With an API key, from an allowed address; sees what is its own."""
    SUPPLIER = "supplier"
    """From an address that the account's `reports` allow, with its token where it has one."""
    OPERATOR = "operator"
    """Whoever reaches the operators' port; clients never do."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path."""

    method: str
    path: str
    handler: Handler
    who: Who
    sheds: bool = False
    """Refused at once while more arrive than can be carried."""

    @property
    def name(self) -> str:
        """How metrics call it: the path with its placeholders, never with what stands in their place."""
        return self.path
