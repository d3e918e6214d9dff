"""What holds for every test."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from gateway.testing.postgres_server import PostgresServer

# A machine that is busy with something else must not fail a property: what is slow is measured in bench/.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

# Where `rich` is installed structlog draws an error's trace with every variable in it. That takes half a second, in
# which the event loop of the test stands still.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One real PostgreSQL for all tests of a process that need it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def no_such_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that end in .invalid are not asked for outside."""
    asked = socket.getaddrinfo

    def getaddrinfo(host: str, *args: Any, **more: Any) -> Any:
        if str(host).endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return asked(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
