"""Suppliers' reports: stored before they are read, believed as far as the account says, and always answered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TypeGuard

import structlog

from gateway.core.apply import Decision, Evidence, Source, apply
from gateway.core.checking import keep_unverified, may_ask_by_resending, verify
from gateway.core.outcome import Outcome, OutcomeStatus, about
from gateway.core.transaction import AttemptState, AttemptStatus, ReadReport, StoredReport, Transaction
from gateway.engine.accounts import Account
from gateway.engine.apply import Decide, Door, by_evidence
from gateway.engine.clock import Clock
from gateway.engine.crashpoints import CrashPoint, Hook
from gateway.engine.errors import UnavailableError
from gateway.engine.exchange import fault_in, masked, whole
from gateway.engine.plugin_faults import tell
from gateway.ledger import Ledger, LedgerUnavailableError
from gateway.plugin_errors import FAULTS
from gateway.provider import Acknowledgement, Asking, Report, UnreadableReportError, Update

log = structlog.get_logger(__name__)

_KEPT = 16_384
"""Bytes of a report's query, and of its body, that are stored."""
_VERIFY_PAUSE = timedelta(seconds=10)
"""Between two questions about one attempt that reports ask for."""
_REMEMBERED = 10_000
"""Attempts of which it is known when that was last done."""
_LEFT_BEHIND = timedelta(seconds=30)
"""A report that is still unread after this is in nobody's hands."""
_AT_ONCE = 500
"""Reports that are taken up in one go."""
_MOST_UPDATES = 1_000
"""That one report may hold. A plugin whose iterator never ends would otherwise take all memory, and all time."""
_ENDED_BADLY = frozenset({OutcomeStatus.FAILED, OutcomeStatus.REJECTED})


class Trust(StrEnum):
    """What a report is worth, by the mark that it gets where it brings something new."""

    BELIEVED = "applied"
    TO_VERIFY = "to_verify"
    """The supplier is asked first."""
    UNREAD = "unreadable"
    """No rule understood it: it is kept for a person, and the supplier is asked what it meant."""
    UNVERIFIED = "unverified"
    """The supplier cannot be asked without the danger of buying: a person must look."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A report as it is stored."""

    number: int
    stored: StoredReport
    repeated: bool = False
    """The same one was stored before."""


