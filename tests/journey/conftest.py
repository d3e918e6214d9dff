"""The whole program on real sockets: clients, the gateway with the OtomaX plugin, and sandbox suppliers."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.app import Gateway, running
from gateway.plugins import load_plugins
from gateway.settings.load import load
from gateway.testing.processes import free_port, until
from gateway_otomax.sandbox import BEHAVIOURS, OtomaxSandbox

SECRETS = {
    "pin": "canary-pin",
    "password": "canary-password",
    "token": "canary-report-token",
    "slug": "canary-slug",
    "key": "canary-client-key",
    "other": "canary-rivals-key",
    "webhook": "whsec_Y2FuYXJ5LXNlY3JldC1vZi0zMi1ieXRlcy1sb25nISE=",
}
QUICK = {**BEHAVIOURS, "96": replace(BEHAVIOURS["96"], wait=0.2)}
"""The sandbox's table; slow is not that slow here."""


@dataclass
class Street:
    """The suppliers, the gateway's folder, and whatever runs at this moment."""

    folder: Path
    port: int
    sandboxes: dict[str, OtomaxSandbox]
    accounts: dict[str, dict[str, Any]]
    """What each account has of its own."""
    sections: dict[str, Any]
    gateway: Gateway = field(init=False)
    session: aiohttp.ClientSession = field(init=False)

    @property
    def first(self) -> OtomaxSandbox:
        return self.sandboxes["first"]

    @property
    def second(self) -> OtomaxSandbox:
        return self.sandboxes["second"]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def admin(self, path: str) -> str:
        return f"http://127.0.0.1:{self.gateway.admin_port}{path}"

    async def post(
        self, ref_id: str, dest: str, *, wait: int | None = 10, key: str = SECRETS["key"], **more: Any
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """A purchase: status, body and headers of its answer."""
        headers = {"Authorization": f"Bearer {key}", **({} if wait is None else {"Prefer": f"wait={wait}"})}
        order = {"ref_id": ref_id, "product": "XL5", "dest": dest, **more}
        async with self.session.post(self.url("/v1/transactions"), json=order, headers=headers) as response:
            return response.status, await response.json(content_type=None), dict(response.headers)

    async def buy(self, ref_id: str, dest: str, **more: Any) -> dict[str, Any]:
        """A purchase that is accepted, or was before."""
        status, body, _ = await self.post(ref_id, dest, **more)
        assert status in {200, 201}, body
        return body

    async def get(self, path: str, *, key: str = SECRETS["key"], **query: str) -> tuple[int, Any]:
        """What the API answers to a client."""
        headers = {"Authorization": f"Bearer {key}"}
        async with self.session.get(self.url(path), params=query, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def operator(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """What the operators' side answers."""
        method = "GET" if body is None else "POST"
        async with self.session.request(method, self.admin(path), json=body) as response:
            text = await response.text()
            return response.status, json.loads(text) if text.startswith(("{", "[")) else text

    async def when(
        self, transaction: dict[str, Any], holds: Callable[[dict[str, Any]], object], within: float = 10
    ) -> dict[str, Any]:
        """The transaction, as the API shows it, as soon as this holds for it."""

        async def looked() -> dict[str, Any] | None:
            _, body = await self.get(f"/v1/transactions/{transaction['id']}")
            return body if holds(body) else None

        found = await until(looked, within=within, what=f"the state of {transaction['ref_id']}")
        assert found is not None
        return found


def _written(street: Street, ports: dict[str, int]) -> Path:
    """The configuration as a file."""
    hashed = {name: "sha256:" + hashlib.sha256(SECRETS[name].encode()).hexdigest() for name in ("key", "other")}
    sections: dict[str, Any] = {
        "server": {"port": street.port, "admin_port": 0, "drain": "5s"},
        "ledger": {"url": f"sqlite:///{street.folder}/ledger.db"},
        "audit": {"path": str(street.folder / "audit.jsonl")},
        "clients": [{"id": "shop", "key_hash": hashed["key"]}, {"id": "rival", "key_hash": hashed["other"]}],
        "providers": [
            {
                "id": name,
                "kind": "otomax",
                "url": f"http://127.0.0.1:{ports[name]}/trx/{SECRETS['slug']}",
                "member_id": "SANDBOX",
                "pin": SECRETS["pin"],
                "password": SECRETS["password"],
                "reports": {"allow_from": ["127.0.0.1"], "token": f"{SECRETS['token']}-{name}", "trust": "verify"},
                "check": "param",
                "checks": ["300ms", "600ms", "1200ms"],
                "timeouts": {"connect": "2s", "answer": "1s"},
                **more,
            }
            for name, more in street.accounts.items()
        ],
        "products": [
            {"code": "XL5", "routes": [{"provider": name, "code": "XL5", "price": 5_500} for name in street.accounts]}
        ],
        **street.sections,
    }
    path = street.folder / "gateway.json"  # JSON is YAML
    path.write_text(json.dumps(sections), encoding="utf-8")
    return path


Opens = Callable[..., AbstractAsyncContextManager[Street]]


@pytest.fixture
def street(tmp_path: Path) -> Opens:
    """Opens the street. Called with `like=` it is the next process on the same ledger with the same suppliers."""

    @contextlib.asynccontextmanager
    async def open_street(
        *,
        accounts: dict[str, dict[str, Any]] | None = None,
        like: Street | None = None,
        sandbox: dict[str, Any] | None = None,
        **sections: Any,
    ) -> AsyncIterator[Street]:
        if like is None:
            port = free_port()
            accounts = {"first": {}} if accounts is None else accounts
            sandboxes = {
                name: OtomaxSandbox(
                    report_url=f"http://127.0.0.1:{port}/reports/{name}/{SECRETS['token']}-{name}",
                    pin=SECRETS["pin"],
                    password=SECRETS["password"],
                    slug=SECRETS["slug"],
                    report_delay=0.05,
                    report_pauses=(0.1, 0.2),
                    behaviours=QUICK,
                    **(sandbox or {}),
                )
                for name in accounts
            }
            here = Street(tmp_path, port, sandboxes, accounts, sections)
        else:
            here = like
        plugins = load_plugins()
        async with contextlib.AsyncExitStack() as stack:
            ports = {}
            for name, one in here.sandboxes.items():
                ports[name] = await one.start("127.0.0.1", 0)
                stack.push_async_callback(one.stop)
            path = _written(here, ports)
            settings = load(path, plugins.kinds)
            here.gateway = await stack.enter_async_context(
                running(settings, plugins, config_path=path, sweep_every=0.05)
            )
            # Clients first: a connection that is kept alive would hold up the end of the server.
            here.session = await stack.enter_async_context(aiohttp.ClientSession())
            yield here

    return open_street


@pytest.fixture
def secrets() -> dict[str, str]:
    """What must never be seen outside."""
    return SECRETS
