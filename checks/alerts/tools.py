"""promtool and Prometheus: from PATH, or from Debian's package, unpacked into `.tools` by an ordinary user.

python checks/alerts/tools.py       prints where they are, and fetches them where they are not
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parents[2] / ".tools" / "prometheus"
NAMES = ("promtool", "prometheus")
_PACKAGE = "prometheus"
_NEEDED = ("apt-get", "dpkg-deb")
_LONGEST = 300


class ToolsError(Exception):
    """They are neither there nor to be had. The message is one line that says what to do."""


@dataclass(frozen=True)
class Tools:
    """Where the two programs are."""

    promtool: Path
    prometheus: Path


def tools(path: str | None = None, here: Path = HERE) -> Tools:
    """The two programs, fetched once.

    Args:
        path: where programs are looked for, instead of PATH.
        here: where they are kept.

    Raises:
        ToolsError: they cannot be had.
    """
    found = [shutil.which(name, path=path) for name in NAMES]
    if all(found):
        return Tools(*(Path(one) for one in found if one))
    if not all((here / "usr" / "bin" / name).is_file() for name in NAMES):
        _fetch(path, here)
    return Tools(*(here / "usr" / "bin" / name for name in NAMES))


def _fetch(path: str | None, here: Path) -> None:
    missing = [name for name in _NEEDED if shutil.which(name, path=path) is None]
    if missing:
        raise ToolsError(
            f"put {' and '.join(NAMES)} on PATH: they are not there, and without {' and '.join(missing)} "
            "the Debian package cannot be fetched"
        )
    here.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=here.parent, prefix="fetching-") as name:
        scratch = Path(name)
        package = _download(scratch)
        _run("dpkg-deb", "-x", package.name, "unpacked", folder=scratch)
        absent = [name for name in NAMES if not (scratch / "unpacked" / "usr" / "bin" / name).is_file()]
        if absent:
            raise ToolsError(f"put {' and '.join(NAMES)} on PATH: Debian's package has no {' and no '.join(absent)}")
        shutil.rmtree(here, ignore_errors=True)
        (scratch / "unpacked").rename(here)


def _download(scratch: Path) -> Path:
    """The package, from the lists that are there, or from lists of our own: a clean machine has none."""
    try:
        _run("apt-get", "download", _PACKAGE, folder=scratch)
    except ToolsError:
        for folder in ("lists/partial", "cache/archives/partial"):
            (scratch / folder).mkdir(parents=True)
        own = ("-o", f"Dir::State::Lists={scratch}/lists", "-o", f"Dir::Cache={scratch}/cache")
        _run("apt-get", *own, "update", folder=scratch)
        _run("apt-get", *own, "download", _PACKAGE, folder=scratch)
    found = sorted(scratch.glob(f"{_PACKAGE}_*.deb"))
    if not found:
        raise ToolsError(f"put {' and '.join(NAMES)} on PATH: apt-get brought no package")
    return found[-1]


def _run(*command: str, folder: Path) -> None:
    # As root, apt would fetch as a user who may not write here; the folder is for this alone, so that is not needed.
    sandbox = ("-o", "APT::Sandbox::User=root") if command[0] == "apt-get" and os.geteuid() == 0 else ()
    environment: Mapping[str, str] = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [command[0], *sandbox, *command[1:]],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolsError(f"put {' and '.join(NAMES)} on PATH: {command[0]} did not end in {_LONGEST} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [""]
        raise ToolsError(f"put {' and '.join(NAMES)} on PATH: {command[0]} failed with {said[-1]!r}")


if __name__ == "__main__":
    try:
        print(*vars(tools()).values(), sep="\n")
    except ToolsError as error:
        sys.exit(str(error))
