"""A client at five times its rate for half a minute, over real HTTP: what is let in, and what it is told (C12).

One gateway that counts in memory, or with `--gateways N` several that share PostgreSQL and Redis. Beside the client
that presses, two others keep to what they are told. Exit 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench.measuring import free_port, seller
from gateway.settings.types import Rate
from gateway.testing.quota_run import Figures, limited, quota_run


async def run(folder: Path, supplier: int, rate: Rate, *, times: float, seconds: float, gateways: int) -> Figures:
    async with limited(folder, supplier, rate, replicas=gateways) as sites:
        return await quota_run(sites, rate, times=times, seconds=seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--per-second", type=float, default=50.0, help="the client's rate")
    parser.add_argument("--burst", type=int, default=100)
    parser.add_argument("--times", type=float, default=5.0, help="how many times its rate it asks")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--gateways", type=int, default=1)
    options = parser.parse_args()
    rate = Rate(per_second=options.per_second, burst=options.burst)
    supplier = free_port()
    with tempfile.TemporaryDirectory(prefix="pulsa-quota-") as folder, seller(supplier):
        figures = asyncio.run(
            run(
                Path(folder),
                supplier,
                rate,
                times=options.times,
                seconds=options.seconds,
                gateways=options.gateways,
            )
        )
    print(figures)
    for fault in figures.faults[:10]:
        print(f"WRONG: {fault}")
    return 1 if figures.faults else 0


if __name__ == "__main__":
    sys.exit(main())
