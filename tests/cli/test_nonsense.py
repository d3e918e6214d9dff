"""Every command, given what cannot be right: one line that says what to do, an exit that is not 0, and no traceback."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from gateway.cli import COMMANDS
from gateway.errors import AddressError

pytestmark = pytest.mark.usefixtures("no_such_host")

Run = Callable[..., Result]
Command = Callable[..., "subprocess.CompletedProcess[str]"]

DAYS = "--from 2026-11-01 --to 2026-11-02"
WITH_CONFIG = {
    "serve": "serve",
    "check": "check",
    "explain": "explain XL5 081712345678",
    "rules": "rules one file",
    "migrate": "migrate",
    "export": f"export {DAYS}",
    "prune": "prune --before 2026-01 --export out.jsonl",
    "reconcile": f"reconcile one statement.csv {DAYS}",
}
NO_CONFIG = {
    "missing.yaml": "cannot be read: No such file or directory",
    "folder": "cannot be read: Is a directory",
    "file/config.yaml": "cannot be read: Not a directory",
    "noise": "is not UTF-8; save the file as UTF-8",
    "empty": "is empty; see config/gateway.yaml",
    "text": "must be a mapping",
}
WITH_LEDGER = ("serve", "migrate", "export", "prune", "reconcile")
NO_LEDGER = {
    "sqlite:///folder": "cannot be opened",
    "sqlite:///noise": "not a database",
    "sqlite:///file/ledger.db": "cannot be opened",
    "sqlite:////proc/ledger.db": "cannot be opened",
    "sqlite:///newer.db": "is at revision 9999, and this program knows",
    "sqlite:///strange.db": "is at revision 0000",
    "postgresql://u:cAnArY-0711@127.0.0.1:1/x": "cannot be reached",
    "postgresql://u:cAnArY-0711@no-such-host.invalid/x": "cannot be reached",
}
ALONE = {
    "check nonsense": "unexpected extra argument",
    "plugins nonsense": "unexpected extra argument",
    "explain NOPE 081712345678": "there is no product 'NOPE'",
    "rules nobody file": "there is no account nobody; there are: one, quiet",
    "rules quiet file": "has no message rules",
    "rules one missing": "cannot be read: No such file",
    "rules one folder": "cannot be read: Is a directory",
    "rules one bad.jsonl": "bad.jsonl:1: is not JSON",
    "keys new Nonsense!": "CLIENT must be 1 to 64 lower-case letters",
    "keys old shop": "No such command 'old'",
    "sandbox --kind plane": "no plugin has a sandbox of kind plane; there are: fussy, otomax, picky, plain, silent",
    "sandbox --kind plain --report-url nonsense": "must begin with http:// or https://",
    "sandbox --kind plain --report-url http://[::1": "is not a URL",
    "sandbox --kind plain --report-url http://x:99999/cAnArY-0711": "is not a URL",
    "sandbox --kind picky --pin cAnArY-0711": "the sandbox of kind picky cannot be made: it takes other options",
    "sandbox --kind fussy --pin cAnArY-0711": "the sandbox of kind fussy cannot be made: ValueError",
    "sandbox --kind fussy": "the sandbox of kind fussy cannot be made: ValueError: a pin is needed",
    "sandbox --kind plain --port nonsense": "'nonsense' is not a valid integer",
    "sandbox --kind plain --host no-such-host.invalid": "there is no host of this name",
    f"sandbox --kind plain --host {'a' * 70}.x": "there is no host of this name",
    "sandbox --kind plain --host 203.0.113.9": "this machine has no such address",
    "export --from yesterday --to 2026-11-02": "'yesterday' is not a day: write it as 2026-11-24",
    f"export {DAYS} --timezone Mars/Crater": "is not a time zone",
    f"export {DAYS} --format xlsx": "is not one of 'csv', 'jsonl'",
    "prune --before 2099-01 --export out.jsonl": "the current and the previous month stay",
    "prune --before yesterday --export out.jsonl": "is not a month: write it as 2026-01",
    "prune --before 2026-01 --export folder": "is a directory",
    "prune --before 2026-01 --export file/out.jsonl": "cannot write file/out.jsonl.partial: Not a directory",
    "prune --before 2026-01 --export noise": "is no whole export of gateway prune; name another file",
    f"reconcile one missing {DAYS}": "cannot be read: No such file",
    f"reconcile one folder {DAYS}": "cannot be read: Is a directory",
    f"reconcile one noise {DAYS}": "has no line of column names",
    "audit verify": "Missing argument",
    "audit verify missing": "cannot be read: No such file",
    "audit verify folder": "cannot be read: Is a directory",
    "audit verify noise.gz": "not a whole gzip file",
    "audit verify noise": "the chain is broken",
    "migrate nonsense": "unexpected extra argument",
    "serve nonsense": "unexpected extra argument",
    "serve --log-level loud": "is not one of 'debug', 'info', 'warning', 'error'",
    "serve --sandbox": "--sandbox needs an account at an address on this machine",
    "nonsense": "No such command 'nonsense'",
}
PICKY = """

