"""A replica that sleeps past its lease and wakes up again: nothing of it is believed, nothing sent twice (C26)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.app import LEASE_LOST
from gateway.testing.cluster import Cluster, clustered
from gateway.testing.counting import at_suppliers, read_journal
from gateway.testing.processes import Child, until
from gateway.testing.site import Client
from gateway.testing.supplied import NAMES

HERE = Path(__file__).parent
SUPPLIER = HERE.parent / "faults" / "supplier.py"
COMMAND = (sys.executable, HERE / "launcher.py", "--lease", "2")
SLOW = "98"
"""The supplier takes 0.4 s to answer."""
ORDERS = [(f"zombie-{number}", f"0817{number:06d}{SLOW}") for number in range(40)]


async def rows(cluster: Cluster, sql: str) -> list[tuple[object, ...]]:
    return list(await asyncio.to_thread(cluster.postgres.execute, cluster.database, sql))


async def post(client: Client, ref_id: str, dest: str) -> int:
    """The status; 0 where there was no answer."""
    try:
        return (await client.post(ref_id, dest))[0]
    except (aiohttp.ClientError, OSError):
        return 0


async def test_a_replica_that_slept_past_its_lease_writes_nothing_and_sends_nothing_again(tmp_path: Path) -> None:
    async with asleep(tmp_path, COMMAND) as (cluster, process, (_, zombie, heir), buying):
        # Awake: it takes no purchase, and ends as soon as it knows, to be started again with a new lease.
        code = await _told_until_it_ends(zombie, process)
        assert code == LEASE_LOST, process.output()
        assert '"event":"lease_lost"' in process.output()
        assert '"event":"lease_lost"' in cluster.sites[1].audit.read_text(encoding="utf-8")
        assert await heir.get("after-waking") is None
        await asyncio.gather(*buying)
        for ref_id, dest in ORDERS:  # those that were not answered are asked for again elsewhere
            assert await post(heir, ref_id, dest) in (200, 201)
        held = [await heir.settled(ref_id, within=60) for ref_id, _ in ORDERS]
    lines = [line for name in NAMES for line in read_journal(tmp_path / f"{name}.jsonl", name)]
    verdict = at_suppliers(lines)
    assert not verdict.twice
    assert not verdict.resent
    assert {one["status"] for one in held} == {"success"}


async def test_a_replica_that_goes_on_without_its_lease_is_seen_to_take_purchases(tmp_path: Path) -> None:
    async with asleep(tmp_path, (*COMMAND, "--mutant", "fencing_ignored")) as (_, process, (_, zombie, _), buying):
        with pytest.raises(AssertionError, match="a replica without a lease answered 201"):
            await _told_until_it_ends(zombie, process)
        process.kill()
        await asyncio.gather(*buying)


@contextlib.asynccontextmanager
async def asleep(
    folder: Path, command: tuple[str | Path, ...]
) -> AsyncIterator[tuple[Cluster, Child, list[Client], list[asyncio.Task[int]]]]:
    """Replicas of which the second has slept until its purchases were taken over, and wakes up now; its process, the
    clients, and what they wait for."""
    # Few calls at once: at the stop some are with the supplier and many wait for their turn.
    async with (
        clustered(folder, SUPPLIER, command=command, first={"limits": {"in_flight": 12}}) as cluster,
        cluster.running() as children,
        cluster.clients() as clients,
    ):
        zombie = clients[1]
        buying = [asyncio.create_task(post(zombie, *order)) for order in ORDERS]

        async def sending() -> bool:
            return (await rows(cluster, "SELECT count(*) FROM attempts WHERE status = 'sending'"))[0] >= (2,)

        await until(sending, within=20, what="calls under way")
        [[owner]] = await rows(
            cluster,
            "SELECT owner FROM transactions GROUP BY owner ORDER BY count(*) DESC LIMIT 1",
        )
        children[1].send(signal.SIGSTOP)
        try:

            async def taken() -> bool:
                return not await rows(
                    cluster,
                    f"SELECT 1 FROM transactions WHERE owner = '{owner}' AND status = 'pending' UNION ALL "  # noqa: S608 — our own name
                    f"SELECT 1 FROM replicas WHERE id = '{owner}'",
                )

            await until(taken, within=40, what="the take-over")
        finally:
            children[1].send(signal.SIGCONT)
        yield cluster, children[1], clients, buying


async def _told_until_it_ends(zombie: Client, process: Child) -> int:
    async def ended() -> tuple[int, ...]:
        status = await post(zombie, "after-waking", f"0817999999{SLOW}")
        assert status in (0, 503), f"a replica without a lease answered {status}"
        return () if (code := process.code()) is None else (code,)

    return (await until(ended, within=20, what="the end of the replica that slept"))[0]
