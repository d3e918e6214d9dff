"""An engine on each of the two databases whose suppliers are scripts, and a wall clock that tests set forward."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.core.accept import Request
from gateway.core.transaction import Transaction
from gateway.engine.engine import Engine
from gateway.ledger import Ledger, LedgerUnavailableError, open_ledger
from gateway.net.failure import Failure
from gateway.net.transport import Sent
from gateway.provider import Call, Provider, Reply, Report
from gateway.settings.types import ProviderSettings, Settings
from gateway.testing.ledger_database import Database
from gateway.testing.postgres_server import PostgresServer
from gateway.testing.processes import until
from gateway.testing.scripted_supplier import ScriptedProvider, ScriptedSettings, say, target

DEST = "081712345678"


NEVER_LEFT = frozenset(list(Failure)[: list(Failure).index(Failure.ANSWER_TIMEOUT)])


class SetClock:
    """A wall clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


Says = str | bytes | Failure
"""A line of the dialect (or any other text) as the answer, or what went wrong instead of one."""


class Supplier:
    """What stands at the other end of an account: it says what it was told to say, and counts."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        """`buy` or `ask`, and the reference, in the order of arrival."""
        self.buy: Callable[[str], Says] = lambda ref: say("success", ref, sn=f"SN-{ref}")
        self.ask: Callable[[str], Says] = lambda ref: say("pending", ref)
        self.status = 200
        self.took = 0.01
        """Seconds that each call is said to have taken."""
        self.fields: list[dict[str, str]] = []
        """What each call carried."""
        self.open = asyncio.Event()
        """While it is not set, calls are taken and not answered."""
        self.open.set()
        self.waiting = 0
        self.closed = 0
        self.seen: Callable[[str, str], Any] | None = None
        """Called (and awaited) as a call arrives."""

    def count(self, what: str) -> int:
        return sum(one == what for one, _ in self.calls)

    async def start(self) -> None: ...

    async def close(self) -> None:
        self.closed += 1

    async def send(self, call: Call) -> Sent:
        path, fields = target(call)
        what = path.rpartition("/")[2]
        self.calls.append((what, fields["ref"]))
        self.fields.append(fields)
        if self.seen is not None:
            await self.seen(what, fields["ref"])
        self.waiting += 1
        try:
            await self.open.wait()
        finally:
            self.waiting -= 1
        said = (self.buy if what == "buy" else self.ask)(fields["ref"])
        if isinstance(said, Failure):
            return Sent(failure=said, left=said not in NEVER_LEFT, detail=said.value, duration=self.took)
        body = said.encode() if isinstance(said, str) else said
        return Sent(reply=Reply(status=self.status, headers={}, body=body), left=True, duration=self.took)


class Audits:
    """An audit log in memory."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def write(self, event: str, /, **fields: Any) -> None:
        self.lines.append((event, fields))


@dataclass
class Shop:
    """A running engine, and what tests do with it."""

    engine: Engine
    ledger: Ledger
    clock: SetClock
    suppliers: dict[str, Supplier]
    settings: Settings
    audits: Audits = field(default_factory=Audits)

    @property
    def alpha(self) -> Supplier:
        return self.suppliers["alpha"]

    @property
    def beta(self) -> Supplier:
        return self.suppliers["beta"]

    async def buy(self, ref_id: str = "A-1", *, wait: float = 0.0, client: str = "shop", **more: Any) -> Transaction:
        """Buy, and wait for the end for up to `wait` seconds."""
        request = Request(**{"ref_id": ref_id, "product": "XL5", "dest": DEST, **more})
        accepted = await self.engine.accept(client, request)
        return await self.engine.wait_final(accepted.transaction, wait)

    async def now(self, transaction: Transaction) -> Transaction:
        """The transaction as the ledger has it."""
        current = await self.ledger.transaction(transaction.id)
        assert current is not None
        return current

    async def when(self, transaction: Transaction, holds: Callable[[Transaction], object]) -> Transaction:
        """The transaction as soon as this holds for it."""

        async def looked() -> Transaction | None:
            current = await self.now(transaction)
            return current if holds(current) else None

        found = await until(looked, within=5, what="the state that was waited for", look=0.005)
        assert found is not None
        return found

    async def answered(self, ref_id: str = "A-1", **more: Any) -> Transaction:
        """Buy, and wait until the purchase's own answer is applied."""
        one = await self.buy(ref_id, **more)
        return await self.when(one, lambda held: held.attempts and all(a.status != "sending" for a in held.attempts))

    async def report(self, account: str, text: str) -> str:
        """A report with this body, and its verdict."""
        report = Report(method="POST", raw_query="", body=text.encode())
        await self.engine.report(account, report, "203.0.113.7")
        return (await self.ledger.reports(limit=1))[0][1].verdict

    async def kinds(self, transaction: Transaction) -> list[str]:
        """The kinds of the events."""
        return [event.kind for _, event in await self.ledger.events(transaction.id)]

    async def quiet(self) -> None:
        """Sweep, and wait for what that began, until what this led to is begun and ended too."""
        for _ in range(2):
            with contextlib.suppress(LedgerUnavailableError):
                await self.engine._sweeper.sweep()
            while self.engine._tasks:
                await self.engine._tasks.wait(5)

    async def pass_time(self, seconds: float) -> None:
        """Set the clock forward, and let what is due then be done."""
        self.clock.forward(seconds)
        await self.quiet()


