"""From an event and its fields to a chained line: structlog's processors and logger for the audit log."""

from __future__ import annotations

import functools
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from structlog.typing import Processor

from gateway.observe import chain
from gateway.observe.json_lines import one_line, plain_fields
from gateway.observe.masking import CHAIN, masked

Redact = Callable[[str], str]

_NAMES: Final = {"from_": "from", "ts": "ts_", "event": "event_", "prev": "prev_"}
"""`from` is no name in Python; the others are the line's own."""


@functools.lru_cache(maxsize=8)  # thousands of lines are of one second
def _second(second: int) -> str:
    """Seconds since 1970 as a date and a time of day, in UTC."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Lines:
    """What structlog writes to: gathers a batch, and knows what the next line must name as the one before."""

    def __init__(self) -> None:
        self.begin(chain.GENESIS)

    def begin(self, last: str) -> None:
        """A new batch, behind the line with the hash `last`."""
        self.last = last
        self.lines: list[bytes] = []
        self.hashes: list[str] = []

    def link(self, _: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A processor: name the line before."""
        fields["prev"] = self.last
        return fields

    def line(self, line: bytes) -> None:
        """Take the finished line in."""
        self.last = chain.digest(line)
        self.lines.append(line)
        self.hashes.append(self.last)


class LineLogger(structlog.BoundLoggerBase):
    """The bound logger of the audit log. Its one method takes a line with its own time."""

    def write(self, at: float, event: str, fields: dict[str, Any]) -> None:
        """Process one line. `at` is in seconds since 1970. Never raises."""
        second, micros = divmod(round(at * 1_000_000), 1_000_000)
        ts = f"{_second(second)}.{micros:06d}+00:00"
        if not _NAMES.keys().isdisjoint(fields):
            fields = {_NAMES.get(name, name): value for name, value in fields.items()}
        try:
            arguments, _ = self._process_event("line", event, {"ts": ts, **fields})
        except Exception as error:
            # A value that nobody foresaw must not take the other lines of the batch with it.
            arguments, _ = self._process_event("line", event, {"ts": ts, "unwritable": type(error).__name__})
        self._logger.line(*arguments)


def line_logger(lines: Lines, *, redact: Redact, mask: bool) -> LineLogger:
    """A logger whose finished lines go to `lines`. `redact` is applied to every string, and before masking."""

    def readable(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        first = {"ts": fields.pop("ts"), "event": fields.pop("event")}
        if "after" in fields or "expected" in fields:  # in seldom notes of the log itself
            first |= {name: fields.pop(name) for name in CHAIN & fields.keys() if chain.is_hash(fields[name])}
        first.update(plain_fields(fields, redact))
        return first

    processors: list[Processor] = [readable, *([_masked] if mask else []), lines.link, _rendered]
    logger = structlog.wrap_logger(lines, processors=processors, wrapper_class=LineLogger).bind()
    assert isinstance(logger, LineLogger)  # noqa: S101 — `wrapper_class` says so, for the type checker
    return logger


def _masked(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return masked(fields)


def _rendered(_: Any, __: str, fields: MutableMapping[str, Any]) -> bytes:
    return one_line(fields)
