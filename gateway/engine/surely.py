"""Writing down what was learned, also where the ledger cannot be written for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.ledger import LedgerUnavailableError

T = TypeVar("T")

_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds between the tries; the last one is kept."""


async def surely(write: Callable[[], Awaitable[T]]) -> T:
    """Do `write` until the ledger takes it: what a supplier or a receiver has said must not be lost to a full disk.

    A process that ends meanwhile loses nothing either: an attempt is `sending` on disk and is asked about, and a
    notification is sent again.
    """
    tries = 0
    while True:
        try:
            return await write()
        except LedgerUnavailableError:
            await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1
