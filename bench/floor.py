"""The floor: aiohttp in, aiohttp out, and nothing between. What a gateway costs above this is its own."""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import orjson
from aiohttp import web


async def serve(port: int, supplier: str) -> None:
    """Forward every purchase to `supplier` and its line of text back, until the process is ended."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)) as session:

        async def forward(request: web.Request) -> web.Response:
            order = orjson.loads(await request.read())
            params = {"product": order["product"], "dest": order["dest"], "refID": order["ref_id"]}
            async with session.get(supplier, params=params) as answer:
                text = await answer.text()
            return web.Response(
                body=orjson.dumps({"message": text}), headers={"Content-Type": "application/json"}, status=201
            )

        app = web.Application()
        app.router.add_post("/v1/transactions", forward)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
