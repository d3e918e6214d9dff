"""A stop by SIGTERM: ready says no first, what was accepted is answered and ends, exit 0 in time (C23)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import pytest

from gateway.testing.processes import until
from gateway.testing.site import KEY, Client, Site, probe
from gateway_otomax.sandbox import ANY, BEHAVIOURS, Answer, Behaviour, OtomaxSandbox, State

Here = Callable[..., AbstractAsyncContextManager[tuple[Site, OtomaxSandbox, OtomaxSandbox]]]

AT_ONCE, SLOW, FOR_EVER = "081700000020", "081700000098", "081700000022"
ANSWERED_LATE = {"connect": "2s", "answer": "60s"}


def slow(seconds: float) -> dict[str, Any]:
    """A supplier whose ending 98 answers after that time."""
    late = Behaviour(means="slow", answer=Answer.SUCCESS, at_first=State.SUCCESS, wait=seconds)
    return {"behaviours": {**BEHAVIOURS, "98": late, ANY: BEHAVIOURS[ANY]}}


async def arrived(supplier: OtomaxSandbox) -> None:
    """The supplier has one more purchase than none: the call is under way."""

    async def there() -> bool:
        return len(supplier.purchases) > 0

    await until(there, within=10, what="a purchase at the supplier")


async def not_ready(site: Site) -> None:
    """Readiness has said no, over a listener that still answers."""

    async def no() -> bool:
        status = await probe(site.admin_port, "/readyz")
        assert status != 0, "the listener was gone before readiness had said no"
        return status == 503

    await until(no, within=10, what="readiness that says no", look=0.005)


def on_disk(site: Site) -> set[str]:
    """The statuses that a gateway left."""
    with contextlib.closing(sqlite3.connect(site.ledger)) as ledger:
        return {status for (status,) in ledger.execute("SELECT DISTINCT status FROM transactions")}


async def test_under_load_every_purchase_that_was_stored_was_answered(here: Here) -> None:
    """Each client stops at the first refusal; a connection that never got through to the gateway is one too."""
    answered: dict[str, str] = {}
    refused: list[int] = []

    async def load(client: Client, lane: int) -> None:
        for number in range(10_000):
            ref_id = f"{lane}-{number}"
            try:
                status, body = await client.post(
                    ref_id, f"0817{lane:02}{number:04}98", wait=5 if number % 8 == 0 else None
                )
            except (aiohttp.ClientError, OSError):
                refused.append(0)
                return
            if status != 201:
                refused.append(status)
                return
            answered[ref_id] = body["id"]

    async def busy() -> bool:
        return len(answered) >= 200

    async with here(sandbox=slow(0.3), timeouts=ANSWERED_LATE, limits={"in_flight": 2_000}) as (site, first, second):
        async with site.client() as client:
            async with site.running() as child, asyncio.TaskGroup() as group:
                for lane in range(16):
                    group.create_task(load(client, lane))
                await until(busy, within=30, what="two hundred answers")
                began = time.monotonic()
                child.send(signal.SIGTERM)
                assert await child.ended(30) == 0
                took = time.monotonic() - began
            # The calls were short, so all of them ended before the stop, and none is left to be asked about.
            assert on_disk(site) == {"success"}
            async with site.running():
                stored = await client.all()
        assert {ref_id: one["id"] for ref_id, one in stored.items()} == answered
        assert set(refused) <= {0, 503}
        assert took < 10
        assert len(first.purchases) == len(stored)
        assert len(second.purchases) == 0


@pytest.mark.parametrize("signals", [1, 2])
async def test_a_call_that_ends_within_the_drain_is_waited_for(here: Here, signals: int) -> None:
    async with here(sandbox=slow(4.0), timeouts=ANSWERED_LATE) as (site, first, _), site.client() as client:
        async with site.running() as child:
            waiting = asyncio.create_task(client.post("A-1", SLOW, wait=30))
            await arrived(first)
            for _ in range(signals):
                child.send(signal.SIGTERM)
                await not_ready(site)
            status, refusal = await client.post("A-2", AT_ONCE)
            assert (status, refusal["code"]) == (503, "unavailable")
            status, body = await waiting
            assert (status, body["status"]) == (201, "success")
            assert await child.ended(30) == 0
        async with site.running():
            assert set(await client.all()) == {"A-1"}
    assert len(first.purchases) == 1


async def test_a_call_that_outlasts_the_drain_is_asked_about_by_the_next_process(here: Here) -> None:
    more = {"server": {"drain": "1s"}}
    async with here(sandbox=slow(20.0), timeouts=ANSWERED_LATE, more=more) as (site, first, second):
        async with site.client() as client:
            async with site.running() as child:
                waiting = asyncio.create_task(client.post("A-1", SLOW, wait=30))
                await arrived(first)
                began = time.monotonic()
                child.send(signal.SIGTERM)
                status, body = await waiting
                assert (status, body["status"]) == (201, "pending")
                assert await child.ended(30) == 0
                assert time.monotonic() - began < 10
            async with site.running():
                assert (await client.settled("A-1"))["status"] == "success"
        assert len(first.purchases) == 1
        assert len(second.purchases) == 0


async def test_a_client_that_waits_for_a_report_is_answered_and_holds_up_nothing(here: Here) -> None:
    async with here() as (site, first, _), site.client() as client, site.running() as child:
        waiting = asyncio.create_task(client.post("A-1", FOR_EVER, wait=60))

        async def pending() -> bool:
            held = await client.get("A-1")
            return held is not None and held["attempts"][0]["status"] == "pending"

        await until(pending, within=10, what="a purchase that the supplier has")
        began = time.monotonic()
        child.send(signal.SIGTERM)
        status, body = await waiting
        assert (status, body["status"]) == (201, "pending")
        assert await child.ended(30) == 0
        assert time.monotonic() - began < 10
    assert len(first.purchases) == 1


async def test_a_request_that_never_arrives_whole_does_not_hold_up_the_stop(here: Here) -> None:
    async with here() as (site, _, _), site.running() as child:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        try:
            head = f"POST /v1/transactions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {KEY}\r\n"
            writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
            await writer.drain()
            assert await probe(site.admin_port, "/readyz") == 200  # by now it has been read
            began = time.monotonic()
            child.send(signal.SIGTERM)
            assert await child.ended(30) == 0
            assert time.monotonic() - began < 8
            assert b" 201 " not in await reader.read()
        finally:
            writer.close()
