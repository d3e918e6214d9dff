"""A supplier that answers success at once and costs next to nothing, so that it is not what is measured."""

from __future__ import annotations

import asyncio
import itertools
import sys
from urllib.parse import parse_qs


class Supplier(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as far as the bench needs it."""

    sold = itertools.count(1)

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
            sold = next(self.sold)
            # A template with other numbers each time, as suppliers have it: serial, balance and hour differ.
            serial, left = sold * 7_919_337_113 % 10**16, 50_000_000 - sold * 5_400 % 40_000_000
            text = (
                f"R#{query['refID'][0]} {query['product'][0]}.{query['dest'][0]} SUKSES. SN: {serial:016d}. "
                f"Saldo {_rupiah(left)} - 5.400 = {_rupiah(left - 5_400)} @{sold // 60 % 24:02d}:{sold % 60:02d}"
            ).encode()
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)
            )


def _rupiah(amount: int) -> str:
    return f"{amount:,}".replace(",", ".")


async def serve(port: int) -> None:
    """Answer until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Supplier, "127.0.0.1", port)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
