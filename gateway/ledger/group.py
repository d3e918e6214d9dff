"""Group commit: what waits is written together, and each caller is answered after the commit that holds its part."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from gateway.ledger.batch import Operation
from gateway.ledger.errors import LeaseLostError, LedgerUnavailableError

MAX_BATCH = 512
"""How many operations one commit holds at most."""
REMIND_SECONDS = 60.0
"""After how long it is told again that nothing can be written, and why now."""
log = structlog.get_logger(__name__)

Write = Callable[[Sequence[Operation]], Awaitable[Sequence[Any]]]
"""Writes operations durably and answers each with its result or with the exception that is for its caller alone."""
OnCommit = Callable[[int, float, bool], None]
"""Told the number of operations of a commit, the seconds that it took, and whether all of it was written."""


class GroupWriter:
    """One queue and one task that empties it, a batch at a time. While one batch is written the next one gathers."""

    def __init__(self, write: Write, on_commit: OnCommit | None = None, max_batch: int = MAX_BATCH) -> None:
        self._write = write
        self._on_commit = on_commit
        self._max_batch = max_batch
        self._queue: deque[tuple[Operation, asyncio.Future[Any]]] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._down_since: float | None = None
        self._told_at = 0.0

    @property
    def queued(self) -> int:
        return len(self._queue)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ledger writer")

    async def close(self) -> None:
        """Write what is queued, then stop. What comes later is refused."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task

    def submit(self, operation: Operation) -> asyncio.Future[Any]:
        """Queue an operation. A caller that gives up waiting changes nothing: the operation is written all the same.

        Raises:
            LedgerUnavailableError: the ledger is closed, or was never opened.
        """
        if self._closing or self._task is None:
            raise LedgerUnavailableError("the ledger is closed")
        future: asyncio.Future[Any] = self._task.get_loop().create_future()
        self._queue.append((operation, future))
        self._arrived.set()
        return future

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                await self._write_batch()
            if self._closing:
                return

    async def _write_batch(self) -> None:
        queue = self._queue
        batch = [queue.popleft() for _ in range(min(len(queue), self._max_batch))]
        started = time.monotonic()
        try:
            answers = await self._write([operation for operation, _ in batch])
        except Exception as error:  # whatever it is, it is for the callers, and the writer goes on
            answers = [error] * len(batch)
        ended = time.monotonic()
        self._tell(answers, started, ended)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(_own(answer))
            else:
                future.set_result(answer)
        if self._on_commit is not None:
            whole = not any(isinstance(answer, Exception) for answer in answers)
            self._on_commit(len(batch), ended - started, whole)

    def _tell(self, answers: Sequence[Any], started: float, now: float) -> None:
        """Tell once when nothing can be written, and once when it can be again: what comes between are its effects.

        Args:
            started: when this write began; one that hangs ends seconds after the ledger did.
        """
        trouble = answers[-1] if isinstance(answers[-1], LedgerUnavailableError) else None
        if isinstance(trouble, LeaseLostError):
            return  # told as such: the ledger is well
        if trouble is None:
            if self._down_since is not None:
                log.warning("ledger_is_written_again", seconds=round(now - self._down_since, 1))
                self._down_since = None
        elif self._down_since is None or now - self._told_at >= REMIND_SECONDS:
            self._down_since = started if self._down_since is None else self._down_since
            self._told_at = now
            log.error("ledger_not_written", why=str(trouble), seconds=round(now - self._down_since, 1))


def _own(error: Exception) -> Exception:
    """An exception of its own for each caller: one that is shared would gather the traceback of each."""
    try:
        own = type(error)(*error.args)
    except TypeError:
        return error
    own.__cause__ = error.__cause__
    return own
