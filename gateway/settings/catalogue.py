"""The catalogue of products in a CSV file, as a spreadsheet saves it.

A row is one route; rows with the same `code` are the routes of one product, in their order. Excel's habits are
accepted (a byte order mark, CRLF, `;` between the cells, TRUE and FALSE); its damage is refused: prices with
separators, and codes that it turned into numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from gateway.errors import Mistake
from gateway.settings.messages import suggestion, words
from gateway.settings.types import Product, Route

M = TypeVar("M", Product, Route)

_REQUIRED = ("code", "provider", "provider_code", "price")
COLUMNS = (
    "code", "name", "dest", "open_denomination", "provider", "provider_code", "price", "weight", "cutoff", "timezone",
    "enabled",
)  # fmt: skip
"""`enabled` closes the row's route; a product all of whose routes are closed is closed itself."""
_OF_PRODUCT = ("name", "dest", "open_denomination")
_PRICE = re.compile(r"-?[0-9]+", re.ASCII)
_SPOILT = re.compile(r"[0-9]+[.,]?[0-9]*E\+[0-9]+", re.ASCII | re.IGNORECASE)
_WORDS = {"true": True, "false": False}
MAX_BYTES = 64_000_000


@dataclass(slots=True)
class _Row:
    line: int
    cells: dict[str, str]


@dataclass(slots=True)
class Catalogue:
    """What a catalogue file holds: the products that could be read, where each route stands, and the mistakes."""

    file: str
    products: list[Product] = field(default_factory=list)
    lines: dict[tuple[str, int], int] = field(default_factory=dict)
    """The line of each product's n-th route."""
    mistakes: list[Mistake] = field(default_factory=list)

    def mistake(self, line: int | None, column: str, message: str, advice: str = "") -> None:
        self.mistakes.append(Mistake(file=self.file, line=line, path=column, message=message, advice=advice))


def read_catalogue(path: Path) -> Catalogue:
    """Read a catalogue. Never raises for what is in the file: mistakes are in the result, each with its line."""
    catalogue = Catalogue(str(path))
    text = _text(path, catalogue)
    if text is None:
        return catalogue
    rows: dict[str, list[_Row]] = {}
    for row in _rows(text, catalogue):
        rows.setdefault(row.cells["code"], []).append(row)
    for code, of_product in rows.items():
        _product(code, of_product, catalogue)
    return catalogue


def _text(path: Path, catalogue: Catalogue) -> str | None:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        catalogue.mistake(None, "", f"cannot be read: {getattr(error, 'strerror', None) or 'not a path'}")
        return None
    if len(content) > MAX_BYTES:
        catalogue.mistake(None, "", f"is larger than {MAX_BYTES} bytes")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        catalogue.mistake(line, "", "is not UTF-8", 'save it as "CSV UTF-8"')
        return None


def _rows(text: str, catalogue: Catalogue) -> Iterator[_Row]:
    lines = list(io.StringIO(text, newline=""))  # not splitlines(), which also splits at U+2028 inside of a name
    skipped = 0
    separator = None
    if lines and (match := re.fullmatch(r"sep=(.)\s*", lines[0], re.IGNORECASE)):
        separator, skipped = match[1], 1  # Excel's own first line, which names the separator
    head = lines[skipped] if len(lines) > skipped else ""
    separator = separator or max(",;\t", key=head.count)
    reader = csv.reader(lines[skipped:], delimiter=separator, strict=True)
    columns: list[str] | None = None
    start = skipped + 1
    try:
        for cells in reader:
            line, start = start, skipped + reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _header(cells, line, catalogue)
                if columns is None:
                    return
                continue
            row = _row(columns, cells, line, catalogue)
            if row is not None:
                yield row
    except csv.Error as error:
        catalogue.mistake(skipped + reader.line_num, "", f"is not CSV: {error}")
    if columns is None:
        catalogue.mistake(None, "", "is empty", f"the first line names the columns: {','.join(COLUMNS)}")


