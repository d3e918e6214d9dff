"""One call to a supplier and what came of it: made, sent, read and recorded. Plugins' faults end here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeGuard

from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.core.transaction import AttemptState, Exchange, Transaction
from gateway.core.value import value
from gateway.engine.accounts import Account
from gateway.engine.plugin_faults import tell, tell_wrong
from gateway.net.redaction import masking, recorded_call, recorded_text
from gateway.net.transport import Sent
from gateway.plugin_errors import FAULTS
from gateway.provider import Attempt, Call, Reply

_MOST_RUPIAH = 10**15


@value()
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


def whole(outcome: object) -> TypeGuard[Outcome]:
    """Whether a plugin gave an outcome whose every field can be decided on and stored. One that cannot would be lost
    behind the send line, and the supplier asked about it again and again."""
    if not isinstance(outcome, Outcome):
        return False
    for name, fits, _ in _FIELDS:  # noqa: SIM110 — a generator costs as much again, and this runs for each answer
        if not fits(getattr(outcome, name)):
            return False
    return True


def fault_in(outcome: object) -> str:
    """Why an outcome is not `whole`, in words for the plugin's author. No value is quoted: it may hold a secret."""
    if not isinstance(outcome, Outcome):
        return f"it is no Outcome but {type(outcome).__name__}"
    found = [
        (name, getattr(outcome, name), wanted) for name, fits, wanted in _FIELDS if not fits(getattr(outcome, name))
    ]
    return "; ".join(f"{name} is {type(value).__name__}, and has to be {wanted}" for name, value, wanted in found)


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def is_rupiah(value: object) -> TypeGuard[int | None]:
    """Whether it is an amount that can be kept and counted with, or none."""
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MOST_RUPIAH)


def _is_bill(value: object) -> bool:
    return value is None or (
        isinstance(value, dict) and all(isinstance(text, str) for pair in value.items() for text in pair)
    )


def _is_yes_or_no(value: object) -> bool:
    return value is True or value is False


RUPIAH = f"a whole number of rupiah (int) below {_MOST_RUPIAH} or None"
_FIELDS: tuple[tuple[str, Callable[[object], bool], str], ...] = (
    ("status", lambda value: isinstance(value, OutcomeStatus), "an OutcomeStatus"),
    ("reason", lambda value: value is None or isinstance(value, ReasonCode), "a ReasonCode or None"),
    ("message", lambda value: isinstance(value, str), "str"),
    ("ref", _is_text, "str or None"),
    ("supplier_ref", _is_text, "str or None"),
    ("serial", _is_text, "str or None"),
    ("rule", _is_text, "str or None"),
    ("price", is_rupiah, RUPIAH),
    ("balance", is_rupiah, RUPIAH),
    ("bill", _is_bill, "a dict of str to str or None"),
    ("never_seen", _is_yes_or_no, "bool"),
    ("account_refused", _is_yes_or_no, "bool"),
)
"""What every field has to be, and in which words its author is told."""


def masked(outcome: Outcome, mask: Callable[[str], str]) -> Outcome:
    """The outcome without secrets that a supplier has echoed, in its words or in a field."""
    changed: dict[str, Any] = {}
    if (message := mask(outcome.message)) != outcome.message:
        changed["message"] = message
    if (serial := _masked_field(outcome.serial, mask)) != outcome.serial:
        changed["serial"] = serial
    if (supplier_ref := _masked_field(outcome.supplier_ref, mask)) != outcome.supplier_ref:
        changed["supplier_ref"] = supplier_ref
    if outcome.bill is not None:
        changed["bill"] = {name: _masked_field(text, mask) for name, text in outcome.bill.items()}
    return replace(outcome, **changed) if changed else outcome


_NO_LETTERS = re.compile(r"[^A-Za-z]+")


def _masked_field(text: str | None, mask: Callable[[str], str]) -> str | None:
    """A field without secrets. Where only digits would go, they stay: a PIN looks like any group of an electricity
    token, and what the customer paid for has to reach him whole."""
    if text is None or (kept := mask(text)) == text:
        return text
    return text if _NO_LETTERS.sub("", kept) == _NO_LETTERS.sub("", text) else kept


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
