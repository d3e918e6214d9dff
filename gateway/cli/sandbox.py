"""`gateway sandbox`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import click

from gateway.errors import AddressError
from gateway.plugins import load_plugins, make_sandbox
from gateway.provider import Sandbox
from gateway.settings.urls import HTTP, url_mistake


class _Url(click.ParamType[str]):
    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        mistake = url_mistake(str(value), HTTP)
        if mistake is not None:
            # Its text is not repeated: it may hold a token.
            self.fail(f"it {mistake}; write it as http://127.0.0.1:8080/reports/ACCOUNT/TOKEN", param, ctx)
        return str(value)


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8089, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--kind", default="otomax", show_default=True, help="The dialect to speak.")
@click.option("--report-url", type=_Url(), metavar="URL", help="Where to send reports.")
@click.option("--member-id", metavar="ID", help="The member that is known there.")
@click.option("--pin", help="The member's PIN. A sandbox needs no real one.")
@click.option("--password", help="The member's password. A sandbox needs no real one.")
@click.option("--slug", help="The last part of the path.")
def command(host: str, port: int, kind: str, **options: str | None) -> None:
    """Run the sandbox supplier alone: a pretend supplier that speaks real HTTP. Ctrl-C stops it."""
    given = {name: value for name, value in options.items() if value is not None}
    sandbox = make_sandbox(load_plugins(), kind, given)
    asyncio.run(run(sandbox, host, port, told=click.echo))


async def run(sandbox: Sandbox, host: str, port: int, told: Callable[[str], None]) -> None:
    """Run a sandbox until SIGINT or SIGTERM. `told` gets its address once it listens.

    Raises:
        AddressError: it cannot listen there.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        port = await sandbox.start(host, port)
    except (OSError, UnicodeError) as error:
        raise AddressError(host, port, error) from None
    try:
        told(f"the sandbox supplier listens on http://{host}:{port}")
        await stop.wait()
    finally:
        await sandbox.stop()
