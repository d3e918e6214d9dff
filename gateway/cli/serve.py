"""`gateway serve`."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.configuration import config_option, read_configuration


@click.command("serve")
@config_option
@click.option("--sandbox", is_flag=True, help="Start the sandbox supplier too, and print a purchase to paste.")
@click.pass_context
def command(ctx: click.Context, config: Path, *, sandbox: bool) -> None:
    """Run the gateway.

    SIGTERM drains: it stops accepting, finishes what is in flight, and exits 0. SIGHUP reloads the configuration, all
    of it or nothing.
    """
    settings, plugins = read_configuration(config)
    from gateway.app import serve

    ctx.exit(serve(settings, plugins, sandbox=sandbox, config_path=config))
