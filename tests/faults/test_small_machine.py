"""A machine with 64 files, a fifth of a core and 128 MB: slower, and nothing lost (C30)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp

from gateway.testing.processes import Child, until
from gateway.testing.site import SERVE, Client, Site, probe
from gateway_otomax.sandbox import OtomaxSandbox

Here = Callable[..., AbstractAsyncContextManager[tuple[Site, OtomaxSandbox, OtomaxSandbox]]]

MEGABYTE = 1024  # of the kilobytes that /proc speaks of


def with_files(count: int) -> list[str | Path]:
    """The gateway, which may open that many files and not more."""
    return ["/bin/sh", "-c", f'ulimit -n {count}; exec "$@"', "sh", *SERVE]


def memory(pid: int, field: str) -> int:
    """Kilobytes."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition(f"{field}:")[2].split()[0])


@contextlib.asynccontextmanager
async def a_fifth_of_a_core(child: Child) -> AsyncIterator[None]:
    """The process runs for 20 of each 100 milliseconds."""

    async def hold_back() -> None:
        while True:
            child.send(signal.SIGSTOP)
            await asyncio.sleep(0.08)
            child.send(signal.SIGCONT)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(hold_back())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        child.send(signal.SIGCONT)


async def test_more_clients_than_files_are_all_served_in_the_end(here: Here) -> None:
    count = 120
    async with here(checks=["2s", "4s", "8s"]) as (site, first, second):
        async with site.running(command=with_files(64)) as child:
            assert memory(child.pid, "VmRSS") < 100 * MEGABYTE
            async with a_fifth_of_a_core(child), contextlib.AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(site.client()) for _ in range(60)]

                async def buy(client: Client, number: int) -> str:
                    held, _ = await client.buy(f"A-{number}", f"0817{number:06}20", within=60)
                    return str(held["ref_id"])

                asked = (buy(clients[n % len(clients)], n) for n in range(count))
                assert len(set(await asyncio.gather(*asked))) == count
            async with site.client() as client:
                ended = [await client.settled(f"A-{n}", within=30) for n in range(count)]
            assert Counter(one["status"] for one in ended) == {"success": count}
            assert memory(child.pid, "VmHWM") < 128 * MEGABYTE
        bought = Counter(one.dest for one in (*first.purchases, *second.purchases))
        assert len(bought) == count
        assert set(bought.values()) == {1}


async def test_idle_callers_leave_files_for_suppliers_and_operators(here: Here) -> None:
    async with here() as (site, _, _), site.running(command=with_files(80)) as child:
        crowd: list[asyncio.StreamWriter] = []
        try:
            for _ in range(200):
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
                    crowd.append(writer)
            assert await probe(site.admin_port, "/readyz") == 200
            assert await probe(site.port, "/v1/products") == 503
        finally:
            for writer in crowd:
                writer.close()
        began = time.monotonic()

        async def bought() -> bool:
            try:
                async with site.client() as client:
                    return (await client.post("A-1", "081712345620"))[0] in {200, 201}
            except (aiohttp.ClientError, OSError):
                return False

        await until(bought, within=10, what="a purchase after the crowd")
        assert time.monotonic() - began < 5
        assert child.output().count("turned away") == 1
        assert child.output().count("EMFILE") <= 1
