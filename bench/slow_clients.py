"""Two thousand slow clients at each listener, while a good one buys on (C21).

A quarter says nothing, a quarter drips its headers, a quarter stalls in the body and a quarter drips it. Printed: when
each was cut, what a purchase took before and meanwhile (each on a connection of its own), and the gateway's memory,
open files and CPU. Exit 1 where one was not cut in time, or the good client's p99 was more than twice its usual one and
20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from bench.measuring import cpu_seconds, free_port, memory, seller
from gateway.testing.processes import Child
from gateway.testing.site import KEY, Site, account
from gateway.testing.slow_clients import Held, overdue, summary, turned_away

HEAD, BODY = 10.0, 15.0
"""Seconds, as `docs/limits.md` promises."""


async def buying(port: int, prefix: str, *, per_second: float, until: float) -> list[float]:
    """Purchases at an even pace, each on a connection of its own: the seconds that each took, in order."""
    taken: list[float] = []
    began, number = time.monotonic(), 0

    async def one(number: int) -> None:
        start = time.perf_counter()
        body = f'{{"ref_id":"{prefix}-{number}","product":"XL5","dest":"0812{number:08d}"}}'
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(
                f"POST /v1/transactions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {KEY}\r\n"
                "Content-Type: application/json\r\nPrefer: wait=30\r\nConnection: close\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            answer = await reader.read()
            if b" 201 " not in answer[:20] or b'"status":"success"' not in answer:
                raise SystemExit(f"not a success: {answer!r}")
        finally:
            writer.close()
        taken.append(time.perf_counter() - start)

    async with asyncio.TaskGroup() as group:
        while time.monotonic() < until:
            group.create_task(one(number))
            number += 1
            await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
    return sorted(taken)


def open_files(pid: int) -> int:
    """How many files a process has open, connections included."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def p99(taken: list[float]) -> float:
    return taken[len(taken) * 99 // 100]


async def run(folder: Path, supplier: int, count: int, per_second: float) -> int:
    site = Site(folder, [account("first", supplier)])
    async with site.running() as gateway:
        await buying(site.port, "warm", per_second=50, until=time.monotonic() + 2)
        calm = await buying(site.port, "calm", per_second=50, until=time.monotonic() + 10)
        before, cpu, began = memory(gateway.pid), cpu_seconds(gateway.pid), time.monotonic()
        command = [sys.executable, "-m", "gateway.testing.slow_clients"]
        command += [str(site.port), str(site.admin_port), KEY, str(count), str(per_second)]
        with Child(command, log=folder / "slow.json") as slow:
            most = files = 0.0
            meanwhile = asyncio.create_task(
                buying(site.port, "while", per_second=50, until=time.monotonic() + BODY + 2 * count / per_second)
            )
            while slow.code() is None:
                most = max(most, memory(gateway.pid))
                files = max(files, open_files(gateway.pid))
                await asyncio.sleep(0.2)
            pressed = await meanwhile
            held = [Held(**one) for one in json.loads(slow.output())]
        busy = (cpu_seconds(gateway.pid) - cpu) / (time.monotonic() - began)
        print(summary(held, head=HEAD))
        print(f"a purchase before: p50 {calm[len(calm) // 2] * 1000:.1f} ms, p99 {p99(calm) * 1000:.1f} ms")
        print(f"a purchase meanwhile: p50 {pressed[len(pressed) // 2] * 1000:.1f} ms, p99 {p99(pressed) * 1000:.1f} ms")
        print(
            f"memory {before:.0f} MB before, {most:.0f} MB at most, {memory(gateway.pid):.0f} MB after; "
            f"{files:.0f} files at most; {busy:.0%} of a core"
        )
        print(f"the slowest meanwhile: {', '.join(f'{one * 1000:.0f}' for one in pressed[-10:])} ms")
        wrong = overdue(held, head=HEAD, body=BODY)
        wrong += [one for one in held if one.port == site.port and turned_away(one, HEAD)]
        if wrong:
            print(f"WRONG: {len(wrong)} cut too late or too early, such as {wrong[0]}")
        if p99(pressed) > 2 * p99(calm) + 0.02:
            print("WRONG: the good client waited more than twice as long as usual")
        return 1 if wrong or p99(pressed) > 2 * p99(calm) + 0.02 else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=2000, help="slow clients at each of the two listeners")
    parser.add_argument("--per-second", type=float, default=1000.0, help="slow clients that come, to both together")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    supplier = free_port()
    with tempfile.TemporaryDirectory(prefix="pulsa-slow-") as folder, seller(supplier):
        return asyncio.run(run(Path(folder), supplier, options.count, options.per_second))


if __name__ == "__main__":
    sys.exit(main())
