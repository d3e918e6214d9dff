"""A site with two suppliers as one process of their own, for runs in which the gateway dies and they must not."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from gateway.testing.processes import Child, free_port, until
from gateway.testing.site import TOKEN, Site, account

NAMES = ("first", "second")


@contextlib.asynccontextmanager
async def supplied(folder: Path, program: Path, **more: Any) -> AsyncIterator[Site]:
    """A site in `folder` whose accounts are the suppliers that `program` runs.

    Args:
        program: called with the folder and the address of the reports; writes the ports by name into `ports.json`.
        more: for `Site`.

    Raises:
        RuntimeError: the suppliers did not start.
    """
    port = free_port()
    command: list[str | Path] = [
        sys.executable,
        program,
        folder,
        f"http://127.0.0.1:{port}/reports/{{account}}/{TOKEN}",
    ]
    with Child(command, log=folder / "supplier.log") as suppliers:

        async def ports() -> Mapping[str, int] | None:
            if suppliers.code() is not None:
                raise RuntimeError(f"the suppliers ended: {suppliers.output()}")
            file = folder / "ports.json"
            return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None

        found = await until(ports, within=60, what="the suppliers") or {}
        yield Site(folder, [account(name, found[name]) for name in NAMES], port=port, **more)
