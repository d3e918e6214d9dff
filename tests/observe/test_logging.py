"""The operational log: one line an event, and nothing in it that came in or went out."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import sqlalchemy
import structlog
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.net.redaction import Redactor
from gateway.observe.logging import configure_logging, set_redactor
from gateway.observe.scrubbing import scrub, told

CANARY = "c4nary"
"""Stands in for a client's key, which no redactor knows."""


class Log:
    """What was written, read back."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.text.split("\n")[:-1]]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Log]]:
    """Configure the logging of the process, and put everything back afterwards."""
    monkeypatch.setenv("GATEWAY_LOG", "json")
    root = logging.getLogger()
    names = ("", "sqlalchemy", "asyncio", "aiohttp", "asyncpg")
    levels = {name: logging.getLogger(name).level for name in names}
    handlers, structured = root.handlers[:], structlog.get_config()

    def configure(level: str = "DEBUG", redact: Callable[[str], str] = str) -> Log:
        log = Log()
        configure_logging(level, redact, stream=log.stream)
        return log

    with warnings.catch_warnings():
        yield configure
        logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.configure(**structured)
    set_redactor(str)


def test_a_line_is_one_object(configured: Callable[..., Log]) -> None:
    log = configured()
    structlog.get_logger("gateway.engine").info("started", port=8080)
    (line,) = log.lines
    assert list(line)[:3] == ["ts", "level", "event"]
    assert (line["level"], line["event"], line["logger"], line["port"]) == ("info", "started", "gateway.engine", 8080)
    assert line["ts"].endswith("+00:00")


def test_both_kinds_of_loggers_come_to_the_same_place(configured: Callable[..., Log]) -> None:
    log = configured()
    logging.getLogger("gateway.http").warning("%s of %d", "one", 2)
    structlog.get_logger("gateway.engine").warning("two")
    assert [(line["event"], line["logger"]) for line in log.lines] == [
        ("one of 2", "gateway.http"),
        ("two", "gateway.engine"),
    ]


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "warning", "ERROR"])
def test_the_level_holds_for_both(configured: Callable[..., Log], level: str) -> None:
    log = configured(level)
    for name in ("debug", "info", "warning", "error", "critical"):
        getattr(logging.getLogger("some.library"), name)("standard %s", name)
        getattr(structlog.get_logger("ours"), name)(f"structlog {name}")
    expected = 5 - ["debug", "info", "warning", "error"].index(level.lower())
    assert len(log.lines) == expected * 2


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="use DEBUG"):
        configure_logging("LOUD")


def test_configuring_twice_writes_once(configured: Callable[..., Log]) -> None:
    before = structlog.get_logger("held by a module")
    configured()
    log = configured("WARNING")
    before.info("quiet")
    before.warning("one")
    logging.getLogger("x").warning("two")
    logging.getLogger("x").info("quiet")
    assert [line["event"] for line in log.lines] == ["one", "two"]


def test_a_level_that_a_library_made_up_is_written(configured: Callable[..., Log]) -> None:
    log = configured()
    logging.getLogger("x").log(25, "notice")
    logging.getLogger("x").log(99, "loud")
    assert [line["level"] for line in log.lines] == ["info", "critical"]


def test_secrets_are_taken_out_everywhere(configured: Callable[..., Log]) -> None:
    log = configured(redact=Redactor(["s3cr3t-pin"]).text)
    structlog.get_logger("a").info("s3cr3t-pin", deep={"key": ["s3cr3t-pin"]}, other="x s3cr3t-pin y")
    logging.getLogger("b").info("with %s", "s3cr3t-pin")
    try:
        int("s3cr3t-pin")
    except ValueError:
        structlog.get_logger("c").exception("failed")
        logging.getLogger("d").exception("failed")
    assert len(log.lines) == 4
    assert "s3cr3t-pin" not in log.text
    assert log.text.count("invalid literal for int() with base 10: '***'") == 2


def test_a_reload_brings_new_secrets(configured: Callable[..., Log]) -> None:
    log = configured()
    held = structlog.get_logger("a").bind()
    set_redactor(Redactor(["new-secret"]).text)
    held.info("new-secret")
    assert log.lines[0]["event"] == "***"


@given(st.text(), st.dictionaries(st.sampled_from("abc"), st.text() | st.binary() | st.integers() | st.floats()))
@settings(max_examples=60, deadline=None)
def test_whatever_is_logged_is_one_line(event: str, fields: dict[str, Any]) -> None:
    log = Log()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("GATEWAY_LOG", "json")
        root = logging.getLogger()
        handlers, level, structured = root.handlers[:], root.level, structlog.get_config()
        try:
            configure_logging("DEBUG", stream=log.stream)
            structlog.get_logger("x").info(event, **fields)
        finally:
            root.handlers[:], root.level = handlers, level
            logging.captureWarnings(capture=False)
            structlog.configure(**structured)
    assert len(log.lines) == 1
    assert len(log.text.splitlines()) == 1


def test_people_see_control_characters_instead_of_obeying_them(
    configured: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_LOG", "text")
    log = configured()
    structlog.get_logger("x").info("\x1b[2Jclear", text="\x9b31m\x00\r")
    assert "\x1b[2J" not in log.text
    assert "\\x1b[2Jclear" in log.text
    assert not set(log.text) & set("\x00\x9b\r")
    assert len(log.text.splitlines()) == 1


def test_a_record_that_cannot_be_made_into_text_shows_no_arguments(
    configured: Callable[..., Log], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = configured()
    root = logging.getLogger()
    ours = [handler for handler in root.handlers if type(handler).__module__ == "gateway.observe.logging"]
    monkeypatch.setattr(root, "handlers", ours)  # pytest's own handler would raise
    logging.getLogger("x").error("%d", CANARY)
    assert [line["event"] for line in log.lines] == ["a log line could not be made"]
    assert CANARY not in log.text + "".join(capsys.readouterr())


def test_a_log_that_is_gone_stops_nothing(configured: Callable[..., Log]) -> None:
    log = configured()
    log.stream.close()
    structlog.get_logger("x").error("into nothing")
    logging.getLogger("x").error("into nothing")


# --- what libraries would print


async def exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("debug", [False, True])
async def test_aiohttp_prints_neither_requests_nor_headers(configured: Callable[..., Log], debug: bool) -> None:
    """C31, in the places where aiohttp quotes: bad heads, handlers that raise, and its access log."""
    log = configured()
    asyncio.get_running_loop().set_debug(debug)

    async def handler(request: web.Request) -> web.Response:
        if "raise" in request.query:
            raise RuntimeError(f"no route for {request.url} with {request.headers['Authorization']}")
        if "nothing" in request.query:
            return None  # type: ignore[return-value]  # the mistake that aiohttp complains about
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/{tail:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    key = f"Authorization: Bearer {CANARY}-key\r\n"
    for head in (
        f"GET /{CANARY}?pin={CANARY} HTTP/1.1\r\nHost: x\r\n{key}\r\n",
        f"GET /{CANARY}?raise&pin={CANARY} HTTP/1.1\r\nHost: x\r\n{key}\r\n",
        f"GET /{CANARY}?nothing&pin={CANARY} HTTP/1.1\r\nHost: x\r\n{key}\r\n",
        f"GET /{CANARY}?pin={CANARY} HTTP/9.x\r\nHost: x\r\n\r\n",
        f"GET /{CANARY} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {CANARY}\x00\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nX-Api-Key : {CANARY}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: {CANARY}\r\n\r\n",
        f"GET /{CANARY * 2000} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"{CANARY} {CANARY}\r\n\r\n",
    ):
        await exchange(port, head.replace("HTTP/1.1\r\n", "HTTP/1.1\r\nConnection: close\r\n").encode())
    await runner.cleanup()
    asyncio.get_running_loop().set_debug(False)
    assert CANARY not in log.text
    assert any("no route for http://" in line.get("exception", "") for line in log.lines), (
        "the message is there, scrubbed"
    )
    assert any(line["logger"] == "aiohttp.access" and line["status"] == 200 for line in log.lines)


async def test_asyncio_prints_no_values_of_tasks(configured: Callable[..., Log]) -> None:
    log = configured()

    async def fails(url: str) -> None:
        raise RuntimeError(f"could not call {url}")

    task = asyncio.get_running_loop().create_task(fails(f"http://trx.id/{CANARY}?pin={CANARY}"))
    await asyncio.wait([task])
    del task
    gc.collect()
    (line,) = log.lines
    assert line["event"] == "Task exception was never retrieved"
    assert line["exception"].startswith("RuntimeError: could not call http://trx.id/…")
    assert "in test_asyncio_prints_no_values_of_tasks.<locals>.fails" in line["exception"]
    assert CANARY not in log.text


def test_sqlalchemy_prints_no_statements_and_no_parameters(configured: Callable[..., Log]) -> None:
    log = configured("DEBUG")
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("select :dest"), {"dest": CANARY})
        try:
            connection.execute(sqlalchemy.text("select :dest from nowhere"), {"dest": CANARY})
        except sqlalchemy.exc.OperationalError:
            structlog.get_logger("gateway.ledger").exception("failed")
    engine.dispose()
    (line,) = log.lines
    assert "no such table: nowhere" in line["exception"]
    assert "[parameters: …]" in line["exception"]
    assert CANARY not in log.text


# --- scrubbing


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("http://u:p@trx.id:8080/slug/x?pin=1 failed", "http://trx.id:8080/… failed"),
        ("'https://trx.id'", "'https://trx.id'"),
        ("postgresql+asyncpg://gw:pw@db.internal/gateway", "postgresql+asyncpg://db.internal/…"),
        ("redis://:pw@cache:6379", "redis://cache:6379"),
        ("GET /trx?pin=1 HTTP/1.1", "GET … HTTP/1.1"),
        ("b'POST /x HTTP/1.1'", "b'POST … HTTP/1.1'"),
        ("/reports/maxsi?a=1&b=2 came", "/reports/maxsi?… came"),
        ("{'Authorization': 'Bearer abcdef'}", "{'Authorization': ***"),
        ("(b'Authorization', b'Bearer abcdef')", "(b'Authorization', ***"),
        ("Cookie: a=b\nnext", "Cookie: ***\nnext"),
        ("webhook-signature: v1,abc=", "webhook-signature: ***"),
        ("key Bearer abcdef-123", "key Bearer ***"),
        (
            "sent a GET and got a basic configuration; is it right?",
            "sent a GET and got a basic configuration; is it right?",
        ),
        ("provider maxsi opened after 10 calls", "provider maxsi opened after 10 calls"),
    ],
)
def test_what_is_kept_out_and_what_is_left(text: str, clean: str) -> None:
    assert scrub(text) == clean


@given(st.text())
@settings(max_examples=100)
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    assert scrub(scrub(text)) == scrub(text)


def test_an_exception_tells_its_types_its_frames_and_its_causes() -> None:
    def inner() -> None:
        raise KeyError("price")

    try:
        try:
            inner()
        except KeyError as error:
            raise ValueError("no price") from error
    except ValueError as error:
        text = told(error)
    first, *rest = text.split("\n")
    assert first == "ValueError: no price"
    assert rest[1] == "caused by:"
    assert rest[2] == "KeyError: 'price'"
    assert rest[-1].endswith("in test_an_exception_tells_its_types_its_frames_and_its_causes.<locals>.inner")


def test_exceptions_of_what_speaks_http_lose_their_text() -> None:
    from aiohttp.http_exceptions import BadHttpMessage

    assert CANARY not in told(BadHttpMessage(f"Bearer {CANARY}"))
    group = ExceptionGroup("two", [BadHttpMessage(CANARY), RuntimeError("kept")])
    assert CANARY not in told(group)
    assert "RuntimeError: kept" in told(group)


def test_exceptions_in_a_circle_are_told_once() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert told(one).count("ValueError") == 2
