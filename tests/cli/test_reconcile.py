"""`gateway reconcile` on statements and a ledger in files, and beside a gateway that buys from the sandbox."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import Result

from gateway.cli.reconcile import separator
from gateway.core.references import References
from gateway.core.transaction import AttemptState, AttemptStatus, Change, Transaction, TransactionStatus
from gateway.ledger import open_ledger
from gateway.testing.processes import free_port
from gateway.testing.site import TOKEN, Site, account
from gateway_otomax.sandbox import OtomaxSandbox

Run = Callable[..., Result]
NOON = datetime(2026, 11, 24, 5, tzinfo=UTC)
IDS = References()


def bought(ref_id: str, at: datetime = NOON, status: AttemptStatus = AttemptStatus.SUCCESS) -> Transaction:
    attempt = AttemptState(
        id=IDS.next(at), number=1, provider="one", product="X5", expected_price=5400, status=status, started_at=at,
        price=5400 if status is AttemptStatus.SUCCESS else None,
    )  # fmt: skip
    whole = {AttemptStatus.SUCCESS: TransactionStatus.SUCCESS, AttemptStatus.FAILED: TransactionStatus.FAILED}
    return Transaction(
        id=IDS.next(at), client="shop", ref_id=ref_id, request_hash="ab", product="XL5", dest="081712345678", qty=1,
        max_price=None, status=whole.get(status, TransactionStatus.PENDING), attempts=(attempt,), created_at=at,
        updated_at=at, deadline_at=at,
    )  # fmt: skip


Reconcile = Callable[..., Result]


@pytest.fixture
def reconcile(run: Run, tmp_path: Path, config: Path) -> Reconcile:
    """Hold a statement against a ledger: its content, what the ledger holds, and options of the command."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    config.write_text(f'ledger: {{url: "{url}"}}\n' + config.read_text(encoding="utf-8"), encoding="utf-8")

    async def put(made: Sequence[Transaction]) -> None:
        ledger = open_ledger(url)
        await ledger.start()
        for one in made:
            assert await ledger.commit(Change(before=None, after=one))
        await ledger.close()

    def reconcile(content: str | bytes, made: Sequence[Transaction], *options: str) -> Result:
        asyncio.run(put(made))
        file = tmp_path / "statement.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return run("reconcile", "one", file, *options)

    return reconcile


def ref(transaction: Transaction) -> str:
    return transaction.attempts[0].id


def test_a_statement_that_agrees_ends_with_0(reconcile: Reconcile) -> None:
    made = [bought("A-1"), bought("A-2"), bought("A-3", status=AttemptStatus.FAILED)]
    lines = "".join(f"24/11/2026 12:00;{ref(one)};X5;6281712345678;SUKSES;5.400;SN1\r\n" for one in made[:2])
    content = "\ufeffTanggal;RefID;Produk;Tujuan;Status;Harga;SN\r\n" + lines
    result = reconcile(content, made)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "2 lines, 2026-11-24 to 2026-11-24 Asia/Jakarta; columns: ref from 'RefID', day from 'Tanggal', product from "
        "'Produk', dest from 'Tujuan', status from 'Status', price from 'Harga', serial from 'SN'",
        "2 matched, 0 missing here, 0 missing there, 0 differs",
    ]


def test_every_finding_but_the_matched_ones_is_a_line_and_it_ends_with_1(reconcile: Reconcile) -> None:
    made = [bought("A-1"), bought("A-2"), bought("A-3"), bought("A-4", status=AttemptStatus.FAILED)]
    content = (
        "ref_id,date,status,price\n"
        f'{ref(made[0])},2026-11-24,success,"5,500.00"\n'
        f"{ref(made[3])},2026-11-24,success,5400\n"
        f"{ref(made[1])},2026-11-24,success,5400\n"
        "999,2026-11-24,success,1000\n"
    )
    result = reconcile(content, made)
    assert result.exit_code == 1
    *findings, _, total = result.stdout.splitlines()
    assert total == "1 matched, 1 missing here, 1 missing there, 2 differs"
    assert [" ".join(finding.split()) for finding in findings] == [
        f"differs line 2: {ref(made[0])} (transaction {made[0].id}, shop A-1): price there 5500, here 5400, +100",
        f"missing there {ref(made[2])} X5 081712345678 success 5400 rupiah (transaction {made[2].id}, shop A-3)",
        f"differs line 3: {ref(made[3])} (transaction {made[3].id}, shop A-4): status there success, here failed",
        "missing here line 5: 999 success 1000 rupiah",
    ]


