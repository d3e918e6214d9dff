"""How the files that a process may open are shared between those who call and what is called for them.

A connection is a file, too. Without a share of its own, a crowd of callers takes the last one, and then no purchase can
be sent: each would fail, though nothing is wrong with it or with its supplier.
"""

from __future__ import annotations

from dataclasses import dataclass

AT_A_TIME = 8
"""Connections that are taken before the first of them is looked at."""
OWN = 24 + 2 * AT_A_TIME
"""Files that are open anyway: 15 with SQLite, PostgreSQL's connections more; and what comes in at both listeners."""
_OPERATORS = 64
_LEAST_CALLERS = 4
_LEAST_OPERATORS = 2


@dataclass(frozen=True, slots=True)
class Seats:
    """Connections that may be open at once, by who has opened them."""

    callers: int
    operators: int


def seats(files: int, calls: int) -> Seats:
    """The connections of callers and of operators beside which `calls` of our own can be made.

    Where there is too little for all, half is for our own calls: a call lasts shorter than a caller's connection.

    Args:
        files: that the process may open (RLIMIT_NOFILE).
        calls: to suppliers and to receivers of webhooks, at the same time.
    """
    spare = files - OWN
    operators = max(_LEAST_OPERATORS, min(_OPERATORS, spare // 8))
    own = min(calls, spare // 2)
    return Seats(callers=max(_LEAST_CALLERS, spare - operators - own), operators=operators)
