"""One life of the gateway's process: the real engine and ledger on simulated time, and its death.

A process that died does nothing more: its ledger and its way out refuse, and its tasks are ended one after the other.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, Protocol, TypeVar

from gateway.core.transaction import Change
from gateway.engine.crashpoints import CrashPoint
from gateway.engine.engine import Engine
from gateway.ledger import LedgerUnavailableError
from gateway.ledger.batch import Operation
from gateway.ledger.rows import Params, Row
from gateway.ledger.sqlite import SqliteLedger
from gateway.ledger.statements import Statement
from gateway.net.transport import Sent
from gateway.provider import Call
from gateway.settings.types import ProviderSettings
from gateway.testing.scripted_supplier import ScriptedProvider
from gateway.testing.simulated_time import SimulatedClock
from tests.simulation.plan import Plan
from tests.simulation.supplier import Supplier

T = TypeVar("T")


class ProcessDied(BaseException):
    """The process is gone. No error of the program's: nothing in it may catch it."""


class Surroundings(Protocol):
    """What a process needs of the world."""

    @property
    def plan(self) -> Plan: ...

    @property
    def clock(self) -> SimulatedClock: ...

    @property
    def suppliers(self) -> dict[str, Supplier]: ...

    @property
    def connection(self) -> sqlite3.Connection: ...

    @property
    def chaos(self) -> bool: ...

    def may_die(self) -> bool: ...

    def ledger_is_down(self) -> bool: ...

    def committed(self, change: Change) -> None: ...

    def refused(self, change: Change) -> None: ...

    def leaving(self, account: str, kind: str, ref: str) -> None: ...

    def note(self, *what: object) -> None: ...

    def later(self, seconds: float, work: Callable[..., object], *args: object) -> None: ...

    def ended(self, process: Process) -> None: ...


class FaultingLedger(SqliteLedger):
    """The real ledger over a database in memory, which is slow, fails, and dies with its process."""

    def __init__(self, process: Process, world: Surroundings, random: Random) -> None:
        super().__init__(
            ":memory:",
            owner="gateway",
            inline=True,
            clock=world.clock.now,
            connection=world.connection,
            faults=self._fault,
        )
        self._process = process
        self._world = world
        self._random = random

    def _fault(self, point: str) -> None:
        """A disk that is full at the last moment, or a process that is gone then: everything is rolled back."""
        if point != "before_commit" or not self._world.chaos:
            return
        if self._random.random() < self._world.plan.ledger_fault:
            error = sqlite3.OperationalError("disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        self._process.perhaps_die("before the commit")

    async def _write_now(self, operations: Sequence[Operation]) -> Sequence[Any]:
        plan = self._world.plan
        self._process.alive()
        if self._random.random() < plan.slow_commit:
            await asyncio.sleep(self._random.choice([0.002, 0.05, 0.6]))
            self._process.alive()
        if self._world.ledger_is_down():
            raise LedgerUnavailableError("the ledger is down")
        answers = await super()._write_now(operations)
        for operation, answer in zip(operations, answers, strict=True):
            if isinstance(operation, Change):
                if answer is True:
                    self._world.committed(operation)
                elif answer is False:
                    self._world.refused(operation)
        self._process.perhaps_die("after the commit")
        if self._random.random() < plan.slow_commit:
            await asyncio.sleep(self._random.choice([0.002, 0.05]))
            self._process.alive()
        return answers

    async def _fetch(self, statement: Statement, params: Params) -> list[Row]:
        self._process.alive()
        if self._world.ledger_is_down():
            raise LedgerUnavailableError("the ledger is down")
        if self._random.random() < 0.02:
            await asyncio.sleep(0.01)
            self._process.alive()
        return await super()._fetch(statement, params)


class Way:
    """The transport of one account: straight to the supplier."""

    def __init__(self, process: Process, supplier: Supplier, world: Surroundings) -> None:
        self._process = process
        self._supplier = supplier
        self._world = world

    async def start(self) -> None:
        """Nothing has to be opened."""

    async def close(self) -> None:
        """Nothing was opened."""

    async def send(self, call: Call) -> Sent:
        self._process.alive()
        sent = await self._supplier.exchange(call, self._leaving, self._process.alive)
        self._process.alive()
        return sent

    def _leaving(self, kind: str, ref: str) -> None:
        self._world.leaving(self._supplier.id, kind, ref)


_PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


def owned_tasks(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], context: Context | None = None
) -> asyncio.Task[T]:
    """A task factory: tasks that are started by a process die with it."""
    task = asyncio.Task(work, loop=loop, context=context)
    process = _PROCESS.get() if context is None else context.get(_PROCESS)
    if process is not None:
        process.tasks.append(task)
    return task


