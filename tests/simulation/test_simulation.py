"""A thousand seeds, and that a seed is enough to see the same run again."""

from __future__ import annotations

import pytest

from tests.simulation.world import run_seed

BLOCK = 50


@pytest.mark.parametrize("first", range(0, 1000, BLOCK))
def test_whatever_happens_nothing_is_lost_bought_twice_or_guessed(first: int) -> None:
    runs = [run_seed(seed) for seed in range(first, first + BLOCK)]
    broken = [f"python -m tests.simulation --trace --seed {run.seed}   # {run.broken[0]}" for run in runs if run.broken]
    assert not broken, "\n".join(["these seeds broke an invariant; each line replays one:", *broken])


def test_a_seed_replays_step_by_step() -> None:
    for seed in (3, 4, 5):
        assert run_seed(seed).trace == run_seed(seed).trace


def test_the_runs_hold_what_they_are_for() -> None:
    """Purchases, restarts and trouble of each kind are in them: a simulation of calm weather shows nothing."""
    runs = [run_seed(seed) for seed in range(30)]
    seen = "\n".join(line for run in runs for line in run.trace)
    assert sum(run.transactions for run in runs) > 100
    assert sum(run.deaths for run in runs) > 30
    for sign in (
        "ends: drained",
        "ends: killed",
        "ends: after_attempt_commit",
        "ends: before the commit",
        "ends: after the commit",
        "clock 7200.0",
        "clock -2592000.0",
        "not connected",
        "-> answer_timeout",
        "-> dropped",
        "-> never",
        "reported success",
        "refused",
        "needs_review",
        "conflict",
        " again",
        "reversed",
    ):
        assert sign in seen, sign
