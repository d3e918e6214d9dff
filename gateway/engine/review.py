"""What an operator does by hand: ask now, settle, and look at how an account stands."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import datetime

from gateway.core.apply import Decision
from gateway.core.checking import ask_now
from gateway.core.resolve import CannotResolveError, resolve
from gateway.core.transaction import Transaction, TransactionStatus
from gateway.engine.apply import Door
from gateway.engine.check import Checker
from gateway.engine.clock import Clock
from gateway.ledger import Ledger


class Reviewer:
    """The operators' actions on one transaction; each is an event with the operator's name.

    Args:
        accounts: those that there are now, by id.
    """

    def __init__(self, *, ledger: Ledger, door: Door, checker: Checker, accounts: Container[str], clock: Clock) -> None:
        self._ledger = ledger
        self._door = door
        self._checker = checker
        self._accounts = accounts
        self._clock = clock

    async def check_now(self, transaction_id: str, operator: str) -> Transaction:
        """Ask each supplier that may still deliver, now, and return what is known after it.

        Raises:
            LookupError: there is no such transaction.
        """
        transaction = await self._get(transaction_id)
        for attempt in [held for held in transaction.attempts if held.may_deliver or transaction.conflict]:
            now = self._clock.now()
            await self._door.settle(await self._get(transaction_id), _asked(attempt.id, now, operator))
            await self._checker.check(transaction_id, attempt.id, at_once=True)
        return await self._get(transaction_id)

    async def resolve(
        self, transaction_id: str, result: str, reason: str, operator: str, serial: str | None
    ) -> Transaction:
        """Settle what no supplier will say.

        Raises:
            LookupError: there is no such transaction.
            CannotResolveError: it cannot be settled by a person now.
        """
        transaction = await self._get(transaction_id)
        try:
            status = TransactionStatus(result)
        except ValueError:
            raise CannotResolveError("the result of a transaction is success or failed") from None
        now = self._clock.now()
        settled = await self._door.settle(
            transaction,
            lambda current: resolve(
                current,
                result=status,
                reason=reason,
                operator=operator,
                now=now,
                serial=serial,
                accounts=self._accounts,
            ),
        )
        return settled.after

    async def _get(self, transaction_id: str) -> Transaction:
        transaction = await self._ledger.transaction(transaction_id)
        if transaction is None:
            raise LookupError(f"there is no transaction {transaction_id}")
        return transaction


def _asked(attempt_id: str, now: datetime, operator: str) -> Callable[[Transaction], Decision]:
    return lambda current: ask_now(current, attempt_id, now=now, operator=operator)
