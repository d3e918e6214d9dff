"""C31 where the machinery fails: canaries in the passwords of PostgreSQL and Redis, hosts that are not there, a plugin
that raises with its whole URL, recorded messages that hold a PIN, and crashes at DEBUG."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import aiohttp
import pytest
import structlog
from click.testing import CliRunner

from gateway import Attempt, Call, Outcome, Provider, ProviderSettings, RecordedMessage, Reply, Report, Update
from gateway.app import log_redactor, running
from gateway.cli import gateway
from gateway.errors import GatewayError
from gateway.http.redis_limits import RedisBuckets
from gateway.ledger import LedgerError, open_ledger
from gateway.observe.logging import configure_logging
from gateway.plugins import Plugins, load_plugins
from gateway.settings.load import load
from gateway.settings.types import Rate
from gateway.testing.canaries import seen
from gateway.testing.postgres_server import PostgresServer
from gateway.testing.redis_server import RedisServer
from gateway_otomax.sandbox import OtomaxSandbox

pytestmark = pytest.mark.usefixtures("no_such_host")

SECRETS = {
    "ledger": 'canary-ledger/+"1&é',
    "wrong ledger": "canary-ledgers wrong:@/one",
    "redis": "canary-redis:/+1&=é",
    "pin": "canary-pin-0711",
    "password": "canary password=?#",
    "slug": "canary-slug",
    "query": "canary-query-key",
    "key": "canary-client-key",
    "token": "canary-report-token",
}
FOREVER = ["--from", "2020-01-01", "--to", "2099-01-01"]


class Raising(Provider[ProviderSettings]):
    """A plugin whose every method raises with all that it knows: the whole URL, and who called."""

    kind = "raising"

    def _raise(self) -> NoReturn:
        settings = self.settings
        cause = ConnectionError(f"GET {settings.url}&pin={SECRETS['pin']} failed")
        raise RuntimeError(f"could not call {settings.url!r} of {settings.reports!r} ({SECRETS['pin']})") from cause

    def purchase(self, attempt: Attempt) -> Call:
        if attempt.dest.endswith("1"):
            self._raise()
        return Call(method="GET", url=self.settings.url)

    def read_purchase(self, attempt: Attempt, reply: Reply) -> Outcome:
        self._raise()

    def check(self, attempt: Attempt) -> Call:
        if attempt.dest.endswith("2"):
            self._raise()
        return Call(method="GET", url=self.settings.url)

    def read_check(self, attempt: Attempt, reply: Reply) -> Outcome:
        self._raise()

    def read_report(self, report: Report) -> tuple[Update, ...]:
        self._raise()

    def balance(self) -> Call:
        return Call(method="GET", url=self.settings.url)

    def read_balance(self, reply: Reply) -> int | None:
        self._raise()

    def read_message(self, message: RecordedMessage) -> Outcome:
        self._raise()


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that asks for a password, which is a canary."""
    with PostgresServer() as server:
        server.new_database()
        literal = SECRETS["ledger"].replace("'", "''")
        server.execute("postgres", f"ALTER USER gateway PASSWORD '{literal}'")
        (server.data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n", encoding="ascii")
        server.run("pg_ctl", "-D", str(server.data), "reload")
        yield server


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, password=SECRETS["redis"])
    server.start()
    try:
        yield server
    finally:
        server.stop()


def ledger_url(server: PostgresServer, password: str = SECRETS["ledger"], host: str = "127.0.0.1") -> str:
    return f"postgresql://gateway:{quote(password, safe='')}@{host}:{server.port}/test_0"


def written(folder: Path, ledger: str, redis: str, supplier: int = 1) -> Path:
    """A configuration with accounts that cannot be called, or are called by a plugin that raises."""
    path = f"/trx/{SECRETS['slug']}"
    otomax = {"kind": "otomax", "member_id": "SANDBOX", "pin": SECRETS["pin"], "password": SECRETS["password"]}
    common = {
        "checks": ["100ms", "200ms"],
        "timeouts": {"connect": "1s", "answer": "1s"},
        "reports": {"allow_from": ["127.0.0.1"], "token": SECRETS["token"], "trust": "source"},
        "balance_every": "300ms",
    }
    own: dict[str, dict[str, Any]] = {
        "nowhere": {**otomax, "url": f"http://no-such-host.invalid{path}"},
        "raising": {"kind": "raising", "url": f"http://127.0.0.1:{supplier}{path}?key={SECRETS['query']}"},
    }
    file = folder / "gateway.json"
    sections = {
        "server": {"host": "127.0.0.1", "port": 0, "admin_port": 0, "drain": "2s"},
        "ledger": {"url": ledger},
        "cluster": {"redis": redis},
        "audit": {"path": str(folder / "audit.jsonl")},
        "log": {"level": "debug"},
        "clients": [
            {
                "id": "shop",
                "key_hash": "sha256:" + hashlib.sha256(SECRETS["key"].encode()).hexdigest(),
                "rate": {"per_second": 100},
            }
        ],
        "providers": [{"id": name, **common, **more} for name, more in own.items()],
        "products": [
            {"code": name.upper(), "routes": [{"provider": name, "code": "X", "price": 5_500}]} for name in own
        ],
    }
    file.write_text(json.dumps(sections), encoding="utf-8")
    return file


