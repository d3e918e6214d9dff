"""Programs from Debian's packages, fetched once and unpacked into a folder of their own by an ordinary user."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_NEEDED = ("apt-get", "dpkg-deb")
_LONGEST = 600
"""Seconds for one step."""


class ToolsError(Exception):
    """Something is neither there nor to be had. The message is one line that says what to do."""


@dataclass(frozen=True)
class Debian:
    """Packages, and where what is in them is kept.

    Args:
        names: what to put on PATH instead, in words.
        packages: what is asked for.
        holds: files, below `here`, that must be in them.
        alone: only these packages; otherwise also those that they need and this machine lacks.
        path: where programs are looked for, instead of PATH.
    """

    names: str
    packages: Sequence[str]
    holds: Sequence[Path]
    here: Path
    alone: bool = False
    path: str | None = None

    def fetch(self) -> None:
        """Unpack them, where they are not there.

        Raises:
            ToolsError: they cannot be had.
        """
        if all((self.here / file).is_file() for file in self.holds):
            return
        missing = [name for name in _NEEDED if shutil.which(name, path=self.path) is None]
        if missing:
            raise self._error(f"not there, and without {' and '.join(missing)} Debian's package cannot be fetched")
        self.here.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.here.parent, prefix="fetching-") as name:
            scratch = Path(name)
            for folder in ("lists/partial", "cache/archives/partial", "unpacked"):
                (scratch / folder).mkdir(parents=True)
            self._download(scratch)
            for package in sorted((*scratch.glob("*.deb"), *(scratch / "cache" / "archives").glob("*.deb"))):
                self._run(scratch, "dpkg-deb", "-x", str(package), "unpacked")
            absent = [str(file) for file in self.holds if not (scratch / "unpacked" / file).is_file()]
            if absent:
                raise self._error(f"Debian's package has no {' and no '.join(absent)}")
            shutil.rmtree(self.here, ignore_errors=True)
            (scratch / "unpacked").rename(self.here)

    def _download(self, scratch: Path) -> None:
        """By the lists of packages that are there, or by lists of our own: a clean machine has none."""
        cache = ("-o", f"Dir::Cache={scratch}/cache", "-o", "Debug::NoLocking=1")
        with_needs = ("--quiet", "--yes", "--no-install-recommends", "--download-only", "install")
        get = (*(("download",) if self.alone else with_needs), *self.packages)
        try:
            self._run(scratch, "apt-get", *cache, *get)
        except ToolsError:
            own = (*cache, "-o", f"Dir::State::Lists={scratch}/lists")
            self._run(scratch, "apt-get", *own, "update")
            self._run(scratch, "apt-get", *own, *get)

    def _run(self, scratch: Path, program: str, *arguments: str) -> None:
        # As root, apt would fetch as a user who may not write here; the folder is for this alone, so it need not.
        sandbox = ("-o", "APT::Sandbox::User=root") if program == "apt-get" and os.geteuid() == 0 else ()
        try:
            done = subprocess.run(
                [program, *sandbox, *arguments],
                cwd=scratch,
                env={**os.environ, "LC_ALL": "C"},
                capture_output=True,
                text=True,
                timeout=_LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise self._error(f"{program} did not end in {_LONGEST} s") from None
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or [""]
            raise self._error(f"{program} failed with {said[-1]!r}")

    def _error(self, why: str) -> ToolsError:
        return ToolsError(f"put {self.names} on PATH: {why}")
