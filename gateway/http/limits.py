"""How many requests a client may make: `rate: {per_second, burst}` of the configuration, and how clients are told.

It is a token bucket: `burst` requests at once, and `per_second` more each second. In any stretch of time a client gets
what its rate gives plus one burst at most. Every request with a valid key counts, a repeated `ref_id` too, because it
costs as much; what is refused here does not count, so a client that goes on asking is not kept out by that.

The bucket is one number a client: the moment at which it would be full again ("GCRA" in the field's words). The library
`limits` was measured first: 9 to 18 µs a request for its windows in memory against about 1 µs here, with times from the
wall clock, which may jump.

Clients are told by the `RateLimit-Policy` and `RateLimit` fields of draft-ietf-httpapi-ratelimit-headers-10. The draft
speaks of windows; a bucket of `burst` that fills at `per_second` is told as `burst` a window in which it fills. Whole
seconds are rounded up, so a client that keeps to what it is told is never refused.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from gateway.settings.types import Rate

REQUESTS = "requests"
"""What clients and metrics call the limit of `rate`."""
_HAIR = 1e-9
"""Seconds. Floats that should be equal differ by less."""


class Standing(NamedTuple):
    """Where a client stands after a request."""

    allowed: bool
    remaining: int
    """Requests that it may make at once now."""
    full_in: float
    """Seconds until it may make a whole burst again."""
    wait: float
    """Seconds until the next request is let in; 0 where it was allowed."""


class ClientLimits(Protocol):
    """Counts the requests of clients."""

    async def open(self) -> None:
        """Begin, before the first request. Never raises."""

    async def take(self, client: str, rate: Rate) -> Standing:
        """Count one request, unless that is too many. Never raises, and waits for 100 ms at most."""

    async def close(self) -> None: ...


def measure(owed: float, cost: float, window: float) -> Standing:
    """One request of a client whose bucket would be full in `owed` seconds. Pure.

    Args:
        cost: seconds in which the bucket gains one request.
        window: seconds in which an empty bucket becomes full.
    """
    after = owed + cost
    if after > window + _HAIR:
        return Standing(False, 0, owed, after - window)
    return Standing(True, int((window - after) / cost + _HAIR), after, 0.0)


def spread(rate: Rate, parts: int = 1) -> tuple[float, float]:
    """Seconds that one request costs, and seconds in which an empty bucket becomes full; of `parts` equal parts one.

    A part lets one request through at least, because nothing less can be let through.
    """
    return parts / rate.per_second, max(rate.most / parts, 1.0) * parts / rate.per_second


class Buckets:
    """Buckets in this process's memory.

    Args:
        clock: seconds, never going back.
        parts: how many processes share each rate; this one gives out its part.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, parts: int = 1) -> None:
        self.parts = parts
        self._clock = clock
        self._full_at: dict[str, float] = {}

    async def open(self) -> None:
        """Nothing has to be known first."""

    async def take(self, client: str, rate: Rate) -> Standing:
        now = self._clock()
        cost, window = spread(rate, self.parts)
        standing = measure(max(0.0, self._full_at.get(client, now) - now), cost, window)
        if standing.allowed:
            self._full_at[client] = now + standing.full_in
        return standing

    def owed(self, client: str) -> float:
        """Seconds until the client's bucket is full."""
        held = self._full_at.get(client)
        return 0.0 if held is None else max(0.0, held - self._clock())

    def raise_to(self, client: str, full_at: float) -> None:
        """Take over a level from elsewhere, where it is the higher one: when the bucket is full, on the clock. In
        seconds it is the same for the whole and for its parts."""
        self._full_at[client] = max(self._full_at.get(client, full_at), full_at)

    @property
    def clients(self) -> Iterable[str]:
        """All that ever asked."""
        return self._full_at

    async def close(self) -> None:
        """Nothing is held open."""


class Told(NamedTuple):
    """What a client is told about a limit."""

    name: str
    """Stable: programs tell limits apart by it."""
    most: int
    left: int
    window: float
    """Seconds for which `most` is."""
    seconds: float
    """Until there is room again."""

    def headers(self) -> dict[str, str]:
        """Of a refusal."""
        return {
            "Retry-After": retry_after(self.seconds),
            "RateLimit-Policy": f'"{self.name}";q={self.most};w={math.ceil(self.window)}',
            "RateLimit": f'"{self.name}";r={self.left};t={retry_after(self.seconds)}',
        }


def policy_field(rate: Rate) -> str:
    """One item of `RateLimit-Policy`."""
    return f'"{REQUESTS}";q={rate.most};w={math.ceil(rate.most / rate.per_second)}'


def standing_field(standing: Standing) -> str:
    """One item of `RateLimit`."""
    return f'"{REQUESTS}";r={standing.remaining};t={math.ceil(standing.full_in)}'


def retry_after(seconds: float) -> str:
    """`Retry-After`: whole seconds, 1 at least."""
    return str(max(1, math.ceil(seconds - _HAIR)))
