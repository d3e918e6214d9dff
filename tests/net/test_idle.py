"""A connection on which something arrived while the event loop was busy serves no other call."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr

from gateway.core.transaction import Notification
from gateway.net.transport import Transport
from gateway.net.webhook import WebhookSender
from gateway.provider import Call
from gateway.settings.types import ProviderSettings, Webhook
from gateway.testing.raw_supplier import RawRequest, RawSupplier, answer

Account = Callable[..., ProviderSettings]
Open = Callable[..., Awaitable[Transport]]

NOTIFICATION = Notification(id="msg_1_success", client="shop", event="transaction.success", body="{}")


class First:
    """Answers, and can write more behind the event loop's back: it does not turn, so nobody has read what arrives."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None

    async def __call__(self, request: RawRequest, writer: asyncio.StreamWriter) -> bool:
        self._writer = writer
        return await answer(b"one")(request, writer)

    def more(self, data: bytes | None) -> None:
        """Send `data`, or end the connection."""
        assert self._writer is not None
        with socket.socket(fileno=os.dup(self._writer.get_extra_info("socket").fileno())) as line:
            if data is None:
                line.shutdown(socket.SHUT_WR)
            else:
                line.sendall(data)


@pytest.mark.parametrize("arrived", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale", None])
async def test_a_late_answer_or_the_end_of_a_connection_is_nothing_to_the_next_purchase(
    open_transport: Open, account: Account, arrived: bytes | None
) -> None:
    first = First()
    async with RawSupplier(first, answer(b"two")) as supplier:
        transport = await open_transport(account(supplier.url))
        assert (await transport.send(Call(method="GET", url=f"{supplier.url}/"))).reply is not None
        first.more(arrived)
        sent = await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        assert sent.reply is not None
        assert sent.reply.body == b"two"
        assert len(supplier.requests) == supplier.connections == 2


async def test_a_late_answer_does_not_count_as_the_delivery_of_the_next_notification() -> None:
    first = First()
    async with RawSupplier(first, answer(b"", status=500)) as receiver:
        here = (ipaddress.ip_network("127.0.0.0/8"),)
        secret = SecretStr("a secret of 24 characters")
        sender = WebhookSender(Webhook(url=receiver.url, secret=secret, allow_networks=here))
        try:
            assert (await sender.send(NOTIFICATION)).status == 200
            first.more(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert (await sender.send(NOTIFICATION)).status == 500
        finally:
            await sender.close()
