"""`gateway prune`: finished months of transactions are exported, and then dropped."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import sys
import time
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gateway.cli import archive
from gateway.cli.configuration import config_option, read_configuration
from gateway.cli.days import _Zone
from gateway.cli.export import COLUMNS, export
from gateway.core.retention import Month, newest_end
from gateway.errors import GatewayError
from gateway.ledger import Leaving, Ledger, LedgerBusyError, Whole, open_ledger

BATCH = 200
"""Transactions that are read, or dropped in one commit, at a time."""
_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])", re.ASCII)
Advance = Callable[[int], None]


class _BeforeMonth(click.ParamType[Month]):
    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        if isinstance(value, Month):
            return value
        match = _MONTH.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not a month: write it as 2026-01", param, ctx)
        return Month(int(match[1]), int(match[2]))


@click.command("prune")
@click.option("--before", type=_BeforeMonth(), required=True, help="Drop the months before this one, such as 2026-01.")
@click.option(
    "--export",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Where they are written first. An unfinished run goes on with the same file.",
)
@click.option(
    "--timezone",
    "zone",
    type=_Zone(),
    default="Asia/Jakarta",
    show_default=True,
    help="Where the months begin at midnight.",
)
@config_option
def command(*, before: Month, path: Path, zone: zoneinfo.ZoneInfo, config: Path) -> None:
    """Export the transactions of finished months to a file, and drop them from the ledger.

    Each is dropped with everything that belongs to it, and its ref_id is forgotten: a client that sends it again buys
    again. So the current and the previous month stay, and nothing is dropped while one of the transactions is open,
    waits for a person, is to be asked about or has a notification to deliver.

    The file is JSON lines: the columns of `gateway export`, and under `rows` all that is needed to restore it. Nothing
    is dropped before the file is whole, on the disk and read back, and then only what is in it and has not changed
    since. The command can be interrupted at any time: given again, with the same file, it goes on.

    A SQLite ledger must not be in use: stop the gateway. On PostgreSQL the gateways may go on working.
    """
    newest = newest_end(datetime.now(UTC), zone)
    if before > newest:
        raise click.BadParameter(f"--before {before}: the current and the previous month stay; at most {newest}")
    settings, _ = read_configuration(config)
    asyncio.run(_with_ledger(settings.ledger.url, before, zone, path, again=path.exists()))


async def _with_ledger(url: str, before: Month, zone: zoneinfo.ZoneInfo, path: Path, *, again: bool) -> None:
    ledger = open_ledger(url)
    try:
        await ledger.start()
    except LedgerBusyError as error:
        raise GatewayError(f"{error}. Stop it, and prune then") from None
    try:
        # A file has no other visitors; a server's replicas get as much of its time as this does.
        await prune(ledger, before, zone, path, again=again, rest=not url.startswith("sqlite:"))
    finally:
        await ledger.close()


async def prune(
    ledger: Ledger, before: Month, zone: zoneinfo.ZoneInfo, path: Path, *, again: bool = False, rest: bool = False
) -> None:
    """Export and drop.

    Args:
        again: go on with a run that has written `path`.
        rest: wait after each batch as long as it took.

    Raises:
        GatewayError: some are not finished, the file cannot be written or is another one, or some have changed.
    """
    end = before.begins(zone)
    unfinished = await ledger.unfinished(end)
    if unfinished:
        told = (f"{one.count} {one.why} (such as {one.example})" for one in unfinished)
        raise GatewayError(f"there are transactions before {before} that cannot be dropped: {', '.join(told)}")
    month = f"{before} {zone.key}"
    if again:
        written = archive.check(path)
        if written.before != month:
            raise GatewayError(f"{path} is the export of another run (--before {written.before}); name another file")
    else:
        made = await _export(ledger, end, zone, path, month)
        if made is None:
            click.echo(f"there are no transactions before {before}")
            return
        written = made
    click.echo(f"{path}: {written.transactions} transactions before {before}, on the disk and read back")
    gone = await _drop(ledger, end, path, written.transactions, rest=rest)
    click.echo(f"{gone} dropped")
    if left := await ledger.leaving_count(end):
        raise GatewayError(
            f"{left} before {before} are not in {path}, or have changed since, and stay: "
            "run the command again with another file"
        )


async def _export(ledger: Ledger, end: datetime, zone: zoneinfo.ZoneInfo, path: Path, month: str) -> archive.End | None:
    out = archive.Archive(path, month)
    try:
        with _progress("exporting", await ledger.leaving_count(end)) as advance:
            last: str | None = None
            while page := await ledger.leaving(end, last, BATCH):
                for one in page:
                    out.add(_line(one, zone))
                last = page[-1].transaction.id
                advance(len(page))
        if last is None:
            out.discard()
            return None
        return await asyncio.to_thread(out.finish)
    finally:
        out.close()


def _line(one: Whole, zone: zoneinfo.ZoneInfo) -> archive.Line:
    (cells,) = export([one.transaction], zone)
    return {**dict(zip(COLUMNS, cells, strict=True)), "rows": one.rows}


async def _drop(ledger: Ledger, end: datetime, path: Path, count: int, *, rest: bool) -> int:
    gone = 0
    held = archive.lines(path)
    with _progress("dropping", count) as advance:
        while batch := [_leaving(line) for line in itertools.islice(held, BATCH)]:
            began = time.perf_counter()
            gone += await ledger.drop(batch, end)
            advance(len(batch))
            await asyncio.sleep(time.perf_counter() - began if rest else 0)
    return gone


def _leaving(line: archive.Line) -> Leaving:
    rows = line["rows"]
    attempts = tuple(f"{attempt['id']:018d}" for attempt in rows["attempts"])
    return Leaving(line["id"], rows["transactions"][0]["version"], attempts)


@contextlib.contextmanager
def _progress(label: str, length: int) -> Iterator[Advance]:
    """A bar where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield bar.update
