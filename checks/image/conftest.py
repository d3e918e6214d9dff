"""The image, built once, and containers of it that end with their test."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from checks.debian import ToolsError
from checks.image.builder import Builder
from checks.image.tools import engine
from gateway.testing.processes import free_port

KEY = "sandbox-key-not-for-production"
USER = 10_001
_START_SECONDS = 30


@dataclass(frozen=True)
class Image:
    """What was built. Sizes are bytes, as the engine counts them."""

    name: str
    beyond_base: int
    configuration: dict[str, Any]


@dataclass
class Running:
    """A gateway in a container. `pid` is its process's number on this machine, `started` seconds until it was ready."""

    name: str
    port: int
    admin_port: int
    pid: int
    started: float
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> Any:
        """What the operators' port answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=5) as answer:
            return json.load(answer)


Run = Callable[[], AbstractContextManager[Running]]


@pytest.fixture(scope="session")
def builder() -> Iterator[Builder]:
    """The engine. Where it cannot be had the check fails: it has checked nothing."""
    try:
        found = engine()
    except ToolsError as error:
        pytest.fail(str(error), pytrace=False)
    folder = Path(tempfile.mkdtemp(prefix="pulsa-gateway-image-"))
    folder.chmod(0o755)
    made = Builder(found, folder)
    try:
        yield made
    finally:
        made.clean()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def image(builder: Builder) -> Image:
    """The image of this working tree."""
    try:
        base = builder.base()
    except ToolsError as error:
        pytest.fail(str(error), pytrace=False)
    name = builder.build(base, "localhost/pulsa-gateway-check:latest", version="1.2.3", revision="abc")
    made = builder.inspect(name)
    # podman tells the healthcheck beside the configuration, docker in it.
    configuration = {"Healthcheck": made.get("Healthcheck"), **made["Config"]}
    return Image(name, made["Size"] - builder.inspect(base)["Size"], configuration)


@pytest.fixture
def site(tmp_path: Path) -> tuple[Path, Path, int, int]:
    """A configuration file, an empty data folder of the image's user, and the two ports."""
    port, admin_port, supplier = free_port(), free_port(), free_port()
    config = tmp_path / "gateway.yaml"
    text = (Path(__file__).parents[2] / "config" / "gateway.yaml").read_text()
    for old, new in (("8080", port), ("9090", admin_port), ("8089", supplier)):
        text = text.replace(old, str(new))
    config.write_text(text)
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, USER, USER)
    return config, data, port, admin_port


@pytest.fixture
def serving(builder: Builder, image: Image, site: tuple[Path, Path, int, int]) -> Run:
    """Starts a gateway with its sandbox supplier, and ends it with the block."""

    @contextlib.contextmanager
    def serving() -> Iterator[Running]:
        config, data, port, admin_port = site
        name = f"gateway-{port}"
        arguments = [*builder.sandboxed(name=name), "--env", f"GATEWAY_ADMIN_PORT={admin_port}"]
        arguments += ["--volume", f"{config}:/etc/pulsa-gateway/gateway.yaml:ro"]
        arguments += ["--volume", f"{data}:/var/lib/pulsa-gateway", image.name, "serve", "--sandbox"]
        log = config.with_suffix(".log")
        begun = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(
                builder.command(*arguments), stdout=output, stderr=output, env=builder.environment
            )
        try:
            running = Running(name, port, admin_port, 0, 0.0, process)
            while not _ready(running):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() - begun < _START_SECONDS, log.read_text()
                time.sleep(0.02)
            running.started = time.monotonic() - begun
            running.pid = builder.inspect(name)["State"]["Pid"]
            yield running
        finally:
            builder.call("rm", "--force", name, check=False)
            if process.poll() is None:
                process.kill()
            process.wait(30)

    return serving


def _ready(running: Running) -> bool:
    try:
        return bool(running.get("/readyz")["status"] == "ready")
    except OSError:
        return False
