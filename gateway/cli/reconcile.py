"""`gateway reconcile`: a supplier's own statement held against the ledger."""

from __future__ import annotations

import csv
import io
import json
import sys
import zoneinfo
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import click

from gateway.cli.configuration import config_option, read_configuration
from gateway.cli.days import day_options, moments
from gateway.cli.export import check_known
from gateway.cli.rules import printable
from gateway.core.reconcile import Finding, LineStatus, Verdict, reconcile
from gateway.core.statement import HEADER_WITHIN, Statement, StatementError, find_columns, read_statement
from gateway.errors import GatewayError
from gateway.ledger.reading import reading

MAX_BYTES = 256_000_000
_SEPARATORS = ";\t|,"
_WORDS = {
    Verdict.MATCHED: "matched",
    Verdict.MISSING_HERE: "missing here",
    Verdict.MISSING_THERE: "missing there",
    Verdict.DIFFERS: "differs",
}


@click.command("reconcile")
@click.argument("provider")
@click.argument("statement", metavar="STATEMENT.csv", type=click.Path(path_type=Path))
@day_options(required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding, the matched ones too.")
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    provider: str,
    statement: Path,
    first: date | None,
    last: date | None,
    zone: zoneinfo.ZoneInfo,
    config: Path,
    as_json: bool,
) -> None:
    """Hold the statement of a supplier, which has sold through the account PROVIDER, against the ledger.

    Each line of the statement and each purchase of its days is matched, missing here (the supplier lists it, the ledger
    does not have it), missing there (it was bought or is still open, and the supplier does not list it), or differs in
    price, status or destination. Exits 1 if anything is not matched.

    \b
    STATEMENT.csv has a line of column names, in Indonesian or English, in any order, after titles or none:
      refid, ref_id, reff id, idtrx, client id, no referensi   our reference; the supplier's where there is none
      status              sukses, gagal, pending, refund, ...; without it every line is a purchase that was charged
      harga, price        5400, 5.400, 5,400.00, Rp 5.400; where all of them are below zero, the minus is dropped
      tanggal, tgl, date  2026-11-24, or 24/11/2026 with the day first; needed, or --from and --to
      tujuan, produk, sn  the destination is compared too; an x in it hides a digit
    Cells are separated by ; or , or tabs. Lines of totals and empty lines are passed over.

    --from and --to say from which days purchases must be on the statement; left out, from those between its first and
    its last date. Both days are included. A gateway may be running meanwhile: it is only read.
    """
    settings, _ = read_configuration(config)
    read = read_file(statement, zone)
    days = (first, last) if first and last else read.days
    if days is None:
        raise GatewayError(f"{statement}: has no dates: say with --from and --to which days it covers")
    start, end = moments(first or days[0], last or days[1], zone)
    counts: Counter[Verdict] = Counter()
    with reading(settings.ledger.url) as ledger:
        check_known(provider, [account.id for account in settings.providers], ledger)
        purchases = ledger.purchases(provider, start, end)
        for finding in _watched(reconcile(read.lines, purchases, lambda ref: ledger.purchase(provider, ref))):
            counts[finding.verdict] += 1
            if as_json:
                click.echo(json.dumps(as_object(finding)))
            elif finding.verdict is not Verdict.MATCHED:
                click.echo(as_text(finding))
    click.echo(
        f"{len(read.lines)} lines, {first or days[0]} to {last or days[1]} {zone.key}; columns: {taken(read)}",
        err=as_json,
    )
    click.echo(", ".join(f"{counts[verdict]} {words}" for verdict, words in _WORDS.items()), err=as_json)
    ctx.exit(0 if counts.total() == counts[Verdict.MATCHED] else 1)


