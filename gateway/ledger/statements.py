"""Every statement, written once with SQLAlchemy Core and compiled once for each database.

What the ledger runs are strings and tuples; SQLAlchemy takes no part in it. Statements that answer with rows say so
(`returns`), because the two drivers run those differently.

Numbers of events. A stream of events is resumed after the last number seen, so no event may become visible later with a
lower number than one that was seen already. SQLite has one writer, and counts. On PostgreSQL several replicas commit in
any order; there the number is made from the number of the writing transaction (`pg_current_xact_id`), and a reader goes
only as far as the oldest transaction still running (`pg_snapshot_xmin`): all below it is settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg as postgresql_asyncpg
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement

from gateway.ledger import rows
from gateway.ledger.schema import (
    accounts,
    attempts,
    balances,
    events,
    exchanges,
    meta,
    notifications,
    reports,
    transactions,
)

EVENTS_A_WRITE = 1 << 20
"""How many events one PostgreSQL transaction can number."""

Condition = sa.ColumnElement[bool] | sa.TextClause
p = sa.bindparam


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL for one database, and the names of its parameters in their order."""

    sql: str
    names: tuple[str, ...]
    returns: bool
    constants: Mapping[str, object]
    """Parameters that SQLAlchemy made out of constants, such as `OFFSET 0`."""

    def bind(self, values: Mapping[str, object]) -> rows.Params:
        return tuple(values[name] if name in values else self.constants[name] for name in self.names)


FILTERS = frozenset({"client", "status", "product", "dest", "provider", "start", "end", "before_id", "review"})


