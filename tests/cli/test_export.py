"""`gateway export` on a ledger of its own file."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from gateway.cli.export import COLUMNS, safe
from gateway.core.outcome import ReasonCode
from gateway.core.references import References
from gateway.core.transaction import (
    AttemptState,
    AttemptStatus,
    Change,
    Reason,
    Transaction,
    TransactionStatus,
)
from gateway.ledger import open_ledger

Run = Callable[..., Result]
MIDNIGHT = datetime(2026, 11, 23, 17, tzinfo=UTC)
"""24 November begins in Jakarta."""
IDS = References()


def transaction(ref_id: str, at: datetime = MIDNIGHT, *, serial: str = "0123-4567", dest: str = "0817") -> Transaction:
    attempt = AttemptState(
        id=IDS.next(at), number=1, provider="one", product="X5", expected_price=5400, status=AttemptStatus.SUCCESS,
        started_at=at, ended_at=at, supplier_ref="T1", serial=serial, price=5350,
    )  # fmt: skip
    return Transaction(
        id=IDS.next(at), client="shop", ref_id=ref_id, request_hash="ab", product="XL5", dest=dest, qty=1,
        max_price=None, status=TransactionStatus.SUCCESS, serial=serial, price=5350, provider="one",
        attempts=(attempt,), created_at=at, updated_at=at, deadline_at=at, final_at=at + timedelta(seconds=2),
    )  # fmt: skip


def failed(ref_id: str, at: datetime = MIDNIGHT) -> Transaction:
    attempts = tuple(
        AttemptState(
            id=IDS.next(at), number=number, provider=provider, product="X5", expected_price=5400,
            status=AttemptStatus.FAILED, started_at=at, supplier_ref=f"F{number}",
        )
        for number, provider in enumerate(("one", "quiet"), 1)
    )  # fmt: skip
    return Transaction(
        id=IDS.next(at), client="shop", ref_id=ref_id, request_hash="ab", product="XL5", dest="0817", qty=1,
        max_price=None, status=TransactionStatus.FAILED, reason=Reason(ReasonCode.CUTOFF, "tutup"), attempts=attempts,
        created_at=at, updated_at=at, deadline_at=at, final_at=at,
    )  # fmt: skip


Store = Callable[..., list[Transaction]]


@pytest.fixture
def store(tmp_path: Path, config: Path) -> Store:
    """Put transactions into the ledger that the configuration names."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    config.write_text(f'ledger: {{url: "{url}"}}\n' + config.read_text(encoding="utf-8"), encoding="utf-8")

    async def put(made: Sequence[Transaction]) -> None:
        ledger = open_ledger(url)
        await ledger.start()
        for one in made:
            assert await ledger.commit(Change(before=None, after=one))
        await ledger.close()

    def store(*made: Transaction) -> list[Transaction]:
        asyncio.run(put(made))
        return list(made)

    return store


DAY = ("--from", "2026-11-24", "--to", "2026-11-24")


def test_a_line_for_each_transaction_with_whole_rupiah_and_local_times(run: Run, store: Store) -> None:
    bought, refused = store(transaction("A-1"), failed("A-2"))
    result = run("export", *DAY)
    assert result.exit_code == 0
    header, *rows = csv.reader(io.StringIO(result.stdout))
    assert tuple(header) == COLUMNS
    assert rows == [
        [bought.id, "A-1", "shop", "2026-11-24T00:00:00+07:00", "2026-11-24T00:00:02+07:00", "XL5", "0817", "1",
         "success", "", "one", "T1", "0123-4567", "5350", "1"],
        [refused.id, "A-2", "shop", "2026-11-24T00:00:00+07:00", "2026-11-24T00:00:00+07:00", "XL5", "0817", "1",
         "failed", "cutoff", "quiet", "F2", "", "", "2"],
    ]  # fmt: skip


def test_both_days_are_included_and_are_days_in_jakarta_unless_said_otherwise(run: Run, store: Store) -> None:
    moment = timedelta(microseconds=1)
    times = [MIDNIGHT - moment, MIDNIGHT, MIDNIGHT + timedelta(days=2) - moment, MIDNIGHT + timedelta(days=2)]
    store(*(transaction(f"A-{n}", at) for n, at in enumerate(times)))

    def exported(*options: str) -> list[str]:
        result = run("export", *options)
        assert result.exit_code == 0
        return [row[1] for row in csv.reader(io.StringIO(result.stdout))][1:]

    assert exported("--from", "2026-11-24", "--to", "2026-11-25") == ["A-1", "A-2"]
    assert exported("--from", "2026-11-24", "--to", "2026-11-24", "--timezone", "UTC") == []
    assert exported("--from", "2026-11-23", "--to", "2026-11-25", "--timezone", "UTC") == ["A-0", "A-1", "A-2", "A-3"]


