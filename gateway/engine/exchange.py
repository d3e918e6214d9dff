"""One call to a supplier and what came of it: made, sent, read and recorded. Plugins' faults end here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeGuard

from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.core.transaction import AttemptState, Exchange, Transaction
from gateway.engine.accounts import Account
from gateway.engine.plugin_faults import tell, tell_wrong
from gateway.net.redaction import masking, recorded_call, recorded_text
from gateway.net.transport import Sent
from gateway.plugin_errors import FAULTS
from gateway.provider import Attempt, Call, Reply

_MOST_RUPIAH = 10**15


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
        nth=attempt.nth or 1,
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
    mask = masking(call, account.redactor)
    if sent.reply is None:
        outcome = _without_reply(sent)
    else:
        outcome = _contained(account.id, f"read_{purpose}", read, sent.reply, mask)
    return Answer(sent, outcome, record(account.id, call, sent, mask, purpose=purpose, attempt=attempt, now=now))


def _contained(
    account: str, method: str, read: Callable[[Reply], Outcome], reply: Reply, mask: Callable[[str], str]
) -> Outcome:
    """What the plugin reads; a plugin that fails at it, or hands over something else, has read nothing."""
    try:
        outcome = read(reply)
    except FAULTS as error:
        tell(account, method, error)
        why = f"the plugin could not read the answer ({type(error).__name__})"
        return Outcome(status=OutcomeStatus.UNKNOWN, message=why)
    if not whole(outcome):
        why = fault_in(outcome)
        tell_wrong(account, method, why)
        return Outcome(status=OutcomeStatus.UNKNOWN, message=f"the plugin's outcome cannot be used: {why}")
    return masked(outcome, mask)


_TEXT = (str, type(None))


def whole(outcome: object) -> TypeGuard[Outcome]:
    """Whether a plugin gave an outcome whose every field can be decided on and stored. One that cannot would be lost
    behind the send line, and the supplier asked about it again and again."""
    return (
        isinstance(outcome, Outcome)
        and isinstance(outcome.status, OutcomeStatus)
        and (outcome.reason is None or isinstance(outcome.reason, ReasonCode))
        and isinstance(outcome.message, str)
        and isinstance(outcome.ref, _TEXT)
        and isinstance(outcome.supplier_ref, _TEXT)
        and isinstance(outcome.serial, _TEXT)
        and isinstance(outcome.rule, _TEXT)
        and (outcome.price is None or _is_rupiah(outcome.price))
        and (outcome.balance is None or _is_rupiah(outcome.balance))
        and (outcome.bill is None or _is_bill(outcome.bill))
    )


def fault_in(outcome: object) -> str:
    """Why an outcome is not `whole`, in words for the plugin's author. No value is quoted: it may hold a secret."""
    if not isinstance(outcome, Outcome):
        return f"it is no Outcome but {type(outcome).__name__}"
    name = next(name for name in _WANTED if not whole(replace(_NOTHING_SAID, **{name: getattr(outcome, name)})))
    return f"{name} is {type(getattr(outcome, name)).__name__}, and has to be {_WANTED[name]}"


_NOTHING_SAID = Outcome(status=OutcomeStatus.UNKNOWN)
_WANTED = {
    "status": "an OutcomeStatus",
    "reason": "a ReasonCode or None",
    "message": "str",
    "ref": "str or None",
    "supplier_ref": "str or None",
    "serial": "str or None",
    "rule": "str or None",
    "price": f"a whole number of rupiah (int) below {_MOST_RUPIAH} or None",
    "balance": f"a whole number of rupiah (int) below {_MOST_RUPIAH} or None",
    "bill": "a dict of str to str or None",
}


def _is_rupiah(amount: object) -> bool:
    return isinstance(amount, int) and not isinstance(amount, bool) and abs(amount) < _MOST_RUPIAH


def _is_bill(bill: object) -> bool:
    return isinstance(bill, dict) and all(isinstance(text, str) for pair in bill.items() for text in pair)


def masked(outcome: Outcome, mask: Callable[[str], str]) -> Outcome:
    """The outcome without secrets that a supplier has echoed into its words."""
    text = mask(outcome.message)
    return outcome if text == outcome.message else replace(outcome, message=text)


def _without_reply(sent: Sent) -> Outcome:
    """The send line: before it nothing was bought, behind it nobody knows."""
    if sent.left:
        return Outcome(status=OutcomeStatus.UNKNOWN, message=sent.detail)
    return Outcome(status=OutcomeStatus.REJECTED, reason=ReasonCode.NO_ROUTE, message=sent.detail)


def record(
    provider: str,
    call: Call,
    sent: Sent,
    mask: Callable[[str], str],
    *,
    purpose: str,
    attempt: str | None,
    now: datetime,
) -> Exchange:
    """What is kept of one call: the whole request and answer, without secrets, capped."""
    reply = sent.reply
    return Exchange(
        attempt=attempt,
        provider=provider,
        purpose=purpose,
        request=recorded_call(call, mask),
        response=None if reply is None else recorded_text(reply.text(), mask),
        status=None if reply is None else reply.status,
        failure=None if sent.failure is None else f"{sent.failure.value}: {sent.detail}",
        started_at=now,
        duration_ms=round(sent.duration * 1000),
    )
