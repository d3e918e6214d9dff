"""The first minute of a new user: the configuration that comes with it, one command, and the line that it prints."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.testing.processes import Child, free_port, until

CONFIG = Path(__file__).parents[2] / "config" / "gateway.yaml"
_TAKES_A_VALUE = {"-H", "-d", "-w", "-X"}


@dataclass
class Curl:
    """One request of a curl command line."""

    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    data: str | None = None


def curls(line: str) -> list[Curl]:
    """The requests that a curl command line makes. What curl would not understand either is an error."""
    program, *words = shlex.split(line)
    assert program == "curl"
    found = [Curl()]
    rest = iter(words)
    for word in rest:
        value = next(rest) if word in _TAKES_A_VALUE else ""
        match word:
            case "-H":
                name, _, content = value.partition(":")
                found[-1].headers[name] = content.strip()
            case "-d":
                found[-1].data = value
            case "-w" | "-sS":
                pass
            case "--next":
                found.append(Curl())
            case _ if word.startswith("http://"):
                found[-1].url = word
            case _:
                raise AssertionError(f"an option that is not expected: {word}")
    return found


async def run(line: str) -> list[dict[str, Any]]:
    """What a curl command line brings, without curl."""
    answers = []
    async with aiohttp.ClientSession() as session:
        for one in curls(line):
            async with session.post(one.url, data=one.data, headers=one.headers) as response:
                answers.append(await response.json())
    return answers


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration that comes with the program, on ports that are free here."""
    text = CONFIG.read_text(encoding="utf-8")
    for port in ("8080", "9090", "8089"):
        assert len(re.findall(rf"\b{port}\b", text)) == 1
        text = re.sub(rf"\b{port}\b", str(free_port()), text)
    path = tmp_path / "gateway.yaml"
    path.write_text(text, encoding="utf-8")
    return path


async def test_the_printed_line_buys_something_as_it_stands(config: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-m", "gateway", "serve", "--config", config, "--sandbox"]
    with Child(command, log=tmp_path / "output.log", folder=tmp_path) as gateway:

        async def printed() -> re.Match[str] | None:
            assert gateway.code() is None, gateway.output()
            return re.search(r"^curl .*$", gateway.output(), re.MULTILINE)

        line = await until(printed, within=30, what="the line to paste")
        assert line is not None
        answers = await run(line[0])
        assert [one["status"] for one in answers] == ["pending", "success"]
        assert len({one["id"] for one in answers}) == 1
        assert answers[1]["serial"]
        assert answers[1]["price"] == 5_400
        if shutil.which("bash") and shutil.which("curl"):
            pasted = await asyncio.create_subprocess_exec("bash", "-c", line[0], stdout=PIPE, stderr=PIPE)
            out, error = await asyncio.wait_for(pasted.communicate(), 60)
            assert (pasted.returncode, error) == (0, b"")
            assert [json.loads(one) for one in out.splitlines()] == [answers[1]] * 2
        gateway.send(signal.SIGTERM)
        assert await gateway.ended(30) == 0
        assert "sandbox-password" not in gateway.output()
        assert "Traceback" not in gateway.output()
    assert (tmp_path / "var" / "gateway.db").exists()


@pytest.mark.parametrize("line", ["curl -sS --insecure http://127.0.0.1/", "wget http://127.0.0.1/"])
def test_a_line_of_another_kind_is_noticed(line: str) -> None:
    with pytest.raises(AssertionError):
        curls(line)
