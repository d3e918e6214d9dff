"""`gateway audit verify`."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from gateway.observe import chain
from gateway.observe.audit_file import read_head

EXIT_BROKEN = 1
"""The chain is broken; 2 is for what cannot be read at all."""


@click.group("audit")
def command() -> None:
    """Look after the audit log."""


@command.command("verify")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
def verify(files: tuple[Path, ...]) -> None:
    """Check the hash chain of FILE, or of several that follow each other, oldest first.

    Exits 1 if a line was changed, removed, added or moved, and says where. Files that end in .gz are unpacked. The head
    beside a file (FILE.head) tells where it must end.
    """
    after: str | None = None
    whole = True
    for file in files:
        try:
            found = _verify(file, after)
        except (OSError, EOFError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else "not a whole gzip file"
            raise click.ClickException(f"{file}: cannot be read: {why}") from None
        for line in told(file, found):
            click.echo(line, err=not found.ok)
        whole = whole and found.ok
        after = found.ends_with
    if not whole:
        sys.exit(EXIT_BROKEN)
    if read_head(files[-1]) is None:
        click.echo(f"{files[-1]}: has no head beside it: lines that are missing at its end do not show")


def told(file: Path, found: chain.Verification) -> Iterator[str]:
    """What is said about one file, a line for each finding."""
    if not found.ok:
        yield f"{file}:{found.bad_line}: the chain is broken: {found.why}"
        return
    yield f"{file}: {found.lines} lines, the chain is whole; the last hash is {found.ends_with}"
    if found.begins_after != chain.GENESIS:
        yield f"{file}: continues the file whose last hash is {found.begins_after}"
    if found.torn:
        yield f"{file}: lines cut by crashes: {found.torn}"
    if found.lost:
        yield f"{file}: lines that could not be written and are noted as lost: {found.lost}"
    if found.after_head:
        yield f"{file}: lines after the head, which only a later head can vouch for: {found.after_head}"


def _verify(file: Path, after: str | None) -> chain.Verification:
    head = read_head(file)  # before the lines: a log that is being written only grows
    size = file.stat().st_size
    with (
        file.open("rb") as packed,
        click.progressbar(length=size, label=str(file), file=sys.stderr, hidden=not sys.stderr.isatty()) as bar,
    ):
        lines = gzip.GzipFile(fileobj=packed) if file.suffix == ".gz" else packed
        return chain.verify(_watched(lines, packed, bar.update), after=after, head=head)


def _watched(lines: Iterable[bytes], packed: BinaryIO, update: Callable[[int], None]) -> Iterator[bytes]:
    """The lines, while the progress bar is told how much of the file is read."""
    seen = 0
    for number, line in enumerate(lines):
        if number % 10_000 == 0:
            update(packed.tell() - seen)
            seen = packed.tell()
        yield line
    update(packed.tell() - seen)
