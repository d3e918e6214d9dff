"""`Prefer: wait=N` (RFC 7240): how long a client wants to wait for the final state."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST_WAIT = 60

_PREFERENCES = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*"?)+')
_WAIT = re.compile(r'\s*wait\s*=\s*(?:([0-9]+)|"([0-9]+)")\s*(?:;.*)?', re.ASCII | re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"\s*wait\s*(?:[=;].*)?", re.ASCII | re.IGNORECASE | re.DOTALL)


def preferred_wait(values: Iterable[str]) -> int | None:
    """Seconds to wait, at most 60, from the `Prefer` header lines; `None` where nothing usable is said.

    A preference is a wish: what cannot be read is ignored. Of a preference that is written twice the first counts.
    """
    for value in values:
        for preference in _PREFERENCES.findall(value):
            if not _NAME.fullmatch(preference):
                continue
            match = _WAIT.fullmatch(preference)
            return None if match is None else _seconds(match[1] or match[2])
    return None


def _seconds(digits: str) -> int:
    """Python reads no number of more than some thousand digits, and none of more than a few matters."""
    significant = digits.lstrip("0")
    return LONGEST_WAIT if len(significant) > 9 else min(int(significant or "0"), LONGEST_WAIT)
