"""What a supplier wraps its words in: nothing, `status=N&message=…`, `status=55, message=…`, `status=61 text`, JSON,
XML, or an HTML page, which is no answer at all."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote_plus

from gateway.core.money import rupiah

__all__ = ["CODE_NAMES", "MESSAGE_NAMES", "REF_NAMES", "Envelope", "code_of", "from_fields", "open_text"]

MESSAGE_NAMES = ("message", "msg", "pesan", "keterangan", "note", "ket", "respon", "response", "error", "error_message")
CODE_NAMES = ("status", "statuscode", "status_code", "rc", "code", "kode_status")
REF_NAMES = ("refid", "ref_id", "reffid", "clientid", "client_id", "idtrx", "ref", "reff", "reff_id", "partner_ref")
_SUPPLIER_REF_NAMES = (
    "trxid",
    "trx_id",
    "serverid",
    "server_id",
    "tid",
    "idtransaksi",
    "id_transaksi",
    "kodetrx",
    "sid",
)
_SERIAL_NAMES = ("sn", "serial", "serial_number", "token", "voucher", "snref")
_PRICE_NAMES = ("price", "harga", "hrg", "amount_charged")
_BALANCE_NAMES = ("saldo", "balance", "sisa_saldo", "saldo_akhir", "buyer_last_saldo", "stok", "saldo_after_trx")

_INNER_NAMES = ("data", "transaksi", "transaksi_member", "transaction", "trx")
"""Under these names the fields of the purchase itself may lie."""

_IRS_NAMES = (
    frozenset({"statuscode", "clientid", "msg"}),
    frozenset({"serverid", "clientid", "status"}),
    frozenset({"reffid", "rc", "produk", "msg"}),
    frozenset({"success", "rc", "msg"}),
)

_HTML = re.compile(
    r"<\s*(?:!doctype|html|head|body|title|script|style|meta|table|div|center|h[1-6]|\?xml|pre|form|link)\b",
    re.IGNORECASE,
)
_XML = re.compile(
    r"(?:<\?xml[^<>]{0,200}\?>\s*)?(?P<root><(?!(?:br|b|i|p|u|a|strong|em|span|font|div)\b)[A-Za-z_])", re.IGNORECASE
)
_ELEMENT = re.compile(r"<[?/]?[A-Za-z_][^<>]*>")
_LEAF = re.compile(r"<(?P<name>[A-Za-z_][\w-]{0,40})>(?P<value>[^<>]{0,2000})</(?P=name)\s*>")
"""`<sn>…</sn>`: an element that holds text and no other element. Nothing of XML is expanded."""
_TAG = re.compile(r"<\s*/?\s*(?:br|b|i|p|u|strong|em|span)\b[^<>]{0,40}>", re.IGNORECASE)

_WRAPPED = re.compile(
    r"\s*(?P<before>(?:[A-Za-z_]{1,20}\s?=\s?[^&=\s]{0,80}\s?&\s?){0,8})"
    r"(?:status|statuscode|rc)\s?[=:]\s?(?P<code>-?\w{1,12})\s?"
    r"(?P<between>(?:&\s?(?!message=|msg=|pesan=)[A-Za-z_]{1,20}\s?=\s?[^&=]{0,80}){0,8})"
    r"(?:[&,;]\s?(?:message|msg|pesan)\s?[=:]\s?|[&,;]\s?|\s|$)(?P<text>.*)",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
_ONLY_MESSAGE = re.compile(
    r"\s*(?P<before>(?:[A-Za-z_]{1,20}=[^&=\s]{0,80}&){0,8})(?:message|msg|pesan)=(?P<text>.*)",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)


_ESCAPED_BREAK = re.compile(r"(?:\\r)?\\n(?![a-z])")
"""A line break that somebody has escaped once too often."""
_LONGEST_ENVELOPE = 8_000
"""Characters. What is longer and no JSON is no message, whatever it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What was in it. `code` is the status as the supplier wrote it, `fields` whatever else it named, in lower case."""

    text: str = ""
    code: str | None = None
    ref: str | None = None
    supplier_ref: str | None = None
    serial: str | None = None
    price: int | None = None
    balance: int | None = None
    denied: bool = False
    """The envelope itself says no (`"success": false`), whatever that means."""
    irs: bool = False
    """It has the field names of the neighbour dialect IRS, whose codes are others."""
    page: bool = False
    """An HTML or XML page: nobody's answer about a purchase."""
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)


