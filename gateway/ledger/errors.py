"""What can go wrong with the ledger. Each message says what a person can do about it, and none holds a password.

LedgerError
├── LedgerUnavailableError      nothing was written; it may work again in a moment
│   ├── LedgerDamagedError      the file is damaged; a person must restore it
│   └── LeaseLostError          this replica was away too long, and others work on its transactions now
├── LedgerBusyError             another process holds the ledger
├── SchemaOutOfDateError        the schema is older or newer than this program
└── ChangeRefusedError          the database refused one change: a mistake in this program
"""

from __future__ import annotations

from gateway.errors import GatewayError


class LedgerError(GatewayError):
    """The ledger could not do what was asked."""


class LedgerUnavailableError(LedgerError):
    """The ledger cannot be read or written now, and what was asked was not written. It recovers by itself."""


class LedgerDamagedError(LedgerUnavailableError):
    """The ledger's file is damaged. Restore it from a copy."""


class LeaseLostError(LedgerUnavailableError):
    """This replica's lease is over: its writes are refused, because others have taken over its transactions."""


class LedgerBusyError(LedgerError):
    """Another process works with this ledger."""


class SchemaOutOfDateError(LedgerError):
    """The ledger's schema does not fit this program."""


class ChangeRefusedError(LedgerError):
    """The database refused one change, for example because of a number given twice. The others were written."""
