"""Which refusals of strangers are written to the audit log.

Anybody who reaches the port can be refused as often as they like, at thousands a second, and each line stays on the
disk for good. So a few of each address are written, and not too many in all; the others are counted, and the next line
that is written says how many they were. Metrics count every one.
"""

from __future__ import annotations

from collections import OrderedDict

from gateway.http.client_address import Address, neighbourhood


class Strangers:
    """Counts refusals by address in windows of one minute. Holds at most `most` addresses; the oldest go first.

    Args:
        each: lines about one address in a window.
        total: and about all of them.
    """

    def __init__(self, *, each: int = 20, total: int = 600, window: float = 60.0, most: int = 10_000) -> None:
        self._each = each
        self._total = total
        self._window = window
        self._most = most
        self._seen: OrderedDict[int, tuple[float, int]] = OrderedDict()
        self._all = (0.0, 0)
        self._left_out = 0

    def __len__(self) -> int:
        return len(self._seen)

    def line(self, address: Address | None, now: float) -> int | None:
        """One more refusal: how many were left out before it since the last line, or `None` where it is left out too.

        Args:
            now: seconds on the monotonic clock.
        """
        place = neighbourhood(address)
        began, count = self._seen.get(place, (now, 0))
        if now - began >= self._window:
            began, count = now, 0
            self._seen.pop(place, None)
        self._seen[place] = (began, count + 1)
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        since, written = self._all
        if now - since >= self._window:
            since, written = now, 0
        if count >= self._each or written >= self._total:
            self._left_out += 1
            return None
        self._all = (since, written + 1)
        left_out, self._left_out = self._left_out, 0
        return left_out
