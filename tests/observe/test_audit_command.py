"""`gateway audit verify`."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.audit import command
from gateway.observe.audit import AuditLog
from gateway.observe.audit_file import head_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = AuditLog(tmp_path / "audit.jsonl")
    for number in range(10):
        log.write("line", number=number)
    log.close()
    return tmp_path / "audit.jsonl"


def run(*files: Path) -> Result:
    return CliRunner().invoke(command, ["verify", *map(str, files)])


def test_a_whole_chain_is_said_to_be_whole(path: Path) -> None:
    result = run(path)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{path}: 12 lines, the chain is whole; the last hash is ")
    assert result.stderr == ""


def test_a_changed_line_is_named(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"number":4', b'"number":5'))
    result = run(path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"{path}:7: the chain is broken: ")


def test_a_removed_last_line_is_found_by_the_head(path: Path) -> None:
    path.write_bytes(b"\n".join(path.read_bytes().split(b"\n")[:-2]) + b"\n")
    assert run(path).exit_code == 1
    head_path(path).unlink()
    result = run(path)
    assert result.exit_code == 0
    assert result.stdout.endswith("has no head beside it: lines that are missing at its end do not show\n")


def test_rotated_files_are_held_together_and_may_be_packed(path: Path) -> None:
    old = path.with_name("audit.jsonl.1.gz")
    old.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    log = AuditLog(path)
    log.write("later")
    log.close()
    both = run(old, path)
    assert both.exit_code == 0
    assert "has no head" not in both.stdout, "of a file before the next one tells where it ends"
    assert "continues the file whose last hash is" in run(path).stdout
    result = run(path, path)
    assert result.exit_code == 1
    assert "does not continue the file before" in result.stderr


def test_what_else_there_is_to_know_is_said(path: Path) -> None:
    head_path(path).unlink()
    path.write_bytes(path.read_bytes()[:-20])
    AuditLog(path).close()
    assert f"{path}: lines cut by crashes: 1" in run(path).stdout


def test_a_file_that_cannot_be_read_is_a_mistake_and_not_a_broken_chain(tmp_path: Path) -> None:
    missing = tmp_path / "missing.jsonl"
    result = run(missing)
    assert result.exit_code != 0
    assert "cannot be read: No such file" in result.stderr
    packed = tmp_path / "a.gz"
    packed.write_bytes(b"not gzip")
    assert "cannot be read" in run(packed).stderr
    packed.write_bytes(gzip.compress(b"x" * 1000)[:-9])
    assert "cannot be read" in run(packed).stderr


def test_another_file_is_no_audit_log(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("hello\nworld\n")
    result = run(other)
    assert result.exit_code == 1
    assert "cannot be read, and no crash is noted here" in result.stderr


def test_an_empty_file_has_nothing_wrong(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert run(empty).exit_code == 0
