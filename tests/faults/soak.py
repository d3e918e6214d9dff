"""`make soak`: the kill harness in full, 10,000 purchases by 32 clients, and its figures. Exit 1 where one is wrong.

`--purchases` and `--seed` take another size and another run; `--folder` keeps what it leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gateway.testing.crash_run import Figures, Plan, crash_run
from gateway.testing.supplied import NAMES, supplied

SUPPLIER = Path(__file__).with_name("supplier.py")


@contextlib.contextmanager
def kept_or_not(folder: Path | None) -> Iterator[Path]:
    """The folder to work in; a temporary one where none is named."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="gateway-soak-") as made:
            yield Path(made)
    else:
        folder.mkdir(parents=True)
        yield folder


async def soak(folder: Path, plan: Plan) -> Figures:
    async with supplied(folder, SUPPLIER) as site:
        return await crash_run(site, NAMES, plan)


def main() -> int:
    arguments = argparse.ArgumentParser(description="Kill the gateway again and again while clients buy, and count.")
    arguments.add_argument("--purchases", type=int, default=10_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--folder", type=Path)
    given = arguments.parse_args()
    plan = Plan(purchases=given.purchases, seed=given.seed, per_second=200.0)
    with kept_or_not(given.folder) as folder:
        figures = asyncio.run(soak(folder, plan))
    sys.stdout.write(f"{figures}\n")
    if not figures.right:
        sys.stdout.write(f"WRONG: {figures.verdict} {'; '.join(figures.not_replayed[:3])}\n")
    return 0 if figures.right else 1


if __name__ == "__main__":
    sys.exit(main())
