"""A disk that is full, read-only or broken: no half state, and work goes on when the disk does (C27)."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.core.transaction import Change
from gateway.ledger import LedgerUnavailableError
from gateway.ledger.sqlite import SqliteLedger

Make = Callable[..., Change]


@contextlib.contextmanager
def full(ledger: SqliteLedger, path: Path) -> Iterator[None]:
    """The database may not grow by another page."""
    connection = ledger._writer.connection
    assert connection is not None
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    yield
    if ledger._writer.connection is connection:
        connection.execute("PRAGMA max_page_count=1073741823")


@contextlib.contextmanager
def broken(ledger: SqliteLedger, path: Path) -> Iterator[None]:
    """Every write beyond what is there fails: the system says EFBIG, SQLite an I/O error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path(f"{path}-wal").stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def read_only(ledger: SqliteLedger, path: Path) -> Iterator[None]:
    """SQLite answers SQLITE_READONLY, as it does on a file system that was remounted."""
    connection = ledger._writer.connection
    assert connection is not None
    connection.execute("PRAGMA query_only=ON")
    yield
    if ledger._writer.connection is connection:
        connection.execute("PRAGMA query_only=OFF")


@contextlib.contextmanager
def locked(ledger: SqliteLedger, path: Path) -> Iterator[None]:
    """Somebody has the file open in a shell, in the middle of a write."""
    assert ledger._writer.connection is not None
    ledger._writer.connection.execute("PRAGMA busy_timeout=50")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("PRAGMA wal_autocheckpoint=0")
        shell.execute("BEGIN IMMEDIATE")
        yield
        shell.execute("ROLLBACK")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[SqliteLedger]:
    opened = SqliteLedger(str(path), owner="here")
    await opened.start()
    yield opened
    await opened.close()


