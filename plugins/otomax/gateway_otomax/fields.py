"""The facts in a message: references, serial number, price, balance, and what was bought for whom.

Suppliers print what they like, and their arithmetic can be wrong: everything here is evidence, not truth.

Where the facts stand does not depend on which digits they have, and suppliers write from templates: so places are
looked for once in a shape of message (`gateway.core.digits`), and the facts are then taken from each message.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from gateway.core.digits import digits_apart
from gateway.core.money import parse_rupiah

__all__ = ["Fields", "fields_of"]

_NUMBER = r"(?:-?\s?rp\b\.?\s?|-?\s?rp\.?\s?(?=\d))?-?\d++(?:[.,]\d++)*+"
_REF_VALUE = r"[A-Za-z0-9][A-Za-z0-9_\-]{0,63}"

_REFS = re.compile(
    r"(?:(?<!\bT)(?:reff?|r)#(?::? ?(?=[A-Za-z-]{2,20}\d{4}(?!\d*\.\d))| (?=\d{6}))?|\bclient[ _]?id\s?[:=#]\s?)"
    rf"(?P<ref>{_REF_VALUE})",
    re.IGNORECASE | re.ASCII,
)
_WEAKER_REFS = re.compile(
    r"(?:\b(?:reff?\.?|trx_?ref|partner_?ref)[ _]?id\s?[:=#]|\bid ?trx\s?[:=])\s?" rf"(?P<ref>{_REF_VALUE})",
    re.IGNORECASE | re.ASCII,
)
"""Ours where nothing says `R#`. Where something does, they are the game's or the biller's."""
_MAYBE_REF = re.compile(
    rf"(?<![A-Za-z/.])reff?(?:\.? ?(?:no|number))?\s?[:=]\s?(?P<ref>{_REF_VALUE})", re.IGNORECASE | re.ASCII
)
"""Ours at one supplier, the biller's receipt at the next."""
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
    r"(?<![A-Za-z0-9#/])(?:v?s/?n(?:ref\b|(?:\s?/\s?(?:reff?|token|kode voucher|voucher|kode)){0,3})|voucher ?/ ?sn"
    r"|serial(?: number| no)?|"
    r"(?:no|nomor)\.? ?seri|"
    r"(?:kode voucher|voucher code|token|kode(?=\s?[:=]\s?\d{4}[- ]\d{4}))(?=\s?[:=]))(?![A-Za-z0-9#])\s?[:=.]{0,2}\s?",
    re.IGNORECASE | re.ASCII,
)
_DOUBT = (
    r"[\s.,;(](?:pending|suspect|dispute|(?:me)?(?:tunggu|nunggu) (?:konfirmasi|jawaban|respon|hasil|sn|token|operator"
    r"|provider|biller|supplier)|(?:dalam|dlm) (?:antrian|antrean|proses|pengecekan)|on (?:proses|process|progress)"
    r"|(?:belum|blm) (?:final|tentu|pasti)|dianulir|chargeback|ditarik kembali|(?:tidak|tdk) jadi"
    r"|nominal (?:kurang|tidak sesuai|tdk sesuai)|salah (?:nomor|no|nominal|tujuan|produk)|(?:nomor|no|tujuan) salah"
    r"|(?:mohon |harap |mhn |hrp )?(?:di)?cek manual"
    r"|(?:masih|sedang|akan|msh|sdg|akn|belum|blm) (?:di[a-z]*|pending|menunggu|proses|dlm|dalam|terkirim|masuk))\b"
)
"""What is said behind a serial number about the purchase, and belongs to the message."""
_SERIAL_END = re.compile(
    r"[\s.,;|]*(?:"
    r"(?<![A-Za-z])(?:sisa ?)?(?:saldo|stok|sal|sld|balance|(?:m-)?bal|deposit)(?: akhir| awal| anda| pulsa)?\s?"
    r"(?:[:=]|\.\d|terpotong|(?:rp|idr)(?![A-Za-z])|-?\s?\d|\.\.\.)"
    r"|(?<![A-Za-z])(?:hrg|harga|price|biaya|potong)\b(?: (?:beli|jual|trx|produk))?\s?[:=.]?\s?\*?(?:rp|idr\b|-?\d)"
    r"|(?<![A-Za-z])sisa(?: (?:saldo|stok|deposit)|\s?[:=]\s?(?:rp|\d)|\s(?:rp\.?\s?)?\d[\d.,]{3})"
    r"|\s@\s?(?:waktu|\d)|(?<![A-Za-z])(?:waktu|tgl|tanggal|jam)\s?[:=]?\s?\d"
    r"|(?<![A-Za-z])(?:clientid|kode_reseller|reff?\.? ?id|trx ?id|no ?ref)\s?[:=]"
    r"|\s(?:status|sts|produk|product|kode|tujuan|dest|msisdn|keterangan|ket)\s?="
    r"|(?!\A)(?<![A-Za-z/])reff?\s?[:=]|\s(?:dan )?id (?:transaksi|trx)\b"
    r"|(?<![A-Za-z])(?:[rt]|reff?)#|#\*|\*\s?trx|\s(?:\||>>|»|•|::)\s|\|(?=[A-Za-z_ ]{2,15}:)"
    r"|[.,]\s?(?:ket|keterangan|info|promo|nb|cs|note|catatan|wa|terima kasih|trx|jika|bila|apabila|kalau)\b"
    r"|(?<![A-Za-z/])trx ke-?\d|\s\(\d{1,2}[/.:-]\d"
    r"|(?:\A|[\s.,])(?:salam|semoga)\b"
    rf"|(?!\A){_DOUBT}"
    r"|(?<![A-Za-z])(?:saldo|dana|uang)(?: anda)? (?:sudah|telah|sdh|tlh|akan|di ?kembali|di ?refund)"
    r"|(?<![A-Za-z/])(?:trx|transaksi) (?:sedang|masih|akan|belum|sdg|msh|blm|gagal|dibatalkan|di ?proses)"
    r"|[\s.](?:sukses|berhasil|gagal|success|failed)(?:\s?(?:[.,!;]|$)|\s(?:(?:[rt]|reff)#|(?:hrg|harga|saldo|stok)\b))"
    r"|\.\s#|\s[🌀-🫿]\s?(?:rp|idr|sisa|saldo|hrg|harga)"
    r"|[.,;]\s(?:masa aktif|masa berlaku|berlaku|exp|total)\b|(?<=\d{10})\spada (?:tgl |tanggal |jam )?\d"
    r"|(?<![A-Za-z])(?:saldo|stok|sal|sld|deposit) (?:anda )?(?:di)?potong"
    r"|\s(?:msg|message|pesan)="
    r")",
    re.IGNORECASE | re.ASCII,
)
_VALUE_NAME = (
    r"(?!(?i:status|sts|state|ket|keterangan|info|note|msg|message|pesan|rc|saldo|stok|balance|harga|hrg|price)\s?=)"
    r"[A-Za-z_]{2,24}\s?=\s?"
)
_NAMED_VALUES = re.compile(rf"(?:{_VALUE_NAME}[^,=]{{0,60}},\s?){{3,20}}{_VALUE_NAME}[\w./-]{{0,80}}", re.ASCII)
"""`customer_no=…, tarif=R1, daya=450, reff=…`: a receipt of named values, the biller's reference among them."""
_PLN_TOKEN = re.compile(r"(?<![\w-])(?:(?:\d{4}-){4}|(?:\d{4} ){4})\d{4}(?![\w-])", re.ASCII)
"""A serial number by its looks, wherever no key announces one."""
_TOKEN_END = re.compile(r"\sreff?\b", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s[-*#/>:=+" "\u2190-\u2bff\U0001f000-\U0001faff\ufe0f" r"]{1,3}\Z")
"""What stands between the serial number and the next field. Glued to the number (`8453****`) it is a part of it."""
_LONGEST_SERIAL = 400
_DIGITS_AND_SENTENCE = re.compile(
    r"(?:\d{4,24}|\d{4}(?:[ -]\d{4}){1,4})(?=(?:[.!,;]\s(?:\d{1,2} )?|\s(?:- )?)[A-Za-z(][^/:=]*\Z)", re.ASCII
)
"""A serial number that is all digits, and words behind it that are none of it."""
_SAYS_SOMETHING = re.compile(
    r"(?!(?:null|none|nil|n/a|undefined|false|trx|transaksi"
    r"|sukses|berhasil|success)\Z)(?=.*[A-Za-z0-9])",
    re.IGNORECASE,
).match
"""Programs print some words where a serial number is missing."""
_GLUED_CODE = re.compile(r"(?P<ref>\d{3,18})[A-Za-z]{1,8}\d{0,4}\.\d{8}", re.ASCII)
"""`R#902S10.0813…`: the product is glued to the value."""
_GLUED_KEY = re.compile(r"(?i)(?:t|r|tr|reff?|sn)\Z")

_EQUATION = re.compile(
    rf"(?<![A-Za-z])(?:sisa ?)?(?:saldo|stok|sal|sld|deposit|balance"
    rf"|bal)\b[^0-9=\-]{{0,12}}(?:{_NUMBER})?\s{{0,2}}(?P<sign>[-+])\s{{0,2}}(?P<price>{_NUMBER})"
    rf"\s{{0,2}}=\s{{0,2}}(?P<balance>{_NUMBER})?",
    re.IGNORECASE | re.ASCII,
)
_PRICE_WORDS = ("harga", "hrg", "price", "biaya", "potong", "berkurang")
"""One of them stands in everything that `_PRICE` finds: most messages name no price, and looking for one costs."""
_PRICE = re.compile(
    rf"(?<![A-Za-z])(?:(?:hrg|harga|price|hrga|biaya)(?: ?(?:beli|jual|trx|produk))?|(?:stok|saldo|sal) (?:terpotong"
    rf"|dipotong|berkurang)|terpotong|potongan|potong)"
    rf"\s{{0,2}}(?:[:=]|\.(?=\s?rp|\d))?\s{{0,2}}\*?(?:idr\b\.?\s?)?(?P<price>{_NUMBER})",
    re.IGNORECASE | re.ASCII,
)
_BALANCE = re.compile(
    rf"(?<![A-Za-z])(?<!min )(?<!minimal )(?<!minimum )(?:sisa(?=\s?[:=]| (?:rp\.? ?)?\d[\d.,]{{3}})|(?:sisa ?)?"
    rf"(?:saldo|stok|sal|sld|balance|bal|stock|deposit))"
    rf"(?: (?:akhir|anda|pulsa|sekarang|skrg|skg|skrng|deposit|saat ini|kamu|terakhir|sisa|sesudah|now"
    rf"|is)){{0,3}}\s{{0,2}}(?:[:=]|\.(?=\d))?\s{{0,2}}\*?(?:idr\b\.?\s?)?(?P<balance>{_NUMBER})"
    r"(?!\s?-\s?-?\d[\d.,]*\s?[-=]|(?:\s\d{1,3}(?:[.,]\d{3})+){2}(?!\d))",
    re.IGNORECASE | re.ASCII,
)

_LAST_BALANCE = re.compile(
    rf"(?<![A-Za-z])(?:saldo|deposit|stok)\b[^0-9=]{{0,12}}\bawal\s?[:=]?\s?{_NUMBER}[^0-9]{{1,12}}\bakhir\s?[:=]?\s?"
    rf"(?P<balance>{_NUMBER})",
    re.IGNORECASE | re.ASCII,
)
"""`Saldo : Rp.(Awal 10000000 Akhir 9989650)`."""

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
    maybe_ref: str | None = None
    """A reference of which the words do not say whose it is: `REF: 99812`, outside the serial number."""
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


Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where the facts of a message stand."""

    refs: tuple[Span, ...]
    weaker_refs: tuple[Span, ...]
    maybe_ref: Span | None
    supplier_ref: Span | None
    serial: Span | None
    prices: tuple[Span, ...]
    """The first that is an amount counts."""
    balance: Span | None
    purchases: tuple[tuple[Span | None, Span], ...]


def fields_of(text: str) -> Fields:
    """The facts in `text` (white space already collapsed)."""
    places = _places(text.translate(_SHAPE))
    refs = _said(text, places.refs) or _said(text, places.weaker_refs)
    span, serial = places.serial, _at(text, places.serial)
    if serial is not None and not serial.strip("0"):
        span = serial = None
    price = None
    for start, end in places.prices:
        price = parse_rupiah(text[start:end])
        if price is not None:
            break
    return Fields(
        refs=refs,
        maybe_ref=_at(text, places.maybe_ref),
        supplier_ref=_at(text, places.supplier_ref),
        serial=serial,
        serial_span=span,
        price=price,
        balance=None if places.balance is None else parse_rupiah(text[slice(*places.balance)]),
        purchases=tuple((_at(text, product), text[slice(*dest)]) for product, dest in places.purchases),
    )


def _said(text: str, places: tuple[Span, ...]) -> tuple[str, ...]:
    """The references there, each once."""
    found = dict.fromkeys(text[start:end] for start, end in places)
    return tuple(ref for ref in found if ref.strip("0"))


def _at(text: str, place: Span | None) -> str | None:
    return None if place is None else text[place[0] : place[1]]


@functools.lru_cache(maxsize=2048)
def _places(text: str) -> _Places:
    low = text.lower()
    serial = _serial(text)
    prices, balance = _money(text, serial, low)
    return _Places(
        refs=_refs(text, _REFS),
        weaker_refs=_refs(text, _WEAKER_REFS),
        maybe_ref=_maybe_ref(text, serial),
        supplier_ref=_supplier_ref(text, low),
        serial=serial,
        prices=prices,
        balance=balance,
        purchases=_purchases(text),
    )


def _purchases(text: str) -> tuple[tuple[Span | None, Span], ...]:
    found: list[tuple[Span | None, Span]] = []
    for match in _PURCHASE.finditer(text):
        if match["joint"] != ".":
            found.append((None, match.span("dest")))
        elif _is_code(match["product"]):
            found.append((match.span("product"), match.span("dest")))
    return tuple(found)


def _is_code(word: str) -> bool:
    """Whether a word before `.0817…` is a product's code, and not the end of a sentence."""
    return (word.isupper() and word not in _ENDS) or any(char.isdigit() for char in word)


def _refs(text: str, pattern: re.Pattern[str]) -> tuple[Span, ...]:
    found: list[Span] = []
    for match in pattern.finditer(text):
        start = match.start("ref")
        ref = match["ref"].rstrip("-_")
        if text[match.end() : match.end() + 1] == "#":  # `R#123T#9`: the next key is glued to the value
            ref = _GLUED_KEY.sub("", ref)
        elif glued := _GLUED_CODE.match(text, start):
            ref = glued["ref"]
        found.append((start, start + len(ref)))
    return tuple(found)


def _maybe_ref(text: str, serial: Span | None) -> Span | None:
    for match in _MAYBE_REF.finditer(text):
        if serial is None or not serial[0] <= match.start() < serial[1]:
            return match.span("ref")
    return None


def _supplier_ref(text: str, low: str) -> Span | None:
    for needs, pattern in _SUPPLIER_REFS:
        for word in needs:
            if word in low:
                if match := pattern.search(text):
                    return match.span("ref")
                break
    return None


def _serial(text: str) -> Span | None:
    """Where the first serial number that is not empty stands. Behind an empty field of that name, a word is none."""
    empty = False
    for key in _SERIAL_KEY.finditer(text):
        start = key.end()
        rest = text[start : start + _LONGEST_SERIAL]
        named = _NAMED_VALUES.match(rest)
        end = _SERIAL_END.search(rest, named.end() if named else 0)
        value = rest[: end.start()] if end else rest
        stripped = _SEPARATOR.sub("", value.strip(" .,;|_~&").lstrip(":= "))
        if stripped.endswith(")") and "(" not in stripped:  # the whole stood in brackets
            stripped = stripped.rstrip(") .,;|")
        if digits := _DIGITS_AND_SENTENCE.match(stripped):
            stripped = digits[0]
        if stripped[:1] == stripped[-1:] == "*":  # bold
            stripped = stripped[1:-1]
        if not stripped:
            empty = True
        elif _SAYS_SOMETHING(stripped) and not (empty and stripped.replace(" ", "").isalpha()):
            begin = start + value.index(stripped)
            return begin, begin + len(stripped)
    if token := _PLN_TOKEN.search(text):
        rest = text[token.start() : token.start() + _LONGEST_SERIAL]
        ends = (end.start() for pattern in (_SERIAL_END, _TOKEN_END) if (end := pattern.search(rest)))
        return token.start(), token.start() + len(rest[: min(ends, default=len(rest))].rstrip(" .,;|_"))
    return None


def _money(text: str, serial: Span | None, low: str) -> tuple[tuple[Span, ...], Span | None]:
    """Where price and balance stand, outside the serial number. `low` is `text` in lower case."""
    removed = 0
    if serial is not None:
        text = text[: serial[0]] + _NO_SERIAL + text[serial[1] :]
        removed = serial[1] - serial[0] - len(_NO_SERIAL)

    def place(match: re.Match[str], name: str) -> Span:
        start, end = match.span(name)
        return (start, end) if serial is None or start < serial[0] else (start + removed, end + removed)

    prices: list[Span] = []
    balance = None
    for word in _PRICE_WORDS:
        if word in low:
            if written := _PRICE.search(text):
                prices.append(place(written, "price"))
            break
    equation = _EQUATION.search(text) if "=" in text else None
    if equation is not None:
        if equation["sign"] == "-":
            prices.append(place(equation, "price"))
        if equation["balance"]:
            balance = place(equation, "balance")
    else:
        for match in _BALANCE.finditer(text):
            balance = place(match, "balance")
        if balance is None and (after := _LAST_BALANCE.search(text)):
            balance = place(after, "balance")
    return tuple(prices), balance


_NO_SERIAL = " ~ "
"""Stands where a serial number stood; no number reaches over it."""


def _shape() -> dict[int, int]:
    """Digits that no pattern tells apart become one; where one does, every text is its own shape."""
    patterns = [value for value in globals().values() if isinstance(value, re.Pattern)]
    patterns += [pattern for _, pattern in _SUPPLIER_REFS]
    blind = all(digits_apart(pattern.pattern) == frozenset() for pattern in patterns)
    return str.maketrans("0123456789", "0" * 10) if blind else {}


_SHAPE = _shape()
