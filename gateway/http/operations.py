"""Health, readiness and metrics: what the machinery around the gateway asks."""

from __future__ import annotations

import asyncio

from aiohttp import web

from gateway.http.incoming import Incoming, json_response
from gateway.ledger.errors import LedgerError

_PATIENCE = 2.0  # seconds: probes give up soon


async def healthz(_: Incoming) -> web.Response:
    """`GET /healthz`: the process answers. Says nothing about the ledger: a restart would not mend that."""
    return json_response({"status": "ok"})


async def readyz(incoming: Incoming) -> web.Response:
    """`GET /readyz`: whether purchases can be taken, and why not.

    An audit log in trouble is told but does not count: what happened to money is in the ledger, and to turn every
    replica away at once would stop the trade.
    """
    ledger = await _ledger_trouble(incoming)
    draining = "the gateway is stopping" if incoming.engine.draining else None
    audit = None if incoming.services.audit is None else incoming.services.audit.trouble
    ready = ledger is None and draining is None
    checks = {"ledger": ledger, "accepting": draining, "audit": audit}
    return json_response(
        {
            "status": "ready" if ready else "not_ready",
            "checks": {name: "ok" if trouble is None else trouble for name, trouble in checks.items()},
        },
        status=200 if ready else 503,
    )


async def _ledger_trouble(incoming: Incoming) -> str | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            await incoming.engine.ledger.writable()
    except LedgerError as error:
        return str(error)
    except TimeoutError:
        return f"the ledger did not answer within {_PATIENCE:g} s"
    return None


async def metrics(incoming: Incoming) -> web.Response:
    """`GET /metrics` for Prometheus. In a thread: it takes milliseconds in which nothing else would be answered."""
    body = await asyncio.to_thread(incoming.services.metrics.render)
    return web.Response(body=body, headers={"Content-Type": incoming.services.metrics.content_type})
