"""Health, readiness and metrics: what the machinery around the gateway asks."""

from __future__ import annotations

import asyncio

from aiohttp import web

from gateway.http.incoming import Incoming, json_response


async def healthz(_: Incoming) -> web.Response:
    """`GET /healthz`: the process answers. Says nothing about the ledger: a restart would not mend that."""
    return json_response({"status": "ok"})


async def readyz(incoming: Incoming) -> web.Response:
    """`GET /readyz`: whether purchases can be taken, and why not."""
    checks = {"ledger": incoming.engine.ledger.writable, "accepting": not incoming.engine.draining}
    ready = all(checks.values())
    return json_response(
        {
            "status": "ready" if ready else "not_ready",
            "checks": {name: "ok" if fine else _WHY[name] for name, fine in checks.items()},
        },
        status=200 if ready else 503,
    )


_WHY = {"ledger": "the ledger cannot be written", "accepting": "the gateway is stopping"}


async def metrics(incoming: Incoming) -> web.Response:
    """`GET /metrics` for Prometheus. In a thread: it takes milliseconds in which nothing else would be answered."""
    body = await asyncio.to_thread(incoming.services.metrics.render)
    return web.Response(body=body, headers={"Content-Type": incoming.services.metrics.content_type})
