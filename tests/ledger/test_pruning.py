"""Finished transactions leave whole: what was exported and has not changed since, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.cli import archive
from gateway.cli.prune import prune
from gateway.core.retention import Month
from gateway.core.transaction import Change, ReadReport, StoredReport, Transaction
from gateway.errors import GatewayError
from gateway.ledger import Leaving, Ledger, Whole

Make = Callable[..., Change]
Buy = Callable[..., Any]
ZONE = ZoneInfo("Asia/Jakarta")
BEFORE = Month(2026, 10)
END = BEFORE.begins(ZONE)
SEPTEMBER = datetime(2026, 9, 15, 3, tzinfo=UTC)
OCTOBER = END
TABLES = ("transactions", "attempts", "events", "exchanges", "notifications", "reports")


@pytest.fixture
def buy(ledger: Ledger, accept: Make, succeed: Make) -> Buy:
    """A delivered purchase with a report and a delivered notification; `change` is done to it at the end."""

    async def buy(
        ref_id: str, at: datetime = SEPTEMBER, *, settled: bool = True, delivered: bool = True, **change: Any
    ) -> Transaction:
        accepted = accept(ref_id, at=at, attempts=2 if settled else 0)
        assert await ledger.commit(accepted)
        after = accepted.after
        if settled:
            number, _ = await ledger.store_report(
                StoredReport(
                    provider="maxsi", received_at=at, remote="203.0.113.7", method="GET",
                    query="SN=\u00e9\u2603", body="",
                    digest=ref_id, attempt=after.attempts[0].id, verdict="applied",
                )
            )  # fmt: skip
            read = ReadReport(number, "applied", after.attempts[0].id)
            success = succeed(after, at=at + timedelta(seconds=2), report=read)
            quiet = tuple(replace(one, next_check_at=None) for one in success.after.attempts)
            success = replace(success, after=replace(success.after, **{"attempts": quiet, **change}))
            assert await ledger.commit(success)
            after = success.after
            if delivered:
                await ledger.notification_tried(f"msg_{after.id}", at, None, None, delivered=True)
        return after

    return buy


async def whole(ledger: Ledger) -> list[Whole]:
    return await ledger.leaving(END, None, 1000)


def leaving(one: Transaction, **changed: Any) -> Leaving:
    return replace(Leaving(one.id, one.version, tuple(attempt.id for attempt in one.attempts)), **changed)


async def counts(database: Any) -> dict[str, int]:
    return {table: await database.count(table) for table in TABLES}


async def test_what_leaves_is_read_whole(ledger: Ledger, buy: Buy) -> None:
    old = await buy("A-1")
    await buy("A-2", OCTOBER)
    (found,) = await whole(ledger)
    assert found.transaction == old
    assert {table: len(held) for table, held in found.rows.items()} == {
        "transactions": 1, "attempts": 2, "events": 3, "exchanges": 1, "notifications": 1, "reports": 1,
    }  # fmt: skip
    assert found.rows["reports"][0]["query"] == "SN=\u00e9\u2603"
    assert found.rows["transactions"][0]["conflict"] is False


async def test_pages_hold_each_once_in_the_order_of_their_numbers(ledger: Ledger, buy: Buy) -> None:
    bought = [await buy(f"A-{n}", SEPTEMBER + timedelta(minutes=n)) for n in range(7)]
    await buy("B", OCTOBER)
    found: list[str] = []
    last: str | None = None
    while page := await ledger.leaving(END, last, 3):
        found += [one.transaction.id for one in page]
        last = found[-1]
    assert found == [one.id for one in bought]
    assert await ledger.leaving_count(END) == 7


async def test_the_month_ends_at_midnight_of_the_time_zone(ledger: Ledger, buy: Buy) -> None:
    last = await buy("A-1", END - timedelta(microseconds=1))
    await buy("A-2", END)
    await buy("A-3", END + timedelta(days=1))
    assert [one.transaction.id for one in await whole(ledger)] == [last.id]


async def test_a_dropped_transaction_is_gone_with_everything_that_belonged_to_it(
    ledger: Ledger, database: Any, buy: Buy
) -> None:
    await buy("A-2", OCTOBER)
    only = await counts(database)
    old = await buy("A-1")
    await buy("A-3", OCTOBER)
    assert await ledger.drop([leaving(old)], END) == 1
    assert await counts(database) == {table: 2 * rows for table, rows in only.items()}
    assert await ledger.transaction(old.id) is None
    assert await ledger.transaction_by_ref("shop", "A-1") is None


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"settled": False}, "open"),
        ({"conflict": True}, "waiting for a person"),
        ({"delivered": False}, "with a notification to deliver"),
    ],
)
async def test_what_is_not_finished_is_named_and_never_dropped(
    ledger: Ledger, database: Any, buy: Buy, state: dict[str, Any], why: str
) -> None:
    held = await buy("A-1", **state)
    await buy("A-2", OCTOBER)
    before = await counts(database)
    found = {one.why: one for one in await ledger.unfinished(END)}
    assert found[why].count == 1
    assert found[why].example == held.id
    assert await ledger.drop([leaving(held)], END) == 0
    assert await counts(database) == before


async def test_one_that_is_still_asked_about_is_named_and_never_dropped(
    ledger: Ledger, accept: Make, succeed: Make, buy: Buy
) -> None:
    accepted = accept("A-1", at=SEPTEMBER, attempts=2)  # the second attempt keeps the time of its check
    assert await ledger.commit(accepted)
    success = succeed(accepted.after, at=SEPTEMBER)
    assert await ledger.commit(replace(success, notifications=()))
    await buy("A-2", OCTOBER)
    assert [(one.why, one.count) for one in await ledger.unfinished(END)] == [("to be asked about", 1)]
    assert await ledger.drop([leaving(success.after)], END) == 0


async def test_finished_months_have_nothing_unfinished(ledger: Ledger, buy: Buy) -> None:
    await buy("A-1")
    await buy("A-2", OCTOBER, settled=False)
    assert await ledger.unfinished(END) == []


async def test_one_that_changed_after_it_was_read_stays(ledger: Ledger, database: Any, buy: Buy) -> None:
    old = await buy("A-1")
    await buy("A-2", OCTOBER)
    before = await counts(database)
    assert await ledger.drop([leaving(old, version=old.version - 1)], END) == 0
    assert await counts(database) == before


async def test_the_newest_transaction_stays_so_that_numbers_go_on(ledger: Ledger, database: Any, buy: Buy) -> None:
    first, newest = await buy("A-1"), await buy("A-2", SEPTEMBER + timedelta(days=1))
    assert [one.transaction.id for one in await whole(ledger)] == [first.id]
    assert await ledger.drop([leaving(first), leaving(newest)], END) == 1
    assert await ledger.last_reference(0) is not None
    assert await database.count("events") == 3


async def test_the_transaction_of_the_newest_event_stays(ledger: Ledger, buy: Buy) -> None:
    first, old, newest = [await buy(f"A-{n}", SEPTEMBER + timedelta(minutes=n)) for n in range(3)]
    changed = replace(old, version=old.version + 1)
    event = (await ledger.events(newest.id))[0][1]
    assert await ledger.commit(Change(before=old, after=changed, events=(event,)))
    assert [one.transaction.id for one in await whole(ledger)] == [first.id]
    assert await ledger.drop([leaving(changed), leaving(newest)], END) == 0


# The command, without its arguments.


def left_in(folder: Path) -> set[str]:
    """The exports in a folder, and what is left of them."""
    return {file.name for file in folder.iterdir() if ".jsonl" in file.name}


async def test_a_run_exports_and_drops(ledger: Ledger, database: Any, buy: Buy, tmp_path: Path) -> None:
    bought = [await buy(f"A-{n}") for n in range(3)]
    kept = await buy("B", OCTOBER)
    file = tmp_path / "2026.jsonl"
    await prune(ledger, BEFORE, ZONE, file)
    assert archive.check(file).transactions == 3
    assert [line["id"] for line in archive.lines(file)] == [one.id for one in bought]
    assert await ledger.transaction(kept.id) == kept
    assert await database.count("transactions") == 1
    assert await database.count("reports") == 1
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_line_has_the_columns_of_the_export(ledger: Ledger, buy: Buy, tmp_path: Path) -> None:
    old = await buy("A-1")
    await buy("B", OCTOBER)
    file = tmp_path / "2026.jsonl"
    await prune(ledger, BEFORE, ZONE, file)
    (line,) = archive.lines(file)
    assert (line["ref_id"], line["price"], line["created_at"]) == ("A-1", 5350, "2026-09-15T10:00:00+07:00")
    assert line["supplier_ref"] == f"S{old.attempts[0].id}"


async def test_the_rows_of_the_file_restore_what_was_dropped(
    ledger: Ledger, database: Any, buy: Buy, tmp_path: Path
) -> None:
    await buy("A-1")
    await buy("A-2")
    await buy("B", OCTOBER)
    before = await whole(ledger)
    file = tmp_path / "2026.jsonl"
    await prune(ledger, BEFORE, ZONE, file)
    assert await whole(ledger) == []
    for line in archive.lines(file):
        for table in TABLES:
            for row in line["rows"][table]:
                await database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({literals(row)})")  # noqa: S608  # rows of ours
    assert await whole(ledger) == before


def literals(row: dict[str, Any]) -> str:
    def one(value: object) -> str:
        if isinstance(value, str):
            return "'" + value.replace("'", "''") + "'"
        return "NULL" if value is None else str(value)

    return ", ".join(map(one, row.values()))


async def test_a_run_that_was_interrupted_goes_on(
    ledger: Ledger, database: Any, buy: Buy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.prune.BATCH", 2)
    for n in range(5):
        await buy(f"A-{n}")
    await buy("B", OCTOBER)
    file = tmp_path / "2026.jsonl"
    drop = ledger.drop
    batches: list[Any] = []

    async def interrupted(batch: Any, before: datetime) -> int:
        if batches:
            raise asyncio.CancelledError
        batches.append(batch)
        return await drop(batch, before)

    monkeypatch.setattr(ledger, "drop", interrupted)
    with pytest.raises(asyncio.CancelledError):
        await prune(ledger, BEFORE, ZONE, file)
    assert await database.count("transactions") == 4
    written = file.read_bytes()
    monkeypatch.setattr(ledger, "drop", drop)
    await prune(ledger, BEFORE, ZONE, file, again=True)
    assert await database.count("transactions") == 1
    assert file.read_bytes() == written
    await prune(ledger, BEFORE, ZONE, file, again=True)


async def test_an_export_that_was_interrupted_begins_anew_and_nothing_is_dropped(
    ledger: Ledger, database: Any, buy: Buy, tmp_path: Path
) -> None:
    await buy("A-1")
    await buy("B", OCTOBER)
    file = tmp_path / "2026.jsonl"
    file.with_name("2026.jsonl.partial").write_text("half a line", encoding="utf-8")
    await prune(ledger, BEFORE, ZONE, file)
    assert archive.check(file).transactions == 1
    assert await database.count("transactions") == 1
    assert left_in(tmp_path) == {"2026.jsonl"}


async def test_one_that_changed_between_export_and_drop_stays_and_is_told(
    ledger: Ledger, buy: Buy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await buy("A-1")
    await buy("A-2")
    await buy("B", OCTOBER)

    async def taken_back() -> None:
        assert await ledger.commit(Change(before=old, after=replace(old, version=old.version + 1)))

    drop = ledger.drop

    async def drop_later(batch: Any, before: datetime) -> int:
        await taken_back()
        return await drop(batch, before)

    monkeypatch.setattr(ledger, "drop", drop_later)
    file = tmp_path / "2026.jsonl"
    with pytest.raises(GatewayError, match=r"1 before 2026-10 .* another file"):
        await prune(ledger, BEFORE, ZONE, file)
    assert await ledger.transaction(old.id) is not None


async def test_nothing_is_dropped_before_the_file_is_on_the_disk(
    ledger: Ledger, database: Any, buy: Buy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await buy("A-1")
    await buy("B", OCTOBER)
    before = await counts(database)

    def failing(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    file = tmp_path / "2026.jsonl"
    monkeypatch.setattr("os.fsync", failing)
    with pytest.raises(archive.ArchiveError, match="nothing was dropped"):
        await prune(ledger, BEFORE, ZONE, file)
    monkeypatch.undo()
    assert await counts(database) == before
    assert not file.exists()


async def test_a_file_that_was_cut_or_changed_drops_nothing(
    ledger: Ledger, database: Any, buy: Buy, tmp_path: Path
) -> None:
    await buy("A-1")
    await buy("B", OCTOBER)
    before = await counts(database)
    file = tmp_path / "2026.jsonl"
    out = archive.Archive(file, f"{BEFORE} Asia/Jakarta")
    for one in await whole(ledger):
        out.add({"id": one.transaction.id, "rows": dict(one.rows)})
    out.finish()
    good = file.read_bytes()
    for bad in (good[: len(good) // 2], good.split(b"\n", 1)[1], good.replace(b"A-1", b"A-2"), b"", b"{}\n"):
        file.write_bytes(bad)
        with pytest.raises(archive.ArchiveError, match="name another file"):
            await prune(ledger, BEFORE, ZONE, file, again=True)
    assert await counts(database) == before


async def test_a_file_of_another_run_drops_nothing(ledger: Ledger, database: Any, buy: Buy, tmp_path: Path) -> None:
    await buy("A-1")
    await buy("B", OCTOBER)
    file = tmp_path / "2026.jsonl"
    archive.Archive(file, "2026-09 Asia/Jakarta").finish()
    with pytest.raises(GatewayError, match="another run"):
        await prune(ledger, BEFORE, ZONE, file, again=True)
    assert await database.count("transactions") == 2


async def test_unfinished_months_are_neither_exported_nor_dropped(
    ledger: Ledger, database: Any, buy: Buy, tmp_path: Path
) -> None:
    await buy("A-1")
    held = await buy("A-2", settled=False)
    await buy("B", OCTOBER)
    with pytest.raises(GatewayError, match=rf"1 open \(such as {held.id}\)"):
        await prune(ledger, BEFORE, ZONE, tmp_path / "2026.jsonl")
    assert await database.count("transactions") == 3
    assert left_in(tmp_path) == set()


async def test_where_nothing_is_early_enough_no_file_is_made(ledger: Ledger, buy: Buy, tmp_path: Path) -> None:
    await buy("B", OCTOBER)
    await prune(ledger, BEFORE, ZONE, tmp_path / "2026.jsonl")
    assert left_in(tmp_path) == set()


async def test_a_gateway_may_go_on_working_on_postgresql(
    postgresql: Any, accept: Make, succeed: Make, tmp_path: Path
) -> None:
    working = await postgresql.open(owner="here")
    pruning = await postgresql.open()
    try:
        await working.claim_node()
        for n in range(20):
            accepted = accept(f"A-{n}", at=SEPTEMBER)
            assert await working.commit(accepted)
            success = succeed(accepted.after, at=SEPTEMBER)
            assert await working.commit(replace(success, notifications=()))

        async def sell() -> int:
            won = 0
            for n in range(50):
                won += await working.commit(accept(f"B-{n}", at=OCTOBER))
            return won

        won, _ = await asyncio.gather(sell(), prune(pruning, BEFORE, ZONE, tmp_path / "2026.jsonl", rest=True))
        assert won == 50
        assert await postgresql.count("transactions") == 50
    finally:
        await working.close()
        await pruning.close()


def test_a_file_is_json_lines_that_any_program_reads(tmp_path: Path) -> None:
    file = tmp_path / "2026.jsonl"
    out = archive.Archive(file, "2026-10 Asia/Jakarta")
    out.add({"id": "1", "rows": {"transactions": [{"id": 1}]}})
    out.finish()
    first, end = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    assert first == {"id": "1", "rows": {"transactions": [{"id": 1}]}}
    assert (end["end"], end["transactions"], end["counts"]) == ("gateway prune", 1, {"transactions": 1})


def test_two_runs_cannot_write_one_file(tmp_path: Path) -> None:
    out = archive.Archive(tmp_path / "2026.jsonl", "x")
    with pytest.raises(archive.ArchiveError, match="another process"):
        archive.Archive(tmp_path / "2026.jsonl", "x")
    out.close()
