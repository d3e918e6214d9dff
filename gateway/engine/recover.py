"""What is taken up again: after a restart, and whenever something was left lying while the ledger was down.

There is no second way of doing things for recovery: it finds what is due and sends it the normal way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.core.transaction import AttemptStatus
from gateway.engine.accounts import Account
from gateway.engine.check import Checker
from gateway.engine.clock import Clock
from gateway.engine.dispatch import Dispatcher
from gateway.engine.report import ReportReader
from gateway.ledger import Ledger, LedgerUnavailableError

_BATCH = 500
_REPORTS_EVERY = timedelta(seconds=30)
log = structlog.get_logger(__name__)


class Sweeper:
    """Finds what is due and has it done: this replica's own, and what replicas that are gone have left.

    Args:
        spawn: runs a coroutine in the background, named so that the same work is not started twice.
        observed: told how many transactions are open and since when the oldest one.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        dispatcher: Dispatcher,
        checker: Checker,
        reports: ReportReader,
        accounts: Mapping[str, Account],
        clock: Clock,
        spawn: Callable[[str, Coroutine[Any, Any, Any]], None],
        observed: Callable[[int, datetime | None], None],
        interval: float = 1.0,
    ) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._checker = checker
        self._reports = reports
        self._reports_at = clock.now()
        self.accounts = accounts
        self._clock = clock
        self._spawn = spawn
        self._observed = observed
        self._interval = interval

    async def recover(self) -> int:
        """After a start: every attempt that was being sent when the last process ended may have run.

        Returns how many there were.
        """
        found = 0
        while True:
            # What this process is sending itself is in good hands: after a take-over both are on the list.
            listed = await self._ledger.interrupted(_BATCH)
            left = [transaction for transaction in listed if transaction.id not in self._dispatcher.busy]
            for transaction in left:
                for attempt in transaction.attempts:
                    if attempt.status is AttemptStatus.SENDING:
                        transaction = await self._checker.interrupted(transaction, attempt)  # noqa: PLW2901 — each step starts from the one before
                        found += 1
            if not left or len(listed) < _BATCH:
                return found

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await self.sweep()
            except LedgerUnavailableError as error:
                log.warning("sweep_failed", why=str(error))
            except Exception:
                log.exception("sweep_failed")
            await asyncio.sleep(self._interval)

    async def sweep(self) -> None:
        """Start everything that is due now."""
        now = self._clock.now()
        if await self._ledger.take_over():
            await self.recover()
        # A transaction that was accepted this moment is on its way already; only what was left lying is taken up.
        for transaction_id in await self._ledger.due_routes(now - timedelta(seconds=self._interval), _BATCH):
            if transaction_id not in self._dispatcher.busy:
                self._spawn(f"route {transaction_id}", self._route(transaction_id))
        for transaction_id, attempt_id in await self._ledger.due_checks(now, _BATCH):
            if transaction_id not in self._dispatcher.busy:
                self._spawn(f"check {attempt_id}", self._checker.check(transaction_id, attempt_id))
        if now >= self._reports_at:
            self._reports_at = now + _REPORTS_EVERY
            self._spawn("reports", self._reports.take_up(self.accounts))
        self._observed(*await self._ledger.open_count())

    async def _route(self, transaction_id: str) -> None:
        transaction = await self._ledger.transaction(transaction_id)
        if transaction is not None and transaction.route_at is not None:
            await self._dispatcher.carry(transaction)
