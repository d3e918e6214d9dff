"""What the one writer of a ledger tells of itself while nothing can be written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import structlog

from gateway.ledger import group
from gateway.ledger.batch import Operation, Simple
from gateway.ledger.errors import ChangeRefusedError, LeaseLostError, LedgerUnavailableError
from gateway.ledger.group import GroupWriter
from gateway.ledger.statements import Statements

OPERATION = Simple(Statements("sqlite").save_meta, ("probed_at", 1))


class Database:
    """Answers every write with what it is told to."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.seconds = 0.0

    async def write(self, operations: Sequence[Operation]) -> Sequence[Any]:
        await asyncio.sleep(self.seconds)
        if self.trouble is not None:
            raise self.trouble
        return [None] * len(operations)


async def told(database: Database, *troubles: Exception | None) -> list[tuple[str, str]]:
    """The level and event of each line that is logged while writes meet these troubles, one after the other."""
    writer = GroupWriter(database.write)
    writer.start()
    with structlog.testing.capture_logs() as lines:
        for trouble in troubles:
            database.trouble = trouble
            try:
                await writer.submit(OPERATION)
            except Exception as error:
                assert str(error) == str(trouble)  # noqa: PT017 — whoever waits is told the same
    await writer.close()
    return [(line["log_level"], line["event"] + (f": {line['why']}" if "why" in line else "")) for line in lines]


async def test_an_outage_is_told_once_and_so_is_its_end() -> None:
    away = LedgerUnavailableError("the ledger cannot be reached")
    assert await told(Database(), None, away, away, away, None, None, away) == [
        ("error", "ledger_not_written: the ledger cannot be reached"),
        ("warning", "ledger_is_written_again"),
        ("error", "ledger_not_written: the ledger cannot be reached"),
    ]


async def test_a_long_outage_is_told_again_with_what_is_wrong_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "REMIND_SECONDS", 0.0)
    away, full = LedgerUnavailableError("cannot be reached"), LedgerUnavailableError("the disk is full")
    assert await told(Database(), away, full, None) == [
        ("error", "ledger_not_written: cannot be reached"),
        ("error", "ledger_not_written: the disk is full"),
        ("warning", "ledger_is_written_again"),
    ]


async def test_a_refused_change_or_a_lost_lease_is_no_outage() -> None:
    lost = LeaseLostError("another replica has taken over")
    assert await told(Database(), ChangeRefusedError("a number given twice"), lost, None) == []


async def test_an_outage_begins_with_the_first_write_that_hangs() -> None:
    database = Database()
    database.trouble, database.seconds = LedgerUnavailableError("did not answer in time"), 0.2
    writer = GroupWriter(database.write)
    writer.start()
    with structlog.testing.capture_logs() as lines:
        with pytest.raises(LedgerUnavailableError):
            await writer.submit(OPERATION)
        database.trouble, database.seconds = None, 0.0
        await writer.submit(OPERATION)
    await writer.close()
    assert [line["event"] for line in lines] == ["ledger_not_written", "ledger_is_written_again"]
    assert all(line["seconds"] >= 0.2 for line in lines)
