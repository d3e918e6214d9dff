"""The tables, the same for SQLite and PostgreSQL.

Money is whole rupiah and time microseconds since 1970 in UTC, both `BIGINT`. Numbers of transactions and attempts are
`BIGINT` too: 18 decimal digits fit, and they rise with time, so new rows go to the end of their table. What is a JSON
value is kept as text.
"""

from __future__ import annotations

import sqlalchemy as sa

REVISION = "0004"
"""The Alembic revision that these tables belong to."""

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

# Only "INTEGER PRIMARY KEY" is SQLite's own row number, which saves a second tree.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _partial(name: str, column: sa.Column[int] | sa.Column[str], where: str) -> sa.Index:
    return sa.Index(name, column, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _of_transaction(*, optional: bool = False) -> sa.Column[int]:
    return sa.Column(
        "transaction_id", sa.BigInteger, sa.ForeignKey("transactions.id", ondelete="CASCADE"), nullable=optional
    )


transactions = sa.Table(
    "transactions",
    metadata,
    sa.Column("id", KEY, primary_key=True, autoincrement=False),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("ref_id", sa.Text, nullable=False),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("dest", sa.Text, nullable=False),
    sa.Column("qty", sa.BigInteger, nullable=False),
    sa.Column("max_price", sa.BigInteger),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("needs_review", sa.Boolean, nullable=False),
    sa.Column("conflict", sa.Boolean, nullable=False),
    sa.Column("reason_code", sa.Text),
    sa.Column("reason_message", sa.Text),
    sa.Column("serial", sa.Text),
    sa.Column("price", sa.BigInteger),
    sa.Column("provider", sa.Text),
    sa.Column("bill", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("deadline_at", sa.BigInteger, nullable=False),
    sa.Column("final_at", sa.BigInteger),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("route_at", sa.BigInteger),
    sa.UniqueConstraint("client", "ref_id"),
)
sa.Index("ix_transactions_client_id", transactions.c.client, transactions.c.id)
_partial("ix_transactions_open", transactions.c.created_at, "status = 'pending'")
_partial("ix_transactions_route_at", transactions.c.route_at, "route_at IS NOT NULL")
_partial("ix_transactions_review", transactions.c.id, "needs_review OR conflict")

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", KEY, primary_key=True, autoincrement=False),
    _of_transaction(),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("expected_price", sa.BigInteger),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("reason_code", sa.Text),
    sa.Column("reason_message", sa.Text),
    sa.Column("supplier_ref", sa.Text),
    sa.Column("serial", sa.Text),
    sa.Column("price", sa.BigInteger),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("rule", sa.Text),
    sa.Column("contested", sa.Boolean, nullable=False),
    sa.Column("checks_done", sa.Integer, nullable=False),
    sa.Column("never_seen", sa.Integer, nullable=False),
    sa.Column("next_check_at", sa.BigInteger),
    sa.Column("reported", sa.Boolean),
    sa.Column("nth", sa.Integer),
    sa.Column("dest", sa.Text),  # beside `nth`, for the index by which equal purchases are counted
    sa.UniqueConstraint("transaction_id", "number"),
)
_partial("ix_attempts_sending", attempts.c.transaction_id, "status = 'sending'")
_partial("ix_attempts_next_check_at", attempts.c.next_check_at, "next_check_at IS NOT NULL")
sa.Index(
    "ix_attempts_provider_supplier_ref",
    attempts.c.provider,
    attempts.c.supplier_ref,
    sqlite_where=sa.text("supplier_ref IS NOT NULL"),
    postgresql_where=sa.text("supplier_ref IS NOT NULL"),
)
sa.Index(
    "ix_attempts_equal",
    attempts.c.dest,
    attempts.c.provider,
    sqlite_where=sa.text("dest IS NOT NULL"),
    postgresql_where=sa.text("dest IS NOT NULL"),
)

events = sa.Table(
    "events",
    metadata,
    # SQLite counts. On PostgreSQL the number is made from the writing transaction's own number: see `statements`.
    sa.Column("id", KEY, primary_key=True, autoincrement=False),
    _of_transaction(),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("attempt", sa.BigInteger),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
)
sa.Index("ix_events_transaction_id", events.c.transaction_id)
sa.Index("ix_events_client_id", events.c.client, events.c.id)

exchanges = sa.Table(
    "exchanges",
    metadata,
    sa.Column("id", KEY, primary_key=True),
    _of_transaction(optional=True),
    sa.Column("attempt", sa.BigInteger),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("response", sa.Text),
    sa.Column("status", sa.Integer),
    sa.Column("failure", sa.Text),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
)
_partial("ix_exchanges_transaction_id", exchanges.c.transaction_id, "transaction_id IS NOT NULL")

reports = sa.Table(
    "reports",
    metadata,
    sa.Column("id", KEY, primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("remote", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("query", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("attempt", sa.Text),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("repeated", sa.Boolean, nullable=False),
)
sa.Index("ix_reports_provider_digest", reports.c.provider, reports.c.digest)
sa.Index("ix_reports_verdict", reports.c.verdict)
_partial("ix_reports_attempt", reports.c.attempt, "attempt IS NOT NULL")

notifications = sa.Table(
    "notifications",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _of_transaction(),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("next_try_at", sa.BigInteger),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("tried_at", sa.BigInteger),
    sa.Column("delivered_at", sa.BigInteger),
    sa.Column("dead_at", sa.BigInteger),
    sa.Column("last_error", sa.Text),
)
sa.Index("ix_notifications_transaction_id", notifications.c.transaction_id)
# By client first: what waits for a dead receiver must not be read through to find what waits for a living one.
sa.Index(
    "ix_notifications_client_next_try_at",
    notifications.c.client,
    notifications.c.next_try_at,
    sqlite_where=sa.text("next_try_at IS NOT NULL"),
    postgresql_where=sa.text("next_try_at IS NOT NULL"),
)
_partial("ix_notifications_dead", notifications.c.transaction_id, "dead_at IS NOT NULL")

balances = sa.Table(
    "balances",
    metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, primary_key=True),
    sa.Column("reported", sa.BigInteger),
    sa.Column("computed", sa.BigInteger),
)

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)

replicas = sa.Table(
    "replicas",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("node", sa.Integer, nullable=False, unique=True),
    sa.Column("lease_until", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
)

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
