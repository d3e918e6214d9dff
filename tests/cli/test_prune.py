"""`gateway prune` as a command, on a SQLite file of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import pty
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import Result

from gateway.core.references import References
from gateway.core.retention import Month, newest_end
from gateway.core.transaction import Change, Event, Transaction, TransactionStatus
from gateway.ledger import Ledger, open_ledger

Run = Callable[..., Result]
ZONE = ZoneInfo("Asia/Jakarta")
NEWEST = newest_end(datetime.now(UTC), ZONE)
FINISHED = NEWEST.begins(ZONE) - timedelta(days=10)
PREVIOUS = NEWEST.begins(ZONE) + timedelta(days=10)
COUNT = itertools.count()


def purchase(ref_id: str, at: datetime, status: TransactionStatus = TransactionStatus.SUCCESS) -> Change:
    at += timedelta(seconds=next(COUNT))
    after = Transaction(
        id=References().next(at), client="shop", ref_id=ref_id, request_hash="ab", product="XL5", dest="0817", qty=1,
        max_price=None, status=status, price=5350, created_at=at, updated_at=at, deadline_at=at,
        final_at=None if status is TransactionStatus.PENDING else at,
    )  # fmt: skip
    return Change(before=None, after=after, events=(Event("accepted", at, "client", {}),))


async def opened(url: str, *changes: Change) -> Ledger:
    ledger = open_ledger(url)
    await ledger.start()
    for change in changes:
        assert await ledger.commit(change)
    return ledger


@pytest.fixture
def url(tmp_path: Path, config: Path) -> str:
    """The ledger that the configuration names."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    config.write_text(f'ledger: {{url: "{url}"}}\n' + config.read_text(encoding="utf-8"), encoding="utf-8")
    return url


def store(url: str, *changes: Change) -> None:
    async def go() -> None:
        await (await opened(url, *changes)).close()

    asyncio.run(go())


def held(url: str) -> list[str]:
    async def go() -> list[str]:
        ledger = await opened(url)
        try:
            return [one.ref_id for one in await ledger.transactions()]
        finally:
            await ledger.close()

    return asyncio.run(go())


def test_finished_months_are_exported_and_dropped(run: Run, url: str) -> None:
    store(url, purchase("A-1", FINISHED), purchase("A-2", FINISHED), purchase("B", PREVIOUS))
    result = run("prune", "--before", str(NEWEST), "--export", "old.jsonl")
    assert result.exit_code == 0, result.output
    assert "2 transactions" in result.stdout
    assert "2 dropped" in result.stdout
    first, second, end = map(json.loads, Path("old.jsonl").read_text(encoding="utf-8").splitlines())
    assert (first["ref_id"], second["ref_id"], end["transactions"]) == ("A-1", "A-2", 2)
    assert held(url) == ["B"]


def test_the_same_command_again_changes_nothing(run: Run, url: str) -> None:
    store(url, purchase("A-1", FINISHED), purchase("B", PREVIOUS))
    for gone in ("1 dropped", "0 dropped"):
        result = run("prune", "--before", str(NEWEST), "--export", "old.jsonl")
        assert result.exit_code == 0
        assert gone in result.stdout