def test_json_tells_every_finding_and_nothing_else_on_standard_output(reconcile: Reconcile) -> None:
    made = [bought("A-1"), bought("A-2")]
    result = reconcile(f"refid;harga;tgl\n{ref(made[0])};5400;24-11-2026\n", made, "--json")
    assert result.exit_code == 1
    matched, missing = map(json.loads, result.stdout.splitlines())
    assert (matched["verdict"], matched["there"]["lines"], matched["here"]["ref_id"]) == ("matched", [2], "A-1")
    assert (missing["verdict"], missing["there"], missing["here"]["ref"]) == ("missing_there", None, ref(made[1]))
    assert "1 matched" in result.stderr


def test_purchases_must_be_listed_on_the_days_of_the_statement_or_those_that_are_given(reconcile: Reconcile) -> None:
    made = [bought(f"A-{n}", NOON + timedelta(days=n)) for n in range(-1, 3)]
    content = f"refid;tanggal\n{ref(made[1])};2026-11-24\n{ref(made[2])};2026-11-25\n"
    assert reconcile(content, made).exit_code == 0
    result = reconcile(content, [], "--from", "2026-11-23")
    assert "1 missing there" in result.stdout
    assert "2 missing there" in reconcile(content, [], "--from", "2026-11-23", "--to", "2026-11-26").stdout
    narrow = reconcile(content, [], "--from", "2026-11-25", "--to", "2026-11-25")
    assert (narrow.exit_code, "2 matched" in narrow.stdout) == (0, True), "a listed purchase of another day is known"


def test_a_purchase_of_another_account_is_missing_here(reconcile: Reconcile, run: Run, tmp_path: Path) -> None:
    made = [bought("A-1")]
    reconcile(f"refid;tanggal\n{ref(made[0])};2026-11-24\n", made)
    result = run("reconcile", "quiet", tmp_path / "statement.csv")
    assert result.exit_code == 1
    assert "1 missing here" in result.stdout


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_every_encoding_that_spreadsheets_write(reconcile: Reconcile, encoding: str) -> None:
    made = [bought("A-1")]
    content = f"Kode;Nama\nrefid;tanggal;sn\n{ref(made[0])};24/11/2026;caf\u00e9\n".encode(encoding)
    assert reconcile(content, made).exit_code == 0


@pytest.mark.parametrize(("mark", "price"), [(";", "5.400,00"), (",", '"5,400"'), ("\t", "5,400"), ("|", "Rp 5.400")])
def test_every_separator(reconcile: Reconcile, mark: str, price: str) -> None:
    made = [bought("A-1")]
    content = "\n".join(mark.join(row) for row in (["refid", "harga", "tanggal"], [ref(made[0]), price, "2026-11-24"]))
    assert reconcile(content, made).exit_code == 0


