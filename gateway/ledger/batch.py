"""What one write holds, and in which order its statements run. No I/O: a database runs the statements that this yields.

Changes are first set against the rows as they are; then everything that belongs to the winners is written, table by
table. A loser leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from gateway.core.transaction import Change, StoredReport
from gateway.core.value import value
from gateway.ledger import rows
from gateway.ledger.rows import Params, Row
from gateway.ledger.statements import Statement, Statements


@value()
class Run:
    """Run one statement with each of these parameters, in order, and answer with all rows that it returned."""

    statement: Statement
    params: list[Params]


@value()
class Simple:
    """One statement that decides nothing."""

    statement: Statement
    params: Params


@value()
class Returning:
    """One statement run with each of these parameters, and answered with the rows that it returns."""

    statement: Statement
    params: list[Params]


Operation = Change | StoredReport | Simple | Returning
Plan = Generator[Run, list[Row], list[Any]]


def plan(statements: Statements, operations: Sequence[Operation], base: int | None = None) -> Plan:
    """The statements of one write. It is sent the rows of each, and returns the answer to each operation:
    whether a change won, number and repetition of a report, the rows of a `Returning`, `None` for the rest.

    Args:
        base: where PostgreSQL's count of events starts; `None` on SQLite.

    Raises:
        ValueError: an operation holds what no row can hold. Which one it is shows when they are written one by one.
    """
    answers: list[Any] = [None] * len(operations)
    changes = [(place, change) for place, change in enumerate(operations) if isinstance(change, Change)]
    if changes:
        won = yield from _contest(statements, [change for _, change in changes])
        for (place, _), win in zip(changes, won, strict=True):
            answers[place] = win
        yield from _belongings(statements, [c for (_, c), win in zip(changes, won, strict=True) if win], base)
    reports = [(place, report) for place, report in enumerate(operations) if isinstance(report, StoredReport)]
    if reports:
        new = [(*rows.new_report(report), report.provider, report.digest) for _, report in reports]
        stored = yield Run(statements.insert_report, new)
        for (place, _), row in zip(reports, stored, strict=True):
            answers[place] = (row[0], bool(row[1]))
    for operation in operations:
        if isinstance(operation, Simple):
            yield Run(operation.statement, [operation.params])
    for place, operation in enumerate(operations):
        if isinstance(operation, Returning):
            answers[place] = yield Run(operation.statement, operation.params)
    return answers


def _contest(statements: Statements, changes: Sequence[Change]) -> Generator[Run, list[Row], list[bool]]:
    """Write the transactions' own rows, each only if it is as the change's decision had seen it."""
    new: list[Params] = []
    changed: list[Params] = []
    for change in changes:
        if change.before is None:
            new.append(rows.new_transaction(change.after))
        else:
            changed.append(rows.changed_transaction(change.before, change.after))
    inserted = set()
    if new:
        inserted = {row[0] for row in (yield Run(statements.insert_transaction, new))}
    updated = set()
    if changed:
        updated = {(row[0], row[1]) for row in (yield Run(statements.update_transaction, changed))}
    won = []
    for change in changes:
        # Of two changes from the same version the first wins; taking its mark away leaves the second without one.
        number = rows.number(change.after.id)
        if change.before is None:
            won.append(number in inserted)
            inserted.discard(number)
        else:
            mark = (number, change.after.version)
            won.append(mark in updated)
            updated.discard(mark)
    return won


def _belongings(statements: Statements, changes: Sequence[Change], base: int | None) -> Generator[Run, list[Row], None]:
    new_attempts: list[Params] = []
    changed_attempts: list[Params] = []
    events: list[Params] = []
    exchanges: list[Params] = []
    notifications: list[Params] = []
    marks: list[Params] = []
    for change in changes:
        after = change.after
        transaction = rows.number(after.id)
        known = {} if change.before is None else {attempt.id: attempt for attempt in change.before.attempts}
        for attempt in after.attempts:
            before = known.get(attempt.id)
            if before is None:
                new_attempts.append(rows.new_attempt(after, attempt))
            elif before is not attempt and before != attempt:
                changed_attempts.append(rows.changed_attempt(attempt))
        events += [rows.new_event(transaction, after.client, event) for event in change.events]
        exchanges += [rows.new_exchange(transaction, exchange) for exchange in change.exchanges]
        notifications += [
            rows.new_notification(transaction, after.updated_at, notification) for notification in change.notifications
        ]
        if change.report is not None:
            marks.append((change.report.attempt, change.report.verdict, change.report.number))
    if base is not None:
        events = [(base, position, *event) for position, event in enumerate(events)]
    for statement, params in (
        (statements.insert_attempt, new_attempts),
        (statements.update_attempt, changed_attempts),
        (statements.insert_event, events),
        (statements.insert_exchange, exchanges),
        (statements.insert_notification, notifications),
        (statements.mark_report, marks),
    ):
        if params:
            yield Run(statement, params)
