"""`GET /v1/events`: a stream of what happens to the client's transactions."""

from __future__ import annotations

import re

from aiohttp import web

from gateway.http import listing
from gateway.http.authentication import still_let_in
from gateway.http.headers import dress
from gateway.http.incoming import Incoming
from gateway.http.problems import ProblemError, invalid
from gateway.http.streams import FIRST, PAGE, Feed, Stream
from gateway.ledger.errors import LedgerError

_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_LARGEST = 2**63 - 1
_HEADERS = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
"""The second tells nginx not to hold events back."""


async def stream(incoming: Incoming) -> web.StreamResponse:
    """`GET /v1/events`: Server-Sent Events from now on, or from `Last-Event-ID` on."""
    listing.parameters(incoming.request.query.items(), frozenset())
    last = _last_event_id(incoming)
    if incoming.request.method == "HEAD":
        return web.Response(headers=_HEADERS)
    streams = incoming.services.streams
    if streams is None:
        raise RuntimeError("the application was made without streams")
    client = incoming.client.id
    transport = incoming.request.transport
    if transport is None:
        raise ConnectionResetError("the reader hung up")
    # A key that was stolen and taken out must not go on listening.
    opened = await streams.open(
        client, transport.abort, still_let_in(incoming.request.headers["Authorization"], incoming.address())
    )
    if opened is None:
        raise ProblemError(
            "unavailable",
            "the gateway is stopping, or this client has too many streams open",
            headers={"Retry-After": "1"},
        )
    feed, stream = opened
    response = web.StreamResponse(headers=_HEADERS)
    response.force_close()  # said before, or the reader would send its next request on a connection that ends
    try:
        dress(response.headers, incoming.request_id)
        incoming.tell_standing(response.headers)
        live_from = feed.position
        after = live_from if last is None or not await feed.reaches(last) else last
        await response.prepare(incoming.request)
        await response.write(FIRST)
        await _send(response, feed, stream, after, live_from)
    except (ConnectionError, LedgerError):
        if not response.prepared:
            raise
        # The reader hung up, or comes back for the rest.
    finally:
        await streams.leave(client, feed, stream)
    return response


async def _send(response: web.StreamResponse, feed: Feed, stream: Stream, after: int, live_from: int) -> None:
    """What was missed, and then what happens.

    Args:
        after: the last number that the reader has.
        live_from: what has a higher number is on its way into `stream`.
    """
    while after < live_from and not (stream.cut or stream.ended):
        told = await feed.replay(after)
        if not told.numbers:
            break
        await response.write(told.after(after))
        after = told.numbers[-1]
        if len(told.numbers) < PAGE:
            break
    while (following := await stream.next(after)) is not None:
        text, after = following
        await response.write(text)


def _last_event_id(incoming: Incoming) -> int | None:
    given = incoming.request.headers.get("Last-Event-ID")
    if given is None or given == "":
        return None
    if not _NUMBER.fullmatch(given) or int(given) > _LARGEST:
        raise invalid("Last-Event-ID", "must be the id of an event of this stream")
    return int(given)
