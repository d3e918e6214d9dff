"""What one purchase costs beside a bare forwarder: CPU time of the whole server process, both in the same run.

Both get the same requests from the same clients and buy from the same supplier, which answers success at once. The
gateway does everything that it does in production: SQLite with FULL, audit log, metrics, keys, message rules. The two
are measured in turn, and the ratio is taken pair by pair, so that a noisy machine shifts both.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

KEY = "bench-key"
CORES = os.sched_getaffinity(0)
"""Of this machine, seen before this process keeps to one of them: what it starts would inherit that."""
CONFIG = """
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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


async def purchase(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ref: str, number: int) -> None:
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


def measure(server: subprocess.Popen[str], port: int, prefix: str, count: int, clients: int) -> float:
    """CPU microseconds of the server for one purchase; prints the figures."""
    before, began = cpu_seconds(server.pid), time.perf_counter()
    taken = sorted(asyncio.run(load(port, prefix, count, clients)))
    cost = (cpu_seconds(server.pid) - before) / count * 1e6
    rate = count / (time.perf_counter() - began)
    print(
        f"  {prefix:>12}: {cost:6.0f} µs CPU a purchase, {rate:6.0f} /s, "
        f"p50 {taken[count // 2] * 1000:5.1f} ms, p99 {taken[count * 99 // 100] * 1000:5.1f} ms"
    )
    return cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=4000, help="purchases in one measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each")
    parser.add_argument("--clients", type=int, default=64, help="clients at once")
    options = parser.parse_args()
    here, python = Path(__file__).parent, sys.executable
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pulsa-bench-"))
        supplier, floor_port, port, admin = (free_port() for _ in range(4))
        import hashlib

        config = Path(folder) / "gateway.yaml"
        config.write_text(
            CONFIG.format(
                port=port,
                admin=admin,
                folder=folder,
                supplier=supplier,
                key_hash=hashlib.sha256(KEY.encode()).hexdigest(),
            )
        )
        stack.enter_context(process(python, str(here / "supplier.py"), str(supplier), ready="ready", core=1))
        url = f"http://127.0.0.1:{supplier}/trx/bench"
        floor = stack.enter_context(
            process(python, str(here / "floor.py"), str(floor_port), url, ready="ready", core=0)
        )
        gateway = stack.enter_context(
            process(python, "-m", "gateway", "serve", "--config", str(config), ready="started", core=0)
        )
        asyncio.run(load(floor_port, "warm-floor", 500, options.clients))
        asyncio.run(load(port, "warm-gateway", 500, options.clients))
        ratios = []
        for turn in range(options.rounds):
            print(f"round {turn + 1}")
            bare = measure(floor, floor_port, f"floor-{turn}", options.count, options.clients)
            ratios.append(measure(gateway, port, f"gateway-{turn}", options.count, options.clients) / bare)
        print(
            f"CPU of one purchase, gateway / bare forwarder: median {statistics.median(ratios):.2f} "
            f"(min {min(ratios):.2f}, max {max(ratios):.2f}) over {options.rounds} rounds"
        )


if __name__ == "__main__":
    main()
