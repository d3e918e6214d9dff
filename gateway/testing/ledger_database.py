"""The place of a ledger in each of the two databases, for tests that run on both."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from gateway.ledger import Ledger, open_ledger
from gateway.testing.postgres_server import PostgresServer


@dataclass
class Database:
    """One ledger's place: its URL, and SQL beside the ledger."""

    kind: str
    url: str
    server: PostgresServer | None = None
    opened: list[Ledger] = field(default_factory=list)

    @property
    def path(self) -> str:
        return self.url.removeprefix("sqlite:///")

    async def open(self, **options: Any) -> Ledger:
        ledger = open_ledger(self.url, **options)
        await ledger.start()
        self.opened.append(ledger)
        return ledger

    async def execute(self, *statements: str) -> list[Any]:
        """Run SQL outside of any transaction; the rows of the last statement."""
        if self.server is None:
            with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
                found: list[Any] = []
                for statement in statements:
                    found = connection.execute(statement).fetchall()
                return found
        return await asyncio.to_thread(self.server.execute, self.url.rpartition("/")[2], *statements)

    async def count(self, table: str) -> int:
        return int((await self.execute(f"SELECT count(*) FROM {table}"))[0][0])  # noqa: S608  # a table of ours