def _header(cells: list[str], line: int, catalogue: Catalogue) -> list[str] | None:
    columns = [cell.strip().lower() for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    before = len(catalogue.mistakes)
    for index, column in enumerate(columns):
        if column not in COLUMNS:
            advice = suggestion(column, COLUMNS) or f"known: {', '.join(COLUMNS)}"
            catalogue.mistake(line, column or f"column {index + 1}", "is not a known column", advice)
        elif column in columns[:index]:
            catalogue.mistake(line, column, "stands there twice")
    for column in _REQUIRED:
        if column not in columns:
            catalogue.mistake(line, column, "the column is missing")
    return columns if len(catalogue.mistakes) == before else None


def _row(columns: list[str], cells: list[str], line: int, catalogue: Catalogue) -> _Row | None:
    if any(cell.strip() for cell in cells[len(columns) :]):
        catalogue.mistake(
            line, "", "has more cells than the first line has columns", "put text with separators in quotes"
        )
        return None
    row = dict.fromkeys(COLUMNS, "") | {column: cell.strip() for column, cell in zip(columns, cells, strict=False)}
    missing = [column for column in _REQUIRED if not row[column]]
    for column in missing:
        catalogue.mistake(line, column, "is empty")
    return None if missing else _Row(line, row)


def _product(code: str, rows: list[_Row], catalogue: Catalogue) -> None:
    before = len(catalogue.mistakes)
    first = rows[0]
    for row in rows[1:]:
        for column in _OF_PRODUCT:
            if row.cells[column] and row.cells[column] != first.cells[column]:
                where = f"line {first.line}"
                catalogue.mistake(
                    row.line, column, f"is another one than on {where}, for the same product", "leave it empty"
                )
    routes = [route for row in rows if (route := _route(row, catalogue)) is not None]
    data: dict[str, Any] = {"code": code, "name": first.cells["name"], "routes": routes or ()}
    if first.cells["dest"]:
        data["dest"] = first.cells["dest"].lower()
    _boolean(first, "open_denomination", data, catalogue)
    data["enabled"] = any(route.enabled for route in routes)
    if _SPOILT.fullmatch(code):
        catalogue.mistake(
            first.line, "code", "was turned into a number by the spreadsheet", "format the column as text"
        )
    elif routes:
        product = _checked(Product, data, first, catalogue)
        if product is not None and len(catalogue.mistakes) == before:
            catalogue.products.append(product)
            catalogue.lines.update({(code, index): row.line for index, row in enumerate(rows)})


def _route(row: _Row, catalogue: Catalogue) -> Route | None:
    before = len(catalogue.mistakes)
    cells = row.cells
    data: dict[str, Any] = {"provider": cells["provider"], "code": cells["provider_code"]}
    if _PRICE.fullmatch(cells["price"]) and len(cells["price"]) <= 16:
        data["price"] = int(cells["price"])
    else:
        catalogue.mistake(row.line, "price", "must be whole rupiah in digits only, such as 5400")
    if _SPOILT.fullmatch(cells["provider_code"]):
        advice = "format the column as text"
        catalogue.mistake(row.line, "provider_code", "was turned into a number by the spreadsheet", advice)
    if cells["weight"]:
        if re.fullmatch(r"[0-9]{1,9}", cells["weight"], re.ASCII):
            data["weight"] = int(cells["weight"])
        else:
            catalogue.mistake(row.line, "weight", "must be a whole number")
    data |= {column: cells[column] for column in ("cutoff", "timezone") if cells[column]}
    _boolean(row, "enabled", data, catalogue)
    return _checked(Route, data, row, catalogue) if len(catalogue.mistakes) == before else None


def _boolean(row: _Row, column: str, data: dict[str, Any], catalogue: Catalogue) -> None:
    cell = row.cells[column]
    if cell:
        value = _WORDS.get(cell.lower())
        if value is None:
            catalogue.mistake(row.line, column, "must be true or false")
        else:
            data[column] = value


def _checked(model: type[M], data: dict[str, Any], row: _Row, catalogue: Catalogue) -> M | None:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            name = str(detail["loc"][0]) if detail["loc"] else ""
            column = "provider_code" if model is Route and name == "code" else name
            catalogue.mistake(row.line, column, *words(detail, data.get(name)))
        return None
