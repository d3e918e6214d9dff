"""How a destination is checked and written: telephone numbers, electricity meters, and everything else.

Only ASCII digits count. A number that was typed with another script's digits is refused, because suppliers would
refuse it later or, worse, read it differently.
"""

from __future__ import annotations

import re

_MSISDN = re.compile(r"(?:\+?62|0)(8[1-9][0-9]{7,11})")
_METER = re.compile(r"[0-9]{11,13}")
_FREE = re.compile(r"[!-~](?:[ -~]{0,98}[!-~])?")
_SEPARATORS = re.compile(r"(?<=[0-9])[ -](?=[0-9])")


class InvalidDestinationError(ValueError):
    """The destination cannot be one of its kind."""


def normalise(kind: str, dest: str) -> str:
    """`dest` as it is sent to suppliers.

    Args:
        kind: `msisdn` (Indonesian mobile number, in the form `08…`), `meter` (PLN meter or customer number, 11 to 13
            digits) or `free` (1 to 100 visible ASCII characters).

    Raises:
        InvalidDestinationError: with a message for the client.
    """
    if kind == "msisdn":
        match = _MSISDN.fullmatch(_SEPARATORS.sub("", dest))
        if match is None:
            raise InvalidDestinationError(
                "is not an Indonesian mobile number: write 08 and 8 to 12 more digits, or the same with +62"
            )
        return "0" + match[1]
    if kind == "meter":
        digits = _SEPARATORS.sub("", dest)
        if _METER.fullmatch(digits) is None:
            raise InvalidDestinationError("is not a PLN meter or customer number: write its 11 to 13 digits")
        return digits
    if _FREE.fullmatch(dest) is None:
        raise InvalidDestinationError("must be 1 to 100 visible ASCII characters")
    return dest
