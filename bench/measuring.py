"""What the benches share: a supplier and a gateway on a core each, clients that buy, and what a process has used."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

KEY = "bench-key"
CORES = os.sched_getaffinity(0)
"""Of this machine, seen before this process keeps to one of them: what it starts would inherit that."""
_CONFIG = """
server: {{host: 127.0.0.1, port: {port}, admin_host: 127.0.0.1, admin_port: {admin}}}
ledger: {{url: "sqlite:///{folder}/bench.db"}}
audit: {{path: "{folder}/audit.jsonl"}}
clients:
  - id: shop
    key_hash: sha256:{key_hash}
providers:
  - id: bench
    kind: otomax
    url: http://127.0.0.1:{supplier}/trx/bench
    member_id: BENCH
    pin: "1234"
    password: bench-password
    check: param
    reports: {{trust: verify}}
    limits: {{in_flight: 200}}
products:
  - code: XL5
    routes:
      - {{provider: bench, code: XL5, price: 5400}}
"""


def configuration(folder: Path, *, port: int, admin: int, supplier: int) -> str:
    """What `gateway` is started with: a client whose key is `KEY`, and one account at the supplier."""
    key_hash = hashlib.sha256(KEY.encode()).hexdigest()
    return _CONFIG.format(port=port, admin=admin, folder=folder, supplier=supplier, key_hash=key_hash)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Resident memory in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def process(*command: str, ready: str, core: int) -> Iterator[subprocess.Popen[str]]:
    """A server on one core, from the line that says that it is ready to the end of the block."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:  # noqa: S603 — our own programs
        try:
            if core in CORES:
                os.sched_setaffinity(server.pid, {core})
            assert server.stdout is not None
            for line in server.stdout:
                if ready in line:
                    break
            else:
                raise SystemExit(f"{command} ended before it was ready")
            yield server
        finally:
            server.terminate()
            server.wait(30)


def seller(port: int) -> AbstractContextManager[subprocess.Popen[str]]:
    """The supplier that answers success at once."""
    program = str(Path(__file__).with_name("supplier.py"))
    return process(sys.executable, program, str(port), ready="ready", core=1)


def gateway(config: Path) -> AbstractContextManager[subprocess.Popen[str]]:
    """The gateway."""
    command = (sys.executable, "-m", "gateway", "serve", "--config", str(config))
    return process(*command, ready="started", core=0)


async def purchase(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ref: str, number: int) -> None:
    """Buy on this connection, and wait for the end; a program that measures ends where it is no success."""
    body = f'{{"ref_id":"{ref}","product":"XL5","dest":"0812{number % 10**8:08d}"}}'
    writer.write(
        (
            "POST /v1/transactions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + KEY + "\r\n"
            f"Content-Type: application/json\r\nPrefer: wait=30\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    answer = await reader.readexactly(length)
    if b" 201 " not in head[:20] or b"SUKSES" not in answer.upper():
        raise SystemExit(f"not a success: {head!r} {answer!r}")


async def load(port: int, prefix: str, count: int, clients: int, *, ending: int | None = None) -> list[float]:
    """`count` purchases by `clients` at once; the seconds that each one took.

    Args:
        ending: the last two digits of every destination, by which the sandbox supplier chooses what it does.
    """
    taken: list[float] = []
    numbers = iter(range(count) if ending is None else range(ending, count * 100, 100))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            began = time.perf_counter()
            await purchase(reader, writer, f"{prefix}-{number}", number)
            taken.append(time.perf_counter() - began)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(client() for _ in range(clients)))
    return taken
