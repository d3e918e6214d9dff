"""Two gateways on one PostgreSQL: a purchase waits at the one, and the supplier's report reaches the other."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from gateway.app import Gateway, running
from gateway.plugins import load_plugins
from gateway.settings.load import load
from gateway_otomax.sandbox import OtomaxSandbox

KEY = "cluster-key"
CONFIG = """
server: {{host: 127.0.0.1, port: {port}, admin_host: 127.0.0.1, admin_port: {admin}}}
ledger: {{url: "{url}"}}
audit: {{path: "{folder}/audit-{port}.jsonl"}}
clients:
  - id: shop
    key_hash: sha256:{key_hash}
providers:
  - id: sandbox
    kind: otomax
    url: http://127.0.0.1:{supplier}/trx/sandbox
    member_id: SANDBOX
    pin: "1234"
    password: sandbox-password
    reports: {{allow_from: [127.0.0.1/32], token: cluster-token, trust: source}}
    checks: [30s, 60s]
products:
  - code: XL5
    routes: [{{provider: sandbox, code: XL5, price: 5400}}]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def replica(folder: Path, url: str, port: int, supplier: int) -> AsyncIterator[Gateway]:
    path = folder / f"gateway-{port}.yaml"
    path.write_text(
        CONFIG.format(
            folder=folder,
            port=port,
            admin=free_port(),
            url=url,
            supplier=supplier,
            key_hash=hashlib.sha256(KEY.encode()).hexdigest(),
        )
    )
    plugins = load_plugins()
    async with running(load(path, plugins.kinds), plugins, config_path=path) as gateway:
        yield gateway


async def buy(session: aiohttp.ClientSession, port: int, ref: str, dest: str, wait: int) -> dict[str, Any]:
    async with session.post(
        f"http://127.0.0.1:{port}/v1/transactions",
        json={"ref_id": ref, "product": "XL5", "dest": dest},
        headers={"Authorization": f"Bearer {KEY}", "Prefer": f"wait={wait}"},
    ) as answer:
        assert answer.status in {200, 201}, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


async def test_a_waiting_client_is_woken_by_a_report_that_reached_another_replica(tmp_path: Path, url: str) -> None:
    here, there = free_port(), free_port()
    sandbox = OtomaxSandbox(report_url=f"http://127.0.0.1:{there}/reports/sandbox/cluster-token", report_delay=0.3)
    supplier = await sandbox.start("127.0.0.1", 0)
    try:
        async with (
            replica(tmp_path, url, here, supplier),
            replica(tmp_path, url, there, supplier),
            aiohttp.ClientSession() as session,
        ):
            bought = await buy(session, here, "A-1", "081712345678", wait=20)
            assert bought["status"] == "success"
            again = await buy(session, there, "A-1", "081712345678", wait=0)
            assert again["id"] == bought["id"]
            assert again["status"] == "success"
    finally:
        await sandbox.stop()
    assert [sandbox.times_bought(attempt["id"]) for attempt in bought["attempts"]] == [1]


async def test_fifty_at_once_through_two_replicas_buy_once(tmp_path: Path, url: str) -> None:
    ports = free_port(), free_port()
    sandbox = OtomaxSandbox(report_delay=0.1)
    supplier = await sandbox.start("127.0.0.1", 0)
    try:
        async with (
            replica(tmp_path, url, ports[0], supplier),
            replica(tmp_path, url, ports[1], supplier),
            aiohttp.ClientSession() as session,
        ):
            found = await asyncio.gather(
                *(buy(session, ports[number % 2], "B-1", "081712345620", wait=20) for number in range(50))
            )
    finally:
        await sandbox.stop()
    assert len({one["id"] for one in found}) == 1
    assert {one["status"] for one in found} == {"success"}
    assert len([arrival for arrival in sandbox.purchases if arrival.executed]) == 1
