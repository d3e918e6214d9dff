"""The name of one request, on its answer and in the log."""

from __future__ import annotations

import itertools
import re
import secrets

HEADER = "X-Request-ID"

_PROCESS = secrets.token_hex(6)
_numbers = itertools.count(1)
_VISIBLE = re.compile(r"[!-~]{1,64}")


def request_id(given: str | None) -> str:
    """The client's own id where it is 1 to 64 visible ASCII characters, or a new one."""
    if given is not None and _VISIBLE.fullmatch(given):
        return given
    return f"{_PROCESS}-{next(_numbers):x}"
