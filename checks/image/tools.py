"""podman with runc, or docker: from PATH, or from Debian's packages. And mmdebstrap, which makes a base.

python -m checks.image.tools       prints what builds, and fetches it where it is not there

What is fetched is unpacked into `.tools` and not installed, so it reads no file of this machine's `/etc` but its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from checks.debian import Debian, ToolsError

HERE = Path(__file__).parents[2] / ".tools" / "podman"
DEBSTRAP = HERE.with_name("mmdebstrap")
_PROGRAMS = (Path("usr", "bin", "podman"), Path("usr", "bin", "conmon"), Path("usr", "sbin", "runc"))
_NAMES = "podman and runc, or docker with a running engine,"


@dataclass(frozen=True)
class Engine:
    """What builds and runs.

    `isolation` is how podman keeps a step of a build apart; docker has ways of its own.
    """

    program: str
    runtime: str = ""
    isolation: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def podman(self) -> bool:
        return Path(self.program).name == "podman"


def engine(path: str | None = None, here: Path = HERE) -> Engine:
    """The engine, fetched once.

    Args:
        path: where programs are looked for, instead of PATH.
        here: where it is kept.

    Raises:
        ToolsError: it cannot be had.
    """
    podman = shutil.which("podman", path=path)
    if podman:
        runtime = shutil.which("crun", path=path) or shutil.which("runc", path=path) or "/usr/sbin/runc"
        # chroot: builds where no namespaces may be made.
        return Engine(podman, runtime, "chroot", {"STORAGE_DRIVER": "vfs"})
    docker = shutil.which("docker", path=path)
    if docker and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0:
        return Engine(docker)
    if os.geteuid() != 0:
        raise ToolsError(f"put {_NAMES} on PATH: without root they cannot be used from a folder")
    Debian(_NAMES, ["podman", "runc"], _PROGRAMS, here, path=path).fetch()
    return _unpacked(here)


def debstrap(path: str | None = None, here: Path = DEBSTRAP) -> str:
    """mmdebstrap, fetched once.

    Raises:
        ToolsError: it cannot be had.
    """
    found = shutil.which("mmdebstrap", path=path)
    if found:
        return found
    program = Path("usr", "bin", "mmdebstrap")
    names = "a base's name in IMAGE_BASE, or mmdebstrap"
    Debian(names, ["mmdebstrap"], [program], here, alone=True, path=path).fetch()
    return str(here / program)


def _unpacked(here: Path) -> Engine:
    """podman finds its files by their places in `/`: what tells it where they are instead."""
    podman, conmon, runc = (here / program for program in _PROGRAMS)
    home = here / "home"
    policy = home / ".config" / "containers" / "policy.json"
    policy.parent.mkdir(parents=True, exist_ok=True)
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}', encoding="utf-8")
    settings = home / "containers.conf"
    settings.write_text(f'[engine]\nconmon_path = ["{conmon}"]\n[network]\nnetwork_backend = "cni"\n', encoding="utf-8")
    registries = home / "registries.conf"
    registries.write_text("", encoding="utf-8")
    libraries = sorted({str(one.parent) for one in (here / "usr" / "lib").rglob("lib*.so*")})
    environment = {
        "STORAGE_DRIVER": "vfs",
        "HOME": str(home),
        "CONTAINERS_CONF": str(settings),
        "CONTAINERS_REGISTRIES_CONF": str(registries),
        "LD_LIBRARY_PATH": ":".join(libraries),
    }
    # A build that is kept apart by chroot alone loses LD_LIBRARY_PATH on its way.
    return Engine(str(podman), str(runc), "oci", environment)


if __name__ == "__main__":
    try:
        print(engine().program, debstrap(), sep="\n")
    except ToolsError as error:
        sys.exit(str(error))
