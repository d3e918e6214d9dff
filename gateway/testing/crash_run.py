"""The kill harness: a gateway that is killed again and again while clients buy, and what the suppliers counted.

The gateway is a process of its own on SQLite, the suppliers are another one that outlives it, and the clients repeat
their `ref_id` until they are answered.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import aiohttp

from gateway.testing.counting import Line, Told, Verdict, at_suppliers, count, read_journal
from gateway.testing.processes import Child
from gateway.testing.site import Client, Site

ENDINGS = (
    *("20",) * 6, *("00",) * 6, *("98",) * 6, "14", "24", "30", "31", "32", "33", "34", "35", "36", "40", "45", "47",
    "52", "90", "91", "92", "93", "94", "95", "96", "97",
)  # fmt: skip
"""What happens to the purchases, as the sandbox's table has it; `98` is slow, so that many a kill meets a call."""
FOR_EVER = "22"
"""Pending for ever: one in two hundred, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run."""

    purchases: int = 1_000
    clients: int = 32
    per_second: float = 300.0
    """Purchases that the clients start together while the gateway answers."""
    alive: tuple[float, float] = (0.5, 1.5)
    """Seconds from readiness to the kill."""
    early: float = 0.15
    """The part of the kills that comes at any moment of the start instead."""
    most_kills: int | None = None
    """After so many the gateway stays: a run whose length does not depend on how busy the machine is."""
    settle: float = 60.0
    """Seconds after the last kill within which everything must have ended."""
    seed: int = 1


@dataclass(slots=True)
class Figures:
    """What a run brought."""

    purchases: int = 0
    kills: int = 0
    kills_while_starting: int = 0
    starts: list[float] = field(default_factory=list)
    """Seconds from each start to readiness, where it was not killed before."""
    repeated: int = 0
    """Purchases whose client had to ask more than once."""
    buying: float = 0.0
    """Seconds from the first purchase to the last answer, the gateway's restarts included."""
    settling: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    review: list[str] = field(default_factory=list)
    """Destinations that wait for a person."""
    not_replayed: list[str] = field(default_factory=list)
    """Asked once more at the end, and not answered as before."""
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def right(self) -> bool:
        return self.verdict.clean and not self.not_replayed

    def __str__(self) -> str:
        verdict = self.verdict
        median = statistics.median(self.starts) if self.starts else 0.0
        return (
            f"{self.purchases} purchases, {self.kills} kills ({self.kills_while_starting} while starting), "
            f"ready after a median of {median:.2f} s, at most {max(self.starts, default=0.0):.2f} s; "
            f"lost {len(verdict.lost)}, twice {len(verdict.twice)}, resent {len(verdict.resent)}, "
            f"unsettled {len(verdict.unsettled)}, money wrong {len(verdict.money)}, for a person {len(self.review)}; "
            f"{self.repeated} clients had to repeat; {self.purchases / (self.buying or 1):.0f} purchases/s with the "
            f"restarts; settled {self.settling:.1f} s after the last kill; "
            + ", ".join(f"{status} {number}" for status, number in sorted(self.statuses.items()))
        )


def orders(plan: Plan) -> Iterator[tuple[str, str]]:
    """`ref_id` and destination of each purchase. No two have the same destination."""
    random = Random(plan.seed)  # noqa: S311 — a run that can be repeated
    for number in range(plan.purchases):
        ending = FOR_EVER if number % 200 == 100 else random.choice(ENDINGS)
        yield f"crash-{number}", f"0817{number:06d}{ending}"


