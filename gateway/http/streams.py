"""Server-Sent Events: what happens to a client's transactions, as it happens.

The ledger numbers events, so a stream can be left and taken up again (`Last-Event-ID`) without a gap. The streams of
one client share a `Feed`: it is woken by the engine's changes, reads the ledger once, and hands the same bytes to all.
A stream that does not keep up is cut; its client comes back with the last number that it saw.

This is written out and not taken from `aiohttp-sse`, whose response keeps a task and a timer a stream and knows
nothing of shared reads, slow readers and resumption; what is left of the protocol are three lines of text.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import orjson

from gateway.core.transaction import Change, Event, Transaction
from gateway.core.view import event_view, transaction_view
from gateway.http.engine_protocol import Engine
from gateway.ledger.errors import LedgerError
from gateway.settings.types import Client

log = logging.getLogger("gateway.http")

HEARTBEAT = b":\n\n"
FIRST = b"retry: 2000\n\n"
PAGE = 50
"""Events in one read: about as much as one piece."""
PIECE = 64 * 1024
"""Bytes after which no more is put into one write. What waits is shared by all streams of a client; what is written is
each one's own, and stays in memory until it is taken."""
MOST_BEHIND = 2_000
"""Events that may wait for a slow reader."""
MOST_STREAMS = 500
"""Streams of one client."""
_REPLAYS = 2
"""Streams of one client that read what they missed at the same time; the others wait for their turn. Without turns a
client that takes up hundreds of streams at once has the whole process read for it."""
_BETWEEN = 0.002  # seconds between two such reads, for everybody else
_LARGEST = 2**63 - 1
_HELD = 2_000
_PAUSE = 1.0  # seconds before the ledger is asked again after it failed


class Told(NamedTuple):
    """Consecutive events, ready to be sent."""

    numbers: tuple[int, ...]
    lines: tuple[bytes, ...]

    def after(self, number: int) -> bytes:
        """Those with a higher number."""
        if not self.numbers or self.numbers[0] > number:
            return b"".join(self.lines)
        return b"".join(line for its, line in zip(self.numbers, self.lines, strict=True) if its > number)


def message(number: int, transaction: Transaction | None, transaction_id: str, event: Event) -> bytes:
    """One event as it goes over the line. `state` is the transaction as it is now, not as it was then."""
    data = {
        **event_view(number, transaction_id, event),
        "state": None if transaction is None else transaction_view(transaction),
    }
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (number, event.kind.encode(), orjson.dumps(data))


class Stream:
    """What waits to be sent to one reader.

    Args:
        abort: ends the connection at once.
        let_in: whether its client, as it is configured now, would still be let in.
    """

    def __init__(self, abort: Callable[[], None], let_in: Callable[[Client], bool]) -> None:
        self.let_in = let_in
        self.cut = False
        """It fell behind too far."""
        self._abort = abort
        self.ended = False
        self._waiting: deque[Told] = deque()
        self._behind = 0
        self._beat = False
        self._awake = asyncio.Event()

    def put(self, told: Told) -> None:
        self._waiting.append(told)
        self._behind += len(told.numbers)
        if self._behind > MOST_BEHIND and not self.cut:
            self.cut = True
            self._waiting.clear()
            self._abort()  # whoever writes to it waits for a reader that does not read
        self._awake.set()

    def beat(self) -> None:
        """Let something be sent, so that both sides see that the line is still there."""
        self._beat = True
        self._awake.set()

    def end(self) -> None:
        self.ended = True
        self._awake.set()

    async def next(self, after: int) -> tuple[bytes, int] | None:
        """What to send, and the last number in it, once there is something; `None` at the end.

        Args:
            after: the last number that was sent already.
        """
        while not (self._waiting or self._beat or self.cut or self.ended):
            self._awake.clear()
            await self._awake.wait()
        if self.cut or (self.ended and not self._waiting):
            return None
        chunks: list[bytes] = []
        size = 0
        while self._waiting and size < PIECE:
            told = self._waiting.popleft()
            self._behind -= len(told.numbers)
            chunks.append(told.after(after))
            size += len(chunks[-1])
            after = max(after, told.numbers[-1])
        self._beat = False
        return b"".join(chunks) or HEARTBEAT, after