class Statements:
    """All statements for one database: `sqlite` or `postgresql`."""

    def __init__(self, database: str) -> None:
        self._postgresql = database == "postgresql"
        self._dialect: Dialect = (
            postgresql_asyncpg.dialect() if self._postgresql else sqlite.dialect(paramstyle="qmark")  # type: ignore[no-untyped-call]  # SQLAlchemy's dialects are not annotated
        )
        c = self._compile
        self.insert_transaction = c(self._insert_transaction(), order=rows.NEW_TRANSACTION)
        self.update_transaction = c(_update_transaction(), order=rows.CHANGED_TRANSACTION)
        self.insert_attempt = c(_insert(attempts, rows.NEW_ATTEMPT), order=rows.NEW_ATTEMPT)
        self.update_attempt = c(_update_attempt(), order=rows.CHANGED_ATTEMPT)
        self.insert_event = c(self._insert_event(), order=self.event_order)
        self.insert_exchange = c(_insert(exchanges, rows.NEW_EXCHANGE), order=rows.NEW_EXCHANGE)
        self.insert_notification = c(_insert(notifications, rows.NEW_NOTIFICATION), order=rows.NEW_NOTIFICATION)
        self.insert_report = c(_insert_report(), order=[*rows.NEW_REPORT, "b_provider", "b_digest"])
        self.mark_report = c(_mark_report(), order=["b_attempt", "verdict", "b_id"])
        self.tried = c(_tried())
        self.save_balance = c(
            self._upsert(balances, ["provider", "at"]), order=["provider", "at", "reported", "computed"]
        )
        self.save_account = c(self._upsert(accounts, ["account"]), order=["account", "paused", "why", "at"])
        self.save_meta = c(self._upsert(meta, ["key"]), order=["key", "value"])
        self.transaction = c(_whole(transactions.c.id == p("id", type_=sa.BigInteger)))
        self.by_ref = c(_whole(sa.and_(transactions.c.client == p("client"), transactions.c.ref_id == p("ref_id"))))
        self.by_attempt = c(_whole(transactions.c.id == _owner_of_attempt()))
        self.by_supplier_ref = c(_by_supplier_ref())
        self.interrupted = c(_page(transactions.c.owner == p("owner"), _is_sending(), oldest_first=True))
        self.due_checks = c(_due_checks())
        self.due_routes = c(_due_routes())
        self.open_count = c(
            sa.select(sa.func.count(), sa.func.min(transactions.c.created_at)).where(sa.text("status = 'pending'"))
        )
        self.last_reference = c(_last_reference())
        self.events = c(_events().where(events.c.transaction_id == p("id")).order_by(events.c.id))
        self.events_after = c(self._events_after())
        self.client_events_after = c(self._events_after(events.c.client == p("client")))
        self.exchanges = c(_exchanges())
        self.due_notifications = c(_due_notifications())
        self.client_due_notifications = c(_due_notifications(notifications.c.client == p("client")))
        self.notification = c(_notifications().where(notifications.c.id == p("id")))
        self.backlog = c(sa.select(sa.func.count()).where(notifications.c.next_try_at.is_not(None)))
        self.resend = c(_resend())
        self.notifications = c(_notifications().where(notifications.c.transaction_id == p("id")))
        self.balances = c(_balances())
        self.review_count = c(sa.select(sa.func.count()).select_from(transactions).where(_NEEDS_A_PERSON))
        self.charged_since = c(_charged_since())
        self.bought = c(_bought())
        self.equal_purchases = c(_equal_purchases())
        self.paused = c(sa.select(accounts.c.account, accounts.c.why).where(accounts.c.paused))
        self.transactions = lru_cache(maxsize=256)(self._transactions)
        self.reports = lru_cache(maxsize=8)(self._reports)
        self.find_notifications = lru_cache(maxsize=32)(self._find_notifications)

    @property
    def event_order(self) -> list[str]:
        """PostgreSQL is told where its count starts (`base`), and the event's place in the write (`position`)."""
        return [*(["base", "position"] if self._postgresql else []), *rows.NEW_EVENT]

    def _compile(self, statement: ClauseElement, order: Sequence[str] | None = None) -> Statement:
        compiled = statement.compile(dialect=self._dialect)
        names = tuple(getattr(compiled, "positiontup", None) or ())
        if order is not None and names != tuple(order):
            raise AssertionError(f"the parameters are {names}, and the rows are made as {tuple(order)}")
        constants = {name: value for name, value in (compiled.params or {}).items() if value is not None}
        sql = str(compiled)
        returns = sql.startswith("SELECT") or "RETURNING" in sql
        return Statement(sql=sql, names=names, returns=returns, constants=constants)

    def _dialect_insert(self, table: sa.Table) -> Any:
        return postgresql.insert(table) if self._postgresql else sqlite.insert(table)

    def _insert_transaction(self) -> ClauseElement:
        insert = self._dialect_insert(transactions).values(_values(rows.NEW_TRANSACTION))
        conflict = insert.on_conflict_do_nothing(index_elements=["client", "ref_id"])
        return conflict.returning(transactions.c.id)  # type: ignore[no-any-return]  # the two inserts share no typed base

    def _upsert(self, table: sa.Table, key: list[str]) -> ClauseElement:
        names = [column.name for column in table.columns]
        insert = self._dialect_insert(table).values(_values(names))
        changed = {name: insert.excluded[name] for name in names if name not in key}
        return insert.on_conflict_do_update(index_elements=key, set_=changed)  # type: ignore[no-any-return]  # the same

    def _insert_event(self) -> ClauseElement:
        values: dict[str, Any] = _values(rows.NEW_EVENT)
        if self._postgresql:
            number = _xid(sa.func.pg_current_xact_id()) + p("base", type_=sa.BigInteger)
            values["id"] = number * sa.literal_column(str(EVENTS_A_WRITE)) + p("position", type_=sa.BigInteger)
        else:
            values["id"] = sa.null()
        return sa.insert(events).values(values).inline()

    def _events_after(self, *conditions: sa.ColumnElement[bool]) -> ClauseElement:
        query = _events().where(events.c.id > p("after", type_=sa.BigInteger), *conditions)
        if self._postgresql:
            oldest = _xid(sa.func.pg_snapshot_xmin(sa.func.pg_current_snapshot())) + p("base", type_=sa.BigInteger)
            query = query.where(events.c.id < oldest * sa.literal_column(str(EVENTS_A_WRITE)))
        return query.order_by(events.c.id).limit(p("limit", type_=sa.BigInteger))

    def _transactions(self, names: frozenset[str]) -> Statement:
        """The page of transactions for one set of filters out of `FILTERS`."""
        columns = transactions.c
        known: dict[str, Condition] = {
            "client": columns.client == p("client"),
            "status": columns.status == p("status"),
            "product": columns.product == p("product"),
            "dest": columns.dest == p("dest"),
            "provider": sa.exists().where(
                attempts.c.transaction_id == columns.id, attempts.c.provider == p("provider")
            ),
            "start": columns.created_at >= p("start", type_=sa.BigInteger),
            "end": columns.created_at < p("end", type_=sa.BigInteger),
            "before_id": columns.id < p("before_id", type_=sa.BigInteger),
            "review": _NEEDS_A_PERSON,
        }
        return self._compile(_page(*(condition for name, condition in known.items() if name in names)))

    def _reports(self, names: frozenset[str]) -> Statement:
        query = sa.select(*_columns(reports, ["id", *rows.NEW_REPORT]))
        for name in ("verdict", "attempt"):
            if name in names:
                query = query.where(reports.c[name] == p(name))
        if "before" in names:
            query = query.where(reports.c.id < p("before", type_=sa.BigInteger))
        return self._compile(query.order_by(reports.c.id.desc()).limit(p("limit", type_=sa.BigInteger)))

    def _find_notifications(self, names: frozenset[str], state: str | None) -> Statement:
        columns = notifications.c
        before = notifications.alias("before")
        last = sa.select(before.c.transaction_id).where(before.c.id == p("before_id")).scalar_subquery()
        known: dict[str, sa.ColumnElement[bool]] = {
            "client": columns.client == p("client"),
            "transaction": columns.transaction_id == p("transaction", type_=sa.BigInteger),
            "before_id": sa.or_(
                columns.transaction_id < last, sa.and_(columns.transaction_id == last, columns.id < p("before_id"))
            ),
        }
        marks = {"pending": columns.next_try_at, "delivered": columns.delivered_at, "dead": columns.dead_at}
        order = (columns.transaction_id.desc(), columns.id.desc())
        page = sa.select(columns.id).where(*(known[name] for name in known if name in names))
        if state is not None:
            page = page.where(marks[state].is_not(None))
        # Ids first: a dead receiver's backlog may have to be sorted, and bodies are heavy.
        ids = page.order_by(*order).limit(p("limit", type_=sa.BigInteger)).subquery("page")
        return self._compile(sa.select(notifications).where(columns.id.in_(sa.select(ids.c.id))).order_by(*order))


