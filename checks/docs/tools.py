"""A headless Chromium from PATH, or from Debian's packages, and axe, which knows the rules of accessibility.

Both are fetched once, unpacked into `.tools` by an ordinary user. Of Chromium's packages those that this machine lacks.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from checks.debian import Debian, ToolsError

HERE = Path(__file__).parents[2] / ".tools" / "browser"
SCRIPTS = HERE.with_name("axe")
NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
_PACKAGES = ("chromium-headless-shell", "fonts-dejavu-core", "fontconfig-config")
_AXE = "axe-playwright-python==0.1.8"


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
    program = Path("usr", "lib", "chromium", NAMES[0])
    Debian(" or ".join(NAMES), _PACKAGES, [program], here, path=path).fetch()
    libraries = sorted(
        {str(one.parent) for one in (here / "usr" / "lib").rglob("lib*.so*") if "chromium" not in str(one)}
    )
    return Browser(
        here / program, {"LD_LIBRARY_PATH": ":".join(libraries), "XDG_DATA_DIRS": f"{here}/usr/share:/usr/share"}
    )


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
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", name, _AXE]
            if subprocess.run(pip, check=False).returncode:
                raise ToolsError(f"{_AXE} cannot be fetched; pip says why")
            with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
                (scratch / script.name).write_bytes(wheel.read(f"axe_playwright_python/{script.name}"))
            (scratch / script.name).rename(script)
    return script.read_text(encoding="utf-8")
