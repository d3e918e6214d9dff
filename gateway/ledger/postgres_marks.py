"""What became of a write whose `COMMIT` was not answered: each write leaves its writer's mark, and the mark is read.

The number of the transaction cannot tell it. PostgreSQL writes no number down before the transaction commits, so after
a crash it gives the same one to another, and `pg_xact_status` then speaks of that one. Seen with PostgreSQL 16: a
purchase that was never stored was taken for stored, and sent.
"""

from __future__ import annotations

import secrets
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from gateway.ledger.errors import LeaseLostError

# The lease is locked first and the mark second, as where a lease is ended. The lock on the lease lets heartbeats
# through, and makes who would end it wait until this write is done.
_LEASED = "WITH held AS (SELECT id FROM replicas WHERE id = $3 FOR KEY SHARE)"
_INSERT = "INSERT INTO meta AS mark (key, value)"
_TAKE = "ON CONFLICT (key) DO UPDATE SET value = excluded.value RETURNING value"
# Waits for the end of a write that is still under way, also of the first one.
_KEEP = "ON CONFLICT (key) DO UPDATE SET value = mark.value RETURNING value"
_PREFIX = "writer:"


def key(writer: str) -> str:
    """Where a writer's mark stands in `meta`."""
    return _PREFIX + writer


def new() -> int:
    """A mark that no other write of this writer has."""
    return secrets.randbelow(2**62) + 1


async def leave(connection: asyncpg.Connection[Any], writer: str, lease: str | None, mark: int) -> None:
    """Leave a mark in the database transaction that is open.

    Raises:
        LeaseLostError: the lease is over; roll back.
    """
    await _mark(connection, writer, lease, mark, _TAKE)


async def read(connection: asyncpg.Connection[Any], writer: str, lease: str | None) -> int:
    """The mark of this writer's last write, once that has ended; 0 before the first one.

    Raises:
        LeaseLostError: the lease was ended, and the mark with it.
    """
    return await _mark(connection, writer, lease, 0, _KEEP)


async def _mark(connection: asyncpg.Connection[Any], writer: str, lease: str | None, mark: int, conflict: str) -> int:
    if lease is None:
        return int(await connection.fetchval(f"{_INSERT} VALUES ($1, $2) {conflict}", key(writer), mark))
    leased = f"{_LEASED} {_INSERT} SELECT $1::text, $2::bigint FROM held {conflict}"  # noqa: S608  # made of constants
    found = await connection.fetchval(leased, key(writer), mark, lease)
    if found is None:
        raise LeaseLostError("another replica has taken over this one's transactions; restart this gateway")
    return int(found)
