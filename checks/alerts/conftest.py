"""The tools, fetched once, and a gateway that a real Prometheus scrapes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from checks.alerts.scraping import Scraped, make_site, page, prometheus_command, traffic, when_scraped, when_seen
from checks.alerts.tools import Tools, tools
from checks.debian import ToolsError
from gateway.testing.processes import Child, free_port


@pytest.fixture(scope="session")
def programs() -> Tools:
    """promtool and Prometheus. Where they cannot be had the check fails: it has checked nothing."""
    try:
        return tools()
    except ToolsError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def scraped(programs: Tools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """Both run until the last test has ended; then each is ended by its own number."""
    folder = tmp_path_factory.mktemp("scraped")
    receiver = free_port()
    site = make_site(folder, receiver)
    port = free_port()
    with (
        site.start("--sandbox") as gateway,
        Child(prometheus_command(programs, folder, port, site.admin_port), log=folder / "prometheus.log") as prometheus,
    ):
        asyncio.run(site.ready(gateway))
        url = f"http://127.0.0.1:{port}"
        began = asyncio.run(when_scraped(url, prometheus))
        asyncio.run(traffic(site, receiver))
        # Needing review is looked at every five seconds.
        ended = asyncio.run(when_seen(url, "gateway_transactions_needing_review > 0"))
        yield Scraped(url, asyncio.run(page(site)), began, ended)