def test_json_lines_hold_the_values_as_they_are(run: Run, store: Store) -> None:
    (made,) = store(transaction("=A", serial="=1+1", dest="+62817"))
    result = run("export", *DAY, "--format", "jsonl")
    (found,) = map(json.loads, result.stdout.splitlines())
    assert tuple(found) == COLUMNS
    assert (found["id"], found["serial"], found["dest"], found["price"]) == (made.id, "=1+1", "+62817", 5350)
    assert (found["reason"], found["ref_id"]) == (None, "=A")


@pytest.mark.parametrize(
    "locale",
    [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}],
    ids=["latin-1", "C"],
)
def test_what_is_written_is_utf_8_whatever_the_locale(
    environment: dict[str, str], store: Store, tmp_path: Path, locale: dict[str, str]
) -> None:
    store(transaction("A-1", serial="Toko Ké–日本"))
    done = subprocess.run(  # noqa: S603 — our own command
        [sys.executable, "-m", "gateway", "export", *DAY],
        env=environment | locale, cwd=tmp_path, capture_output=True, timeout=30, check=True,
    )  # fmt: skip
    assert "Toko Ké–日本" in done.stdout.decode("utf-8")


def test_no_text_of_a_supplier_or_client_is_run_by_a_spreadsheet(run: Run, store: Store) -> None:
    store(transaction("@A", serial='=HYPERLINK("http://evil")', dest="-2+3"))
    result = run("export", *DAY)
    cells = dict(zip(*csv.reader(io.StringIO(result.stdout)), strict=True))
    assert cells["serial"] == '\'=HYPERLINK("http://evil")'
    assert (cells["ref_id"], cells["dest"], cells["price"]) == ("'@A", "'-2+3", "5350")


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_every_beginning_of_a_formula_is_taken_away(first: str) -> None:
    assert safe(f"{first}1") == f"'{first}1"
    assert safe(f"1{first}") == f"1{first}"


def test_line_ends_and_separators_in_a_serial_stay_in_their_cell(run: Run, store: Store) -> None:
    store(transaction("A-1", serial='0143;"4804",\r\n9579'))
    result = run("export", *DAY, "--separator", ";")
    header, row = csv.reader(io.StringIO(result.stdout_bytes.decode(), newline=""), delimiter=";")
    assert row[header.index("serial")] == '0143;"4804",\r\n9579'


def test_one_account_has_what_it_delivered_or_tried_last(run: Run, store: Store) -> None:
    store(transaction("A-1"), failed("A-2"))
    for provider, ref_id in (("one", "A-1"), ("quiet", "A-2")):
        _, row = csv.reader(io.StringIO(run("export", *DAY, "--provider", provider).stdout))
        assert row[1] == ref_id


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "2026-11-24", "--to", "2026-11-23"), "--to 2026-11-23 lies before --from 2026-11-24"),
        (("--from", "24/11/2026", "--to", "2026-11-23"), "'24/11/2026' is not a day: write it as 2026-11-24"),
        (("--from", "2026-11-24"), "Missing option '--to'"),
        ((*DAY, "--timezone", "Asia/Jakart"), "'Asia/Jakart' is not a time zone"),
        ((*DAY, "--provider", "onne"), "there is no account 'onne'"),
        (("--from", "9999-12-31", "--to", "9999-12-31"), "lies at the end of the calendar"),
    ],
)
def test_a_mistake_is_one_line(run: Run, store: Store, arguments: tuple[str, ...], says: str) -> None:
    store()
    result = run("export", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_a_ledger_that_is_not_there_is_one_line(run: Run, config: Path, tmp_path: Path) -> None:
    config.write_text(f'ledger: {{url: "sqlite:///{tmp_path}/none.db"}}\n', encoding="utf-8")
    result = run("export", *DAY)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"the ledger {tmp_path}/none.db cannot be opened: unable to open database file"
    ]
