"""One run: everything that one seed makes happen, in order, and what did not hold."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from unittest.mock import patch

from structlog.testing import capture_logs

from gateway.core.transaction import Change
from gateway.engine.engine import Engine
from gateway.engine.errors import UnavailableError
from gateway.ledger import migrating
from gateway.ledger import sqlite as sqlite_ledger
from gateway.ledger.sqlite_connection import connect
from gateway.ledger.statements import Statements
from gateway.provider import Report
from gateway.testing.simulated_time import NothingToDoError, SimulatedClock, SimulatedLoop
from tests.simulation.invariants import Invariants
from tests.simulation.people import ConnectionLostError, buy, decide, meddle, reconfigure, settle_everything
from tests.simulation.plan import CALM, CHAOS, make_plan
from tests.simulation.process import Process, ProcessDied, owned_tasks
from tests.simulation.supplier import Supplier

T = TypeVar("T")
START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Run:
    """What came of one seed."""

    seed: int
    broken: tuple[str, ...]
    """What did not hold, in the order of time; empty is good. The first one counts, the rest may follow from it."""
    steps: int
    """Commits and requests after which the invariants were looked at."""
    transactions: int
    deaths: int
    trace: tuple[str, ...]


class World:
    """Everything around the process, and the process."""

    def __init__(self, loop: SimulatedLoop, seed: int) -> None:
        self.plan = make_plan(seed)
        self.clock = SimulatedClock(loop, START)
        self.chaos = True
        self.trace: list[tuple[object, ...]] = []
        self.failures: list[str] = []
        self.suppliers = {one.id: Supplier(one, self) for one in self.plan.settings.providers}  # type: ignore[arg-type]  # all of one kind
        self.invariants = Invariants(self.plan, self.suppliers, self.broken, loop.time)
        self.connection = _new_database()
        self.process: Process | None = None
        self.processes = 0
        self._loop = loop
        self._context = Context()
        self._random = self.plan.random("world")
        self._over = False
        self._deaths_left = self.plan.deaths
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- for the others ----------------------------------------------------------------------------------------------

    def now(self) -> float:
        return self._loop.time()

    def later(self, seconds: float, work: Callable[..., object], *args: object) -> None:
        """Call `work` outside of any process."""
        self._loop.call_later(seconds, work, *args, context=self._context)

    def go(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` outside of any process."""
        task = self._loop.create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._gone)

    def _gone(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.broken(f"the simulation itself failed: {error!r}")

    def note(self, *what: object) -> None:
        self.trace.append((round(self.now(), 3), *what))

    def broken(self, what: str) -> None:
        self.note("BROKEN", what)
        self.failures.append(what)

    def may_die(self) -> bool:
        if not self.chaos or self._deaths_left == 0:
            return False
        self._deaths_left -= 1
        return True

    def ledger_is_down(self) -> bool:
        return self.chaos and any(start <= self.now() < end for start, end in self.plan.ledger_down)

    def committed(self, change: Change) -> None:
        after = change.after
        attempts = " ".join(f"{one.id[-6:]}@{one.provider}={one.status.value}" for one in after.attempts)
        self.note(
            "commit", after.id, f"v{after.version}", after.status.value, attempts, *(e.kind for e in change.events)
        )
        self.invariants.committed(change)

    def refused(self, change: Change) -> None:
        self.note("refused", change.after.id, f"v{change.after.version}")
        self.invariants.refused(change)

    def leaving(self, account: str, kind: str, ref: str) -> None:
        self.note("leaving", account, kind, ref)
        self.invariants.leaving(account, kind, ref)

    async def call(self, work: Callable[[Engine], Coroutine[Any, Any, T]]) -> T:
        """Ask the process for something, as over a connection that ends when it ends.

        Raises:
            ConnectionLostError: there was no process, or it ended.
        """
        process = self.process
        if process is None or not process.ready:
            raise ConnectionLostError
        task = process.spawn(work(process.engine))
        process.called.add(task)
        await asyncio.wait({task})
        if process.dead or task.cancelled() or isinstance(task.exception(), ProcessDied):
            raise ConnectionLostError
        return task.result()

    async def post_report(self, account: str, text: str) -> bool:
        """Send a supplier's report. Returns whether it was acknowledged."""
        report = Report(method="POST", raw_query="", body=text.encode())
        try:
            await self.call(lambda engine: engine.report(account, report, "203.0.113.7"))
        except (ConnectionLostError, UnavailableError, LookupError):  # the last: the account is taken out just now
            return False
        self.note(account, "reported", text)
        return True

    # -- the process -------------------------------------------------------------------------------------------------

    def _start_process(self) -> None:
        self.processes += 1
        self.process = Process(self, self.processes)
        self.note("process", self.processes, "starts")
        self.process.start()

    def ended(self, process: Process) -> None:
        if self._over:
            return
        self._look_at_failures(process)
        pause = self._random.choice([0.2, 5.0, 60.0]) if self.chaos else 0.2
        self.later(pause, self._start_process)

    def _end_process(self, drained: bool) -> None:
        process = self.process
        if process is None or not process.ready:
            return
        if drained:
            process.stop()
        else:
            process.die("killed")

    # -- the run -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        self._start_process()
        for number in range(self.plan.purchases):
            self.go(buy(self, number))
        self.go(meddle(self))
        self.go(reconfigure(self))
        self.go(decide(self))
        for at, drained in self.plan.stops:
            self.later(at, self._end_process, drained)
        for at, wrong in self.plan.clock:
            self.later(at, self._set_clock, wrong)
        await asyncio.sleep(CHAOS)
        self._calm_down()
        # What was put off by a clock that was fast is due only when the right one comes to that time.
        fast = max((wrong for _, wrong in self.plan.clock), default=0.0)
        await asyncio.sleep(CALM + max(fast, 0.0))
        self.invariants.all_ended()
        await settle_everything(self)
        await asyncio.sleep(60)
        self.invariants.books_agree()
        await self._ledger_agrees()
        if self.process is not None:
            self._look_at_failures(self.process)
        self._over = True

    def _set_clock(self, wrong: float) -> None:
        self.note("clock", wrong)
        self.clock.offset = timedelta(seconds=wrong)

    def _calm_down(self) -> None:
        self.note("calm")
        self.chaos = False
        for supplier in self.suppliers.values():
            supplier.heal()
        self.go(self._resume_all())

    async def _resume_all(self) -> None:
        for account in self.suppliers:
            while True:
                try:
                    await self.call(lambda engine: engine.resume(account, "sari"))  # noqa: B023 — awaited at once
                    break
                except (ConnectionLostError, LookupError):
                    await asyncio.sleep(1)

    async def _ledger_agrees(self) -> None:
        """What is read from the database is what was committed, each `ref_id` once, each final state told once."""
        rows = await self.call(lambda engine: engine.ledger.transactions(limit=1000))
        if {row.id: row for row in rows} != self.invariants.transactions:
            self.broken("the ledger does not hold what was committed")
        for id_, owed in self.invariants.states_told.items():
            told = await self.call(lambda engine: engine.ledger.notifications(id_))  # noqa: B023 — awaited at once
            if len(told) != owed:
                self.broken(f"{id_}: {len(told)} notifications are stored, {owed} are owed")

    def _look_at_failures(self, process: Process) -> None:
        for failure in process.failures():
            self.broken(f"a task of the engine failed: {failure!r}")

    def close(self) -> None:
        """End what still runs, and close the database."""
        for task in self._tasks:
            task.cancel()
        if self.process is not None:
            self.process.die("the end")
            for _ in range(10):
                self._loop.run_until_complete(asyncio.sleep(0))
        self.connection.close()


def run_seed(seed: int) -> Run:
    """Run one seed to its end. Nothing of it depends on anything but the seed and the program."""
    with (
        SimulatedLoop() as loop,
        patch.object(sqlite_ledger, "Statements", _statements),
        capture_logs() as logs,
    ):
        loop.set_task_factory(owned_tasks)  # type: ignore[arg-type]  # its context is optional, as in asyncio
        loop.set_exception_handler(lambda *_: None)
        world = World(loop, seed)
        try:
            loop.run_until_complete(world.run())
        except NothingToDoError as error:
            world.broken(f"everything has stopped: {error}")
        failed = [
            entry
            for entry in logs
            if entry["event"] in {"sweep_failed", "observation_failed", "listener_failed"} and "why" not in entry
        ]
        if failed:
            world.broken(f"the engine logged {failed[0]!r}")
        world.close()
    return Run(
        seed=seed,
        broken=tuple(world.failures),
        steps=world.invariants.steps,
        transactions=len(world.invariants.transactions),
        deaths=world.processes - 1,
        trace=tuple(" ".join(map(str, line)) for line in world.trace),
    )


_statements = functools.cache(Statements)


@functools.cache
def _template() -> bytes:
    connection = connect(":memory:")
    migrating.bring_up_to_date(connection, ":memory:", migrate=True)
    content = connection.serialize()
    connection.close()
    return content


def _new_database() -> sqlite3.Connection:
    """A database in memory with the ledger's tables, which outlives the processes."""
    connection = connect(":memory:")
    connection.deserialize(_template())
    return connection
