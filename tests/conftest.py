"""One real PostgreSQL for all tests of a run that need it."""

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
