"""The operational log on standard error: one JSON object a line, or readable colours on a terminal.

Everything goes through here: structlog's loggers, and those of the standard library, so that aiohttp, asyncio and
SQLAlchemy cannot print what they received. `GATEWAY_LOG=json` or `GATEWAY_LOG=text` decides where the terminal should
not.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import structlog
from structlog.typing import Processor

from gateway.observe.json_lines import one_line, plain, plain_fields
from gateway.observe.scrubbing import scrub, told

Fields = MutableMapping[str, Any]

_AT_LEAST: Final = {
    "sqlalchemy": logging.WARNING,  # below it prints statements with their parameters
    "asyncio": logging.WARNING,
    "aiohttp": logging.INFO,
    "asyncpg": logging.WARNING,
    "alembic": logging.WARNING,  # which plugins it loads is nobody's news
}
_ACCESS: Final = {"remote_address": "remote", "response_status": "status", "response_size": "bytes"}
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class _State:
    """What `set_redactor` changes while loggers live on."""

    redact: Callable[[str], str] = staticmethod(str)
    stream: TextIO | None = None
    lock = threading.Lock()


def configure_logging(level: str = "INFO", redact: Callable[[str], str] = str, *, stream: TextIO | None = None) -> None:
    """Send every logger of the process to one place. Called again, it replaces what was configured.

    Args:
        level: `DEBUG`, `INFO`, `WARNING` or `ERROR`.
        redact: takes every secret out of a text.
        stream: where to; standard error if left out.

    Raises:
        ValueError: there is no such level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"there is no log level {level!r}: use DEBUG, INFO, WARNING or ERROR")
    set_redactor(redact)
    _State.stream = stream
    shape = os.environ.get("GATEWAY_LOG") or ("text" if (stream or sys.stderr).isatty() else "json")
    render: Processor = _json if shape == "json" else _terminal(structlog.dev.ConsoleRenderer(colors=shape != "plain"))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            structlog.processors.add_log_level,
            _exception,
            _clean,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_Out,
        cache_logger_on_first_use=False,  # a second call must reach the loggers that modules hold
    )
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _FromStandardLibrary):
            root.removeHandler(handler)
    root.addHandler(_FromStandardLibrary())
    root.setLevel(number)
    for name, least in _AT_LEAST.items():
        logging.getLogger(name).setLevel(max(number, least))
    logging.captureWarnings(capture=True)


def set_redactor(redact: Callable[[str], str]) -> None:
    """Use another redactor from the next line on: a reload may bring new secrets."""
    _State.redact = staticmethod(redact)


class _Out:
    """What structlog's loggers write to. Never raises: a log that is gone must not stop a purchase."""

    def __init__(self, name: str = "gateway", *_: object) -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """Write one finished line."""
        with contextlib.suppress(OSError, ValueError), _State.lock:
            stream = _State.stream or sys.stderr
            stream.write(line + "\n")
            stream.flush()

    debug = info = warning = error = critical = fatal = exception = log = msg


class _FromStandardLibrary(logging.Handler):
    """Hands a record of `logging` to structlog, without what libraries should not have put into it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises and never prints the record: the standard library would, with all its arguments."""
        try:
            event, fields = _told_by(record)
        except Exception:
            event, fields = "a log line could not be made", {}
        error = record.exc_info[1] if record.exc_info else None
        with contextlib.suppress(Exception):
            logger = structlog.get_logger(record.name)
            logger.log(_level(record.levelno), event, **fields, **({"exc_info": error} if error else {}))


def _level(number: int) -> int:
    """The level that structlog knows: some libraries make up their own between."""
    return min(max(number // 10 * 10, logging.DEBUG), logging.CRITICAL)


def _told_by(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    if record.name == "aiohttp.access":
        # The message is the request line and headers. What may be kept comes beside it.
        return "request", {name: vars(record)[key] for key, name in _ACCESS.items() if key in vars(record)}
    message = record.getMessage()
    if record.name == "asyncio":
        message = message.partition("\n")[0]  # then come values of tasks and exceptions
    return message, {}


def _exception(_: Any, __: str, fields: Fields) -> Fields:
    error = fields.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        fields["exception"] = told(error)
    return fields


def _clean(_: Any, __: str, fields: Fields) -> Fields:
    ts = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"ts": ts, "level": fields.pop("level"), "event": _safe(str(fields.pop("event")))} | {
        name: plain(value, _safe) for name, value in fields.items()
    }


def _safe(text: str) -> str:
    return scrub(_State.redact(text))


def _json(_: Any, __: str, fields: Fields) -> str:
    return one_line(fields).decode()


def _terminal(renderer: structlog.dev.ConsoleRenderer) -> Processor:
    """For people: strangers' control characters are shown, not obeyed."""

    def render(logger: Any, method: str, fields: Fields) -> str:
        visible = plain_fields(fields, lambda text: _CONTROL.sub(lambda hit: ascii(hit[0])[1:-1], text))
        visible["timestamp"] = visible.pop("ts")
        return renderer(logger, method, visible)

    return render
