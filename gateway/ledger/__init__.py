"""Where the truth is kept: transactions, their attempts, and everything that happened to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from gateway.ledger.errors import (
    ChangeRefusedError,
    LeaseLostError,
    LedgerBusyError,
    LedgerDamagedError,
    LedgerError,
    LedgerUnavailableError,
    SchemaOutOfDateError,
)
from gateway.ledger.group import OnCommit
from gateway.ledger.leaving import Leaving, Removed, Unfinished, Whole
from gateway.ledger.place import file_of
from gateway.ledger.protocol import Balance, Bought, Ledger, StoredNotification

__all__ = [
    "Balance",
    "Bought",
    "ChangeRefusedError",
    "LeaseLostError",
    "Leaving",
    "Ledger",
    "LedgerBusyError",
    "LedgerDamagedError",
    "LedgerError",
    "LedgerUnavailableError",
    "Removed",
    "SchemaOutOfDateError",
    "StoredNotification",
    "Unfinished",
    "Whole",
    "migrate",
    "open_ledger",
]


def _now() -> datetime:
    return datetime.now(UTC)


def open_ledger(
    url: str,
    *,
    owner: str = "",
    migrate: bool | None = None,
    inline: bool = False,
    clock: Callable[[], datetime] = _now,
    on_commit: OnCommit | None = None,
    on_change: Callable[[str], None] | None = None,
) -> Ledger:
    """The ledger at `url`: `sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://…`.

    It is not opened yet: `start` does that. A URL may hold a password, so it is never shown.

    Args:
        owner: the name under which this replica works on transactions. PostgreSQL: left out, one is made that no other
            process has.
        migrate: bring an older schema up to date at the start, or refuse to start. Left out: SQLite does, and
            PostgreSQL, which others may be using, does not.
        inline: SQLite only, and only for simulations: no threads.
        on_commit: told the size of each commit, the seconds that it took, and whether all of it was written.
        on_change: PostgreSQL: told the number of each transaction that another replica changed; the empty string
            stands for any, after notices may have been missed.

    Raises:
        LedgerError: no such kind of ledger.
    """
    file = file_of(url)
    if file is None:
        from gateway.ledger.postgres import PostgresLedger

        return PostgresLedger(
            url, owner=owner, migrate=migrate is True, clock=clock, on_commit=on_commit, on_change=on_change
        )
    from gateway.ledger.sqlite import SqliteLedger

    return SqliteLedger(
        file, owner=owner, migrate=migrate is not False, inline=inline, clock=clock, on_commit=on_commit
    )


def migrate(url: str) -> str:
    """Bring the schema of the ledger at `url` up to date, and say in one line what was done.

    Raises:
        LedgerBusyError: a gateway is working on this SQLite file.
        LedgerError: it cannot be done; the message says why.
    """
    file = file_of(url)
    if file is None:
        from gateway.ledger.postgres import migrate_database

        return migrate_database(url)
    from gateway.ledger.sqlite import migrate_file

    return migrate_file(file)