class Feed:
    """The events of one client, read once for all its streams."""

    def __init__(self, engine: Engine, client: str, *, gather: float, poll: float | None) -> None:
        self.streams: set[Stream] = set()
        self.position = 0
        """The last number that was handed out."""
        self._engine = engine
        self._client = client
        self._gather = gather
        self._poll = poll
        self._held: dict[str, Transaction] = {}
        self._changed = asyncio.Event()
        self._turns = asyncio.Semaphore(_REPLAYS)
        self._ready: asyncio.Task[None] | None = None

    def hear(self, change: Change) -> None:
        if len(self._held) < _HELD:
            self._held[change.after.id] = change.after
        else:
            self._held.pop(change.after.id, None)
        self._changed.set()

    async def started(self) -> None:
        """Return once the position is known.

        Raises:
            LedgerError: it cannot be read.
        """
        if self._ready is None or (self._ready.done() and not self._ready.cancelled() and self._ready.exception()):
            self._ready = asyncio.get_running_loop().create_task(self._find_position())
        await asyncio.shield(self._ready)

    async def _find_position(self) -> None:
        """The highest number, by halving: the ledger tells what comes after a number, not which is the last."""
        low, step = 0, 1
        while low + step < _LARGEST and await self._any_after(low + step):
            low, step = low + step, step * 2
        high = min(low + step, _LARGEST)
        while low < high:
            middle = (low + high) // 2
            if await self._any_after(middle):
                low = middle + 1
            else:
                high = middle
        self.position = low

    async def _any_after(self, number: int) -> bool:
        return bool(await self._engine.ledger.events_after(self._client, number, 1))

    async def reaches(self, number: int) -> bool:
        """Whether there is an event with this number or a higher one, here or at another replica. Where a copy of the
        ledger was restored there may be none: a stream that waits for it would tell nothing until it is reached again.

        Raises:
            LedgerError: it cannot be read.
        """
        return number <= self.position or await self._any_after(number - 1)

    async def run(self) -> None:
        """Hand out events until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._changed.wait()
            await asyncio.sleep(self._gather)  # changes come in bursts, and one read serves them all
            self._changed.clear()
            try:
                await self._hand_out()
            except Exception as error:
                if not isinstance(error, LedgerError):
                    log.exception("the events of %s could not be handed out", self._client)
                await asyncio.sleep(_PAUSE)
                self._changed.set()

    async def _hand_out(self) -> None:
        while True:
            told = await self.read(self.position, held=self._held)
            if not told.numbers:
                break
            self.position = told.numbers[-1]
            for stream in self.streams:
                stream.put(told)
            if len(told.numbers) < PAGE:
                break
        if not self._changed.is_set():
            self._held.clear()

    async def replay(self, after: int) -> Told:
        """The next events after a number for a stream that missed them, a page at most, when it is its turn.

        Raises:
            LedgerError: it cannot be read.
        """
        async with self._turns:
            await asyncio.sleep(_BETWEEN)
            return await self.read(after)

    async def read(self, after: int, held: dict[str, Transaction] | None = None) -> Told:
        """The next events after a number, a page at most.

        Args:
            held: transactions that need not be read again.
        """
        ledger = self._engine.ledger
        found = await ledger.events_after(self._client, after, PAGE)
        known: dict[str, Transaction | None] = {} if held is None else dict(held)
        for _, transaction_id, _ in found:
            if transaction_id not in known:
                known[transaction_id] = await ledger.transaction(transaction_id)
        return Told(
            tuple(number for number, _, _ in found),
            tuple(
                message(number, known[transaction_id], transaction_id, event) for number, transaction_id, event in found
            ),
        )


class Streams:
    """All streams of this process.

    Args:
        gather: seconds for which changes are collected before the ledger is read.
        beat: seconds between heartbeats.
        poll: seconds after which a feed reads unasked, because other replicas write, too; or `None`.
    """

    def __init__(self, engine: Engine, *, gather: float = 0.02, beat: float = 15.0, poll: float | None = None) -> None:
        self._engine = engine
        self._gather = gather
        self._beat = beat
        self._poll = poll
        self._feeds: dict[str, Feed] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._beating: asyncio.Task[None] | None = None
        self._closed = False

    def __len__(self) -> int:
        return sum(len(feed.streams) for feed in self._feeds.values())

    def hear(self, change: Change) -> None:
        """A change was committed in this process."""
        feed = self._feeds.get(change.after.client) if self._feeds else None
        if feed is not None:
            feed.hear(change)

    async def open(
        self, client: str, abort: Callable[[], None], let_in: Callable[[Client], bool]
    ) -> tuple[Feed, Stream] | None:
        """A stream of a client's events from now on; `None` where it has too many or the gateway is stopping.

        Raises:
            LedgerError: it cannot be read.
        """
        feed = self._feeds.get(client)
        if feed is None:
            feed = self._feeds[client] = Feed(self._engine, client, gather=self._gather, poll=self._poll)
        if self._closed or self._engine.draining or len(feed.streams) >= MOST_STREAMS:
            return None
        stream = Stream(abort, let_in)
        feed.streams.add(stream)
        try:
            await feed.started()
        except BaseException:
            await self.leave(client, feed, stream)
            raise
        loop = asyncio.get_running_loop()
        if client not in self._running and not self._closed:
            self._running[client] = loop.create_task(feed.run())
        if self._beating is None and not self._closed:
            self._beating = loop.create_task(self._beat_for_ever())
        return feed, stream

    async def leave(self, client: str, feed: Feed, stream: Stream) -> None:
        """A reader is gone. With the last one of a client its feed ends."""
        feed.streams.discard(stream)
        if not feed.streams and self._feeds.get(client) is feed:
            del self._feeds[client]
            await _end(self._running.pop(client, None))

    async def _beat_for_ever(self) -> None:
        since = 0.0
        pause = min(1.0, self._beat)
        while not self._engine.draining:
            await asyncio.sleep(pause)
            since += pause
            clients = {client.id: client for client in self._engine.settings.clients}
            for name, feed in self._feeds.items():
                client = clients.get(name)
                for stream in feed.streams:
                    if client is None or not stream.let_in(client):
                        stream.end()
                    elif since >= self._beat:
                        stream.beat()
            if since >= self._beat:
                since = 0.0
        self._end_streams()

    def _end_streams(self) -> None:
        self._closed = True
        for feed in self._feeds.values():
            for stream in feed.streams:
                stream.end()

    async def close(self) -> None:
        """End all streams: their readers come back, to another replica or to the next process."""
        self._end_streams()
        for task in (*self._running.values(), self._beating):
            await _end(task)
        self._running.clear()
        self._beating = None


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
