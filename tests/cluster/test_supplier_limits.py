"""What a supplier allows an account holds over all replicas together, with nothing between them but the ledger."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.share import Standing
from gateway.engine.engine import Engine
from gateway.ledger.postgres import PostgresLedger
from gateway.plugins import load_plugins
from gateway.settings.load import load
from gateway.testing.processes import until

SITE = """
ledger: {{url: "{url}"}}
providers:
  - id: sandbox
    kind: otomax
    url: http://127.0.0.1:1/trx/sandbox
    member_id: SANDBOX
    pin: "1234"
    password: sandbox-password
    limits: {{per_second: 12, in_flight: 10}}
products:
  - code: XL5
    routes: [{{provider: sandbox, code: XL5, price: 5400}}]
"""


@contextlib.asynccontextmanager
async def replica(folder: Path, url: str) -> AsyncIterator[Engine]:
    path = folder / "gateway.yaml"
    path.write_text(SITE.format(url=url))
    plugins = load_plugins()
    ledger = PostgresLedger(url, on_change=lambda _: None, lease_seconds=6.0)
    await ledger.start()
    engine = Engine(load(path, plugins.kinds), plugins.kinds, ledger, look_every=0.05)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()
        await ledger.close()


def slots(engine: Engine) -> int:
    """How many calls at once this replica makes now."""
    lane: Any = engine.accounts["sandbox"].lane
    return int(lane._most)


def interval(engine: Engine) -> float:
    lane: Any = engine.accounts["sandbox"].lane
    return float(lane._interval)


async def shared(*engines: Engine) -> None:
    """Wait until all know of each other, before any heartbeat is due."""

    async def are() -> bool:
        counted = {engine.ledger.standing.replicas for engine in engines}
        return counted == {len(engines)} and sum(map(slots, engines)) == 10

    await until(are, within=1.5, what="the replicas to know of each other")


async def test_replicas_divide_what_the_account_allows_when_one_comes_and_when_one_leaves(
    tmp_path: Path, url: str
) -> None:
    async with replica(tmp_path, url) as first:
        assert slots(first) == 10
        assert interval(first) == pytest.approx(1 / 12)
        async with replica(tmp_path, url) as second:
            await shared(first, second)
            assert (slots(first), slots(second)) == (5, 5)
            async with replica(tmp_path, url) as third:
                await shared(first, second, third)
                assert sorted(map(slots, (first, second, third))) == [3, 3, 4]
                assert [interval(one) for one in (first, second, third)] == [pytest.approx(1 / 4)] * 3
                assert {one.ledger.standing for one in (first, second, third)} == {Standing(3, n) for n in range(3)}
        await shared(first)
        assert slots(first) == 10
        assert interval(first) == pytest.approx(1 / 12)


async def test_a_replica_that_died_counts_until_its_lease_is_over(tmp_path: Path, url: str) -> None:
    async with replica(tmp_path, url) as first:
        dead = PostgresLedger(url, lease_seconds=2.0)
        await dead.start()
        await dead.claim_node()

        async def half() -> bool:
            return slots(first) == 5

        async def whole() -> bool:
            return slots(first) == 10

        await until(half, within=4, what="the other to be known")
        for task in dead._tasks:
            task.cancel()
        await until(whole, within=15, what="the end of the lease")
        await dead.close()