def with_raising() -> Plugins:
    plugins = load_plugins()
    plugins.kinds[Raising.kind] = Raising
    return plugins


@contextlib.contextmanager
def logging_of(settings: Any) -> Iterator[None]:
    configure_logging("debug", log_redactor(settings).text)
    try:
        yield
    finally:
        configure_logging("info")


async def asked(session: aiohttp.ClientSession, method: str, url: str, **more: Any) -> str:
    key = {"Authorization": f"Bearer {SECRETS['key']}"}
    async with session.request(method, url, headers=key, **more) as response:
        return f"{response.status} {dict(response.headers)}\n{await response.text()}"


async def traffic(api: str, admin: str) -> AsyncIterator[str]:
    """Purchases, reports and an operator, and all that they are answered."""
    async with aiohttp.ClientSession() as session:
        orders = [(name, f"08170000000{end}") for name in ("NOWHERE", "RAISING") for end in (1, 2, 3)]
        for number, (product, dest) in enumerate(orders):
            order = {"ref_id": f"R-{number}", "product": product, "dest": dest}
            yield await asked(session, "POST", f"{api}/v1/transactions", json=order)
        await asyncio.sleep(1)  # the checks go out, and the balances are asked for
        yield await asked(session, "GET", f"{api}/reports/raising/{SECRETS['token']}?key={SECRETS['query']}")
        shown = json.loads((await asked(session, "GET", f"{admin}/admin/transactions")).partition("\n")[2])
        assert len(shown["transactions"]) == len(orders)
        for one in shown["transactions"]:
            yield await asked(session, "GET", f"{admin}/admin/transactions/{one['id']}")
            yield await asked(session, "GET", f"{api}/v1/transactions/{one['id']}/events")
        for path in ("admin/providers", "admin/review", "admin/reports/unreadable", "readyz", "metrics"):
            yield await asked(session, "GET", f"{admin}/{path}")


def every_row(server: PostgresServer) -> list[str]:
    """The whole ledger as text, by table."""

    async def go() -> list[str]:
        import asyncpg  # type: ignore[import-untyped]  # it ships no types

        connection = await asyncpg.connect(ledger_url(server))
        try:
            names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            return [
                f"{name[0]}: {row[0]}"
                for name in names
                for row in await connection.fetch(f'SELECT t::text FROM "{name[0]}" AS t')  # noqa: S608 — a table of ours
            ]
        finally:
            await connection.close()

    with asyncio.Runner() as runner:
        return runner.run(go())


def command(*arguments: str | Path) -> str:
    """What a command prints, the place of a crash with it."""
    done = subprocess.run(  # noqa: S603 — our own command
        [sys.executable, "-m", "gateway", *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "GATEWAY_TRACEBACK": "1"},
    )  # fmt: skip
    return f"{arguments[0]}: {done.returncode}\n{done.stdout}{done.stderr}"


