"""The tools, fetched once, and a gateway that a real Prometheus scrapes."""

from __future__ import annotations

import pytest

from checks.alerts.tools import Tools, ToolsError, tools


@pytest.fixture(scope="session")
def programs() -> Tools:
    """promtool and Prometheus. Where they cannot be had the check fails: it has checked nothing."""
    try:
        return tools()
    except ToolsError as error:
        pytest.fail(str(error), pytrace=False)
