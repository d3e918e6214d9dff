"""Whatever comes in whatever order: one purchase under hundreds of random histories.

The machine plays everybody at once: the answer of each attempt (once), reports and checks of any of them at any time,
time that passes, an operator. What it holds the core to is what costs money when it does not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.core.advance import Finish, Leave, Send, finish, next_step
from gateway.core.advance import start as begin
from gateway.core.apply import Decision, Evidence, NeverSeenRule, Source, apply, believed
from gateway.core.checking import checked, keep_unverified, verify
from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.core.resolve import CannotResolveError, resolve
from gateway.core.routing import AccountView, Route, Strategy, choose
from gateway.core.transaction import AttemptStatus, Transaction, TransactionStatus

RULE = NeverSeenRule(quiet_seconds=60, times=2)
SCHEDULE = (30.0, 60.0, 120.0)
ROUTES = tuple(Route(provider=name, product="X5", price=5_400) for name in ("alpha", "beta", "gamma", "delta"))
OPEN = {route.provider: AccountView() for route in ROUTES}

outcomes = st.builds(
    lambda status, reason, serial, price, never_seen: Outcome(
        status=status,
        reason=reason if status in {OutcomeStatus.FAILED, OutcomeStatus.REJECTED} else None,
        serial=serial,
        price=price,
        never_seen=never_seen and status is OutcomeStatus.UNKNOWN,
    ),
    st.sampled_from(OutcomeStatus),
    st.sampled_from([None, *ReasonCode]),
    st.sampled_from([None, "SN-1", "SN-2"]),
    st.sampled_from([None, 0, 5_390]),
    st.booleans(),
)
which = st.integers(0, 3)


class Purchase(RuleBasedStateMachine):
    """One transaction, and everything that can be said about it."""

    first: ClassVar[Callable[..., Transaction]]
    must_hold: ClassVar[Callable[[Transaction, Decision], None]]
    started: ClassVar[datetime]

    @initialize()
    def accepted(self) -> None:
        self.state = type(self).first()
        self.now = type(self).started
        self.unanswered: set[str] = set()
        self.delivered: set[str] = set()
        """Attempts of which a supplier has said that it delivered."""
        self.resolved = False

    def take(self, decision: Decision) -> None:
        type(self).must_hold(self.state, decision)
        self.state = decision.after

    def told(self, attempt: str, outcome: Outcome, source: Source) -> Decision:
        evidence = Evidence(attempt, outcome, source, self.now)
        held = self.state.attempt(attempt)
        assert held is not None
        if believed(held, evidence, RULE).status is OutcomeStatus.SUCCESS:
            self.delivered.add(attempt)
        return apply(self.state, evidence, never_seen=RULE)

    def one(self, number: int) -> str | None:
        attempts = self.state.attempts
        return attempts[number % len(attempts)].id if attempts else None

    @rule(seconds=st.sampled_from([0.1, 5.0, 31.0, 70.0, 4_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def routing(self) -> None:
        tried = {(attempt.provider, attempt.product) for attempt in self.state.attempts}
        choice = choose(ROUTES, OPEN, now=self.now, strategy=Strategy.PRIORITY, draws=(), amount=0, tried=tried)
        step = next_step(self.state, choice, now=self.now, max_attempts=3, no_failover={})
        if isinstance(step, Leave):
            return
        assert not self.state.status.final
        assert not self.delivered, "a supplier has delivered, and another one would be tried"
        assert all(
            attempt.status in {AttemptStatus.FAILED, AttemptStatus.REJECTED} and not attempt.contested
            for attempt in self.state.attempts
        ), "it is not certain that nothing was delivered"
        if isinstance(step, Finish):
            self.take(finish(self.state, step.reason, choice, now=self.now))
            return
        assert isinstance(step, Send)
        id_ = f"{len(self.state.attempts) + 1:018d}"
        self.take(
            begin(self.state, step.route, choice, attempt_id=id_, now=self.now, amount=0, first_check=SCHEDULE[0])
        )
        self.unanswered.add(id_)

    @precondition(lambda self: bool(self.unanswered))
    @rule(outcome=outcomes)
    def answer(self, outcome: Outcome) -> None:
        attempt = min(self.unanswered)
        self.unanswered.discard(attempt)
        self.take(self.told(attempt, outcome, Source.ANSWER))

    @rule(number=which, outcome=outcomes)
    def report(self, number: int, outcome: Outcome) -> None:
        if (attempt := self.one(number)) is not None:
            self.take(self.told(attempt, outcome, Source.REPORT))

    @rule(number=which, outcome=outcomes)
    def check(self, number: int, outcome: Outcome) -> None:
        attempt = self.one(number)
        held = None if attempt is None else self.state.attempt(attempt)
        if attempt is None or held is None or held.next_check_at is None or held.next_check_at > self.now:
            return
        decision = self.told(attempt, outcome, Source.CHECK)
        conclusive = outcome.status in {OutcomeStatus.SUCCESS, OutcomeStatus.FAILED}
        self.take(checked(decision, attempt, schedule=SCHEDULE, now=self.now, conclusive=conclusive))

    @rule(number=which, wait=st.sampled_from([0, 10]), succeeded=st.sampled_from([None, True, False]))
    def report_to_verify(self, number: int, wait: int, succeeded: bool | None) -> None:
        if (attempt := self.one(number)) is not None:
            at = self.now + timedelta(seconds=wait)
            self.take(verify(self.state, attempt, at=at, now=self.now, by="report 1", succeeded=succeeded))

    @rule(number=which)
    def report_that_cannot_be_verified(self, number: int) -> None:
        if (attempt := self.one(number)) is not None:
            self.take(keep_unverified(self.state, attempt, now=self.now, by="report 1", said="success"))

    @rule(result=st.sampled_from([TransactionStatus.SUCCESS, TransactionStatus.FAILED]))
    def operator(self, result: TransactionStatus) -> None:
        try:
            decision = resolve(self.state, result=result, reason="looked", operator="ann", now=self.now)
        except CannotResolveError:
            return
        self.resolved = True
        self.take(decision)

    @rule()
    def restart(self) -> None:
        for attempt in self.state.attempts:
            if attempt.status is AttemptStatus.SENDING:
                self.unanswered.discard(attempt.id)
                self.take(self.told(attempt.id, Outcome(status=OutcomeStatus.UNKNOWN), Source.RECOVERY))

    @invariant()
    def at_most_one_live_attempt(self) -> None:
        assert sum(attempt.status.live for attempt in self.state.attempts) <= 1

    @invariant()
    def a_delivery_is_never_told_as_a_plain_failure(self) -> None:
        if self.delivered and self.state.status is TransactionStatus.FAILED and not self.resolved:
            assert self.state.conflict, "it was delivered, the client was told that it failed, and no person is called"

    @invariant()
    def two_deliveries_always_show(self) -> None:
        successes = [one for one in self.state.attempts if one.status is AttemptStatus.SUCCESS]
        if len(successes) > 1 and not self.resolved:
            assert self.state.conflict


def test_no_history_costs_money(
    purchase: Callable[..., Transaction], must_hold: Callable[[Transaction, Decision], None], start: datetime
) -> None:
    class ThisPurchase(Purchase):
        pass

    namespace: dict[str, Any] = {
        "first": staticmethod(purchase),
        "must_hold": staticmethod(must_hold),
        "started": start,
    }
    for name, value in namespace.items():
        setattr(ThisPurchase, name, value)
    run_state_machine_as_test(
        ThisPurchase,
        settings=settings(
            max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.parametrize("said", [OutcomeStatus.UNKNOWN, OutcomeStatus.PENDING])
def test_nobody_else_is_tried_while_a_supplier_says_nothing_definite(
    purchase: Callable[..., Transaction], start: datetime, said: OutcomeStatus
) -> None:
    choice = choose(ROUTES, OPEN, now=start, strategy=Strategy.PRIORITY, draws=(), amount=0)
    state = begin(purchase(), ROUTES[0], choice, attempt_id="1" * 18, now=start, amount=0, first_check=30).after
    for round_ in range(50):
        now = start + timedelta(hours=round_)
        decision = apply(state, Evidence("1" * 18, Outcome(status=said), Source.CHECK, now))
        state = checked(decision, "1" * 18, schedule=SCHEDULE, now=now, conclusive=False).after
        assert isinstance(next_step(state, choice, now=now, max_attempts=9, no_failover={}), Leave)
    assert state.needs_review
    assert state.status is TransactionStatus.PENDING