class ReportReader:
    """Takes reports in.

    Args:
        follow: carries on a transaction that a report has set free, or asks about it at once; runs in the background.
        counted: told a report's number, what was stored, the verdict, and which attempt it is about if that is known.
        heard: told what a report that was believed says of an attempt, and perhaps of the balance.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        door: Door,
        clock: Clock,
        follow: Callable[[Transaction, str], None],
        counted: Callable[[int, StoredReport, str, str | None], None],
        heard: Callable[[Account, AttemptState, Outcome], None],
        crash: Hook,
    ) -> None:
        self._ledger = ledger
        self._door = door
        self._clock = clock
        self._follow = follow
        self._counted = counted
        self._heard = heard
        self._crash = crash
        self._verified: dict[str, datetime] = {}

    async def receive(self, account: Account, report: Report, remote: str) -> Acknowledgement:
        """Store a report, apply it, and say how to answer it.

        Raises:
            UnavailableError: it could not be stored; the supplier must send it again.
        """
        try:
            stored = self._stored(account, report, remote)
            number, repeated = await self._ledger.store_report(stored)
        except LedgerUnavailableError as error:
            raise UnavailableError("the ledger cannot be written; send the report again") from error
        self._crash(CrashPoint.AFTER_REPORT_STORED)
        try:
            await self.apply(account, report, Arrived(number, stored, repeated))
        except LedgerUnavailableError as error:
            raise UnavailableError("the ledger cannot be written; send the report again") from error
        return self._acknowledgement(account, report)

    async def take_up(self, accounts: Mapping[str, Account]) -> None:
        """Read the reports that were stored and then not read, because the process ended or the ledger failed.

        The supplier was not told `OK` and usually sends them again, but it need not. They are read from what was kept,
        which is cut and without secrets.
        """
        before = self._clock.now() - _LEFT_BEHIND
        left = [
            (number, stored)
            for number, stored in await self._ledger.reports(verdict="received", limit=_AT_ONCE)
            if stored.received_at <= before
        ]
        for number, stored in reversed(left):
            account = accounts.get(stored.provider)
            if account is None:
                await self._ledger.mark_report(number, "unmatched")
                continue
            kept = Report(method=stored.method, raw_query=stored.query, body=stored.body.encode())
            try:
                await self.apply(account, kept, Arrived(number, stored))
            except LedgerUnavailableError:
                raise
            except Exception:
                # It would stand in the way of those behind it, again and again. A person sees it.
                log.exception("report_not_applied", provider=account.id, report=number)
                await self._ledger.mark_report(number, "unreadable")

    async def apply(self, account: Account, report: Report, arrived: Arrived) -> None:
        """Read a stored report and apply what it says."""
        try:
            updates = tuple(islice(account.provider.read_report(report), _MOST_UPDATES + 1))
            _hold_against_the_law(updates)
        except UnreadableReportError as error:
            log.warning("report_unreadable", provider=account.id, why=str(error))
            updates = ()
        except FAULTS as error:
            tell(account.id, "read_report", error)
            updates = ()
        if not updates:
            # Whoever only looks whether the door is there has said nothing, and a person need not look at it.
            await self._mark(arrived, "unreadable" if report.raw_query or report.body else "empty")
        for update in updates:
            await self._apply_one(account, update, arrived)

    async def _apply_one(self, account: Account, update: Update, arrived: Arrived) -> None:
        transaction = await self._find(account, update)
        attempt = None if transaction is None else _attempt(transaction, account, update)
        if transaction is None or attempt is None:
            await self._mark(arrived, "unmatched")
            return
        outcome = masked(_about(update.outcome, attempt), account.redactor.text)
        now, by = self._clock.now(), f"report {arrived.number}"
        evidence = Evidence(attempt.id, outcome, Source.REPORT, now, by=by, since=arrived.stored.received_at)
        trust = self._trust(account, transaction, attempt, evidence)
        # One that is to be verified is news as long as it is not confirmed: the supplier may say so only later.
        settled = trust is not Trust.TO_VERIFY and not attempt.status.live
        if settled and arrived.repeated and await self._read_before(attempt, arrived.stored.digest):
            await self._mark(arrived, "repeated", attempt.id)
            return
        verdict = trust.value
        decide = self._decision(account, evidence, trust)
        mark = ReadReport(arrived.number, verdict, attempt.id)
        after, news = await self._door.settle(transaction, decide, report=mark)
        if news:
            self._counted(arrived.number, arrived.stored, verdict, attempt.id)  # the change has marked it
        else:
            await self._mark(arrived, "nothing_new" if trust is Trust.BELIEVED else verdict, attempt.id)
        if news and trust is Trust.BELIEVED and account.settings.reports.trust == "source":
            # Not from one that is known already: it would bring back the balance of then.
            self._heard(account, attempt, outcome)
        self._follow(after, attempt.id)

    def _decision(self, account: Account, evidence: Evidence, trust: Trust) -> Decide:
        """What a report that is worth this much does."""
        if trust is Trust.BELIEVED:
            return by_evidence(evidence, account.never_seen)
        attempt_id, said, now, by = evidence.attempt, evidence.outcome.status, evidence.at, evidence.by
        if trust is Trust.UNREAD:
            return self._about_unread(account, evidence)
        if trust is Trust.TO_VERIFY:
            at, succeeded = self._verify_at(attempt_id, now), said is OutcomeStatus.SUCCESS
            return lambda current: verify(current, attempt_id, at=at, now=now, by=by, succeeded=succeeded)
        return lambda current: keep_unverified(current, attempt_id, now=now, by=by, said=said.value)

    def _about_unread(self, account: Account, evidence: Evidence) -> Decide:
        attempt_id, now, by = evidence.attempt, evidence.at, evidence.by
        keep = by_evidence(evidence, account.never_seen)
        if account.asking is not Asking.QUESTION:
            return keep
        at = self._verify_at(attempt_id, now)

        def ask(current: Transaction) -> Decision:
            attempt = current.attempt(attempt_id)
            live = attempt is not None and attempt.status.live
            return verify(current, attempt_id, at=at, now=now, by=by) if live else keep(current)

        return ask

    async def _read_before(self, attempt: AttemptState, digest: str) -> bool:
        """Whether the same report was read already. One that was stored and then not read, because the process ended or
        the ledger failed, is still news when it comes again."""
        earlier = await self._ledger.reports(attempt=attempt.id)
        return any(report.digest == digest for _, report in earlier)

    def _trust(self, account: Account, transaction: Transaction, attempt: AttemptState, evidence: Evidence) -> Trust:
        """What a report is worth: what would settle an attempt, or touch a settled one, has to be verified.

        Where the source is trusted, only what was left lying is: the supplier may say something else by now."""
        said = evidence.outcome.status
        if said is OutcomeStatus.UNKNOWN and evidence.outcome.rule is None:
            return Trust.UNREAD
        if _may_tell_of_a_delivery(evidence.outcome, attempt) and account.asking is Asking.QUESTION:
            return Trust.TO_VERIFY
        trusted = account.settings.reports.trust == "source"
        if trusted and (evidence.since is None or evidence.at - evidence.since < _LEFT_BEHIND):
            return Trust.BELIEVED
        asking = account.asking
        if attempt.status.live:
            if said not in {OutcomeStatus.SUCCESS, OutcomeStatus.FAILED}:
                return Trust.BELIEVED
        elif apply(transaction, evidence, never_seen=account.never_seen).after is transaction:
            return Trust.BELIEVED
        elif said.value == attempt.status.value and asking is not Asking.QUESTION:
            return Trust.BELIEVED  # it only adds to what is settled, and nobody can be asked without danger
        if asking is Asking.QUESTION or attempt.status is AttemptStatus.SENDING:
            return Trust.TO_VERIFY
        if asking is Asking.RESEND and may_ask_by_resending(
            transaction, attempt, now=self._clock.now(), resend_within=account.settings.resend_within
        ):
            return Trust.TO_VERIFY
        return Trust.BELIEVED if trusted else Trust.UNVERIFIED

    def _verify_at(self, attempt_id: str, now: datetime) -> datetime:
        """Now, but not again within the pause: a flood of false reports must not become a flood of questions."""
        last = self._verified.get(attempt_id)
        if last is not None and now < last <= now + _VERIFY_PAUSE:
            return last  # one is to come: a flood must not put it off either
        at = last + _VERIFY_PAUSE if last is not None and last <= now < last + _VERIFY_PAUSE else now
        self._verified[attempt_id] = at
        while len(self._verified) > _REMEMBERED:
            del self._verified[next(iter(self._verified))]
        return at

    async def _find(self, account: Account, update: Update) -> Transaction | None:
        if update.ref:
            return await self._ledger.transaction_by_attempt(account.id, update.ref)
        supplier_ref = update.supplier_ref or update.outcome.supplier_ref
        if supplier_ref:
            return await self._ledger.transaction_by_supplier_ref(account.id, supplier_ref)
        return None

    async def _mark(self, arrived: Arrived, verdict: str, attempt: str | None = None) -> None:
        self._counted(arrived.number, arrived.stored, verdict, attempt)
        await self._ledger.mark_report(arrived.number, verdict, attempt)

    def _stored(self, account: Account, report: Report, remote: str) -> StoredReport:
        digest = hashlib.blake2b(digest_size=16)
        for part in (report.method.encode(), report.raw_query.encode("utf-8", "surrogateescape"), report.body):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        redact = account.redactor.text
        return StoredReport(
            provider=account.id,
            received_at=self._clock.now(),
            remote=remote,
            method=report.method,
            query=redact(_text(report.raw_query.encode("utf-8", "surrogateescape"))),
            body=redact(_text(report.body)),
            digest=digest.hexdigest(),
        )

    @staticmethod
    def _acknowledgement(account: Account, report: Report) -> Acknowledgement:
        try:
            answer: object = account.provider.acknowledge(report)
        except FAULTS as error:
            tell(account.id, "acknowledge", error)
            return Acknowledgement()
        return answer if isinstance(answer, Acknowledgement) else Acknowledgement()


def _attempt(transaction: Transaction, account: Account, update: Update) -> AttemptState | None:
    if update.ref:
        return transaction.attempt(update.ref)
    supplier_ref = update.supplier_ref or update.outcome.supplier_ref
    return next(
        (held for held in transaction.attempts if held.provider == account.id and held.supplier_ref == supplier_ref),
        None,
    )


def _about(outcome: Outcome, attempt: AttemptState) -> Outcome:
    """`outcome`, where it is about `attempt`. A report that names two purchases is one that nobody understands."""
    said = about(outcome, attempt.id)
    return said if said is outcome else replace(said, rule=None)


def _may_tell_of_a_delivery(outcome: Outcome, attempt: AttemptState) -> bool:
    """Whether it is about an attempt that is over without one, and leaves open how it ended: such as that of a bill
    that was found, which only says that something was asked for successfully."""
    if attempt.status not in {AttemptStatus.FAILED, AttemptStatus.REJECTED} or attempt.contested:
        return False
    return outcome.status is OutcomeStatus.UNKNOWN and not outcome.never_seen


def _hold_against_the_law(updates: Sequence[object]) -> None:
    """Nothing of a report is applied where a part of it cannot be. Of two ends of one purchase the first would be
    believed, and another supplier might be tried after a failure that was none.

    Raises:
        UnreadableReportError: in words for the plugin's author.
    """
    if len(updates) > _MOST_UPDATES:
        raise UnreadableReportError(f"the plugin gave more than {_MOST_UPDATES} updates for one report")
    ends: dict[tuple[str, str], set[OutcomeStatus]] = {}
    for update in updates:
        if not _whole(update):
            raise UnreadableReportError(f"the plugin's update cannot be used: {_fault_in(update)}")
        # By our name and by theirs: one may have both, and another only theirs. What has neither is nobody's.
        names = {"ours": update.ref, "theirs": update.supplier_ref or update.outcome.supplier_ref}
        for whose, name in names.items():
            if name:
                ends.setdefault((whose, name), set()).add(update.outcome.status)
    if any(OutcomeStatus.SUCCESS in said and said & _ENDED_BADLY for said in ends.values()):
        raise UnreadableReportError("the plugin's updates say of one purchase that it succeeded and that it failed")


def _whole(update: object) -> TypeGuard[Update]:
    return (
        isinstance(update, Update)
        and isinstance(update.ref, str | None)
        and isinstance(update.supplier_ref, str | None)
        and whole(update.outcome)
    )


def _fault_in(update: object) -> str:
    if not isinstance(update, Update):
        return f"it is no Update but {type(update).__name__}"
    for name in ("ref", "supplier_ref"):
        if not isinstance(value := getattr(update, name), str | None):
            return f"{name} is {type(value).__name__}, and has to be str or None"
    return f"its outcome: {fault_in(update.outcome)}"


def _text(data: bytes) -> str:
    return data[:_KEPT].decode("utf-8", "replace").replace("\x00", "�")
