"""Clients that wait for a final state."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from gateway.core.transaction import Transaction


class Waiting:
    """Wakes whoever waits for a transaction to become final."""

    def __init__(self) -> None:
        self._futures: dict[str, set[asyncio.Future[Transaction | None]]] = {}
        self._closed = False

    def __len__(self) -> int:
        return sum(len(futures) for futures in self._futures.values())

    def waited(self) -> tuple[str, ...]:
        """The transactions that somebody waits for."""
        return tuple(self._futures)

    def is_waited(self, transaction_id: str) -> bool:
        return transaction_id in self._futures

    def changed(self, transaction: Transaction) -> None:
        """Tell that `transaction` is committed as it is."""
        if not self._futures or not transaction.status.final:
            return
        for future in self._futures.pop(transaction.id, ()):
            if not future.done():
                future.set_result(transaction)

    def close(self) -> None:
        """Let everybody go, now and later: nothing becomes final here any more."""
        self._closed = True
        for futures in self._futures.values():
            for future in futures:
                if not future.done():
                    future.set_result(None)

    @contextlib.contextmanager
    def expecting(self, transaction_id: str) -> Iterator[asyncio.Future[Transaction | None]]:
        """A future that gets the transaction when it becomes final, from now to the end of the block, or `None` when
        it will not become so here."""
        future: asyncio.Future[Transaction | None] = asyncio.get_running_loop().create_future()
        if self._closed:
            future.set_result(None)
        self._futures.setdefault(transaction_id, set()).add(future)
        try:
            yield future
        finally:
            future.cancel()
            futures = self._futures.get(transaction_id)
            if futures is not None:
                futures.discard(future)
                if not futures:
                    del self._futures[transaction_id]

    @staticmethod
    async def within(future: asyncio.Future[Transaction | None], seconds: float) -> Transaction | None:
        """What the future gets; `None` when `seconds` are over, or when there is nothing to wait for."""
        timer = asyncio.get_running_loop().call_later(seconds, future.cancel)
        try:
            return await future
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not future.cancelled() or (task is not None and task.cancelling()):
                raise  # it is the caller who was cancelled, not the time that ran out
            return None
        finally:
            timer.cancel()
