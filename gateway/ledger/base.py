"""The ledger over any database: what is asked becomes a statement, what is written goes through one group writer."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from gateway.core.characters import storable
from gateway.core.transaction import Change, Event, Exchange, StoredReport, Transaction
from gateway.ledger import rows, values
from gateway.ledger.batch import Operation, Simple
from gateway.ledger.deposits import LONGEST_OPEN, Deposits
from gateway.ledger.group import GroupWriter, OnCommit
from gateway.ledger.protocol import Balance, Bought, StoredNotification
from gateway.ledger.pruning import Pruning
from gateway.ledger.rows import Params, Row
from gateway.ledger.statements import Statement, Statements

PROBE_SECONDS = 1.0
"""How long a commit, or a probe, says that the ledger can be written."""


class BaseLedger(Pruning, Deposits, ABC):
    """Everything that is the same for both databases. `Ledger` documents the methods."""

    def __init__(
        self, statements: Statements, *, owner: str, clock: Callable[[], datetime], on_commit: OnCommit | None
    ) -> None:
        self.statements = statements
        self._owner = owner
        self._clock = clock
        self._group = GroupWriter(self._write, on_commit)
        self._probe: asyncio.Future[Any] | None = None
        self._probed_at = 0.0
        self._written_at: float | None = None

    @abstractmethod
    async def _fetch(self, statement: Statement, params: Params) -> list[Row]:
        """Run a query."""

    @abstractmethod
    async def _write_now(self, operations: Sequence[Operation]) -> Sequence[Any]:
        """Write operations in one database transaction; see `group.Write`."""

    @property
    def owner(self) -> str:
        return self._owner

    @property
    def queued(self) -> int:
        return self._group.queued

    @property
    def ahead(self) -> float:
        return 0.0

    async def _write(self, operations: Sequence[Operation]) -> Sequence[Any]:
        answers = await self._write_now(operations)
        self._written_at = asyncio.get_running_loop().time()
        return answers

    async def commit(self, change: Change) -> bool:
        return bool(await self._group.submit(change))

    async def store_report(self, report: StoredReport) -> tuple[int, bool]:
        number, repeated = await self._group.submit(report)
        return number, repeated

    async def _do(self, statement: Statement, *params: object) -> None:
        await self._group.submit(Simple(statement, params))

    async def mark_report(self, number: int, verdict: str, attempt: str | None = None) -> None:
        await self._do(self.statements.mark_report, attempt, verdict, number)

    async def store_exchange(self, exchange: Exchange, transaction: str | None) -> None:
        number = None if transaction is None else rows.number(transaction)
        await self._do(self.statements.insert_exchange, *rows.new_exchange(number, exchange))

    async def writable(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._written_at is not None and now - self._written_at < PROBE_SECONDS:
            return
        if self._probe is None or (self._probe.done() and now - self._probed_at >= PROBE_SECONDS):
            probe = Simple(self.statements.save_meta, ("probed_at", rows.to_micros(self._clock())))
            self._probe, self._probed_at = self._group.submit(probe), now
        await asyncio.shield(self._probe)

    async def _rows(self, statement: Statement, **named: object) -> list[Row]:
        return await self._fetch(statement, statement.bind(named))

    async def _one(self, statement: Statement, **named: object) -> Transaction | None:
        found = values.read_transactions(await self._rows(statement, **named))
        return found[0] if len(found) == 1 else None

    async def transaction(self, id: str) -> Transaction | None:  # noqa: A002  # the protocol's name
        number = rows.number_or_none(id)
        return None if number is None else await self._one(self.statements.transaction, id=number)

    async def transaction_by_ref(self, client: str, ref_id: str) -> Transaction | None:
        return await self._one(self.statements.by_ref, client=client, ref_id=storable(ref_id))

    async def transaction_by_attempt(self, provider: str, attempt: str) -> Transaction | None:
        number = rows.number_or_none(attempt)
        if number is None:
            return None
        return await self._one(self.statements.by_attempt, provider=provider, attempt=number)

    async def transaction_by_supplier_ref(self, provider: str, supplier_ref: str) -> Transaction | None:
        ref = storable(supplier_ref)
        return await self._one(self.statements.by_supplier_ref, provider=provider, supplier_ref=ref)

    async def transactions(
        self,
        *,
        client: str | None = None,
        status: str | None = None,
        product: str | None = None,
        dest: str | None = None,
        provider: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        before_id: str | None = None,
        limit: int = 50,
    ) -> list[Transaction]:
        filters: dict[str, object | None] = {
            "client": client,
            "status": status,
            "product": product,
            "dest": dest,
            "provider": provider,
            "start": None if start is None else rows.to_micros(start),
            "end": None if end is None else rows.to_micros(end),
            "before_id": None if before_id is None else rows.number(before_id),
        }
        return await self._page(filters, limit)

    async def review(
        self,
        *,
        client: str | None = None,
        provider: str | None = None,
        before_id: str | None = None,
        limit: int = 50,
    ) -> list[Transaction]:
        filters: dict[str, object | None] = {
            "review": True,
            "client": client,
            "provider": provider,
            "before_id": None if before_id is None else rows.number(before_id),
        }
        return await self._page(filters, limit)

    async def review_count(self) -> int:
        return int((await self._rows(self.statements.review_count))[0][0])

    async def _page(self, filters: dict[str, object | None], limit: int) -> list[Transaction]:
        given = {name: value for name, value in filters.items() if value is not None}
        statement = self.statements.transactions(frozenset(given))
        return values.read_transactions(await self._rows(statement, **given, limit=limit))

    async def events(self, transaction: str) -> list[tuple[int, Event]]:
        found = await self._rows(self.statements.events, id=rows.number(transaction))
        return [(number, event) for number, _, event in map(values.read_event, found)]

    async def events_after(self, client: str | None, after: int, limit: int) -> list[tuple[int, str, Event]]:
        statement = self.statements.events_after if client is None else self.statements.client_events_after
        found = await self._rows(statement, client=client, after=after, limit=limit, base=self._event_base())
        return list(map(values.read_event, found))

    def _event_base(self) -> int:
        return 0

    async def exchanges(self, transaction: str) -> list[Exchange]:
        found = await self._rows(self.statements.exchanges, id=rows.number(transaction))
        return list(map(values.read_exchange, found))

    async def reports(
        self, *, verdict: str | None = None, attempt: str | None = None, before: int | None = None, limit: int = 50
    ) -> list[tuple[int, StoredReport]]:
        filters = {"verdict": verdict, "attempt": attempt, "before": before}
        given = {name: value for name, value in filters.items() if value is not None}
        statement = self.statements.reports(frozenset(given))
        return list(map(values.read_report, await self._rows(statement, **given, limit=limit)))

    async def due_checks(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        found = await self._due(self.statements.due_checks, now, limit)
        return [(rows.reference(row[0]), rows.reference(row[1])) for row in found]

    async def due_routes(self, now: datetime, limit: int) -> list[str]:
        return [rows.reference(row[0]) for row in await self._due(self.statements.due_routes, now, limit)]

    async def _due(self, statement: Statement, now: datetime, limit: int) -> list[Row]:
        return await self._rows(statement, now=rows.to_micros(now), owner=self.owner, limit=limit)

    async def interrupted(self, limit: int) -> list[Transaction]:
        found = await self._rows(self.statements.interrupted, owner=self.owner, limit=limit)
        return values.read_transactions(found)

    async def open_count(self) -> tuple[int, datetime | None]:
        count, oldest = (await self._rows(self.statements.open_count))[0]
        return count, None if oldest is None else rows.from_micros(oldest)

    async def last_reference(self, node: int) -> str | None:
        found = (await self._rows(self.statements.last_reference, node=node))[0]
        numbers = [number for number in found if number is not None]
        return rows.reference(max(numbers)) if numbers else None

    async def due_notifications(
        self, now: datetime, limit: int, *, client: str | None = None
    ) -> list[StoredNotification]:
        known = self.statements
        statement = known.due_notifications if client is None else known.client_due_notifications
        found = await self._rows(statement, now=rows.to_micros(now), owner=self.owner, client=client, limit=limit)
        return list(map(values.read_notification, found))

    async def notification(self, id: str) -> StoredNotification | None:  # noqa: A002  # the protocol's name
        found = await self._rows(self.statements.notification, id=storable(id))
        return values.read_notification(found[0]) if found else None

    async def notifications(self, transaction: str) -> list[StoredNotification]:
        return list(
            map(values.read_notification, await self._rows(self.statements.notifications, id=rows.number(transaction)))
        )

    async def find_notifications(
        self,
        *,
        client: str | None = None,
        state: str | None = None,
        transaction: str | None = None,
        before_id: str | None = None,
        limit: int = 50,
    ) -> list[StoredNotification]:
        given: dict[str, object | None] = {
            "client": client,
            "transaction": None if transaction is None else rows.number(transaction),
            "before_id": None if before_id is None else storable(before_id),
        }
        given = {name: value for name, value in given.items() if value is not None}
        statement = self.statements.find_notifications(frozenset(given), state)
        return list(map(values.read_notification, await self._rows(statement, **given, limit=limit)))

    async def notification_backlog(self) -> int:
        return int((await self._rows(self.statements.backlog))[0][0])

    async def resend_notification(self, id: str, at: datetime) -> None:  # noqa: A002  # the protocol's name
        statement = self.statements.resend
        await self._do(statement, *statement.bind({"next_try_at": rows.to_micros(at), "b_id": id}))

    async def notification_tried(
        self,
        id: str,  # noqa: A002  # the protocol's name
        at: datetime,
        next_try_at: datetime | None,
        error: str | None,
        *,
        delivered: bool = False,
        dead: bool = False,
    ) -> None:
        tried = rows.to_micros(at)
        statement = self.statements.tried
        params = statement.bind(
            {
                "next_try_at": None if next_try_at is None or delivered or dead else rows.to_micros(next_try_at),
                "tried_at": tried,
                "delivered_at": tried if delivered else None,
                "dead_at": tried if dead else None,
                "last_error": None if error is None else storable(error),
                "b_id": id,
            }
        )
        await self._do(statement, *params)

    async def save_balance(self, provider: str, at: datetime, reported: int | None, computed: int | None) -> None:
        await self._do(self.statements.save_balance, provider, rows.to_micros(at), reported, computed)

    async def balances(self) -> dict[str, Balance]:
        found = map(values.read_balance, await self._rows(self.statements.balances))
        return {balance.provider: balance for balance in found}

    async def charged_since(self, provider: str, after: datetime) -> int:
        first = rows.first_number(after - LONGEST_OPEN)
        given = {"first": first, "provider": provider, "after": rows.to_micros(after)}
        return int((await self._rows(self.statements.charged_since, **given))[0][0] or 0)

    async def bought(self, start: datetime, end: datetime) -> dict[str, Bought]:
        found = await self._rows(
            self.statements.bought,
            first=rows.first_number(start - rows.NUMBER_SLACK),
            last=rows.first_number(end + rows.NUMBER_SLACK),
            start=rows.to_micros(start),
            end=rows.to_micros(end),
        )
        return {provider: Bought(count - int(inquiries), int(inquiries)) for provider, count, inquiries in found}

    async def equal_purchases(self, provider: str, product: str, dest: str, start: datetime) -> int:
        given = {"provider": provider, "product": product, "dest": dest, "start": rows.to_micros(start)}
        return int((await self._rows(self.statements.equal_purchases, **given))[0][0])

    async def pause_account(self, account: str, why: str) -> None:
        at = rows.to_micros(self._clock())
        await self._do(self.statements.save_account, account, True, storable(why), at)

    async def resume_account(self, account: str) -> None:
        await self._do(self.statements.save_account, account, False, "", rows.to_micros(self._clock()))

    async def paused_accounts(self) -> dict[str, str]:
        return {row[0]: row[1] for row in await self._rows(self.statements.paused)}
