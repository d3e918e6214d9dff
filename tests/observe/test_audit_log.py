"""What stands in a line, and what happens when the disk does not take it."""

from __future__ import annotations

import contextlib
import enum
import errno
import functools
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.net.redaction import Redactor
from gateway.observe import chain
from gateway.observe.audit import AuditError, AuditLog
from gateway.observe.audit_file import head_path, read_head
from gateway.observe.audit_lines import Lines, line_logger
from gateway.observe.chain import Verification, verify

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC).timestamp()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file, without the notes that it makes about itself."""
    return [
        line
        for line in map(orjson.loads, path.read_bytes().split(b"\n")[:-1])
        if not line["event"].startswith("audit_")
    ]


def check(path: Path) -> Verification:
    with path.open("rb") as file:
        return verify(file, head=read_head(path))


@given(st.floats(0, 4_000_000_000), st.floats(0, 2))
def test_the_time_of_a_line_is_the_moment_to_the_microsecond(at: float, later: float) -> None:
    made = Lines()
    logger = line_logger(made, redact=str, mask=True)
    for moment in (at, at + later):
        logger.write(moment, "sold", {})
        shown = orjson.loads(made.lines[-1])["ts"]
        assert shown == datetime.fromisoformat(shown).isoformat(timespec="microseconds")
        assert shown.endswith("+00:00")
        assert abs(datetime.fromisoformat(shown) - datetime.fromtimestamp(moment, UTC)) <= timedelta(microseconds=1)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


def one(event: str, /, *, mask: bool = False, redact: Callable[[str], str] = str, **fields: Any) -> dict[str, Any]:
    """One line without a file, read back."""
    made = Lines()
    line_logger(made, redact=redact, mask=mask).write(AT, event, fields)
    assert len(made.lines) == 1
    assert b"\n" not in made.lines[0]
    line: dict[str, Any] = orjson.loads(made.lines[0])
    return line


def test_a_line_says_when_what_and_who(path: Path) -> None:
    log = AuditLog(path, mask=False, clock=lambda: AT)
    log.write(
        "transaction_changed",
        transaction="1763871234567123456",
        ref_id="A-1",
        client="shop",
        provider="maxsi",
        attempt="17",
        from_="pending",
        to="success",
        source="supplier 203.0.113.7",
        price=5400,
        reason=None,
    )
    log.close()
    (line,) = lines(path)
    assert list(line)[:2] == ["ts", "event"]
    assert list(line)[-1] == "prev"
    assert line == {
        "ts": "2026-11-24T10:00:00.000000+00:00",
        "event": "transaction_changed",
        "transaction": "1763871234567123456",
        "ref_id": "A-1",
        "client": "shop",
        "provider": "maxsi",
        "attempt": "17",
        "from": "pending",
        "to": "success",
        "source": "supplier 203.0.113.7",
        "price": 5400,
        "reason": None,
        "prev": chain.digest(path.read_bytes().split(b"\n")[0]),
    }


def test_the_file_is_not_for_everybody(path: Path) -> None:
    AuditLog(path).close()
    assert path.stat().st_mode & 0o007 == 0


def test_lines_of_several_threads_are_all_there_and_in_order(path: Path) -> None:
    log = AuditLog(path)

    def work(name: int) -> None:
        for number in range(500):
            log.write("line", thread=name, number=number)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.close() == 0
    for name in range(4):
        assert [line["number"] for line in lines(path) if line["thread"] == name] == list(range(500))
    assert check(path).ok


def test_flush_returns_when_the_lines_are_on_the_disk(path: Path) -> None:
    log = AuditLog(path)
    log.write("one")
    assert log.flush(5)
    assert [line["event"] for line in lines(path)] == ["one"]
    assert read_head(path) == log.last_hash
    log.close()
    assert log.close() == 0, "twice is once"


@pytest.mark.parametrize("umask", [0o077, 0o022])
def test_the_head_may_be_read_by_whom_the_log_may(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        log = AuditLog(path)
        log.write("one")
        assert log.flush(5)
        head = head_path(path)
        assert head.stat().st_mode == path.stat().st_mode
        path.chmod(0o600)  # an operator narrows it
        log.write("two")
        assert log.flush(5)
        assert head.stat().st_mode & 0o777 == 0o600
        log.close()
    finally:
        os.umask(before)


def test_a_steady_stream_reaches_the_disk_too(path: Path) -> None:
    log = AuditLog(path)
    heads: set[str | None] = {read_head(path)}
    deadline = time.monotonic() + 20
    while len(heads) < 4:
        assert time.monotonic() < deadline, "no head while lines never stop coming"
        while log.waiting < 4_000:
            log.write("line", message="x" * 200)
        heads.add(read_head(path))
    log.close()


def test_a_second_process_is_refused(path: Path) -> None:
    log = AuditLog(path)
    with pytest.raises(AuditError, match="another process"):
        AuditLog(path)
    log.close()
    AuditLog(path).close()


def test_a_path_that_cannot_be_opened_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditError, match="cannot be opened"):
        AuditLog(tmp_path / "file" / "audit.jsonl")


STRANGER = """
import os, sys
from gateway.observe.audit import AuditError, AuditLog
if os.geteuid() == 0:
    os.seteuid(10001)
