"""Replicas whose machines show times that are ten minutes apart (C29)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.app import Gateway, running
from gateway.cli.configuration import read_configuration
from gateway.testing.processes import until
from gateway.testing.site import Site, account
from gateway_otomax.sandbox import ANY, BEHAVIOURS, OtomaxSandbox

LOST = "081700000092"
APART = 600.0
QUIET = 3.0


@contextlib.asynccontextmanager
async def replica(site: Site, ahead: float) -> AsyncIterator[Gateway]:
    settings, plugins = read_configuration(site.config)
    async with running(settings, plugins, config_path=site.config, wall=lambda: time.time() + ahead) as gateway:
        yield gateway


@pytest.mark.parametrize("ahead", [APART, -APART])
async def test_a_purchase_that_another_replica_sent_is_given_its_time(tmp_path: Path, url: str, ahead: float) -> None:
    """The supplier has never seen it, which is believed after three seconds and not before."""
    suppliers = [OtomaxSandbox(prices={"XL5": 5_400}), OtomaxSandbox(behaviours={ANY: BEHAVIOURS["20"]})]
    async with contextlib.AsyncExitStack() as stack:
        accounts = []
        for name, supplier in zip(("first", "second"), suppliers, strict=True):
            port = await supplier.start("127.0.0.1", 0)
            stack.push_async_callback(supplier.stop)
            never_seen = {"after": f"{QUIET:.0f}s", "times": 2}
            accounts.append(account(name, port, checks=[f"{n * 200}ms" for n in range(1, 60)], never_seen=never_seen))
        sites = []
        for name in ("here", "there"):
            folder = tmp_path / name
            folder.mkdir()
            sites.append(Site(folder, accounts, more={"ledger": {"url": url}}))
        first = await stack.enter_async_context(contextlib.AsyncExitStack())
        here = await first.enter_async_context(replica(sites[0], 0.0))
        there = await stack.enter_async_context(replica(sites[1], ahead))
        apart = there.engine._clock.now() - here.engine._clock.now()
        assert abs(apart) < timedelta(seconds=1)
        client = await stack.enter_async_context(sites[0].client())
        began = time.monotonic()
        await client.buy("A-1", LOST)

        async def sent() -> bool:
            return len(suppliers[0].purchases) == 1

        await until(sent, within=5, what="the purchase at the first supplier")
        await first.aclose()  # the other one takes over what is open

        async def bought() -> bool:
            return len(suppliers[1].purchases) == 1

        await until(bought, within=20, what="the purchase at the second supplier", look=0.01)
        assert QUIET <= time.monotonic() - began < QUIET + 10
        assert [one.executed for one in suppliers[0].purchases] == [False]
