"""A disk that is full or fails under the running gateway: 503, nothing sent, nothing half, and no restart (C27)."""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from gateway.testing.processes import Child, until
from gateway.testing.site import TOKEN, Client, Site
from gateway_otomax.sandbox import BEHAVIOURS, Answer, Behaviour, OtomaxSandbox, State

Here = Callable[..., AbstractAsyncContextManager[tuple[Site, OtomaxSandbox, OtomaxSandbox]]]

AT_ONCE = "0817000{:03}20"
SLOW = "081700000098"


@contextlib.contextmanager
def every_write_fails(child: Child, site: Site) -> Iterator[None]:
    """No file may be written at any place: the system says EFBIG, and SQLite an I/O error."""
    with limited(child, 0):
        yield


@contextlib.contextmanager
def no_file_may_grow(child: Child, site: Site) -> Iterator[None]:
    """What is there may be written again, so SQLite gets some way into a commit before it fails."""
    with limited(child, Path(f"{site.ledger}-wal").stat().st_size):
        yield


@contextlib.contextmanager
def limited(child: Child, size: int) -> Iterator[None]:
    """The running process may not write beyond that many bytes of any file."""
    held = resource.prlimit(child.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (size, held[1]))
    try:
        yield
    finally:
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, held)


def commits(site: Site) -> tuple[Any, ...]:
    """All that the ledger holds, read from beside."""
    with contextlib.closing(sqlite3.connect(f"file:{site.ledger}?mode=ro", uri=True)) as ledger:
        return tuple(
            ledger.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # noqa: S608 — names of our tables
            for table in ("transactions", "attempts", "events", "exchanges", "reports")
        )


async def refused(client: Client, number: int) -> bool:
    """One purchase more: whether it was refused as unavailable. It says nothing else but that or yes."""
    status, body = await client.post(f"B-{number}", AT_ONCE.format(number))
    assert status in (201, 503), body
    if status == 503:
        assert body["code"] == "unavailable"
    return status == 503


async def try_out(site: Site, client: Client, first: OtomaxSandbox, fault: Callable[[], Any]) -> None:
    """Buy, with the disk in trouble be refused without a trace, and buy again."""
    assert (await client.buy("A-1", AT_ONCE.format(1), wait=10))[0]["status"] == "success"
    with fault():
        numbers = itertools.count(100)

        async def full() -> bool:
            return await refused(client, next(numbers))

        await until(full, within=30, what="a purchase that is refused", look=0)
        sent, held = len(first.purchases), commits(site)
        for _ in range(5):
            assert await refused(client, next(numbers))

        async def not_ready() -> bool:
            return (await client.readiness())[0] == 503

        await until(not_ready, within=10, what="readiness that says no")
        assert (await client.get("A-1") or {})["status"] == "success"  # what is there can still be read
        assert len(first.purchases) == sent
        assert commits(site) == held
    last = next(numbers)
    for number in range(100, last):  # every one of them, and those that were refused are bought now
        assert (await client.buy(f"B-{number}", AT_ONCE.format(number), wait=10))[0]["status"] == "success"
    assert (await client.readiness())[0] == 200
    assert len(first.purchases) == len({arrival.dest for arrival in first.purchases}) == 1 + last - 100


@pytest.mark.parametrize("fault", [every_write_fails, no_file_may_grow], ids=lambda fault: fault.__name__)
async def test_a_purchase_that_cannot_be_written_is_refused_and_not_sent(here: Here, fault: Any) -> None:
    async with here() as (site, first, _), site.client() as client, site.running() as child:
        await try_out(site, client, first, lambda: fault(child, site))


async def test_an_answer_that_cannot_be_written_is_kept_until_it_can_be(here: Here) -> None:
    """The money is spent when the disk fails: nothing is sent again, and what the supplier said is not lost."""
    late = Behaviour(means="slow", answer=Answer.SUCCESS, at_first=State.SUCCESS, wait=1.0)
    reports = {"allow_from": ["127.0.0.1/32"], "token": TOKEN, "trust": "source"}
    never_asked = {"check": "none", "reports": reports, "timeouts": {"connect": "2s", "answer": "20s"}}
    async with here(sandbox={"behaviours": {**BEHAVIOURS, "98": late}}, **never_asked) as (site, first, second):
        async with site.client() as client, site.running() as child:

            async def answered() -> bool:
                """The supplier has it, and its line is free again."""
                return len(first.purchases) == 1 and (await client.providers())["first"]["in_flight"] == 0

            status, _ = await client.post("A-1", SLOW)
            assert status == 201
            with every_write_fails(child, site):
                await until(answered, within=10, what="the supplier's answer")
                assert (await client.get("A-1") or {})["status"] == "pending"
            assert (await client.settled("A-1"))["status"] == "success"
        assert len(first.purchases) == 1
        assert len(second.purchases) == 0


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Callable[[], Any] | None]:
    """A file system of 3 MB on `folder`, and a fault that fills it; `None` where none may be mounted."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None or os.geteuid() != 0:
        yield None
        return
    folder.mkdir()
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=3m", "none", folder], capture_output=True, check=False)  # noqa: S603 — the system's own
    if made.returncode != 0:
        yield None
        return

    @contextlib.contextmanager
    def filled() -> Iterator[None]:
        ballast = folder / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)
        yield
        ballast.unlink()

    try:
        yield filled
    finally:
        subprocess.run([umount, folder], check=True)  # noqa: S603 — as above


async def test_a_full_disk_is_refused_and_recovers(here: Here, tmp_path: Path) -> None:
    """On a file system of its own where this process may mount one, else with files that may not grow."""
    with small_disk(tmp_path / "disk") as filled:
        more = {} if filled is None else {"ledger": {"url": f"sqlite:///{tmp_path}/disk/ledger.db"}}
        async with here(more=more) as (site, first, _), site.client() as client, site.running() as child:
            if filled is None:
                await try_out(site, client, first, lambda: no_file_may_grow(child, site))
            else:
                site.ledger = tmp_path / "disk" / "ledger.db"
                await try_out(site, client, first, filled)
            child.kill()
