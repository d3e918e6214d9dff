from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.recorded import Recording, read_recordings
from gateway.errors import GatewayError
from gateway.provider import RecordedMessage


def read(tmp_path: Path, content: str | bytes, name: str = "messages.txt") -> list[Recording]:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_recordings(file)


def texts(recordings: list[Recording]) -> list[tuple[int, str]]:
    return [(recording.line, recording.message.text) for recording in recordings]


def test_plain_lines_are_messages_and_blank_ones_are_not(tmp_path: Path) -> None:
    assert texts(read(tmp_path, "R#1 SUKSES\r\n\n  \n R#2 GAGAL ")) == [(1, "R#1 SUKSES"), (4, " R#2 GAGAL ")]


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    assert len(read(tmp_path, "a\u2028b\x0bc\x85d\x1ce\rf\n")) == 1


def test_json_lines_carry_what_is_known(tmp_path: Path) -> None:
    lines = '{"text": "x", "channel": "dup", "status_code": 46, "expect": ["unknown"], "more": 1}\n\n{"text": ""}\n'
    assert read(tmp_path, lines) == [
        Recording(1, RecordedMessage(text="x", channel="dup", status_code=46), ("unknown",)),
        Recording(3, RecordedMessage(text="")),
    ]
    nothing_known = '{"text": "x", "channel": null, "status_code": null, "expect": null}'
    assert read(tmp_path, nothing_known) == [Recording(1, RecordedMessage(text="x"))]


def test_json_lines_may_stand_among_plain_ones(tmp_path: Path) -> None:
    recordings = read(tmp_path, 'SUKSES\n{"text": "GAGAL", "channel": "report"}\n{"status": "a supplier\'s own"}\n{cut')
    assert texts(recordings) == [(1, "SUKSES"), (2, "GAGAL"), (3, '{"status": "a supplier\'s own"}'), (4, "{cut")]


def test_what_is_not_utf8_becomes_a_question(tmp_path: Path) -> None:
    assert texts(read(tmp_path, b"\xef\xbb\xbfSUKSES \xff\n")) == [(1, "SUKSES \ufffd")]
    assert texts(read(tmp_path, b'{"text": "a\xffb\\ud800"}\n')) == [(1, "a\ufffdb?")]


@pytest.mark.parametrize(
    "line",
    [
        '{"text": "x"', '["x"]', '"x"', "plain", "{}", '{"text": 5}', '{"text": "x", "channel": "fax"}',
        '{"text": "x", "channel": 5}', '{"text": "x", "channel": ["sync"]}', '{"text": "x", "status_code": "20"}',
        '{"text": "x", "status_code": true}', '{"text": "x", "status_code": 2.5}', '{"text": "x", "expect": "success"}',
        '{"text": "x", "expect": ["sukses"]}', '{"text": "x", "expect": [["success"]]}', "[" * 100_000,
        '{"text": "x", "status_code": ' + "9" * 5000 + "}",
    ],
)  # fmt: skip
def test_a_malformed_json_line_is_named(tmp_path: Path, line: str) -> None:
    for name, first in (("m.jsonl", '{"text": "x"}'), ("m.txt", '{"text": "x"}')):
        with pytest.raises(GatewayError) as caught:
            read(tmp_path, f"{first}\n\n{line}\n", name)
        assert f"{name}:3: " in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(GatewayError, match="cannot be read"):
            read_recordings(path)


@settings(max_examples=100)
@given(st.lists(st.text(max_size=30).filter(lambda text: text.strip() != ""), max_size=5))
def test_any_text_survives_json_lines(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    content = "\n".join(json.dumps({"text": line}) for line in lines)
    read_back = read(tmp_path_factory.getbasetemp(), content, "any.jsonl")
    assert [recording.message.text for recording in read_back] == lines
