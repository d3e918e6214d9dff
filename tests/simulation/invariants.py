"""What must hold, whatever happens. Looked at after every commit, whenever a request leaves, and at the end.

It keeps its own copy of every committed change and holds it against the suppliers' truth, so that it needs to believe
neither the engine nor the ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from gateway.core.apply import conflicts
from gateway.core.transaction import AttemptState, AttemptStatus, Change, Event, Transaction, TransactionStatus
from gateway.provider import Asking
from tests.simulation.plan import QUIET, RESEND_WITHIN, Plan
from tests.simulation.supplier import FINAL_REASONS, Dealing, State, Supplier

ON_ITS_WAY_OUT = 1.0
"""Seconds between the decision to call and the moment when the request leaves, at most."""

_FINAL_STEPS = {
    (TransactionStatus.PENDING, TransactionStatus.PENDING),
    (TransactionStatus.PENDING, TransactionStatus.SUCCESS),
    (TransactionStatus.PENDING, TransactionStatus.FAILED),
    (TransactionStatus.SUCCESS, TransactionStatus.SUCCESS),
    (TransactionStatus.SUCCESS, TransactionStatus.REVERSED),
    (TransactionStatus.FAILED, TransactionStatus.FAILED),
    (TransactionStatus.REVERSED, TransactionStatus.REVERSED),
}


class Invariants:
    """Watches one run.

    Args:
        broken: told in words what does not hold.
        now: seconds of the simulation.
    """

    def __init__(
        self, plan: Plan, suppliers: dict[str, Supplier], broken: Callable[[str], None], now: Callable[[], float]
    ) -> None:
        self._plan = plan
        self._suppliers = suppliers
        self._broken = broken
        self._now = now
        self._attempts: dict[str, str] = {}
        """Attempt → transaction."""
        self._started: dict[str, float] = {}
        self._contested: dict[str, float] = {}
        """Since when the ledger has held an attempt for contested."""
        self.transactions: dict[str, Transaction] = {}
        self.by_ref: dict[tuple[str, str], str] = {}
        self.events: defaultdict[str, list[Event]] = defaultdict(list)
        self.states_told: dict[str, int] = defaultdict(int)
        self.steps = 0

    # -- a request leaves ------------------------------------------------------------------------------------------

    def leaving(self, account: str, kind: str, ref: str) -> None:
        """A request has just left the gateway."""
        self.steps += 1
        supplier = self._suppliers[account]
        dealing = supplier.dealings[ref]
        transaction = self.transactions.get(self._attempts.get(ref, ""))
        attempt = None if transaction is None else transaction.attempt(ref)
        if transaction is None or attempt is None or attempt.provider != account:
            self._broken(f"{kind} {ref} at {account}: the ledger holds no such attempt")
            return
        if kind == "ask":
            return
        first = dealing.purchases == 0 and attempt.status is AttemptStatus.SENDING
        if first:
            dealing.purchases += 1
        elif supplier.ask is Asking.RESEND and attempt.status is not AttemptStatus.SENDING:
            dealing.resends += 1
            self._resend(transaction, attempt)
        else:
            self._broken(f"{account}: {ref} is bought again; the attempt is {attempt.status}")
        self._elsewhere(transaction, attempt)

    def _resend(self, transaction: Transaction, attempt: AttemptState) -> None:
        for other in transaction.attempts:
            # What is told while the question is on its way out comes too late for it.
            known = self._now() - self._contested.get(other.id, 0.0) > ON_ITS_WAY_OUT
            if other.id != attempt.id and (other.status.live or (other.contested and known)):
                self._broken(f"{attempt.id} is asked about by resending while {other.id} may deliver")
        if self._now() - self._started[attempt.id] > RESEND_WITHIN + 30 and not self._plan.clock:
            self._broken(f"{attempt.id} is resent when the supplier may have forgotten it")

    def _elsewhere(self, transaction: Transaction, attempt: AttemptState) -> None:
        for other in transaction.attempts:
            if other.id == attempt.id:
                continue
            dealing = self._dealing(other)
            # A supplier that said no and thinks again does so on its own; it must show as a conflict in the end.
            if dealing is not None and dealing.may_deliver and "failed" not in dealing.said:
                self._broken(f"{attempt.id} is bought while {other.id} at {other.provider} may deliver")

    def _dealing(self, attempt: AttemptState) -> Dealing | None:
        return self._suppliers[attempt.provider].dealings.get(attempt.id)

    # -- a change is committed -------------------------------------------------------------------------------------

    def committed(self, change: Change) -> None:
        """A change is on disk."""
        self.steps += 1
        before, after = change.before, change.after
        held = self.transactions.get(after.id)
        if before is None:
            key = (after.client, after.ref_id)
            if held is not None or key in self.by_ref:
                self._broken(f"a second transaction for {key}")
            self.by_ref[key] = after.id
        elif held != before:
            self._broken(f"{after.id} is changed from a state that it was not in")
        elif after.version != before.version + 1:
            self._broken(f"{after.id} goes from version {before.version} to {after.version}")
        elif (before.status, after.status) not in _FINAL_STEPS:
            self._broken(f"{after.id} goes from {before.status} to {after.status}")
        self.transactions[after.id] = after
        self.events[after.id] += change.events
        self._told(before, change)
        by_hand = any(event.source == "operator" for event in change.events)
        for attempt in after.attempts:
            known = None if before is None else before.attempt(attempt.id)
            if known is None:
                self._allowed(before, after, attempt)
                self._attempts[attempt.id] = after.id
                self._started[attempt.id] = self._now()
                continue
            if attempt.contested and not known.contested:
                self._contested[attempt.id] = self._now()
            if known.status is not attempt.status and not by_hand:
                self._proved(known, attempt)
        if before is not None and len(after.attempts) < len(before.attempts):
            self._broken(f"{after.id} has lost an attempt")
        self._carried_on(before, after)
        self._justified(before, after, by_hand=by_hand)

    def _allowed(self, before: Transaction | None, after: Transaction, attempt: AttemptState) -> None:
        """Whether a new attempt may start: by time, number, price and the failover table."""
        earlier = () if before is None else before.attempts
        routing = self._plan.settings.routing
        what = f"{attempt.id} at {attempt.provider} starts"
        if attempt.started_at >= after.deadline_at:
            self._broken(f"{what} after the deadline")
        if len(after.attempts) > routing.max_attempts:
            self._broken(f"{what} as one too many")
        if any((one.provider, one.product) == (attempt.provider, attempt.product) for one in earlier):
            self._broken(f"{what} though this route was tried before")
        if after.max_price is not None and (attempt.expected_price or 0) > after.max_price:
            self._broken(f"{what} above the client's price")
        for one in earlier:
            if one.may_deliver:
                self._broken(f"{what} while {one.id} may deliver")
            tightened = next(held.no_failover for held in self._plan.settings.providers if held.id == one.provider)
            code = None if one.reason is None else one.reason.code
            if one.status is AttemptStatus.FAILED and (code in FINAL_REASONS or (code or "") in tightened):
                self._broken(f"{what} after {one.id} has failed for {code}")

    def refused(self, change: Change) -> None:
        """The ledger did not take a change: then the state really had moved on."""
        held = self.transactions.get(change.after.id)
        if change.before is None:
            if (change.after.client, change.after.ref_id) not in self.by_ref:
                self._broken(f"{change.after.id} was refused, and there is no other with its ref_id")
        elif held is not None and held.version == change.before.version:
            self._broken(f"{change.after.id} was refused though nothing had moved on")

    def _told(self, before: Transaction | None, change: Change) -> None:
        after = change.after
        was = TransactionStatus.PENDING if before is None else before.status
        owed = int(after.client == "shop" and after.status is not was)
        if len(change.notifications) != owed:
            self._broken(f"{after.id}: {len(change.notifications)} notifications for {was} to {after.status}")
        self.states_told[after.id] += owed

    def _carried_on(self, before: Transaction | None, after: Transaction) -> None:
        """What is not final is scheduled, or waits for a person."""
        if after.status.final:
            if after.needs_review or after.route_at is not None:
                self._broken(f"{after.id} is final, and still to be routed or reviewed")
            return
        scheduled = any(one.status.live and one.next_check_at is not None for one in after.attempts)
        if not scheduled and after.route_at is None and not after.needs_review:
            self._broken(f"{after.id} is pending, and nobody will look at it again")
        if after.route_at is not None and any(one.may_deliver for one in after.attempts):
            self._broken(f"{after.id} is to be routed while an attempt may deliver")
        if (
            after.needs_review
            and not (before and before.needs_review)
            and not any(one.contested or (one.status.live and one.next_check_at is None) for one in after.attempts)
        ):
            self._broken(f"{after.id} waits for a person, though every open attempt is still asked about")

    def _proved(self, before: AttemptState, after: AttemptState) -> None:
        """A definite status was said by somebody who may be believed; silence proves nothing."""
        dealing = self._dealing(after)
        said = set() if dealing is None else dealing.said
        what = f"{after.id} at {after.provider} goes from {before.status} to {after.status}"
        if after.status is AttemptStatus.SUCCESS and "success" not in said:
            self._broken(f"{what}, and the supplier has not said so")
        if after.status in {AttemptStatus.FAILED, AttemptStatus.REVERSED} and "failed" not in said:
            self._broken(f"{what}, and the supplier has not said so")
        if after.status is AttemptStatus.REJECTED and not self._never_ran(after, dealing):
            self._broken(f"{what} without proof")

    def _never_ran(self, attempt: AttemptState, dealing: Dealing | None) -> bool:
        if dealing is None or dealing.kept_in or dealing.said & {"refused", "door"}:
            return True
        rule = next(one.never_seen for one in self._plan.settings.providers if one.id == attempt.provider)
        quiet = self._now() - self._started[attempt.id] >= QUIET or bool(self._plan.clock)
        return rule is not None and dealing.nevers >= rule.times and quiet

    def _justified(self, before: Transaction | None, after: Transaction, *, by_hand: bool) -> None:
        was = TransactionStatus.PENDING if before is None else before.status
        dealings = [dealing for one in after.attempts if (dealing := self._dealing(one)) is not None]
        if after.conflict and not (before and before.conflict) and not any(one.odd for one in dealings):
            self._broken(f"{after.id} has a conflict, and no supplier has contradicted itself")
        if after.status is was or by_hand:
            return
        if after.status is TransactionStatus.SUCCESS and not any(one.delivered for one in dealings):
            self._broken(f"{after.id} is a success, and nobody has delivered")
        if after.status is TransactionStatus.FAILED:
            for one in dealings:
                if one.may_deliver and "failed" not in one.said:
                    self._broken(f"{after.id} has failed, and {one.ref} may still deliver")

    # -- the end ---------------------------------------------------------------------------------------------------

    def all_ended(self) -> None:
        """Long after the last trouble: everything is final, or waits for a person."""
        for transaction in self.transactions.values():
            if not transaction.status.final and not transaction.needs_review:
                self._broken(f"{transaction.id} is neither final nor in review at the end")

    def books_agree(self) -> None:
        """Money adds up: the suppliers' books and the ledger say the same, but for what a person has been told of."""
        booked: dict[str, int] = defaultdict(int)
        for transaction in self.transactions.values():
            events = self.events[transaction.id]
            told = bool(conflicts(events)) or any(event.kind == "resolved" for event in events)
            for attempt in transaction.attempts:
                dealing = self._dealing(attempt)
                paid = 0 if dealing is None else dealing.charged
                price = attempt.price if attempt.price is not None else attempt.expected_price or 0
                in_ledger = price if attempt.status is AttemptStatus.SUCCESS else 0
                if paid == in_ledger and self._agrees(attempt, dealing):
                    booked[attempt.provider] += in_ledger
                elif told or self._unheard(dealing):
                    booked[attempt.provider] += paid
                else:
                    state = "unknown" if dealing is None or dealing.sale is None else dealing.sale.state.name
                    self._broken(
                        f"{attempt.id} at {attempt.provider} is {attempt.status} for {in_ledger} in the ledger and "
                        f"{state} for {paid} there, and nobody was told"
                    )
        for name, supplier in self._suppliers.items():
            if supplier.charged != booked[name]:
                self._broken(f"{name} took {supplier.charged} rupiah, and the ledger accounts for {booked[name]}")

    @staticmethod
    def _agrees(attempt: AttemptState, dealing: Dealing | None) -> bool:
        state = None if dealing is None or dealing.sale is None else dealing.sale.state
        if attempt.status is AttemptStatus.SUCCESS:
            return state is State.DELIVERED
        if attempt.status is AttemptStatus.REVERSED:
            return state is State.TAKEN_BACK
        if attempt.status is AttemptStatus.REJECTED:
            return state is None
        return attempt.status is AttemptStatus.FAILED and state in {State.FAILED, State.TAKEN_BACK}

    @staticmethod
    def _unheard(dealing: Dealing | None) -> bool:
        """The supplier changed its mind, and the gateway was never reached with the news."""
        if dealing is None or dealing.sale is None:
            return False
        return dealing.odd and dealing.sale.word not in dealing.acknowledged
