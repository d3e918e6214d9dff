from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigurationError
from gateway.provider import Provider
from gateway.settings.catalogue import Catalogue, read_catalogue
from gateway.settings.load import load

HEAD = "code,name,dest,provider,provider_code,price\n"
CONFIG = """\
providers:
  - {id: one, kind: acme, url: "http://a.example"}
products: {file: catalogue.csv}
"""


def catalogue(tmp_path: Path, text: str | bytes) -> Catalogue:
    file = tmp_path / "catalogue.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_catalogue(file)


def told(read: Catalogue) -> list[tuple[int | None, str]]:
    return [(mistake.line, mistake.path) for mistake in read.mistakes]


def test_rows_with_one_code_are_the_routes_of_one_product_in_their_order(tmp_path: Path) -> None:
    read = catalogue(tmp_path, HEAD + "XL5,XL 5.000,msisdn,one,XL5,5400\nS5,,,one,S5,5500\nXL5,,,two,X5,-5\n")
    assert not read.mistakes
    xl5, s5 = read.products
    assert (xl5.code, xl5.name, xl5.dest) == ("XL5", "XL 5.000", "msisdn")
    assert [(route.provider, route.code, route.price) for route in xl5.routes] == [
        ("one", "XL5", 5400),
        ("two", "X5", -5),
    ]
    assert s5.code == "S5"
    assert read.lines[("XL5", 1)] == 4


def test_every_column_is_read(tmp_path: Path) -> None:
    read = catalogue(
        tmp_path,
        "code,name,dest,open_denomination,provider,provider_code,price,weight,cutoff,timezone,enabled\n"
        'DANA,"DANA, any",free,TRUE,one,0711,75,3,23:45-00:15,Asia/Makassar,false\n'
        "DANA,,,,two,DN,80,,,,\n",
    )
    assert not read.mistakes
    (product,) = read.products
    assert product.open_denomination
    assert product.enabled
    assert product.name == "DANA, any"
    first, second = product.routes
    assert (first.code, first.weight, first.cutoff, first.timezone, first.enabled) == (
        "0711", 3, "23:45-00:15", "Asia/Makassar", False,
    )  # fmt: skip
    assert (second.weight, second.cutoff, second.enabled) == (1, None, True)


def test_a_product_all_of_whose_routes_are_closed_is_closed(tmp_path: Path) -> None:
    read = catalogue(tmp_path, "code,provider,provider_code,price,enabled\nX,one,X,1,FALSE\nX,two,X,1,false\n")
    assert not read.products[0].enabled


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffcode;name;provider;provider_code;price\r\nX;a, b;one;X;1\r\n;;;;\r\n\r\nY;;one;Y;2\r\n",
        "sep=;\r\ncode;provider;provider_code;price\r\nX;one;X;1\r\nY;one;Y;2\r\n",
        "Code\tPROVIDER\tprovider_code\tprice\nX\tone\tX\t1\nY\tone\tY\t2\n",
        "code,provider,provider_code,price,,\nX,one,X,1,,\nY, one ,Y,2\n",
    ],
)
def test_what_spreadsheets_write_is_accepted(tmp_path: Path, text: str) -> None:
    read = catalogue(tmp_path, text)
    assert not read.mistakes
    assert [product.code for product in read.products] == ["X", "Y"]


