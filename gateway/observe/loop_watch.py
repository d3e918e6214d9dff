"""Says in the log what holds the event loop. While it is held nothing else of the gateway can: everything waits."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Iterator

import structlog

HELD = 1.0
"""Seconds without a turn of the loop after which somebody is named."""
_FRAMES = 8
log = structlog.get_logger(__name__)


@contextlib.contextmanager
def watched_loop(held: float = HELD) -> Iterator[None]:
    """Watch the running loop until the block ends: log where its thread is when it has made no turn for `held` seconds,
    and how long that took in the end.

    A plugin that sleeps, counts or reads a file is found in the act. A single call that never leaves the interpreter to
    other threads, such as a pattern that runs away, is named when it returns. Where the whole process stood still,
    because it was stopped or its machine slept, nobody is.
    """
    watch = _Watch(asyncio.get_running_loop(), held)
    watch.start()
    try:
        yield
    finally:
        watch.stop()


class _Watch:
    """Made, started and stopped on the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, held: float) -> None:
        self._loop = loop
        self._held = held
        self._watched = threading.get_ident()
        self._turned = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop-watch", daemon=True)
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._turn()
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._next is not None:
            self._next.cancel()
        self._thread.join()

    def _turn(self) -> None:
        self._turned = time.monotonic()
        self._next = self._loop.call_later(self._held / 4, self._turn)

    def _watch(self) -> None:
        looked, used = time.monotonic(), time.process_time()
        since: float | None = None
        while not self._stopped.wait(self._held / 4):
            now, cpu, turned = time.monotonic(), time.process_time(), self._turned
            stood_still = now - looked >= self._held and cpu - used < (now - looked) / 2
            looked, used = now, cpu
            if since is not None and turned != since:
                log.warning("event_loop_went_on", seconds=round(turned - since, 2))
                since = None
            if since is None and now - turned >= self._held and not stood_still:
                since = turned
                log.error("event_loop_held", seconds=round(now - turned, 2), where=_where(self._watched))


def _where(thread: int) -> list[str]:
    """The innermost calls of a thread, the innermost last, without any values."""
    stack = traceback.extract_stack(sys._current_frames().get(thread))  # noqa: SLF001 — CPython's one way to look
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack[-_FRAMES:]]