def leaks(came_out: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Which secrets came out where."""
    return {place: names for place, texts in came_out.items() if (names := seen("\n".join(texts), SECRETS))}


async def test_no_secret_of_the_machinery_comes_out(
    tmp_path: Path, postgres: PostgresServer, redis: RedisServer, capfd: pytest.CaptureFixture[str]
) -> None:
    came_out: dict[str, list[str]] = {}
    supplier = OtomaxSandbox(pin=SECRETS["pin"], password=SECRETS["password"], slug=SECRETS["slug"])
    plugins = with_raising()
    file = written(tmp_path, ledger_url(postgres), redis.url, await supplier.start("127.0.0.1", 0))
    settings = load(file, plugins.kinds)
    asyncio.get_running_loop().set_debug(True)
    with logging_of(settings):
        async with running(settings, plugins, config_path=file, sweep_every=0.05, look_every=0.05) as gateway:
            addresses = [f"http://127.0.0.1:{port}" for port in (gateway.api_port, gateway.admin_port)]
            came_out["answers"] = [text async for text in traffic(*addresses)]
            await crash(gateway.engine, settings, addresses[0])
            redis.stop()
            async with aiohttp.ClientSession() as session:
                came_out["answers"].append(await asked(session, "GET", f"{addresses[0]}/v1/products"))
            await asyncio.to_thread(postgres.stop, "immediate")
            async with aiohttp.ClientSession() as session:
                order = {"ref_id": "R-late", "product": "NOWHERE", "dest": "081700000009"}
                came_out["answers"].append(await asked(session, "POST", f"{addresses[0]}/v1/transactions", json=order))
                came_out["answers"].append(await asked(session, "GET", f"{addresses[1]}/readyz"))
            await asyncio.to_thread(postgres.start)
    await supplier.stop()
    came_out["ledger"] = await asyncio.to_thread(every_row, postgres)
    came_out["audit"] = [(tmp_path / "audit.jsonl").read_text(encoding="utf-8")]
    came_out["settings"] = [repr(settings), repr(settings.ledger), repr(settings.cluster)]
    printed = capfd.readouterr()
    came_out["console"] = [printed.out, printed.err]
    assert '"level":"debug"' in printed.err
    assert "planted crash" in printed.err, "crashes are told with their frames"
    assert "redis" in printed.err
    assert any("plugin could not read the answer" in row for row in came_out["ledger"])
    assert any("dns" in row for row in came_out["ledger"])
    assert leaks(came_out) == {}


async def crash(engine: Any, settings: Any, api: str) -> None:
    """Let a request, a task and a callback end in an exception that holds all secrets."""
    known = [SECRETS[name] for name in ("ledger", "redis", "pin", "password", "token", "query")]
    urls = [settings.ledger.url, settings.cluster.redis, *(account.url for account in settings.providers)]
    text = f"planted crash {' '.join([*known, *urls])}"

    async def accept(client: str, request: object) -> NoReturn:
        raise RuntimeError(text) from ValueError(text)

    async def lost() -> NoReturn:
        raise RuntimeError(text)

    right, engine.accept = engine.accept, accept
    async with aiohttp.ClientSession() as session:
        order = {"ref_id": "R-crash", "product": "NOWHERE", "dest": "081700000001"}
        answer = await asked(session, "POST", f"{api}/v1/transactions", json=order)
        assert answer.startswith("500")
        assert "planted" not in answer
    engine.accept = right
    engine._tasks.begin(lost())
    task = asyncio.create_task(lost(), name=f"lost {SECRETS['pin']}")
    await asyncio.sleep(0.05)
    del task  # its exception is never asked for: asyncio tells it, with the task
    asyncio.get_running_loop().call_soon(_raise, text)
    await asyncio.sleep(0.05)


def _raise(text: str) -> NoReturn:
    raise RuntimeError(text)


Address = Callable[[PostgresServer], str]
FAILING: dict[str, Address] = {
    "wrong password": lambda server: ledger_url(server, SECRETS["wrong ledger"]),
    "nobody listens": lambda server: ledger_url(server).replace(f":{server.port}/", ":1/"),
    "no such host": lambda server: ledger_url(server, host="no-such-host.invalid"),
    "no such database": lambda server: ledger_url(server).replace("/test_0", "/nowhere"),
    "odd option": lambda server: ledger_url(server) + "?sslmode=canary",
}


@pytest.mark.parametrize("way", FAILING)
async def test_a_ledger_that_lets_nobody_in_tells_no_password(
    tmp_path: Path, postgres: PostgresServer, way: str, capfd: pytest.CaptureFixture[str]
) -> None:
    url = FAILING[way](postgres)
    file = written(tmp_path, url, f"redis://:{quote(SECRETS['redis'], safe='')}@127.0.0.1:1/0")
    settings = load(file, (plugins := with_raising()).kinds)
    told: list[str] = []
    with logging_of(settings):
        with pytest.raises(GatewayError) as refused:
            async with running(settings, plugins, config_path=file):
                pass
        told.append("".join(map(str, [refused.value, repr(refused.value), refused.value.__cause__])))
        ledger = open_ledger(url)
        with pytest.raises(LedgerError) as again:
            await ledger.start()
        structlog.get_logger("x").error("not_opened", exc_info=again.value)
    printed = capfd.readouterr()
    assert "not_opened" in printed.err
    assert leaks({"errors": told, "console": [printed.out, printed.err]}) == {}


@pytest.mark.parametrize("way", ["wrong password", "nobody listens", "no such database", "odd option"])
def test_no_command_tells_a_password_where_the_ledger_lets_nobody_in(
    tmp_path: Path, postgres: PostgresServer, way: str
) -> None:
    file = written(tmp_path, FAILING[way](postgres), f"redis://:{quote(SECRETS['redis'], safe='')}@127.0.0.1:1/0")
    good = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**good, "providers": good["providers"][:1], "products": good["products"][:1]}))
    statement = tmp_path / "statement.csv"
    statement.write_text("refid,status,tanggal\n1,sukses,2026-11-01\n", encoding="utf-8")
    runs: list[tuple[str | Path, ...]] = [
        ("serve",), ("migrate",), ("check",), ("export", *FOREVER), ("reconcile", "nowhere", statement),
        ("prune", "--before", "2020-02", "--export", tmp_path / "out.jsonl"),
    ]  # fmt: skip
    told = [command(*run, "--config", file) for run in runs]
    assert [text.partition("\n")[0].split()[1] for text in told] == ["2", "2", "0", "2", "2", "2"], told
    assert leaks({"commands": told}) == {}


@pytest.mark.parametrize("password", [SECRETS["redis"] + "x", None])
async def test_a_redis_that_lets_nobody_in_or_is_gone_tells_no_password(
    redis: RedisServer, password: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    url = (
        redis.url if password is None else redis.url.replace(quote(SECRETS["redis"], safe=""), quote(password, safe=""))
    )
    if password is None:
        redis.stop()
    configure_logging("debug")  # without a redactor: the words themselves must hold none
    limits = RedisBuckets(url)
    try:
        await limits.take("shop", Rate(per_second=5))
        await asyncio.sleep(0.3)
    finally:
        await limits.close()
        configure_logging("info")
    printed = capfd.readouterr()
    assert "redis" in printed.err
    assert leaks({"console": [printed.out, printed.err], "repr": [repr(limits)]}) == {}


def test_recorded_messages_that_hold_a_pin_are_shown_without_it(tmp_path: Path) -> None:
    """Suppliers echo what they were sent, and people record what suppliers wrote."""
    file = written(tmp_path, f"sqlite:///{tmp_path}/ledger.db", "redis://x")
    sections = json.loads(file.read_text(encoding="utf-8"))
    del sections["cluster"]
    sections["providers"] = [one for one in sections["providers"] if one["id"] == "nowhere"]
    sections["products"] = sections["products"][:1]
    file.write_text(json.dumps(sections), encoding="utf-8")
    echo = f"T#1 XL5.0817 SUKSES. SN: {SECRETS['password']}. Saldo 5.000 pin={SECRETS['pin']} /trx/{SECRETS['slug']}"
    plain = tmp_path / "messages.txt"
    plain.write_text(f"{echo}\n{quote(echo)}\nno words {SECRETS['pin']}\n", encoding="utf-8")
    lines = tmp_path / "messages.jsonl"
    lines.write_text(
        "".join(
            json.dumps({"text": text, "channel": channel, "expect": ["success"]}) + "\n"
            for text in (echo, "no words " + SECRETS["pin"])
            for channel in ("sync", "report", "check", "dup", "balance")
        ),
        encoding="utf-8",
    )
    told = [
        command("rules", "nowhere", messages, *more, "--config", file)
        for messages in (plain, lines)
        for more in ([], ["--json"])
    ]
    assert all("coverage:" in text for text in told)
    assert leaks({"rules": told}) == {}


def test_where_a_command_crashed_is_told_without_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """`GATEWAY_TRACEBACK` is for a report of a fault, which others read."""

    def broken() -> NoReturn:
        words = f"http://127.0.0.1:1/trx/{SECRETS['slug']}?key={SECRETS['query']} {SECRETS['pin']}"
        raise KeyError(words) from ValueError(words)

    monkeypatch.setenv("GATEWAY_TRACEBACK", "1")
    monkeypatch.setattr("gateway.cli.plugins.load_plugins", broken)
    done = CliRunner().invoke(gateway, ["plugins"])
    assert done.exit_code == 70
    assert "KeyError" in done.stderr
    assert "ValueError" in done.stderr
    assert "test_infrastructure.py:" in done.stderr
    assert "in test_where_a_command_crashed_is_told_without_the_words.<locals>.broken" in done.stderr
    assert leaks({"traceback": [done.stderr, done.stdout]}) == {}