class Process:
    """A gateway that runs, until it ends in one way or another.

    Args:
        number: the how manyth it is.
    """

    def __init__(self, world: Surroundings, number: int) -> None:
        self.number = number
        self.dead = False
        self.ready = False
        self.tasks: list[asyncio.Task[Any]] = []
        self.called: set[asyncio.Task[Any]] = set()
        """Those that somebody outside waits for, and whose errors are his."""
        self._world = world
        self._random = world.plan.random(f"process {number}")
        self._context = copy_context()
        self._context.run(_PROCESS.set, self)
        self._ledger = FaultingLedger(self, world, world.plan.random(f"ledger {number}"))
        self.engine = Engine(
            world.plan.settings,
            {"scripted": ScriptedProvider},
            self._ledger,
            clock=world.clock,
            transports=self._way,
            random=world.plan.random(f"routing {number}"),
            sweep_every=world.plan.sweep_every,
            look_every=None,
            crash=self._crash_point,
        )

    def _way(self, settings: ProviderSettings) -> Way:
        return Way(self, self._world.suppliers[settings.id], self._world)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something in this process."""
        return asyncio.get_running_loop().create_task(work, context=self._context.copy())

    def start(self) -> None:
        self.spawn(self._start())

    async def _start(self) -> None:
        try:
            await self._ledger.start()
            await self.engine.start()
        except LedgerUnavailableError:
            self.die("its ledger cannot be read")
            return
        self.ready = True

    def stop(self) -> None:
        """Drain it, as a restart in good order does."""
        self.spawn(self._stop())

    async def _stop(self) -> None:
        await self.engine.drain(self._random.choice([0.0, 2.0, 25.0]))
        await self.engine.close()
        await self._ledger.close()
        self.die("drained")

    def alive(self) -> None:
        """Raise if it is not."""
        if self.dead:
            raise ProcessDied

    def perhaps_die(self, where: str) -> None:
        self.alive()
        if self._random.random() < self._world.plan.death_chance and self._world.may_die():
            self.die(where)
            raise ProcessDied

    def _crash_point(self, point: CrashPoint) -> None:
        self.perhaps_die(point.value)

    def die(self, where: str) -> None:
        """From now on it does nothing more."""
        if not self.dead:
            self._world.note("process", self.number, "ends:", where)
            self.dead, self.ready = True, False
            self._world.later(0, self._bury)

    def _bury(self) -> None:
        """End its tasks. What they do on their way out reaches neither disk nor supplier."""
        left = [task for task in self.tasks if not task.done()]
        if left:
            for task in left:
                task.cancel()
            self._world.later(0, self._bury)
            return
        for task in self.tasks:
            if not task.cancelled():
                task.exception()
        self._world.ended(self)

    def failures(self) -> list[BaseException]:
        """What ended its tasks and should not have."""
        own = [task for task in self.tasks if task not in self.called and task.done() and not task.cancelled()]
        ends = [task.exception() for task in own]
        return [end for end in ends if end is not None and not isinstance(end, ProcessDied | LedgerUnavailableError)]
