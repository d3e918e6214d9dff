"""Real processes for fault tests: started in a group of their own, watched, killed by their own number."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
_LOOK = 0.01
_PORTS = range(15_000, 32_000)
"""Below the ports that the system gives to outgoing connections: one of these stays free while a process restarts."""


def free_port() -> int:
    """A port that nobody listens on now and that no outgoing connection will take."""
    for _ in range(1_000):
        port = random.choice(_PORTS)  # noqa: S311 — any free one will do
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port")


async def until(condition: Callable[[], Awaitable[T]], *, within: float, what: str, look: float = 0.02) -> T:
    """What `condition` gives as soon as it is true.

    Args:
        within: seconds after which waiting is given up.
        what: what was waited for, in words.

    Raises:
        TimeoutError: it did not become true in time.
    """
    give_up = time.monotonic() + within
    while not (found := await condition()):
        if time.monotonic() > give_up:
            raise TimeoutError(f"{what}: not within {within:g} s")
        await asyncio.sleep(look)
    return found


class Child:
    """A process in a group of its own. What it prints goes to a file. Leaving the block kills it.

    Args:
        log: where its output is appended.
        environment: instead of this process's.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self.started = time.monotonic()
        with log.open("ab") as output:
            self._begins = output.tell()
            self._process = subprocess.Popen(  # noqa: S603 — the tests' own programs
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def code(self) -> int | None:
        """Its exit code, minus the signal's number where one ended it; `None` while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_bytes()[self._begins :].decode("utf-8", "replace")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens where it has ended."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End its whole group at once, and wait for that."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)

    async def ended(self, within: float) -> int:
        """Its exit code once it has ended.

        Raises:
            TimeoutError: it still runs after `within` seconds.
        """

        async def code() -> tuple[int, ...]:
            now = self.code()
            return () if now is None else (now,)

        return (await until(code, within=within, what=f"the end of process {self.pid}", look=_LOOK))[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
