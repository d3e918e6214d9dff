"""A replica with a short lease: `launcher.py --lease SECONDS [--mutant NAME] --config FILE`.

SIGUSR1 blocks its event loop for three seconds.
`--mutant` is a gateway that breaks a promise on purpose, to see that the tests of replicas notice.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from gateway.app import serve
from gateway.cli.configuration import read_configuration
from gateway.core.apply import Evidence, Source
from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.core.transaction import AttemptState, Transaction
from gateway.engine.apply import by_evidence
from gateway.engine.check import Checker
from gateway.ledger import postgres_marks, postgres_replicas
from gateway.ledger.postgres import PostgresLedger
from gateway.ledger.postgres_connection import PostgresWriter
from gateway.ledger.postgres_lease import Lease


def resend_on_recovery() -> None:
    """What was being sent when a replica ended is taken for never sent, so the next supplier gets it."""

    async def interrupted(self: Checker, transaction: Transaction, attempt: AttemptState) -> Transaction:
        evidence = Evidence(attempt.id, Outcome(status=OutcomeStatus.REJECTED), Source.RECOVERY, self._clock.now())
        return (await self._door.settle(transaction, by_evidence(evidence, None))).after

    Checker.interrupted = interrupted  # type: ignore[method-assign]  # the fault


def fencing_ignored() -> None:
    """A replica whose lease was ended goes on sending and writing."""

    async def begin(self: PostgresWriter, connection: asyncpg.Connection[Any], mark: int) -> None:
        await postgres_marks.leave(connection, self._owner, None, mark)

    PostgresWriter._begin = begin  # type: ignore[method-assign]  # the fault

    async def renew(self: Lease) -> None:
        now = await self._read(lambda c: postgres_replicas.renew(c, self._owner, self._seconds), again=True)
        if now is not None:
            self._answered(now)

    Lease.renew = renew  # type: ignore[method-assign]  # the fault
    Lease.held = lambda self: True  # type: ignore[method-assign]  # the fault


def _fate(answer: bool) -> None:
    async def committed(self: PostgresWriter, mark: int) -> bool:
        return answer

    PostgresWriter._committed = committed  # type: ignore[method-assign]  # the fault


MUTANTS: dict[str, Callable[[], None]] = {
    "resend_on_recovery": resend_on_recovery,
    "fencing_ignored": fencing_ignored,
    "unknown_commit_is_lost": lambda: _fate(False),
    "unknown_commit_is_won": lambda: _fate(True),
}


def block(_number: int, _frame: object) -> None:
    """What a program that never gives the loop its turn does to it."""
    time.sleep(3)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--config", type=Path, required=True)
    arguments.add_argument("--lease", type=float, required=True)
    arguments.add_argument("--mutant", choices=MUTANTS)
    given = arguments.parse_args()
    if given.mutant:
        MUTANTS[given.mutant]()
    defaults = PostgresLedger.__init__.__kwdefaults__ or {}
    defaults["lease_seconds"] = given.lease
    settings, plugins = read_configuration(given.config)
    signal.signal(signal.SIGUSR1, block)
    sys.exit(serve(settings, plugins, sandbox=False, config_path=given.config))
