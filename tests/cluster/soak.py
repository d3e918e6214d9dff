"""The kill harness over three replicas in full: 10,000 purchases by 32 clients. Exit 1 where a figure is wrong.

`--purchases`, `--per-second` and `--seed` take another size and another run; `--fault-every` other seconds between two
faults of PostgreSQL; `--mutant` a gateway with a fault; `--folder` keeps logs, journals and audit logs there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from gateway.testing.cluster import clustered
from gateway.testing.cluster_run import ClusterFigures, ClusterPlan, cluster_run
from gateway.testing.crash_run import Plan
from gateway.testing.site import SERVE

HERE = Path(__file__).parent
BACK = 5.0
"""Seconds within which replicas must be ready after PostgreSQL is there again."""
SUPPLIER = HERE.parent / "faults" / "supplier.py"


async def soak(folder: Path, plan: ClusterPlan, command: tuple[str, ...]) -> ClusterFigures:
    async with clustered(folder, SUPPLIER, command=command) as cluster:
        return await cluster_run(cluster, plan)


def main() -> int:
    arguments = argparse.ArgumentParser(description="Kill replicas and restart PostgreSQL while clients buy; count.")
    arguments.add_argument("--purchases", type=int, default=10_000)
    arguments.add_argument("--per-second", type=float, default=60.0)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--fault-every", type=float, nargs=2, default=(5.0, 40.0), metavar=("FROM", "TO"))
    arguments.add_argument("--mutant")
    arguments.add_argument("--folder", type=Path)
    given = arguments.parse_args()
    command: tuple[str, ...] = SERVE
    if given.mutant:
        command = (sys.executable, str(HERE / "launcher.py"), "--lease", "4", "--mutant", given.mutant)
    plan = ClusterPlan(
        base=Plan(purchases=given.purchases, seed=given.seed, per_second=given.per_second),
        fault_every=tuple(given.fault_every),
    )
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-soak-cluster-")))
        folder.mkdir(parents=True, exist_ok=True)
        figures = asyncio.run(soak(folder.resolve(), plan, command))
    sys.stdout.write(f"{figures}\n")
    slow = max(figures.back, default=0.0) > BACK
    if not figures.right or slow:
        sys.stdout.write(f"WRONG: {figures.wrong}{f' not ready again within {BACK:g} s' if slow else ''}\n")
    return 0 if figures.right and not slow else 1


if __name__ == "__main__":
    sys.exit(main())
