"""Asking suppliers about attempts that are still open, on each account's schedule and by the way that it allows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from gateway.core.apply import Decision, Evidence, Source
from gateway.core.checking import checked, may_ask_by_resending
from gateway.core.outcome import Outcome, OutcomeStatus, about
from gateway.core.retry import put_off
from gateway.core.transaction import AttemptState, AttemptStatus, Transaction
from gateway.engine.accounts import Account, seconds
from gateway.engine.apply import Door, by_evidence
from gateway.engine.clock import Clock
from gateway.engine.crashpoints import CrashPoint, Hook
from gateway.engine.dispatch import Dispatcher
from gateway.engine.exchange import attempt_for_provider, exchange
from gateway.engine.lanes import LaneFullError
from gateway.engine.plugin_faults import tell
from gateway.engine.surely import surely
from gateway.ledger import Ledger
from gateway.net.transport import Sent
from gateway.plugin_errors import FAULTS
from gateway.provider import Asking, Call
from gateway.settings.types import DEFAULT_CHECKS

log = structlog.get_logger(__name__)


class Checker:
    """Asks, applies the answer, and says when to ask again.

    Args:
        asked: told of each check: the account; `answered`, `no_answer`, `not_allowed` or `put_off`; and whether it was
            answered in words that no rule understood.
        heard: told what a supplier says of an attempt, and perhaps of the balance, and when it was asked.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        door: Door,
        dispatcher: Dispatcher,
        clock: Clock,
        asked: Callable[[Account, str, bool], None],
        heard: Callable[[Account, AttemptState, Outcome, datetime], None],
        crash: Hook,
    ) -> None:
        self._ledger = ledger
        self._door = door
        self._dispatcher = dispatcher
        self._clock = clock
        self._asked = asked
        self._heard = heard
        self._crash = crash

    async def check(self, transaction_id: str, attempt_id: str, *, at_once: bool = False) -> None:
        """Ask about one attempt whose check is due, and carry its transaction on where the answer settles it.

        Where the supplier does not answer, the question is put off; `at_once` asks all the same.

        Does nothing where a task of this process is at work on the transaction: what that one learns comes first.
        """
        busy = self._dispatcher.busy
        if transaction_id in busy:
            return
        busy.add(transaction_id)
        try:
            transaction = await self._ask(transaction_id, attempt_id, at_once=at_once)
        finally:
            busy.discard(transaction_id)
        if transaction is not None and transaction.route_at is not None:
            await self._dispatcher.carry(transaction)

    async def _ask(self, transaction_id: str, attempt_id: str, *, at_once: bool) -> Transaction | None:
        transaction = await self._ledger.transaction(transaction_id)
        attempt = None if transaction is None else transaction.attempt(attempt_id)
        if transaction is None or attempt is None or attempt.next_check_at is None:
            return transaction
        if attempt.status is AttemptStatus.SENDING:
            if transaction.owner != self._ledger.owner:
                return transaction  # another replica is sending it, and will say what became of it
            # Nobody in this process is sending it: whoever did is gone, and it may have left.
            return await self.interrupted(transaction, attempt)
        account = self._dispatcher.accounts.get(attempt.provider)
        if account is None or not self._may_ask(account, transaction, attempt):
            if account is not None:
                self._asked(account, "not_allowed", False)
            return await self._count(transaction, attempt, account)
        free = account.lane.try_take()
        try:
            slot = free or await account.lane.take(account.settings.limits.wait)
        except LaneFullError:
            return transaction  # it stays due
        try:
            if slot is not free:  # the wait took time: ask only about what is still to be asked about
                current = await self._ledger.transaction(transaction_id)
                same = self._dispatcher.accounts.get(attempt.provider) is account
                if current is None or current.version != transaction.version or not same:
                    slot.release(unused=True)
                    return current
            # Only now, so that of many that were due together most learn what became of the first ones.
            wait = 0.0 if at_once else account.checks.begin(attempt_id, seconds())
            if wait > 0:
                slot.release(unused=True)
                return await self._put_off(transaction, attempt_id, account, wait)
            return await self._call(transaction, attempt, account)
        finally:
            slot.release()

    async def _put_off(self, transaction: Transaction, attempt_id: str, account: Account, wait: float) -> Transaction:
        self._asked(account, "put_off", False)
        now = self._clock.now()
        settled = await self._door.settle(
            transaction, lambda current: put_off(current, attempt_id, now=now, seconds=wait)
        )
        return settled.after

    async def _call(self, transaction: Transaction, attempt: AttemptState, account: Account) -> Transaction:
        asked = attempt_for_provider(transaction, attempt)
        try:
            call = account.provider.check(asked)
        except FAULTS as error:
            tell(account.id, "check", error)
            call = None
        if not isinstance(call, Call):
            self._asked(account, "no_answer", False)
            return await self._count(transaction, attempt, account)
        now = self._clock.now()
        answer = await exchange(
            account,
            call,
            purpose="check",
            attempt=attempt.id,
            read=lambda reply: account.provider.read_check(asked, reply),
            now=now,
        )
        outcome = about(answer.outcome, attempt.id)
        reply = answer.sent.reply
        told = outcome.status is not OutcomeStatus.UNKNOWN or outcome.never_seen
        # A server that is at fault itself and tells nothing is as good as away.
        away = reply is None or (reply.status >= 500 and not told)
        account.checks.ended(seconds(), answered=not away)
        if away:
            account.last_error, account.last_error_at = _why_away(answer.sent), self._clock.now()
        self._crash(CrashPoint.AFTER_CHECK_ANSWER)
        self._asked(account, "no_answer" if away else "answered", reply is not None and not told and not outcome.rule)
        if reply is None:
            # What became of the question says nothing about the purchase.
            outcome = Outcome(status=OutcomeStatus.UNKNOWN)
        self._heard(account, attempt, outcome, now)
        evidence = Evidence(attempt.id, outcome, Source.CHECK, self._clock.now(), since=now)
        apply_it = by_evidence(evidence, account.never_seen)
        conclusive = outcome.status in {OutcomeStatus.SUCCESS, OutcomeStatus.FAILED}
        try:
            settled = await surely(
                lambda: self._door.settle(
                    transaction,
                    lambda current: self._checked(apply_it(current), attempt.id, account, conclusive=conclusive),
                    exchanges=(answer.exchange,),
                )
            )
        except Exception:
            # Otherwise it would stay due, and be asked again at once and for ever.
            log.exception("check_not_applied", transaction=transaction.id, attempt=attempt.id, provider=account.id)
            return await self._count(transaction, attempt, account)
        return settled.after

    async def _count(self, transaction: Transaction, attempt: AttemptState, account: Account | None) -> Transaction:
        """A check that could not be made counts: a person must not wait for questions that nobody can ask."""
        settled = await self._door.settle(
            transaction, lambda current: self._checked(Decision(current), attempt.id, account, conclusive=False)
        )
        return settled.after

    def _checked(self, decision: Decision, attempt_id: str, account: Account | None, *, conclusive: bool) -> Decision:
        schedule = DEFAULT_CHECKS if account is None else account.settings.checks
        return checked(decision, attempt_id, schedule=schedule, now=self._clock.now(), conclusive=conclusive)

    def _may_ask(self, account: Account, transaction: Transaction, attempt: AttemptState) -> bool:
        asking = account.asking
        if asking is Asking.RESEND:
            return may_ask_by_resending(
                transaction, attempt, now=self._clock.now(), resend_within=account.settings.resend_within
            )
        return asking is Asking.QUESTION

    async def interrupted(self, transaction: Transaction, attempt: AttemptState) -> Transaction:
        """An attempt that was being sent when its process ended: it may have run. It is asked about soon."""
        outcome = Outcome(
            status=OutcomeStatus.UNKNOWN, message="the gateway stopped while this was being sent; it is asked about"
        )
        evidence = Evidence(attempt.id, outcome, Source.RECOVERY, self._clock.now())
        return (await self._door.settle(transaction, by_evidence(evidence, None))).after


def _why_away(sent: Sent) -> str:
    return sent.detail if sent.reply is None else f"the supplier answered a check with HTTP status {sent.reply.status}"
