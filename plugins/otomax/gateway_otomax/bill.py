"""The bill that an inquiry (cek tagihan) found: suppliers write it where a purchase has its serial number.

`NAMA:BUDI SANTOSO/TAG:150.000/ADM:2.500/TTAG:152.500/PERIODE:202611` becomes names and values. Names that all suppliers
mean alike get one word each; the others stay as they are, in lower case.
"""

from __future__ import annotations

import re

from gateway import parse_rupiah

__all__ = ["bill_of"]

_PART = re.compile(r"[/;|\n]|,(?!\d)")
_PAIR = re.compile(r"\s*([A-Za-z][A-Za-z _.]{0,30}?)\s*[:=]\s*(\S.*?)\s*", re.DOTALL)
_NAMES = {
    **dict.fromkeys(("nama", "nm", "name", "nama_pelanggan", "a/n", "an"), "name"),
    **dict.fromkeys(("tag", "tagihan", "rptag", "rp_tag", "jml_tag", "jumlah_tagihan", "nominal", "amount"), "amount"),
    **dict.fromkeys(("adm", "admin", "biaya_admin", "by_admin", "fee"), "admin"),
    **dict.fromkeys(("ttag", "total", "total_tagihan", "total_tag", "totalbayar", "total_bayar", "tot"), "total"),
    **dict.fromkeys(("periode", "period", "per", "bln", "bulan", "blth", "bl_th", "bulan_tahun"), "period"),
    **dict.fromkeys(("denda", "penalty"), "penalty"),
    **dict.fromkeys(("lbr", "lembar", "jml_lembar", "bill_count"), "months"),
}
_MONEY = frozenset({"amount", "admin", "total", "penalty"})
_MOST = 30
"""Of names; more is no bill that anybody reads."""
_LONGEST = 200


def bill_of(text: str | None) -> dict[str, str] | None:
    """The bill in `text`; `None` where there is none.

    Money is whole rupiah in digits where it can be read so, otherwise as the supplier writes it. What has no name is
    under `text`, in its order. Where a name comes again, the first one holds.
    """
    if not text or not text.strip():
        return None
    bill: dict[str, str] = {}
    unnamed: list[str] = []
    for part in _PART.split(text):
        pair = _PAIR.fullmatch(part)
        if pair is None:
            if part.strip():
                unnamed.append(part.strip())
            continue
        written = re.sub(r"[ .]+", "_", pair[1].strip().lower())
        name = _NAMES.get(written, written)
        if name not in bill and len(bill) < _MOST:
            bill[name] = _value(name, pair[2])[:_LONGEST]
    if unnamed and "text" not in bill:
        bill["text"] = "/".join(unnamed)[:_LONGEST]
    return bill or None


def _value(name: str, written: str) -> str:
    if name not in _MONEY:
        return written
    rupiah = parse_rupiah(written)
    return written if rupiah is None else str(rupiah)
