"""Where the programs come from, and what is said where they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.alerts.tools import NAMES, Tools, tools
from checks.debian import ToolsError


def _program(folder: Path, name: str, text: str = "exit 0") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def test_programs_on_the_path_are_taken(tmp_path: Path) -> None:
    promtool, prometheus = (_program(tmp_path / "bin", name) for name in NAMES)
    assert tools(str(tmp_path / "bin"), tmp_path / "kept") == Tools(promtool, prometheus)


def test_what_was_fetched_is_kept(tmp_path: Path) -> None:
    promtool, prometheus = (_program(tmp_path / "kept" / "usr" / "bin", name) for name in NAMES)
    assert tools("", tmp_path / "kept") == Tools(promtool, prometheus)


def test_without_a_way_to_fetch_them_one_line_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ToolsError) as told:
        tools("", tmp_path / "kept")
    assert str(told.value).startswith("put promtool and prometheus on PATH")
    assert "apt-get" in str(told.value)
    assert "\n" not in str(told.value)


def test_where_fetching_fails_one_line_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "bin", "apt-get", "echo first; echo 'E: no network' >&2; exit 100")
    _program(tmp_path / "bin", "dpkg-deb")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with pytest.raises(ToolsError, match="no network") as told:
        tools(str(tmp_path / "bin"), tmp_path / "kept")
    assert "\n" not in str(told.value)
    assert list(tmp_path.glob("fetching-*")) == []
