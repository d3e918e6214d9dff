"""What one purchase costs beside a bare forwarder: CPU time of the whole server process, both in the same run.

Both get the same requests from the same clients and buy from the same supplier, which answers success at once. The
gateway does everything that it does in production: SQLite with FULL, audit log, metrics, keys, message rules. The two
are measured in turn, and the ratio is taken pair by pair, so that a noisy machine shifts both.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.measuring import configuration, cpu_seconds, free_port, gateway, load, process, seller


def measure(server: subprocess.Popen[str], port: int, prefix: str, count: int, clients: int) -> float:
    """CPU microseconds of the server for one purchase; prints the figures."""
    before, began = cpu_seconds(server.pid), time.perf_counter()
    taken = sorted(asyncio.run(load(port, prefix, count, clients)))
    cost = (cpu_seconds(server.pid) - before) / count * 1e6
    rate = count / (time.perf_counter() - began)
    print(
        f"  {prefix:>12}: {cost:6.0f} µs CPU a purchase, {rate:6.0f} /s, "
        f"p50 {taken[count // 2] * 1000:5.1f} ms, p99 {taken[count * 99 // 100] * 1000:5.1f} ms"
    )
    return cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=4000, help="purchases in one measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each")
    parser.add_argument("--clients", type=int, default=64, help="clients at once")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pulsa-bench-")))
        supplier, floor_port, port, admin = (free_port() for _ in range(4))
        config = folder / "gateway.yaml"
        config.write_text(configuration(folder, port=port, admin=admin, supplier=supplier))
        stack.enter_context(seller(supplier))
        program, url = str(Path(__file__).with_name("floor.py")), f"http://127.0.0.1:{supplier}/trx/bench"
        floor = stack.enter_context(process(sys.executable, program, str(floor_port), url, ready="ready", core=0))
        measured = stack.enter_context(gateway(config))
        asyncio.run(load(floor_port, "warm-floor", 500, options.clients))
        asyncio.run(load(port, "warm-gateway", 500, options.clients))
        ratios = []
        for turn in range(options.rounds):
            print(f"round {turn + 1}")
            bare = measure(floor, floor_port, f"floor-{turn}", options.count, options.clients)
            ratios.append(measure(measured, port, f"gateway-{turn}", options.count, options.clients) / bare)
        print(
            f"CPU of one purchase, gateway / bare forwarder: median {statistics.median(ratios):.2f} "
            f"(min {min(ratios):.2f}, max {max(ratios):.2f}) over {options.rounds} rounds"
        )


if __name__ == "__main__":
    main()
