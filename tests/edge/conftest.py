"""A supplier in this process for gateways that run as processes of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway_otomax.sandbox import ANY, BEHAVIOURS, OtomaxSandbox


@pytest.fixture
async def supplier() -> AsyncIterator[int]:
    """The port of a supplier that delivers everything at once."""
    sandbox = OtomaxSandbox(prices={"XL5": 5_400}, behaviours={ANY: BEHAVIOURS["20"]})
    try:
        yield await sandbox.start("127.0.0.1", 0)
    finally:
        await sandbox.stop()
