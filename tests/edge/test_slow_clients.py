"""Slow clients are cut in time and hold nobody else up (C21). `python -m bench.slow_clients` is the full size."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from gateway.testing.site import KEY, Site, account
from gateway.testing.slow_clients import hold, manners, overdue, summary, turned_away

HEAD, BODY = 2.0, 2.5


def resident(pid: int) -> int:
    """Memory in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


async def test_slow_clients_at_both_listeners_are_cut_in_time_while_a_good_one_buys(
    tmp_path: Path, supplier: int
) -> None:
    launcher = Path(__file__).with_name("launcher.py")
    command: list[str | Path] = [sys.executable, launcher, "--head", str(HEAD), "--body", str(BODY), "serve"]
    site = Site(tmp_path, [account("first", supplier)], command=command)
    async with site.running() as gateway, site.client() as client:
        await client.buy("warm", "081700000020", wait=5)
        before = resident(gateway.pid)
        ways = {site.port: manners(False, KEY), site.admin_port: manners(True, KEY)}
        holding = asyncio.create_task(hold(ways, 100, per_second=400, every=0.3, patience=20))
        slowest, number = 0.0, 0
        while not holding.done():
            began = time.monotonic()
            bought, tries = await client.buy(f"A-{number}", f"0817{number:06d}20", wait=5)
            slowest, number = max(slowest, time.monotonic() - began), number + 1
            assert (bought["status"], tries) == ("success", 1)
            await asyncio.sleep(0.02)
        held = await holding
        assert (await client.readiness())[0] == 200
        assert resident(gateway.pid) - before < 20_000_000
    told = summary(held, head=HEAD)
    # A round of the sweep and a rest of the body that nobody reads come on top, and the load of a busy machine.
    assert overdue(held, head=HEAD + 1.5, body=BODY + 4.0) == [], told
    assert not [one for one in held if one.port == site.port and turned_away(one, HEAD)], told
    assert {one.status for one in held if one.manner.startswith("body")} >= {408}, told
    assert slowest < 1.0
    assert number > 20
