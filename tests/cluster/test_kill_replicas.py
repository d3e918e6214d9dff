"""Replicas are killed and PostgreSQL fails in three ways while clients buy (C25). In full: `tests/cluster/soak.py`."""

from __future__ import annotations

import sys
from pathlib import Path

from gateway.testing.cluster import clustered
from gateway.testing.cluster_run import ClusterPlan, cluster_run
from gateway.testing.crash_run import FOR_EVER, Plan
from gateway.testing.postgres_faults import FAULTS

HERE = Path(__file__).parent
SUPPLIER = HERE.parent / "faults" / "supplier.py"
COMMAND = (sys.executable, HERE / "launcher.py", "--lease", "4")


PLAN = ClusterPlan(
    base=Plan(purchases=300, per_second=60, most_kills=2),
    kill_every=(0.8, 2.0),
    fault_every=(0.8, 1.5),
    most_faults=len(FAULTS),
)


async def test_nothing_is_lost_or_bought_twice_while_replicas_are_killed_and_postgresql_fails(tmp_path: Path) -> None:
    async with clustered(tmp_path, SUPPLIER, command=COMMAND) as cluster:
        figures = await cluster_run(cluster, PLAN)
    assert figures.right, f"{figures} {figures.wrong}"
    assert figures.kills == 2
    assert max(figures.back) < 5, "seconds until all are ready after PostgreSQL is back"
    assert set(figures.faults) == {fault.__name__ for fault in FAULTS}
    assert sum(figures.statuses.values()) == 300
    assert all(dest.endswith(FOR_EVER) for dest in figures.review)


async def test_a_gateway_that_sends_again_what_was_under_way_is_seen_to_buy_twice(tmp_path: Path) -> None:
    command = (sys.executable, HERE / "launcher.py", "--lease", "2", "--mutant", "resend_on_recovery")
    base = Plan(purchases=200, per_second=60, most_kills=3)
    plan = ClusterPlan(base=base, kill_every=(0.5, 1.0), most_faults=0, settle=30, stop_at_once=True)
    async with clustered(tmp_path, SUPPLIER, command=command) as cluster:
        figures = await cluster_run(cluster, plan)
    assert figures.verdict.twice
    assert not figures.right
