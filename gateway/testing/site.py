"""A gateway as its own process on SQLite in a folder, as fault tests start, kill, stop and ask it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from gateway.testing.processes import Child, free_port, until

KEY = "fault-test-key"
CLIENT = "shop"
TOKEN = "fault-test-report-token"  # noqa: S105 — known to everybody, and opens nothing
SERVE = (sys.executable, "-m", "gateway", "serve")
_WAIT_FOR_READY = 60.0
_PATIENCE = 15.0
"""Seconds for one answer, besides those that the gateway was told to wait."""


def account(name: str, port: int, **more: Any) -> dict[str, Any]:
    """An account at a sandbox supplier on this machine, with quick time-outs and checks."""
    return {
        "id": name,
        "kind": "otomax",
        "url": f"http://127.0.0.1:{port}/trx/sandbox",
        "member_id": "SANDBOX",
        "pin": "1234",
        "password": "sandbox-password",
        "reports": {"allow_from": ["127.0.0.1/32"], "token": TOKEN, "trust": "verify"},
        "check": "param",
        "checks": ["400ms", "1s", "2s", "4s"],
        "never_seen": {"after": "800ms", "times": 2},
        "timeouts": {"connect": "2s", "answer": "1s"},
        **more,
    }


class Site:
    """A folder with a configuration, a ledger and an audit log, and the gateway that works there.

    Args:
        accounts: see `account`. Every product is tried there in this order.
        command: starts the gateway; `--config FILE` is added.
        more: further sections of the configuration, instead of those that stand here.
    """

    def __init__(
        self,
        folder: Path,
        accounts: Sequence[Mapping[str, Any]],
        *,
        port: int | None = None,
        command: Sequence[str | Path] = SERVE,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.admin_port = free_port()
        self.command = command
        self.config = folder / "gateway.json"
        self.ledger = folder / "ledger.db"
        self.audit = folder / "audit.jsonl"
        self.log = folder / "gateway.log"
        sections: dict[str, Any] = {
            "server": {
                "host": "127.0.0.1",
                "port": self.port,
                "admin_host": "127.0.0.1",
                "admin_port": self.admin_port,
            },
            "ledger": {"url": f"sqlite:///{self.ledger}"},
            "audit": {"path": str(self.audit)},
            "clients": [{"id": CLIENT, "key_hash": f"sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"}],
            "providers": list(accounts),
            "products": [
                {"code": "XL5", "routes": [{"provider": one["id"], "code": "XL5", "price": 5_400} for one in accounts]}
            ],
        }
        for name, section in (more or {}).items():
            held = sections.get(name)
            sections[name] = {**held, **section} if isinstance(held, dict) else section
        # JSON is YAML, and the configuration is read as YAML.
        self.config.write_text(json.dumps(sections, indent=1), encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    def start(self, *more: str, command: Sequence[str | Path] | None = None) -> Child:
        """Start the gateway, and do not wait for it."""
        return Child([*(command or self.command), "--config", self.config, *more], log=self.log, folder=self.folder)

    async def ready(self, child: Child) -> float:
        """Wait until it says that it is ready. Seconds from its start.

        Raises:
            RuntimeError: it ended instead; the message holds what it printed.
            TimeoutError: neither happened.
        """

        async def ready() -> float:
            if child.code() is not None:
                raise RuntimeError(f"the gateway ended with {child.code()}: {child.output()[-2_000:]}")
            return time.monotonic() - child.started if await probe(self.admin_port, "/readyz") == 200 else 0.0

        return await until(ready, within=_WAIT_FOR_READY, what="a gateway that is ready")

    @contextlib.asynccontextmanager
    async def running(self, *more: str, command: Sequence[str | Path] | None = None) -> AsyncIterator[Child]:
        """The gateway from when it is ready to the end of the block, where it is killed if it still runs."""
        with self.start(*more, command=command) as child:
            await self.ready(child)
            yield child

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """A client with a key, which also may ask the operators' side."""
        async with aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {KEY}"},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=90),
        ) as session:
            yield Client(session, self.url, self.admin_url)


