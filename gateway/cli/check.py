"""`gateway check`."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.configuration import config_option, read_configuration
from gateway.settings.cross import warnings


@click.command("check")
@config_option
def command(config: Path) -> None:
    """Validate the configuration.

    Exits 0, or prints every mistake with its line and exits 2. Secrets are never printed.
    """
    settings, plugins = read_configuration(config, strict=True)
    for warning in warnings(settings, plugins.kinds):
        click.echo(f"{config}: warning: {warning}", err=True)
    for failed in plugins.failed:
        click.echo(f"warning: the plugin {failed.name} failed to load: {failed.why}", err=True)
    click.echo(
        f"{config}: no mistakes; clients: {len(settings.clients)}, "
        f"accounts: {len(settings.providers)}, products: {len(settings.products)}"
    )