def read_file(path: Path, zone: zoneinfo.ZoneInfo) -> Statement:
    """Read a statement from a file: UTF-8 with or without a mark in front, else Windows' Western encoding.

    Raises:
        GatewayError: it cannot be read; names the line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise GatewayError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not a path'}") from None
    if len(content) > MAX_BYTES:
        raise GatewayError(f"{path}: is larger than {MAX_BYTES} bytes")
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise GatewayError(f"{path}: is a workbook, not CSV: save it as CSV first")
    try:
        text = content.decode("utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    try:
        return read_statement(_rows(text), zone)
    except StatementError as error:
        raise GatewayError(printable(f"{path}: {error}")) from None


def _rows(text: str) -> Iterator[tuple[int, Sequence[str]]]:
    """The rows of a CSV file, each with the line that it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator(text))
    begins = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise StatementError(f"line {begins}: is not CSV: {error}") from None
        yield begins, row
        begins = reader.line_num + 1


def separator(text: str) -> str:
    """What separates the cells: the mark by which a line falls into the most known column names. Counting marks would
    be misled by amounts."""
    head = text[:20_000].splitlines()[:HEADER_WITHIN]

    def known(mark: str) -> int:
        return max((len(find_columns(row)) for row in csv.reader(head, delimiter=mark)), default=0)

    return max(_SEPARATORS, key=known)


def as_object(finding: Finding) -> dict[str, object]:
    """A finding as `--json` prints it."""
    lines, purchase = finding.lines, finding.purchase
    first = lines[0] if lines else None
    there: dict[str, object] | None = None
    if first is not None:
        there = {
            "lines": [line.number for line in lines],
            "ref": first.ref,
            "supplier_ref": first.supplier_ref,
            "day": None if first.day is None else first.day.isoformat(),
            "product": first.product,
            "dest": first.dest,
            "status": None if first.status is None else first.status.value,
            "price": first.price,
            "serial": first.serial,
        }
    here: dict[str, object] | None = None
    if purchase is not None:
        here = {
            "ref": purchase.ref,
            "transaction": purchase.transaction,
            "client": purchase.client,
            "ref_id": purchase.ref_id,
            "at": purchase.at.isoformat(),
            "product": purchase.product,
            "dest": purchase.dest,
            "status": purchase.status.value,
            "price": purchase.price,
            "supplier_ref": purchase.supplier_ref,
            "serial": purchase.serial,
        }
    return {
        "verdict": finding.verdict.value,
        "differences": list(finding.differences),
        "there": there,
        "here": here,
    }


def as_text(finding: Finding) -> str:
    """A finding as one line for people."""
    lines, purchase = finding.lines, finding.purchase
    parts = [f"{_WORDS[finding.verdict]:<13}"]
    if lines:
        line = lines[0]
        parts.append(f"line {', '.join(str(one.number) for one in lines)}:")
        parts.append(line.ref or line.supplier_ref or "-")
        if purchase is None:
            shown = LineStatus.SUCCESS if line.status is None else line.status
            price = None if line.price is None else f"{line.price} rupiah"
            parts += [text for text in (line.product, line.dest, line.status_text or shown.value, price) if text]
    elif purchase is not None:
        price = "an unknown price" if purchase.price is None else f"{purchase.price} rupiah"
        parts += [purchase.ref, purchase.product, purchase.dest, purchase.status.value, price]
    if purchase is not None:
        parts.append(f"(transaction {purchase.transaction}, {purchase.client} {purchase.ref_id})")
    return printable(" ".join(parts) + (f": {'; '.join(finding.differences)}" if finding.differences else ""))


def taken(read: Statement) -> str:
    """Which columns were taken for what."""
    return printable(", ".join(f"{field} from {name!r}" for field, name in read.columns.items()))


def _watched(findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings, counted on standard error where it is a terminal and standard output is not."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from findings
        return
    for number, finding in enumerate(findings, 1):
        yield finding
        if number % 1_000 == 0:
            click.echo(f"\r{number} compared", nl=False, err=True)
    click.echo("\r", nl=False, err=True)
