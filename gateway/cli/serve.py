"""`gateway serve`."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.configuration import config_option, read_configuration

LEVELS = ("debug", "info", "warning", "error")


@click.command("serve")
@config_option
@click.option("--sandbox", is_flag=True, help="Start the sandbox supplier too, and print a purchase to paste.")
@click.option(
    "--log-level",
    type=click.Choice(LEVELS),
    envvar="GATEWAY_LOG_LEVEL",
    help="What is logged, whatever log.level says, over reloads too; GATEWAY_LOG_LEVEL names it too.",
)
@click.pass_context
def command(ctx: click.Context, config: Path, *, sandbox: bool, log_level: str | None) -> None:
    """Run the gateway.

    SIGTERM drains: it stops accepting, finishes what is in flight, and exits 0. SIGHUP reloads the configuration, all
    of it or nothing.
    """
    settings, plugins = read_configuration(config)
    from gateway.app import serve

    ctx.exit(serve(settings, plugins, sandbox=sandbox, config_path=config, log_level=log_level))
