"""Refusing what is too much, where it costs least.

While more purchases arrive than can be carried, most of what this process does is saying so. Through aiohttp's parser,
its tasks and its answers that costs as much as a tenth of a purchase, and at ten times of what can be carried nothing
would be left for those that are taken. So a purchase that came whole, in one piece, on a connection that waits for
nothing else, is recognised by one pattern and refused there, with the same answer. Whatever is not as plain as that
goes the usual way, and is refused there.

The pattern knows where a message ends only because it is strict: one `Content-Length`, which fits what came to the
byte, and no field that could say otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import orjson
from multidict import CIMultiDict

from gateway.http.engine_protocol import Metrics
from gateway.http.headers import dress
from gateway.http.problems import CONTENT_TYPE, ProblemError
from gateway.http.request_id import HEADER, request_id

BUSY = orjson.dumps(
    ProblemError(
        "unavailable", "more purchases arrive than can be stored; nothing was bought: send the same request again"
    ).document()
)
BUSY_HEADERS = {"Content-Type": CONTENT_TYPE, "Retry-After": "1"}
"""Made once: while more arrive than can be carried, most answers are this one."""

_FIELDS = re.compile(rb"HTTP/1\.1\r\n((?:[A-Za-z0-9-]{1,64}:[\t\x20-\x7e]{0,1024}\r\n){1,32})\r\n")
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*([0-9]{1,7})[ \t]*\r", re.IGNORECASE)
_ANY_LENGTH = re.compile(rb"content-length", re.IGNORECASE)
_NAMED = re.compile(rb"\nx-request-id:[ \t]*([!-~]{1,64})[ \t]*\r", re.IGNORECASE)
_MEANS_MORE = re.compile(rb"\n(?:transfer-encoding|connection|keep-alive|expect|upgrade|trailer|te):", re.IGNORECASE)


def whole(data: bytes, begin: int) -> re.Match[bytes] | None:
    """The fields of a request that is all of `data`, and of which nothing but its length says where it ends.

    Args:
        begin: where the protocol's version stands.
    """
    found = _FIELDS.match(data, begin)
    if found is None or _MEANS_MORE.search(data, begin, found.end()):
        return None
    lengths = _LENGTH.findall(data, begin, found.end())
    if len(lengths) != 1 or len(_ANY_LENGTH.findall(data, begin, found.end())) != 1:
        return None
    return found if found.end() + int(lengths[0]) == len(data) else None


class Shedder:
    """Refuses one route's requests at the line.

    Args:
        admits: whether one more may come in, when so many are on their way to being asked about.
        name: of the route, for metrics.
    """

    def __init__(self, admits: Callable[[int], bool], metrics: Metrics, *, method: str, path: str, name: str) -> None:
        self._admits = admits
        self._metrics = metrics
        self._begins = f"{method} {path} ".encode()
        self._name = name
        self.coming = 0
        """Let pass, and not yet begun."""
        headers: CIMultiDict[str] = CIMultiDict(BUSY_HEADERS)
        dress(headers, "%b")
        headers["Content-Length"] = str(len(BUSY))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._before, self._after = f"HTTP/1.1 503 Service Unavailable\r\n{head}\r\n".encode().split(b"%b")
        assert f"{HEADER}: ".encode() == self._before[-len(HEADER) - 2 :]  # noqa: S101 — else it names something else

    def begins(self, data: bytes) -> bool:
        """Whether it looks like a request of the route."""
        return data.startswith(self._begins)

    def answer(self, data: bytes) -> bytes | None:
        """The refusal of a request of the route; `None` where it may pass, or is not plain enough for that."""
        if self._admits(self.coming):
            return None
        found = whole(data, len(self._begins))
        if found is None:
            return None
        self._metrics.request(self._name, 503, 0.0)
        named = _NAMED.search(data, found.start(), found.end())
        name = request_id(None).encode() if named is None else named[1]
        return b"%b%b%b%b" % (self._before, name, self._after, BUSY)
