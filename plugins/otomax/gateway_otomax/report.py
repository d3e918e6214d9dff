"""Reading a supplier's call back. Suppliers do not encode: a raw `#`, `&`, `%` or `+` may stand in the message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from gateway import Report, UnreadableReportError
from gateway_otomax.envelope import CODE_NAMES, MESSAGE_NAMES, REF_NAMES, Envelope, from_fields, open_text

__all__ = ["envelopes_of", "parameters_of"]

_MESSAGE = re.compile(r"(?:\A|&)(?P<name>message|msg|pesan)=", re.IGNORECASE)
_KNOWN = frozenset(
    (
        *CODE_NAMES,
        *REF_NAMES,
        "price",
        "harga",
        "sn",
        "t",
        "trxid",
        "serverid",
        "saldo",
        "kp",
        "msisdn",
        "produk",
        "tujuan",
    )
)
_LONGEST = 65_536


def envelopes_of(report: Report) -> tuple[Envelope, ...]:
    """What a report holds: one envelope, or several where the body is a JSON list.

    Raises:
        UnreadableReportError: there is neither a message nor a reference with a code.
    """
    query = parameters_of(report.raw_query[:_LONGEST])
    body = report.body[:_LONGEST].decode("utf-8", errors="replace").strip()
    found = [_merged(query, item) for item in _bodies(report.content_type, body)] or [from_fields(query)]
    told = tuple(envelope for envelope in found if _tells(envelope))
    if not told:
        raise UnreadableReportError("the report holds neither a message nor a reference with a status")
    return told


def _tells(envelope: Envelope) -> bool:
    return bool(envelope.text) or (envelope.code is not None and (envelope.ref or envelope.supplier_ref) is not None)


def _bodies(content_type: str, body: str) -> list[Envelope]:
    if not body:
        return []
    if body[:1] in ("{", "["):
        return _json_items(body)
    if content_type == "application/x-www-form-urlencoded" or _looks_like_form(body):
        return [from_fields(parameters_of(body))]
    return [open_text(body)]


def _json_items(body: str) -> list[Envelope]:
    import json

    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return []
    items = value if isinstance(value, list) else [value]
    return [open_text(json.dumps(item)) for item in items[:100] if isinstance(item, dict)]


def _looks_like_form(body: str) -> bool:
    name = re.match(r"(?P<name>[A-Za-z_]{1,20})=", body)
    return name is not None and (name["name"].lower() in _KNOWN or name["name"].lower() in MESSAGE_NAMES)


def _merged(query: Mapping[str, str], body: Envelope) -> Envelope:
    """The body, and what only the query says."""
    if not query:
        return body
    other = from_fields(query)
    return replace(
        body,
        text=body.text or other.text,
        code=body.code or other.code,
        ref=body.ref or other.ref,
        supplier_ref=body.supplier_ref or other.supplier_ref,
        serial=body.serial or other.serial,
        price=body.price if body.price is not None else other.price,
        page=body.page and not other.text,
    )


def parameters_of(raw: str) -> dict[str, Any]:
    """Parameters by name in lower case. The message is everything after `message=`, unless it is encoded and
    parameters that have not been named before follow it."""
    raw = raw.strip().removeprefix("?")
    start = _MESSAGE.search(raw)
    if start is None:
        return _pairs(raw)
    found = _pairs(raw[: start.start()])
    message = raw[start.end() :]
    if not re.search(r"[ #]", message):
        message, behind = _split_behind(message, frozenset(found))
        found |= _pairs(behind)
    found["message"] = _decoded(message)
    return found


def _pairs(raw: str) -> dict[str, Any]:
    pairs = (part.partition("=") for part in raw.split("&") if part)
    return {_decoded(name).strip().lower(): _decoded(value) for name, eq, value in pairs if eq}


def _split_behind(message: str, before: frozenset[str]) -> tuple[str, str]:
    for match in re.finditer(r"&(?P<name>[A-Za-z_]{1,20})=", message):
        name = match["name"].lower()
        if name in _KNOWN and name not in before:
            return message[: match.start()], message[match.start() + 1 :]
    return message, ""


def _decoded(text: str) -> str:
    """Decode what is encoded. Where blanks stand raw or as `%20`, a `+` is a plus; where blanks stand raw, so does a
    `%`, except for the escapes of the characters that break a query."""
    if " " in text:
        return re.sub(r"%(2[0356BbFf]|3[ABDFabdf]|40)", lambda match: unquote(match[0]), text)
    if "%20" not in text:
        text = text.replace("+", " ")
    return unquote(text, errors="replace")
