"""What the event loop has to complain about, without a flood.

When a process may open no more files, asyncio logs the same error with its trace for each connection that waits, up to
the length of the queue, and again a second later (`_accept_connection` in its `selector_events`).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import math
from typing import Any

log = logging.getLogger("gateway.loop")

_SAY_AGAIN = 10.0
"""Seconds between two lines."""
_OUT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class LoopErrors:
    """An exception handler for an event loop."""

    def __init__(self) -> None:
        self._said_at = -math.inf

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if "socket" not in context or not isinstance(error, OSError) or error.errno not in _OUT:
            loop.default_exception_handler(context)
            return
        now = loop.time()
        if now - self._said_at >= _SAY_AGAIN:
            self._said_at = now
            log.error("no connection can be taken (%s); trying again every second", errno.errorcode[error.errno])
