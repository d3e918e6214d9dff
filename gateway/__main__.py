"""The command `gateway`, and `python -m gateway`."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    _heed_a_stop_as_process_1()
    from gateway.cli import gateway

    gateway(prog_name="gateway")


def _heed_a_stop_as_process_1() -> None:
    """End on SIGTERM from now on, and not only once the gateway runs.

    The kernel drops a signal to process 1 that has no handler for it (signal(7), pid_namespaces(7)): a container that
    is stopped while it starts would otherwise run on until it is killed. `serve` puts its own handler in place.
    """
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


if __name__ == "__main__":
    main()
