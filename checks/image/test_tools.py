"""Where the engine comes from, and what is said where it cannot be had."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checks.debian import ToolsError
from checks.image.tools import Engine, debstrap, engine


def _program(file: Path, text: str = "exit 0") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_podman_on_the_path_is_taken_with_its_runtime(tmp_path: Path) -> None:
    program, runtime = (_program(tmp_path / "bin" / name) for name in ("podman", "runc"))
    found = engine(str(tmp_path / "bin"), tmp_path / "kept")
    assert (found.program, found.runtime, found.isolation) == (str(program), str(runtime), "chroot")


@pytest.mark.usefixtures("root")
def test_docker_is_taken_only_where_its_engine_answers(tmp_path: Path) -> None:
    docker = _program(tmp_path / "bin" / "docker")
    assert engine(str(tmp_path / "bin"), tmp_path / "kept") == Engine(str(docker))
    _program(docker, "exit 1")
    with pytest.raises(ToolsError, match="apt-get"):
        engine(str(tmp_path / "bin"), tmp_path / "kept")


@pytest.mark.usefixtures("root")
def test_what_was_fetched_is_kept_and_reads_its_own_files(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    programs = [_program(kept / "usr" / name) for name in ("bin/podman", "bin/conmon", "sbin/runc")]
    _program(kept / "usr" / "lib" / "triplet" / "libsubid.so.4")
    found = engine("", kept)
    assert (found.program, found.runtime) == (str(programs[0]), str(programs[2]))
    assert found.environment["LD_LIBRARY_PATH"] == str(kept / "usr" / "lib" / "triplet")
    assert Path(found.environment["HOME"], ".config/containers/policy.json").is_file()
    assert str(programs[1]) in Path(found.environment["CONTAINERS_CONF"]).read_text("utf-8")


@pytest.mark.usefixtures("root")
def test_without_a_way_to_fetch_them_one_line_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ToolsError) as told:
        engine("", tmp_path / "kept")
    assert str(told.value).startswith("put podman and runc, or docker with a running engine, on PATH")
    assert "apt-get" in str(told.value)
    with pytest.raises(ToolsError, match=r"^put a base's name in IMAGE_BASE, or mmdebstrap on PATH"):
        debstrap("", tmp_path / "kept")


def test_an_ordinary_user_is_told_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    with pytest.raises(ToolsError, match=r"^put podman and runc, .* on PATH: without root"):
        engine("", tmp_path / "kept")
