"""A ledger that cannot be trusted or is not ours alone: the gateway does not start, and says why in one line (C28)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import pytest

from gateway.testing.processes import free_port
from gateway.testing.site import Site, account
from gateway_otomax.sandbox import OtomaxSandbox

Here = Callable[..., AbstractAsyncContextManager[tuple[Site, OtomaxSandbox, OtomaxSandbox]]]


async def refusal(site: Site) -> str:
    """What a gateway says that must not start: one line and exit code 2."""
    with site.start() as child:
        assert await child.ended(30) == 2
        lines = child.output().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


async def bought(here: Here, number: int) -> Site:
    """A site whose gateway has sold so much and was killed then."""
    async with here() as (site, _, _), site.client() as client, site.running():
        for each in range(number):
            await client.buy(f"A-{each}", f"08170000{each:02}20", wait=10)
    return site


async def test_flipped_bytes_keep_it_from_starting(here: Here) -> None:
    site = await bought(here, 20)
    with closing(sqlite3.connect(site.ledger)) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(site.ledger.read_bytes())
    for page in range(2, len(content) // 4096):
        for at in range(page * 4096, page * 4096 + 8):
            content[at] ^= 0xFF
    site.ledger.write_bytes(content)
    assert "damaged" in await refusal(site)


@pytest.mark.parametrize("left", [0.7, 0.0])
async def test_a_log_that_lost_its_end_keeps_it_from_starting(here: Here, left: float) -> None:
    site = await bought(here, 20)
    log = f"{site.ledger}-wal"
    os.truncate(log, int(os.stat(log).st_size * left))  # noqa: PTH116 — nothing else runs in this loop
    assert "were answered" in await refusal(site)


async def test_a_second_gateway_on_the_same_file_does_not_start_and_hurts_nothing(here: Here, tmp_path: Path) -> None:
    async with here() as (site, first, _), site.client() as client, site.running() as child:
        await client.buy("A-1", "081700000120", wait=10)
        (tmp_path / "second").mkdir()
        more = {"ledger": {"url": f"sqlite:///{site.ledger}"}}
        second = Site(tmp_path / "second", [account("first", free_port()), account("second", free_port())], more=more)
        assert f"in use by process {child.pid}" in await refusal(second)
        assert (await client.buy("A-2", "081700000220", wait=10))[0]["status"] == "success"
    assert len(first.purchases) == 2


async def test_a_place_that_cannot_be_written_keeps_it_from_starting(here: Here, tmp_path: Path) -> None:
    """A folder that is no folder: not even root writes there."""
    (tmp_path / "file").write_text("")
    async with here(more={"ledger": {"url": f"sqlite:///{tmp_path}/file/ledger.db"}}) as (site, _, _):
        assert "cannot be opened" in await refusal(site)