def open_text(text: str) -> Envelope:
    """Open a body, or a recorded message. Never raises."""
    text = text.lstrip("\ufeff").replace("\x00", " ").strip()
    if text[:1] in ("{", "["):
        return _open_json(text)
    if len(text) <= _LONGEST_ENVELOPE and (xml := _XML.match(text)) and not _HTML.search(text, xml.start("root")):
        return _open_xml(text)
    if _HTML.search(text, 0, _LONGEST_ENVELOPE):
        return Envelope(page=True)
    if len(text) > _LONGEST_ENVELOPE:
        return Envelope(text=_one_line(text))
    text = _TAG.sub(" ", text)
    if match := _WRAPPED.fullmatch(text):
        named = _pairs(f"{match['before']}&{match['between']}")
        # Where nothing follows the code, the message may stand before it, as a form writes it.
        message = match["text"] or unquote_plus(_first_text(named, MESSAGE_NAMES) or "")
        return from_fields({**named, "status": match["code"], "message": message})
    if match := _ONLY_MESSAGE.fullmatch(text):
        return from_fields({**_pairs(match["before"]), "message": match["text"]})
    return Envelope(text=_one_line(text))


def _open_xml(text: str) -> Envelope:
    """One flat answer in XML. Where it holds more than that (an element twice, as of two purchases, two messages, words
    between the elements, CDATA), nobody knows which of it counts."""
    leaves = [(match["name"].lower(), html.unescape(match["value"]).strip()) for match in _LEAF.finditer(text)]
    named = dict(leaves)
    if len(named) < len(leaves) or len(named.keys() & set(MESSAGE_NAMES)) != 1:
        return Envelope(page=True)
    if _ELEMENT.sub(" ", _LEAF.sub(" ", text)).strip():
        return Envelope(page=True)
    denied = any(named.get(name, "").lower() in ("false", "0") for name in ("success", "ok", "result"))
    return replace(from_fields(named), denied=denied)


def _pairs(text: str) -> dict[str, str]:
    return {
        name.strip().lower(): value.strip()
        for name, eq, value in (part.partition("=") for part in text.split("&"))
        if eq
    }


def _open_json(text: str) -> Envelope:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Envelope(text=_one_line(text)) if text[:1] == "[" and '"' not in text else Envelope(page=True)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return Envelope(page=True)
    lowered = {str(key).lower(): item for key, item in value.items()}
    for name in _INNER_NAMES:
        if isinstance(inner := lowered.get(name), dict):
            lowered = {**lowered, **{str(key).lower(): item for key, item in inner.items()}}
    return from_fields(lowered)


def from_fields(fields: Mapping[str, Any]) -> Envelope:
    """An envelope from named values (names in lower case)."""
    message = _first_text(fields, MESSAGE_NAMES)
    return Envelope(
        text=_one_line(_TAG.sub(" ", message)) if message and not _HTML.search(message) else "",
        code=code_of(fields),
        ref=_no_zero(_first_text(fields, REF_NAMES)),
        supplier_ref=_no_zero(_first_text(fields, _SUPPLIER_REF_NAMES)),
        serial=_meaningful(_first_text(fields, _SERIAL_NAMES)),
        price=_first_amount(fields, _PRICE_NAMES),
        balance=_first_amount(fields, _BALANCE_NAMES),
        denied=any(fields.get(name) is False for name in ("success", "status", "ok", "result")),
        irs=any(names <= fields.keys() for names in _IRS_NAMES),
        page=bool(message and _HTML.search(message)),
        fields=fields,
    )


def code_of(fields: Mapping[str, Any]) -> str | None:
    """The status code or status word: the first of its usual names that holds one."""
    for name in CODE_NAMES:
        value = fields.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            continue
        if text := str(value).strip()[:40]:
            return text
    return None


def _first_text(fields: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = fields.get(name)
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            continue
        if text := str(value).strip():
            return text
    return None


def _first_amount(fields: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        value = rupiah(fields.get(name))
        if value is not None:
            return value
    return None


def _no_zero(value: str | None) -> str | None:
    if value is None:
        return None
    value = value.strip().removeprefix("R#").removeprefix("r#").strip()[:64]
    return value if value.strip("0- ") else None


def _meaningful(value: str | None) -> str | None:
    if value is None or not re.search(r"[A-Za-z0-9]", value):
        return None
    return value.strip(" .,;")[:400]


def _one_line(text: str) -> str:
    if "\\" in text:
        text = _ESCAPED_BREAK.sub(" ", text)
    return " ".join(text.split())
