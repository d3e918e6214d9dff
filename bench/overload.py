"""What becomes of the purchases that are accepted while three times as many arrive as can be carried (C19).

Open model: purchases arrive at a fixed rate whatever becomes of the ones before, each on a connection that nobody else
uses meanwhile. First the most that the gateway carries is found by a closed loop, then it gets `--times` as much for
`--seconds`. Printed: how many were accepted a second in comparison with that, how long the accepted ones took, what the
refused ones were told, and the memory before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

from bench.measuring import KEY, configuration, cpu_seconds, free_port, gateway, load, memory, seller

_MOST_CONNECTIONS = 1000


def mark(taken: Sequence[float], percent: int) -> float:
    """Milliseconds that so many percent of the sorted seconds are not above."""
    return taken[len(taken) * percent // 100] * 1000


class Line(asyncio.Protocol):
    """One connection, on which one purchase at a time is under way. As little work as can be: at ten times what the
    gateway carries, it is this side that must not be what is measured."""

    def __init__(self, ended: Callable[[Line, bytes], None]) -> None:
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._heard = b""
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes) -> None:
        assert self._transport is not None
        self._heard = b""
        self.sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        heard = self._heard = self._heard + data
        head = heard.find(b"\r\n\r\n")
        if head >= 0:
            begin = heard.index(b"Content-Length: ") + 16
            if len(heard) >= head + 4 + int(heard[begin : heard.index(b"\r", begin)]):
                self._ended(self, heard[:head])

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Arrivals:
    """Purchases that arrive one after the other, and what became of each."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Line] = []
        self._busy = 0
        self.answers: Counter[str] = Counter()
        self.accepted: list[tuple[float, float]] = []
        """When each was sent, and how long it took."""
        self.late = 0.0
        """Seconds by which the latest one left after its time: how far this side could not keep up."""

    async def run(self, rate: float, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_MOST_CONNECTIONS):
            _, line = await loop.create_connection(lambda: Line(self._answered), "127.0.0.1", self._port)
            self._idle.append(line)
        lines = list(self._idle)
        began, count, number = loop.time(), int(rate * seconds), 0
        while number < count:
            due = min(count, int((loop.time() - began) * rate) + 1)
            self.late = max(self.late, loop.time() - began - number / rate)
            for one in range(number, due):
                self._one(one)
            number = due
            await asyncio.sleep(0.001)
        while self._busy:  # noqa: ASYNC110 — thousands end
            await asyncio.sleep(0.01)
        for line in lines:
            line.close()
        await asyncio.sleep(0.05)

    def _one(self, number: int) -> None:
        if not self._idle:
            self.answers["no connection left here"] += 1
            return
        body = f'{{"ref_id":"over-{number}","product":"XL5","dest":"0812{number:08d}"}}'
        self._busy += 1
        self._idle.pop().send(
            (
                f"POST /v1/transactions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode()
        )

    def _answered(self, line: Line, head: bytes) -> None:
        self._busy -= 1
        status = head[9:12].decode()
        self.answers[status + (" with retry-after" if b"Retry-After:" in head else "")] += 1
        if status == "201":
            self.accepted.append((line.sent, time.perf_counter() - line.sent))
        self._idle.append(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--times", type=float, default=3.0, help="how many times as much as can be carried")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pulsa-overload-")))
        supplier, port, admin = (free_port() for _ in range(3))
        config = folder / "gateway.yaml"
        config.write_text(configuration(folder, port=port, admin=admin, supplier=supplier))
        stack.enter_context(seller(supplier))
        measured = stack.enter_context(gateway(config))
        asyncio.run(load(port, "warm", 500, 64))
        began = time.perf_counter()
        calm = sorted(asyncio.run(load(port, "peak", 5000, 64)))
        peak = 5000 / (time.perf_counter() - began)
        usual = mark(calm, 99)
        print(f"carried: {peak:.0f} a second, p99 {usual:.0f} ms, {memory(measured.pid):.0f} MB")
        arrivals = Arrivals(port)
        began, spent = time.perf_counter(), cpu_seconds(measured.pid)
        asyncio.run(arrivals.run(peak * options.times, options.seconds))
        took = time.perf_counter() - began
        spent = cpu_seconds(measured.pid) - spent
        print(
            f"arriving: {peak * options.times:.0f} a second for {options.seconds:g} s ({took:.1f} s until all were "
            f"answered; the latest left {arrivals.late * 1000:.0f} ms after its time), {spent / took:.0%} of a core, "
            f"{memory(measured.pid):.0f} MB"
        )
        for name, after in (("all of it", 0.0), ("from the third second on", 2.0)):
            taken = sorted(one for sent, one in arrivals.accepted if sent - began >= after)
            if not taken:
                print(f"accepted, {name}: nothing")
                continue
            rate = len(taken) / (took - after)
            print(
                f"accepted, {name}: {rate:.0f} a second, {rate / peak:.0%} of what it carries, "
                f"p50 {mark(taken, 50):.0f} ms, "
                f"p99 {mark(taken, 99):.0f} ms, {mark(taken, 99) / usual:.1f} times the usual"
            )
        time.sleep(3)  # what waits at the supplier's lane ends within two seconds
        with urlopen(f"http://127.0.0.1:{admin}/metrics") as shown:
            for line in shown.read().decode().splitlines():
                if line.startswith("gateway_transactions_total"):
                    print(f"  {line}")
        for answer, count in sorted(arrivals.answers.items()):
            print(f"  {answer}: {count}")


if __name__ == "__main__":
    main()
