"""What a thousand listeners of `GET /v1/events` cost: idle, and while purchases happen that all of them hear."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from bench.measuring import KEY, configuration, cpu_seconds, free_port, gateway, purchase, seller

_AT_ONCE = 50
_REQUEST = f"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()


class Listeners:
    """Connections that read the stream of one client's events."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: list[tuple[asyncio.Task[None], asyncio.StreamWriter]] = []
        self.heard = 0

    async def add(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(_REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:20]:
            raise SystemExit(f"not a stream: {head!r}")
        self._open.append((asyncio.create_task(self._read(reader)), writer))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            self.heard += line.startswith(b"id:")

    async def close(self) -> None:
        for task, writer in self._open:
            task.cancel()
            writer.close()


async def measure(pid: int, port: int, count: int, seconds: float, rates: list[float]) -> None:
    """Print the share of a core for each rate of purchases."""
    async with AsyncExitStack() as stack:
        listeners = Listeners(port)
        stack.push_async_callback(listeners.close)
        for _ in range(0, count, _AT_ONCE):
            await asyncio.gather(*(listeners.add() for _ in range(_AT_ONCE)))
        for rate in rates:
            cpu, began, heard = cpu_seconds(pid), time.monotonic(), listeners.heard
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for number in range(int(seconds * rate)):
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
                await purchase(reader, writer, f"{rate}-{number}", number)
            await asyncio.sleep(max(0.5, began + seconds - time.monotonic()))
            writer.close()
            share = (cpu_seconds(pid) - cpu) / (time.monotonic() - began)
            print(f"{count} listeners, {rate:g} purchases/s: {share:.1%} of a core, {listeners.heard - heard} heard")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each rate")
    options = parser.parse_args()
    supplier, port, admin = (free_port() for _ in range(3))
    with tempfile.TemporaryDirectory(prefix="pulsa-listeners-") as folder:
        config = Path(folder) / "gateway.yaml"
        config.write_text(configuration(Path(folder), port=port, admin=admin, supplier=supplier), encoding="utf-8")
        with seller(supplier), gateway(config) as measured:
            asyncio.run(measure(measured.pid, port, options.listeners, options.seconds, [0.0, 1.0, 5.0]))


if __name__ == "__main__":
    main()
