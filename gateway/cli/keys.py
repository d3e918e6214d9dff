"""`gateway keys new`."""

from __future__ import annotations

import hashlib
import re
import secrets

import click

from gateway.settings.types import NAME_PATTERN


@click.group("keys")
def command() -> None:
    """Make API keys for clients."""


@command.command("new")
@click.argument("client")
def new(client: str) -> None:
    """Make a key for CLIENT and print it, once.

    Give the key to the client, and put key_hash into the configuration: the key itself is stored nowhere.
    """
    if re.fullmatch(NAME_PATTERN.rstrip("$"), client) is None:
        raise click.ClickException(
            "CLIENT must be 1 to 64 lower-case letters, digits, - or _, and begin with a letter or digit"
        )
    key = secrets.token_hex(32)
    click.echo(f"key: {key}")
    click.echo(f"key_hash: {key_hash(key)}")
    click.echo(f"# key_hash belongs to the client {client} in the configuration; several are allowed", err=True)


def key_hash(key: str) -> str:
    """A key as the configuration holds it: `sha256:` and the hex SHA-256 of its text."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()
