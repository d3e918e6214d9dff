"""Reading suppliers' statements."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.reconcile import LineStatus
from gateway.core.statement import Statement, StatementError, day_of, find_columns, read_statement, status_of

JAKARTA = ZoneInfo("Asia/Jakarta")


def read(*rows: str) -> Statement:
    return read_statement([(number, row.split(";")) for number, row in enumerate(rows, 1)], JAKARTA)


def test_columns_are_found_by_name_in_either_language_and_any_order() -> None:
    indonesian = read(
        "Tanggal;Kode Produk;No. Tujuan;Harga;Status;SN;Reff ID", "24/11/2026 10:00;X5;0817;5.400;Sukses;01/A;17"
    )
    english = read(
        "ref_id;price;date;status;destination;product;serial number", "17;5400;2026-11-24;SUCCESS;0817;X5;01/A"
    )
    for found in (indonesian, english):
        (line,) = found.lines
        assert (line.number, line.ref, line.price, line.status) == (2, "17", 5400, LineStatus.SUCCESS)
        assert (line.day, line.dest, line.product, line.serial) == (date(2026, 11, 24), "0817", "X5", "01/A")
    assert indonesian.columns["ref"] == "Reff ID"


def test_our_reference_is_preferred_to_the_suppliers_own() -> None:
    assert find_columns(["idtrx", "refid", "harga"]) == {"ref": 1, "supplier_ref": 0, "price": 2}
    assert find_columns(["idtrx", "harga"]) == {"ref": 0, "price": 1}
    assert find_columns(["trx id", "harga"]) == {"supplier_ref": 0, "price": 1}


def test_titles_above_and_totals_below_are_no_lines() -> None:
    found = read("LAPORAN TRANSAKSI;;", "Periode;24/11/2026;", ";;", "refid;harga;sn", "1;5400;a", ";;", "TOTAL;5.400;")
    assert [line.ref for line in found.lines] == ["1"]
    assert found.lines[0].number == 5


def test_column_names_are_looked_for_in_thirty_rows() -> None:
    assert len(read(*["LAPORAN"] * 29, "refid;harga", "1;5400").lines) == 1
    with pytest.raises(StatementError, match="no line of column names"):
        read(*["LAPORAN"] * 30, "refid;harga", "1;5400")
    assert len(read(*[""] * 40, "refid;harga", "1;5400").lines) == 1, "empty rows do not count"


def test_a_row_that_adds_up_is_known_by_its_first_word_where_it_has_no_reference_of_its_own() -> None:
    found = read("produk;refid;trxid;harga", ";;;", ";Total;;5400", "Jumlah;;;5400", "Saldo;;T-7;1", "Total;7;;1")
    assert [(line.ref, line.supplier_ref) for line in found.lines] == [(None, "T-7"), ("7", None)]


def test_what_a_line_leaves_out_is_nothing() -> None:
    (line,) = read("refid;trxid;harga;produk;sn;tujuan;tanggal", ";T-1;-;;;;;;").lines
    assert (line.ref, line.price, line.product, line.serial, line.dest, line.day) == (None,) * 6
    assert read("refid;harga", "TRX2E5;1").lines[0].ref == "TRX2E5", "letters before it: no spreadsheet wrote that"


def test_a_line_without_a_status_column_was_charged_and_a_word_that_nobody_knows_is_kept() -> None:
    assert read("refid;harga", "1;5400").lines[0].status is LineStatus.SUCCESS
    (line,) = read("refid;status", "1;Sukses sebagian").lines
    assert (line.status, line.status_text) == (None, "Sukses sebagian")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("SUKSES", LineStatus.SUCCESS),
        (" Berhasil ", LineStatus.SUCCESS),
        ("20", LineStatus.SUCCESS),
        ("Gagal", LineStatus.FAILED),
        ("Sedang diproses", LineStatus.PENDING),
        ("Refund", LineStatus.REVERSED),
        ("tidak sukses", None),
        ("", None),
    ],
)
def test_words_of_status(word: str, status: LineStatus | None) -> None:
    assert status_of(word) is status


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-24", date(2026, 11, 24)),
        ("2026-11-24 10:00:00", date(2026, 11, 24)),
        ("2026/11/24 10:00", date(2026, 11, 24)),
        ("24/11/2026", date(2026, 11, 24)),
        ("05/11/26 09:58:47", date(2026, 11, 5)),
        ("24.11.2026", date(2026, 11, 24)),
        ("24 Okt 2026", date(2026, 10, 24)),
        ("24-Agustus-2026 10:00", date(2026, 8, 24)),
        ("2026-11-23T20:00:00Z", date(2026, 11, 24)),
        ("2026-11-24T23:59:59+07:00", date(2026, 11, 24)),
        ("11/24/2026", None),
        ("31/02/2026", None),
        ("24 Foo 2026", None),
        ("10:00", None),
        ("kemarin", None),
    ],
)
def test_days(text: str, day: date | None) -> None:
    assert day_of(text, JAKARTA) == day


@given(
    day=st.dates(date(2020, 1, 1), date(2050, 12, 31)),
    mark=st.sampled_from("/-."),
    time=st.sampled_from(["", " 23:59"]),
)
@settings(max_examples=60)
def test_a_day_is_the_same_in_whichever_form_it_is_written(day: date, mark: str, time: str) -> None:
    short = f"{day:%d}{mark}{day:%m}{mark}{day:%y}{time}"
    assert day_of(short, JAKARTA) == day_of(f"{day:%d}{mark}{day:%m}{mark}{day:%Y}{time}", JAKARTA) == day
    assert day_of(day.isoformat() + time, JAKARTA) == day


def test_marks_by_which_spreadsheets_keep_digits_a_text_are_taken_off() -> None:
    lines = read("refid;tujuan;harga", "'017;'0817;1", '="018";="0817";1').lines
    assert [(line.ref, line.dest) for line in lines] == [("017", "0817"), ("018", "0817")]


def test_a_list_of_movements_says_what_it_takes_with_a_minus() -> None:
    assert [line.price for line in read("refid;debet", "1;-5.400", "2;-1.000,00", "3;").lines] == [5400, 1000, None]
    assert [line.price for line in read("refid;debet", "1;-5.400", "2;1.000").lines] == [-5400, 1000]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("2,17E+17;5400;2026-11-24", r"line 2: a spreadsheet has shortened the reference to 2,17E\+17"),
        ("1;lima ribu;2026-11-24", "line 2: 'lima ribu' is not an amount"),
        ("1;5400;11/24/2026", "line 2: '11/24/2026' is not a date"),
        ("1;5400;2026-11-24;5", "line 2: has 4 cells and the header 3"),
    ],
)
def test_a_cell_that_cannot_be_read_is_told_with_its_line(row: str, says: str) -> None:
    with pytest.raises(StatementError, match=says):
        read("refid;harga;tanggal", row)


def test_a_file_without_column_names_is_refused() -> None:
    for rows in ([], ["1;5400", "2;5400"], ["refid"], ["x"] * 100):
        with pytest.raises(StatementError, match="no line of column names"):
            read(*rows)


def test_the_days_of_a_statement_reach_from_its_first_to_its_last() -> None:
    assert read("refid;tanggal", "1;24/11/2026", "2;22/11/2026", "3;").days == (date(2026, 11, 22), date(2026, 11, 24))
    assert read("refid;harga", "1;1").days is None


@given(rows=st.lists(st.lists(st.text(max_size=12), max_size=6), max_size=12))
@settings(max_examples=100, deadline=timedelta(seconds=2))
def test_whatever_stands_in_the_cells_only_a_statement_error_comes_of_it(rows: list[list[str]]) -> None:
    given_rows = [["refid", "harga", "tanggal", "status"], *rows]
    try:
        found = read_statement(list(enumerate(given_rows, 1)), JAKARTA)
    except StatementError as error:
        assert str(error).startswith("line ")  # noqa: PT017 — either end is right
    else:
        assert all(2 <= line.number <= len(given_rows) for line in found.lines)
