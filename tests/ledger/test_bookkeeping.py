"""Reading a ledger from beside the gateway that works on it."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.core.reconcile import Purchase
from gateway.core.transaction import AttemptStatus, Change, Transaction
from gateway.ledger import Ledger, LedgerError, SchemaOutOfDateError
from gateway.ledger import reading as module
from gateway.ledger.reading import Reading, reading

START = datetime(2026, 11, 24, 3, 0, 0, 123456, tzinfo=UTC)
DAY = timedelta(days=1)
Make = Callable[..., Change]
T = TypeVar("T")


async def read(database: Any, work: Callable[[Reading], T]) -> T:
    """Do something on a reading of its own, as another process would: in a thread with a loop of its own."""

    def there() -> T:
        with reading(database.url) as ledger:
            return work(ledger)

    return await asyncio.to_thread(there)


async def put(ledger: Ledger, change: Change) -> Transaction:
    assert await ledger.commit(change)
    return change.after


async def test_transactions_come_in_the_order_of_their_acceptance_whatever_the_size_of_a_page(
    ledger: Ledger, database: Any, accept: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [await put(ledger, accept(f"A-{n}", at=START + timedelta(seconds=n), attempts=n % 3)) for n in range(23)]
    for size in (1, 7, 23, 1000):
        monkeypatch.setattr(module, "PAGE", size)
        assert await read(database, lambda ledger: list(ledger.transactions(START, START + DAY))) == made
    assert await read(database, lambda ledger: ledger.count(START, START + DAY)) == 23


async def test_the_first_moment_is_included_and_the_last_is_not(ledger: Ledger, database: Any, accept: Make) -> None:
    times = [START - timedelta(microseconds=1), START, START + DAY - timedelta(microseconds=1), START + DAY]
    made = [await put(ledger, accept(f"A-{n}", at=at)) for n, at in enumerate(times)]
    assert await read(database, lambda ledger: list(ledger.transactions(START, START + DAY))) == made[1:3]


async def test_a_transaction_whose_number_was_made_just_before_the_first_moment_is_found(
    ledger: Ledger, database: Any, accept: Make
) -> None:
    change = accept(at=START - timedelta(milliseconds=3))
    made = await put(ledger, replace(change, after=replace(change.after, created_at=START)))
    assert await read(database, lambda ledger: list(ledger.transactions(START, START + DAY))) == [made]


async def test_an_account_has_what_it_delivered_and_what_it_tried_last_where_none_did(
    ledger: Ledger, database: Any, accept: Make, succeed: Make
) -> None:
    delivered = await put(ledger, accept("A-1", attempts=2))
    change = succeed(delivered)
    delivered = await put(ledger, change)
    other = accept("A-2", attempts=2)
    first, second = other.after.attempts
    other = replace(other, after=replace(other.after, attempts=(first, replace(second, provider="second"))))
    tried = await put(ledger, other)
    untried = await put(ledger, accept("A-3", attempts=0))

    def of(provider: str) -> list[Transaction]:
        with reading(database.url) as reader:
            found = list(reader.transactions(START, START + DAY, provider))
            assert reader.count(START, START + DAY, provider) == len(found)
            return found

    assert await asyncio.to_thread(of, "maxsi") == [delivered]
    assert await asyncio.to_thread(of, "second") == [tried]
    assert untried.id not in {one.id for one in await asyncio.to_thread(of, "third")}
    assert await read(database, lambda ledger: (ledger.knows("second"), ledger.knows("third"))) == (True, False)


async def test_purchases_are_the_attempts_at_one_account(
    ledger: Ledger, database: Any, accept: Make, succeed: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    accepted = [await put(ledger, accept(f"A-{n}", attempts=2)) for n in range(3)]
    settled = await put(ledger, succeed(accepted[0]))
    found = await read(database, lambda ledger: list(ledger.purchases("maxsi", START, START + DAY)))
    assert [one.ref for one in found] == sorted(attempt.id for one in accepted for attempt in one.attempts)
    first = settled.attempts[0]
    assert found[0] == Purchase(
        ref=first.id,
        transaction=settled.id,
        client="shop",
        ref_id="A-0",
        status=AttemptStatus.SUCCESS,
        product="X5",
        dest="081712345678",
        price=5350,
        supplier_ref=f"S{first.id}",
        serial="0123-4567",
        at=START,
    )
    assert found[1].price == 5400, "what the route says, where the supplier has said nothing"
    assert await read(database, lambda ledger: ledger.purchase("maxsi", first.id)) == found[0]
    assert await read(database, lambda ledger: ledger.purchase("second", first.id)) is None
    assert await read(database, lambda ledger: [ledger.purchase("maxsi", ref) for ref in ("", "1", "x" * 18)]) == [
        None,
        None,
        None,
    ]


@pytest.mark.parametrize("sql", ["DELETE FROM transactions", "CREATE TABLE mine (id BIGINT)"])
async def test_nothing_can_be_written_through_a_reading(ledger: Ledger, database: Any, accept: Make, sql: str) -> None:
    await put(ledger, accept())
    with pytest.raises(LedgerError, match=r"read-?only"):
        await read(database, lambda reader: reader._fetch(sql, ()))
    assert await database.count("transactions") == 1


async def test_the_gateway_goes_on_writing_while_the_ledger_is_read(
    ledger: Ledger, database: Any, accept: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 1)
    for n in range(5):
        await put(ledger, accept(f"A-{n}"))
    loop = asyncio.get_running_loop()

    def slowly(reader: Reading) -> list[Transaction]:
        found: list[Transaction] = []
        for one in reader.transactions(START, START + DAY):
            found.append(one)
            if len(found) == 1:
                done = asyncio.run_coroutine_threadsafe(put(ledger, accept("A-late", at=START + DAY / 2)), loop)
                found_late.append(done.result(10))
        return found

    found_late: list[Transaction] = []
    found = await read(database, slowly)
    assert len(found) == 6
    assert found[-1] == found_late[0], "what was accepted meanwhile is there, too"


@pytest.fixture
def crashed(sqlite: Any) -> Path:
    """A ledger whose gateway was killed, so that its last commits are only in the write-ahead log."""
    program = (
        "import asyncio, os, sys\n"
        "from gateway.ledger import open_ledger\n"
        "async def main():\n"
        "    ledger = open_ledger(sys.argv[1])\n"
        "    await ledger.start()\n"
        "    await ledger.pause_account('maxsi', 'x')\n"
        "    os._exit(9)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program, sqlite.url], check=False)  # noqa: S603 — our own program
    assert done.returncode == 9
    return Path(sqlite.path)


def digests(path: Path) -> dict[str, str]:
    """Of the ledger's files except `-shm`, which SQLite makes anew out of the others."""
    return {
        one.name: hashlib.sha256(one.read_bytes()).hexdigest()
        for one in sorted(path.parent.iterdir())
        if not one.name.endswith("-shm")
    }


