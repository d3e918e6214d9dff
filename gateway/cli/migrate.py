"""`gateway migrate`."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.configuration import config_option, read_configuration


@click.command("migrate")
@config_option
def command(config: Path) -> None:
    """Bring the ledger's schema up to date."""
    settings, _ = read_configuration(config)
    from gateway.ledger import migrate

    click.echo(migrate(settings.ledger.url))
