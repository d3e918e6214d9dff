"""One page in a headless Chromium, asked through its DevTools protocol: what it does, shows, requests and complains of.

The browser finds no host but 127.0.0.1, keeps its profile in a folder of the test, and ends with the block.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from checks.docs.tools import Browser
from gateway.testing.processes import Child, until

_PATIENCE = 30.0
_LARGEST = 64 * 1024 * 1024
_SWITCHES = (
    "--headless",
    "--no-sandbox",  # root may not have one; what is opened is our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class PageError(Exception):
    """The page, or a script in it, failed; the message is the browser's."""


class Page:
    """A page, and all that it said."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.requests: list[str] = []
        """The address of everything that it asked for."""
        self.complaints: list[str] = []
        """Console messages, uncaught errors, violations, failed requests and answers that are errors."""
        self._loaded = asyncio.Event()

    async def listen(self) -> None:
        """Hear the browser until it hangs up."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                waiting = self._waiting.pop(said["id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(said)
            else:
                self._hear(said["method"], said["params"])

    def _hear(self, method: str, said: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(said["request"]["url"])
            case "Network.loadingFailed":
                self.complaints.append(f"a request failed: {said['errorText']}")
            case "Network.responseReceived" if said["response"]["status"] >= 400:
                self.complaints.append(f"{said['response']['url']}: status {said['response']['status']}")
            case "Runtime.consoleAPICalled":
                self.complaints.append(f"console: {[one.get('value') for one in said['args']]}")
            case "Runtime.exceptionThrown":
                self.complaints.append(f"error: {said['exceptionDetails']['text']}")
            case "Log.entryAdded":
                self.complaints.append(f"log: {said['entry']['text']}")
            case "Audits.issueAdded":
                self.complaints.append(f"issue: {said['issue']['code']}")
            case "Page.loadEventFired":
                self._loaded.set()

    async def tell(self, method: str, **params: Any) -> dict[str, Any]:
        """Give a command. Raises `PageError`."""
        number = next(self._numbers)
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(_PATIENCE):
            said = await waiting
        if "error" in said:
            raise PageError(f"{method}: {said['error']['message']}")
        return dict(said["result"])

    async def ask(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for. Raises `PageError`."""
        said = await self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in said:
            raise PageError(said["exceptionDetails"].get("exception", {}).get("description", "a script failed"))
        return said["result"].get("value")

    async def open(self, url: str) -> None:
        """Go there, and wait until the page has shown what it fetched."""
        self._loaded.clear()
        await self.tell("Page.navigate", url=url)
        async with asyncio.timeout(_PATIENCE):
            await self._loaded.wait()

        async def shown() -> bool:
            return bool(await self.ask("document.querySelectorAll('article').length > 0"))

        await until(shown, within=_PATIENCE, what="a page with its articles")

    async def look(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Take a window's size and the person's wish for dark or light."""
        await self.tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.tell("Emulation.setEmulatedMedia", features=[scheme])

    async def press(self, key: str) -> None:
        """Press a key and let it go."""
        code = {"Tab": 9, "Enter": 13}[key]
        for kind in ("rawKeyDown", "char", "keyUp") if key == "Enter" else ("rawKeyDown", "keyUp"):
            more = {"text": "\r"} if kind == "char" else {}
            await self.tell("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more)

    async def picture(self, file: Path) -> None:
        """What is in the window now."""
        said = await self.tell("Page.captureScreenshot", format="png")
        await asyncio.to_thread(file.write_bytes, base64.b64decode(said["data"]))


@contextlib.asynccontextmanager
async def opened(browser: Browser, folder: Path) -> AsyncIterator[Page]:
    """A new browser with one empty page.

    Args:
        folder: for its profile and what it prints.
    """
    command: list[str | Path] = [browser.program, *_SWITCHES, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    environment = {**os.environ, **browser.environment, "HOME": str(folder)}
    told = folder / "profile" / "DevToolsActivePort"
    with Child(command, log=folder / "browser.log", environment=environment) as child:

        async def port() -> str:
            if child.code() is not None:
                raise PageError(f"the browser ended: {child.output()[-2_000:]}")
            return told.read_text(encoding="utf-8").split("\n")[0] if told.is_file() else ""

        number = await until(port, within=_PATIENCE, what="a browser")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{number}/json/list") as answer:
                found = [one for one in await answer.json(content_type=None) if one["type"] == "page"]
            async with session.ws_connect(found[0]["webSocketDebuggerUrl"], max_msg_size=_LARGEST) as socket:
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                try:
                    for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
                        await page.tell(f"{domain}.enable")
                    yield page
                finally:
                    await socket.close()
                    await listening