def test_a_reading_never_checkpoints_not_even_what_a_killed_gateway_left(sqlite: Any, crashed: Path) -> None:
    before = digests(crashed)
    assert Path(f"{crashed}-wal").stat().st_size > 0
    with reading(sqlite.url) as ledger:
        assert not ledger.knows("maxsi")
        assert ledger._fetch("SELECT why FROM accounts", ()) == [("x",)]
    assert digests(crashed) == before


def test_a_file_that_is_missing_is_told_and_not_made(sqlite: Any) -> None:
    with pytest.raises(LedgerError, match=r"ledger\.db cannot be opened"), reading(sqlite.url):
        pass
    assert not Path(sqlite.path).exists()


def test_a_ledger_of_another_schema_is_refused(sqlite: Any) -> None:
    Path(sqlite.path).parent.mkdir()
    with closing(sqlite3.connect(sqlite.path)) as connection:
        connection.execute("CREATE TABLE other (x)")
    with pytest.raises(SchemaOutOfDateError, match="no tables yet"), reading(sqlite.url):
        pass


def test_a_file_that_is_no_database_is_told(sqlite: Any) -> None:
    Path(sqlite.path).parent.mkdir()
    Path(sqlite.path).write_bytes(b"not a database at all" * 100)
    with pytest.raises(LedgerError, match=r"ledger\.db"), reading(sqlite.url):
        pass


def test_a_server_that_is_not_there_is_told_without_its_password() -> None:
    url = "postgresql://gateway:canary-password@127.0.0.1:1/ledger"
    with pytest.raises(LedgerError, match="cannot be reached") as caught, reading(url):
        pass
    assert "canary" not in str(caught.value)
