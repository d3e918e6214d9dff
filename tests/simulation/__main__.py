"""`python -m tests.simulation --seeds 10000` runs many seeds, `--seed 1234 --trace` shows every step of one."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.world import Run, run_seed


def main() -> int:
    """Run what is asked for. 0: everything held."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first one")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--trace", action="store_true", help="with --seed: print every step")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    if options.seed is not None:
        run = run_seed(options.seed)
        if options.trace:
            sys.stdout.write("".join(f"{line}\n" for line in run.trace))
        return _told([run])
    started = time.perf_counter()
    seeds = range(options.first, options.first + options.seeds)
    with ProcessPoolExecutor(options.jobs) as pool:
        runs = list(pool.map(_without_trace, seeds, chunksize=10))
    failed = _told([run for run in runs if run.broken])
    steps, deaths = sum(run.steps for run in runs), sum(run.deaths for run in runs)
    transactions = sum(run.transactions for run in runs)
    sys.stdout.write(
        f"{len(runs)} seeds, {sum(1 for run in runs if run.broken)} broken, {transactions} transactions, "
        f"{steps} steps, {deaths} restarts, {time.perf_counter() - started:.1f} s\n"
    )
    return failed


def _without_trace(seed: int) -> Run:
    run = run_seed(seed)
    return Run(run.seed, run.broken, run.steps, run.transactions, run.deaths, ())


def _told(runs: list[Run]) -> int:
    for run in runs:
        for what in run.broken[:3]:
            sys.stdout.write(f"seed {run.seed}: {what}\n")
    return 1 if any(run.broken for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
