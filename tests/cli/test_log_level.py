"""How much is logged: as the configuration says, or the command, and the same after a reload."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.testing.processes import Child, until
from gateway.testing.site import Site


def lines(child: Child) -> list[dict[str, Any]]:
    return [json.loads(line) for line in child.output().splitlines()]


async def reload(site: Site, child: Child, nth: int) -> None:
    """Send SIGHUP, and wait until the reload has been counted."""
    child.send(signal.SIGHUP)

    async def done() -> bool:
        async with aiohttp.ClientSession() as session, session.get(f"{site.admin_url}/metrics") as answer:
            return f'gateway_reloads_total{{result="ok"}} {nth}.0' in await answer.text()

    await until(done, within=10, what="the reload")


def set_level(site: Site, level: str) -> None:
    sections = json.loads(site.config.read_text(encoding="utf-8"))
    site.config.write_text(json.dumps({**sections, "log": {"level": level}}), encoding="utf-8")


async def test_the_configuration_says_what_is_logged_and_a_reload_keeps_to_it(tmp_path: Path) -> None:
    site = Site(tmp_path, [], more={"log": {"level": "warning"}, "products": []})
    async with site.running() as child:
        await reload(site, child, 1)
        assert lines(child) == []
        set_level(site, "info")
        await reload(site, child, 2)
        await until(_told(child, "reloaded"), within=5, what="the line of the second reload")
        assert [line["event"] for line in lines(child)] == ["reloaded"]


@pytest.mark.parametrize("environment", [False, True], ids=["option", "environment"])
async def test_the_command_overrules_the_configuration_and_reloads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, environment: bool
) -> None:
    site = Site(tmp_path, [], more={"products": []})
    if environment:
        monkeypatch.setenv("GATEWAY_LOG_LEVEL", "error")
    async with site.running(*([] if environment else ["--log-level", "error"])) as child:
        await reload(site, child, 1)
        set_level(site, "debug")
        await reload(site, child, 2)
        assert lines(child) == []
        child.send(signal.SIGTERM)
        assert await child.ended(10) == 0
        assert lines(child) == []


def _told(child: Child, event: str) -> Any:
    async def told() -> bool:
        return event in [line["event"] for line in lines(child)]

    return told
