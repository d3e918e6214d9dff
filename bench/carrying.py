"""What one purchase costs the gateway, PostgreSQL and Redis, and what it leaves: the figures of `docs/scaling.md`.

One gateway buys with `Prefer: wait`, on a real PostgreSQL (fsync on) with limits in a real Redis. The supplier answers
success at once; with `--reported` it is the sandbox, which says "will be processed", reports a second later, and is
then asked; its deposit carries 1,800 purchases. CPU is user and system time of all processes of each, from /proc.
`--ledger sqlite` measures the single machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from bench.measuring import configuration, cpu_seconds, free_port, gateway, load, process, seller
from gateway.testing.postgres_server import PostgresServer
from gateway.testing.redis_server import RedisServer

TABLES = ("transactions", "attempts", "events", "exchanges", "reports", "notifications")


@contextmanager
def redis(folder: Path) -> Iterator[RedisServer]:
    """A Redis without persistence, ended at the end."""
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def family(pid: int) -> float:
    """CPU seconds of a process and its children that run. Those that ended meanwhile count in their parent."""
    total: float = cpu_seconds(pid)
    for task in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        total += family(int(task))
    return total


def sells(port: int, report_url: str | None) -> AbstractContextManager[object]:
    """The supplier on `port`: the sandbox where it is to report, and one that answers success at once otherwise."""
    if report_url is None:
        return seller(port)
    told = f"--port {port} --report-url {report_url} --member-id BENCH --password bench-password --slug bench"
    return process(sys.executable, "-m", "gateway", "sandbox", *told.split(), ready="sandbox", core=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=8000, help="purchases")
    parser.add_argument("--clients", type=int, default=64, help="clients at once")
    parser.add_argument("--ledger", choices=("postgres", "sqlite"), default="postgres")
    parser.add_argument("--reported", action="store_true", help="pending first, then a report, then a check")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pulsa-carrying-")))
        supplier, port, admin = (free_port() for _ in range(3))
        text = configuration(folder, port=port, admin=admin, supplier=supplier)
        server, database, redis_pid = None, "", 0
        if options.ledger == "postgres":
            server = stack.enter_context(PostgresServer())
            database = server.new_database()
            limits = stack.enter_context(redis(folder))
            redis_pid = limits.pid
            text = text.replace(f"sqlite:///{folder}/bench.db", server.url(database))
            text += f"cluster: {{redis: '{limits.url}'}}\n"
            text = text.replace("providers:\n", "    rate: {per_second: 100000, burst: 100000}\nproviders:\n", 1)
        config = folder / "gateway.yaml"
        text = text.replace("reports: {trust: verify}", "reports: {trust: verify, allow_from: [127.0.0.1/32]}")
        config.write_text(text)
        ending = 1 if options.reported else None
        stack.enter_context(sells(supplier, f"http://127.0.0.1:{port}/reports/bench" if options.reported else None))
        measured = stack.enter_context(gateway(config))
        asyncio.run(load(port, "warm", 300, options.clients, ending=ending))
        master = int((server.data / "postmaster.pid").read_text().split()[0]) if server else 0

        def figures() -> dict[str, float]:
            found = {"gateway": cpu_seconds(measured.pid), "audit": float((folder / "audit.jsonl").stat().st_size)}
            if server is None:
                found["sqlite"] = float(sum(one.stat().st_size for one in folder.glob("bench.db*")))
                return found
            found["postgres"] = family(master)
            found["redis"] = cpu_seconds(redis_pid)
            (row,) = server.execute(
                database,
                "CHECKPOINT",
                "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS wal, "
                + ", ".join(f"pg_total_relation_size('{table}') AS {table}" for table in TABLES),
            )
            return found | dict(zip(("wal", *TABLES), map(float, row), strict=True))

        before, began = figures(), time.perf_counter()
        taken = sorted(asyncio.run(load(port, "run", options.count, options.clients, ending=ending)))
        took = time.perf_counter() - began
        after = figures()
        print(f"{options.count / took:.0f} purchases/s with {options.clients} clients on {os.cpu_count()} cores")
        print(f"p50 {taken[len(taken) // 2] * 1000:.1f} ms, p99 {taken[len(taken) * 99 // 100] * 1000:.1f} ms")
        for name in before:
            each = (after[name] - before[name]) / options.count
            if name in ("gateway", "postgres", "redis"):
                print(f"{name:>14}: {each * 1e6:6.0f} µs CPU a purchase")
            else:
                print(f"{name:>14}: {each:6.0f} bytes a purchase")


if __name__ == "__main__":
    main()
