"""What becomes of the purchases that are accepted while three times as many arrive as can be carried (C19).

Open model: purchases arrive at a fixed rate whatever becomes of the ones before, each on a connection that nobody else
uses meanwhile. First the most that the gateway carries is found by a closed loop, then it gets `--times` as much for
`--seconds`. Printed: how many were accepted a second in comparison with that, how long the accepted ones took, what the
refused ones were told, and the memory before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

from bench.purchase import CONFIG, KEY, free_port, load, process

_MOST_CONNECTIONS = 3000


def memory(pid: int) -> float:
    """Resident memory in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Arrivals:
    """Purchases that arrive one after the other, and what became of each."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open = 0
        self.answers: Counter[str] = Counter()
        self.accepted: list[float] = []

    async def run(self, rate: float, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                wait = began + number / rate - loop.time()
                if wait > 0:
                    await asyncio.sleep(wait)
                if self._open >= _MOST_CONNECTIONS and not self._idle:
                    self.answers["no connection left here"] += 1
                    continue
                group.create_task(self._one(number))
        for _, writer in self._idle:
            writer.close()

    async def _one(self, number: int) -> None:
        began = time.perf_counter()
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            self._open += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        body = f'{{"ref_id":"over-{number}","product":"XL5","dest":"0812{number:08d}"}}'
        writer.write(
            (
                f"POST /v1/transactions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
        status = head[9:12].decode()
        self.answers[status + (" with retry-after" if b"retry-after:" in head else "")] += 1
        if status == "201":
            self.accepted.append(time.perf_counter() - began)
        self._idle.append((reader, writer))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--times", type=float, default=3.0, help="how many times as much as can be carried")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pulsa-overload-")))
        supplier, port, admin = (free_port() for _ in range(3))
        config = folder / "gateway.yaml"
        config.write_text(
            CONFIG.format(
                port=port,
                admin=admin,
                folder=folder,
                supplier=supplier,
                key_hash=hashlib.sha256(KEY.encode()).hexdigest(),
            )
        )
        seller = str(Path(__file__).with_name("supplier.py"))
        stack.enter_context(process(sys.executable, seller, str(supplier), ready="ready", core=1))
        gateway = stack.enter_context(
            process(sys.executable, "-m", "gateway", "serve", "--config", str(config), ready="started", core=0)
        )
        asyncio.run(load(port, "warm", 500, 64))
        began = time.perf_counter()
        calm = sorted(asyncio.run(load(port, "peak", 5000, 64)))
        peak = 5000 / (time.perf_counter() - began)
        usual = calm[len(calm) * 99 // 100]
        print(f"carried: {peak:.0f} a second, p99 {usual * 1000:.0f} ms, {memory(gateway.pid):.0f} MB")
        arrivals = Arrivals(port)
        began = time.perf_counter()
        asyncio.run(arrivals.run(peak * options.times, options.seconds))
        took = time.perf_counter() - began
        taken = sorted(arrivals.accepted)
        print(
            f"arriving: {peak * options.times:.0f} a second for {options.seconds:g} s ({took:.1f} s until all were "
            f"answered)\naccepted: {len(taken) / took:.0f} a second, {len(taken) / took / peak:.0%} of what it "
            f"carries, p50 {taken[len(taken) // 2] * 1000:.0f} ms, p99 {taken[len(taken) * 99 // 100] * 1000:.0f} ms, "
            f"{memory(gateway.pid):.0f} MB"
        )
        time.sleep(3)  # what waits at the supplier's lane ends within two seconds
        with urlopen(f"http://127.0.0.1:{admin}/metrics") as shown:
            for line in shown.read().decode().splitlines():
                if line.startswith("gateway_transactions_total"):
                    print(f"  {line}")
        for answer, count in sorted(arrivals.answers.items()):
            print(f"  {answer}: {count}")


if __name__ == "__main__":
    main()