async def crash_run(site: Site, suppliers: Sequence[str], plan: Plan, *, stop_at_once: bool = False) -> Figures:
    """Buy while the gateway is killed, let everything end, and count.

    Args:
        suppliers: the names of the accounts; `site.folder` has their journals.
        stop_at_once: end as soon as something shows that must not be, for tests of this harness itself.
    """
    figures = Figures(purchases=plan.purchases)
    done = asyncio.Event()
    told: list[Told] = []

    def lines() -> list[Line]:
        return [line for name in suppliers for line in read_journal(site.folder / f"{name}.jsonl", name)]

    async with site.client() as client:
        killer = asyncio.create_task(_kill(site, plan, figures, done))
        buying = asyncio.create_task(_buy(client, plan, told))
        try:
            began = time.monotonic()
            while not buying.done() and not killer.done():
                await asyncio.wait({buying, killer}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                if stop_at_once and await _noticed(client, lines(), told, figures.verdict):
                    figures.purchases = len(told)
                    return figures
            if buying.done():
                await buying
            figures.buying = time.monotonic() - began
            done.set()
            child = await killer
        finally:
            for task in (buying, killer):
                task.cancel()
            ended = await asyncio.gather(buying, killer, return_exceptions=True)
            if not done.is_set() and isinstance(ended[1], Child):
                ended[1].kill()
        with child:
            await _settle(client, plan, figures, lines, told)
            await _ask_again(client, figures, told)
    figures.repeated = sum(one.tries > 1 for one in told)
    return figures


async def _noticed(client: Client, lines: list[Line], told: list[Told], verdict: Verdict) -> bool:
    """Whether something is wrong already; it goes into `verdict`."""
    seen = at_suppliers(lines)
    verdict.twice, verdict.resent = seen.twice, seen.resent
    answered = list(told)
    await asyncio.sleep(1.0)  # no commit takes so long
    try:
        stored = await client.all()
    except (aiohttp.ClientError, OSError, KeyError):  # it is dead, or not ready yet
        return not verdict.clean
    verdict.lost = [one.ref_id for one in answered if one.ref_id not in stored]
    return not verdict.clean


async def _buy(client: Client, plan: Plan, told: list[Told]) -> None:
    numbered = enumerate(orders(plan))
    pause = plan.clients / plan.per_second

    async def one(random: Random) -> None:
        for number, (ref_id, dest) in numbered:
            held, tries = await client.buy(ref_id, dest, wait=2 if number % 4 == 0 else None)
            told.append(Told(ref_id, dest, held["id"], held["status"], tries))
            await asyncio.sleep(random.uniform(0, 2 * pause))

    async with asyncio.TaskGroup() as group:
        for number in range(plan.clients):
            group.create_task(one(Random(plan.seed * 1_000 + number)))  # noqa: S311 — as above


async def _kill(site: Site, plan: Plan, figures: Figures, done: asyncio.Event) -> Child:
    """Start, kill, and start again, until `done`; then the gateway that stays."""
    random = Random(plan.seed + 7)  # noqa: S311 — as above
    child = site.start()
    try:
        figures.starts.append(await site.ready(child))
        while not done.is_set():
            if plan.most_kills is not None and figures.kills >= plan.most_kills:
                figures.starts.append(await site.ready(child))
                await done.wait()
                return child
            if random.random() < plan.early and figures.kills:
                await asyncio.sleep(random.uniform(0.0, 1.0))
                figures.kills_while_starting += 1
            else:
                if figures.kills:
                    figures.starts.append(await site.ready(child))
                await asyncio.sleep(random.uniform(*plan.alive))
            _fell(child)
            child.kill()
            figures.kills += 1
            child = site.start()
        figures.starts.append(await site.ready(child))
    except BaseException:
        child.kill()
        raise
    return child


def _fell(child: Child) -> None:
    code = child.code()
    if code is not None:
        raise RuntimeError(f"the gateway ended by itself with {code}: {child.output()[-2_000:]}")


async def _settle(
    client: Client, plan: Plan, figures: Figures, lines: Callable[[], list[Line]], told: list[Told]
) -> None:
    began = time.monotonic()
    while True:
        waiting = [one for one in (await client.all(status="pending")).values() if not one["needs_review"]]
        over = time.monotonic() - began > plan.settle
        if not waiting or over:
            transactions = await client.all()
            figures.verdict = count(lines(), transactions, told)
            if figures.verdict.clean or over:
                break
        await asyncio.sleep(0.2)
    figures.settling = time.monotonic() - began
    for one in transactions.values():
        figures.statuses[one["status"]] = figures.statuses.get(one["status"], 0) + 1
    figures.review = [one["dest"] for one in transactions.values() if one["needs_review"]]


async def _ask_again(client: Client, figures: Figures, told: list[Told]) -> None:
    """The same `ref_id` again, after all restarts: the same transaction, and nothing is bought."""
    for one in told[::20]:
        status, held = await client.post(one.ref_id, one.dest)
        if status != 200 or held["id"] != one.id:
            figures.not_replayed.append(f"{one.ref_id}: {status} {held.get('id')}")
