"""Numbers for transactions and attempts: 18 decimal digits, the only form of reference that every supplier accepts.

Twelve digits are milliseconds since 2020 (enough until 2051), three the node, three a sequence. The numbers of one
node rise strictly whatever the clock does, and start above the highest one that the ledger holds, so a clock that was
set back cannot make one twice.
"""

from __future__ import annotations

from datetime import UTC, datetime

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
NODES = 1000
_PER_MS = 1000
_LIMIT = 10**12


class References:
    """The numbers of one node.

    Args:
        node: 0–999, held by one process at a time.
        last: the highest number that this node ever gave out, or `None`.
    """

    def __init__(self, node: int = 0, last: str | None = None) -> None:
        if not 0 <= node < NODES:
            raise ValueError(f"a node is a number from 0 to {NODES - 1}, not {node}")
        self._node = node
        self._ms = -1
        self._sequence = 0
        if last is not None:
            self._ms = int(last) // (NODES * _PER_MS)
            self._sequence = _PER_MS  # the next one starts a new millisecond

    def next(self, now: datetime) -> str:
        """A number never given before. `now` is only a lower bound: the numbers rise by themselves when it does not.

        Raises:
            OverflowError: the year 2051 is over.
        """
        delta = now - EPOCH
        ms = delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000
        if ms > self._ms:
            self._ms, self._sequence = ms, 0
        elif self._sequence >= _PER_MS:
            self._ms, self._sequence = self._ms + 1, 0
        if self._ms >= _LIMIT:
            raise OverflowError("references of 18 digits are used up: 2051 is over")
        number = (self._ms * NODES + self._node) * _PER_MS + self._sequence
        self._sequence += 1
        return f"{number:018d}"
