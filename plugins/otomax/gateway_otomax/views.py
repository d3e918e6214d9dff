"""The views of a message that rules read, made from its text once."""

from __future__ import annotations

import re

from gateway_otomax.fields import Fields
from gateway_otomax.wording import SERIAL_MARK, evidence_of, in_one_spelling, without_tail

__all__ = ["is_serial", "views_of"]

_SHORTEST_SERIAL = 5
_NO_SERIAL = re.compile(
    r"\A(?:(?:trx|status|maaf|mohon|sn|nomor|tujuan|produk|saldo|stok|masih|sedang|akan|dalam|under|on|in)[ :]{1,2})*"
    r"(?:gagal|dibatalkan|refund|ditolak|pending|proses|diproses|menunggu|tunggu|error|salah|belum|tidak|sedang|masih"
    r"|akan|segera|sementara|sebagian|mungkin|antrian|progress|menyusul|nyusul|dikembalikan|suspect|gangguan|kosong"
    r"|time ?-?out|rto"
    r"|nomor (?:response|respon|reply|data)|dicek|cek|manual|keluar|terbit|muncul)\b"
    r"|\A\D*\b(?:gagal|dibatalkan|refund|ditolak|pending|diproses|menunggu|tunggu|belum|tidak|antrian|menyusul"
    r"|dikembalikan|gangguan|suspect|error)\b\D*\Z"
    r"|\b(?:gagal|dibatalkan|refund|ditolak|dikembalikan)\b"
    r"|[.;|)!(]\s{0,2}(?:(?:trx|status|saldo|stok|dana|uang|catatan|note|ket|info|anda|sudah|akan|sedang|masih|tapi|namun)"
    r"[ :]{1,2}){1,4}(?:gagal|dibatalkan|refund|ditolak|dikembalikan|kembali|pending|proses|diproses|menunggu|tunggu)\b"
)
"""What starts like this is a sentence about the purchase; so is what has such a word and no digit at all, as a
serial number without digits is none that we could check."""


_TOKEN_AND_NAME = re.compile(r"\A((?:\d{4}[- ]?){4}\d{4}\s?/)[^/]{1,40}(?=/\s?[rbsiplct]\d?[a-z]?\s?[/ ])", re.ASCII)
"""A PLN token, the customer's name, and the tariff (`R1`, `B2`, `R1M`): a name may be any word."""


_WORDS_ONLY = re.compile(r"[^a-z\d]*[a-z][a-z .]*\Z").match
"""Where the message ends with it, it may be the beginning of `PENDING` or of `akan dikirim` as well as a name."""


def _speaks(value: str) -> bool:
    """Whether a serial number, in one spelling, holds words about the purchase."""
    return _NO_SERIAL.search(_TOKEN_AND_NAME.sub(r"\1", value)) is not None


def is_serial(value: str | None) -> bool:
    """Whether a field for the serial number holds one, and not a word about the purchase."""
    return (
        value is not None
        and len(value) >= _SHORTEST_SERIAL
        and any(char.isdigit() for char in value)
        and not _speaks(in_one_spelling(value))
    )


def views_of(text: str, found: Fields) -> dict[str, str]:
    """`message` as it came; `words` in one spelling; `evidence` without serial number and asides; `deciding` up to
    the tail. `text` has its white space collapsed."""
    words = in_one_spelling(text)
    if found.serial_span is None:
        bare = words
    else:
        start, end = found.serial_span
        value = in_one_spelling(text[start:end])
        odd = _speaks(value) or (end == len(text) and _WORDS_ONLY(value) is not None)
        bare = in_one_spelling(text[:start]) + SERIAL_MARK + ("!" if odd else "") + in_one_spelling(text[end:])
    evidence = evidence_of(bare)
    return {"message": text, "words": words, "evidence": evidence, "deciding": without_tail(evidence)}