try:
    AuditLog(sys.argv[1])
except AuditError as error:
    print(os.geteuid(), error)
"""


def test_a_folder_of_somebody_else_is_refused_with_the_user_that_it_should_belong_to(tmp_path: Path) -> None:
    """As a container with a bind-mounted folder says it, where nobody sees which user it runs as."""
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o500)
    told = subprocess.run(  # noqa: S603 — our own program
        [sys.executable, "-c", STRANGER, str(folder / "audit.jsonl")], capture_output=True, text=True, check=True
    ).stdout
    user = told.partition(" ")[0]
    assert told.rstrip().endswith(f"the audit log cannot be opened: Permission denied for user {user}")


# --- strangers' words


HOSTILE = (
    'A-1\n{"event":"forged"}',
    "a\r\nb",
    "\x1b[2J\x1b[31mred\x1b[0m",
    "nul\x00nul",
    "\x9b31m \x85 \u2028 \u2029 \u202e\u2066 \x7f",
    "\ud800 lone",
    '","event":"forged","x":"',
    "\U0001f600 Rp 5.400",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_strangers_write_stays_in_one_line(path: Path, text: str) -> None:
    log = AuditLog(path)
    for field in ("ref_id", "user_agent", "message", "response"):
        log.write("seen", **{field: text, "deep": {text: [text]}})
    log.write("after")
    log.close()
    raw = path.read_bytes()
    assert [line["event"] for line in lines(path)] == ["seen"] * 4 + ["after"]
    assert len(raw.decode().splitlines()) == 7, "not even for readers that know every kind of line end"
    assert not [char for char in raw.decode() if ord(char) < 32 and char != "\n"]
    assert not set(raw.decode()) & set("\x7f\x85\x9b\u2028\u2029\u202e\u2066")
    if text.isprintable() or text.isascii():
        assert lines(path)[0]["ref_id"] == text, "escaped, not changed"
    assert check(path).ok


@given(
    st.dictionaries(
        st.text(max_size=10),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text()
            | st.binary(max_size=20)
            | st.characters(categories=["Cs"]),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=6,
    ),
    st.booleans(),
)
@settings(max_examples=150)
def test_any_fields_make_exactly_one_line(fields: dict[str, Any], mask: bool) -> None:
    line = one("any", mask=mask, data=fields)
    assert line["event"] == "any"
    assert "unwritable" not in line


class Colour(enum.StrEnum):
    RED = "red"


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no")


class Secretive:
    def __repr__(self) -> str:
        return "hunter2-token"


def test_other_types_become_text_that_is_redacted() -> None:
    line = one(
        "types",
        redact=Redactor(["hunter2-token"]).text,
        colour=Colour.RED,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        big=2**80,
        broken=Broken(),
        secret=Secretive(),
        raw=b"\xff hunter2-token",
        path=Path("/x"),
        several={"one"},
    )
    assert line["colour"] == "red"
    assert line["at"] == "2026-01-01T00:00:00+00:00"
    assert line["big"] == str(2**80)
    assert line["broken"] == "<Broken>"
    assert line["secret"] == "***"
    assert line["raw"] == "\ufffd ***"
    assert line["path"] == "/x"
    assert line["several"] == ["one"]


def test_the_lines_own_names_cannot_be_taken() -> None:
    line = one("real", event="forged", prev="forged", ts="forged")
    assert (line["event"], line["prev"], line["ts"][:4]) == ("real", chain.GENESIS, "2026")
    assert (line["event_"], line["prev_"], line["ts_"]) == ("forged", "forged", "forged")


def test_a_text_without_end_is_cut() -> None:
    line = one("long", message="x" * 1_000_000)
    assert len(line["message"]) < 21_000
    assert line["message"].endswith("(1000000 characters)")


def test_secrets_are_taken_out_of_every_string(path: Path) -> None:
    secrets = ["s3cr3t-pin-9", "hu/nt er&2", "123456"]
    log = AuditLog(path, redact=Redactor(secrets).text)
    log.write(
        "exchange",
        ref_id="s3cr3t-pin-9",
        request="GET /trx?pin=123456&sign=hu%2Fnt%20er%262",
        response="echo s3cr3t-pin-9",
        deep={"s3cr3t-pin-9": ["hu/nt er&2", {"pin": "123456"}]},
    )
    log.write("innocent", message="nothing here 8123 4567")
    log.close()
    raw = path.read_text()
    for secret in (*secrets, "hu%2Fnt%20er%262"):
        assert secret not in raw
    assert lines(path)[1]["message"] == "nothing here 8123 4567"


def test_a_reload_brings_new_secrets(path: Path) -> None:
    log = AuditLog(path, redact=Redactor(["old-secret"]).text)
    log.write("one", message="new-secret")
    assert log.flush(5)
    log.set_redactor(Redactor(["old-secret", "new-secret"]).text)
    log.write("two", message="new-secret old-secret")
    log.close()
    assert lines(path)[1]["message"] == "*** ***"


def test_with_mask_destinations_and_serials_are_masked(path: Path) -> None:
    log = AuditLog(path, mask=True)
    log.write(
        "exchange",
        ref_id="A-1",
        transaction="1763871234567123456",
        dest="085751112724",
        serial="0123456789012345",
        message="TRX XL5.085751112724 BERHASIL SN:0123456789012345",
        request="GET /trx?dest=085751112724&refID=1763871234567123456",
        response="TRX XL5.6285751112724 BERHASIL",
        to={"serial": "0123456789012345", "note": ["to 085751112724"]},
    )
    log.close()
    raw = path.read_text()
    assert "85751112724" not in raw
    assert "0123456789012345" not in raw
    (line,) = lines(path)
    assert line["dest"] == "08575xxx724", "the form of the contract"
    assert line["serial"] == "01234xxx345"
    assert line["message"] == "TRX XL5.08575xxx724 BERHASIL SN:01234xxx345"
    assert line["request"] == "GET /trx?dest=08575xxx724&refID=1763871234567123456"
    assert line["response"] == "TRX XL5.62857xxx724 BERHASIL"
    assert line["to"] == {"serial": "01234xxx345", "note": ["to 08575xxx724"]}
    assert line["ref_id"] == "A-1"
    assert line["transaction"] == "1763871234567123456"


def test_without_mask_they_are_not(path: Path) -> None:
    log = AuditLog(path, mask=False)
    log.write("exchange", dest="085751112724", message="SN 0123456789012345 to 085751112724")
    log.close()
    assert lines(path)[0]["message"] == "SN 0123456789012345 to 085751112724"


# --- the disk


@contextlib.contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: what a full disk does, short writes included."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_loses_nothing_that_the_queue_can_hold(path: Path) -> None:
    errors: list[None] = []
    log = AuditLog(path, on_error=lambda: errors.append(None))
    log.write("before")
    assert log.flush(5)
    assert errors == []
    with files_end_at(path.stat().st_size + 1_000):
        for number in range(50):
            log.write("during", number=number)
        until(lambda: log.trouble is not None)
        assert "cannot be written" in str(log.trouble)
        assert path.read_bytes().endswith(b"\n"), "what was written of the batch is taken back"
        assert log.waiting > 0
        until(lambda: bool(errors))
    until(lambda: log.trouble is None)
    log.write("after")
    assert log.close() == 0
    assert [line.get("number") for line in lines(path)] == [None, *range(50), None]
    found = check(path)
    assert (found.ok, found.lost) == (True, 0)


def test_the_other_log_says_when_a_disk_takes_nothing_and_when_it_does_again(path: Path) -> None:
    log = AuditLog(path)
    assert log.flush(5)
    with structlog.testing.capture_logs() as told:
        with files_end_at(path.stat().st_size):
            log.write("waits")
            until(lambda: bool(told))
            until(lambda: not log.waiting or log.trouble is not None)
        until(lambda: len(told) > 1)
    log.close()
    assert [line["event"] for line in told] == ["audit_not_written", "audit_is_written_again"]
    assert "cannot be written" in told[0]["why"]


def test_what_the_queue_cannot_hold_is_counted_and_noted_in_its_place(path: Path) -> None:
    told: list[int] = []
    log = AuditLog(path, queue=10, on_lost=told.append)
    assert log.flush(5)
    with files_end_at(path.stat().st_size):
        log.write("waits", number=0)
        until(lambda: log.trouble is not None)
        for number in range(1, 31):
            log.write("waits", number=number)
        assert sum(told) == 20
        assert log.waiting == 11, "ten in the queue, and the one whose write failed"
    until(lambda: log.trouble is None and log.waiting == 0)
    log.write("after")
    assert log.close() == 0
    every = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    names = [line["event"] for line in every if line["event"] not in {chain.FILE, chain.OPENED}]
    assert names == ["waits"] * 11 + [chain.GAP, "after", chain.CLOSED]
    assert [line["number"] for line in lines(path)[:-1]] == list(range(11)), "the oldest are kept, in order"
    found = check(path)
    assert (found.ok, found.lost) == (True, 20)
    assert len(told) == 20


def test_a_loss_is_noted_before_the_next_line_that_finds_room(path: Path) -> None:
    log = AuditLog(path, queue=3)
    assert log.flush(5)
    with files_end_at(path.stat().st_size):
        log.write("waits")
        until(lambda: log.trouble is not None)
        for _ in range(8):
            log.write("waits")
        log._limit = 10  # room comes free while the disk is still full: no pause in which the loss could be noted
        log.write("later")
    assert log.close(10) == 0
    every = [orjson.loads(line)["event"] for line in path.read_bytes().splitlines()]
    assert [event for event in every if event in {"waits", "later", chain.GAP}] == ["waits"] * 4 + [chain.GAP, "later"]
    assert check(path).lost == 5


@pytest.mark.parametrize("room", [1_000, 1_001, 1_050])
def test_what_cannot_be_taken_back_is_not_written_twice(path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """A disk that took a part of a batch and then refuses even to shorten the file."""

    def refuse(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "ftruncate", refuse)
    log = AuditLog(path)
    assert log.flush(5)
    with files_end_at(path.stat().st_size + room):
        for number in range(50):
            log.write("during", number=number)
        until(lambda: log.trouble is not None)
    until(lambda: log.trouble is None and log.waiting == 0)
    assert log.close() == 0
    numbers = []
    for line in path.read_bytes().splitlines():
        with contextlib.suppress(orjson.JSONDecodeError):
            numbers.append(orjson.loads(line).get("number"))
    assert [number for number in numbers if number is not None] == list(range(50))
    found = check(path)
    assert (found.ok, found.lost) == (True, 0)


def test_exchanges_that_wait_do_not_eat_the_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.observe.audit.MOST_CHARACTERS", 100_000)
    told: list[int] = []
    log = AuditLog(path, on_lost=told.append)
    assert log.flush(5)
    with files_end_at(path.stat().st_size):
        log.write("waits")
        until(lambda: log.trouble is not None)
        for _ in range(50):
            log.write("exchange", request="r" * 1_000, response="r" * 9_000)
        assert sum(told) == 40
    until(lambda: log.trouble is None and log.waiting == 0)
    assert log.close() == 0
    assert check(path).lost == 40


def test_writing_neither_blocks_nor_raises_while_the_disk_is_full(path: Path) -> None:
    def broken(n: int) -> None:
        raise RuntimeError("the metric is broken")

    log = AuditLog(path, queue=5, on_lost=broken)
    assert log.flush(5)
    with files_end_at(path.stat().st_size):
        log.write("waits")
        until(lambda: log.trouble is not None)
        began = time.perf_counter()
        for _ in range(2_000):
            log.write("lost")
        assert time.perf_counter() - began < 1
        assert log.close(timeout=5) > 0, "and it ends, and says what is lost"


def test_a_file_that_vanishes_is_made_again(path: Path) -> None:
    log = AuditLog(path)
    log.write("one")
    assert log.flush(5)
    last = log.last_hash
    path.unlink()
    log.reopen()
    log.write("two")
    log.close()
    assert check(path).begins_after == last


def test_what_is_lost_at_the_end_is_counted(path: Path) -> None:
    told: list[int] = []
    log = AuditLog(path, on_lost=told.append)
    assert log.flush(5)
    with files_end_at(path.stat().st_size):
        log.write("one")
        log.write("two")
        assert log.close(timeout=5) == 3, "with the note that it ended in order"
    assert sum(told) == 3


CHILD = """
import sys
from gateway.observe.audit import AuditLog
log = AuditLog(sys.argv[1])
number = 0
while True:
    if log.waiting < 5000:
        log.write("line", number=number, message="x" * (number % 3000))
        number += 1
