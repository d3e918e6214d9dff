"""The plugin in docs/plugins.md loads, keeps the contract and is configured as the guide says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from gateway.plugins import load_plugins
from gateway.provider import Capability

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with the files of the guide, each under the name in its first line."""
    for _, text in BLOCKS:
        name = re.match(r"# (\S+\.\w+)\n", text)
        if name is not None:
            path = tmp_path / name[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return tmp_path


def test_the_guides_plugin_is_loaded_by_its_own_entry_point(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(written))
    project = tomllib.loads((written / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, value),) = project["entry-points"]["pulsa_gateway"].items()
    try:
        plugins = load_plugins([EntryPoint(name=name, value=value, group="pulsa_gateway")])
    finally:
        sys.modules.pop(value, None)
    assert not plugins.failed
    assert plugins.loaded[0].kinds == {"acme": {Capability.PURCHASE, Capability.CHECK}}


def test_the_guides_plugin_keeps_the_contract(written: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(written), "tests"]
    ran = subprocess.run(  # noqa: S603 - our own files
        command,
        cwd=written,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(written), str(ROOT)))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed is not None
    assert int(passed[1]) > 40


def test_every_python_block_of_the_guide_is_python() -> None:
    blocks = [text for language, text in BLOCKS if language == "python"]
    assert len(blocks) == 4
    for text in blocks:
        ast.parse(text)


def test_every_name_that_the_guide_fills_in_is_one_of_the_contract() -> None:
    from gateway.testing.provider_contract import ProviderContract

    table = GUIDE.partition("| fill in | with |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.partition(" | ")[0])}
    assert {"secrets", "successes", "undecided", "question", "decides_alone"} <= named
    assert all(hasattr(ProviderContract, name) for name in named)
