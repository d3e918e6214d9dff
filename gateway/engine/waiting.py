"""Clients that wait for a final state, and whoever else wants to hear of changes in this process."""

from __future__ import annotations

import asyncio

from gateway.core.transaction import Transaction


class Waiting:
    """Wakes whoever waits for a transaction to become final."""

    def __init__(self) -> None:
        self._futures: dict[str, set[asyncio.Future[Transaction]]] = {}

    def __len__(self) -> int:
        return sum(len(futures) for futures in self._futures.values())

    def changed(self, transaction: Transaction) -> None:
        """Tell that `transaction` is committed as it is."""
        if not transaction.status.final or not self._futures:
            return
        for future in self._futures.pop(transaction.id, ()):
            if not future.done():
                future.set_result(transaction)

    async def final(self, transaction_id: str, seconds: float) -> Transaction | None:
        """The transaction once it is final, or `None` when `seconds` are over. Ask the ledger after registering."""
        future: asyncio.Future[Transaction] = asyncio.get_running_loop().create_future()
        self._futures.setdefault(transaction_id, set()).add(future)
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            return None
        finally:
            self._forget(transaction_id, future)

    def _forget(self, transaction_id: str, future: asyncio.Future[Transaction]) -> None:
        futures = self._futures.get(transaction_id)
        if futures is not None:
            futures.discard(future)
            if not futures:
                del self._futures[transaction_id]
