"""Three gateways as processes on one PostgreSQL and one Redis, with suppliers that outlive them all."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.testing.postgres_server import PostgresServer
from gateway.testing.processes import Child
from gateway.testing.redis_server import RedisServer
from gateway.testing.site import SERVE, Client, Site, account
from gateway.testing.supplied import NAMES, supplied

REPLICAS = 3


@dataclass(frozen=True, slots=True)
class Cluster:
    """The replicas' places, and what they share. Reports reach the first one."""

    folder: Path
    sites: Sequence[Site]
    postgres: PostgresServer
    redis: RedisServer
    database: str

    @contextlib.asynccontextmanager
    async def clients(self) -> AsyncIterator[list[Client]]:
        """A client of each replica, in their order."""
        async with contextlib.AsyncExitStack() as stack:
            yield [await stack.enter_async_context(site.client()) for site in self.sites]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[list[Child]]:
        """All replicas from when they are ready to the end of the block, where they are killed if they still run."""
        with contextlib.ExitStack() as stack:
            children = [stack.enter_context(site.start()) for site in self.sites]
            for site, child in zip(self.sites, children, strict=True):
                await site.ready(child)
            yield children


@contextlib.asynccontextmanager
async def clustered(
    folder: Path,
    supplier: Path,
    *,
    command: Sequence[str | Path] = SERVE,
    more: dict[str, Any] | None = None,
    first: dict[str, Any] | None = None,
) -> AsyncIterator[Cluster]:
    """Places for three replicas; none is started.

    Args:
        supplier: the program of the suppliers; see `supplied`.
        command: starts a gateway.
        more: further sections of the configuration.
        first: further settings of the account `first`.
    """
    postgres, redis = PostgresServer(), RedisServer(folder)
    try:
        await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(redis.start)
        database = await asyncio.to_thread(postgres.new_database)
        sections: dict[str, Any] = {
            "ledger": {"url": postgres.url(database)},
            "cluster": {"redis": redis.url},
            **(more or {}),
        }
        async with supplied(folder, supplier) as seen:
            ports = json.loads((folder / "ports.json").read_text(encoding="utf-8"))
            accounts = [account(NAMES[0], ports[NAMES[0]], **(first or {})), account(NAMES[1], ports[NAMES[1]])]
            sites = []
            for number in range(REPLICAS):
                place = folder / f"replica-{number}"
                place.mkdir()
                port = seen.port if number == 0 else None
                sites.append(Site(place, accounts, port=port, command=command, more=sections))
            yield Cluster(folder, sites, postgres, redis, database)
    finally:
        redis.stop()
        await asyncio.to_thread(postgres.remove)
