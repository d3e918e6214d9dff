"""`checks.md` C31: a canary in every secret, real traffic at DEBUG, and then a search of everything that comes out."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from gateway.app import redactor as redactor_of
from gateway.app import running
from gateway.observe.logging import configure_logging
from gateway.plugins import load_plugins
from gateway.settings.load import load
from gateway.settings.types import Settings
from gateway.testing.canaries import forms, seen
from gateway.testing.processes import free_port
from gateway_otomax.sandbox import BEHAVIOURS, OtomaxSandbox
from gateway_otomax.sign import purchase_words, sign

SECRETS = {
    "pin": 'canary-pin/+"1&é',
    "password": "canary password=?#",
    "token": "canary-report-token",
    "slug": "canary-slug",
    "key": "canary-client-key",
    "webhook": "whsec_" + base64.b64encode(b"canary-webhook-secret-of-the-shop").decode(),
    "proxy": "canary-proxy:pass@/word",
    "wrong": "canary-guessed-token",
    "stranger": "canary-strangers-key",
}


def written(folder: Path, ports: dict[str, int]) -> Path:
    """The configuration: an account for each way in which a call can go wrong."""
    account: dict[str, Any] = {
        "kind": "otomax",
        "member_id": "SANDBOX",
        "pin": SECRETS["pin"],
        "password": SECRETS["password"],
        "reports": {"allow_from": ["127.0.0.1"], "token": SECRETS["token"], "trust": "verify"},
        "check": "param",
        "checks": ["200ms", "400ms", "800ms"],
        "timeouts": {"connect": "1s", "answer": "1s"},
    }
    proxy = f"http://canary-user:{quote(SECRETS['proxy'], safe='')}@127.0.0.1"
    urls = {
        "first": {"url": f"http://127.0.0.1:{ports['supplier']}/trx/{SECRETS['slug']}", "balance_every": "1s"},
        "closed": {"url": f"http://127.0.0.1:{ports['closed']}/trx/{SECRETS['slug']}"},
        "tls": {"url": f"https://127.0.0.1:{ports['supplier']}/trx/{SECRETS['slug']}"},
        "refusing": {"url": f"http://127.0.0.1:1/trx/{SECRETS['slug']}", "proxy": f"{proxy}:{ports['proxy']}"},
        "no-proxy": {"url": f"http://127.0.0.1:1/trx/{SECRETS['slug']}", "proxy": f"{proxy}:{ports['closed']}"},
    }
    hook = {
        "url": f"http://127.0.0.1:{ports['closed']}/hook",
        "secret": SECRETS["webhook"],
        "allow_networks": ["127.0.0.0/8"],
    }
    key_hash = "sha256:" + hashlib.sha256(SECRETS["key"].encode()).hexdigest()
    path = folder / "gateway.json"
    path.write_text(
        json.dumps(
            {
                "server": {"host": "127.0.0.1", "port": ports["api"], "admin_port": 0, "drain": "2s"},
                "ledger": {"url": f"sqlite:///{folder}/ledger.db"},
                "audit": {"path": str(folder / "audit.jsonl")},
                "clients": [{"id": "shop", "key_hash": key_hash, "webhook": hook}],
                "providers": [{"id": name, **account, **more} for name, more in urls.items()],
                "products": [
                    {"code": name.upper(), "routes": [{"provider": name, "code": "XL5", "price": 5_500}]}
                    for name in urls
                ],
            }
        ),
        encoding="utf-8",
    )
    return path


@contextlib.asynccontextmanager
async def refusing_proxy() -> AsyncIterator[int]:
    """A proxy that sends the whole request back with its 407, the credentials with it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: %d\r\n\r\n" % len(head) + head)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def traffic(session: aiohttp.ClientSession, api: str, admin: str) -> AsyncIterator[str]:
    """Everything that clients, suppliers and operators do, and all that they are answered."""

    async def ask(method: str, url: str, **more: Any) -> str:
        async with session.request(method, url, **more) as response:
            return f"{dict(response.headers)}\n{await response.text()}"

    key = {"Authorization": f"Bearer {SECRETS['key']}"}
    orders = [("FIRST", f"0817000099{ending or '01'}") for ending in BEHAVIOURS if ending not in {"90", "94"}]
    orders += [(name, "081700009920") for name in ("CLOSED", "TLS", "REFUSING", "NO-PROXY")]
    for number, (product, dest) in enumerate(orders):
        order = {"ref_id": f"R-{number}", "product": product, "dest": dest}
        wait = {"Prefer": "wait=0" if product == "FIRST" else "wait=1"}
        yield await ask("POST", f"{api}/v1/transactions", json=order, headers={**key, **wait})
    await asyncio.sleep(2.5)  # the checks go out, and the reports come in
    for text in ("{", '{"pin": "x"}', "[]"):
        yield await ask("POST", f"{api}/v1/transactions", data=text, headers=key)
    stranger = {"Authorization": f"Bearer {SECRETS['stranger']}"}
    yield await ask("GET", f"{api}/v1/products", headers=stranger)
    for token in (SECRETS["token"], SECRETS["wrong"]):
        for account in ("first", "nobody"):
            yield await ask("GET", f"{api}/reports/{account}/{token}?message=what&pin={quote(SECRETS['pin'])}")
            yield await ask("POST", f"{api}/reports/{account}/{token}", data=SECRETS["password"])
    for path in ("/openapi.json", "/docs", "/v1/transactions", "/v1/products", "/nowhere"):
        yield await ask("GET", api + path, headers=key)
    shown = json.loads((await ask("GET", f"{admin}/admin/transactions?limit=200")).partition("\n")[2])
    for one in shown["transactions"]:
        yield await ask("GET", f"{admin}/admin/transactions/{one['id']}")
        yield await ask("GET", f"{api}/v1/transactions/{one['id']}/events", headers=key)
    operator = {"operator": "Siti", "reason": f"he read {SECRETS['pin']} to me on the phone"}
    yield await ask("POST", f"{admin}/admin/providers/first/rebase", json=operator)
    yield await ask("POST", f"{admin}/admin/providers/first/pause", json=operator)
    yield await ask("GET", f"{admin}/admin/providers")
    await ask("POST", f"{admin}/admin/providers/first/resume", json={"operator": "Siti"})
    for path in ("providers", "transactions", "review", "reports/unmatched", "reports/unreadable", "webhooks"):
        yield await ask("GET", f"{admin}/admin/{path}")
    yield await ask("GET", f"{admin}/metrics")


