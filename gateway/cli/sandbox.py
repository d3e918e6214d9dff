"""`gateway sandbox`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import click

from gateway.errors import GatewayError
from gateway.plugins import load_plugins
from gateway.provider import Sandbox


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8089, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--kind", default="otomax", show_default=True, help="The dialect to speak.")
@click.option("--report-url", metavar="URL", help="Where to send reports.")
@click.option("--member-id", metavar="ID", help="The member that is known there.")
@click.option("--pin", help="The member's PIN. A sandbox needs no real one.")
@click.option("--password", help="The member's password. A sandbox needs no real one.")
@click.option("--slug", help="The last part of the path.")
def command(host: str, port: int, kind: str, **options: str | None) -> None:
    """Run the sandbox supplier alone: a pretend supplier that speaks real HTTP. Ctrl-C stops it."""
    given = {name: value for name, value in options.items() if value is not None}
    sandboxes = load_plugins().sandboxes
    if kind not in sandboxes:
        raise GatewayError(
            f"no plugin has a sandbox of kind {kind}; there are: {', '.join(sorted(sandboxes)) or 'none'}"
        )
    try:
        asyncio.run(run(sandboxes[kind](**given), host, port, told=click.echo))
    except OSError as error:
        raise GatewayError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None


async def run(sandbox: Sandbox, host: str, port: int, told: Callable[[str], None]) -> None:
    """Run a sandbox until SIGINT or SIGTERM. `told` gets its address once it listens.

    Raises:
        OSError: it cannot listen there.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    port = await sandbox.start(host, port)
    try:
        told(f"the sandbox supplier listens on http://{host}:{port}")
        await stop.wait()
    finally:
        await sandbox.stop()
