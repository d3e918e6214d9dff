"""The wall clock jumps in mid-run: numbers stay unique, time-outs are right, nothing is sent twice (C29)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from gateway.app import running
from gateway.cli.configuration import read_configuration
from gateway.engine.clock import Clock, SystemClock
from gateway.testing.processes import until
from gateway.testing.site import Client, Site
from gateway_otomax.sandbox import OtomaxSandbox

Here = Callable[..., AbstractAsyncContextManager[tuple[Site, OtomaxSandbox, OtomaxSandbox]]]

BACK, AHEAD = timedelta(days=-30), timedelta(hours=2)
STOOD = datetime(2026, 11, 23, 10, tzinfo=UTC)
AT_ONCE, NO_ANSWER, LOST = "0817000{:03}20", "081700000090", "081700000092"


class Jumping(SystemClock):
    """The gateway's clock on a machine whose own is moved."""

    def __init__(self) -> None:
        self.by = timedelta(0)
        super().__init__(wall=lambda: time.time() + self.by.total_seconds())


class Standing:
    """A clock that stands still between its jumps, so that it shows the same moment again and again."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def now(self) -> datetime:
        return STOOD + self.by


@asynccontextmanager
async def gateway(site: Site, clock: Clock) -> AsyncIterator[Client]:
    """The gateway in this process with that clock, and a client of it."""
    settings, plugins = read_configuration(site.config)
    async with running(settings, plugins, config_path=site.config, clock=clock), site.client() as client:
        yield client


async def test_an_operator_sees_that_the_clock_was_set(here: Here) -> None:
    by = timedelta(0)
    async with here() as (site, _, _):
        settings, plugins = read_configuration(site.config)

        def shown() -> float:
            return time.time() + by.total_seconds()

        async with running(settings, plugins, config_path=site.config, wall=shown) as gateway:

            async def jumps() -> float:
                return gateway.metrics.registry.get_sample_value("gateway_clock_jumps_total") or 0.0

            assert await jumps() == 0
            by = AHEAD
            assert await until(jumps, within=10, what="the jump") == 1


@pytest.mark.parametrize("jump", [BACK, AHEAD], ids=["back", "ahead"])
async def test_numbers_stay_unique_over_jumps_and_restarts(here: Here, jump: timedelta) -> None:
    """Every moment of this clock comes twice: the numbers that it alone would give were given already."""
    clock = Standing()
    ids: list[str] = []
    async with here() as (site, first, _):

        async def buy(client: Client, numbers: range) -> None:
            for held, _ in await asyncio.gather(
                *(client.buy(f"A-{number}", AT_ONCE.format(number), wait=10) for number in numbers)
            ):
                assert held["status"] == "success"
                ids.extend([held["id"], *(attempt["id"] for attempt in held["attempts"])])

        async with gateway(site, clock) as client:
            await buy(client, range(20))
            clock.by = jump
            await buy(client, range(20, 40))
            clock.by = timedelta(0)
            await buy(client, range(40, 60))
        async with gateway(site, clock) as client:
            await buy(client, range(60, 80))
        clock.by = jump
        async with gateway(site, clock) as client:
            await buy(client, range(80, 100))
            assert len(await client.all()) == 100
    assert len(set(ids)) == len(ids) == 200
    assert len({arrival.ref for arrival in first.purchases}) == len(first.purchases) == 100
    assert all(len(number) == 18 and number.isdigit() for number in ids)


@pytest.mark.parametrize("jump", [BACK, AHEAD], ids=["back", "ahead"])
async def test_a_call_is_given_up_after_its_time_out_whatever_the_clock_says(here: Here, jump: timedelta) -> None:
    """Also a client's wait ends in time, and what was given up is not bought elsewhere."""
    clock = Jumping()
    timeouts = {"connect": "2s", "answer": "1500ms"}
    async with here(timeouts=timeouts, checks=["2d"]) as (site, first, second), gateway(site, clock) as client:
        began = time.monotonic()
        waiting = asyncio.create_task(client.post("A-1", NO_ANSWER, wait=4))

        async def arrived() -> bool:
            return len(first.purchases) == 1

        async def given_up() -> bool:
            held = await client.get("A-1")
            return held is not None and held["attempts"][0]["status"] == "unknown"

        await until(arrived, within=10, what="the call")
        clock.by += jump
        await until(given_up, within=10, what="the end of the call")
        assert 1.2 < time.monotonic() - began < 4
        status, held = await waiting
        assert 3.5 < time.monotonic() - began < 8
        assert (status, held["status"]) == (201, "pending")
        assert (len(first.purchases), len(second.purchases)) == (1, 0)


@pytest.mark.parametrize("jump", [BACK, AHEAD], ids=["back", "ahead"])
async def test_open_purchases_are_asked_about_when_it_is_time_whatever_the_clock_says(
    here: Here, jump: timedelta
) -> None:
    """A jump back does not put the check off, and a jump ahead does not bring forward the one that is far off."""
    clock = Jumping()
    async with here(checks=["3s", "2h"]) as (site, first, second), gateway(site, clock) as client:
        began = time.monotonic()
        await client.post("A-1", NO_ANSWER)
        await client.post("A-2", LOST)
        clock.by = jump
        assert (await client.settled("A-1"))["status"] == "success"
        assert 2.5 < time.monotonic() - began < 15

        async def asked() -> bool:
            held = await client.get("A-2")
            return held is not None and "TIDAK ADA" in held["attempts"][0]["message"]

        await until(asked, within=10, what="the check of the other")
        await client.post("A-3", NO_ANSWER)
        assert (await client.settled("A-3"))["status"] == "success"
        held = await client.get("A-2") or {}
        assert (held["status"], held["needs_review"]) == ("pending", False)
        assert (len(first.purchases), len(second.purchases)) == (3, 0)


async def test_a_jump_ahead_does_not_make_one_never_seen_into_proof(here: Here) -> None:
    """The supplier must not know it an hour after the purchase, and no clock makes the hour shorter."""
    rule = {"after": "1h", "times": 1}
    async with here(never_seen=rule, checks=["3s", "60m", "10h"]) as (site, first, second):
        clock = Jumping()
        async with gateway(site, clock) as client:
            await client.post("A-1", LOST)

            async def asked() -> bool:
                held = await client.get("A-1")
                return held is not None and "TIDAK ADA" in held["attempts"][0]["message"]

            clock.by += AHEAD
            await until(asked, within=10, what="a check")
            held = await client.get("A-1") or {}
            assert (held["status"], held["attempts"][0]["status"]) == ("pending", "unknown")
        assert (len(first.purchases), len(second.purchases)) == (1, 0)