"""


def _has_grown(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size > size


def test_a_process_killed_while_it_writes_leaves_a_chain_that_goes_on(path: Path) -> None:
    for _ in range(3):
        enough = (path.stat().st_size if path.exists() else 0) + 1_500_000
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)])  # noqa: S603 — our own program
        try:
            until(functools.partial(_has_grown, path, enough))
        finally:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        assert check(path).ok
    if path.read_bytes().endswith(b"\n"):
        head_path(path).unlink(missing_ok=True)
        path.write_bytes(path.read_bytes()[:-30])  # a kernel that died: the last line is cut for certain
    log = AuditLog(path)
    log.write("again")
    log.close()
    found = check(path)
    assert (found.ok, found.torn >= 1, found.after_head) == (True, True, 0)


def test_a_line_costs_little_where_it_is_written(path: Path) -> None:
    """A generous bound: what is measured is in the report; this finds work that slipped into the caller's thread."""
    log = AuditLog(path)
    message = "TRX XL5.081712345678 BERHASIL SN:0123456789012345"
    best = 1.0
    for _ in range(5):
        began = time.thread_time()
        for _ in range(2_000):
            log.write("line", transaction="1763871234567123456", dest="081712345678", message=message)
        best = min(best, (time.thread_time() - began) / 2_000)
    log.close()
    assert best < 15e-6
