"""What leaves the ledger, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.core.transaction import Transaction

Rows = Mapping[str, list[dict[str, Any]]]
"""Rows of the tables as they are, by table."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What one batch of old rows did."""

    rows: int
    position: int | None
    """The number of the last row that was looked at; the next batch starts behind it. `None`: there is nothing older
    to look at."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Why transactions cannot leave yet."""

    why: str
    count: int
    example: str
    """The number of one of them."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A transaction and all rows that belong to it."""

    transaction: Transaction
    rows: Rows


@dataclass(frozen=True, slots=True)
class Leaving:
    """A transaction to drop."""

    id: str
    version: int
    """As it was read; one that has changed since stays."""
    attempts: tuple[str, ...]
