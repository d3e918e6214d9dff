"""Two gateways on one PostgreSQL: what happens at the one is streamed by the other, and can be resumed there."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.app import Gateway, running
from gateway.plugins import load_plugins
from gateway.settings.load import load
from gateway_otomax.sandbox import OtomaxSandbox

KEYS = {"shop": "cluster-key", "rival": "rivals-key"}


@contextlib.asynccontextmanager
async def replica(folder: Path, name: str, url: str, supplier: int) -> AsyncIterator[Gateway]:
    hashed = {client: "sha256:" + hashlib.sha256(key.encode()).hexdigest() for client, key in KEYS.items()}
    path = folder / f"{name}.json"
    path.write_text(
        json.dumps(
            {
                "server": {"host": "127.0.0.1", "port": 0, "admin_port": 0, "drain": "2s"},
                "ledger": {"url": url},
                "audit": {"path": str(folder / f"{name}.jsonl")},
                "clients": [{"id": client, "key_hash": key_hash} for client, key_hash in hashed.items()],
                "providers": [
                    {
                        "id": "sandbox",
                        "kind": "otomax",
                        "url": f"http://127.0.0.1:{supplier}/trx/sandbox",
                        "member_id": "SANDBOX",
                        "pin": "1234",
                        "password": "sandbox-password",
                    }
                ],
                "products": [{"code": "XL5", "routes": [{"provider": "sandbox", "code": "XL5", "price": 5_400}]}],
            }
        )
    )
    plugins = load_plugins()
    async with running(load(path, plugins.kinds), plugins, config_path=path) as gateway:
        yield gateway


async def buy(session: aiohttp.ClientSession, at: Gateway, ref: str) -> None:
    async with session.post(
        f"http://127.0.0.1:{at.api_port}/v1/transactions",
        json={"ref_id": ref, "product": "XL5", "dest": "081712345620"},
        headers={"Authorization": f"Bearer {KEYS['shop']}", "Prefer": "wait=10"},
    ) as answer:
        assert (await answer.json())["status"] == "success"


async def listen(response: aiohttp.ClientResponse, ends: int, within: float = 20) -> list[dict[str, Any]]:
    """Events as they come, until so many transactions have ended; each is checked to carry its number."""
    heard: list[dict[str, Any]] = []
    number = ""
    async with asyncio.timeout(within):
        while sum(one["event"] == "status" for one in heard) < ends:
            line = (await response.content.readline()).decode().rstrip("\n")
            if line.startswith("id: "):
                number = line.removeprefix("id: ")
            elif line.startswith("data: "):
                heard.append(json.loads(line.removeprefix("data: ")))
                assert str(heard[-1]["id"]) == number
    return heard


def stream(
    session: aiohttp.ClientSession, at: Gateway, *, client: str = "shop", after: int | None = None
) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
    headers = {"Authorization": f"Bearer {KEYS[client]}", **({} if after is None else {"Last-Event-ID": str(after)})}
    return session.get(f"http://127.0.0.1:{at.api_port}/v1/events", headers=headers)


async def test_what_one_replica_does_is_streamed_by_the_other_and_resumed_there(tmp_path: Path, url: str) -> None:
    sandbox = OtomaxSandbox()
    supplier = await sandbox.start("127.0.0.1", 0)
    try:
        async with (
            replica(tmp_path, "a", url, supplier) as a,
            replica(tmp_path, "b", url, supplier) as b,
            aiohttp.ClientSession() as session,
        ):
            async with stream(session, b) as at_b, stream(session, b, client="rival") as rivals:
                assert (at_b.status, rivals.status) == (200, 200)
                for ref in ("A-1", "A-2"):
                    await buy(session, a, ref)
                heard = await listen(at_b, 2)
                with pytest.raises(TimeoutError):
                    await listen(rivals, 1, within=1.5)
            numbers = [one["id"] for one in heard]
            assert numbers == sorted(set(numbers)), "each once, in order"
            assert {one["state"]["ref_id"] for one in heard} == {"A-1", "A-2"}
            await buy(session, b, "B-1")
            await buy(session, a, "A-3")
            for gateway in (a, b):
                async with stream(session, gateway, after=numbers[1]) as again:
                    resumed = await listen(again, 4)
                assert [one["id"] for one in resumed][: len(numbers) - 2] == numbers[2:], "from where it stopped"
                assert {one["state"]["ref_id"] for one in resumed} == {"A-1", "A-2", "A-3", "B-1"}
    finally:
        await sandbox.stop()
