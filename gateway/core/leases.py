"""When a replica that has not renewed its lease counts as gone.

A lease says: who does not renew it in time has had its chance. While the ledger is away nobody has one, so that time
must not count: after an outage longer than a lease all leases look overdue, and whoever came back first would end those
of the others, who are as alive as itself. Each replica therefore notes when the ledger surely could be reached, and
takes for gone only who was silent while it could be reached for as long as a lease lasts.

Moments are microseconds on the database's clock. Nobody else's clock matters (C29).
"""

from __future__ import annotations

from dataclasses import dataclass

CLOSE = 2
"""Answers follow each other closely where they lie at most a lease divided by this apart. A replica renews its lease
three times in one."""
_SPANS = 100
"""How many spans are kept; more only come of a ledger that flaps, and knowing less ends fewer leases."""


@dataclass(frozen=True, slots=True)
class Reach:
    """When the ledger surely could be reached, as one replica knows it."""

    spans: tuple[tuple[int, int], ...] = ()
    """From and to, in order, without overlap."""
    unbroken: bool = False
    """Whether nothing has failed since the end of the last span."""


def reached(reach: Reach, now: int, lease: int) -> Reach:
    """The ledger has answered.

    Args:
        now: the database's time in its answer.
        lease: how long a lease lasts, in microseconds.

    Between two answers it was there all the time if nothing failed in between and they follow each other closely; if
    they do not, this process slept, or the machine. Where the clock was set back, what was known is forgotten.
    """
    if not reach.spans:
        return Reach(((now, now),), unbroken=True)
    *before, (start, end) = reach.spans
    apart = now - end
    if -apart * CLOSE > lease:
        return Reach(((now, now),), unbroken=True)
    if reach.unbroken and apart * CLOSE <= lease:
        # Two answers may overtake each other on their way here.
        return Reach((*before, (start, max(now, end))), unbroken=True)
    if apart <= 0:
        return Reach(reach.spans, unbroken=True)
    kept = reach.spans if end > start else tuple(before)
    return Reach((*kept, (now, now))[-_SPANS:], unbroken=True)


def failed(reach: Reach) -> Reach:
    """The ledger has not answered."""
    return Reach(reach.spans, unbroken=False)


def newcomer(server_since: int, now: int) -> Reach:
    """What a replica that starts knows: the server was there since its own start.

    Whether others could reach it all that time it cannot know. Waiting for knowledge of its own would leave open
    purchases alone for ever at a replica that ends and starts again before a lease is over.
    """
    return Reach(((min(server_since, now), now),), unbroken=True)


def gone_before(reach: Reach, lease: int) -> int | None:
    """Who has renewed last at this moment or before has been silent for a lease while the ledger could be reached;
    `None`: nobody surely has."""
    left = lease
    for start, end in reversed(reach.spans):
        if end - start >= left:
            return end - left
        left -= end - start
    return None
