"""A gateway that runs, and a browser that looks at its page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from checks.debian import ToolsError
from checks.docs.devtools import Page, opened
from checks.docs.tools import Browser, browser
from gateway.testing.processes import free_port
from gateway.testing.site import Site, account


@pytest.fixture(scope="session")
def program() -> Browser:
    """The browser. Where it cannot be had the check fails: it has checked nothing."""
    try:
        return browser()
    except ToolsError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway that needs no supplier: nothing is bought."""
    made = Site(tmp_path_factory.mktemp("gateway"), [account("first", free_port())])
    with made.start() as gateway:
        asyncio.run(made.ready(gateway))
        yield made


@pytest.fixture(params=["clients", "operators"])
def url(site: Site, request: pytest.FixtureRequest) -> str:
    """Where a listener's page is."""
    return site.url if request.param == "clients" else site.admin_url


@pytest.fixture
async def page(program: Browser, tmp_path: Path) -> AsyncIterator[Page]:
    async with opened(program, tmp_path) as made:
        yield made
