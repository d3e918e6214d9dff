"""The real command as a process, and in this one; and a plugin that is installed only for the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

PLUGIN = '''
"""A dialect whose messages begin with the verdict."""
import asyncio

from gateway import Outcome, OutcomeStatus, Provider, ProviderSettings, ReasonCode, hookimpl
from pydantic import SecretStr


class Settings(ProviderSettings):
    pin: SecretStr


class Plain(Provider):
    kind = "plain"
    Settings = Settings

    def purchase(self, attempt): ...
    def read_purchase(self, attempt, reply): ...

    def read_message(self, message):
        word = message.text.partition(" ")[0]
        if word == "crash":
            raise KeyError(self.settings.pin.get_secret_value())
        if word == "junk":
            return "success"
        if word == "failed":
            return Outcome(status=OutcomeStatus.FAILED, rule="says-failed", reason=ReasonCode.CUTOFF)
        if word in list(OutcomeStatus):
            return Outcome(
                status=OutcomeStatus(word), rule=f"{message.channel}-{message.status_code}", ref="1", supplier_ref="T1",
                serial="038", price=5400, balance=-1, message=message.text,
            )
        return Outcome(status=OutcomeStatus.UNKNOWN)


class Mute(Plain):
    kind = "mute"
    read_message = Provider.read_message


class Box:
    def __init__(self, **options):
        self.options = options

    async def start(self, host, port):
        self.server = await asyncio.start_server(lambda reader, writer: writer.close(), host, port)
        print(sorted(self.options.items()), flush=True)
        return self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        await self.server.wait_closed()
        print("stopped", flush=True)


@hookimpl
def gateway_register_providers(register):
    register(Plain)
    register(Mute)


@hookimpl
def gateway_register_sandboxes(register):
    register("plain", Box)
'''

CONFIG = """\
providers:
  - {id: one, kind: plain, url: "http://a.example", pin: "${PIN}"}
  - {id: quiet, kind: mute, url: "http://a.example", pin: "${PIN}"}
"""
PIN = "cAnArY-0711"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder for `PYTHONPATH` in which the distribution `plain-plugin` is installed."""
    site = tmp_path / "site"
    info = site / "plain_plugin-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plain-plugin\nVersion: 1.2\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[pulsa_gateway]\nplain = plain_plugin\n", encoding="utf-8")
    (site / "plain_plugin.py").write_text(PLUGIN, encoding="utf-8")
    return site


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


@pytest.fixture
def environment(site: Path, config: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "PYTHON"))}
    return kept | {"PYTHONPATH": str(site), "PIN": PIN, "GATEWAY_CONFIG": str(config)}


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(environment: dict[str, str], tmp_path: Path) -> Command:
    """Run the installed command; the secret PIN must never come out of it."""

    def command(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(  # noqa: S603 — our own command, with the test's arguments
            [sys.executable, "-m", "gateway", *map(str, arguments)],
            env=environment | more, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        for output in (done.stdout, done.stderr):
            assert PIN not in output
            assert "Traceback" not in output
        return done

    return command


@pytest.fixture
def run(site: Path, config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Run the command in this process."""
    from gateway.cli import gateway

    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "plain_plugin", raising=False)
    monkeypatch.setenv("GATEWAY_CONFIG", str(config))
    monkeypatch.setenv("PIN", PIN)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        result = CliRunner().invoke(gateway, [str(argument) for argument in arguments])
        assert PIN not in result.output
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run
