"""Where a ledger is, by its URL: `sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://…`."""

from __future__ import annotations

from gateway.ledger.errors import LedgerError

_SQLITE = "sqlite:///"
_POSTGRESQL = "postgresql://"


def file_of(url: str) -> str | None:
    """The path of a ledger in SQLite; `None` for one in PostgreSQL.

    Raises:
        LedgerError: it is neither. The message does not show the URL, which may hold a password.
    """
    if url.startswith(_SQLITE):
        return url.removeprefix(_SQLITE)
    if url.startswith(_POSTGRESQL):
        return None
    raise LedgerError(f"the ledger's url must begin with {_SQLITE} or {_POSTGRESQL}")
