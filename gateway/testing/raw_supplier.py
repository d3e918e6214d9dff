"""A supplier on a raw socket that answers, or misbehaves, exactly as a test says.

It speaks just enough HTTP to read a request whole, and keeps each one byte for byte. It knows no client library, so
what it saw is what was sent.

    async with RawSupplier(answer(b"OK"), drop()) as supplier:
        ...                       # the first request is answered; the second and all that follow are dropped
        assert len(supplier.requests) == 2
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request that was read whole."""

    head: bytes
    """Request line and headers, without the empty line."""
    body: bytes
    connection: int
    """On which connection it came, counted from 1."""

    @property
    def target(self) -> bytes:
        """What stands between the method and the version."""
        return self.head.split(b"\r\n", 1)[0].split(b" ", 1)[1].rsplit(b" ", 1)[0]

    @property
    def method(self) -> bytes:
        return self.head.split(b" ", 1)[0]

    def header(self, name: bytes) -> bytes | None:
        """A header's value; `None` where it is not there."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.lower():
                return value.strip()
        return None


Behaviour = Callable[[RawRequest, asyncio.StreamWriter], Awaitable[bool]]
"""What to do with a request. Returns whether the connection stays open for another."""


class RawSupplier:
    """Serves on 127.0.0.1, on a free port.

    Args:
        behaviours: one for each request in turn; the last one stays. None: every request is answered `OK`.
        tls: serve TLS with this context.
        on_connect: what to do with a connection before anything is read; `False` ends it there.
    """

    def __init__(
        self,
        *behaviours: Behaviour,
        tls: ssl.SSLContext | None = None,
        on_connect: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]] | None = None,
    ) -> None:
        self._behaviours: list[Behaviour] = list(behaviours) or [answer(b"OK")]
        self._tls = tls
        self._on_connect = on_connect
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.connections = 0
        """How many connections were accepted."""
        self.open = 0
        """How many of them are still open."""
        self.most_open = 0
        """How many were open at once, at most."""
        self.requests: list[RawRequest] = []
        """Those that were read whole, in order."""
        self._arrived = asyncio.Event()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a path."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    async def seen(self, count: int = 1) -> None:
        """Wait until `count` requests were read whole."""
        while len(self.requests) < count:
            self._arrived.clear()
            await self._arrived.wait()

    async def start(self) -> int:
        """Listen, and return the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Stop listening, and cut every connection."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> RawSupplier:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer, self.connections))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            if self._on_connect is not None and not await self._on_connect(reader, writer):
                return
            while True:
                request = await _read(reader, number)
                self.requests.append(request)
                self._arrived.set()
                behaviour = self._behaviours[0]
                if len(self._behaviours) > 1:
                    self._behaviours.pop(0)
                if not await behaviour(request, writer):
                    return
        except (asyncio.IncompleteReadError, OSError, asyncio.LimitOverrunError):
            return  # the client is gone
        finally:
            self.open -= 1
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()
            else:
                writer.close()


async def _read(reader: asyncio.StreamReader, connection: int) -> RawRequest:
    head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
    request = RawRequest(head, b"", connection)
    length = int(request.header(b"content-length") or 0)
    return RawRequest(head, await reader.readexactly(length), connection) if length else request


def raw(data: bytes, *, close: bool = True) -> Behaviour:
    """Write exactly these bytes."""

    async def behaviour(_request: RawRequest, writer: asyncio.StreamWriter) -> bool:
        writer.write(data)
        await writer.drain()
        return not close

    return behaviour


def answer(
    body: bytes = b"", *, status: int = 200, headers: Sequence[tuple[str, str]] = (), close: bool = False
) -> Behaviour:
    """A proper answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers)]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body, close=close)


def redirect(status: int, location: str) -> Behaviour:
    """Send the client elsewhere."""
    return answer(status=status, headers=[("Location", location)])


def drop() -> Behaviour:
    """Read the request, and close without an answer."""
    return raw(b"")


def reset(after: bytes = b"") -> Behaviour:
    """Read the request, write `after`, and reset the connection (RST)."""

    async def behaviour(_request: RawRequest, writer: asyncio.StreamWriter) -> bool:
        if after:
            writer.write(after)
            await writer.drain()
            await asyncio.sleep(0.05)  # so that the client has read it: a reset throws away what it has not
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False

    return behaviour


def hang() -> Behaviour:
    """Read the request, and never answer."""

    async def behaviour(_request: RawRequest, _writer: asyncio.StreamWriter) -> bool:
        await asyncio.Event().wait()
        return False

    return behaviour


def drip(data: bytes, *, every: float = 0.02) -> Behaviour:
    """One byte each `every` seconds."""

    async def behaviour(_request: RawRequest, writer: asyncio.StreamWriter) -> bool:
        for byte in data:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(every)
        return False

    return behaviour


def garbage() -> Behaviour:
    """Something that is not HTTP."""
    return raw(b"\x00\xff\x17\x03 kaboom \r\n\r\n" * 20)


def short_body(body: bytes = b"status=20", *, promised: int = 100) -> Behaviour:
    """A body that ends before its `Content-Length`."""
    return raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % promised + body)


def huge_header(size: int = _MIB) -> Behaviour:
    """One header of `size` bytes."""
    return raw(b"HTTP/1.1 200 OK\r\nX-Big: " + b"a" * size + b"\r\nContent-Length: 2\r\n\r\nOK")


def many_headers(count: int = 10_000) -> Behaviour:
    """So many headers."""
    lines = b"".join(b"X-%d: a\r\n" % number for number in range(count))
    return raw(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 2\r\n\r\nOK")


def informational_flood() -> Behaviour:
    """Interim answers without end."""

    async def behaviour(_request: RawRequest, writer: asyncio.StreamWriter) -> bool:
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 2000)
            await writer.drain()
            await asyncio.sleep(0)

    return behaviour


def big_body(size: int = 100 * _MIB, *, told: bool = True) -> Behaviour:
    """A body of `size` bytes, with a `Content-Length` or (`told=False`) until the end of the connection."""

    async def behaviour(_request: RawRequest, writer: asyncio.StreamWriter) -> bool:
        length = b"Content-Length: %d\r\n" % size if told else b""
        writer.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
        piece = b"x" * 65_536
        for _ in range(size // len(piece)):
            writer.write(piece)
            await writer.drain()
        return False

    return behaviour


def gzip_bomb(size: int = 60 * _MIB) -> Behaviour:
    """A small body that unpacks to `size` zeros (gzip takes about a thousandth)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(_MIB)
    packed = b"".join(packer.compress(zeros) for _ in range(size // _MIB)) + packer.flush()
    return answer(packed, headers=[("Content-Encoding", "gzip")])
