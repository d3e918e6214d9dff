"""One replica's part of what an account allows all of them together.

A supplier counts the calls of an account and knows nothing of replicas. Each replica takes its part, and so nobody is
asked on the way of a purchase, and nothing is exceeded while anything that replicas share is away.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a replica stands among those that are alive."""

    replicas: int = 1
    rank: int = 0
    """From 0; the same for all who look at the same moment."""


def part_in_flight(most: int, standing: Standing) -> int:
    """How many calls at once are this replica's. The parts of all replicas are `most` together.

    Where there are more replicas than calls, each has one all the same: a purchase that came to one of the others would
    find no way out. Give an account at least as many as there are replicas.
    """
    whole, left = divmod(most, standing.replicas)
    return max(1, whole + (standing.rank < left))


def part_per_second(most: float | None, standing: Standing) -> float | None:
    """How many calls a second are this replica's; `None` for no limit."""
    return None if most is None else most / standing.replicas
