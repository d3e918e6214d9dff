"""A simulation is worth something if it sees mistakes: each of these is planted in the engine, and must be seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.core.advance import Step, next_step
from gateway.core.apply import Evidence, Source
from gateway.core.checking import may_ask_by_resending
from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.core.routing import Product
from gateway.core.transaction import AttemptState, AttemptStatus, Event, Transaction
from gateway.engine import accounts, exchange, open_accounts
from gateway.engine.accounts import Account
from gateway.engine.apply import Door, by_evidence
from gateway.engine.check import Checker
from gateway.engine.report import ReportReader, Trust
from tests.simulation.world import run_seed

Plant = Callable[[pytest.MonkeyPatch], None]


def resends_on_recovery(patch: pytest.MonkeyPatch) -> None:
    """An attempt that was under way when the process died counts as one that never left."""

    async def interrupted(self: Checker, transaction: Transaction, attempt: AttemptState) -> Transaction:
        evidence = Evidence(attempt.id, Outcome(status=OutcomeStatus.REJECTED), Source.RECOVERY, self._clock.now())
        return (await self._door.settle(transaction, by_evidence(evidence, None))).after

    patch.setattr(Checker, "interrupted", interrupted)


def answers_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    true_commit = Door.commit
    under_way: set[asyncio.Task[bool]] = set()

    async def commit(
        self: Door, before: Transaction | None, after: Transaction, events: Sequence[Event], **more: Any
    ) -> bool:
        if before is not None:
            return await true_commit(self, before, after, events, **more)
        under_way.add(asyncio.get_running_loop().create_task(true_commit(self, before, after, events, **more)))
        return True

    patch.setattr(Door, "commit", commit)


def calls_a_time_out_failed(patch: pytest.MonkeyPatch) -> None:
    failed = Outcome(status=OutcomeStatus.FAILED, reason=ReasonCode.SUPPLIER_TIMEOUT)
    patch.setattr(exchange, "_without_reply", lambda _sent: failed)


def believes_every_report(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ReportReader, "_trust", lambda *_: Trust.BELIEVED)


def ignores_that_the_state_moved_on(patch: pytest.MonkeyPatch) -> None:
    true_commit = Door.commit

    async def commit(self: Door, *what: Any, **more: Any) -> bool:
        await true_commit(self, *what, **more)
        return True

    patch.setattr(Door, "commit", commit)


def resends_while_another_may_deliver(patch: pytest.MonkeyPatch) -> None:
    def may_ask(transaction: Transaction, attempt: AttemptState, **more: Any) -> bool:
        return may_ask_by_resending(replace(transaction, attempts=(attempt,)), attempt, **more)

    patch.setattr("gateway.engine.check.may_ask_by_resending", may_ask)
    patch.setattr("gateway.engine.report.may_ask_by_resending", may_ask)


def goes_elsewhere_while_unknown(patch: pytest.MonkeyPatch) -> None:
    def blind_step(transaction: Transaction, *what: Any, **more: Any) -> Step:
        attempts = tuple(
            replace(one, status=AttemptStatus.REJECTED) if one.status is AttemptStatus.UNKNOWN else one
            for one in transaction.attempts
        )
        return next_step(replace(transaction, attempts=attempts), *what, **more)

    patch.setattr("gateway.engine.dispatch.next_step", blind_step)


def forgets_the_amount(patch: pytest.MonkeyPatch) -> None:
    """An open denomination costs no more than what the supplier takes on top."""
    patch.setattr(Product, "amount", lambda _product, _qty: 0)


def forgets_the_calls_of_a_changed_account(patch: pytest.MonkeyPatch) -> None:
    """A reload gives a changed account a lane in which nothing is under way."""

    def make_account(*what: Any, lane: object, **more: Any) -> Account:
        return accounts.make_account(*what, **more)

    patch.setattr(open_accounts, "make_account", make_account)


@pytest.mark.parametrize(
    ("plant", "within"),
    [
        (resends_on_recovery, 100),
        (answers_before_the_commit, 20),
        (calls_a_time_out_failed, 20),
        (believes_every_report, 20),
        (ignores_that_the_state_moved_on, 20),
        (resends_while_another_may_deliver, 600),
        (goes_elsewhere_while_unknown, 20),
        (forgets_the_amount, 20),
        (forgets_the_calls_of_a_changed_account, 200),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_planted_fault_is_seen(plant: Plant, within: int, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert any(run_seed(seed).broken for seed in range(within)), f"{within} seeds did not see it"
