from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.observe.audit import AuditLog

Command = Callable[..., "subprocess.CompletedProcess[str]"]
ROOT = Path(__file__).parents[2]


def test_the_command_is_installed() -> None:
    command = Path(sys.executable).with_name("gateway")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603 — our own
    assert re.fullmatch(r"pulsa-gateway \d+\.\d+\.\d+\n", done.stdout)


def test_rules_run_through_the_real_command(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "messages.txt"
    file.write_bytes(b"success \xff\n\nwhat\n")
    done = command("rules", "one", file, "--json", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0
    assert [json.loads(line)["verdict"] for line in done.stdout.splitlines()] == ["success", "unknown"]
    done = command("rules", "one", file, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0
    assert "\\ufffd" in done.stdout


def on_a_terminal(environment: dict[str, str], *arguments: str | Path) -> tuple[str, str]:
    """Standard output, and what stands on the terminal that standard error is."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603 — our own command, with the test's arguments
        [sys.executable, "-m", "gateway", *arguments],
        env={**environment, "TERM": "xterm"}, stdout=subprocess.PIPE, stderr=theirs, text=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # so Linux tells that the other end is closed
            while piece := os.read(ours, 4096):
                shown += piece
        out, _ = process.communicate(timeout=30)
    os.close(ours)
    return out, shown.decode()


def test_long_work_shows_its_progress_to_a_terminal_and_to_nothing_else(
    command: Command, environment: dict[str, str], tmp_path: Path
) -> None:
    messages, audit = tmp_path / "messages.txt", tmp_path / "audit.jsonl"
    messages.write_text("success\n" * 3, encoding="utf-8")
    AuditLog(audit).close()
    for work in (("rules", "one", messages), ("audit", "verify", audit)):
        silent = command(*work)
        assert silent.stderr == ""
        out, shown = on_a_terminal(environment, *work)
        assert out == silent.stdout
        bars = [line for line in re.split(r"[\r\n]+", shown) if "%" in line]
        assert bars, work
        assert "100%" in bars[-1], "it ends where the work ends"


def test_every_mistake_comes_on_standard_error(command: Command, config: Path) -> None:
    config.write_text("a: 1\nb: [${PIN}]\n", encoding="utf-8")
    done = command("check")
    assert (done.returncode, done.stdout) == (2, "")
    config.write_text('server: {port: "${PIN}"}\nproducts: {file: "${PIN}"}\n', encoding="utf-8")
    done = command("check")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2


@contextmanager
def started(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command while it runs. It is killed where the test fails before it ends."""
    with subprocess.Popen(  # noqa: S603 — our own command, with the test's arguments
        [sys.executable, "-m", "gateway", *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def test_a_reader_that_goes_away_is_no_traceback(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "messages.txt"
    file.write_text("success x\n" * 20_000, encoding="utf-8")
    with started(environment, "rules", "one", str(file)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_runs_until_it_is_told_to_stop(environment: dict[str, str], number: signal.Signals) -> None:
    options = ["--kind", "plain", "--port", "0", "--pin", "1", "--slug", "s"]
    with started(environment, "sandbox", *options) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "[('pin', '1'), ('slug', 's')]\n"
        match = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert match
        with socket.create_connection(("127.0.0.1", int(match[1])), timeout=5) as connection:
            assert connection.recv(1) == b""
        process.send_signal(number)
        assert process.stdout.read() == "stopped\n"
        assert process.stderr.read() == ""
        assert process.wait(30) == 0


def test_a_port_that_is_taken_is_one_line(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = command("sandbox", "--kind", "plain", "--port", str(server.getsockname()[1]))
    assert done.returncode == 2
    assert done.stderr.startswith("cannot listen on 127.0.0.1:")
    assert done.stderr.count("\n") == 1


def test_the_configurations_that_come_with_the_gateway_are_right(tmp_path: Path) -> None:
    """The example runs as it is, and the production one needs nothing but its secrets."""
    command = [sys.executable, "-m", "gateway", "check", "--config"]
    environment = os.environ | {"PYTHONPATH": ""}
    done = subprocess.run(  # noqa: S603 — our own command, with the test's arguments
        [*command, "config/gateway.yaml"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = (ROOT / "config/production.yaml").read_text(encoding="utf-8")
    for name in re.findall(r"file:/run/secrets/([a-z-]+)", text):
        (tmp_path / name).write_text("whsec_" + "A" * 32 + "\n", encoding="utf-8")
    secrets = dict.fromkeys(re.findall(r"\$\{([A-Z_]+)\}", text), "s3cret")
    secrets["SHOP_KEY_HASH"] = "sha256:" + "0" * 64
    file = tmp_path / "production.yaml"
    file.write_text(text.replace("file:/run/secrets", f"file:{tmp_path}"), encoding="utf-8")
    (tmp_path / "catalogue.csv").write_bytes((ROOT / "config/catalogue.csv").read_bytes())
    done = subprocess.run(  # noqa: S603 — our own command, with the test's arguments
        [*command, str(file)],
        cwd=tmp_path,
        env=environment | secrets,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_process_1_ends_on_a_stop_that_comes_while_it_starts(environment: dict[str, str]) -> None:
    program = """
import os, signal, sys
me = os.getpid()
os.getpid = lambda: 1
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what the kernel does for process 1

class Stop:  # the signal comes while the commands are imported
    def find_spec(self, name, path=None, target=None):
        if name == "gateway.cli":
            os.kill(me, signal.SIGTERM)

sys.meta_path.insert(0, Stop())
sys.argv = ["gateway", "--version"]
from gateway.__main__ import main
main()
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 — our own
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")
