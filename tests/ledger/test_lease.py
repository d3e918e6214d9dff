"""A replica's own lease, where the answers of the database are late: it counts from before it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.core.leases import Reach
from gateway.core.share import Standing
from gateway.ledger.postgres_lease import Lease
from gateway.testing.simulated_time import SimulatedLoop

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MICROS = int(NOW.timestamp() * 1_000_000)
SECONDS = 15.0


class Answers:
    """What the database answers, and after how many seconds: this process was frozen, or the line was."""

    def __init__(self, *answers: tuple[float, Any]) -> None:
        self._answers = list(answers)

    async def __call__(self, work: Callable[[Any], Awaitable[Any]], *, again: bool = False) -> Any:
        after, answer = self._answers.pop(0)
        await asyncio.sleep(after)
        return answer


def lease(*answers: tuple[float, Any]) -> Lease:
    return Lease("one", SECONDS, Answers(*answers), lambda: NOW)


CLAIMED = (0, Reach())


def test_one_that_is_given_and_renewed_at_once_is_held() -> None:
    async def main() -> None:
        mine = lease((0, CLAIMED), (0, Standing()), (0, MICROS))
        await mine.claim()
        assert mine.held()
        await asyncio.sleep(0.9 * SECONDS)
        await mine.renew()
        await asyncio.sleep(0.9 * SECONDS)
        assert mine.held()
        await asyncio.sleep(0.1 * SECONDS)
        assert not mine.held()

    with SimulatedLoop() as loop:
        loop.run_until_complete(main())


@pytest.mark.parametrize(("claim", "renewal"), [(SECONDS, 0.0), (0.0, SECONDS)])
def test_one_whose_answer_took_as_long_as_it_lasts_is_not_held(claim: float, renewal: float) -> None:
    """Others may have ended it by then, and ask about what is in its hands."""

    async def main() -> None:
        mine = lease((claim, CLAIMED), (0, Standing()), (renewal, MICROS))
        await mine.claim()
        if renewal:
            await mine.renew()
        assert not mine.held()
        assert not mine.lost.is_set(), "it may still be there: nobody has said that it was ended"

    with SimulatedLoop() as loop:
        loop.run_until_complete(main())
