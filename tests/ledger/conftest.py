"""A ledger over each database, and changes to write into it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.core.references import References
from gateway.core.transaction import (
    AttemptState,
    AttemptStatus,
    Change,
    Event,
    Exchange,
    Notification,
    ReadReport,
    Transaction,
    TransactionStatus,
)
from gateway.ledger import Ledger
from gateway.testing.ledger_database import Database
from gateway.testing.postgres_server import PostgresServer

START = datetime(2026, 11, 24, 3, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def sqlite(tmp_path: Path) -> Database:
    return Database("sqlite", f"sqlite:///{tmp_path}/var/ledger.db")


@pytest.fixture
def postgresql(postgres: PostgresServer) -> Database:
    return Database("postgresql", postgres.url(postgres.new_database()), postgres)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each of the two databases in turn."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Database)
    return found


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    """An open ledger over each of the two databases in turn."""
    opened = await database.open(owner="here", clock=lambda: START)
    yield opened
    await opened.close()


@pytest.fixture
def accept() -> Callable[..., Change]:
    """Make the change that accepts a purchase: a pending transaction with one attempt that is being sent."""
    references = References()

    def make(ref_id: str = "A-1", *, attempts: int = 1, at: datetime = START, **fields: Any) -> Change:
        made = tuple(
            AttemptState(
                id=references.next(at),
                number=number,
                provider="maxsi",
                product="X5",
                expected_price=5400,
                status=AttemptStatus.SENDING,
                started_at=at,
                next_check_at=at + timedelta(seconds=30),
            )
            for number in range(1, attempts + 1)
        )
        values: dict[str, Any] = {
            "id": references.next(at),
            "client": "shop",
            "ref_id": ref_id,
            "request_hash": "ab" * 32,
            "product": "XL5",
            "dest": "081712345678",
            "qty": 1,
            "max_price": None,
            "attempts": made,
            "created_at": at,
            "updated_at": at,
            "deadline_at": at + timedelta(seconds=120),
            "owner": "here",
            **fields,
        }
        event = Event("accepted", at, "client", {"product": "XL5"})
        return Change(before=None, after=Transaction(**values), events=(event,))

    return make


@pytest.fixture
def succeed() -> Callable[..., Change]:
    """Make the change that settles a transaction's first attempt as a success, with everything that may go along."""

    def make(
        before: Transaction, *, at: datetime = START + timedelta(seconds=2), report: ReadReport | None = None
    ) -> Change:
        attempt = replace(
            before.attempts[0],
            status=AttemptStatus.SUCCESS,
            ended_at=at,
            supplier_ref=f"S{before.attempts[0].id}",
            serial="0123-4567",
            price=5350,
            message="SUKSES SN 0123-4567",
            rule="success",
            next_check_at=None,
        )
        after = replace(
            before,
            status=TransactionStatus.SUCCESS,
            serial=attempt.serial,
            price=attempt.price,
            provider=attempt.provider,
            bill={"name": "SITI"},
            attempts=(attempt, *before.attempts[1:]),
            updated_at=at,
            final_at=at,
            version=before.version + 1,
        )
        return Change(
            before=before,
            after=after,
            events=(
                Event("attempt", at, "answer", {"from": "sending", "to": "success"}, attempt.id),
                Event("status", at, "answer", {"from": "pending", "to": "success"}, attempt.id),
            ),
            exchanges=(
                Exchange(
                    attempt=attempt.id,
                    provider="maxsi",
                    purpose="purchase",
                    request="GET /trx?sign=***",
                    response="SUKSES",
                    status=200,
                    failure=None,
                    started_at=at,
                    duration_ms=12,
                ),
            ),
            notifications=(
                Notification(id=f"msg_{after.id}", client=before.client, event="transaction.success", body="{}"),
            ),
            report=report,
        )

    return make


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Wait until something is so; ten seconds at most."""

    async def wait(true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110  # what is waited for lies in another process
                await asyncio.sleep(0.01)

    return wait
