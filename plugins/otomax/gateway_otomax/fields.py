"""The facts in a message: references, serial number, price, balance, and what was bought for whom.

Suppliers print what they like, and their arithmetic can be wrong: everything here is evidence, not truth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.core.money import parse_rupiah

__all__ = ["Fields", "fields_of"]

_NUMBER = r"(?:-?\s?rp\b\.?\s?|-?\s?rp\.?\s?(?=\d))?-?\d+(?:[.,]\d+)*"
_REF_VALUE = r"[A-Za-z0-9][A-Za-z0-9_\-]{0,63}"

_REFS = re.compile(
    r"(?:(?<!\bT)(?:reff?|r)#(?: (?=\d{6}))?"
    r"|(?:\b(?:client|reff?|trx_?ref|partner_?ref)[ _]?id\s?[:=#]|\bid ?trx\s?[:=])\s?)"
    rf"(?P<ref>{_REF_VALUE})",
    re.IGNORECASE | re.ASCII,
)
_SUPPLIER_REFS = (
    (
        ("t#", "tr#", "x#", "trxid#"),
        re.compile(
            r"(?<![A-Za-z])(?:t|tr|trx|trxid|idtrx)#\s?(?P<ref>[A-Za-z0-9][\w-]{0,63})", re.IGNORECASE | re.ASCII
        ),
    ),
    (("#",), re.compile(r"\A\s*#(?P<ref>\d{4,20})\b", re.ASCII)),
    (
        ("trxid", "trx id"),
        re.compile(r"\btrx ?id\s?[:=]\s?(?P<ref>[A-Za-z0-9][\w-]{0,63})", re.IGNORECASE | re.ASCII),
    ),
)
"""Each with what must stand in the message, in lower case, for the pattern to be worth trying."""

_SERIAL_KEY = re.compile(
    r"(?<![A-Za-z0-9#/])(?:v?s/?n(?:ref\b|(?:\s?/\s?(?:ref|token|kode voucher|voucher)){0,3})|serial(?: number| no)?|"
    r"(?:kode voucher|voucher code|token|kode(?=\s?[:=]\s?\d{4}[- ]\d{4}))(?=\s?[:=]))(?![A-Za-z0-9#])\s?[:=.]{0,2}\s?",
    re.IGNORECASE | re.ASCII,
)
_SERIAL_END = re.compile(
    r"[\s.,;|]*(?:"
    r"(?<![A-Za-z])(?:sisa ?)?(?:saldo|stok|sal|sld|balance|(?:m-)?bal|deposit)(?: akhir| awal| anda| pulsa)?\s?"
    r"(?:[:=]|\.\d|terpotong|rp(?![A-Za-z])|-?\s?\d|\.\.\.)"
    r"|(?<![A-Za-z])(?:hrg|harga|price)\b\s?[:=.]?\s?(?:rp|\d)"
    r"|(?<![A-Za-z])sisa(?: (?:saldo|stok|deposit)|\s?[:=]\s?(?:rp|\d))"
    r"|\s@\s?(?:waktu|\d)|(?<![A-Za-z])(?:waktu|tgl|tanggal|jam)\s?[:=]?\s?\d"
    r"|(?<![A-Za-z])(?:clientid|kode_reseller|refid|reff?id|trx ?id|no ?ref)\s?[:=]"
    r"|(?!\A)(?<![A-Za-z/])reff?\s?[:=]|\s(?:dan )?id (?:transaksi|trx)\b"
    r"|(?<![A-Za-z])(?:[rt]|reff?)#|#\*|\*\s?trx|\s\|\s"
    r"|[.,]\s?(?:ket|keterangan|info|promo|nb|cs|note|catatan|wa|terima kasih|trx|jika|bila|apabila|kalau)\b"
    r"|(?<![A-Za-z/])trx ke-?\d"
    r"|[\s.](?:sukses|berhasil|gagal|success|failed)\s?(?:[.,!;]|$)"
    r")",
    re.IGNORECASE | re.ASCII,
)
_LONGEST_SERIAL = 400
_SAYS_SOMETHING = re.compile(r"[A-Za-z0-9]").search
_GLUED_CODE = re.compile(r"(?P<ref>\d{3,18})[A-Za-z]{1,8}\d{0,4}\.\d{8}", re.ASCII)
"""`R#902S10.0813…`: the product is glued to the value."""
_GLUED_KEY = re.compile(r"(?i)(?:t|r|tr|reff?|sn)\Z")

_EQUATION = re.compile(
    rf"\b(?:saldo|stok|sal|sld|deposit|balance"
    rf"|bal)\b[^0-9=\-]{{0,12}}(?:{_NUMBER})?\s{{0,2}}(?P<sign>[-+])\s{{0,2}}(?P<price>{_NUMBER})"
    rf"\s{{0,2}}=\s{{0,2}}(?P<balance>{_NUMBER})?",
    re.IGNORECASE | re.ASCII,
)
_PRICE_WORDS = ("harga", "hrg", "price", "biaya", "potong", "berkurang")
"""One of them stands in everything that `_PRICE` finds: most messages name no price, and looking for one costs."""
_PRICE = re.compile(
    rf"(?<![A-Za-z])(?:(?:hrg|harga|price|hrga|biaya)(?: ?(?:beli|jual|trx|produk))?|(?:stok|saldo|sal) (?:terpotong"
    rf"|dipotong|berkurang)|terpotong|potongan)"
    rf"\s{{0,2}}[:=]?\s{{0,2}}(?P<price>{_NUMBER})",
    re.IGNORECASE | re.ASCII,
)
_BALANCE = re.compile(
    rf"(?<![A-Za-z])(?<!min )(?<!minimal )(?<!minimum )(?:sisa(?=\s?[:=])|(?:sisa ?)?"
    rf"(?:saldo|stok|sal|sld|balance|bal|stock|deposit))"
    rf"(?: (?:akhir|anda|pulsa|sekarang|deposit|saat ini|kamu|terakhir|sisa|sesudah|now"
    rf"|is)){{0,3}}\s{{0,2}}(?:[:=]|\.(?=\d))?\s{{0,2}}(?P<balance>{_NUMBER})"
    r"(?!\s?-\s?-?\d[\d.,]*\s?=)",
    re.IGNORECASE | re.ASCII,
)

_PURCHASE = re.compile(
    r"(?<![A-Za-z0-9.@#])(?!(?:sn|ref|reff|trx|tujuan|no|nomor|hp|saldo|stok|sal|sld|hrg|harga|rp|wa|cs|tgl|jam)\.)"
    r"(?P<product>[A-Za-z0-9_-]{0,20}[A-Za-z][A-Za-z0-9_-]{0,20})(?:\.(?P<counter>\d{1,2}))?(?P<joint>\.| ke )"
    r"(?:(?P<amount>\d{3,9})@)?(?P<dest>\+?\d[\dxX*]{5,24})(?![A-Za-z0-9])",
    re.ASCII | re.IGNORECASE,
)


_ENDS = frozenset({"GAGAL", "SUKSES", "BERHASIL", "SALAH", "CUKUP", "PENDING", "KOSONG", "GANGGUAN", "HABIS", "VALID"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What was found; `None` where nothing was."""

    refs: tuple[str, ...] = ()
    """Our references, as the supplier repeats them, without doubles. `0` and nothing are no references."""
    supplier_ref: str | None = None
    serial: str | None = None
    serial_span: tuple[int, int] | None = None
    price: int | None = None
    balance: int | None = None
    purchases: tuple[tuple[str | None, str], ...] = ()
    """Product code and destination, where they are written together (`X5.0817…`; in `… ke 0817…` the word before need
    not be the code). A destination may be masked by `x` or `*`."""

    @property
    def ref(self) -> str | None:
        return self.refs[0] if self.refs else None


