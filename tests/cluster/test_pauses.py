"""An operator pauses an account at one replica: none sends through it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import aiohttp

from gateway.testing.processes import until
from gateway.testing.site import Site, account
from gateway_otomax.sandbox import ANY, BEHAVIOURS, OtomaxSandbox

AT_ONCE = "081700000020"


async def operate(site: Site, action: str, **more: str) -> None:
    body = {"operator": "ann", **more}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{site.admin_url}/admin/providers/first/{action}", json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def test_a_pause_holds_at_every_replica_until_any_of_them_resumes(tmp_path: Path, url: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        accounts: list[dict[str, Any]] = []
        for name in ("first", "second"):
            supplier = OtomaxSandbox(behaviours={ANY: BEHAVIOURS["20"]})
            accounts.append(account(name, await supplier.start("127.0.0.1", 0)))
            stack.push_async_callback(supplier.stop)
        sites = []
        for name in ("here", "there"):
            (tmp_path / name).mkdir()
            sites.append(Site(tmp_path / name, accounts, more={"ledger": {"url": url}}))
            await stack.enter_async_context(sites[-1].running())
        there = await stack.enter_async_context(sites[1].client())

        async def paused() -> bool:
            return "maintenance" in str((await there.providers())["first"]["why"])

        async def resumed() -> bool:
            return not await paused()

        await operate(sites[0], "pause", reason="maintenance")
        await until(paused, within=10, what="the pause at the other replica")
        assert (await there.buy("A-1", AT_ONCE, wait=5))[0]["provider"] == "second"
        await operate(sites[1], "resume")
        assert (await there.buy("A-2", AT_ONCE, wait=5))[0]["provider"] == "first"
        await until(resumed, within=10, what="the end of the pause")
        here = await stack.enter_async_context(sites[0].client())

        async def first_again() -> bool:
            return (await here.providers())["first"]["why"] is None

        await until(first_again, within=10, what="the end of the pause where it began")
