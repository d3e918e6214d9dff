"""A ledger of its own on the real PostgreSQL for each test of several replicas."""

from __future__ import annotations

import pytest

from gateway.testing.postgres_server import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """A ledger of its own."""
    return postgres.url(postgres.new_database())
