"""Writing down what was learned while the ledger is away."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from gateway.engine.surely import surely
from gateway.ledger import LedgerUnavailableError
from gateway.testing.simulated_time import SimulatedLoop


def test_it_is_tried_until_it_is_written_with_pauses_of_at_most_a_second() -> None:
    tries: list[float] = []

    async def write() -> str:
        tries.append(asyncio.get_running_loop().time())
        if len(tries) < 9:
            raise LedgerUnavailableError("the disk is full")
        return "written"

    with SimulatedLoop() as loop:
        assert loop.run_until_complete(surely(write)) == "written"
    pauses = [round(later - sooner, 6) for sooner, later in pairwise(tries)]
    assert pauses == [0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 1.0, 1.0]


def test_what_is_wrong_in_itself_is_not_tried_again() -> None:
    async def write() -> None:
        raise ValueError("no such row")

    with SimulatedLoop() as loop, pytest.raises(ValueError, match="no such row"):
        loop.run_until_complete(surely(write))