def make_settings(
    *,
    accounts: dict[str, dict[str, Any]] | None = None,
    kind: str = "scripted",
    model: type[ProviderSettings] = ScriptedSettings,
    **sections: Any,
) -> Settings:
    accounts = {"alpha": {}, "beta": {}} if accounts is None else accounts
    providers = [
        model.model_validate(
            {
                "id": name,
                "kind": kind,
                "url": "http://127.0.0.1:1/canary-path",
                "checks": ["30s", "2m", "10m"],
                "reports": {"allow_from": ["203.0.113.7"], "token": "canary-token", "trust": "source"},
                **more,
            }
        )
        for name, more in accounts.items()
    ]
    routes = [{"provider": name, "code": "X5", "price": 5_400 + 50 * place} for place, name in enumerate(accounts)]
    body: dict[str, Any] = {
        "products": [{"code": "XL5", "routes": routes}, {"code": "ANY", "open_denomination": True, "routes": routes}],
        **sections,
    }
    return Settings.model_validate(body).model_copy(update={"providers": tuple(providers)})


Opens = Callable[..., AbstractAsyncContextManager[Shop]]


@pytest.fixture
def settings_of() -> Callable[..., Settings]:
    """Makes a configuration: accounts by name, each with its own differences."""
    return make_settings


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger's file with its schema and nothing in it: making one takes longer than most tests here."""
    path = tmp_path_factory.mktemp("ledger") / "empty.db"

    async def make() -> None:
        ledger = open_ledger(f"sqlite:///{path}", owner="one")
        await ledger.start()
        await ledger.close()

    asyncio.run(make())
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty ledger in each of the two databases in turn."""
    if request.param == "sqlite":
        path = tmp_path / "ledger.db"
        shutil.copyfile(request.getfixturevalue("empty_ledger"), path)
        return Database("sqlite", f"sqlite:///{path}")
    server: PostgresServer = request.getfixturevalue("postgres")
    return Database("postgresql", server.url(server.new_database()), server)


@pytest.fixture
def shop(database: Database) -> Opens:
    """Opens a shop on one ledger: called again after the first one is closed, it is the next process on it.

    Args of what it gives:
        accounts: settings by account; both are `alpha` and `beta` where left out, tried in this order.
        provider: the dialect's class.
        like: a shop whose suppliers and clock go on.
        owner: the replica's name.
    """

    @contextlib.asynccontextmanager
    async def open_shop(
        *,
        accounts: dict[str, dict[str, Any]] | None = None,
        provider: type[Provider[Any]] = ScriptedProvider,
        like: Shop | None = None,
        settings: Settings | None = None,
        ledger_hook: Callable[[Ledger], Ledger] | None = None,
        owner: str = "one",
        **more: Any,
    ) -> AsyncIterator[Shop]:
        clock = SetClock() if like is None else like.clock
        settings = settings or (make_settings(accounts=accounts, **more) if like is None else like.settings)
        ledger = await database.open(owner=owner, clock=clock.now)
        suppliers = {one.id: Supplier() for one in settings.providers} if like is None else like.suppliers
        audits = Audits()
        engine = Engine(
            settings,
            {"scripted": provider},
            ledger if ledger_hook is None else ledger_hook(ledger),
            clock=clock,
            audits=audits,
            transports=lambda one: suppliers.setdefault(one.id, Supplier()),
            sweep_every=0.01,
        )
        try:
            await engine.start()
            yield Shop(engine, ledger, clock, suppliers, settings, audits)
        finally:
            await engine.close()
            await ledger.close()

    return open_shop
