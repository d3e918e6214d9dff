"""A supplier that answers success at once and costs next to nothing, so that it is not what is measured."""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import parse_qs


class Supplier(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as far as the bench needs it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            target = self._data[: self._data.index(b"\r\n")].split(b" ")[1].decode()
            self._data = self._data[end + 4 :]
            query = parse_qs(target.partition("?")[2])
            text = (
                f"R#{query['refID'][0]} {query['product'][0]}.{query['dest'][0]} SUKSES. SN: 1234567890. "
                "Saldo 1.000.000 - 5.400 = 994.600 @10:00"
            ).encode()
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)
            )


async def serve(port: int) -> None:
    """Answer until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Supplier, "127.0.0.1", port)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