@pytest.mark.parametrize("later", [1, 2, 3])
def test_the_previous_and_the_current_month_are_refused(run: Run, url: str, later: int) -> None:
    store(url, purchase("A-1", FINISHED), purchase("B", PREVIOUS))
    months = NEWEST.year * 12 + NEWEST.month - 1 + later
    result = run("prune", "--before", str(Month(months // 12, months % 12 + 1)), "--export", "old.jsonl")
    assert result.exit_code == 2
    assert f"at most {NEWEST}" in result.stderr
    assert not Path("old.jsonl").exists()
    assert len(held(url)) == 2


def test_a_month_with_an_open_transaction_is_refused(run: Run, url: str) -> None:
    still = purchase("A-1", FINISHED, TransactionStatus.PENDING)
    store(url, still, purchase("B", PREVIOUS))
    result = run("prune", "--before", str(NEWEST), "--export", "old.jsonl")
    assert result.exit_code == 2
    assert f"1 open (such as {still.after.id})" in result.stderr
    assert len(held(url)) == 2


def test_a_running_gateway_keeps_its_sqlite_file_to_itself(run: Run, url: str) -> None:
    async def go() -> Result:
        ledger = await opened(url, purchase("A-1", FINISHED), purchase("B", PREVIOUS))
        try:
            return await asyncio.to_thread(run, "prune", "--before", str(NEWEST), "--export", "old.jsonl")
        finally:
            await ledger.close()

    result = asyncio.run(go())
    assert result.exit_code == 2
    assert "in use by process" in result.stderr
    assert "Stop it, and prune then" in result.stderr
    assert result.stderr.count("\n") == 1
    assert len(held(url)) == 2


@pytest.mark.parametrize("word", ["2026", "2026-13", "26-01", "2026-01-01", "last"])
def test_a_month_is_written_in_one_way(run: Run, url: str, word: str) -> None:
    del url
    result = run("prune", "--before", word, "--export", "old.jsonl")
    assert result.exit_code == 2
    assert "2026-01" in result.stderr


def test_a_file_that_cannot_be_written_is_one_line_and_drops_nothing(run: Run, url: str) -> None:
    store(url, purchase("A-1", FINISHED), purchase("B", PREVIOUS))
    result = run("prune", "--before", str(NEWEST), "--export", "nowhere/old.jsonl")
    assert result.exit_code == 2
    assert result.stderr.startswith("cannot write nowhere/old.jsonl.partial")
    assert len(held(url)) == 2


def test_a_file_of_something_else_is_not_touched(run: Run, url: str) -> None:
    store(url, purchase("A-1", FINISHED), purchase("B", PREVIOUS))
    Path("old.jsonl").write_text("precious\n", encoding="utf-8")
    result = run("prune", "--before", str(NEWEST), "--export", "old.jsonl")
    assert result.exit_code == 2
    assert Path("old.jsonl").read_text(encoding="utf-8") == "precious\n"
    assert len(held(url)) == 2


def test_progress_shows_on_a_terminal(environment: dict[str, str], url: str, tmp_path: Path) -> None:
    store(url, purchase("A-1", FINISHED), purchase("B", PREVIOUS))
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(  # noqa: S603 — our own command
            [sys.executable, "-m", "gateway", "prune", "--before", str(NEWEST), "--export", "old.jsonl"],
            env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, timeout=30, check=False,
        )  # fmt: skip
        shown = os.read(ours, 65_536).decode()
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode == 0
    assert "exporting" in shown
    assert "dropping" in shown
    assert "100%" in shown


def test_a_run_that_is_killed_loses_nothing_and_can_be_given_again(
    environment: dict[str, str], url: str, tmp_path: Path
) -> None:
    refs = [f"A-{n}" for n in range(3_000)]
    store(url, *(purchase(ref, FINISHED) for ref in refs), purchase("B", PREVIOUS))
    file = tmp_path / "old.jsonl"
    command = [sys.executable, "-m", "gateway", "prune", "--before", str(NEWEST), "--export", "old.jsonl"]
    for watched in (file.with_name("old.jsonl.partial"), file):
        running = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL)  # noqa: S603 — the same
        try:
            while running.poll() is None and not watched.exists():
                time.sleep(0.002)
        finally:
            running.kill()
            running.wait()
        exported = written(file) if file.exists() else set()
        assert set(refs) <= {*held_in(tmp_path), *exported}
    done = subprocess.run(command, env=environment, cwd=tmp_path, timeout=60, check=False, capture_output=True)  # noqa: S603 — the same
    assert done.returncode == 0, done.stderr
    assert written(file) == set(refs)
    assert held_in(tmp_path) == {"B"}


def written(file: Path) -> set[str]:
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return {line["ref_id"] for line in lines if "ref_id" in line}


def held_in(folder: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(folder / "ledger.db")) as connection:
        return {row[0] for row in connection.execute("SELECT ref_id FROM transactions")}
