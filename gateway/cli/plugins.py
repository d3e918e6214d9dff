"""`gateway plugins`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from gateway.plugins import FailedPlugin, PluginInfo, Plugins, load_plugins
from gateway.provider import Capability

EXIT_FAILED = 1
"""A plugin failed to load."""


@click.command("plugins")
def command() -> None:
    """Show the kinds of supplier that are loaded, what each can do, and the plugins that failed to load.

    Exits 1 if a plugin failed to load.
    """
    plugins = load_plugins()
    for line in lines(plugins):
        click.echo(line)
    if plugins.failed:
        sys.exit(EXIT_FAILED)


def lines(plugins: Plugins) -> Iterator[str]:
    """What is shown: a line for each kind, for each plugin that has none, and for each that failed."""
    if not plugins.loaded and not plugins.failed:
        yield "no plugins are installed"
    for info in plugins.loaded:
        yield from _loaded(info)
    for failed in plugins.failed:
        yield f"FAILED  {_package(failed)}: {failed.why}" + (f" ({failed.where})" if failed.where else "")


def _loaded(info: PluginInfo) -> Iterator[str]:
    extras = (" +sandbox" if info.sandboxes else "") + (" +observes" if info.observes else "")
    if not info.kinds:
        yield f"-  {_package(info)}:{extras or ' nothing'}"
    for kind, able in info.kinds.items():
        words = ", ".join(capability for capability in Capability if capability in able)
        yield f"{kind}  {_package(info)}: {words}{extras}"


def _package(plugin: PluginInfo | FailedPlugin) -> str:
    return f"{plugin.distribution} {plugin.version}" if plugin.distribution else plugin.name
