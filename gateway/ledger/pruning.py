"""Whole transactions leave: everything that the ledger knows of them is read out, and what was read out is dropped.

Nothing here decides that they may go: an operator does, with `gateway prune`. What is dropped is named one by one, with
the version that was read, so that a transaction which changed meanwhile stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from gateway.ledger import rows, values
from gateway.ledger.leaving import Leaving, Unfinished, Whole
from gateway.ledger.retention import Retaining, not_the_newest
from gateway.ledger.rows import Row
from gateway.ledger.schema import attempts, events, exchanges, notifications, reports, transactions
from gateway.ledger.statements import Statements


def _plain(name: str) -> str:
    """A name as plain text: SQLAlchemy's are a subclass, which JSON writers refuse."""
    return "".join(list(name))


class _Pruned:
    """The statements, for one database."""

    def __init__(self, statements: Statements) -> None:
        c = statements._compile  # noqa: SLF001 — statements are compiled in one way only
        self.unfinished = {why: c(query) for why, query in _unfinished().items()}
        self.count = c(sa.select(sa.func.count()).select_from(transactions).where(*_leaving()))
        page = sa.select(transactions).where(*_leaving(), transactions.c.id > _big("after"))
        self.page = c(page.order_by(transactions.c.id).limit(_big("limit")))
        self.belongings = {
            table.name: c(
                sa.select(table)
                .where(table.c.transaction_id >= _big("first"), table.c.transaction_id <= _big("last"))
                .order_by(table.c.transaction_id, table.c.id)
            )
            for table in (attempts, events, exchanges, notifications)
        }
        self.reports = c(_reports(statements))
        self.drop = c(_drop())
        self.drop_reports = c(_drop_reports())


