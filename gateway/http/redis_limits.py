"""Client limits that hold over all replicas together: the same bucket as in `limits`, kept in Redis.

The library `limits` has windows in Redis, too, but stamps them with each replica's own clock, so replicas whose clocks
differ shut each other out; it knows whole seconds only; and what to tell the client takes it a second call. Here one
script reads Redis's clock, decides and answers in one call.

When Redis does not answer within 50 ms, each replica gives out its part of every rate from its own memory, at once and
without asking, until a heartbeat gets through again: the quota divided by the replicas that were last counted. The
levels of the buckets are carried over in both directions, so going and coming back give nobody a second burst. The own
level goes to Redis only where something was given out apart from it: it is as old as an answer's way, and told with
each request it would push the bucket's level up by that much each time.

What is surely too much is refused without asking. The level that a replica knows is never above the one in Redis, and
lags behind it by an answer's way at most; so much is added to what the client is told. A flood of one client's requests
thus costs Redis no more than what it lets in, twice.

Where this process itself was late (a busy loop reads an answer after its time is over), Redis is not taken for gone:
the request in question is counted against the own part, and the next one asks again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, BusyLoadingError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from gateway.http.limits import Buckets, Standing, measure, spread
from gateway.settings.types import Rate

log = logging.getLogger("gateway.http")

PATIENCE = 0.05
"""Seconds for one answer of Redis."""
BEAT = 1.0
"""Seconds between two heartbeats. While Redis is gone, five times as many look whether it is there again: meanwhile
other replicas may reach it, and then parts are given out beside the whole."""
GONE = 5.0
"""Seconds without a heartbeat after which a replica no longer counts."""
LATE = 0.02
"""Seconds behind its time after which a time-out is this process's own doing."""
TRUST = 3.0
"""Seconds without an answer after which Redis is gone, whoever was late."""
_REFUSALS = (AuthenticationError, AuthorizationError, BusyLoadingError, ResponseError)
"""It is there and does not do it: a password, a right, a replica that takes no writes, no memory left."""
_FIRST = 1.0
"""Seconds for the first heartbeat, before anybody asks."""

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
        known: how many replicas there are, as somebody else knows it; asked until Redis has counted them once.
        prefix: of all keys; replicas of one gateway share it.
    """

    def __init__(self, url: str, *, known: Callable[[], int] = lambda: 1, prefix: str = "pulsa-gateway:") -> None:
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
        self._known: Callable[[], int] | None = known
        self._apart: dict[str, int] = {}
        """Clients of whom Redis does not know everything, and a number that is new each time."""
        self._numbers = itertools.count()
        self._beating: asyncio.Task[None] | None = None
        self._answered = time.monotonic()
        self.reachable = True
        """Whether Redis answered the last time."""
        self._refusal = ""
        """What Redis said last instead of doing what it is asked; empty where it says nothing at all."""

    @property
    def replicas(self) -> int:
        """How many share the rates, as far as is known."""
        return self._own.parts

    async def open(self) -> None:
        """The first heartbeat: without it a replica that loses Redis at once would give out the whole of each rate."""
        await self._beat(_FIRST)
        self._begin()

    def _begin(self) -> None:
        if self._beating is None:
            self._beating = asyncio.get_running_loop().create_task(self._beat_for_ever())

    async def take(self, client: str, rate: Rate) -> Standing:
        self._begin()
        if self.reachable:
            cost, window = spread(rate)
            own = self._own.owed(client)
            if not measure(own, cost, window).allowed:
                return measure(min(own + PATIENCE, window), cost, window)
            began = time.monotonic()
            number = self._apart.get(client)
            known = 0.0 if number is None else own
            try:
                async with asyncio.timeout(PATIENCE):
                    allowed, owed = await self._take(
                        keys=[f"{self._prefix}rate:{client}"], args=[cost * 1e6, window * 1e6, known * 1e6]
                    )
            except (RedisError, OSError, TimeoutError) as error:
                self._failed(error, began + PATIENCE)
            else:
                self._answered = time.monotonic()
                standing = measure(owed / 1e6 if allowed else max(owed / 1e6, window - cost + 1e-6), cost, window)
                self._learn(client, began + standing.full_in, cost if allowed else 0.0, number)
                return standing
        self._apart[client] = next(self._numbers)
        return await self._own.take(client, rate)

    def _learn(self, client: str, full_at: float, cost: float, number: int | None) -> None:
        """What Redis has answered. Where something was given out apart meanwhile, both count."""
        apart = self._apart.get(client)
        if apart != number:
            full_at = max(full_at, time.monotonic() + self._own.owed(client) + cost)
        elif apart is not None:
            del self._apart[client]
        self._own.raise_to(client, full_at)

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(BEAT if self.reachable else BEAT / 5)
            await self._beat(2 * PATIENCE)

    async def _beat(self, patience: float) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(patience):
                self._own.parts = max(
                    1, int(await self._count(keys=[f"{self._prefix}replicas"], args=[self._name, GONE * 1e6]))
                )
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error, began + patience)
        else:
            self._answered = time.monotonic()
            self._known = None
            if not self.reachable:
                log.warning("redis answers again; client limits hold over all replicas")
                self._refusal = ""
            self.reachable = True

    def _failed(self, error: Exception, due: float) -> None:
        """No answer.

        Args:
            due: when waiting for it was to end.
        """
        now = time.monotonic()
        timed_out = isinstance(error, TimeoutError | RedisTimeoutError)
        if timed_out and now - due > LATE and now - self._answered < TRUST:
            return
        if self._known is not None:  # started while Redis was away
            self._own.parts = max(1, self._known())
        refusal = type(error).__name__ if isinstance(error, _REFUSALS) else ""
        if self.reachable or (refusal and refusal != self._refusal):
            log.error(
                "redis %s (%s); each of %d replicas gives out its part",
                "refuses" if refusal else "does not answer",
                type(error).__name__,
                self.replicas,
            )
        self._refusal = refusal or self._refusal
        if self.reachable:
            for client in self._own.clients:  # it may come back empty
                self._apart[client] = next(self._numbers)
        self.reachable = False

    async def close(self) -> None:
        while self._beating is not None and not self._beating.done():
            self._beating.cancel()  # again, where the client library took the first one for its own time-out
            await asyncio.wait([self._beating], timeout=0.1)
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._redis.zrem(f"{self._prefix}replicas", self._name)
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()