def test_lines_are_counted_through_cells_with_line_ends(tmp_path: Path) -> None:
    read = catalogue(tmp_path, HEAD + 'X,"a\nb\u2028c",,one,X,1\nY,,,one,Y,x\n')
    assert told(read) == [(4, "price")]


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ("X,,,one,X,5.400\n", [(2, "price")]),
        ('X,,,one,X,"5,400"\n', [(2, "price")]),
        ("X,,,one,X,Rp5400\n", [(2, "price")]),
        ("X,,,one,X,5400.00\n", [(2, "price")]),
        ("X,,,one,X,٥\n", [(2, "price")]),
        ("X,,,one,X,1e3\n", [(2, "price")]),
        (f"X,,,one,X,{'9' * 40}\n", [(2, "price")]),
        ("X,,,one,,1\n", [(2, "provider_code")]),
        ("X,,,,X,1\nY,,,one,Y,z\n", [(2, "provider"), (3, "price")]),
        ("X,,phone,one,X,1\n", [(2, "dest")]),
        ("X!,,,one,X,1\n", [(2, "code")]),
        ("1.00E+05,,,one,X,1\n", [(2, "code")]),
        ("X,,,one,1E+05,1\n", [(2, "provider_code")]),
        ("X,,,One,X,1\n", [(2, "provider")]),
        ("X,a,,one,X,1\nX,b,,one,X,1\n", [(3, "name")]),
        ("X,,,one,X,1,extra\n", [(2, "")]),
        ('X,"a"b,,one,X,1\n', [(2, "")]),
        ('X,"a,,one,X,1\n', [(2, "")]),
    ],
)
def test_a_mistake_is_told_with_its_line_and_column(tmp_path: Path, rows: str, where: list[tuple[int, str]]) -> None:
    assert told(catalogue(tmp_path, HEAD + rows)) == where


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", [(None, "")]),
        ("code,provider,provider_code\n", [(1, "price")]),
        ("code,provider,provider_code,price,prise\n", [(1, "prise")]),
        ("code,code,provider,provider_code,price\n", [(1, "code")]),
        (b"\xff\xfec\x00o\x00", [(1, "")]),
        (b"code,provider,provider_code,price\nX,one,\xe9,1\n", [(2, "")]),
    ],
)
def test_a_file_that_is_no_catalogue_is_told(
    tmp_path: Path, text: str | bytes, where: list[tuple[int | None, str]]
) -> None:
    assert told(catalogue(tmp_path, text)) == where


@settings(max_examples=150)
@given(st.text(alphabet='codepriv_,;"\n\r\t\x00X1é', max_size=60))
def test_any_text_is_read_or_told(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    read = catalogue(tmp_path_factory.getbasetemp(), text)
    assert read.mistakes or read.products or "price" in text
    read = catalogue(tmp_path_factory.getbasetemp(), HEAD + text)
    assert all(str(mistake) for mistake in read.mistakes)


def test_the_configuration_takes_a_catalogue_from_beside_it(
    config: Path, kinds: Mapping[str, type[Provider[Any]]], tmp_path: Path
) -> None:
    config.write_text(CONFIG, encoding="utf-8")
    (tmp_path / "catalogue.csv").write_text(HEAD + "XL5,,,one,XL5,5400\n", encoding="utf-8")
    assert [product.code for product in load(config, kinds, {}).products] == ["XL5"]


def test_the_working_directory_comes_first(
    config: Path, kinds: Mapping[str, type[Provider[Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(CONFIG, encoding="utf-8")
    (tmp_path / "catalogue.csv").write_text(HEAD + "BESIDE,,,one,XL5,5400\n", encoding="utf-8")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "catalogue.csv").write_text(HEAD + "HERE,,,one,XL5,5400\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "work")
    assert [product.code for product in load(config, kinds, {}).products] == ["HERE"]


def test_mistakes_in_both_files_are_told_together(
    config: Path, kinds: Mapping[str, type[Provider[Any]]], tmp_path: Path
) -> None:
    config.write_text(CONFIG + "server: {port: x}\n", encoding="utf-8")
    file = tmp_path / "catalogue.csv"
    file.write_text(HEAD + "XL5,,,one,XL5,5400\nXL5,,,onne,XL5,5400\nXL10,,,one,X,x\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(config, kinds, {})
    assert [(mistake.file, mistake.line, mistake.path) for mistake in caught.value.mistakes] == [
        (str(config), 4, "server.port"),
        (str(file), 3, "provider"),
        (str(file), 4, "price"),
    ]
    assert "did you mean one?" in str(caught.value)


@pytest.mark.parametrize("products", ["{file: none.csv}", "{file: }", "{}", "{file: c.csv, also: 1}"])
def test_a_catalogue_that_is_not_there_is_a_mistake(
    config: Path, kinds: Mapping[str, type[Provider[Any]]], products: str
) -> None:
    config.write_text(f"products: {products}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="products") as caught:
        load(config, kinds, {})
    assert caught.value.mistakes[0].line == 1


def test_ten_thousand_rows_are_read_within_two_seconds(
    config: Path, kinds: Mapping[str, type[Provider[Any]]], tmp_path: Path
) -> None:
    config.write_text(CONFIG, encoding="utf-8")
    rows = "".join(f"P{number // 2},Product {number // 2},msisdn,one,X{number},{number}\n" for number in range(10_000))
    (tmp_path / "catalogue.csv").write_text(HEAD + rows, encoding="utf-8")
    began = time.process_time()
    products = load(config, kinds, {}).products
    assert time.process_time() - began < 2
    assert len(products) == 5_000
    assert sum(len(product.routes) for product in products) == 10_000
