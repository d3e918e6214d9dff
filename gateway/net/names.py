"""Asks the system's name service, each name in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType


class ThreadedNames(AbstractResolver):
    """For receivers of webhooks. In the threads that all share, those whose names hang would take the turn of the
    suppliers' names."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of a name.

        Raises:
            OSError: there is none.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def ask() -> None:
            try:
                infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            except OSError as error:
                _tell(loop, found, error)
            else:
                _tell(loop, found, [_resolved(host, info) for info in infos])

        threading.Thread(target=ask, name="webhook name service", daemon=True).start()
        return await found

    async def close(self) -> None:
        """Nothing is held."""


def _tell(
    loop: asyncio.AbstractEventLoop, found: asyncio.Future[list[ResolveResult]], what: OSError | list[ResolveResult]
) -> None:
    def settle() -> None:
        if found.done():
            return
        if isinstance(what, OSError):
            found.set_exception(what)
        else:
            found.set_result(what)

    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(settle)


def _resolved(host: str, info: AddrInfoType) -> ResolveResult:
    family, _, protocol, _, address = info
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(
        hostname=host, host=str(address[0]), port=int(address[1]), family=family, proto=protocol, flags=flags
    )
