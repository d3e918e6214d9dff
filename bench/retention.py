"""What it costs to let old rows go: the figures of docs/retention.md.

A PostgreSQL of its own is filled with so many transactions (2.5 million, with ten million events, need 13 GB for ten
minutes), and a SQLite file with a tenth. Then rows leave in the ways that were weighed against each other.

    python bench/retention.py [--transactions 2500000] [--sqlite]
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from gateway.cli.prune import prune
from gateway.core.references import EPOCH, References
from gateway.core.retention import Month, pause
from gateway.core.transaction import AttemptState, AttemptStatus, Change, Event, Exchange, Transaction
from gateway.core.transaction import TransactionStatus as Status
from gateway.ledger import Ledger, migrate, open_ledger
from gateway.testing.postgres_server import PostgresServer

DAYS = 400
NOW = datetime(2026, 11, 24, tzinfo=UTC)
FIRST = NOW - timedelta(days=DAYS)
FILL = """
INSERT INTO transactions SELECT id, 'shop'||(i%8), 'order-'||{unique}, {unique}||{unique}, 'XL'||(i%50), '081712345678',
  1, NULL, CASE WHEN i%100000=99 THEN 'pending' WHEN i%12=0 THEN 'failed' ELSE 'success' END, i%100000=99, false, NULL,
  NULL, '0123-4567-8901-2345', 5350, 'maxsi', NULL, at, at+2000000, at+120000000, at+2000000, 2, 'a0b1c2d3', NULL
  FROM g ORDER BY i;
INSERT INTO attempts SELECT id+1, id, 1, 'maxsi', 'X5', 5400, 'success', at, at+2000000, NULL, NULL, 'S'||i,
  '0123-4567-8901-2345', 5350, 'SUKSES trx XL5.081712345678 SN: 0123-4567-8901-2345 Saldo 1.234.567', 'success', false,
  0, 0, NULL FROM g ORDER BY i;
INSERT INTO events SELECT (i*4+k+1)*{step}, id, 'shop'||(i%8), id+1, 'attempt', at+k*500000, 'answer',
  '{{"from":"pending","to":"success","provider":"maxsi","serial":"0123-4567-8901"}}' FROM g, k4 ORDER BY i, k;
INSERT INTO exchanges (transaction_id, attempt, provider, purpose, request, response, status, failure, started_at,
  duration_ms) SELECT id, id+1, 'maxsi', 'purchase', 'GET http://trx.maxsi.id/trx?memberID=M1&refID='||id||{filling},
  'T#1234567 R#'||id||' akan diproses. Saldo 1.234.567 - 5.350 = 1.229.217 @ 10:00:00', 200, NULL, at+k*1000000, 120
  FROM g, k4 WHERE k < 2 ORDER BY i, k;
INSERT INTO reports (provider, received_at, remote, method, query, body, digest, attempt, verdict, repeated)
  SELECT 'maxsi', at+1500000, '203.0.113.7', 'GET', 'refid='||id||'&message=SUKSES+SN:+0123-4567-8901-2345', '',
  {unique}, {text}, 'applied', false FROM g ORDER BY i;
INSERT INTO notifications SELECT 'msg_'||id, id, 'shop'||(i%8), 'transaction.success', '{{"data":"'||{filling}||'"}}',
  at+2000000, NULL, 1, at+2100000, at+2100000, NULL, NULL FROM g ORDER BY i
