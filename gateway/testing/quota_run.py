"""Clients at and above their rate, over real HTTP: how much was let in, and whether every answer said the truth (C12).

One client asks in an open model, at several times its rate whatever becomes of the requests before. Others do what they
are told: they ask as fast as they are answered, and wait for as long as `Retry-After` says. The latter must never be
refused twice running, and never while `RateLimit` says that there is something left.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp

from gateway.settings.types import Rate
from gateway.testing.postgres_server import PostgresServer
from gateway.testing.redis_server import RedisServer
from gateway.testing.site import SERVE, Site, account

PRESSING, QUICK, SLOW = "pressing", "quick", "slow"
OBEDIENT = {QUICK: Rate(per_second=20, burst=5), SLOW: Rate(per_second=0.8, burst=2)}
"""Clients that keep to what they are told. The second one has to be told pauses of more than a second."""

_STANDING = re.compile(r'"requests";r=([0-9]+);t=([0-9]+)', re.ASCII)
_HAIR = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One answer, with the moments between which it was decided."""

    sent: float
    answered: float
    status: int
    policy: str | None
    standing: str | None
    retry_after: str | None

    @property
    def let_in(self) -> bool:
        return self.status in {200, 201}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run brought."""

    rate: Rate
    offered: int
    let_in: int
    refused: int
    seconds: float
    """From the first request to the last answer."""
    late: float
    """By how many seconds the latest request left after its time: how busy this machine was."""
    obedient: Mapping[str, tuple[int, int]]
    """Of each client that keeps to what it is told: how often it was let in and refused."""
    faults: Sequence[str] = field(default=())

    @property
    def share(self) -> float:
        """What was let in, as a part of what may be: what the rate gives in that time, and a burst."""
        return self.let_in / (self.rate.per_second * self.seconds + self.rate.most)

    def __str__(self) -> str:
        quota = self.rate.per_second * self.seconds
        told = ", ".join(f"{name} {ins} let in and {outs} refused" for name, (ins, outs) in self.obedient.items())
        return (
            f"offered {self.offered} in {self.seconds:.2f} s (latest by {self.late * 1000:.0f} ms), "
            f"let in {self.let_in}, refused {self.refused}; the rate gives {quota:.0f} and a burst {self.rate.most}: "
            f"{self.share:.1%} of both; {told}; "
            f"{len(self.faults)} faults"
        )


def key_of(client: str) -> str:
    """The API key of a client of `limited`."""
    return f"quota-test-key-of-{client}"


@contextlib.asynccontextmanager
async def limited(
    folder: Path, supplier_port: int, rate: Rate, *, replicas: int = 1, command: Sequence[str | Path] = SERVE
) -> AsyncIterator[list[Site]]:
    """Gateways as processes, until the end of the block: one on SQLite, or several that share PostgreSQL and Redis.

    Args:
        supplier_port: where an OtomaX supplier listens.
        rate: of the client that presses.
        command: starts a gateway.
    """
    clients = [
        {
            "id": name,
            "key_hash": f"sha256:{hashlib.sha256(key_of(name).encode()).hexdigest()}",
            "rate": its.model_dump(),
        }
        for name, its in {PRESSING: rate, **OBEDIENT}.items()
    ]
    accounts = [account("first", supplier_port, limits={"in_flight": 200})]
    async with contextlib.AsyncExitStack() as stack:
        more: dict[str, Any] = {"clients": clients}
        if replicas > 1:
            postgres, redis = PostgresServer(), RedisServer(folder)
            stack.callback(postgres.remove)
            await asyncio.to_thread(postgres.start)
            stack.callback(redis.stop)
            await asyncio.to_thread(redis.start)
            database = await asyncio.to_thread(postgres.new_database)
            more |= {"ledger": {"url": postgres.url(database)}, "cluster": {"redis": redis.url}}
        sites = []
        for number in range(replicas):
            place = folder / f"gateway-{number}"
            place.mkdir()
            sites.append(Site(place, accounts, command=command, more=more))
        children = [stack.enter_context(site.start()) for site in sites]
        for site, child in zip(sites, children, strict=True):
            await site.ready(child)
        yield sites


async def quota_run(sites: Sequence[Site], rate: Rate, *, times: float, seconds: float) -> Figures:
    """Press at `times` the rate for `seconds`, while the others keep to what they are told."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        asking = {name: _Asking(session, sites, name) for name in (PRESSING, *OBEDIENT)}
        async with asyncio.TaskGroup() as group:
            pressing = group.create_task(_press(asking[PRESSING], rate, times, seconds))
            keeping = {
                name: group.create_task(_obey(asking[name], name, its, seconds)) for name, its in OBEDIENT.items()
            }
    told, late = pressing.result()
    took = max(one.answered for one in told) - min(one.sent for one in told)
    let_in = [one for one in told if one.let_in]
    faults = [*_headers(told, rate), *_amounts(let_in, rate, took)]
    for task in keeping.values():
        faults += task.result()[1]
    return Figures(
        rate=rate,
        offered=len(told),
        let_in=len(let_in),
        refused=sum(one.status == 429 for one in told),
        seconds=took,
        late=late,
        obedient={
            name: (sum(one.let_in for one in task.result()[0]), sum(not one.let_in for one in task.result()[0]))
            for name, task in keeping.items()
        },
        faults=faults,
    )


