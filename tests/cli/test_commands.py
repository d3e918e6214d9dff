from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from gateway.cli import COMMANDS, gateway

Run = Callable[..., Result]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_file_of_its_name_and_help(run: Run, name: str) -> None:
    command = importlib.import_module(f"gateway.cli.{name}").command
    assert isinstance(command, click.Command)
    assert command.name == name
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "Usage: gateway" in result.stdout


def test_the_help_lists_every_command_without_importing_it(run: Run) -> None:
    result = run("--help")
    assert all(name in result.stdout for name in COMMANDS)
    assert gateway.list_commands(click.Context(gateway)) == list(COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        "nope",
        "check --confi x",
        "check extra",
        "rules",
        "rules one",
        "keys new",
        "sandbox --port x",
        "sandbox --port 99999",
    ],
)
def test_a_mistake_in_the_command_is_one_line_and_exits_2(run: Run, arguments: str) -> None:
    result = run(*arguments.split())
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_check_says_what_it_found(run: Run, config: Path) -> None:
    result = run("check")
    assert result.exit_code == 0
    assert result.stdout == f"{config}: no mistakes; clients: 0, accounts: 2, products: 0\n"
    assert "nobody can buy" in result.stderr


def test_check_tells_every_mistake_with_its_line_and_exits_2(run: Run, config: Path) -> None:
    config.write_text(
        'providers:\n  - {id: one, kind: plain, url: "${PIN}", pin: 0711}\n  - {id: one, kind: plane, url: "http://x"}\n',
        encoding="utf-8",
    )
    result = run("check", "--config", config)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert [line.split(": ")[:2] for line in result.stderr.splitlines()] == [
        [f"{config}:2", "providers[0].url"],
        [f"{config}:2", "providers[0].pin"],
        [f"{config}:3", "providers[1].id"],
        [f"{config}:3", "providers[1].kind"],
    ]


def test_a_configuration_that_is_not_there_is_a_mistake(run: Run) -> None:
    result = run("check", "--config", "none.yaml")
    assert result.exit_code == 2
    assert result.stderr == "none.yaml: cannot be read: No such file or directory\n"


def test_plugins_shows_kinds_versions_and_capabilities(run: Run) -> None:
    result = run("plugins")
    assert result.exit_code == 0
    assert "plain  plain-plugin 1.2: purchase, rules +sandbox\n" in result.stdout
    assert "mute  plain-plugin 1.2: purchase +sandbox\n" in result.stdout


def test_a_bad_plugin_is_shown_and_takes_only_its_accounts_with_it(run: Run, site: Path, config: Path) -> None:
    info = site / "bad-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 0.1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[pulsa_gateway]\nbad = bad_plugin\n", encoding="utf-8")
    (site / "bad_plugin.py").write_text("raise RuntimeError('boom')", encoding="utf-8")
    with config.open("a", encoding="utf-8") as file:
        file.write("  - {id: other, kind: bad, url: 'http://b.example', own: 1}\n")
    plugins = run("plugins")
    assert "FAILED  bad 0.1: RuntimeError: boom (bad_plugin.py, line 1)\n" in plugins.stdout
    assert plugins.exit_code == 1
    check = run("check")
    assert check.exit_code == 2
    assert (
        "providers[2].kind: the kind bad is not there: its plugin failed to load (RuntimeError: boom)" in check.stderr
    )
    messages = config.parent / "messages.txt"
    messages.write_text("success", encoding="utf-8")
    rules = run("rules", "one", messages)
    assert rules.exit_code == 0
    assert "the account other cannot be used: its plugin failed to load (RuntimeError: boom)" in rules.stderr
    assert run("rules", "other", messages).exit_code == 2


def test_a_new_key_has_256_random_bits_and_its_hash(run: Run) -> None:
    keys = set()
    for _ in range(3):
        result = run("keys", "new", "shop")
        assert result.exit_code == 0
        match = re.fullmatch(r"key: ([0-9a-f]{64})\nkey_hash: sha256:([0-9a-f]{64})\n", result.stdout)
        assert match
        assert hashlib.sha256(match[1].encode()).hexdigest() == match[2]
        keys.add(match[1])
    assert len(keys) == 3


@pytest.mark.parametrize("client", ["Shop", "", "a b", "-x", "a\n", "x" * 65])
def test_a_client_needs_a_name_that_the_configuration_takes(run: Run, client: str) -> None:
    assert run("keys", "new", "--", client).exit_code == 2


def test_a_mistake_in_the_gateway_itself_is_one_line_without_its_words(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise KeyError("cAnArY-0711")

    monkeypatch.setattr("gateway.cli.plugins.load_plugins", broken)
    result = run("plugins")
    assert result.exit_code == 70
    assert result.stderr.count("\n") == 1
    assert "KeyError" in result.stderr


def test_a_sandbox_of_an_unknown_kind_names_the_known_ones(run: Run) -> None:
    result = run("sandbox", "--kind", "nope")
    assert result.exit_code == 2
    assert "plain" in result.stderr
