"""Whether Redis answers, as a gateway with one shows it. PostgreSQL and Redis are real."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from gateway.testing.postgres_server import PostgresServer
from gateway.testing.processes import free_port, until
from gateway.testing.redis_server import RedisServer
from gateway.testing.site import Site, account


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path)
    made.start()
    try:
        yield made
    finally:
        made.stop()


async def test_a_redis_that_goes_and_comes_back_shows(tmp_path: Path, redis: RedisServer) -> None:
    with PostgresServer() as postgres:
        database = await asyncio.to_thread(postgres.new_database)
        more = {"ledger": {"url": postgres.url(database)}, "cluster": {"redis": redis.url}}
        site = Site(tmp_path, [account("maxsi", free_port())], more=more)
        async with site.running(), aiohttp.ClientSession() as session:

            async def shown(value: str) -> bool:
                async with session.get(f"{site.admin_url}/metrics") as answer:
                    return f"\ngateway_redis_reachable {value}\n" in await answer.text()

            await until(lambda: shown("1.0"), within=10, what="a Redis that answers")
            redis.stop()
            await until(lambda: shown("0.0"), within=10, what="a Redis that is away")
            redis.start()
            await until(lambda: shown("1.0"), within=10, what="a Redis that answers again")