def fields_of(text: str) -> Fields:
    """The facts in `text` (white space already collapsed)."""
    span, serial = _serial(text)
    low = text.lower()
    price, balance = _money(text if span is None else text[: span[0]] + " ~ " + text[span[1] :], low)
    return Fields(
        refs=_refs(text),
        supplier_ref=_supplier_ref(text, low),
        serial=serial,
        serial_span=span,
        price=price,
        balance=balance,
        purchases=_purchases(text),
    )


def _purchases(text: str) -> tuple[tuple[str | None, str], ...]:
    found: list[tuple[str | None, str]] = []
    for match in _PURCHASE.finditer(text):
        product, joint, dest = match.group("product", "joint", "dest")
        if joint != ".":
            found.append((None, dest))
        elif _is_code(product):
            found.append((product, dest))
    return tuple(found)


def _is_code(word: str) -> bool:
    """Whether a word before `.0817…` is a product's code, and not the end of a sentence."""
    return (word.isupper() and word not in _ENDS) or any(char.isdigit() for char in word)


def _refs(text: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for match in _REFS.finditer(text):
        ref = match["ref"].rstrip("-_")
        if text[match.end() : match.end() + 1] == "#":  # `R#123T#9`: the next key is glued to the value
            ref = _GLUED_KEY.sub("", ref)
        elif glued := _GLUED_CODE.match(text, match.start("ref")):
            ref = glued["ref"]
        if ref.strip("0"):
            found[ref] = None
    return tuple(found)


def _supplier_ref(text: str, low: str) -> str | None:
    for needs, pattern in _SUPPLIER_REFS:
        for word in needs:
            if word in low:
                if match := pattern.search(text):
                    return match["ref"]
                break
    return None


def _serial(text: str) -> tuple[tuple[int, int] | None, str | None]:
    """Where the first serial number that is not empty stands, and the number."""
    for key in _SERIAL_KEY.finditer(text):
        start = key.end()
        rest = text[start : start + _LONGEST_SERIAL]
        end = _SERIAL_END.search(rest)
        value = rest[: end.start()] if end else rest
        stripped = value.strip(" .,;|")
        if stripped.endswith(")") and "(" not in stripped:  # the whole stood in brackets
            stripped = stripped.rstrip(") .,;|")
        if _SAYS_SOMETHING(stripped):
            begin = start + value.index(stripped)
            return (begin, begin + len(stripped)), stripped
    return None, None


def _money(text: str, low: str) -> tuple[int | None, int | None]:
    """Price and balance. `low` is in lower case and holds every word of `text`."""
    equation = _EQUATION.search(text) if "=" in text else None
    price = balance = None
    if equation is not None:
        if equation["sign"] == "-":
            price = parse_rupiah(equation["price"])
        balance = parse_rupiah(equation["balance"]) if equation["balance"] else None
    for word in _PRICE_WORDS:
        if word in low:
            written = _PRICE.search(text)
            break
    else:
        written = None
    if written is not None:
        stated = parse_rupiah(written["price"])
        price = stated if stated is not None else price
    if equation is None:
        for match in _BALANCE.finditer(text):
            balance = parse_rupiah(match["balance"])
    return price, balance
