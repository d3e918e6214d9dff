"""A headless Chromium from PATH, or from Debian's packages, and axe, which knows the rules of accessibility.

Both are fetched once, unpacked into `.tools` by an ordinary user. Of Chromium's packages those that this machine lacks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parents[2] / ".tools" / "browser"
SCRIPTS = HERE.with_name("axe")
NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
_PACKAGES = ("chromium-headless-shell", "fonts-dejavu-core", "fontconfig-config")
_AXE = "axe-playwright-python==0.1.8"
_NEEDED = ("apt-get", "dpkg-deb")
_LONGEST = 600


class ToolsError(Exception):
    """Something is neither there nor to be had. The message is one line that says what to do."""


@dataclass(frozen=True)
class Browser:
    """How it is started."""

    program: Path
    environment: dict[str, str]


def browser(path: str | None = None, here: Path = HERE) -> Browser:
    """The browser, fetched once.

    Args:
        path: where programs are looked for, instead of PATH.
        here: where it is kept.

    Raises:
        ToolsError: it cannot be had.
    """
    for name in NAMES:
        found = shutil.which(name, path=path)
        if found:
            return Browser(Path(found), {})
    program = here / "usr" / "lib" / "chromium" / NAMES[0]
    if not program.is_file():
        _fetch(path, here)
    libraries = sorted(
        {str(one.parent) for one in (here / "usr" / "lib").rglob("lib*.so*") if "chromium" not in str(one)}
    )
    return Browser(program, {"LD_LIBRARY_PATH": ":".join(libraries), "XDG_DATA_DIRS": f"{here}/usr/share:/usr/share"})


def axe(here: Path = SCRIPTS) -> str:
    """The script that looks for what keeps people out of a page.

    Raises:
        ToolsError: it cannot be had.
    """
    script = here / "axe.min.js"
    if not script.is_file():
        here.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=here) as name:
            scratch = Path(name)
            _run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", name, _AXE, folder=scratch)
            with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
                (scratch / script.name).write_bytes(wheel.read(f"axe_playwright_python/{script.name}"))
            (scratch / script.name).rename(script)
    return script.read_text(encoding="utf-8")


def _fetch(path: str | None, here: Path) -> None:
    missing = [name for name in _NEEDED if shutil.which(name, path=path) is None]
    if missing:
        raise ToolsError(
            f"put {' or '.join(NAMES)} on PATH: none is there, and without {' and '.join(missing)} "
            "Debian's package cannot be fetched"
        )
    here.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=here.parent, prefix="fetching-") as name:
        scratch = Path(name)
        for folder in ("lists/partial", "cache/archives/partial", "unpacked"):
            (scratch / folder).mkdir(parents=True)
        cache = ("-o", f"Dir::Cache={scratch}/cache", "-o", "Debug::NoLocking=1")
        get = ("--quiet", "--yes", "--no-install-recommends", "--download-only", "install", *_PACKAGES)
        try:
            _run("apt-get", *cache, *get, folder=scratch)
        except ToolsError:  # a clean machine has no lists of packages
            own = (*cache, "-o", f"Dir::State::Lists={scratch}/lists")
            _run("apt-get", *own, "update", folder=scratch)
            _run("apt-get", *own, *get, folder=scratch)
        for package in sorted((scratch / "cache" / "archives").glob("*.deb")):
            _run("dpkg-deb", "-x", str(package), "unpacked", folder=scratch)
        if not (scratch / "unpacked" / "usr" / "lib" / "chromium" / NAMES[0]).is_file():
            raise ToolsError(f"put {' or '.join(NAMES)} on PATH: Debian's package has it in another place")
        shutil.rmtree(here, ignore_errors=True)
        (scratch / "unpacked").rename(here)


def _run(*command: str, folder: Path) -> None:
    # As root, apt would fetch as a user who may not write here; the folder is for this alone, so that is not needed.
    sandbox = ("-o", "APT::Sandbox::User=root") if command[0] == "apt-get" and os.geteuid() == 0 else ()
    try:
        done = subprocess.run(
            [command[0], *sandbox, *command[1:]],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolsError(f"put {NAMES[0]} on PATH: {Path(command[0]).name} did not end in {_LONGEST} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [""]
        raise ToolsError(f"put {NAMES[0]} on PATH: {Path(command[0]).name} failed with {said[-1]!r}")