class _Asking:
    """One client that buys, at each gateway in turn."""

    def __init__(self, session: aiohttp.ClientSession, sites: Sequence[Site], client: str) -> None:
        self._session = session
        self._urls = cycle([f"{site.url}/v1/transactions" for site in sites])
        self._headers = {"Authorization": f"Bearer {key_of(client)}"}
        self._client = client
        self._asked = 0

    async def once(self) -> Told:
        self._asked += 1
        order = {"ref_id": f"{self._client}-{self._asked}", "product": "XL5", "dest": f"0817{self._asked:06d}20"}
        sent = time.monotonic()
        async with self._session.post(next(self._urls), json=order, headers=self._headers) as response:
            await response.read()
            return Told(
                sent=sent,
                answered=time.monotonic(),
                status=response.status,
                policy=response.headers.get("RateLimit-Policy"),
                standing=response.headers.get("RateLimit"),
                retry_after=response.headers.get("Retry-After"),
            )


async def _press(asking: _Asking, rate: Rate, times: float, seconds: float) -> tuple[list[Told], float]:
    """An open load: the answers, and by how much the latest request left too late."""
    tasks: list[asyncio.Task[Told]] = []
    began, late, pause = time.monotonic(), 0.0, 1 / (rate.per_second * times)
    async with asyncio.TaskGroup() as group:
        for number in range(int(seconds / pause)):
            due = began + number * pause
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            late = max(late, time.monotonic() - due)
            tasks.append(group.create_task(asking.once()))
    return [task.result() for task in tasks], late


async def _obey(asking: _Asking, name: str, rate: Rate, seconds: float) -> tuple[list[Told], list[str]]:
    """A client that asks for as long as it is let in, and waits when it is told to; and what it was told wrongly."""
    told: list[Told] = []
    faults: list[str] = []
    end = time.monotonic() + seconds
    left = rate.most
    waited = False
    while time.monotonic() < end:
        one = await asking.once()
        told.append(one)
        if one.status == 429:
            if waited:
                faults.append(f"{name}: refused again after it had waited as long as it was told")
            if left:
                faults.append(f"{name}: refused though {left} were left")
            await asyncio.sleep(float(one.retry_after or "0"))
        waited = one.status == 429
        left = _read(one)[0]
    if not any(one.status == 429 for one in told):
        faults.append(f"{name}: was never refused, so it tried nothing")
    await asyncio.sleep(_read(told[-1])[1])
    last = await asking.once()
    if _read(last)[0] != rate.most - 1:
        faults.append(f"{name}: waited until its quota should have been whole, and had {last.standing}")
    return told, [*faults, *_headers([*told, last], rate)]


def _read(told: Told) -> tuple[int, int]:
    """How many were said to be left, and in how many seconds it would be all."""
    match = _STANDING.fullmatch(told.standing or "")
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _headers(told: Sequence[Told], rate: Rate) -> list[str]:
    """What is wrong with the headers, each answer by itself."""
    policy = f'"requests";q={rate.most};w={math.ceil(rate.most / rate.per_second)}'
    return [f"{fault}: {one}" for one in told if (fault := _header_fault(one, policy, rate)) is not None]


def _header_fault(told: Told, policy: str, rate: Rate) -> str | None:
    cost = 1 / rate.per_second
    if not told.let_in and told.status != 429:
        return "neither let in nor refused"
    if told.policy != policy:
        return f"the policy is not {policy}"
    if _STANDING.fullmatch(told.standing or "") is None:
        return "the standing cannot be read"
    left, whole = _read(told)
    if not math.ceil((rate.most - left - 1) * cost - _HAIR) <= whole <= math.ceil((rate.most - left) * cost + _HAIR):
        return "what is left and when it is whole do not fit together"
    if told.let_in:
        if left >= rate.most:
            return "let in and not counted"
        return "let in and told to wait" if told.retry_after is not None else None
    if left:
        return "refused with something left"
    if re.fullmatch("[0-9]+", told.retry_after or "") is None:
        return "Retry-After is not a number of seconds"
    if not 1 <= int(told.retry_after or 0) <= max(1, math.ceil(cost)):
        return "Retry-After is longer than it takes until the next one is let in"
    return None


def _amounts(let_in: Sequence[Told], rate: Rate, took: float) -> list[str]:
    """Whether too much was let in, in all or in any stretch of time, or too little."""
    faults = []
    if len(let_in) < 0.95 * (rate.per_second * took + rate.most):
        faults.append(f"let in {len(let_in)}, less than 95 % of a burst and what the rate gives in {took:.1f} s")
    ordered = sorted(let_in, key=lambda one: one.answered)
    for place, first in enumerate(ordered):
        inside = 0
        for last in ordered[place:]:
            inside += last.sent >= first.sent
            if inside > rate.per_second * (last.answered - first.sent) + rate.most + _HAIR:
                faults.append(f"let in {inside} within {last.answered - first.sent:.2f} s")
                return faults
    return faults
