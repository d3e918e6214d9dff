"""The kill harness for replicas: they are killed and PostgreSQL is restarted while clients buy (C25).

A client that gets no answer asks another replica, always with the same `ref_id`. What the suppliers did is held
against the ledger at the end, as in `crash_run`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import aiohttp

from gateway.testing.cluster import Cluster
from gateway.testing.counting import Line, Told, Verdict, count, read_journal
from gateway.testing.crash_run import Plan, orders
from gateway.testing.postgres_faults import FAULTS
from gateway.testing.postgres_server import PostgresServer
from gateway.testing.processes import Child, until
from gateway.testing.site import Client, Site, UnexpectedAnswerError, buy_anywhere, probe
from gateway.testing.supplied import NAMES

_LOOK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPlan:
    """One run: `base` says who buys what, the rest what goes wrong meanwhile."""

    base: Plan
    kill_every: tuple[float, float] = (2.0, 6.0)
    """Seconds between two kills of a replica."""
    fault_every: tuple[float, float] = (5.0, 40.0)
    """Seconds between two faults of PostgreSQL."""
    most_faults: int | None = None
    settle: float = 120.0
    stop_at_once: bool = False
    """End as soon as something was bought twice, sent twice or lost, for tests of this harness itself."""


@dataclass(slots=True)
class ClusterFigures:
    """What a run brought."""

    kills: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    back: list[float] = field(default_factory=list)
    """Seconds from a PostgreSQL that answers again to replicas that are all ready again."""
    fell: list[str] = field(default_factory=list)
    """Replicas that ended by themselves after they had been ready."""
    refused: int = 0
    """Starts that ended at once: PostgreSQL was away."""
    unexpected: list[str] = field(default_factory=list)
    """Answers that were neither the transaction nor `503`."""
    repeated: int = 0
    most_tries: int = 0
    buying: float = 0.0
    settling: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    review: list[str] = field(default_factory=list)
    """Destinations that wait for a person."""
    not_replayed: list[str] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def right(self) -> bool:
        return self.verdict.clean and not self.not_replayed and not self.fell and not self.unexpected

    @property
    def wrong(self) -> str:
        """What is wrong, for people: the first of each kind."""
        kinds = {"not replayed": self.not_replayed, "fell": self.fell, "answered": self.unexpected}
        found = [f"{name} {len(held)}: {'; '.join(held[:3])}" for name, held in kinds.items() if held]
        return "; ".join([str(self.verdict), *found] if not self.verdict.clean else found)

    def __str__(self) -> str:
        verdict, most = self.verdict, max(self.back, default=0.0)
        faults = ", ".join(f"{name} {number}" for name, number in sorted(self.faults.items()))
        return (
            f"{sum(self.statuses.values())} purchases, {self.kills} kills of replicas, PostgreSQL: {faults or 'none'}, "
            f"all ready again after at most {most:.2f} s ({len(self.back)} measured); "
            f"lost {len(verdict.lost)}, twice {len(verdict.twice)}, resent {len(verdict.resent)}, "
            f"unsettled {len(verdict.unsettled)}, money wrong {len(verdict.money)}, for a person {len(self.review)}, "
            f"answered wrongly {len(self.unexpected)}, fell {len(self.fell)}, starts refused {self.refused}; "
            f"{self.repeated} had to repeat, at most "
            f"{self.most_tries} times; bought in {self.buying:.0f} s, settled {self.settling:.1f} s later; "
            + ", ".join(f"{status} {number}" for status, number in sorted(self.statuses.items()))
        )


class _Replica:
    """A replica that is started again whenever it has ended."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.child = site.start()
        self.was_ready = False

    async def keep(self, figures: ClusterFigures) -> None:
        while True:
            code = self.child.code()
            if code is not None:
                if code != -9 and self.was_ready:
                    figures.fell.append(f"{code}: {self.child.output()[-500:]}")
                elif code != -9:
                    figures.refused += 1
                self.was_ready = False
                self.child = self.site.start()
            elif not self.was_ready:
                self.was_ready = await probe(self.site.admin_port, "/readyz") == 200
            await asyncio.sleep(_LOOK)


async def cluster_run(cluster: Cluster, plan: ClusterPlan) -> ClusterFigures:
    """Buy while replicas are killed and PostgreSQL fails, let everything end, and count."""
    figures, told = ClusterFigures(), list[Told]()
    replicas = [_Replica(site) for site in cluster.sites]
    keepers = [asyncio.create_task(replica.keep(figures)) for replica in replicas]
    try:
        await _all_ready(replicas, within=60)
        async with cluster.clients() as clients:
            chaos = [
                asyncio.create_task(_kill(replicas, plan, figures)),
                asyncio.create_task(_fail(cluster.postgres, replicas, plan, figures)),
            ]
            began = time.monotonic()
            try:
                await _buy(clients, plan.base, figures, told, chaos, keepers)
                if plan.most_faults is not None:
                    await asyncio.gather(*chaos)
            finally:
                figures.buying = time.monotonic() - began
                await _stop_between(chaos)
            await _all_ready(replicas, within=60)
            await _settle(cluster, clients[1], plan, figures, told)
            for number, one in enumerate(told[::20]):
                held, _ = await buy_anywhere(clients, number, one.ref_id, one.dest)
                if held["id"] != one.id:
                    figures.not_replayed.append(f"{one.ref_id}: {held.get('id')}")
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for replica in replicas:
            replica.child.kill()
    figures.repeated = sum(one.tries > 1 for one in told)
    figures.most_tries = max((one.tries for one in told), default=0)
    return figures


