"""Where the browser comes from, and what is said where it cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.debian import ToolsError
from checks.docs.tools import NAMES, Browser, browser


def _program(file: Path, text: str = "exit 0") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def test_a_browser_on_the_path_is_taken(tmp_path: Path) -> None:
    program = _program(tmp_path / "bin" / NAMES[1])
    assert browser(str(tmp_path / "bin"), tmp_path / "kept") == Browser(program, {})


def test_what_was_fetched_is_kept(tmp_path: Path) -> None:
    program = _program(tmp_path / "kept" / "usr" / "lib" / "chromium" / NAMES[0])
    assert browser("", tmp_path / "kept").program == program


def test_without_a_way_to_fetch_it_one_line_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ToolsError) as told:
        browser("", tmp_path / "kept")
    assert str(told.value).startswith("put chromium-headless-shell or chromium or google-chrome on PATH")
    assert "apt-get" in str(told.value)
    assert "\n" not in str(told.value)


def test_where_fetching_fails_one_line_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "bin" / "apt-get", "echo first; echo 'E: no network' >&2; exit 100")
    _program(tmp_path / "bin" / "dpkg-deb")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    with pytest.raises(ToolsError, match="no network") as told:
        browser(str(tmp_path / "bin"), tmp_path / "kept")
    assert "\n" not in str(told.value)
    assert list(tmp_path.glob("fetching-*")) == []
