"""The views of a message that rules read, made from its text once."""

from __future__ import annotations

import re

from gateway_otomax.fields import Fields
from gateway_otomax.wording import SERIAL_MARK, evidence_of, in_one_spelling, without_tail

__all__ = ["is_serial", "views_of"]

_SHORTEST_SERIAL = 5
_NO_SERIAL = re.compile(
    r"\A(?:trx )?(?:gagal|dibatalkan|refund|ditolak|pending|proses|diproses|menunggu|error|salah|belum|tidak|sedang"
    r"|saldo dikembalikan|suspect)\b"
    r"|[\d.,;:|)/-]\s{0,2}(?:trx |status:? ?)?(?:gagal|dibatalkan|refund|ditolak)\b"
)


def is_serial(value: str | None) -> bool:
    """Whether a field for the serial number holds one, and not a word about the purchase."""
    return (
        value is not None
        and len(value) >= _SHORTEST_SERIAL
        and any(char.isdigit() for char in value)
        and _NO_SERIAL.search(in_one_spelling(value)) is None
    )


def views_of(text: str, found: Fields) -> dict[str, str]:
    """`message` as it came; `words` in one spelling; `evidence` without serial number and asides; `deciding` up to
    the tail. `text` has its white space collapsed."""
    words = in_one_spelling(text)
    if found.serial_span is None:
        bare = words
    else:
        start, end = found.serial_span
        odd = _NO_SERIAL.search(in_one_spelling(text[start:end])) is not None
        bare = in_one_spelling(text[:start]) + SERIAL_MARK + ("!" if odd else "") + in_one_spelling(text[end:])
    evidence = evidence_of(bare)
    return {"message": text, "words": words, "evidence": evidence, "deciding": without_tail(evidence)}
