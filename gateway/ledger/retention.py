"""Old rows leave: exchanges, reports, events, delivered notifications and balances by their age, in small batches.

Numbers of rows rise with time, so the primary key is the index by age: each table is walked from its oldest row on, a
page at a time. What belongs to a transaction that is open, that a person has to look at, or that changed a short time
ago is passed over. The newest row of each table stays, however old it is: SQLite gives the number after the highest
one, and a number that was seen must never be given to another event.

Notifications are walked by the number of their transaction in the same way. Balances have no number: they leave account
by account, and the latest of each stays, and the latest that the ledger has computed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from gateway.ledger import rows
from gateway.ledger.batch import Returning
from gateway.ledger.group import GroupWriter
from gateway.ledger.leaving import Removed
from gateway.ledger.rows import Row
from gateway.ledger.schema import attempts, balances, events, exchanges, meta, notifications, reports, transactions
from gateway.ledger.statements import Statement, Statements

_BY_AGE = {
    "exchanges": (exchanges.c.id, exchanges.c.started_at),
    "reports": (reports.c.id, reports.c.received_at),
    "events": (events.c.id, events.c.at),
    "notifications": (notifications.c.transaction_id, notifications.c.created_at),
}
"""The tables that are walked by a number that rises with time: that number, and what the age of a row counts from."""


class _Leaving:
    """The statements, for one database."""

    def __init__(self, statements: Statements) -> None:
        c = statements._compile  # noqa: SLF001 — statements are compiled in one way only
        self.claim = c(_claim(statements))
        self.page: dict[str, Statement] = {}
        self.remove: dict[str, Statement] = {}
        for name, (key, age) in _BY_AGE.items():
            self.page[name] = c(_page(key, age))
            self.remove[name] = c(_remove(key, age))
        self.accounts = c(_accounts())
        self.balances_until = c(_balances_until())
        self.remove_balances = c(_remove_balances())


class Retaining:
    """The part of a ledger that lets old rows go. `Ledger` documents the methods."""

    statements: Statements
    _group: GroupWriter

    async def _rows(self, statement: Statement, **named: object) -> list[Row]:
        raise NotImplementedError

    @cached_property
    def _leaving(self) -> _Leaving:
        return _Leaving(self.statements)

    async def _answered(self, statement: Statement, *named: dict[str, object]) -> list[Row]:
        """Run a statement through the writer with each of these parameters, in one commit: the rows that it returns."""
        found: list[Row] = await self._group.submit(Returning(statement, [statement.bind(one) for one in named]))
        return found

    async def claim_duty(self, name: str, now: datetime, every: timedelta) -> bool:
        last = now - every
        # A time far ahead was written by a clock that was wrong: it must not stop the duty until then.
        named = {
            "key": name,
            "value": rows.to_micros(now),
            "last": rows.to_micros(last),
            "ahead": rows.to_micros(now + every),
        }
        return bool(await self._answered(self._leaving.claim, named))

    async def remove_old(self, table: str, before: datetime, after: int, batch: int) -> Removed:
        if table == "balances":
            return await self._remove_old_balances(before, batch)
        micros = rows.to_micros(before)
        page = await self._rows(self._leaving.page[table], before=micros, after=after, batch=batch)
        first, last, old = page[0]
        if not old:
            return Removed(0, None)
        gone = await self._answered(self._leaving.remove[table], {"before": micros, "first": first, "last": last})
        return Removed(len(gone), int(last))

    async def _remove_old_balances(self, before: datetime, batch: int) -> Removed:
        for (provider,) in await self._rows(self._leaving.accounts):
            named: dict[str, object] = {"provider": provider, "before": rows.to_micros(before)}
            ((until,),) = await self._rows(self._leaving.balances_until, **named, batch=batch)
            if until is not None:
                gone = await self._answered(self._leaving.remove_balances, {"provider": provider, "until": until})
                return Removed(len(gone), 1)
        return Removed(0, None)


def settled(before: sa.BindParameter[int]) -> tuple[sa.ColumnElement[bool], ...]:
    """Of a transaction: that it is final, that nobody has to look at it, and that it has not changed since."""
    return (
        transactions.c.status != sa.literal_column("'pending'"),
        sa.not_(transactions.c.needs_review),
        sa.not_(transactions.c.conflict),
        transactions.c.updated_at < before,
    )


def not_the_newest(key: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """That a row is not the last one of its table."""
    return key < sa.select(sa.func.max(key.table.alias("newest").c[key.name])).scalar_subquery()


def _claim(statements: Statements) -> sa.sql.ClauseElement:
    value = sa.bindparam("value", type_=sa.BigInteger)
    insert = statements._dialect_insert(meta).values(key=sa.bindparam("key"), value=value)  # noqa: SLF001 — as above
    due = sa.or_(
        meta.c.value <= sa.bindparam("last", type_=sa.BigInteger),
        meta.c.value > sa.bindparam("ahead", type_=sa.BigInteger),
    )
    upsert = insert.on_conflict_do_update(index_elements=["key"], set_={"value": insert.excluded.value}, where=due)
    return upsert.returning(meta.c.key)  # type: ignore[no-any-return]  # the two inserts share no typed base


def _page(key: sa.Column[int], age: sa.Column[int]) -> sa.sql.ClauseElement:
    """The first and the last number of the next page, and how many of its rows are old."""
    page = (
        sa.select(key.label("id"), age.label("age"))
        .where(key > sa.bindparam("after", type_=sa.BigInteger))
        .order_by(key)
        .limit(sa.bindparam("batch", type_=sa.BigInteger))
        .subquery("page")
    )
    old = sa.case((page.c.age < sa.bindparam("before", type_=sa.BigInteger), sa.literal_column("1")))
    return sa.select(sa.func.min(page.c.id), sa.func.max(page.c.id), sa.func.count(old))


def _remove(key: sa.Column[int], age: sa.Column[int]) -> sa.sql.ClauseElement:
    table = key.table
    before = sa.bindparam("before", type_=sa.BigInteger)
    conditions = [
        # From the first row that is there: before it PostgreSQL may have to pass a million rows that were removed and
        # are not vacuumed yet. A read may do that; here purchases would wait for it.
        key >= sa.bindparam("first", type_=sa.BigInteger),
        key <= sa.bindparam("last", type_=sa.BigInteger),
        age < before,
    ]
    if table is not notifications:
        conditions.append(not_the_newest(key))
    if table is notifications:  # one that waits, or was given up and may be resent, stays as long as its purchase
        conditions += [table.c.delivered_at < before, _done(table, before)]
    elif table is reports:
        conditions += [reports.c.verdict != sa.literal_column("'received'"), ~_report_is_needed(before)]
    else:
        done = _done(table, before)
        conditions.append(done if table is events else sa.or_(table.c.transaction_id.is_(None), done))
    return sa.delete(table).where(*conditions).returning(table.c.id)


def _done(table: sa.FromClause, before: sa.BindParameter[int]) -> sa.ColumnElement[bool]:
    return sa.exists().where(transactions.c.id == table.c.transaction_id, *settled(before))


def _accounts() -> sa.sql.ClauseElement:
    """The accounts that have balances, one step through the index for each."""
    first = sa.select(sa.func.min(balances.c.provider).label("provider")).cte("account", recursive=True)
    later = sa.select(sa.func.min(balances.c.provider)).where(balances.c.provider > first.c.provider)
    every = first.union_all(sa.select(later.scalar_subquery()).where(first.c.provider.is_not(None)))
    return sa.select(every.c.provider).where(every.c.provider.is_not(None))


def _not_kept(provider: sa.BindParameter[str]) -> sa.ColumnElement[bool]:
    """That a balance is neither the latest of its account nor the latest that was computed."""
    other = balances.alias("other")
    latest = sa.select(sa.func.max(other.c.at)).where(other.c.provider == provider)
    computed = latest.where(other.c.computed.is_not(None)).scalar_subquery()
    return sa.and_(
        balances.c.at != latest.scalar_subquery(),
        balances.c.at != sa.func.coalesce(computed, sa.literal_column("-1")),
    )


def _balances_until() -> sa.sql.ClauseElement:
    """How far the next batch of an account's balances reaches; nothing where none is old."""
    provider = sa.bindparam("provider", type_=sa.Text)
    page = (
        sa.select(balances.c.at)
        .where(
            balances.c.provider == provider,
            balances.c.at < sa.bindparam("before", type_=sa.BigInteger),
            _not_kept(provider),
        )
        .order_by(balances.c.at)
        .limit(sa.bindparam("batch", type_=sa.BigInteger))
        .subquery("page")
    )
    return sa.select(sa.func.max(page.c.at))


def _remove_balances() -> sa.sql.ClauseElement:
    provider = sa.bindparam("provider", type_=sa.Text)
    until = balances.c.at <= sa.bindparam("until", type_=sa.BigInteger)
    return (
        sa.delete(balances).where(balances.c.provider == provider, until, _not_kept(provider)).returning(balances.c.at)
    )


def _report_is_needed(before: sa.BindParameter[int]) -> sa.ColumnElement[bool]:
    both = sa.join(attempts, transactions, transactions.c.id == attempts.c.transaction_id)
    its_attempt = attempts.c.id == sa.cast(reports.c.attempt, sa.BigInteger)
    needed: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(both)
    return needed.where(its_attempt, sa.not_(sa.and_(*settled(before)))).correlate(reports).exists()
