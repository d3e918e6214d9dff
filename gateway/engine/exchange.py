"""One call to a supplier and what came of it: made, sent, read and recorded. Plugins' faults end here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.core.transaction import AttemptState, Exchange, Transaction
from gateway.engine.accounts import Account
from gateway.net.redaction import redact_call, redact_reply
from gateway.net.transport import Sent
from gateway.provider import Attempt, Call, Reply

ANSWER_KEPT = 16_384
"""Characters of an answer that are kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call brought."""

    sent: Sent
    outcome: Outcome
    exchange: Exchange


def attempt_for_provider(transaction: Transaction, attempt: AttemptState) -> Attempt:
    """The attempt in the words of the provider contract."""
    return Attempt(
        ref=attempt.id,
        product=attempt.product,
        dest=transaction.dest,
        qty=transaction.qty,
        max_price=transaction.max_price,
        supplier_ref=attempt.supplier_ref,
        started_at=attempt.started_at,
    )


async def exchange(
    account: Account,
    call: Call,
    *,
    purpose: str,
    attempt: str | None,
    read: Callable[[Reply], Outcome],
    now: datetime,
) -> Answer:
    """Send `call` once, read what comes, and record both without secrets."""
    sent = await account.transport.send(call)
    outcome = contained(account, read, sent.reply) if sent.reply is not None else _without_reply(sent)
    return Answer(sent, outcome, record(account, call, sent, purpose=purpose, attempt=attempt, now=now))


def contained(account: Account, read: Callable[[Reply], Outcome], reply: Reply) -> Outcome:
    """What the plugin reads; a plugin that fails at it, or hands over something else, has read nothing."""
    try:
        outcome = read(reply)
    except Exception as error:
        outcome = Outcome(
            status=OutcomeStatus.UNKNOWN, message=f"the plugin could not read the answer ({type(error).__name__})"
        )
    if not isinstance(outcome, Outcome):
        outcome = Outcome(status=OutcomeStatus.UNKNOWN, message="the plugin gave no outcome")
    return masked(account, outcome)


def masked(account: Account, outcome: Outcome) -> Outcome:
    """The outcome without secrets that a supplier has echoed into its words."""
    text = account.redactor.text(outcome.message)
    if text == outcome.message:
        return outcome
    return Outcome(
        status=outcome.status,
        reason=outcome.reason,
        message=text,
        ref=outcome.ref,
        supplier_ref=outcome.supplier_ref,
        serial=outcome.serial,
        price=outcome.price,
        balance=outcome.balance,
        bill=outcome.bill,
        rule=outcome.rule,
        never_seen=outcome.never_seen,
        account_refused=outcome.account_refused,
    )


def _without_reply(sent: Sent) -> Outcome:
    """The send line: before it nothing was bought, behind it nobody knows."""
    if sent.left:
        return Outcome(status=OutcomeStatus.UNKNOWN, message=sent.detail)
    return Outcome(status=OutcomeStatus.REJECTED, reason=ReasonCode.NO_ROUTE, message=sent.detail)


def record(account: Account, call: Call, sent: Sent, *, purpose: str, attempt: str | None, now: datetime) -> Exchange:
    """What is kept of one call: the whole request and answer, without secrets, capped."""
    request = redact_call(call, account.redactor)
    lines = [f"{request.method} {request.url}", *(f"{name}: {value}" for name, value in request.headers)]
    if request.body is not None:
        lines += ["", request.body]
    reply = None if sent.reply is None else redact_reply(sent.reply, account.redactor, call)
    return Exchange(
        attempt=attempt,
        provider=account.id,
        purpose=purpose,
        request="\n".join(lines),
        response=None if reply is None else reply.body[:ANSWER_KEPT],
        status=None if reply is None else reply.status,
        failure=None if sent.failure is None else f"{sent.failure.value}: {sent.detail}",
        started_at=now,
        duration_ms=round(sent.duration * 1000),
    )
