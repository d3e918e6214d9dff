"""The gateway with a fault in it: `launcher.py [--crash POINT[:N]] [--mutant NAME] --config FILE`.

`--crash` kills the process with SIGKILL at the N-th passage of a named point. `--mutant` is a gateway that breaks a
promise on purpose, to see that the kill harness notices.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gateway.app import running
from gateway.cli.configuration import read_configuration
from gateway.core.apply import Evidence, Source
from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.core.transaction import AttemptState, Event, Transaction
from gateway.engine.apply import Door, by_evidence
from gateway.engine.check import Checker
from gateway.engine.crashpoints import CrashPoint


def crash_at(point: CrashPoint, passage: int) -> Callable[[CrashPoint], None]:
    """A hook that kills this process at that passage of `point`."""
    left = passage

    def hook(reached: CrashPoint) -> None:
        nonlocal left
        if reached is point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def resend_on_recovery() -> None:
    """What was being sent when the process ended is taken for never sent, so the next supplier gets it."""

    async def interrupted(self: Checker, transaction: Transaction, attempt: AttemptState) -> Transaction:
        evidence = Evidence(attempt.id, Outcome(status=OutcomeStatus.REJECTED), Source.RECOVERY, self._clock.now())
        return (await self._door.settle(transaction, by_evidence(evidence, None))).after

    Checker.interrupted = interrupted  # type: ignore[method-assign]  # the fault


def answer_before_commit() -> None:
    """A purchase is answered, and sent, while its commit is still on its way."""
    commit = Door.commit
    running: set[asyncio.Task[bool]] = set()

    async def early(
        self: Door, before: Transaction | None, after: Transaction, events: Sequence[Event], **more: Any
    ) -> bool:
        if before is not None:
            return await commit(self, before, after, events, **more)

        async def late() -> bool:
            await asyncio.sleep(0.05)  # a slow disk
            return await commit(self, before, after, events, **more)

        task = asyncio.create_task(late())
        running.add(task)
        task.add_done_callback(running.discard)
        return True

    Door.commit = early  # type: ignore[method-assign]  # the fault


MUTANTS = {"resend_on_recovery": resend_on_recovery, "answer_before_commit": answer_before_commit}


async def main(config: Path, hook: Callable[[CrashPoint], None]) -> None:
    settings, plugins = read_configuration(config)
    async with running(settings, plugins, config_path=config, crash=hook):
        await asyncio.Event().wait()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--config", type=Path, required=True)
    arguments.add_argument("--crash", default="")
    arguments.add_argument("--mutant", choices=MUTANTS)
    given = arguments.parse_args()
    if given.mutant:
        MUTANTS[given.mutant]()
    name, _, number = given.crash.partition(":")
    sys.setswitchinterval(0.0005)
    asyncio.run(main(given.config, crash_at(CrashPoint(name), int(number or 1)) if name else lambda _: None))
