"""The background tasks of one engine: begun, kept, named so that the same work is not begun twice, and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from gateway.ledger import LedgerUnavailableError

log = structlog.get_logger(__name__)

Work = Coroutine[Any, Any, Any]


class Tasks:
    """Tasks that nobody awaits. One that fails is logged: what it left undone is due in the ledger, and the next sweep
    takes it up."""

    def __init__(self) -> None:
        self.refusing = False
        """Whether named work is no longer begun: the process is stopping."""
        self._tasks: dict[asyncio.Task[Any], str] = {}
        self._names: set[str] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, work: Work) -> None:
        """Begin it in any case."""
        self._start(work, "")

    def begin_once(self, name: str, work: Work) -> None:
        """Begin it unless work of that name is under way, or the process is stopping."""
        if self.refusing or name in self._names:
            work.close()
            return
        self._names.add(name)
        self._start(work, name)

    async def wait(self, seconds: float) -> None:
        """Until those that are under way have ended, or the time is over."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    async def cut(self) -> bool:
        """Cancel what still runs. Returns whether there was anything."""
        cut = set(self._tasks)
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        return bool(cut)

    def _start(self, work: Work, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = name
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._names.discard(self._tasks.pop(task))
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, LedgerUnavailableError):
            log.warning("task_put_off", why=str(error))  # of hundreds that meet an outage, the trace would say no more
        else:
            log.error("task_failed", exc_info=error)