def test_the_separator_is_that_of_the_column_names_and_not_that_of_the_amounts() -> None:
    assert separator("refid;harga\n1;1,000,000,00\n") == ";"
    assert separator("Toko Satu; Jakarta; Jl. A; No. 1\nrefid,harga,sn\n1,2,3\n") == ","
    assert separator("only one column\n1\n") == ";"


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("refid;harga\n1;5400\n", (), "statement.csv: has no dates: say with --from and --to"),
        ("refid;tanggal;harga\n2,17E+17;2026-11-24;1\n", (), "statement.csv: line 2: a spreadsheet has shortened"),
        ("refid;tanggal\n1;soon\n", (), "statement.csv: line 2: 'soon' is not a date"),
        ("a,b,c\n1,2,3\n", (), "statement.csv: has no line of column names"),
        (b"PK\x03\x04...", (), "statement.csv: is a workbook, not CSV"),
        ("refid;tanggal\n1;2026-11-24\n", ("--from", "2026-11-25"), "--to 2026-11-24 lies before --from 2026-11-25"),
        (b"refid;tanggal\n\x00;2026-11-24\n\x1b[31m;x\n", (), "line 3: 'x' is not a date"),
    ],
)
def test_a_mistake_is_one_line(reconcile: Reconcile, content: str | bytes, options: tuple[str, ...], says: str) -> None:
    result = reconcile(content, [], *options)
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_an_account_or_a_file_that_is_not_there_is_one_line(reconcile: Reconcile, run: Run, tmp_path: Path) -> None:
    reconcile("refid;tanggal\n1;2026-11-24\n", [])
    for arguments, says in (
        (("onne", tmp_path / "statement.csv"), "there is no account 'onne'"),
        (("one", tmp_path / "none.csv"), "none.csv: cannot be read: No such file or directory"),
    ):
        result = run("reconcile", *arguments)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
        assert says in result.stderr


def test_what_a_statement_holds_cannot_move_the_cursor(reconcile: Reconcile) -> None:
    result = reconcile(b"refid;tanggal;produk\n1\x1b[2J;2026-11-24;\x07X5\n", [])
    assert "\x1b" not in result.stdout + result.stderr
    assert "\x07" not in result.stdout


async def gateway(config: Path, *arguments: str) -> tuple[int, str, str]:
    """The command as a process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments, "--config", str(config),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_books_of_a_running_gateway_agree_with_what_its_supplier_sold(tmp_path: Path) -> None:
    port = free_port()
    sandbox = OtomaxSandbox(report_url=f"http://127.0.0.1:{port}/reports/first/{TOKEN}", prices={"XL5": 5_400})
    supplier = await sandbox.start("127.0.0.1", 0)
    try:
        site = Site(tmp_path, [account("first", supplier)], port=port)
        async with site.running(), site.client() as client:
            for number, ending in enumerate(("01", "01", "01", "40")):
                await client.buy(f"A-{number}", f"0817000{number}00{ending}", wait=20)
            today = f"{datetime.now(ZoneInfo('Asia/Jakarta')):%Y-%m-%d}"
            yesterday = f"{datetime.now(ZoneInfo('Asia/Jakarta')) - timedelta(days=1):%Y-%m-%d}"
            days = ("--from", yesterday, "--to", today)
            code, exported, _ = await gateway(site.config, "export", *days)
            assert code == 0
            rows = list(csv.DictReader(io.StringIO(exported)))
            assert [row["ref_id"] for row in rows] == ["A-0", "A-1", "A-2", "A-3"]
            charged = sum(int(row["price"]) for row in rows if row["status"] == "success")
            assert charged == sandbox.charges > 0
            file = tmp_path / "statement.csv"
            sold = [one for one in sandbox.purchases if one.executed]
            lines = [
                f"{today};{one.ref};{one.dest};{'GAGAL' if one.dest.endswith('40') else 'SUKSES'};5.400" for one in sold
            ]
            file.write_text("tanggal;refid;tujuan;status;harga\n" + "\n".join(lines), encoding="utf-8")
            code, told, _ = await gateway(site.config, "reconcile", "first", str(file), *days)
            assert code == 0, told
            file.write_text("tanggal;refid;tujuan;status;harga\n" + "\n".join(lines[1:]), encoding="utf-8")
            code, told, _ = await gateway(site.config, "reconcile", "first", str(file), *days)
            assert (code, "1 missing there" in told) == (1, True), told
    finally:
        await sandbox.stop()