class Pruning(Retaining):
    """The part of a ledger that lets transactions go. `Ledger` documents the methods."""

    @cached_property
    def _pruned(self) -> _Pruned:
        return _Pruned(self.statements)

    async def unfinished(self, before: datetime) -> list[Unfinished]:
        found: list[Unfinished] = []
        for why, statement in self._pruned.unfinished.items():
            count, example = (await self._rows(statement, before=rows.to_micros(before)))[0]
            if count:
                found.append(Unfinished(why, count, rows.reference(example)))
        return found

    async def leaving_count(self, before: datetime) -> int:
        return int((await self._rows(self._pruned.count, **_until(before)))[0][0])

    async def leaving(self, before: datetime, after: str | None, limit: int) -> list[Whole]:
        start = -1 if after is None else rows.number(after)
        page = await self._rows(self._pruned.page, **_until(before), after=start, limit=limit)
        if not page:
            return []
        span = {"first": page[0][0], "last": page[-1][0]}
        belong: dict[int, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for name, statement in self._pruned.belongings.items():
            place = [column for column, _ in _COLUMNS[name]].index("transaction_id")
            for row in await self._rows(statement, **span):
                belong[row[place]][name].append(row)
        for row in await self._rows(self._pruned.reports, **span):
            belong[row[0]]["reports"].append(row[1:])
        return [_whole(row, belong[row[0]]) for row in page]

    async def drop(self, leaving: Sequence[Leaving], before: datetime) -> int:
        asked = [{"id": rows.number(one.id), "version": one.version, **_until(before)} for one in leaving]
        gone = await self._answered(self._pruned.drop, *asked)
        # Also of those that were dropped before and whose reports were not: the attempt that they name is gone.
        theirs = [{"attempt": attempt, "number": rows.number(attempt)} for one in leaving for attempt in one.attempts]
        if theirs:
            await self._answered(self._pruned.drop_reports, *theirs)
        return len(gone)


_COLUMNS = {
    _plain(table.name): [(_plain(column.name), isinstance(column.type, sa.Boolean)) for column in table.columns]
    for table in (transactions, attempts, events, exchanges, notifications, reports)
}
"""The columns of each table in their order, and whether one is true or false: SQLite says 1 or 0."""


def _big(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger)


def _until(before: datetime) -> dict[str, object]:
    return {"before": rows.to_micros(before), "until": rows.first_number(before + rows.NUMBER_SLACK)}


def _unfinished() -> dict[str, sa.sql.ClauseElement]:
    t, a, n = transactions.c, attempts.c, notifications.c
    early = t.created_at < _big("before")
    count = (sa.func.count(), sa.func.min(t.id))
    of_attempts = sa.join(attempts, transactions, t.id == a.transaction_id)
    of_notifications = sa.join(notifications, transactions, t.id == n.transaction_id)
    return {
        "open": sa.select(*count).where(early, sa.text("status = 'pending'")),
        "waiting for a person": sa.select(*count).where(early, sa.text("(needs_review OR conflict)")),
        "to be asked about": sa.select(*count).select_from(of_attempts).where(early, a.next_check_at.is_not(None)),
        "with a notification to deliver": (
            sa.select(*count).select_from(of_notifications).where(early, n.next_try_at.is_not(None))
        ),
    }


def _leaving() -> tuple[sa.ColumnElement[bool], ...]:
    """Early enough, and not the newest transaction nor that of the newest event: numbers go on from those."""
    newest = events.alias("newest_event")
    last = sa.select(newest.c.transaction_id).order_by(newest.c.id.desc()).limit(sa.literal_column("1"))
    t = transactions.c
    return (
        t.id < _big("until"),
        t.created_at < _big("before"),
        not_the_newest(t.id),
        t.id != sa.func.coalesce(last.scalar_subquery(), sa.literal_column("0")),
    )


def _reports(statements: Statements) -> sa.Select[Any]:
    """The reports about the attempts of some transactions, beside the transaction's number."""
    postgresql = statements._postgresql  # noqa: SLF001 — the one place where the two write a number differently
    if postgresql:
        text = sa.func.lpad(sa.cast(attempts.c.id, sa.Text), sa.literal_column("18"), sa.literal_column("'0'"))
    else:
        text = sa.func.printf(sa.literal_column("'%018d'"), attempts.c.id)
    both = sa.join(attempts, reports, reports.c.attempt == text)
    query = sa.select(attempts.c.transaction_id, *reports.c).select_from(both)
    query = query.where(attempts.c.transaction_id >= _big("first"), attempts.c.transaction_id <= _big("last"))
    return query.order_by(attempts.c.transaction_id, reports.c.id)


def _drop() -> sa.sql.ClauseElement:
    """Everything that belongs to a transaction goes with it, but for reports."""
    t, a, n = transactions.c, attempts.c, notifications.c
    return (
        sa.delete(transactions)
        .where(
            t.id == _big("id"),
            t.version == _big("version"),
            t.status != sa.literal_column("'pending'"),
            sa.not_(t.needs_review),
            sa.not_(t.conflict),
            sa.not_(sa.exists().where(a.transaction_id == t.id, a.next_check_at.is_not(None))),
            sa.not_(sa.exists().where(n.transaction_id == t.id, n.next_try_at.is_not(None))),
            *_leaving(),
        )
        .returning(t.id)
    )


def _drop_reports() -> sa.sql.ClauseElement:
    still = sa.exists().where(attempts.c.id == _big("number"))
    where = (reports.c.attempt == sa.bindparam("attempt", type_=sa.Text), sa.not_(still), not_the_newest(reports.c.id))
    return sa.delete(reports).where(*where).returning(reports.c.id)


def _whole(row: Row, belongs: Mapping[str, Iterable[Row]]) -> Whole:
    mine = sorted(belongs.get("attempts", ()), key=lambda attempt: attempt[2])
    empty = (None,) * len(attempts.c)
    beside = [(*row, *attempt) for attempt in mine] or [(*row, *empty)]
    (transaction,) = values.read_transactions(beside)
    held = {"transactions": [row], **belongs, "attempts": mine}
    named = {name: [_named(name, one) for one in held.get(name, ())] for name in _COLUMNS}
    return Whole(transaction, named)


def _named(name: str, row: Row) -> dict[str, Any]:
    """A row by the names of its columns, the same from both databases."""
    pairs = zip(_COLUMNS[name], row, strict=True)
    return {column: bool(value) if boolean and value is not None else value for (column, boolean), value in pairs}
