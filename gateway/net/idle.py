"""Idle connections: one is used again only while nothing waits on it to be read."""

from __future__ import annotations

import select

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace


class QuietPool(aiohttp.TCPConnector):
    """A pool that asks the system, too, before it hands out an idle connection.

    What has arrived while the event loop was busy is not read yet, so the protocol knows nothing of it: a late answer
    would be taken for the answer to the next call, and behind the connection's end the next call would be lost.
    """

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            if not _holds_unread(connection):
                return connection
            connection.close()
        return None


def _holds_unread(connection: Connection) -> bool:
    """Whether bytes or the connection's end have arrived. Under TLS it may be a word of TLS's own, which costs a new
    connection and nothing else."""
    transport = connection.transport
    if transport is None:
        return True
    arrived = select.poll()
    arrived.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(arrived.poll(0))
