"""A replica that finds its own lease overdue does not end it: after an outage nobody would be left to write (C25)."""

from __future__ import annotations

import asyncio

from gateway.ledger.postgres import PostgresLedger
from gateway.testing.postgres_server import PostgresServer


async def test_a_replica_that_takes_over_keeps_its_own_overdue_lease() -> None:
    server = PostgresServer()
    try:
        await asyncio.to_thread(server.start)
        database = await asyncio.to_thread(server.new_database)
        ledger = PostgresLedger(server.url(database), owner="first")
        await ledger.start()
        await ledger.claim_node()
        await asyncio.to_thread(server.execute, database, "UPDATE replicas SET lease_until = 0")
        assert await ledger.take_over() == []
        found = await asyncio.to_thread(server.execute, database, "SELECT id FROM replicas")
        await ledger.close()
    finally:
        await asyncio.to_thread(server.remove)
    assert found == [("first",)]
