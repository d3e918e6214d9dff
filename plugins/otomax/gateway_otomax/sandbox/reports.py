"""Calling the reseller back: a GET, again where it was not answered 200.

The request line is written by hand, because no HTTP client sends a raw `#`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway_otomax.sandbox.report_lines import ReportLine, raw_query

__all__ = ["Delivery", "Reporter"]

_ANSWER_WITHIN = 10.0
_AT_ONCE = 64


@dataclass(slots=True, kw_only=True)
class Delivery:
    """A report, and how its sending stands."""

    report: ReportLine
    tries: int = 0
    delivered: bool = False


class Reporter:
    """Sends reports to one address, each until it is answered 200 or the tries are used up.

    Args:
        url: where the reseller wants to be called; it may hold a secret.
        pauses: seconds before each further try.
    """

    def __init__(self, url: str, *, pauses: Sequence[float]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("report_url must begin with http:// or https:// and name a host")
        self._host = parts.hostname
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._netloc = parts.netloc.rpartition("@")[2]
        self._target = (parts.path or "/") + "?" + (f"{parts.query}&" if parts.query else "")
        self._pauses = tuple(pauses)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self.deliveries: list[Delivery] = []

    async def send(self, report: ReportLine) -> bool:
        """Send a report, again where it was not answered 200. Returns whether it arrived."""
        delivery = Delivery(report=report)
        self.deliveries.append(delivery)
        query = raw_query(report)
        for pause in (0.0, *self._pauses):
            if pause:
                await asyncio.sleep(pause)
            delivery.tries += 1
            async with self._slots:
                delivery.delivered = await self._arrives(query)
            if delivery.delivered:
                return True
        return False

    async def _arrives(self, query: str) -> bool:
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                return await self._call(query) == b"200"
        except (OSError, ValueError):  # a time-out is an OSError; ValueError: a line without end
            return False

    async def _call(self, query: str) -> bytes:
        """The status of the answer; empty where there was none."""
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        try:
            head = f"GET {self._target}{query} HTTP/1.1\r\nHost: {self._netloc}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode("ascii", "replace"))
            words = (await reader.readline()).split(b" ", 2)
            return words[1].strip() if len(words) > 1 else b""
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