async def probe(port: int, path: str) -> int:
    """The status that a GET on this machine is answered with; 0 where nobody answers."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
                return int((await reader.readline()).split(b" ")[1])
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, IndexError, ValueError):  # a time-out is an OSError
        return 0


class UnexpectedAnswerError(AssertionError):
    """The gateway answered something that no fault explains."""


class Client:
    """A client of the gateway."""

    def __init__(self, session: aiohttp.ClientSession, url: str, admin_url: str) -> None:
        self._session = session
        self._url = f"{url}/v1/transactions"
        self._admin_url = admin_url

    async def post(self, ref_id: str, dest: str, *, wait: int | None = None) -> tuple[int, dict[str, Any]]:
        """Ask once: the status and the body.

        Raises:
            aiohttp.ClientError, OSError: there was no answer.
        """
        headers = {} if wait is None else {"Prefer": f"wait={wait}"}
        order = {"ref_id": ref_id, "product": "XL5", "dest": dest}
        async with self._session.post(self._url, json=order, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def buy(
        self, ref_id: str, dest: str, *, wait: int | None = None, within: float = 60.0
    ) -> tuple[dict[str, Any], int]:
        """Ask until there is an answer, always with the same `ref_id`: the transaction, and how often was asked.

        Args:
            wait: seconds to wait for the end, the first time only: a gateway that dies sooner would never answer.

        Raises:
            TimeoutError: there was none within that many seconds.
            UnexpectedAnswerError: it is neither the transaction nor `503`.
        """
        return await buy_anywhere([self], 0, ref_id, dest, wait=wait, within=within)

    async def get(self, ref_id: str) -> dict[str, Any] | None:
        """The transaction as it is now; `None` where there is none."""
        async with self._session.get(self._url, params={"ref_id": ref_id}) as response:
            return None if response.status == 404 else dict(await response.json())

    async def settled(self, ref_id: str, within: float = 20.0) -> dict[str, Any]:
        """The transaction once it is final or waits for a person.

        Raises:
            TimeoutError: it does not become so in time.
        """

        async def settled() -> dict[str, Any] | None:
            held = await self.get(ref_id)
            return held if held is not None and (held["status"] != "pending" or held["needs_review"]) else None

        return await until(settled, within=within, what=f"the end of {ref_id}") or {}

    async def all(self, **filters: str) -> dict[str, dict[str, Any]]:
        """Every transaction that the filters let through, by `ref_id`."""
        found: dict[str, dict[str, Any]] = {}
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": "200", **filters, **({"cursor": cursor} if cursor else {})}
            async with self._session.get(self._url, params=query) as response:
                page = await response.json()
            found.update({one["ref_id"]: one for one in page["transactions"]})
            cursor = page["next_cursor"]
        return found

    async def events(self, transaction_id: str) -> list[dict[str, Any]]:
        """What happened to a transaction."""
        async with self._session.get(f"{self._url}/{transaction_id}/events") as response:
            return list((await response.json())["events"])

    async def readiness(self) -> tuple[int, dict[str, Any]]:
        """What `/readyz` says."""
        async with self._session.get(f"{self._admin_url}/readyz") as response:
            return response.status, await response.json()

    async def providers(self) -> dict[str, dict[str, Any]]:
        """The accounts and how they stand, by name."""
        async with self._session.get(f"{self._admin_url}/admin/providers") as response:
            return {one["provider"]: one for one in (await response.json())["providers"]}


async def buy_anywhere(
    clients: Sequence[Client], start: int, ref_id: str, dest: str, *, wait: int | None = None, within: float = 120.0
) -> tuple[dict[str, Any], int]:
    """Ask until there is an answer, another replica each time: the transaction, and how often was asked.

    Args:
        start: which of the clients asks first.

    Raises:
        TimeoutError: there was none within that many seconds.
        UnexpectedAnswerError: it is neither the transaction nor `503`.
    """
    give_up = time.monotonic() + within
    tries = 0
    while time.monotonic() < give_up:
        client = clients[(start + tries) % len(clients)]
        tries += 1
        try:
            async with asyncio.timeout(_PATIENCE + (wait or 0)):
                status, body = await client.post(ref_id, dest, wait=wait if tries == 1 else None)
        except (aiohttp.ClientError, OSError):
            await asyncio.sleep(0.05)
            continue
        if status in (200, 201):
            return body, tries
        if status != 503:
            raise UnexpectedAnswerError(f"{ref_id}: {status} {body}")
        await asyncio.sleep(0.1)
    raise TimeoutError(f"{ref_id} was not answered within {within:g} s")
