"""Clients that are slow on purpose, many at once: when each was cut, and with which answer (C21).

`python -m gateway.testing.slow_clients API_PORT ADMIN_PORT KEY COUNT PER_SECOND` holds so many at each port and prints
what became of them as JSON: a process of its own, so that a good client elsewhere is not slowed by this one's work.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import cast

_PACE = 0.05
"""Seconds between two handfuls of new connections, or of drops: they do not all fall at the same moment."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a client is slow: what it says at once, and what it adds each second."""

    first: bytes
    drop: bytes


def manners(admin: bool, key: str) -> Mapping[str, Manner]:
    """The ways in which a listener is held."""
    path = "/admin/reload" if admin else "/v1/transactions"
    begun = f"POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {key}\r\n".encode()
    whole = begun + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    return {
        "silent": Manner(b"", b""),
        "headers dripping": Manner(begun, b"X-A: b\r\n"),
        "body stalled": Manner(whole, b""),
        "body dripping": Manner(whole, b" "),
    }


@dataclass(frozen=True, slots=True)
class Held:
    """What became of one connection."""

    port: int
    manner: str
    seconds: float | None
    """From its opening to its end; `None` where it was still open when nobody wanted to wait any longer."""
    status: int
    """Of the answer; 0 where it was cut without one."""


class _Slow(asyncio.Protocol):
    def __init__(self, port: int, manner: str, spoken: Manner) -> None:
        self.port = port
        self.manner = manner
        self.began = time.monotonic()
        self.ended: float | None = None
        self._spoken = spoken
        self._heard = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.began = time.monotonic()
        if self._spoken.first:
            self._transport.write(self._spoken.first)

    def data_received(self, data: bytes) -> None:
        self._heard = (self._heard + data)[:64]

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = time.monotonic()

    def drip(self) -> None:
        if self._transport is not None and self.ended is None and self._spoken.drop:
            self._transport.write(self._spoken.drop)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def held(self) -> Held:
        status = self._heard.split(b" ", 2)[1:2]
        return Held(
            self.port,
            self.manner,
            None if self.ended is None else self.ended - self.began,
            int(status[0]) if status and status[0].isdigit() else 0,
        )


async def hold(
    ports: Mapping[int, Mapping[str, Manner]], count: int, *, per_second: float, every: float, patience: float
) -> list[Held]:
    """Hold connections until all were cut.

    Args:
        ports: the manners in which each port is held.
        count: connections to each port, divided among its manners.
        per_second: connections that are opened, to all ports together.
        every: seconds between two drops.
        patience: seconds after which those that are still open are given up.
    """
    loop = asyncio.get_running_loop()
    slow = [
        _Slow(port, *ways[number % len(ways)])
        for number in range(count)
        for port, ways in ((port, list(ways.items())) for port, ways in ports.items())
    ]
    give_up = loop.time() + patience

    async def dripping() -> None:
        parts = max(1, round(every / _PACE))
        for part in cycle(range(parts)):
            await asyncio.sleep(every / parts)
            for one in slow[part::parts]:
                one.drip()

    dripper = loop.create_task(dripping())
    try:
        handful = max(1, round(per_second * _PACE))
        for start in range(0, len(slow), handful):
            await asyncio.gather(asyncio.sleep(_PACE), *(_open(one) for one in slow[start : start + handful]))
        while loop.time() < give_up and any(one.ended is None for one in slow):  # noqa: ASYNC110 — thousands end
            await asyncio.sleep(0.05)
    finally:
        dripper.cancel()
        found = [one.held for one in slow]
        for one in slow:
            one.abort()
        await asyncio.sleep(0)
    return found


async def _open(one: _Slow) -> None:
    try:
        await asyncio.get_running_loop().create_connection(lambda: one, "127.0.0.1", one.port)
    except OSError:
        one.ended = time.monotonic()


def turned_away(one: Held, head: float) -> bool:
    """Whether it was not even taken: a 503, or at once an end that swallowed it."""
    return one.seconds is not None and one.seconds < head / 4 and one.status in {0, 503}


def overdue(held: Sequence[Held], *, head: float, body: float) -> list[Held]:
    """Those that were taken, and cut too late or too early to have been slow.

    Args:
        head: seconds within which headers must be there.
        body: seconds within which a body must be there, and a refusal read.
    """
    wrong = []
    for one in held:
        limit = body if one.manner.startswith("body") else head
        if not turned_away(one, head) and (one.seconds is None or not limit / 4 <= one.seconds <= limit):
            wrong.append(one)
    return wrong


def summary(held: Sequence[Held], *, head: float) -> str:
    """When each manner was cut, and how."""
    lines = []
    for port, manner in dict.fromkeys((one.port, one.manner) for one in held):
        those = [one for one in held if (one.port, one.manner) == (port, manner)]
        taken = [one for one in those if not turned_away(one, head)]
        times = sorted(one.seconds for one in taken if one.seconds is not None)
        span = f"cut after {times[0]:.1f} to {times[-1]:.1f} s" if times else "none cut"
        lines.append(
            f"port {port}, {manner}: {len(taken)} {span} with {sorted({one.status for one in taken})}, "
            f"{len(taken) - len(times)} still open, {len(those) - len(taken)} turned away"
        )
    return "\n".join(lines)


def main(api_port: str, admin_port: str, key: str, count: str, per_second: str) -> None:
    ports = {int(api_port): manners(False, key), int(admin_port): manners(True, key)}
    held = asyncio.run(hold(ports, int(count), per_second=float(per_second), every=1.0, patience=60.0))
    sys.stdout.write(json.dumps([asdict(one) for one in held]))


if __name__ == "__main__":
    main(*sys.argv[1:])
