"""Accepted means durable: whatever a power failure leaves, every answered `ref_id` is in it (C1)."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from random import Random

import pytest

from gateway.app import running
from gateway.cli.configuration import read_configuration
from gateway.engine.crashpoints import CrashPoint
from gateway.ledger import open_ledger, sqlite_connection
from gateway.ledger.sqlite import migrate_file
from gateway.testing.site import CLIENT, Client, Site
from gateway.testing.unsynced import Connection, Contents, UnsyncedVfs
from gateway_otomax.sandbox import OtomaxSandbox

Here = Callable[..., AbstractAsyncContextManager[tuple[Site, OtomaxSandbox, OtomaxSandbox]]]
Hook = Callable[[CrashPoint], None]
DEST = "0817000{:03}20"


@pytest.fixture
def vfs() -> UnsyncedVfs:
    return UnsyncedVfs()


def put_under(vfs: UnsyncedVfs, monkeypatch: pytest.MonkeyPatch, *, synchronous: str = "FULL") -> None:
    """Have the ledger work over `vfs` from now on, with its own settings but, for a planted fault, that one."""

    def connect(path: str, *, reading: bool = False) -> Connection:
        own = sqlite_connection._READER if reading else sqlite_connection._WRITER
        pragmas = [
            pragma.replace("synchronous=FULL", f"synchronous={synchronous}")
            for pragma in (*sqlite_connection._COMMON, *own)
        ]
        return Connection(vfs, path, reading=reading, pragmas=pragmas)

    monkeypatch.setattr(sqlite_connection, "connect", connect)


async def buy_one_by_one(site: Site, vfs: UnsyncedVfs, number: int) -> list[int]:
    """How many writes were not synced, each time that a purchase was accepted or its call was about to leave."""
    seen: list[int] = []

    def hook(point: CrashPoint) -> None:
        if point in {CrashPoint.AFTER_ACCEPT_COMMIT, CrashPoint.AFTER_ATTEMPT_COMMIT, CrashPoint.AFTER_APPLY_COMMIT}:
            seen.append(vfs.unsynced)

    settings, plugins = read_configuration(site.config)
    async with running(settings, plugins, config_path=site.config, crash=hook), site.client() as client:
        for each in range(number):
            held, _ = await client.buy(f"A-{each}", DEST.format(each), wait=10)
            assert held["status"] == "success"
    return seen


async def test_nothing_is_unsynced_when_a_purchase_is_accepted_sent_or_settled(
    here: Here, vfs: UnsyncedVfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with here() as (site, _, _):
        migrate_file(str(site.ledger))
        put_under(vfs, monkeypatch)
        assert await buy_one_by_one(site, vfs, 20) == [0] * 60


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
async def test_a_ledger_that_does_not_wait_for_the_disk_is_noticed(
    here: Here, vfs: UnsyncedVfs, monkeypatch: pytest.MonkeyPatch, synchronous: str
) -> None:
    async with here() as (site, _, _):
        migrate_file(str(site.ledger))
        put_under(vfs, monkeypatch, synchronous=synchronous)
        assert min(await buy_one_by_one(site, vfs, 5)) > 0


async def buy_until_the_power_fails(
    site: Site, vfs: UnsyncedVfs, folder: Path, failures: int
) -> list[tuple[Path, set[str]]]:
    """Power failures under load: what each left, and which `ref_id`s had been answered by then.

    Every second one leaves some of the unsynced writes, in any order and torn.
    """
    answered: set[str] = set()
    left: list[tuple[Path, set[str]]] = []
    random = Random(7)  # noqa: S311 — a test that can be repeated
    passages = itertools.count(1)

    def hook(_: CrashPoint) -> None:
        if next(passages) % 40 == 0 and len(left) < failures:
            at = folder / str(len(left))
            left.append((at, set(answered)))
            part = random if len(left) % 2 else None
            vfs.power_failure(at, random=part, beside=[Path(f"{site.ledger}.lock")])

    async def load(client: Client, lane: int) -> None:
        for number in range(1_000):
            if len(left) >= failures:
                return
            ref_id = f"{lane}-{number}"
            await client.buy(ref_id, f"0817{lane:02}{number:04}20")
            answered.add(ref_id)

    settings, plugins = read_configuration(site.config)
    async with running(settings, plugins, config_path=site.config, crash=hook), site.client() as client:
        await asyncio.gather(*(load(client, lane) for lane in range(16)))
    return left


async def missing(folder: Path, answered: set[str]) -> set[str]:
    """Which of them a restart does not find, with Python's own SQLite."""
    ledger = open_ledger(f"sqlite:///{folder}/ledger.db")
    await ledger.start()
    try:
        return {ref_id for ref_id in answered if await ledger.transaction_by_ref(CLIENT, ref_id) is None}
    finally:
        await ledger.close()


async def test_every_answered_purchase_outlives_a_power_failure(
    here: Here, vfs: UnsyncedVfs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with here() as (site, _, _):
        migrate_file(str(site.ledger))
        with monkeypatch.context() as patched:
            put_under(vfs, patched)
            left = await buy_until_the_power_fails(site, vfs, tmp_path / "left", 20)
    assert len(left) == 20
    assert len(left[-1][1]) > 100
    for folder, answered in left:
        with sqlite3.connect(folder / "ledger.db") as ledger:
            assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        ledger.close()
        assert await missing(folder, answered) == set()


async def test_a_power_failure_takes_answered_purchases_from_a_ledger_that_does_not_wait(
    here: Here, vfs: UnsyncedVfs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with here() as (site, _, _):
        migrate_file(str(site.ledger))
        with monkeypatch.context() as patched:
            put_under(vfs, patched, synchronous="NORMAL")
            left = await buy_until_the_power_fails(site, vfs, tmp_path / "left", 4)
    for folder, _ in left:
        (folder / "ledger.db.lock").unlink()  # it would say so, too
    assert any([await missing(folder, answered) for folder, answered in left])


def test_the_layer_keeps_what_was_synced_and_loses_what_was_not() -> None:
    contents = Contents(b"abc")
    contents.pending += [(2, b"x" * 1_500), (1, None), (1, b"z")]
    assert contents.after_power_failure(None) == b"abc"
    some = {contents.after_power_failure(Random(seed)) for seed in range(20)}  # noqa: S311 — as above
    assert len(some) > 3
    contents.sync()
    assert contents.after_power_failure(Random(1)) == b"az"  # noqa: S311 — as above
