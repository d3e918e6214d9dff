"""The errors that end in front of a person.

    GatewayError
    └── ConfigurationError      what is written in the configuration file

Every message is a sentence that says what to do, and holds no secret.
"""

from __future__ import annotations

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
