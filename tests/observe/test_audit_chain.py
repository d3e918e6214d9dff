"""The chain: whatever is done to a line, it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.observe import chain
from gateway.observe.audit import AuditLog
from gateway.observe.audit_file import head_path, read_head
from gateway.observe.chain import Verification, verify


def chained(bodies: Sequence[Mapping[str, object]], *, after: str = chain.GENESIS) -> list[bytes]:
    """Lines with their line feeds, as the log writes them."""
    lines: list[bytes] = []
    for body in ({"event": chain.FILE}, *bodies):
        line = orjson.dumps({**body, "prev": after})
        after = chain.digest(line)
        lines.append(line + b"\n")
    return lines


def hash_of(line: bytes) -> str:
    return chain.digest(line.rstrip(b"\n"))


BODIES = st.lists(st.dictionaries(st.sampled_from("abc"), st.text(max_size=8), min_size=1), min_size=1, max_size=8)
WHOLE = BODIES.map(lambda bodies: chained([{"event": "e", **body} for body in bodies]))


@given(WHOLE)
@settings(max_examples=30)
def test_what_was_written_is_whole(lines: list[bytes]) -> None:
    found = verify(lines, head=hash_of(lines[-1]))
    assert found == Verification(lines=len(lines), ends_with=hash_of(lines[-1]))
    assert found.ok


@given(WHOLE, st.data())
@settings(max_examples=60)
def test_a_removed_line_is_found(lines: list[bytes], data: st.DataObject) -> None:
    where = data.draw(st.integers(0, len(lines) - 1))
    head = hash_of(lines[-1])
    found = verify([*lines[:where], *lines[where + 1 :]], head=head)
    assert not found.ok
    if where < len(lines) - 1:
        assert found.bad_line == where + 1, "the line that now stands in its place"


@given(WHOLE, st.data())
@settings(max_examples=200)
def test_an_altered_byte_is_found(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(lines)
    where = data.draw(st.integers(0, len(whole) - 2))  # the last line feed is no part of a line
    byte = data.draw(st.integers(0, 255))
    assume(byte != whole[where])
    altered = whole[:where] + bytes([byte]) + whole[where + 1 :]
    found = verify(
        altered.splitlines(keepends=True) if b"\r" not in altered else _split(altered), head=hash_of(lines[-1])
    )
    assert not found.ok
    line = whole[:where].count(b"\n") + 1
    assert found.bad_line is not None
    assert found.bad_line in {line, line + 1, len(_split(altered))}


def _split(data: bytes) -> list[bytes]:
    """As a file in binary mode is read: only at line feeds."""
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


@given(WHOLE, st.data())
@settings(max_examples=60)
def test_two_swapped_lines_are_found(lines: list[bytes], data: st.DataObject) -> None:
    one, other = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=2, max_size=2, unique=True).map(sorted))
    swapped = lines[:]
    swapped[one], swapped[other] = lines[other], lines[one]
    found = verify(swapped, head=hash_of(lines[-1]))
    assert not found.ok
    assert found.bad_line == one + 1


@given(WHOLE, st.data())
@settings(max_examples=60)
def test_an_added_or_repeated_line_is_found(lines: list[bytes], data: st.DataObject) -> None:
    where = data.draw(st.integers(0, len(lines)))
    extra = data.draw(st.sampled_from(lines) | st.just(b'{"event":"e","prev":"' + b"0" * 64 + b'"}\n'))
    assume(where != len(lines) or hash_of(extra) != hash_of(lines[-1]))
    found = verify([*lines[:where], extra, *lines[where:]], head=hash_of(lines[-1]))
    if where == len(lines):
        assert not found.ok or found.after_head == 1
    else:
        assert not found.ok


@given(st.binary(max_size=300))
@settings(max_examples=100)
def test_any_bytes_can_be_verified(data: bytes) -> None:
    found = verify(_split(data))
    assert found.ok or found.bad_line


def test_without_a_head_a_removed_last_line_does_not_show_and_with_it_does() -> None:
    lines = chained([{"event": "a"}, {"event": "b"}])
    assert verify(lines[:-1]).ok
    assert not verify(lines[:-1], head=hash_of(lines[-1])).ok


def test_lines_after_the_head_are_counted() -> None:
    lines = chained([{"event": "a"}, {"event": "b"}, {"event": "c"}])
    assert verify(lines, head=hash_of(lines[1])).after_head == 2


def test_a_file_whose_front_was_cut_off_does_not_pass_for_a_rotated_one() -> None:
    lines = chained([{"event": "a"}, {"event": chain.OPENED}, {"event": "b"}])
    found = verify(lines[2:])
    assert found.bad_line == 1
    assert "lines before it were removed" in str(found.why)


def test_a_crash_explains_a_cut_line_and_only_that_one() -> None:
    whole = chained([{"event": "a"}])
    torn = b'{"event":"b","pr'
    note = orjson.dumps({"event": chain.TORN, "after": hash_of(whole[-1]), "prev": chain.digest(torn)})
    found = verify([*whole, torn + b"\n", note + b"\n"])
    assert (found.ok, found.torn) == (True, 1)
    assert not verify([*whole, torn + b"x\n", note + b"\n"]).ok
    assert not verify([whole[0], torn + b"\n", note + b"\n"]).ok, "the line before the cut one was removed"
    assert not verify([*whole, torn + b"\n"]).ok, "a complete line that is none"
    assert verify([*whole, torn]).torn == 1, "a line that is being written"
    other = orjson.dumps({"event": "b", "prev": chain.digest(torn)})
    assert not verify([*whole, torn + b"\n", other + b"\n"]).ok


def test_what_is_told_about_a_forged_line_cannot_forge_the_terminal() -> None:
    line = orjson.dumps({"event": chain.FILE, "prev": "\x1b[2J0"})
    broken = orjson.dumps({"event": chain.BROKEN, "expected": "\x1b[2J", "prev": chain.digest(line)})
    found = verify([line + b"\n", broken + b"\n"])
    assert "\x1b" not in f"{found.why}{found.begins_after}"


@pytest.mark.parametrize("lost", ["9", None, 1.5, {}])
def test_a_gap_with_a_senseless_number_is_read(lost: object) -> None:
    assert verify(chained([{"event": chain.GAP, "lost": lost}])).lost == 0


# --- the file: restarts, crashes, rotation


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit" / "audit.jsonl"


def run(path: Path, *events: str) -> None:
    """One life of a process that ends in order."""
    log = AuditLog(path)
    for event in events:
        log.write(event)
    assert log.close() == 0


def events(path: Path) -> list[str]:
    return [orjson.loads(line)["event"] for line in path.read_bytes().splitlines()]


def check(path: Path, after: str | None = None) -> Verification:
    with path.open("rb") as lines:
        return verify(lines, after=after, head=read_head(path))


def test_the_chain_goes_on_across_restarts(path: Path) -> None:
    run(path, "one")
    run(path, "two")
    run(path)
    assert events(path) == [
        "audit_file",
        "one",
        "audit_closed",
        "audit_opened",
        "two",
        "audit_closed",
        "audit_opened",
        "audit_closed",
    ]
    assert check(path) == Verification(lines=8, ends_with=hash_of(path.read_bytes().splitlines()[-1]))


@pytest.mark.parametrize("cut", range(1, 120, 7))
def test_a_line_that_a_crash_cut_is_kept_and_explained(path: Path, cut: int) -> None:
    run(path, "one", "two")
    head_path(path).unlink()  # a head is never ahead of what is on the disk
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    run(path, "three")
    after = path.read_bytes()
    assert after.startswith(whole[:-cut])
    assert "audit_torn" in events_but_torn(path)
    found = check(path)
    assert found.ok, found
    assert found.after_head == 0


def events_but_torn(path: Path) -> list[str]:
    found = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(orjson.loads(line)["event"])
        except orjson.JSONDecodeError:
            found.append("(torn)")
    return found


def test_even_a_first_line_that_a_crash_cut_is_explained(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"ts":"2026')
    run(path, "one")
    assert events_but_torn(path) == ["(torn)", "audit_torn", "one", "audit_closed"]
    assert check(path).ok


def test_a_crash_before_the_line_feed_loses_nothing(path: Path) -> None:
    run(path, "one")
    head_path(path).unlink()
    path.write_bytes(path.read_bytes()[:-1])
    run(path, "two")
    assert events(path) == ["audit_file", "one", "audit_closed", "audit_torn", "two", "audit_closed"]
    assert check(path).ok


def test_lines_removed_while_no_process_ran_show_for_ever(path: Path) -> None:
    run(path, "one", "two", "three")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    run(path, "four")
    assert events(path)[-3:] == ["audit_broken", "four", "audit_closed"]
    found = check(path)
    assert not found.ok
    assert hash_of(lines[-1]) in str(found.why)


def test_a_last_line_altered_while_no_process_ran_shows(path: Path) -> None:
    run(path, "one")
    path.write_bytes(path.read_bytes().replace(b"audit_closed", b"audit_clozed"))
    assert not check(path).ok
    run(path)
    assert "audit_broken" in events(path)


def test_a_rotated_file_is_followed_by_one_that_names_its_last_line(path: Path) -> None:
    log = AuditLog(path)
    log.write("one")
    assert log.flush(5)
    old = path.with_name("audit.jsonl.1")
    path.rename(old)
    log.reopen()
    log.write("two")
    log.close()
    assert events(old) == ["audit_file", "one"]
    assert events(path) == ["audit_file", "two", "audit_closed"]
    first = check(old)
    assert check(path, after=first.ends_with).ok
    assert check(path).begins_after == first.ends_with
    assert not check(path, after="f" * 64).ok


def test_a_file_moved_away_without_a_word_is_noticed(path: Path) -> None:
    log = AuditLog(path)
    log.write("one")
    assert log.flush(5)
    path.rename(path.with_name("audit.jsonl.1"))
    assert log.flush(5)
    log.write("two")
    log.close()
    assert events(path) == ["audit_file", "two", "audit_closed"]


def test_a_file_moved_away_while_no_process_ran_is_continued(path: Path) -> None:
    run(path, "one")
    old = path.with_name("audit.jsonl.1")
    path.rename(old)
    run(path, "two")
    with old.open("rb") as lines:
        assert check(path, after=verify(lines).ends_with).ok
    assert check(path).begins_after != chain.GENESIS


def test_reopen_without_a_rotation_changes_nothing(path: Path) -> None:
    log = AuditLog(path)
    log.reopen()
    assert log.flush(5)
    log.write("one")
    log.close()
    assert events(path) == ["audit_file", "one", "audit_closed"]


def test_a_file_that_is_too_large_is_set_aside(path: Path) -> None:
    log = AuditLog(path, max_bytes=2_000)
    for _ in range(4):
        for _ in range(20):
            log.write("line", text="x" * 100)
        assert log.flush(5)
    log.close()
    files = [*sorted(path.parent.glob("audit.jsonl.2*")), path]
    assert len(files) >= 4
    after: str | None = chain.GENESIS
    count = 0
    for file in files:
        found = check(file, after) if file == path else verify(file.read_bytes().splitlines(keepends=True), after=after)
        assert found.ok, (file, found)
        after = found.ends_with
        count += events(file).count("line")
    assert count == 80