def state(path: Path) -> list[Any]:
    """All that the file holds, read from beside."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        tables = ("transactions", "attempts", "events", "exchanges", "notifications")
        return [connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables]  # noqa: S608


FAULTS = [full, broken, read_only, locked]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_a_change_that_cannot_reach_the_disk_is_unavailable_and_leaves_nothing(
    ledger: SqliteLedger, path: Path, fault: Any, accept: Make, succeed: Make
) -> None:
    opened = accept("A-1")
    assert await ledger.commit(opened)
    before = state(path)
    # Large enough that no free space inside the file can take it.
    huge = replace(succeed(opened.after).exchanges[0], request="x" * 2_000_000)
    with fault(ledger, path):
        lost = await asyncio.gather(
            ledger.commit(replace(succeed(opened.after), exchanges=(huge,))),
            ledger.commit(accept("A-2")),
            return_exceptions=True,
        )
        assert [type(error) for error in lost] == [LedgerUnavailableError] * 2
        assert state(path) == before
        assert await ledger.transaction(opened.after.id) == opened.after
    settled = succeed(opened.after)
    assert await ledger.commit(settled)
    assert await ledger.transaction(opened.after.id) == settled.after
    assert await ledger.commit(accept("A-2"))
    await ledger.writable()


@pytest.mark.parametrize("fault", [broken, read_only, locked], ids=lambda fault: fault.__name__)
async def test_a_ledger_that_cannot_be_written_is_not_ready_and_gets_ready_again(
    ledger: SqliteLedger, path: Path, fault: Any
) -> None:
    await ledger.writable()
    ledger._written_at = ledger._probe = None  # as if the second that a commit is good for were over
    with fault(ledger, path), pytest.raises(LedgerUnavailableError):
        await ledger.writable()
    with pytest.raises(LedgerUnavailableError):
        await ledger.writable()  # the answer of a probe is good for a second, whatever it is
    ledger._probe = None
    await ledger.writable()


async def test_a_connection_that_is_gone_is_opened_anew(ledger: SqliteLedger, accept: Make) -> None:
    assert ledger._writer.connection is not None
    ledger._writer.connection.close()
    with pytest.raises(LedgerUnavailableError):
        await ledger.commit(accept("A-1"))
    assert await ledger.commit(accept("A-1"))


async def test_a_fault_in_a_batch_hits_every_caller_of_that_batch_and_no_other(path: Path, accept: Make) -> None:
    failing = False

    def fault(point: str) -> None:
        if failing and point == "before_commit":
            raise LedgerUnavailableError("planted")

    whole: list[bool] = []
    ledger = SqliteLedger(str(path), faults=fault, on_commit=lambda size, seconds, all_of_it: whole.append(all_of_it))
    await ledger.start()
    assert await ledger.commit(accept("A-0"))
    assert whole == [True]
    failing = True
    lost = await asyncio.gather(*(ledger.commit(accept(f"A-{n}")) for n in range(1, 9)), return_exceptions=True)
    assert all(isinstance(error, LedgerUnavailableError) for error in lost)
    assert whole == [True, False], "and it is told, so that it can be counted"
    failing = False
    assert [transaction.ref_id for transaction in await ledger.transactions()] == ["A-0"]
    assert all(await asyncio.gather(*(ledger.commit(accept(f"A-{n}")) for n in range(1, 9))))
    await ledger.close()


async def test_a_commit_that_failed_does_not_count_as_answered(path: Path, accept: Make) -> None:
    failing = False

    def fault(point: str) -> None:
        if failing and point == "before_commit":
            raise LedgerUnavailableError("planted")

    ledger = SqliteLedger(str(path), faults=fault)
    await ledger.start()
    assert await ledger.commit(accept("A-0"))
    failing = True
    with pytest.raises(LedgerUnavailableError):
        await ledger.commit(accept("A-1"))
    await ledger.close()
    again = SqliteLedger(str(path))
    await again.start()  # or it would miss the commit that never was
    await again.close()


async def test_a_log_that_is_deleted_to_make_room_is_not_given_up_with_what_is_in_it(path: Path, accept: Make) -> None:
    full = False

    def fault(point: str) -> None:
        if full and point == "before_commit":
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    ledger = SqliteLedger(str(path), faults=fault)
    await ledger.start()
    assert await ledger.commit(accept("A-0"))
    full = True
    with pytest.raises(LedgerUnavailableError, match="full"):
        await ledger.commit(accept("A-1"))
    full = False
    await asyncio.to_thread(path.with_name(f"{path.name}-wal").unlink)
    with pytest.raises(LedgerUnavailableError, match="was moved or deleted"):
        await ledger.commit(accept("A-2"))
    await ledger.close()
    again = SqliteLedger(str(path))
    await again.start()
    assert [transaction.ref_id for transaction in await again.transactions()] == ["A-0"]
    await again.close()


async def test_what_was_committed_stays_although_its_answer_was_lost(path: Path, accept: Make) -> None:
    def fault(point: str) -> None:
        if point == "after_commit":
            raise LedgerUnavailableError("planted")

    ledger = SqliteLedger(str(path), faults=fault)
    await ledger.start()
    with pytest.raises(LedgerUnavailableError):
        await ledger.commit(accept("A-1"))
    assert await ledger.transaction_by_ref("shop", "A-1") is not None
    await ledger.close()


async def test_a_simulated_run_uses_no_thread_and_outlives_its_ledger(accept: Make) -> None:
    import threading

    kept = sqlite3.connect(":memory:")
    threads = threading.active_count()
    first = SqliteLedger(":memory:", inline=True, connection=kept)
    await first.start()
    change = accept("A-1")
    assert await first.commit(change)
    assert threading.active_count() == threads
    # No close: a simulated crash just forgets the object.
    second = SqliteLedger(":memory:", inline=True, connection=kept)
    await second.start()
    assert await second.transaction(change.after.id) == change.after
    await second.close()
    await first.close()
    kept.close()


def test_a_ledger_in_memory_is_for_simulations_only() -> None:
    with pytest.raises(ValueError, match="forgets everything"):
        SqliteLedger(":memory:")
