"""kill -9, again and again, while clients buy (C2, C38). In full: `make soak`."""

from __future__ import annotations

from pathlib import Path

from gateway.testing.crash_run import FOR_EVER, Plan, crash_run
from gateway.testing.supplied import NAMES, supplied

SUPPLIER = Path(__file__).with_name("supplier.py")


async def test_nothing_is_lost_and_nothing_bought_twice_while_the_gateway_is_killed_again_and_again(
    tmp_path: Path,
) -> None:
    async with supplied(tmp_path, SUPPLIER) as site:
        figures = await crash_run(site, NAMES, Plan(purchases=1_000, per_second=500, most_kills=5))
    assert figures.right, f"{figures} {figures.verdict} {figures.not_replayed}"
    assert figures.kills >= 3
    assert all(dest.endswith(FOR_EVER) for dest in figures.review)
    assert figures.statuses["success"] > 700
