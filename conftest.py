"""What holds for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from gateway.testing.postgres_server import PostgresServer

# A machine that is busy with something else must not fail a property: what is slow is measured in bench/.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One real PostgreSQL for all tests of a process that need it."""
    with PostgresServer() as server:
        yield server
