"""The audit log's printer: every line once and in order, through rotation, a kill and a stop."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checks.chart.rendering import CHART
from gateway.observe.audit import AuditLog

SCRIPT = CHART / "files" / "follow.py"
WITHIN = 20.0


@contextlib.contextmanager
def printing(log: Path, out: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The printer as the sidecar runs it, until the block ends; what it prints is added to `out`."""
    with (
        out.open("ab") as file,
        subprocess.Popen([sys.executable, "-W", "error", SCRIPT, log, *more], stdout=file) as child,
    ):
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def stopped(child: subprocess.Popen[bytes]) -> None:
    """End it as Kubernetes does, after the gateway."""
    child.terminate()
    assert child.wait(WITHIN) == 0


def until(what: str, condition: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None) -> None:
    """Wait until it is so."""
    end = time.monotonic() + WITHIN
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"{what} did not come")
        meanwhile()
        time.sleep(0.02)


def when(what: str, path: Path, text: bytes) -> None:
    """Wait until a file holds a text."""
    until(what, lambda: path.exists() and text in path.read_bytes())


def size(path: Path) -> float:
    """Bytes of a file; where there is none just now it is as large as can be."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return math.inf


def verified(out: Path) -> None:
    """The hash chain of what was printed is whole: nothing is missing, twice, or out of place."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "audit", "verify", out], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_written_is_printed_to_the_last_line(tmp_path: Path) -> None:
    log, out = tmp_path / "audit.jsonl", tmp_path / "out"
    with printing(log, out) as child:  # before the gateway has begun
        audit = AuditLog(log)
        for number in range(500):
            audit.write("tried", number=number)
        when("a line", out, b'"number":499')
        assert audit.close() == 0
        stopped(child)
    assert out.read_bytes() == log.read_bytes()
    verified(out)


def test_a_large_file_leaves_and_no_line_with_it(tmp_path: Path) -> None:
    log, out = tmp_path / "audit.jsonl", tmp_path / "out"
    with printing(log, out, "20000") as child:
        audit = AuditLog(log)
        for turn in range(5):
            for number in range(200):
                audit.write("tried", number=f"{turn}-{number}", text="x" * 100)
            when("a turn", out, f'"number":"{turn}-199"'.encode())
            until("a new file", lambda: size(log) < 20_000, lambda: audit.write("more"))
        assert audit.close() == 0
        stopped(child)
    printed = out.read_bytes()
    assert printed.count(b'"event":"tried"') == 1_000
    assert sum(file.stat().st_size for file in tmp_path.glob("audit.jsonl*")) < len(printed) / 2
    verified(out)


def test_one_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    log, out = tmp_path / "audit.jsonl", tmp_path / "out"
    audit = AuditLog(log)
    for turn in range(3):
        with printing(log, out) as child:
            for number in range(100):
                audit.write("tried", number=f"{turn}-{number}")
            when("a turn", out, f'"number":"{turn}-99"'.encode())
            when("the place", Path(f"{log}.at"), str(log.stat().st_size).encode())
            child.kill()
    assert audit.close() == 0
    with printing(log, out) as child:
        when("the end", out, log.read_bytes()[-100:])
        stopped(child)
    assert out.read_bytes() == log.read_bytes()


def test_a_file_that_is_new_since_is_printed_from_its_beginning(tmp_path: Path) -> None:
    """A pod's volume is new with each pod; a place that is remembered of another file counts for nothing."""
    log, out = tmp_path / "audit.jsonl", tmp_path / "out"
    log.write_bytes(b"one\ntwo\n")
    Path(f"{log}.at").write_text("1 4", encoding="ascii")
    with printing(log, out) as child:
        when("all of it", out, b"two\n")
        stopped(child)
    assert out.read_bytes() == b"one\ntwo\n"


def test_one_that_was_killed_in_the_middle_of_a_turn_leaves_out_nothing(tmp_path: Path) -> None:
    """The large file is kept under another name until it is printed, and comes first."""
    log, out = tmp_path / "audit.jsonl", tmp_path / "out"
    log.write_bytes(b"one\n" * 10)
    with printing(log, out, "10") as child:
        until("the move", lambda: Path(f"{log}.printed").exists())
        child.kill()
    assert not log.exists()
    with Path(f"{log}.printed").open("ab") as file:  # the gateway has not noticed yet
        file.write(b"two\n")
    log.write_bytes(b"three\n")
    with printing(log, out) as child:
        when("all of it", out, b"three\n")
        stopped(child)
    assert out.read_bytes() == b"one\n" * 10 + b"two\nthree\n"
    assert not Path(f"{log}.printed").exists()
