"""Who works on which transactions: leases on node numbers, kept alive by a heartbeat, all on the database's clock.

A lease ends when another replica deletes its row, which only happens after its time is over and never during one of
its writes. From then on its writes are refused, and its transactions are taken over. A replica that merely was late
goes on when nobody has ended its lease; and the time in which the database was away is held against nobody
(`gateway.core.leases`).
"""

from __future__ import annotations

from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from gateway.core.leases import Reach, gone_before, newcomer
from gateway.core.references import NODES
from gateway.core.share import Standing
from gateway.ledger import postgres_marks
from gateway.ledger.errors import LedgerError
from gateway.ledger.rows import reference

LEASE_SECONDS = 15.0
TAKE_OVER_AT_ONCE = 500

_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_LOCK = 7_205_461_002
"""The advisory lock under which node numbers are given out."""
_TAKING = _LOCK + 1
"""The one under which transactions are taken over, by one replica at a time. Row locks alone do not do it: a statement
that began before another's commit looks again at the rows that it locks, but not at who had no lease."""

_END_OVERDUE = f"""
WITH ended AS (
    DELETE FROM replicas
    WHERE id IN (
        SELECT id FROM replicas
        WHERE lease_until <= {_NOW} AND lease_until <= $2::bigint AND id <> $1 FOR UPDATE SKIP LOCKED
    )
    RETURNING id
)
DELETE FROM meta WHERE key IN (SELECT '{postgres_marks.key("")}' || id FROM ended)
"""  # noqa: S608  # made of constants
_CLAIM = f"""
INSERT INTO replicas (id, node, lease_until, started_at)
SELECT $1::text, node, {_NOW} + $2::bigint, {_NOW}
FROM generate_series(0, {NODES - 1}) AS node
WHERE node NOT IN (SELECT taken.node FROM replicas AS taken)
ORDER BY node LIMIT 1
RETURNING node
"""  # noqa: S608  # made of constants
_RENEW = f"UPDATE replicas SET lease_until = {_NOW} + $2::bigint WHERE id = $1 RETURNING {_NOW}"  # noqa: S608  # as above
_STANDING = f"""
SELECT count(*), count(*) FILTER (WHERE node < (SELECT mine.node FROM replicas AS mine WHERE mine.id = $1))
FROM replicas WHERE id = $1 OR lease_until > {_NOW} OR $2::bigint IS NULL OR lease_until > $2::bigint
"""  # noqa: S608  # the same
_HELD = f"SELECT {_NOW} FROM replicas WHERE id = $1 FOR KEY SHARE"  # noqa: S608  # as above
_SERVER = f"SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, {_NOW}"  # noqa: S608  # as above
_TAKE_OVER = """
UPDATE transactions SET owner = $1, version = version + 1
WHERE id IN (
    SELECT id FROM transactions
    WHERE id IN (
        SELECT id FROM transactions WHERE status = 'pending'
        UNION SELECT transaction_id FROM attempts WHERE status = 'sending'
        UNION SELECT transaction_id FROM attempts WHERE next_check_at IS NOT NULL
        UNION SELECT transaction_id FROM notifications WHERE next_try_at IS NOT NULL
    )
    AND NOT EXISTS (SELECT 1 FROM replicas WHERE replicas.id = transactions.owner)
    ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


async def claim(connection: asyncpg.Connection[Any], replica: str, seconds: float) -> tuple[int, Reach]:
    """Take the lowest free node number: it, and since when the ledger could be reached, as far as a newcomer knows.

    Raises:
        LedgerError: all are taken.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        known = newcomer(*await connection.fetchrow(_SERVER))
        await _end_overdue(connection, replica, gone_before(known, micros(seconds)), seconds)
        node = await connection.fetchval(_CLAIM, replica, micros(seconds))
    if node is None:
        raise LedgerError(f"all {NODES} node numbers are taken by other replicas")
    return int(node), known


async def now(connection: asyncpg.Connection[Any]) -> int:
    """The database's time, in microseconds."""
    return int(await connection.fetchval(f"SELECT {_NOW}"))


async def renew(connection: asyncpg.Connection[Any], replica: str, seconds: float) -> int | None:
    """Prolong a lease: the database's time, in microseconds; `None`: another replica has ended it."""
    renewed: int | None = await connection.fetchval(_RENEW, replica, micros(seconds))
    return renewed


async def standing(connection: asyncpg.Connection[Any], replica: str, gone: int | None, seconds: float) -> Standing:
    """How many replicas hold a lease now, and which of them this one is.

    Args:
        gone: as for `take_over`: who is merely late after an outage still counts.
    """
    until = None if gone is None else gone + micros(seconds)
    count, before = await connection.fetchrow(_STANDING, replica, until)
    return Standing(max(1, count), before)


async def release(connection: asyncpg.Connection[Any], replica: str) -> None:
    """Give a lease back, so that others need not wait for its end; and take the mark of the last write away."""
    await connection.execute("DELETE FROM replicas WHERE id = $1", replica)
    await connection.execute("DELETE FROM meta WHERE key = $1", postgres_marks.key(replica))


async def take_over(
    connection: asyncpg.Connection[Any], replica: str, gone: int | None, seconds: float
) -> tuple[int | None, list[str]]:
    """End overdue leases, and claim unfinished transactions of owners without one.

    Args:
        gone: a lease that was renewed later than this, in microseconds, is not overdue; `None`: none is.

    Returns the database's time in microseconds and the transactions' numbers; `None` and nothing while another replica
    is at it, or where this one has no lease.
    """
    async with connection.transaction():
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _TAKING):
            return None, []
        held = await connection.fetchval(_HELD, replica)
        if held is None:
            return None, []
        await _end_overdue(connection, replica, gone, seconds)
        found = await connection.fetch(_TAKE_OVER, replica, TAKE_OVER_AT_ONCE)
    return int(held), sorted(reference(row[0]) for row in found)


async def _end_overdue(connection: asyncpg.Connection[Any], replica: str, gone: int | None, seconds: float) -> None:
    if gone is not None:
        await connection.execute(_END_OVERDUE, replica, gone + micros(seconds))


def micros(seconds: float) -> int:
    return int(seconds * 1_000_000)