"""
EVENTS = "(id, transaction_id, client, attempt, kind, at, source, data)"


def micros(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


def filling(count: int, **words: str) -> list[str]:
    """The statements that fill the tables from `g`: number, id and time of each transaction."""
    gap = DAYS * 86_400_000_000 // count
    ms = (FIRST - EPOCH) // timedelta(milliseconds=1)
    made = [one.format(**words) for one in FILL.split(";\n")]
    return [words["g"].format(count=count, ms=ms, gap=gap, first=micros(FIRST)), words["k4"], *made]


POSTGRESQL = {
    "g": "CREATE TEMP TABLE g AS SELECT i, ({ms}+i*{gap}/1000)::bigint*1000000 AS id, ({first}+i*{gap})::bigint AS at "
    "FROM generate_series(0::bigint, {count}-1) i",
    "k4": "CREATE TEMP TABLE k4 AS SELECT k FROM generate_series(0, 3) k",
    "unique": "md5(i::text)", "step": "1048576::bigint", "filling": "repeat('y', 300)",
    "text": "lpad((id+1)::text, 18, '0')",
}  # fmt: skip
SQLITE = {
    "g": "CREATE TEMP TABLE g AS WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM s WHERE i < {count}-1) "
    "SELECT i, ({ms}+i*{gap}/1000)*1000000 AS id, {first}+i*{gap} AS at FROM s",
    "k4": "CREATE TEMP TABLE k4 AS SELECT 0 AS k UNION SELECT 1 UNION SELECT 2 UNION SELECT 3",
    "unique": "hex(randomblob(16))", "step": "1", "filling": "substr(hex(zeroblob(150)),1,300)",
    "text": "printf('%018d', id+1)",
}  # fmt: skip


def say(text: str) -> None:
    print(text, flush=True)


def spread(seconds: list[float]) -> str:
    held = sorted(seconds)
    at = [held[min(len(held) - 1, int(len(held) * part))] * 1000 for part in (0.5, 0.99, 1)]
    return "p50 {:.1f} p99 {:.1f} max {:.1f} ms".format(*at)


class Server:
    """One connection beside the ledger."""

    def __init__(self, connection: Any) -> None:
        self.run = connection.execute
        self.many = connection.executemany
        self.one = connection.fetchval
        self.all = connection.fetch

    async def cost(self, what: str, work: Awaitable[Any], rows: int = 0) -> Any:
        """Do it, and say what it took: time, and write-ahead log."""
        start = await self.one("SELECT pg_current_wal_lsn()::text")
        began = time.perf_counter()
        result = await work
        took = time.perf_counter() - began
        wal = int(await self.one("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), $1::text::pg_lsn)::bigint", start))
        each = f", {took / rows * 1e6:.1f} µs and {wal / rows:.0f} B a row" if rows else ""
        say(f"  {what}: {took:.2f} s, WAL {wal / 1e6:.1f} MB{each}")
        return result


async def walk(ledger: Ledger, table: str, before: datetime, *, batch: int = 500, most: int = 10**6) -> int:
    """Remove what is old as the gateway does, without the rests."""
    took: list[float] = []
    position: int | None = 0
    gone = 0
    while position is not None and gone < most:
        began = time.perf_counter()
        done = await ledger.remove_old(table, before, position, batch)
        took.append(time.perf_counter() - began)
        position, gone = done.position, gone + done.rows
    say(f"    {table}: {gone} rows in {len(took)} batches of {batch}: {gone / sum(took):.0f} rows/s; {spread(took)}")
    return gone


def bought(references: References, n: int) -> tuple[Change, Change]:
    """A purchase as it is accepted, and as it ends."""
    at = datetime.now(UTC)
    attempt = AttemptState(
        id=references.next(at), number=1, provider="maxsi", product="X5", expected_price=5400,
        status=AttemptStatus.SENDING, started_at=at, next_check_at=at,
    )  # fmt: skip
    before = Transaction(
        id=references.next(at), client="shop", ref_id=f"{n}-{at.timestamp()}", request_hash="ab" * 32, product="XL5",
        dest="081712345678", qty=1, max_price=None, attempts=(attempt,), created_at=at, updated_at=at, deadline_at=at,
    )  # fmt: skip
    ended = replace(attempt, status=AttemptStatus.SUCCESS, price=5350, ended_at=at, next_check_at=None)
    after = replace(before, status=Status.SUCCESS, attempts=(ended,), version=before.version + 1, final_at=at)
    exchange = Exchange(
        attempt=attempt.id, provider="maxsi", purpose="purchase", request="GET " + "x" * 300, response="SUKSES",
        status=200, failure=None, started_at=at, duration_ms=10,
    )  # fmt: skip
    told = Event("status", at, "answer", {"to": "success"})
    first = Change(before=None, after=before, events=(told,))
    return first, Change(before=before, after=after, events=(told, told), exchanges=(exchange,))


async def purchases(ledger: Ledger, what: str, seconds: float = 10.0, rate: float = 200.0) -> None:
    """What the two commits of a purchase take while purchases come at a steady rate."""
    references, took, tasks = References(999), list[float](), list[asyncio.Task[None]]()

    async def one(n: int) -> None:
        for change in bought(references, n):
            began = time.perf_counter()
            assert await ledger.commit(change)
            took.append(time.perf_counter() - began)

    began = time.perf_counter()
    for n in range(int(seconds * rate)):
        await asyncio.sleep(max(0.0, began + n / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one(n)))
    await asyncio.gather(*tasks)
    say(f"  {what}: {spread(took)} a commit, at {len(took) / 2 / (time.perf_counter() - began):.0f} purchases/s")


async def beside(ledger: Ledger, before: datetime) -> None:
    """Purchases without removal, and with it as the gateway does it."""
    await purchases(ledger, "purchases alone")
    gone = 0

    async def remove() -> None:
        nonlocal gone
        for table in ("exchanges", "events"):
            position: int | None = 0
            while position is not None:
                began = time.perf_counter()
                done = await ledger.remove_old(table, before, position, 500)
                position, gone = done.position, gone + done.rows
                await asyncio.sleep(pause(time.perf_counter() - began))

    removing = asyncio.create_task(remove())
    await purchases(ledger, "beside removal, with its rests")
    removing.cancel()
    await asyncio.gather(removing, return_exceptions=True)
    say(f"    {gone} rows were removed meanwhile")


async def sizes(server: Server) -> None:
    for name, kind, size in await server.all(
        "SELECT relname, relkind::text, pg_relation_size(oid) FROM pg_class WHERE relkind IN ('r', 'i') "
        "AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 1000000 ORDER BY relkind DESC, relname"
    ):
        say(f"    {'table' if kind == 'r' else 'index'} {name}: {size / 1e6:.0f} MB")


async def by_age(server: Server, ledger: Ledger) -> None:
    """Rows leave by age: by number, by a search without an index, and with one."""
    say("by number, through the ledger, no index on age (30 days)")
    for table in ("exchanges", "reports", "events"):
        await server.cost(table, walk(ledger, table, NOW - timedelta(days=DAYS - 42)))
    say("the next hour: nothing is old, and what was removed is not vacuumed yet")
    for table in ("exchanges", "reports", "events"):
        await walk(ledger, table, NOW - timedelta(days=DAYS - 42))
    say("other sizes of a batch (events)")
    for days, batch in ((45, 100), (48, 1000), (51, 5000)):
        await walk(ledger, "events", NOW - timedelta(days=DAYS - days), batch=batch)
    cut = micros(NOW - timedelta(days=DAYS - 70))
    search = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < $1 {} LIMIT 500)"
    say("20 batches of 500 events by a search on age")
    await server.cost("no index", _times(20, lambda: server.run(search.format(""), cut)), 10_000)
    await server.cost("the index is built", server.run("CREATE INDEX x_at ON events (at)"))
    say(f"    its size: {await server.one('SELECT pg_relation_size($1::regclass)', 'x_at') / 1e6:.0f} MB")
    await server.cost("with the index", _times(20, lambda: server.run(search.format("ORDER BY at"), cut)), 10_000)
    await server.run("DROP INDEX x_at")


async def _times(n: int, work: Callable[[], Awaitable[Any]]) -> None:
    for _ in range(n):
        await work()


async def partitions(server: Server) -> None:
    """The same events in a table of months."""
    say("inserting 100,000 events, 100 a commit")
    await server.run("CREATE TABLE plain (LIKE events INCLUDING ALL)")
    await server.run("CREATE TABLE aged (LIKE events INCLUDING ALL); CREATE INDEX ON aged (at)")
    await server.run(
        "CREATE TABLE parted (LIKE events) PARTITION BY RANGE (at); ALTER TABLE parted ADD PRIMARY KEY (id, at);"
        "CREATE INDEX ON parted (transaction_id); CREATE INDEX ON parted (client, id)"
    )
    for n in range(DAYS // 30 + 3):
        start, end = (micros(FIRST + timedelta(days=30 * (n + more))) for more in (0, 1))
        await server.run(f"CREATE TABLE parted_{n} PARTITION OF parted FOR VALUES FROM ({start}) TO ({end})")
    await server.run("SET synchronous_commit = off")
    for round_ in range(3):
        for table in ("plain", "aged", "parted"):
            await server.cost(table, _insert(server, table, round_ * 100_000), 100_000)
    await server.run("TRUNCATE parted")
    await server.run("INSERT INTO parted SELECT * FROM events", timeout=900)
    await server.run("VACUUM ANALYZE parted", timeout=900)
    known = [row[0] for row in await server.all("SELECT id FROM transactions WHERE id % 7 = 0 LIMIT 1000")]
    for table in ("events", "parted") * 2:
        await server.cost(f"events of a transaction, {table}", _look_up(server, table, known), len(known))
    await server.run("SET synchronous_commit = on")
    rows = await server.one("SELECT count(*) FROM parted_5")
    await server.cost(f"a month of {rows} events is dropped as a partition", server.run("DROP TABLE parted_5"))
    await server.run("DROP TABLE parted, plain, aged")


async def _insert(server: Server, table: str, first: int) -> None:
    sql = f"INSERT INTO {table} {EVENTS} VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"  # noqa: S608 — a table of ours
    at, base = micros(NOW), 10**17
    for start in range(first, first + 100_000, 100):
        numbers = range(start, start + 100)
        rows = [
            (n << 20, base + n // 4 * 10**6, "shop1", base + n, "attempt", at + n, "answer", "y" * 80) for n in numbers
        ]
        await server.many(sql, rows)


async def _look_up(server: Server, table: str, known: list[int]) -> None:
    for one in known:
        await server.all(f"SELECT * FROM {table} WHERE transaction_id = $1 ORDER BY id", one)  # noqa: S608 — the same


async def on_postgresql(url: str, count: int) -> None:
    connection = await asyncpg.connect(url)
    server = Server(connection)
    for setting in ("max_wal_size = '4GB'", "autovacuum = off"):
        await server.run(f"ALTER SYSTEM SET {setting}")
    await server.run("SELECT pg_reload_conf()")
    await server.run("SET work_mem = '256MB'; SET session_replication_role = replica")
    for statement in filling(count, **POSTGRESQL):
        await server.run(statement, timeout=900)
    await server.run("SET session_replication_role = origin; SET maintenance_work_mem = '256MB'")
    await server.run("VACUUM ANALYZE", timeout=900)
    say(f"PostgreSQL, {count} transactions")
    await sizes(server)
    ledger = open_ledger(url)
    await ledger.start()
    say("gateway prune, the first twelve days, with everything, without rests")
    with tempfile.TemporaryDirectory() as folder:
        await server.run("UPDATE transactions SET status = 'failed', needs_review = false WHERE status = 'pending'")
        await server.cost("prune", prune(ledger, Month(2025, 11), ZoneInfo("UTC"), Path(folder) / "old.jsonl"))
    await by_age(server, ledger)
    for days in (300, 200):
        await server.run("CHECKPOINT")
        await beside(ledger, NOW - timedelta(days=days))
    dead = await server.one("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'events'")
    await server.cost(f"VACUUM of events, with {dead} dead rows", server.run("VACUUM events"))
    await partitions(server)
    await ledger.close()
    await connection.close()


async def on_sqlite(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        migrate(f"sqlite:///{path}")
        with sqlite3.connect(path, isolation_level=None) as connection:
            connection.execute("BEGIN")
            for statement in filling(count, **SQLITE):
                connection.execute(statement)
            connection.execute("COMMIT")
            connection.execute("ANALYZE")
        connection.close()
        say(f"SQLite, {count} transactions: {path.stat().st_size / 1e6:.0f} MB")
        ledger = open_ledger(f"sqlite:///{path}")
        await ledger.start()
        for table in ("exchanges", "reports", "events"):
            await walk(ledger, table, NOW - timedelta(days=DAYS - 100))
        await beside(ledger, NOW - timedelta(days=200))
        await ledger.close()
        with sqlite3.connect(path, isolation_level=None) as connection:
            free, page = (connection.execute(f"PRAGMA {one}").fetchone()[0] for one in ("freelist_count", "page_size"))
            say(f"  after it: {path.stat().st_size / 1e6:.0f} MB, of which {free * page / 1e6:.0f} MB are free")
            for name, statement in (
                ("VACUUM", "VACUUM"),
                ("VACUUM that turns auto_vacuum = incremental on", "PRAGMA auto_vacuum = incremental; VACUUM"),
                ("DELETE of a third of the exchanges left", "DELETE FROM exchanges WHERE id < 250000"),
                ("incremental_vacuum of 1,000 pages", "PRAGMA incremental_vacuum(1000)"),
            ):
                began = time.perf_counter()
                connection.executescript(f"{statement}; PRAGMA wal_checkpoint(TRUNCATE)")
                size = path.stat().st_size / 1e6
                say(f"  {name}: {time.perf_counter() - began:.2f} s, then {size:.0f} MB")
        connection.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transactions", type=int, default=2_500_000)
    parser.add_argument("--sqlite", action="store_true", help="not PostgreSQL")
    asked = parser.parse_args()
    asyncio.run(on_sqlite(asked.transactions // 10))
    if asked.sqlite:
        sys.exit()
    with PostgresServer() as postgres:
        asyncio.run(on_postgresql(postgres.url(postgres.new_database()), asked.transactions))
