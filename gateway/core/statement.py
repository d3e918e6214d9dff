"""A supplier's statement as it comes out of a spreadsheet or a web panel: rows of cells in, `Line` values out. No I/O.

There is no standard. Columns are found by their names, in Indonesian or English, in whichever order; money is read by
`gateway.core.money`, and dates with the day first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo

from gateway.core.money import parse_rupiah
from gateway.core.reconcile import Line, LineStatus

HEADER_WITHIN = 30
"""Rows in which the column names must be found: panels write titles above them."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "ref": (
        "refid", "reffid", "refclient", "reffclient", "clientref", "clientid", "idclient", "customerref", "refno",
        "noref", "norefrensi", "noreferensi", "referensi", "reference", "idtrxclient", "trxidclient", "ref", "reff",
        "idtrx",
    ),
    "supplier_ref": (
        "supplierref", "serverid", "trxid", "idtrx", "idtransaksi", "transactionid", "kodetransaksi", "kodetrx",
        "notrx", "notransaksi", "invoice", "trx",
    ),
    "day": (
        "tanggal", "tgl", "date", "tanggaltransaksi", "tgltransaksi", "tgltrx", "tanggaltrx", "tglentri", "waktu",
        "waktutransaksi", "datetime", "transactiondate", "createdat", "created", "time", "timestamp",
    ),
    "product": ("produk", "kodeproduk", "product", "productcode", "kode", "sku", "code", "namaproduk", "layanan"),
    "dest": (
        "tujuan", "notujuan", "nomortujuan", "dest", "destination", "msisdn", "nohp", "nopelanggan",
        "idpelanggan", "customerno", "phone",
    ),
    "status": ("status", "statustransaksi", "statustrx", "state"),
    "price": (
        "harga", "price", "hargajual", "hargabeli", "hrg", "debet", "debit", "nominal", "jumlah", "amount", "total",
        "rp",
    ),
    "serial": ("sn", "serial", "serialnumber", "snref", "token", "vsn", "kodevoucher"),
}  # fmt: skip
"""The names of each column without case, spaces and marks, the most certain first."""

_STATUS: Mapping[LineStatus, tuple[str, ...]] = {
    LineStatus.SUCCESS: ("sukses", "success", "successful", "succeeded", "berhasil", "ok", "lunas", "paid", "20"),
    LineStatus.FAILED: ("gagal", "failed", "failure", "batal", "dibatalkan", "cancelled", "canceled", "ditolak", "40"),
    LineStatus.PENDING: (
        "pending", "proses", "diproses", "process", "processing", "dalamproses", "sedangdiproses", "menunggu",
        "waiting", "menunggujawaban",
    ),
    LineStatus.REVERSED: ("refund", "refunded", "reversed", "reversal", "dikembalikan", "retur", "pengembalian"),
}  # fmt: skip
_STATUS_OF = {word: status for status, words in _STATUS.items() for word in words}

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan januari january", "feb februari february", "mar maret march", "apr april", "mei may",
            "jun juni june", "jul juli july", "agu ags agt agustus aug august", "sep sept september",
            "okt oktober oct october", "nov november nop nopember", "des desember dec december",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_DAY_FIRST = re.compile(r"(\d{1,2})[\s/.-]+(\d{1,2}|[a-z]+)[\s/.,-]+(\d{4}|\d{2})(?:\D.*)?", re.ASCII | re.DOTALL)
_YEAR_FIRST = re.compile(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?:\D.*)?", re.ASCII | re.DOTALL)
_SHORTENED = re.compile(r"\d+(?:[.,]\d+)?[eE]\+?\d+", re.ASCII)
_SUM = ("total", "grandtotal", "subtotal", "jumlah", "saldo", "saldoawal", "saldoakhir")


class StatementError(ValueError):
    """A statement cannot be read. The text is for people, one line."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that was read."""

    columns: Mapping[str, str]
    """Which column was taken for what: our word, and the name in the file."""
    lines: tuple[Line, ...]

    @property
    def days(self) -> tuple[date, date] | None:
        """The first and the last day in it, where it has dates."""
        days = [line.day for line in self.lines if line.day is not None]
        return (min(days), max(days)) if days else None


