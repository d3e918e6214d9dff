"""The crash table of `docs/architecture.md`, row by row: killed at a named point, started again, counted (C2)."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.testing.processes import until
from gateway.testing.site import CLIENT, Client, Site
from gateway_otomax.sandbox import OtomaxSandbox

Here = Callable[..., AbstractAsyncContextManager[tuple[Site, OtomaxSandbox, OtomaxSandbox]]]

LAUNCHER: list[str | Path] = [sys.executable, Path(__file__).with_name("launcher.py")]
AT_ONCE, REPORTED, FOR_CHECKS = "081700000020", "081700000000", "081700000030"
TAKEN_BACK = "081700000024"
SLOW = "081700000096"


def on_disk(site: Site, copy: Path) -> dict[str, tuple[str, list[str]]]:
    """What a dead gateway left: by `ref_id` the status, and those of the attempts. The file itself is not touched."""
    copy.mkdir()
    for file in site.folder.glob("ledger.db*"):
        shutil.copy(file, copy)
    with contextlib.closing(sqlite3.connect(copy / "ledger.db")) as ledger:
        attempts: dict[int, list[str]] = {}
        for transaction, status in ledger.execute("SELECT transaction_id, status FROM attempts ORDER BY id"):
            attempts.setdefault(transaction, []).append(status)
        rows = ledger.execute("SELECT id, ref_id, status FROM transactions").fetchall()
    return {ref_id: (status, attempts.get(number, [])) for number, ref_id, status in rows}


async def ask(client: Client, dest: str) -> dict[str, Any] | None:
    """Buy from a gateway that dies of it: what it answered before, if anything."""
    try:
        status, body = await client.post("A-1", dest)
    except (aiohttp.ClientError, OSError):
        return None
    assert status == 201
    return body


async def ended(client: Client, status: str) -> dict[str, Any] | None:
    """The transaction, if that is what became of it."""
    held = await client.get("A-1")
    return held if held is not None and held["status"] == status else None


@dataclass(frozen=True)
class Row:
    """A kill, and what must come of it."""

    point: str
    dest: str
    left: tuple[str, list[str]] | None
    """On disk after the kill."""
    ends: str
    first: int
    """How many purchases reached the first supplier."""
    second: int

    def __str__(self) -> str:
        return f"{self.point}-{self.dest[-2:]}"


ROWS = [
    Row("before_accept_commit", AT_ONCE, None, "success", 1, 0),
    Row("after_accept_commit", AT_ONCE, ("pending", ["sending"]), "success", 0, 1),
    Row("after_attempt_commit", AT_ONCE, ("pending", ["sending"]), "success", 0, 1),
    Row("after_answer", AT_ONCE, ("pending", ["sending"]), "success", 1, 0),
    Row("before_apply_commit", AT_ONCE, ("pending", ["sending"]), "success", 1, 0),
    Row("after_apply_commit", AT_ONCE, ("success", ["success"]), "success", 1, 0),
    Row("after_report_stored", REPORTED, ("pending", ["pending"]), "success", 1, 0),
    Row("after_report_stored", TAKEN_BACK, ("success", ["success"]), "reversed", 1, 0),
    Row("after_check_answer", FOR_CHECKS, ("pending", ["pending"]), "success", 1, 0),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_killed_at_a_named_point_it_ends_as_the_table_says(row: Row, here: Here, tmp_path: Path) -> None:
    # The first check comes after the report, so that each row meets its own point.
    async with here(checks=["600ms", "1200ms", "2s"]) as (site, first, second), site.client() as client:
        async with site.running("--crash", row.point, command=LAUNCHER) as child:
            answered = await ask(client, row.dest)
            assert await child.ended(20) == -signal.SIGKILL
        assert on_disk(site, tmp_path / "left").get("A-1") == row.left
        if row.left is None:
            assert answered is None
        async with site.running():
            repeated, _ = await client.buy("A-1", row.dest)
            held = await until(lambda: ended(client, row.ends), within=20, what=row.ends)
            await first.reported()
    assert held is not None
    assert {one["id"] for one in (answered, repeated, held) if one is not None} == {held["id"]}
    assert (len(first.purchases), len(second.purchases)) == (row.first, row.second)  # sent, each at most once
    charged = 0 if row.ends == "reversed" else 5_400
    assert (first.charges, second.charges) == (row.first * charged, row.second * charged)


async def test_killed_after_the_transaction_and_before_an_attempt_it_is_routed_on_restart(
    here: Here, tmp_path: Path
) -> None:
    """The account's only slot is taken by a slow purchase, so the second one is committed without an attempt."""
    limits = {"in_flight": 1, "wait": "5s"}
    async with here(limits=limits, timeouts={"connect": "2s", "answer": "5s"}) as (site, first, second):
        async with site.client() as client:
            async with site.running("--crash", "after_accept_commit:2", command=LAUNCHER) as child:
                status, _ = await client.post("slow", SLOW)
                assert status == 201
                assert await ask(client, AT_ONCE) is None
                assert await child.ended(20) == -signal.SIGKILL
            left = on_disk(site, tmp_path / "left")
            assert left == {"slow": ("pending", ["sending"]), "A-1": ("pending", [])}
            async with site.running():
                assert (await client.settled("A-1"))["status"] == "success"
                assert (await client.settled("slow"))["status"] == "success"
        assert sorted(arrival.dest for arrival in first.purchases) == [AT_ONCE, SLOW]
        assert len(second.purchases) == 0


async def test_what_may_have_left_waits_for_a_person_where_never_seen_is_no_proof(here: Here) -> None:
    async with here(never_seen=None) as (site, first, second), site.client() as client:
        async with site.running("--crash", "after_attempt_commit", command=LAUNCHER) as child:
            await ask(client, AT_ONCE)
            await child.ended(20)
        async with site.running():
            held = await client.settled("A-1")
            events = [event["event"] for event in await client.events(held["id"])]
    assert (held["status"], held["needs_review"]) == ("pending", True)
    assert [attempt["status"] for attempt in held["attempts"]] == ["unknown"]
    assert events[-1] == "needs_review"
    assert (len(first.purchases), len(second.purchases)) == (0, 0)


async def test_the_notification_is_on_disk_with_the_final_state(here: Here, tmp_path: Path) -> None:
    """The last row of the table: whatever delivers notifications finds it after the restart."""
    webhook = {"url": "http://127.0.0.1:9/hook", "secret": "whsec_" + "A" * 32, "allow_networks": ["127.0.0.0/8"]}
    async with here() as (site, _, _), site.client() as client:
        settings = json.loads(site.config.read_text(encoding="utf-8"))
        settings["clients"][0]["webhook"] = webhook
        site.config.write_text(json.dumps(settings), encoding="utf-8")
        async with site.running("--crash", "after_apply_commit", command=LAUNCHER) as child:
            await ask(client, AT_ONCE)
            assert await child.ended(20) == -signal.SIGKILL
        on_disk(site, tmp_path / "left")
    with contextlib.closing(sqlite3.connect(tmp_path / "left" / "ledger.db")) as ledger:
        rows = ledger.execute("SELECT client, event, delivered_at FROM notifications").fetchall()
        status = ledger.execute("SELECT status FROM transactions").fetchall()
    assert status == [("success",)]
    assert rows == [(CLIENT, "transaction.success", None)]