_NEEDS_A_PERSON = sa.text("(needs_review OR conflict)")
"""In the very words of the partial index: only then do both databases use it."""


def _columns(table: sa.Table, names: Sequence[str]) -> list[sa.Column[Any]]:
    return [table.c[name] for name in names]


def _values(names: Sequence[str]) -> dict[str, Any]:
    return {name: p(name) for name in names}


def _xid(function: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.cast(sa.cast(function, sa.Text), sa.BigInteger)


def _insert(table: sa.Table, names: Sequence[str]) -> ClauseElement:
    return sa.insert(table).values(_values(names)).inline()


def _update_transaction() -> ClauseElement:
    update = sa.update(transactions).values(_values(rows.CHANGED_TRANSACTION[:-2]))
    where = (transactions.c.id == p("b_id"), transactions.c.version == p("b_version"))
    return update.where(*where).returning(transactions.c.id, transactions.c.version)


def _update_attempt() -> ClauseElement:
    return sa.update(attempts).values(_values(rows.CHANGED_ATTEMPT[:-1])).where(attempts.c.id == p("b_id"))


def _insert_report() -> ClauseElement:
    before = sa.select(reports.c.id).where(reports.c.provider == p("b_provider"), reports.c.digest == p("b_digest"))
    values = {**_values(rows.NEW_REPORT), "repeated": sa.exists(before.correlate(None))}
    return sa.insert(reports).values(values).returning(reports.c.id, reports.c.repeated)


def _mark_report() -> ClauseElement:
    attempt = sa.func.coalesce(p("b_attempt", type_=sa.Text), reports.c.attempt)
    return sa.update(reports).values(verdict=p("verdict"), attempt=attempt).where(reports.c.id == p("b_id"))


def _tried() -> ClauseElement:
    names = ["next_try_at", "tried_at", "delivered_at", "dead_at", "last_error"]
    update = sa.update(notifications).values({**_values(names), "tries": notifications.c.tries + 1})
    return update.where(notifications.c.id == p("b_id"))


def _resend() -> ClauseElement:
    forgotten = {"delivered_at": sa.null(), "dead_at": sa.null(), "tries": sa.literal_column("0")}
    update = sa.update(notifications).values({"next_try_at": p("next_try_at"), **forgotten})
    return update.where(notifications.c.id == p("b_id"))


def _owner_of_attempt() -> sa.ScalarSelect[int]:
    which = (attempts.c.id == p("attempt"), attempts.c.provider == p("provider"))
    return sa.select(attempts.c.transaction_id).where(*which).scalar_subquery()


def _is_sending() -> sa.ColumnElement[bool]:
    sending = sa.select(attempts.c.transaction_id).where(sa.text("attempts.status = 'sending'"))
    return transactions.c.id.in_(sending)


def _whole(condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Transactions beside their attempts, in one statement so that both are of one moment."""
    both = sa.outerjoin(transactions, attempts, attempts.c.transaction_id == transactions.c.id)
    query = sa.select(*_columns(transactions, rows.NEW_TRANSACTION), *_columns(attempts, rows.NEW_ATTEMPT))
    return query.select_from(both).where(condition).order_by(transactions.c.id.desc(), attempts.c.number)


def _page(*conditions: Condition, oldest_first: bool = False) -> ClauseElement:
    order = transactions.c.id if oldest_first else transactions.c.id.desc()
    limit = p("limit", type_=sa.BigInteger)
    ids = sa.select(transactions.c.id).where(*conditions).order_by(order).limit(limit).subquery("page")
    query = _whole(transactions.c.id.in_(sa.select(ids.c.id)))
    return query.order_by(None).order_by(order, attempts.c.number)


def _by_supplier_ref() -> ClauseElement:
    which = (attempts.c.provider == p("provider"), attempts.c.supplier_ref == p("supplier_ref"))
    found = sa.select(attempts.c.transaction_id).where(*which).distinct().limit(sa.literal_column("2")).subquery("two")
    return _whole(transactions.c.id.in_(sa.select(found.c.transaction_id)))


def _due_checks() -> ClauseElement:
    query = sa.select(attempts.c.transaction_id, attempts.c.id)
    query = query.join(transactions, transactions.c.id == attempts.c.transaction_id)
    query = query.where(attempts.c.next_check_at <= p("now"), transactions.c.owner == p("owner"))
    return query.order_by(attempts.c.next_check_at, attempts.c.id).limit(p("limit", type_=sa.BigInteger))


def _due_routes() -> ClauseElement:
    query = sa.select(transactions.c.id).where(transactions.c.route_at <= p("now"), transactions.c.owner == p("owner"))
    return query.order_by(transactions.c.route_at, transactions.c.id).limit(p("limit", type_=sa.BigInteger))


def _last_reference() -> ClauseElement:
    node = p("node", type_=sa.BigInteger)

    thousand: sa.ColumnElement[int] = sa.literal_column("1000")

    def last(column: sa.Column[Any]) -> sa.ScalarSelect[int]:
        # Newest first, so the scan ends at the node's last number; a node that gave out none scans the whole index.
        its_node = column.op("/")(thousand).op("%")(thousand)
        query = sa.select(column).where(its_node == node).order_by(column.desc()).limit(sa.literal_column("1"))
        return query.scalar_subquery()

    return sa.select(last(transactions.c.id), last(attempts.c.id))


def _events() -> sa.Select[Any]:
    return sa.select(*_columns(events, ["id", "transaction_id", "attempt", "kind", "at", "source", "data"]))


def _exchanges() -> ClauseElement:
    query = sa.select(*_columns(exchanges, rows.NEW_EXCHANGE[1:]))
    return query.where(exchanges.c.transaction_id == p("id")).order_by(exchanges.c.id)


def _notifications() -> sa.Select[Any]:
    return sa.select(notifications).order_by(notifications.c.created_at, notifications.c.id)


def _due_notifications(*conditions: sa.ColumnElement[bool]) -> ClauseElement:
    query = _notifications().join(transactions, transactions.c.id == notifications.c.transaction_id)
    query = query.where(*conditions, notifications.c.next_try_at <= p("now"), transactions.c.owner == p("owner"))
    query = query.order_by(None).order_by(notifications.c.next_try_at, notifications.c.id)
    return query.limit(p("limit", type_=sa.BigInteger))


_SUCCEEDED = sa.text("attempts.status = 'success'")


def _charged_since() -> ClauseElement:
    a, t = attempts.c, transactions.c
    after = p("after", type_=sa.BigInteger)
    charge = sa.func.coalesce(a.price, a.expected_price, sa.literal_column("0"))
    # A transaction keeps the time of its success when that is taken back: one of before was charged before.
    given_back = sa.case((t.final_at > after, sa.literal_column("0")), else_=-charge)
    both = sa.join(attempts, transactions, t.id == a.transaction_id)
    query = sa.select(sa.func.sum(sa.case((_SUCCEEDED, charge), else_=given_back))).select_from(both)
    return query.where(
        a.id >= p("first", type_=sa.BigInteger),
        a.provider == p("provider"),
        sa.text("attempts.status IN ('success', 'reversed')"),
        a.ended_at > after,
    )


def _bought() -> ClauseElement:
    a, t = attempts.c, transactions.c
    inquiry = sa.case((t.bill.is_not(None), sa.literal_column("1")), else_=sa.literal_column("0"))
    query = sa.select(a.provider, sa.func.count(), sa.func.sum(inquiry))
    query = query.select_from(sa.join(attempts, transactions, t.id == a.transaction_id))
    return query.where(
        a.id >= p("first", type_=sa.BigInteger),
        a.id < p("last", type_=sa.BigInteger),
        a.started_at >= p("start", type_=sa.BigInteger),
        a.started_at < p("end", type_=sa.BigInteger),
        _SUCCEEDED,
    ).group_by(a.provider)


def _equal_purchases() -> ClauseElement:
    a = attempts.c
    return sa.select(sa.func.count()).where(
        a.dest == p("dest"),
        a.provider == p("provider"),
        a.product == p("product"),
        a.started_at >= p("start", type_=sa.BigInteger),
        sa.text("attempts.status NOT IN ('failed', 'rejected', 'reversed')"),
    )


def _balances() -> ClauseElement:
    other = balances.alias("other")
    latest = sa.select(sa.func.max(other.c.at)).where(other.c.provider == balances.c.provider).scalar_subquery()
    return sa.select(balances).where(balances.c.at == latest).order_by(balances.c.provider)
