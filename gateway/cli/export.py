"""`gateway export`: transactions for bookkeeping, as CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import sys
import zoneinfo
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TextIO

import click

from gateway.cli.configuration import config_option, read_configuration
from gateway.cli.days import day_options, moments
from gateway.core.transaction import AttemptState, AttemptStatus, Transaction
from gateway.errors import GatewayError
from gateway.ledger.reading import Reading, reading
from gateway.settings.messages import suggestion

Cell = str | int | None

COLUMNS = (
    "id",
    "ref_id",
    "client",
    "created_at",
    "final_at",
    "product",
    "dest",
    "qty",
    "status",
    "reason",
    "provider",
    "supplier_ref",
    "serial",
    "price",
    "attempts",
)
"""In this order. New ones are added at the end."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet may take for the beginning of a formula (OWASP, CSV injection)."""


@click.command("export")
@day_options(required=True)
@click.option("--provider", metavar="P", help="Only what this account delivered or, where none did, tried last.")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("--separator", type=click.Choice([",", ";"]), default=",", show_default=True, help="Between CSV cells.")
@config_option
def command(
    *,
    first: date,
    last: date,
    zone: zoneinfo.ZoneInfo,
    provider: str | None,
    form: str,
    separator: str,
    config: Path,
) -> None:
    """Write the transactions that were accepted from one day to another to standard output, oldest first.

    Both days are included: --from 2026-11-01 --to 2026-11-30 is all of November, in the time zone of --timezone. A
    gateway may be running meanwhile: it is only read.

    Columns: id, ref_id, client, created_at, final_at, product, dest, qty, status, reason (the code), provider,
    supplier_ref, serial, price, attempts (how many). provider and supplier_ref are those of the attempt that delivered
    or, where none did, of the last one. price is what the supplier took in whole rupiah; a reversed purchase keeps the
    price that was given back, so add up the lines whose status is success.

    \b
    For spreadsheets: a text cell that begins with = + - @ gets a ' in front, so that no supplier's text is run
    as a formula; numbers (qty, price, attempts) stand as they are. References have 18 digits and numbers may
    begin with 0: import id, ref_id, dest, supplier_ref and serial as text, or the spreadsheet changes them.
    With --format jsonl nothing is changed: use it for programs. Both are UTF-8.
    """
    settings, _ = read_configuration(config)
    start, end = moments(first, last, zone)
    with reading(settings.ledger.url) as ledger:
        if provider is not None:
            check_known(provider, [account.id for account in settings.providers], ledger)
        rows = export(_watched(ledger, start, end, provider), zone)
        out = as_a_file(sys.stdout)
        if form == "csv":
            write_csv(rows, out, separator)
        else:
            write_jsonl(rows, out)


def as_a_file(out: TextIO) -> TextIO:
    """Standard output in UTF-8, unless a terminal shows it: books must not depend on the locale of who writes them."""
    if isinstance(out, io.TextIOWrapper) and not out.isatty():
        out.reconfigure(encoding="utf-8", errors="backslashreplace")
    return out


def check_known(provider: str, configured: Iterable[str], ledger: Reading) -> None:
    """See that an account is in the configuration or was once bought from.

    Raises:
        GatewayError: it is neither.
    """
    accounts = sorted(configured)
    if provider not in accounts and not ledger.knows(provider):
        known = suggestion(provider, accounts) or f"there are: {', '.join(accounts) or 'none'}"
        raise GatewayError(f"there is no account {provider!r}, and the ledger knows of none; {known}")


def export(transactions: Iterable[Transaction], zone: zoneinfo.ZoneInfo) -> Iterator[tuple[Cell, ...]]:
    """Each transaction as the cells of `COLUMNS`, with times in `zone`."""
    for one in transactions:
        told = _told(one)
        yield (
            one.id,
            one.ref_id,
            one.client,
            _time(one.created_at, zone),
            None if one.final_at is None else _time(one.final_at, zone),
            one.product,
            one.dest,
            one.qty,
            one.status.value,
            None if one.reason is None else one.reason.code.value,
            None if told is None else told.provider,
            None if told is None else told.supplier_ref,
            one.serial,
            one.price,
            len(one.attempts),
        )


def _told(one: Transaction) -> AttemptState | None:
    """The attempt that delivered; where none did, the last one."""
    for attempt in one.attempts:
        if attempt.provider == one.provider and attempt.status in {AttemptStatus.SUCCESS, AttemptStatus.REVERSED}:
            return attempt
    return one.attempts[-1] if one.attempts else None


def _time(at: datetime, zone: zoneinfo.ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds")


def write_csv(rows: Iterable[tuple[Cell, ...]], out: TextIO, separator: str) -> None:
    """Rows under a line of column names, with text cells that no spreadsheet runs."""
    writer = csv.writer(out, delimiter=separator)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in row])


def safe(text: str) -> str:
    """A text cell that is no formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def write_jsonl(rows: Iterable[tuple[Cell, ...]], out: TextIO) -> None:
    """One JSON object a line."""
    out.writelines(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in rows)


def _watched(ledger: Reading, start: datetime, end: datetime, provider: str | None) -> Iterator[Transaction]:
    """The transactions, with a progress bar where standard error is a terminal and standard output is not."""
    found = ledger.transactions(start, end, provider)
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from found
        return
    with click.progressbar(length=ledger.count(start, end, provider), label="exporting", file=sys.stderr) as bar:
        for number, one in enumerate(found, 1):
            yield one
            if number % 1_000 == 0:
                bar.update(1_000)
        bar.update(bar.length or 0)
