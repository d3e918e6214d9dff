"""What is done once by one of several replicas."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

from gateway.app import running
from gateway.cli.configuration import read_configuration
from gateway.testing.postgres_server import PostgresServer
from gateway.testing.processes import until
from gateway.testing.site import Site, account
from gateway_otomax.sandbox import OtomaxSandbox


async def test_a_supplier_is_asked_for_its_balance_by_one_replica_at_a_time(
    tmp_path: Path, url: str, postgres: PostgresServer
) -> None:
    async def asked() -> int:
        query = "SELECT count(*) FROM exchanges WHERE purpose = 'balance'"
        rows = await asyncio.to_thread(postgres.execute, url.rpartition("/")[2], query)
        return int(rows[0][0])

    async with contextlib.AsyncExitStack() as stack:
        supplier = OtomaxSandbox()
        accounts = [account("first", await supplier.start("127.0.0.1", 0), balance_every="1s")]
        stack.push_async_callback(supplier.stop)
        began = time.monotonic()
        for name in ("here", "there", "elsewhere"):
            (tmp_path / name).mkdir()
            site = Site(tmp_path / name, accounts, more={"ledger": {"url": url}})
            settings, plugins = read_configuration(site.config)
            await stack.enter_async_context(running(settings, plugins, config_path=site.config))

        async def often() -> bool:
            return await asked() >= 5

        await until(often, within=30, what="five questions", look=0.1)
        assert await asked() <= (time.monotonic() - began) / 0.9 + 2
