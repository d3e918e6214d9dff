"""A gateway on a sandbox supplier, traffic for it, and a Prometheus of our own that scrapes it each second."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from checks.alerts.rules import ALERTS, PLACE
from checks.alerts.tools import Tools
from gateway.testing.processes import Child, free_port, until
from gateway.testing.site import Site, account

ROUNDS = 8
ENDINGS = ("20", "00", "40", "52", "93", "36", "24", "97")
"""Of destinations: success, reported success, failures, garbage, a stranger's report, one taken back, and nothing."""
HANGING = "22"
"""Pending for ever: a person has to look at it."""


@dataclass(frozen=True)
class Scraped:
    """A gateway with some traffic behind it, and the Prometheus that saw it."""

    prometheus: str
    metrics: str
    """What the gateway's `/metrics` answered at the end."""
    began: float
    ended: float
    """Between these two, in seconds since 1970, there was traffic, by Prometheus's clock."""


def make_site(folder: Path, receiver: int) -> Site:
    one = account(
        "sandbox",
        free_port(),
        monthly_commitment=1_000,
        balance_every="1s",
        limits={"per_second": 200, "in_flight": 20},
        checks=["400ms", "1s", "2s", "3s"],
    )
    webhook = {
        "url": f"http://127.0.0.1:{receiver}/",
        "secret": "whsec_Zm9yIHRoZSBjaGVja3Mgb2YgYWxlcnRzIGFuZCBub3RoaW5nIGVsc2U=",
        "allow_networks": ["127.0.0.0/8"],
    }
    made = Site(folder, [one])
    sections = json.loads(made.config.read_text(encoding="utf-8"))
    sections["clients"][0] |= {"webhook": webhook, "rate": {"per_second": 20, "burst": 20}}
    made.config.write_text(json.dumps(sections), encoding="utf-8")
    return made


def prometheus_command(programs: Tools, folder: Path, port: int, target: int) -> list[str | Path]:
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [
            {"job_name": PLACE["job"], "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]},
        ],
    }
    config = folder / "prometheus.json"  # JSON is YAML
    config.write_text(json.dumps(settings), encoding="utf-8")
    return [
        programs.prometheus,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]


async def when_scraped(url: str, prometheus: Child) -> float:
    if prometheus.code() is not None:
        raise RuntimeError(f"Prometheus ended: {prometheus.output()[-2_000:]}")
    return await when_seen(url, "gateway_build_info")


async def when_seen(url: str, expression: str) -> float:
    """The moment at which an expression first has a value, by Prometheus's clock."""

    async def seen() -> float:
        found = await asked(url, "query", query=expression)
        return float(found["result"][0]["value"][0]) if found.get("result") else 0.0

    return await until(seen, within=30, what=f"{expression} in Prometheus", look=0.2)


async def asked(url: str, path: str, **query: str) -> dict[str, Any]:
    """What Prometheus's API answers; empty as long as nobody listens.

    Raises:
        AssertionError: it refuses the question.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        try:
            async with session.get(f"{url}/api/v1/{path}", params=query) as response:
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, ValueError):
            return {}
    assert answer["status"] == "success", f"{query}: {answer}"
    assert not answer.get("warnings"), f"{query}: {answer['warnings']}"
    return dict(answer["data"])


async def traffic(site: Site, receiver: int) -> None:
    """Purchases for some seconds, a client that is too fast, a refused report, and webhooks until all are there."""
    taken: list[str] = []

    async def take(request: web.Request) -> web.Response:
        taken.append(request.headers["webhook-id"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", receiver).start()
        async with site.client() as client, aiohttp.ClientSession() as session:
            await client.post("hanging", f"0817123456{HANGING}")
            await asyncio.gather(*(client.get("hanging") for _ in range(60)), return_exceptions=True)
            await asyncio.sleep(1)  # until the client may buy again
            for number in range(ROUNDS):
                orders = [(f"{number}-{ending}", f"08171{number:05}{ending}") for ending in ENDINGS]
                await asyncio.gather(*(client.buy(ref_id, dest) for ref_id, dest in orders))
                await asyncio.sleep(1)
            async with session.get(f"{site.url}/reports/sandbox/wrong") as response:
                assert response.status == 403
            async with session.get(f"{site.url}/nowhere"):
                pass
            await client.settled("hanging")

            async def told() -> bool:
                return len(set(taken)) >= ROUNDS * 2

            await until(told, within=20, what="the webhooks")
    finally:
        await runner.cleanup()


async def page(site: Site) -> str:
    """What the gateway's `/metrics` answers."""
    async with aiohttp.ClientSession() as session, session.get(f"{site.admin_url}/metrics") as response:
        return await response.text()
