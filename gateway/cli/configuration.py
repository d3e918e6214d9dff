"""The option `--config`, and the configuration that it names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.plugins import Plugins, load_plugins
from gateway.settings.load import load
from gateway.settings.types import Settings

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT = Path("config/gateway.yaml")


def config_option(function: F) -> F:
    """Give a command the option `--config FILE`, as its argument `config`."""
    option = click.option(
        "--config",
        type=click.Path(path_type=Path),
        default=DEFAULT,
        envvar="GATEWAY_CONFIG",
        metavar="FILE",
        show_default=True,
        help="The configuration; GATEWAY_CONFIG names it too.",
    )
    return option(function)


def read_configuration(config: Path, *, strict: bool = False) -> tuple[Settings, Plugins]:
    """Load the plugins, and the configuration with them.

    An account whose plugin failed to load is told on standard error, and the others stay usable; with `strict` it is a
    mistake.

    Raises:
        ConfigurationError: the configuration has mistakes.
    """
    plugins = load_plugins()
    settings = load(config, plugins.kinds, unavailable=plugins.unavailable, degraded=not strict)
    for account in settings.providers:
        if account.kind not in plugins.kinds:
            why = plugins.unavailable[account.kind]
            click.echo(f"the account {account.id} cannot be used: its plugin failed to load ({why})", err=True)
    return settings, plugins
