"""Whoever holds the event loop is named in the log while it does."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog

from gateway.observe.loop_watch import watched_loop
from gateway.testing.processes import until

HELD = 0.1
Lines = list[Any]


def a_plugin_that_blocks(done: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not done() and time.monotonic() < end:
        time.sleep(0.005)


async def test_who_holds_the_loop_is_named_in_the_act_and_the_end_is_told() -> None:
    with structlog.testing.capture_logs() as lines, watched_loop(HELD):
        await asyncio.sleep(0)
        a_plugin_that_blocks(lambda: lines)
        [held] = lines
        assert (held["event"], held["log_level"]) == ("event_loop_held", "error")
        assert held["seconds"] >= HELD
        assert any("test_loop_watch.py" in one and one.endswith(" a_plugin_that_blocks") for one in held["where"])

        async def told() -> bool:
            return len(lines) > 1

        await until(told, within=5, what="the end of it")
    assert [line["event"] for line in lines] == ["event_loop_held", "event_loop_went_on"]
    assert lines[1]["seconds"] >= held["seconds"]


async def test_one_that_holds_it_for_long_is_named_once() -> None:
    with structlog.testing.capture_logs() as lines, watched_loop(HELD):
        began = time.monotonic()
        a_plugin_that_blocks(lambda: lines and time.monotonic() - began > 5 * HELD)
    assert [line["event"] for line in lines] == ["event_loop_held"]


async def test_a_pattern_that_runs_away_is_named_when_it_returns() -> None:
    with structlog.testing.capture_logs() as lines, watched_loop(HELD):
        await asyncio.sleep(HELD)
        length = 20

        async def told() -> Lines:
            nonlocal length
            began = time.monotonic()
            while time.monotonic() - began < 4 * HELD:  # each takes twice as long as the one before
                began, length = time.monotonic(), length + 1
                re.fullmatch("(a+)+b", "a" * length)
            length -= 1  # a machine that gave this process too little time blames nobody: once more
            return lines

        await until(told, within=20, what="the one that held it", look=HELD)
    assert lines[0]["event"] == "event_loop_held"
    assert any("test_loop_watch.py" in one for one in lines[0]["where"])


async def test_a_loop_that_turns_or_has_nothing_to_do_is_left_alone() -> None:
    with structlog.testing.capture_logs() as lines, watched_loop(HELD):
        await asyncio.sleep(4 * HELD)
    assert lines == []


FROZEN = """
import asyncio
from gateway.observe.loop_watch import watched_loop
async def main():
    with watched_loop(0.1):
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, input)
        await asyncio.sleep(0.3)
asyncio.run(main())
"""


def test_a_process_that_stood_still_blames_nobody() -> None:
    command = [sys.executable, "-c", FROZEN]
    with subprocess.Popen(  # noqa: S603 — our own program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        os.kill(child.pid, signal.SIGSTOP)
        os.waitpid(child.pid, os.WUNTRACED)
        time.sleep(0.5)
        os.kill(child.pid, signal.SIGCONT)
        told, _ = child.communicate("\n", 20)
    assert "event_loop_held" not in told