def kept(folder: Path) -> Iterator[str]:
    """Every byte that the gateway has written: ledger, write-ahead log, audit log."""
    for file in folder.iterdir():
        if file.suffix not in {".json", ".yaml"} and file.is_file():
            yield file.read_bytes().decode("latin-1")


def commands(config: Path, folder: Path) -> Iterator[str]:
    """What the commands print, with a good configuration and with bad ones."""
    good = json.loads(config.read_text())
    bad = {**good, "clients": [{**good["clients"][0], "key": SECRETS["key"]}], "surprise": SECRETS["password"]}
    bad["providers"] = [
        {**one, "url": "not a url " + SECRETS["slug"], "pin": [SECRETS["pin"]]} for one in good["providers"]
    ]
    wrong = folder / "wrong.json"
    wrong.write_text(json.dumps(bad))
    broken = folder / "broken.yaml"
    broken.write_text(f"providers:\n  - pin: {SECRETS['token']}\n password: '{SECRETS['slug']}\n")
    runs = [
        ["check", "--config", str(config)],
        ["check", "--config", str(wrong)],
        ["check", "--config", str(broken)],
        ["explain", "FIRST", "081712345678", "--config", str(config)],
        ["export", "--from", "2020-01-01", "--to", "2099-01-01", "--config", str(config)],
        ["audit", "verify", str(folder / "audit.jsonl")],
        ["plugins"],
    ]
    for run in runs:
        done = subprocess.run(  # noqa: S603 — our own command
            [sys.executable, "-m", "gateway", *run], capture_output=True, text=True, timeout=60, check=False
        )
        yield done.stdout + done.stderr


async def test_no_secret_comes_out_anywhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    came_out: dict[str, list[str]] = {}
    supplier = OtomaxSandbox(
        pin=SECRETS["pin"],
        password=SECRETS["password"],
        slug=SECRETS["slug"],
        report_delay=0.05,
        report_pauses=(0.1,),
        report_url=f"http://127.0.0.1:{(api := free_port())}/reports/first/{SECRETS['token']}",
    )
    plugins = load_plugins()
    asyncio.get_running_loop().set_debug(True)
    async with refusing_proxy() as proxy:
        ports = {"supplier": await supplier.start("127.0.0.1", 0), "closed": free_port(), "proxy": proxy, "api": api}
        config = written(tmp_path, ports)
        settings: Settings = load(config, plugins.kinds)
        configure_logging("debug", redactor_of(settings).text)
        logging.getLogger("some.library").debug("sent %s to %r", SECRETS["pin"], f"http://h/{SECRETS['slug']}")
        try:
            async with running(settings, plugins, config_path=config, sweep_every=0.05) as gateway:
                async with aiohttp.ClientSession() as session:
                    base = f"http://127.0.0.1:{gateway.admin_port}"
                    came_out["answers"] = [text async for text in traffic(session, f"http://127.0.0.1:{api}", base)]
                came_out["files of a running gateway"] = list(kept(tmp_path))
        finally:
            configure_logging("info")
            await supplier.stop()
    came_out["files"] = list(kept(tmp_path))
    came_out["commands"] = await asyncio.to_thread(lambda: list(commands(config, tmp_path)))
    came_out["settings"] = [repr(settings), str(settings), repr(settings.providers), *map(repr, settings.providers)]
    printed = capfd.readouterr()
    came_out["console"] = [printed.out, printed.err]
    signs = {
        f"sign of {one.ref}": sign(
            purchase_words(
                member_id="SANDBOX",
                product=one.product,
                dest=one.dest,
                ref=one.ref,
                pin=SECRETS["pin"],
                password=SECRETS["password"],
            ),
            prefix="OtomaX",
        )
        for one in supplier.purchases
    }
    assert len(signs) > 15
    assert '"level":"debug"' in printed.err, "the log speaks at DEBUG"
    assert any("akan diproses" in text for text in came_out["files"]), "there is something to look through"
    leaks = {
        place: names for place, texts in came_out.items() if (names := seen("\n".join(texts), {**SECRETS, **signs}))
    }
    assert leaks == {}


@pytest.mark.parametrize("name", SECRETS)
def test_the_search_finds_a_secret_in_every_form(name: str) -> None:
    for form in forms(SECRETS[name]):
        assert name in seen(f"before {form} after", SECRETS)
    assert seen("nothing here", SECRETS) == []
