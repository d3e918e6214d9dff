"""What goes wrong with a PostgreSQL: told to stop at once, its postmaster killed, its connections dropped (C25)."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from gateway.testing.postgres_server import PostgresServer

_DROP = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def restart_at_once(server: PostgresServer) -> None:
    """`pg_ctl stop -m immediate`, and a start that recovers from the log."""
    server.stop("immediate")
    server.start()


def kill_postmaster(server: PostgresServer) -> None:
    """SIGKILL to the postmaster, and a start once its children have seen it.

    Raises:
        TimeoutError: a child of the killed one outlives it.
    """
    file = server.data / "postmaster.pid"
    postmaster = int(file.read_text(encoding="ascii").split()[0])
    children = [pid for pid in _processes() if _stat(pid)[1] == postmaster]
    os.kill(postmaster, signal.SIGKILL)
    give_up = time.monotonic() + 30
    while any(_runs(pid) for pid in (postmaster, *children)):
        if time.monotonic() > give_up:
            raise TimeoutError("a child of the killed postmaster still runs")
        time.sleep(0.02)
    # The file names a process that is dead; where nobody reaps it, the next start would take it for alive.
    file.unlink(missing_ok=True)
    server.start()


def drop_connections(server: PostgresServer) -> None:
    """End every session; the server stays."""
    server.execute("postgres", _DROP)


FAULTS = (restart_at_once, kill_postmaster, drop_connections)


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> tuple[str, int]:
    """A process's state and parent; a dead one's are `X` and 0."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return "X", 0
    state, parent, *_ = text.rpartition(")")[2].split()
    return state, int(parent)


def _runs(pid: int) -> bool:
    return _stat(pid)[0] not in "XZ"
