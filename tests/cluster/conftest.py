"""One real PostgreSQL for all tests of several replicas, and a ledger of its own for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.testing.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """A ledger of its own."""
    return postgres.url(postgres.new_database())
