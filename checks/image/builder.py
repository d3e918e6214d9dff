"""Builds the image and runs it, with whichever program is there, in storage of its own that goes with it."""

from __future__ import annotations

import configparser
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from checks.image.tools import Engine, debstrap

PROJECT = Path(__file__).parents[2]
_CERTIFICATES = "/run/secrets/certificates"
_BUILD_SECONDS = 900


def pip_settings() -> tuple[str, str | None]:
    """What the build's pip needs to reach the index that this machine's pip reaches: a pip.conf, and the certificates.

    Folders of this machine are left out: the build cannot see them.
    """
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = value.strip("'")
    settings = configparser.RawConfigParser()
    settings.add_section("global")
    for name in ("index-url", "extra-index-url", "trusted-host", "proxy"):
        kept = [one for one in found.get(name, "").split() if not one.startswith("file:")]
        if kept:
            settings.set("global", name, " ".join(kept))
    certificates = found.get("cert")
    if certificates:
        settings.set("global", "cert", _CERTIFICATES)
    lines = ["[global]", *(f"{name} = {value}" for name, value in settings.items("global"))]
    return "\n".join(lines) + "\n", certificates


class Builder:
    """One engine with storage under `folder`.

    Args:
        engine: what builds and runs.
        folder: scratch; nothing is kept outside it, docker's own storage excepted, from which `clean` removes.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._folder = folder
        self._engine = engine
        self._made: list[str] = []
        self._command = [engine.program]
        if engine.podman:
            self._command += ["--root", str(folder / "root"), "--runroot", str(folder / "run")]
            self._command += ["--tmpdir", str(folder / "tmp"), "--cgroup-manager", "cgroupfs"]
            self._command += ["--events-backend", "file", "--runtime", engine.runtime]
        self.environment = {**os.environ, **engine.environment}

    @property
    def _files(self) -> str:
        """How many files a container may open: no more than this machine lets us give."""
        most = min(1_024, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        return f"nofile={most}:{most}"

    def command(self, *arguments: str | Path) -> list[str]:
        """The whole command line for these arguments."""
        return [*self._command, *map(str, arguments)]

    def call(self, *arguments: str | Path, within: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run it to its end.

        Raises:
            AssertionError: it failed, and `check` is set; the message is what it wrote.
        """
        ended = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
            env=self.environment,
        )
        assert not check or ended.returncode == 0, f"{' '.join(map(str, arguments))}: {ended.stderr[-3_000:]}"
        return ended

    def base(self) -> str:
        """A base image: the one named by IMAGE_BASE, or Debian with Python, made here.

        Raises:
            ToolsError: none is named, and what makes one cannot be had.
        """
        named = os.environ.get("IMAGE_BASE")
        if named:
            return named
        archive = self._folder / "base.tar"
        include = "--include=python3,python3-venv,ca-certificates"
        made = [debstrap(), "--quiet", "--variant=essential", include, "bookworm", str(archive)]
        subprocess.run(made, check=True, timeout=_BUILD_SECONDS)
        name = "localhost/pulsa-gateway-check-base:latest"
        self.call("import", archive, name, within=300)
        archive.unlink()
        self._made.append(name)
        return name

    def build(self, base: str, name: str, context: Path = PROJECT, *, version: str = "0", revision: str = "0") -> str:
        """Build the Dockerfile of `context`, and give the image's name."""
        settings, certificates = pip_settings()
        pip = self._folder / "pip.conf"
        pip.write_text(settings)
        arguments: list[str | Path] = ["build", "--build-arg", f"BASE={base}", "--secret", f"id=pip,src={pip}"]
        arguments += ["--build-arg", f"VERSION={version}", "--build-arg", f"REVISION={revision}"]
        if certificates:
            arguments += ["--secret", f"id=certificates,src={certificates}"]
        if self._engine.podman:
            # docker's format: the other one drops HEALTHCHECK.
            arguments += ["--isolation", self._engine.isolation, "--network", "host", "--format", "docker"]
            arguments += ["--ulimit", self._files]
        self.call(*arguments, "--tag", name, context, within=_BUILD_SECONDS)
        self._made.append(name)
        return name

    def inspect(self, name: str) -> Any:
        """What the engine knows of an image or a container."""
        return json.loads(self.call("inspect", name).stdout)[0]

    def sandboxed(self, *, name: str) -> list[str]:
        """Arguments of `run` for a container as production has it: nothing writable but /tmp, no rights at all."""
        arguments = ["run", "--name", name, "--read-only", "--tmpfs", "/tmp", "--network", "host", "--no-healthcheck"]  # noqa: S108 — in the container
        arguments += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--ulimit", self._files]
        if self._engine.podman:
            arguments += ["--read-only-tmpfs=false", "--ulimit", "nproc=4096:4096"]
        return arguments

    def clean(self) -> None:
        """Remove the images; the storage of podman goes with them."""
        for name in reversed(self._made):
            self.call("rmi", "--force", name, check=False)
        if self._engine.podman:
            self.call("system", "reset", "--force", within=120, check=False)
