"""A damaged file, a second process, and a process that is killed (C2, C28)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from gateway.core.transaction import Change
from gateway.ledger import LedgerBusyError, LedgerDamagedError, LedgerError, LedgerUnavailableError, open_ledger
from gateway.ledger.sqlite import SqliteLedger
from gateway.ledger.sqlite_file import check

Make = Callable[..., Change]

WRITER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from gateway.core.references import References
from gateway.core.transaction import Change, Transaction
from gateway.ledger import open_ledger

async def main():
    ledger = open_ledger("sqlite:///" + sys.argv[1])
    await ledger.start()
    references = References(0, await ledger.last_reference(0))
    print("open", flush=True)

    async def client(lane):
        for count in range(100_000):
            now = datetime.now(UTC)
            name = f"{sys.argv[2]}-{lane}-{count}"
            new = Transaction(id=references.next(now), client="shop", ref_id=name, request_hash="h", product="P",
                              dest="0812", qty=1, max_price=None, created_at=now, updated_at=now, deadline_at=now)
            assert await ledger.commit(Change(before=None, after=new))
            sys.stdout.write(name + "\\n")
            sys.stdout.flush()

    await asyncio.gather(*(client(lane) for lane in range(16)))

asyncio.run(main())
"""


def spawn(path: Path, name: str = "run") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  # the program above
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def kill_after(process: subprocess.Popen[str], lines: int) -> list[str]:
    """Kill it when it has answered so often; everything that it answered."""
    assert process.stdout is not None
    answered = [process.stdout.readline().strip() for _ in range(lines)]
    process.kill()
    rest = process.stdout.read().split("\n")
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return answered + [name for name in rest[:-1] if name]  # the last line may have been cut


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def damage(path: Path, places: Iterable[int]) -> None:
    """Flip the bytes at these places."""
    content = bytearray(path.read_bytes())
    for at in places:
        content[at] ^= 0xFF
    path.write_bytes(content)


def cut(path: Path, left: float) -> None:
    """Leave only a part of a file."""
    os.truncate(path, int(path.stat().st_size * left))


def away(path: Path, to: Path, *, replaced: bool = False) -> None:
    """Give a file another name, and perhaps leave a copy in its place."""
    path.replace(to)
    if replaced:
        shutil.copy(to, path)


