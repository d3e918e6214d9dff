"""What the transport's tests share: accounts with short time-outs, and transports that are closed behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from gateway.net.transport import Transport
from gateway.settings.types import ProviderSettings

Account = Callable[..., ProviderSettings]
Open = Callable[..., Awaitable[Transport]]


@pytest.fixture
def account() -> Account:
    def make(url: str = "http://127.0.0.1:1/trx", *, connect: str = "1s", answer: str = "5s", **more: Any) -> Any:
        return ProviderSettings.model_validate(
            {"id": "maxsi", "kind": "k", "url": url, "timeouts": {"connect": connect, "answer": answer}, **more}
        )

    return make


@pytest.fixture
async def open_transport() -> AsyncIterator[Open]:
    opened: list[Transport] = []

    async def make(settings: ProviderSettings, **more: Any) -> Transport:
        transport = Transport(settings, **more)
        opened.append(transport)
        await transport.start()
        return transport

    yield make
    for transport in opened:
        await transport.close()
