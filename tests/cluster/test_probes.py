"""What the probes say when the ledger, the supplier, or the loop is not there (C24)."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

from gateway.testing.cluster import clustered
from gateway.testing.processes import free_port, until
from gateway.testing.site import Site, account, probe

HERE = Path(__file__).parent
SUPPLIER = HERE.parent / "faults" / "supplier.py"
COMMAND = (sys.executable, HERE / "launcher.py", "--lease", "4")
LEASE = 2.0
SHORT = (sys.executable, HERE / "launcher.py", "--lease", f"{LEASE:g}")


async def test_a_ledger_that_is_down_leaves_replicas_live_and_they_serve_soon_after_it_is_back(tmp_path: Path) -> None:
    """It is away for longer than a lease, and nobody loses one by that (C25)."""
    async with (
        clustered(tmp_path, SUPPLIER, command=SHORT) as cluster,
        cluster.running() as children,
        cluster.clients() as clients,
    ):
        ports = [site.admin_port for site in cluster.sites]

        async def all_say(status: int) -> bool:
            return [await probe(port, "/readyz") for port in ports] == [status] * len(ports)

        async def sells() -> bool:
            answers = [await client.post(f"B-{n}", "081712345620") for n, client in enumerate(clients)]
            assert {status for status, _ in answers} <= {200, 201, 503}, answers
            return 503 not in [status for status, _ in answers]

        async def overdue() -> bool:
            return time.monotonic() > away + 2 * LEASE

        await asyncio.to_thread(cluster.postgres.stop, "immediate")
        away = time.monotonic()
        try:
            await until(lambda: all_say(503), within=20, what="replicas that are not ready")
            assert [await probe(port, "/healthz") for port in ports] == [200] * len(ports)
            status, _ = await clients[0].post("A-1", "081712345620")
            assert status == 503
            await until(overdue, within=20, what="the end of all leases")
        finally:
            await asyncio.to_thread(cluster.postgres.start)
        back = time.monotonic()
        await until(sells, within=20, what="a sale at each replica")
        await until(lambda: all_say(200), within=20, what="replicas that are ready again")
        assert time.monotonic() - back < 5
        # Nobody has ended the lease of another: long enough for a sweep of each.
        await asyncio.sleep(1.5 * LEASE)
        assert [child.code() for child in children] == [None] * len(children)
        assert await all_say(200)


async def test_a_supplier_that_is_down_changes_neither_probe(tmp_path: Path) -> None:
    site = Site(tmp_path, [account("first", free_port())])
    async with site.running(), site.client() as client:
        held, _ = await client.buy("A-1", "081712345620", wait=5)
        assert held["attempts"][0]["status"] == "rejected"
        assert await probe(site.admin_port, "/healthz") == 200
        assert await probe(site.admin_port, "/readyz") == 200


async def test_a_loop_that_is_blocked_is_not_live(tmp_path: Path) -> None:
    site = Site(tmp_path, [account("first", free_port())], command=COMMAND)

    async def silent() -> bool:
        try:
            async with asyncio.timeout(1):
                return await probe(site.admin_port, "/healthz") == 0
        except TimeoutError:
            return True

    async def live() -> bool:
        return await probe(site.admin_port, "/healthz") == 200

    async with site.running() as child:
        child.send(signal.SIGUSR1)
        await until(silent, within=10, what="a process that does not answer")
        await until(live, within=20, what="a process that answers again")