async def _stop_between(chaos: list[asyncio.Task[None]]) -> None:
    """End the chaos. A fault of PostgreSQL that is under way ends first: the server must be there afterwards."""
    for task in chaos:
        task.cancel()
    for ended in await asyncio.gather(*chaos, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


async def _all_ready(replicas: list[_Replica], *, within: float) -> None:
    async def ready() -> bool:
        return all([await probe(one.site.admin_port, "/readyz") == 200 for one in replicas])

    await until(ready, within=within, what="replicas that are all ready", look=_LOOK)


async def _buy(
    clients: list[Client],
    plan: Plan,
    figures: ClusterFigures,
    told: list[Told],
    *watched: list[asyncio.Task[None]],
) -> None:
    numbered = enumerate(orders(plan))
    pause = plan.clients / plan.per_second

    async def one(lane: int) -> None:
        random = Random(plan.seed * 1_000 + lane)  # noqa: S311 — a run that can be repeated
        for number, (ref_id, dest) in numbered:
            wait = 2 if number % 4 == 0 else None
            try:
                held, tries = await buy_anywhere(clients, random.randrange(len(clients)), ref_id, dest, wait=wait)
                told.append(Told(ref_id, dest, held["id"], held["status"], tries))
            except UnexpectedAnswerError as error:
                figures.unexpected.append(str(error))
            await asyncio.sleep(random.uniform(0, 2 * pause))

    async def watch(task: asyncio.Task[None]) -> None:
        # What goes wrong in the harness itself ends the run; that the chaos has come to its end does not.
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    async with asyncio.TaskGroup() as outer:
        watching = [outer.create_task(watch(task)) for tasks in watched for task in tasks]
        async with asyncio.TaskGroup() as group:
            for lane in range(plan.clients):
                group.create_task(one(lane))
        for task in watching:
            task.cancel()


async def _kill(replicas: list[_Replica], plan: ClusterPlan, figures: ClusterFigures) -> None:
    random = Random(plan.base.seed + 7)  # noqa: S311 — as above
    while plan.base.most_kills is None or figures.kills < plan.base.most_kills:
        await asyncio.sleep(random.uniform(*plan.kill_every))
        replica = random.choice(replicas)
        if replica.child.code() is None:
            replica.child.kill()
            figures.kills += 1


async def _fail(postgres: PostgresServer, replicas: list[_Replica], plan: ClusterPlan, figures: ClusterFigures) -> None:
    random = Random(plan.base.seed + 8)  # noqa: S311 — as above
    number = 0
    while plan.most_faults is None or number < plan.most_faults:
        await asyncio.sleep(random.uniform(*plan.fault_every))
        fault = FAULTS[number % len(FAULTS)]
        number += 1
        before: list[tuple[_Replica, Child]] = [(one, one.child) for one in replicas if one.was_ready]
        await _to_its_end(fault, postgres)
        figures.faults[fault.__name__] += 1
        back = time.monotonic()
        same = [one for one, child in before if one.child is child and child.code() is None]

        async def ready(same: list[_Replica] = same) -> bool:
            # One that is killed meanwhile is another's measure: how long a start takes.
            return all([await probe(one.site.admin_port, "/readyz") == 200 or not one.was_ready for one in same])

        await until(ready, within=60, what="replicas that are ready after a fault", look=_LOOK)
        if same:
            figures.back.append(time.monotonic() - back)


async def _to_its_end(fault: Callable[[PostgresServer], None], postgres: PostgresServer) -> None:
    work = asyncio.ensure_future(asyncio.to_thread(fault, postgres))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await work
        raise


async def _settle(
    cluster: Cluster, client: Client, plan: ClusterPlan, figures: ClusterFigures, told: list[Told]
) -> None:
    def lines() -> list[Line]:
        return [line for name in NAMES for line in read_journal(cluster.folder / f"{name}.jsonl", name)]

    began = time.monotonic()
    transactions: dict[str, dict[str, object]] = {}
    while True:
        over = time.monotonic() - began > plan.settle
        try:
            waiting = [one for one in (await client.all(status="pending")).values() if not one["needs_review"]]
            if not waiting or over or plan.stop_at_once:
                transactions = await client.all()
                figures.verdict = count(lines(), transactions, told)
                verdict = figures.verdict
                if verdict.clean or over or (plan.stop_at_once and (verdict.twice or verdict.resent or verdict.lost)):
                    break
        except (aiohttp.ClientError, OSError, KeyError):  # the ledger's connections are still being renewed
            if over:
                raise
        await asyncio.sleep(0.3)
    figures.settling = time.monotonic() - began
    figures.statuses.update(str(one["status"]) for one in transactions.values())
    figures.review = [str(one["dest"]) for one in transactions.values() if one["needs_review"]]
