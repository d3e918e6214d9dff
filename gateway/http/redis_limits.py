"""Client limits that hold over all replicas together: the same bucket as in `limits`, kept in Redis.

The library `limits` has windows in Redis, too, but stamps them with each replica's own clock, so replicas whose clocks
differ shut each other out; it knows whole seconds only; and what to tell the client takes it a second call. Here one
script reads Redis's clock, decides and answers in one call.

When Redis does not answer within 50 ms, each replica gives out its part of every rate from its own memory, at once and
without asking, until a heartbeat gets through again: the quota divided by the replicas that were last counted. The
levels of the buckets are carried over in both directions, so going and coming back give nobody a second burst.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.http.limits import Buckets, Standing, measure, spread
from gateway.settings.types import Rate

log = logging.getLogger("gateway.http")

PATIENCE = 0.05
"""Seconds for one answer of Redis."""
BEAT = 1.0
"""Seconds between two heartbeats, and so between two looks whether Redis is there again."""
GONE = 5.0
"""Seconds without a heartbeat after which a replica no longer counts."""

_NOW = "local t = redis.call('TIME') local now = t[1] * 1000000 + t[2] "
_TAKE = (
    _NOW
    + """
local cost, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local owed = math.max((tonumber(redis.call('GET', KEYS[1])) or 0) - now, tonumber(ARGV[3]), 0)
if owed + cost > window + 1 then return {0, math.ceil(owed)} end
local full = now + owed + cost
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((owed + cost) / 1000) + 1)
return {1, math.ceil(owed)}
"""
)
"""Microseconds. ARGV: what a request costs, the window, and what the replica itself knows to be owed."""
_COUNT = (
    _NOW
    + """
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('PEXPIRE', KEYS[1], 60000)
return redis.call('ZCARD', KEYS[1])
"""
)


class RedisBuckets:
    """Buckets that all replicas share.

    Args:
        url: `redis://…` or `rediss://…`. It may hold a password, so it is never shown.
        prefix: of all keys; replicas of one gateway share it.
    """

    def __init__(self, url: str, *, prefix: str = "pulsa-gateway:") -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=32,
            timeout=PATIENCE,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Any = Redis(connection_pool=pool)
        self._take = self._redis.register_script(_TAKE)
        self._count = self._redis.register_script(_COUNT)
        self._prefix = prefix
        self._name = secrets.token_hex(8)
        self._own = Buckets(time.monotonic)
        self._beating: asyncio.Task[None] | None = None
        self.reachable = True
        """Whether Redis answered the last time."""

    @property
    def replicas(self) -> int:
        """How many share the rates, as far as is known: 1 until Redis has answered once."""
        return self._own.parts

    async def take(self, client: str, rate: Rate) -> Standing:
        if self._beating is None:
            self._beating = asyncio.get_running_loop().create_task(self._beat_for_ever())
        if self.reachable:
            cost, window = spread(rate)
            try:
                async with asyncio.timeout(PATIENCE):
                    allowed, owed = await self._take(
                        keys=[f"{self._prefix}rate:{client}"],
                        args=[cost * 1e6, window * 1e6, self._own.owed(client) * 1e6],
                    )
            except (RedisError, OSError, TimeoutError) as error:
                self._lost(error)
            else:
                standing = measure(owed / 1e6 if allowed else max(owed / 1e6, window - cost + 1e-6), cost, window)
                self._own.set_owed(client, standing.full_in)
                return standing
        return await self._own.take(client, rate)

    async def _beat_for_ever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(2 * PATIENCE):
                    self._own.parts = max(
                        1, int(await self._count(keys=[f"{self._prefix}replicas"], args=[self._name, GONE * 1e6]))
                    )
            except (RedisError, OSError, TimeoutError) as error:
                self._lost(error)
            else:
                if not self.reachable:
                    log.warning("redis answers again; client limits hold over all replicas")
                self.reachable = True
            await asyncio.sleep(BEAT)

    def _lost(self, error: Exception) -> None:
        if self.reachable:
            log.error(
                "redis does not answer (%s); each of %d replicas gives out its part",
                type(error).__name__,
                self.replicas,
            )
        self.reachable = False

    async def close(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._redis.zrem(f"{self._prefix}replicas", self._name)
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()
