"""Values of the core as rows of the tables; `values` goes the other way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from gateway.core.characters import storable
from gateway.core.references import EPOCH
from gateway.core.transaction import (
    AttemptState,
    Event,
    Exchange,
    Notification,
    StoredReport,
    Transaction,
)
from gateway.ledger import schema

Row = Sequence[Any]
Params = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = 18


def to_micros(at: datetime) -> int:
    """Microseconds since 1970.

    Raises:
        TypeError: the time does not say its zone.
    """
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _maybe_micros(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)


def maybe_time(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def number(text: str) -> int:
    """The number of a transaction or an attempt as the tables hold it.

    Raises:
        ValueError: `text` is not 18 decimal digits.
    """
    if len(text) == _DIGITS and text.isascii() and text.isdigit():
        return int(text)
    raise ValueError(f"{text!r} is not a number of this ledger: those are {_DIGITS} decimal digits")


def number_or_none(text: str) -> int | None:
    """The same for a number that came from outside: `None` where it cannot be one of ours."""
    return int(text) if len(text) == _DIGITS and text.isascii() and text.isdigit() else None


NUMBER_SLACK = timedelta(hours=1)
"""How far the moment in a number may lie beside that of its row: it is made before, and where the clock was set back it
runs ahead."""


def first_number(at: datetime) -> int:
    """The lowest number that can be given at a moment: the tables' numbers rise with time."""
    return max(0, (at - EPOCH) // timedelta(milliseconds=1)) * 1_000_000


def reference(value: int) -> str:
    return f"{value:018d}"


def _maybe_text(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _json(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate somewhere inside, or a value that JSON does not have
        return orjson.dumps(_cleaned(value)).decode()


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return storable(str(value))
    if isinstance(value, dict):
        return {storable(str(key)): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return storable(str(value))


# The order of each tuple is the order of its statement's parameters: the table's own, without what is counted there.


def _names(table: sa.Table, *left_out: str) -> list[str]:
    return [column.name for column in table.columns if column.name not in left_out]


NEW_TRANSACTION = _names(schema.transactions)
NEW_ATTEMPT = _names(schema.attempts)
NEW_EVENT = _names(schema.events, "id")
NEW_EXCHANGE = _names(schema.exchanges, "id")
NEW_NOTIFICATION = _names(schema.notifications)[:7]
NEW_REPORT = _names(schema.reports, "id", "repeated")
CHANGED_TRANSACTION = [*_names(schema.transactions, "created_at")[8:], "b_id", "b_version"]
CHANGED_ATTEMPT = [*NEW_ATTEMPT[6:-2], "b_id"]


def new_transaction(transaction: Transaction) -> Params:
    t, state = transaction, _transaction_state(transaction)
    return (
        number(t.id),
        t.client,
        t.ref_id,
        t.request_hash,
        t.product,
        t.dest,
        t.qty,
        t.max_price,
        *state[:9],
        to_micros(t.created_at),
        *state[9:],
    )


def changed_transaction(before: Transaction, after: Transaction) -> Params:
    return (*_transaction_state(after), number(after.id), before.version)


def _transaction_state(t: Transaction) -> Params:
    return (
        t.status.value,
        t.needs_review,
        t.conflict,
        t.reason and t.reason.code.value,
        t.reason and storable(t.reason.message),
        _maybe_text(t.serial),
        t.price,
        t.provider,
        None if t.bill is None else _json(t.bill),
        to_micros(t.updated_at),
        to_micros(t.deadline_at),
        _maybe_micros(t.final_at),
        t.version,
        t.owner,
        _maybe_micros(t.route_at),
    )


def new_attempt(transaction: Transaction, attempt: AttemptState) -> Params:
    a = attempt
    return (
        number(a.id),
        number(transaction.id),
        a.number,
        a.provider,
        a.product,
        a.expected_price,
        *_attempt_state(a),
        a.nth,
        None if a.nth is None else transaction.dest,
    )


def changed_attempt(attempt: AttemptState) -> Params:
    return (*_attempt_state(attempt), number(attempt.id))


def _attempt_state(a: AttemptState) -> Params:
    return (
        a.status.value,
        to_micros(a.started_at),
        _maybe_micros(a.ended_at),
        a.reason and a.reason.code.value,
        a.reason and storable(a.reason.message),
        _maybe_text(a.supplier_ref),
        _maybe_text(a.serial),
        a.price,
        storable(a.message),
        a.rule,
        a.contested,
        a.checks_done,
        a.never_seen,
        _maybe_micros(a.next_check_at),
        a.reported,
    )


def new_event(transaction: int, client: str, event: Event) -> Params:
    return (
        transaction,
        client,
        None if event.attempt is None else number(event.attempt),
        event.kind,
        to_micros(event.at),
        event.source,
        _json(event.data),
    )


def new_exchange(transaction: int | None, exchange: Exchange) -> Params:
    return (
        transaction,
        None if exchange.attempt is None else number(exchange.attempt),
        exchange.provider,
        exchange.purpose,
        storable(exchange.request),
        _maybe_text(exchange.response),
        exchange.status,
        _maybe_text(exchange.failure),
        to_micros(exchange.started_at),
        exchange.duration_ms,
    )


def new_notification(transaction: int, at: datetime, notification: Notification) -> Params:
    micros = to_micros(at)
    return (
        notification.id,
        transaction,
        notification.client,
        notification.event,
        storable(notification.body),
        micros,
        micros,
    )


def new_report(report: StoredReport) -> Params:
    return (
        report.provider,
        to_micros(report.received_at),
        report.remote,
        storable(report.method),
        storable(report.query),
        storable(report.body),
        report.digest,
        _maybe_text(report.attempt),
        report.verdict,
    )