class Picky(Box):
    def __init__(self, *, slug=None):
        super().__init__()


class Fussy(Box):
    def __init__(self, *, pin=None):
        raise ValueError(f"{pin} is known to everybody" if pin else "a pin is needed")


class Silent(Box):
    async def start(self, host, port):
        return 0

    async def stop(self):
        pass


@hookimpl(specname="gateway_register_sandboxes")
def more(register):
    register("plain", Box)
    register("silent", Silent)
    register("picky", Picky)
    register("fussy", Fussy)


del gateway_register_sandboxes
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, site: Path, config: Path) -> Path:
    """The working directory of the commands, with one of each thing that is no use."""
    with (site / "plain_plugin.py").open("a", encoding="utf-8") as plugin:
        plugin.write(PICKY)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("success x\n", encoding="utf-8")
    (tmp_path / "text").write_text("no configuration\n", encoding="utf-8")
    (tmp_path / "empty").touch()
    for name in ("noise", "noise.gz"):
        (tmp_path / name).write_bytes(bytes(range(255, 0, -1)) * 40)
    (tmp_path / "bad.jsonl").write_text("success x\n", encoding="utf-8")
    (tmp_path / "statement.csv").write_text("refid,status\n1,sukses\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def refused(done: Result | subprocess.CompletedProcess[str], words: str) -> str:
    """That a command said so in one line, and nothing else. Returns the line."""
    code = done.exit_code if isinstance(done, Result) else done.returncode
    assert code in {1, 2}, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert words in line
    return line


def test_no_command_is_left_out() -> None:
    tried = {line.split()[0] for line in ALONE} | set(WITH_CONFIG)
    assert tried - {"nonsense"} == set(COMMANDS)


@pytest.mark.parametrize("line", ALONE)
def test_what_cannot_be_right_is_one_line(run: Run, line: str) -> None:
    refused(run(*line.split()), ALONE[line])


@pytest.mark.parametrize("name", WITH_CONFIG)
@pytest.mark.parametrize("config", NO_CONFIG)
def test_a_configuration_that_cannot_be_read_is_one_line(run: Run, name: str, config: str) -> None:
    refused(run(*WITH_CONFIG[name].split(), "--config", config), NO_CONFIG[config])


@pytest.mark.parametrize(
    ("name", "url"),
    [(name, url) for url in NO_LEDGER for name in WITH_LEDGER if "invalid" not in url or name != "serve"],
)
def test_a_ledger_that_cannot_be_used_is_one_line(
    run: Run, command: Command, config: Path, name: str, url: str
) -> None:
    config.write_text(f"{config.read_text()}ledger: {{url: '{url}'}}\n", encoding="utf-8")
    for file, revision in (("newer.db", "9999"), ("strange.db", "0000")):
        if file in url:
            assert run("migrate").exit_code == 0
            with contextlib.closing(sqlite3.connect(config.parent / file, isolation_level=None)) as connection:
                connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    line = refused((command if name == "serve" else run)(*WITH_CONFIG[name].split()), NO_LEDGER[url])
    assert "run `gateway migrate`" not in line or name != "migrate", "it is what was just tried"


@pytest.mark.parametrize("key", ["port", "admin_port"])
def test_a_port_that_is_taken_is_one_line_of_serve(command: Command, config: Path, taken: int, key: str) -> None:
    config.write_text(f"{config.read_text()}server: {{port: 0, admin_port: 0, {key}: {taken}}}\n".replace(
        f"{key}: 0, ", "").replace(f", {key}: 0", ""), encoding="utf-8")  # fmt: skip
    line = refused(command("serve"), f"cannot listen on 127.0.0.1:{taken}")
    assert line.endswith("another program has this port; stop that one, or choose another port")


def test_a_port_that_is_taken_is_one_line_of_the_sandbox(run: Run, taken: int) -> None:
    refused(run("sandbox", "--kind", "plain", "--port", str(taken)), "another program has this port")


@pytest.mark.usefixtures("sold")
def test_an_account_that_nobody_knows_is_one_line_of_bookkeeping(run: Run) -> None:
    said = "there is no account 'nobody', and the ledger knows of none; there are: one, quiet"
    refused(run("reconcile", "nobody", "statement.csv", *DAYS.split()), said)
    refused(run("export", "--provider", "nobody", *DAYS.split()), said)


@pytest.mark.parametrize("path", ["folder", "file/audit.jsonl", "/proc/audit.jsonl"])
def test_an_audit_log_that_cannot_be_written_is_one_line(command: Command, config: Path, path: str) -> None:
    config.write_text(f"{config.read_text()}audit: {{path: '{path}'}}\n", encoding="utf-8")
    refused(command("serve"), f"{path}: the audit log cannot be opened")


SAYING = [
    "--help",
    "--version",
    "plugins",
    "keys new shop",
    "check",
    "rules one file",
    "migrate",
    f"export {DAYS}",
    "prune --before 2026-01 --export out.jsonl",
    f"reconcile one statement.csv {DAYS}",
    "audit verify empty",
    "sandbox --kind silent",
    "explain XL5 081712345678",
]
"""What says something on standard output, and ends by itself where that cannot be."""
WAYS = [SAYING[2], SAYING[7], SAYING[11]]
"""Line by line, as a whole, and from an event loop."""


@pytest.fixture
def sold(config: Path, run: Run) -> None:
    """A ledger, and something to sell."""
    routes = "[{provider: one, code: X, price: 1}, {provider: quiet, code: X, price: 1}]"
    client = f"{{id: shop, key_hash: 'sha256:{'0' * 64}'}}"
    more = f"products: [{{code: XL5, routes: {routes}}}]\nclients: [{client}]\n"
    config.write_text(config.read_text() + more, encoding="utf-8")
    assert run("migrate").exit_code == 0


def _ended(environment: dict[str, str], folder: Path, line: str, output: int | str) -> tuple[int, str]:
    arguments = [sys.executable, "-m", "gateway", *line.split()]
    if output == "closed":
        arguments = ["/bin/sh", "-c", 'exec "$0" "$@" >&-', *arguments]
    done = subprocess.run(  # noqa: S603 — our own command, with the test's arguments
        arguments, env=environment, cwd=folder, stderr=subprocess.PIPE, text=True, timeout=30, check=False,
        stdout=output if isinstance(output, int) else None,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize("line", SAYING)
def test_a_reader_that_is_gone_ends_the_command_without_a_word(
    environment: dict[str, str], here: Path, line: str
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert _ended(environment, here, line, writing) == (1, "")
    finally:
        os.close(writing)


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize("line", WAYS)
def test_a_full_disk_under_the_output_is_one_line(environment: dict[str, str], here: Path, line: str) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        said = "the system says: No space left on device; mend that, and give the command again\n"
        assert _ended(environment, here, line, full) == (2, said)
    finally:
        os.close(full)


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize("line", WAYS)
def test_an_output_that_is_closed_is_one_line(environment: dict[str, str], here: Path, line: str) -> None:
    said = "the system says: standard output is closed; mend that, and give the command again\n"
    assert _ended(environment, here, line, "closed") == (2, said)


def test_every_error_that_ends_in_front_of_a_person_is_in_one_tree() -> None:
    """What the engine refuses can then be told by the command line as it stands."""
    from gateway.engine.deliver import NoWebhookError
    from gateway.engine.deposit import CannotCorrectError
    from gateway.engine.errors import DrainingError, EngineError
    from gateway.errors import GatewayError
    from gateway.ledger import LedgerUnavailableError
    from gateway.observe.audit import AuditError

    for one in (EngineError, DrainingError, NoWebhookError, CannotCorrectError, LedgerUnavailableError, AuditError):
        assert issubclass(one, GatewayError)
    assert str(AddressError("::1", 80, OSError("odd"))) == "cannot listen on ::1:80: OSError"
