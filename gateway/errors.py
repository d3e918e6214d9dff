"""The errors that end in front of a person.

    GatewayError
    ├── ConfigurationError      what is written in the configuration file
    ├── AddressError            an address that nothing can listen on
    ├── LedgerError             see `gateway.ledger.errors`
    ├── EngineError             see `gateway.engine.errors`
    └── AuditError              see `gateway.observe.audit_file`

Every message is a sentence that says what to do, and holds no secret.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass


class GatewayError(Exception):
    """Something that the person who started the gateway can mend. `str()` of it is for them: one line, no secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake in a configuration file. `str()` of it is one line."""

    file: str
    line: int | None = None
    """Counted from 1; `None` where the mistake is not in one place."""
    column: int | None = None
    path: str = ""
    """Where in the structure, such as `providers[0].url`."""
    message: str
    advice: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        what = f"{self.message}; {self.advice}" if self.advice else self.message
        return f"{place}: {self.path}: {what}" if self.path else f"{place}: {what}"


class ConfigurationError(GatewayError):
    """The configuration cannot be used. Holds every mistake that was found, in the file's order."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


_CANNOT_LISTEN = {
    errno.EADDRINUSE: "another program has this port; stop that one, or choose another port",
    errno.EADDRNOTAVAIL: "this machine has no such address; 127.0.0.1 is for itself, 0.0.0.0 for every network",
    errno.EACCES: "the system keeps this port to itself; choose one above 1023",
}


class AddressError(GatewayError):
    """Nothing can listen on an address.

    Args:
        error: what the system said.
        what: the part of the gateway that was to listen there.
    """

    def __init__(self, host: str, port: int, error: OSError | UnicodeError, what: str = "") -> None:
        if isinstance(error, UnicodeError | socket.gaierror):  # the first: it cannot even be asked for
            why = "there is no host of this name"
        else:
            # From Python 3.13 on asyncio leaves out an address that the machine has not, and gives no number then.
            number = errno.EADDRNOTAVAIL if "could not bind on any address" in str(error) else error.errno or 0
            why = _CANNOT_LISTEN.get(number) or error.strerror or type(error).__name__
        super().__init__(f"{what}cannot listen on {ascii(host)[1:-1]}:{port}: {why}")
