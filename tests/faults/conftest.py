"""A gateway as its own process, and a supplier in this one, which outlives it and can be looked at."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from gateway.testing.processes import free_port
from gateway.testing.site import TOKEN, Site, account
from gateway_otomax.sandbox import ANY, BEHAVIOURS, OtomaxSandbox

Here = Callable[..., AbstractAsyncContextManager[tuple[Site, OtomaxSandbox, OtomaxSandbox]]]


@pytest.fixture
def here(tmp_path: Path) -> Here:
    """Makes a site, and its suppliers `first` (the sandbox's table) and `second` (delivers everything at once).

    Its arguments: settings of the account `first`, `sandbox` for options of that supplier, and `more` for the site.
    """

    @contextlib.asynccontextmanager
    async def here(
        *, sandbox: dict[str, Any] | None = None, more: dict[str, Any] | None = None, **first: Any
    ) -> AsyncIterator[tuple[Site, OtomaxSandbox, OtomaxSandbox]]:
        port = free_port()
        options: dict[str, Any] = {"report_delay": 0.3, "report_pauses": (0.2,) * 100, "hang": 5.0, **(sandbox or {})}
        suppliers = []
        for name, own in (("first", options), ("second", {"behaviours": {ANY: BEHAVIOURS["20"]}})):
            url = f"http://127.0.0.1:{port}/reports/{name}/{TOKEN}"
            suppliers.append(OtomaxSandbox(report_url=url, prices={"XL5": 5_400}, **own))
        async with contextlib.AsyncExitStack() as stack:
            ports = []
            for supplier in suppliers:
                ports.append(await supplier.start("127.0.0.1", 0))
                stack.push_async_callback(supplier.stop)
            accounts = [account("first", ports[0], **first), account("second", ports[1])]
            yield Site(tmp_path, accounts, port=port, more=more), suppliers[0], suppliers[1]

    return here