def read_statement(rows: Iterable[tuple[int, Sequence[str]]], zone: tzinfo) -> Statement:
    """Read a statement.

    Args:
        rows: each with its line number in the file.
        zone: whose days the statement's dates are, where one says its offset.

    Raises:
        StatementError: there are no column names, or a cell cannot be read.
    """
    header: Sequence[str] = ()
    places: dict[str, int] = {}
    lines: list[Line] = []
    seen = 0
    for number, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if not places:
            places, header = find_columns(row), row
            seen += 1
            if not places and seen >= HEADER_WITHIN:
                break
            continue
        if any(cell.strip() for cell in row[len(header) :]):
            raise StatementError(
                f"line {number}: has {len(row)} cells and the header {len(header)}: a cell that holds the separator "
                "must stand in quotes"
            )
        cells = {name: row[place].strip() if place < len(row) else "" for name, place in places.items()}
        if not _is_sum(cells, row):
            lines.append(_line(number, cells, zone, has_status="status" in places))
    if not places:
        raise StatementError(
            "has no line of column names with a column of references: one must be named refid, ref_id, idtrx, "
            "reference or the like"
        )
    return Statement({name: header[place].strip() for name, place in places.items()}, _charges_above_zero(lines))


def find_columns(row: Sequence[str]) -> dict[str, int]:
    """Which cell of a header holds what; empty where it is none. A header names the references and one thing more."""
    names = [_word(cell) for cell in row]
    places: dict[str, int] = {}
    for field, known in COLUMNS.items():
        for name in known:
            if name in names and names.index(name) not in places.values():
                places[field] = names.index(name)
                break
    has_reference = "ref" in places or "supplier_ref" in places
    return places if has_reference and len(places) > 1 else {}


def _line(number: int, cells: Mapping[str, str], zone: tzinfo, *, has_status: bool) -> Line:
    text = cells.get("status", "")
    price = cells.get("price", "")
    amount = parse_rupiah(price) if price else None
    if price and price != "-" and amount is None:
        raise StatementError(f"line {number}: {price!r} is not an amount in rupiah")
    return Line(
        number=number,
        ref=_reference(number, cells.get("ref", "")),
        supplier_ref=_reference(number, cells.get("supplier_ref", "")),
        day=_day(number, cells.get("day", ""), zone),
        product=cells.get("product") or None,
        dest=_unquoted(cells.get("dest", "")) or None,
        status=status_of(text) if has_status else LineStatus.SUCCESS,
        status_text=text,
        price=amount,
        serial=cells.get("serial") or None,
    )


def status_of(text: str) -> LineStatus | None:
    """What a word of a statement means; `None` where nobody could say."""
    return _STATUS_OF.get(_word(text))


def day_of(text: str, zone: tzinfo) -> date | None:
    """The day that a cell names: `2026-11-24`, `24/11/2026`, `24-11-26`, `24 Okt 2026`, each with or without a time;
    with an offset it is the day in `zone`. `None` where it names none."""
    text = text.strip().lower()
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        pass
    else:
        return (moment if moment.tzinfo is None else moment.astimezone(zone)).date()
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = match.groups()
    elif match := _DAY_FIRST.fullmatch(text):
        day, month, year = match.groups()
    else:
        return None
    number = int(month) if month.isdigit() else _MONTHS.get(month, 0)
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), number, int(day))
    except ValueError:
        return None


def _day(number: int, text: str, zone: tzinfo) -> date | None:
    if not text:
        return None
    day = day_of(text, zone)
    if day is None:
        raise StatementError(f"line {number}: {text!r} is not a date; write 2026-11-24 or, the day first, 24/11/2026")
    return day


def _reference(number: int, text: str) -> str | None:
    text = _unquoted(text)
    if _SHORTENED.fullmatch(text):
        raise StatementError(
            f"line {number}: a spreadsheet has shortened the reference to {text}: take the supplier's own file, or "
            "import that column as text"
        )
    return text or None


def _unquoted(text: str) -> str:
    """Without the marks by which spreadsheets keep digits a text: `'0812` and `="0812"`."""
    return text.strip().removeprefix("=").strip('"').removeprefix("'").strip()


def _is_sum(cells: Mapping[str, str], row: Sequence[str]) -> bool:
    """Whether a row adds up others rather than telling of a purchase."""
    reference = cells.get("ref") or cells.get("supplier_ref")
    if reference and _word(reference) not in _SUM:
        return False
    first = next((cell for cell in row if cell.strip()), "")
    return _word(first) in _SUM


def _charges_above_zero(lines: Sequence[Line]) -> tuple[Line, ...]:
    """A list of movements writes what it takes with a minus. Where no line stands above zero, it is such a list."""
    prices = [line.price for line in lines if line.price]
    if not prices or max(prices) > 0:
        return tuple(lines)
    return tuple(line if line.price is None else replace(line, price=-line.price) for line in lines)


def _word(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
