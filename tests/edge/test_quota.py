"""Clients at their rate and above it, against gateways as processes (C12). `python -m bench.quota` is the full size."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.settings.types import Rate
from gateway.testing import quota_run as module
from gateway.testing.quota_run import Told, limited, quota_run

RATE = Rate(per_second=40, burst=30)


@pytest.mark.parametrize("replicas", [1, 2], ids=["in memory", "two gateways and redis"])
async def test_five_times_the_quota_gets_the_quota_and_a_burst_and_is_told_the_truth(
    tmp_path: Path, supplier: int, replicas: int
) -> None:
    command: list[str | Path] = [sys.executable, Path(__file__).with_name("launcher.py"), "serve"]
    async with limited(tmp_path, supplier, RATE, replicas=replicas, command=command) as sites:
        figures = await quota_run(sites, RATE, times=5, seconds=2.5)
    assert figures.faults == [], str(figures)
    assert figures.refused > figures.let_in


POLICY = '"requests";q=30;w=1'
IN = Told(sent=0.0, answered=0.001, status=201, policy=POLICY, standing='"requests";r=29;t=1', retry_after=None)
OUT = replace(IN, status=429, standing='"requests";r=0;t=1', retry_after="1")


@pytest.mark.parametrize(
    "lie",
    [
        replace(IN, status=503),
        replace(IN, policy='"requests";q=40;w=1'),
        replace(IN, policy=None),
        replace(IN, standing='"requests";r=30;t=1'),
        replace(IN, standing='"requests";r=29;t=3'),
        replace(IN, standing="r=29"),
        replace(IN, retry_after="1"),
        replace(OUT, retry_after=None),
        replace(OUT, retry_after="0"),
        replace(OUT, retry_after="2"),
        replace(OUT, retry_after="0.5"),
        replace(OUT, standing='"requests";r=1;t=1'),
    ],
    ids=lambda lie: f"{lie.status} {lie.policy} {lie.standing} {lie.retry_after}",
)
def test_the_harness_notices_a_wrong_header(lie: Told) -> None:
    assert module._headers([IN, OUT], RATE) == []
    assert len(module._headers([lie], RATE)) == 1


def test_the_harness_notices_too_much_in_any_stretch_and_too_little_in_all() -> None:
    quick = [replace(IN, sent=10 + number / 1000, answered=10.0005 + number / 1000) for number in range(35)]
    steady = [replace(IN, sent=number / 40, answered=number / 40) for number in range(400)]
    assert module._amounts(steady, RATE, 9.0) == []
    assert len(module._amounts([*steady[:370], *quick], RATE, 9.0)) == 1
    assert len(module._amounts(steady[:300], RATE, 9.0)) == 1