def heads(path: Path, first: int = 3) -> list[int]:
    """Where the heads of the pages stand, which tell where their cells are."""
    pages = range(first, path.stat().st_size // 4096)
    return [at for page in pages for at in range(page * 4096, page * 4096 + 8)]


async def filled(path: Path, accept: Make, number: int = 300) -> SqliteLedger:
    ledger = SqliteLedger(str(path))
    await ledger.start()
    await asyncio.gather(*(ledger.commit(accept(f"A-{each}")) for each in range(number)))
    return ledger


async def test_what_was_answered_is_there_after_a_kill(path: Path) -> None:
    answered: list[str] = []
    for run in range(4):
        process = await asyncio.to_thread(spawn, path, f"run{run}")
        answered += await asyncio.to_thread(kill_after, process, 200 + 37 * run)
    ledger = open_ledger(f"sqlite:///{path}")
    await ledger.start()
    missing = [name for name in answered if await ledger.transaction_by_ref("shop", name) is None]
    await ledger.close()
    assert len(answered) > 800
    assert missing == []


async def test_a_second_process_is_refused_and_told_which_one_has_the_file(path: Path) -> None:
    process = await asyncio.to_thread(spawn, path)
    try:
        with pytest.raises(LedgerBusyError, match=f"in use by process {process.pid}"):
            await SqliteLedger(str(path)).start()
    finally:
        await asyncio.to_thread(kill_after, process, 1)
    after_the_kill = SqliteLedger(str(path))
    await after_the_kill.start()
    await after_the_kill.close()


async def test_a_second_ledger_in_the_same_process_is_refused(path: Path) -> None:
    first = SqliteLedger(str(path))
    await first.start()
    with pytest.raises(LedgerBusyError, match=f"in use by process {os.getpid()}"):
        await SqliteLedger(str(path)).start()
    await first.writable()
    await first.close()


@pytest.mark.parametrize("link", [os.symlink, os.link])
async def test_a_second_process_is_refused_under_another_name_of_the_file_too(
    path: Path, tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    process = await asyncio.to_thread(spawn, path)
    try:
        link(path, tmp_path / "other.db")
        with pytest.raises(LedgerBusyError, match="in use by another process under another name"):
            await SqliteLedger(str(tmp_path / "other.db")).start()
    finally:
        await asyncio.to_thread(kill_after, process, 1)


@pytest.mark.parametrize("replaced", [False, True])
async def test_nothing_is_written_to_a_file_that_lost_its_name_until_it_is_put_back(
    path: Path, tmp_path: Path, accept: Make, replaced: bool
) -> None:
    ledger = await filled(path, accept, 3)
    away(path, tmp_path / "away.db", replaced=replaced)
    with pytest.raises(LedgerUnavailableError, match="was moved, deleted or replaced"):
        await ledger.commit(accept("A-lost"))
    ledger._written_at = ledger._probe = None  # as if the second that a commit is good for were over
    with pytest.raises(LedgerUnavailableError, match="was moved, deleted or replaced"):
        await ledger.writable()
    away(tmp_path / "away.db", path)
    assert await ledger.commit(accept("A-kept"))
    await ledger.close()
    again = SqliteLedger(str(path))
    await again.start()
    assert {transaction.ref_id for transaction in await again.transactions()} == {"A-0", "A-1", "A-2", "A-kept"}
    await again.close()


async def test_nothing_is_written_to_a_log_that_was_deleted_and_a_stop_saves_what_was_in_it(
    path: Path, accept: Make
) -> None:
    ledger = await filled(path, accept, 3)
    away(path.with_name("ledger.db-wal"), path.with_name("away"))
    with pytest.raises(LedgerUnavailableError, match=r"ledger\.db-wal was moved or deleted"):
        await ledger.commit(accept("A-lost"))
    await ledger.close()
    again = SqliteLedger(str(path))
    await again.start()
    assert {transaction.ref_id for transaction in await again.transactions()} == {"A-0", "A-1", "A-2"}
    assert await again.commit(accept("A-3"))
    await again.close()


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    await asyncio.to_thread(path.write_bytes, b"this is not a ledger at all\n" * 400)
    with pytest.raises(LedgerDamagedError, match="not a database"):
        await SqliteLedger(str(path)).start()


@pytest.mark.parametrize("first", [3, 60])
async def test_flipped_bytes_are_refused(path: Path, accept: Make, first: int) -> None:
    await (await filled(path, accept)).close()
    damage(path, heads(path, first))  # from 60 on there is nothing that opening reads by itself
    with pytest.raises(LedgerDamagedError, match="restore it from a copy"):
        await SqliteLedger(str(path)).start()


class EndlessCheck(sqlite3.Connection):
    """A file so large that a check of it never ends by itself."""

    def execute(self, *args: Any) -> sqlite3.Cursor:
        endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
        return super().execute(endless)


def test_the_check_at_the_start_takes_no_longer_than_it_may() -> None:
    with contextlib.closing(sqlite3.connect(":memory:", factory=EndlessCheck, check_same_thread=False)) as connection:
        check(connection, "large.db", seconds=0.2)


async def test_a_file_that_was_cut_is_refused(path: Path, accept: Make) -> None:
    await (await filled(path, accept)).close()
    cut(path, 0.5)
    with pytest.raises(LedgerDamagedError):
        await SqliteLedger(str(path)).start()


@pytest.mark.parametrize("left", [0.9, 0.5, 0.0])
async def test_a_log_that_was_cut_is_refused(path: Path, left: float) -> None:
    await asyncio.to_thread(lambda: kill_after(spawn(path), 300))
    cut(Path(f"{path}-wal"), left)
    with pytest.raises(LedgerDamagedError, match="were answered"):
        await SqliteLedger(str(path)).start()


async def test_flipped_bytes_in_the_log_are_refused(path: Path) -> None:
    await asyncio.to_thread(lambda: kill_after(spawn(path), 300))
    damage(Path(f"{path}-wal"), [50_000])
    with pytest.raises(LedgerDamagedError, match="were answered"):
        await SqliteLedger(str(path)).start()


async def test_an_old_copy_is_refused_until_a_person_says_that_it_is_meant(path: Path, accept: Make) -> None:
    ledger = await filled(path, accept, 10)
    await ledger.close()
    copy = await asyncio.to_thread(path.read_bytes)
    again = SqliteLedger(str(path))
    await again.start()
    await again.commit(accept("later"))
    await again.close()
    await asyncio.to_thread(path.write_bytes, copy)
    with pytest.raises(LedgerDamagedError, match=r"delete .*\.lock"):
        await SqliteLedger(str(path)).start()
    await asyncio.to_thread(Path(f"{path}.lock").unlink)
    meant = SqliteLedger(str(path))
    await meant.start()
    assert len(await meant.transactions(limit=100)) == 10
    await meant.close()


async def test_damage_that_shows_while_running_is_said(path: Path, accept: Make) -> None:
    await (await filled(path, accept)).close()
    ledger = SqliteLedger(str(path))
    await ledger.start()
    damage(path, heads(path))
    with pytest.raises(LedgerDamagedError):
        await ledger.transactions(limit=1000)
    await ledger.close()


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailableError, match="cannot be opened"):
        await SqliteLedger(str(tmp_path / "file" / "ledger.db")).start()


async def test_the_file_is_for_its_owner_only(path: Path, accept: Make) -> None:
    ledger = await filled(path, accept, 1)
    assert [os.stat(f"{path}{end}").st_mode & 0o777 for end in ("", "-wal", ".lock")] == [0o600] * 3  # noqa: PTH116
    await ledger.close()


async def test_every_commit_waits_for_the_disk(path: Path) -> None:
    ledger = SqliteLedger(str(path))
    await ledger.start()
    assert ledger._writer.connection is not None
    settings = {name: ledger._writer.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}
    await ledger.close()
    assert settings == PRAGMAS


PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


async def test_the_reader_cannot_write(path: Path, accept: Make) -> None:
    ledger = await filled(path, accept, 1)
    assert await ledger.transactions()
    reader = ledger._reader._connection
    assert reader is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM events")
    await ledger.close()


@pytest.mark.parametrize("url", ["mysql://u:canary@h/d", "sqlite://", "/var/ledger.db", ""])
def test_another_kind_of_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(LedgerError, match="must begin with") as caught:
        open_ledger(url)
    assert "canary" not in str(caught.value)
