"""Rows of the tables as values of the core."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from gateway.core.outcome import ReasonCode
from gateway.core.transaction import (
    AttemptState,
    AttemptStatus,
    Event,
    Exchange,
    Notification,
    Reason,
    StoredReport,
    Transaction,
    TransactionStatus,
)
from gateway.ledger.protocol import Balance, StoredNotification
from gateway.ledger.rows import NEW_TRANSACTION, Row, from_micros, maybe_time, reference

_TRANSACTION_STATUS = {status.value: status for status in TransactionStatus}
_ATTEMPT_STATUS = {status.value: status for status in AttemptStatus}
_REASON = {code.value: code for code in ReasonCode}
_ATTEMPTS_FROM = len(NEW_TRANSACTION)


def read_transactions(rows: Iterable[Row]) -> list[Transaction]:
    """Transactions from rows of `transactions` beside `attempts`, a row for each attempt, in the rows' order."""
    found: list[Transaction] = []
    first: Row | None = None
    attempts: list[AttemptState] = []
    for row in rows:
        if first is None or row[0] != first[0]:
            if first is not None:
                found.append(_transaction(first, attempts))
            first, attempts = row, []
        if row[_ATTEMPTS_FROM] is not None:
            attempts.append(_attempt(row[_ATTEMPTS_FROM:]))
    if first is not None:
        found.append(_transaction(first, attempts))
    return found


def _transaction(row: Row, attempts: list[AttemptState]) -> Transaction:
    return Transaction(
        id=reference(row[0]),
        client=row[1],
        ref_id=row[2],
        request_hash=row[3],
        product=row[4],
        dest=row[5],
        qty=row[6],
        max_price=row[7],
        status=_TRANSACTION_STATUS[row[8]],
        needs_review=bool(row[9]),
        conflict=bool(row[10]),
        reason=_reason(row[11], row[12]),
        serial=row[13],
        price=row[14],
        provider=row[15],
        bill=None if row[16] is None else orjson.loads(row[16]),
        attempts=tuple(attempts),
        created_at=from_micros(row[17]),
        updated_at=from_micros(row[18]),
        deadline_at=from_micros(row[19]),
        final_at=maybe_time(row[20]),
        version=row[21],
        owner=row[22],
        route_at=maybe_time(row[23]),
    )


def _attempt(row: Row) -> AttemptState:
    return AttemptState(
        id=reference(row[0]),
        number=row[2],
        provider=row[3],
        product=row[4],
        expected_price=row[5],
        status=_ATTEMPT_STATUS[row[6]],
        started_at=from_micros(row[7]),
        ended_at=maybe_time(row[8]),
        reason=_reason(row[9], row[10]),
        supplier_ref=row[11],
        serial=row[12],
        price=row[13],
        message=row[14],
        rule=row[15],
        contested=bool(row[16]),
        checks_done=row[17],
        never_seen=row[18],
        next_check_at=maybe_time(row[19]),
        reported=None if row[20] is None else bool(row[20]),
        nth=row[21],
    )


def _reason(code: str | None, message: str | None) -> Reason | None:
    return None if code is None else Reason(_REASON[code], message or "")


def read_event(row: Row) -> tuple[int, str, Event]:
    """`id, transaction_id, attempt, kind, at, source, data` as number, transaction and event."""
    attempt = None if row[2] is None else reference(row[2])
    event = Event(kind=row[3], at=from_micros(row[4]), source=row[5], data=orjson.loads(row[6]), attempt=attempt)
    return row[0], reference(row[1]), event


def read_exchange(row: Row) -> Exchange:
    return Exchange(
        attempt=None if row[0] is None else reference(row[0]),
        provider=row[1],
        purpose=row[2],
        request=row[3],
        response=row[4],
        status=row[5],
        failure=row[6],
        started_at=from_micros(row[7]),
        duration_ms=row[8],
    )


def read_report(row: Row) -> tuple[int, StoredReport]:
    return row[0], StoredReport(
        provider=row[1],
        received_at=from_micros(row[2]),
        remote=row[3],
        method=row[4],
        query=row[5],
        body=row[6],
        digest=row[7],
        attempt=row[8],
        verdict=row[9],
    )


def read_notification(row: Row) -> StoredNotification:
    return StoredNotification(
        notification=Notification(id=row[0], client=row[2], event=row[3], body=row[4]),
        transaction=reference(row[1]),
        created_at=from_micros(row[5]),
        next_try_at=maybe_time(row[6]),
        tries=row[7],
        tried_at=maybe_time(row[8]),
        delivered_at=maybe_time(row[9]),
        dead_at=maybe_time(row[10]),
        last_error=row[11],
    )


def read_balance(row: Row) -> Balance:
    return Balance(provider=row[0], at=from_micros(row[1]), reported=row[2], computed=row[3])
