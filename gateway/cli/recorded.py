"""Recorded messages in a file: plain lines, or JSON lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.core.outcome import OutcomeStatus
from gateway.errors import GatewayError
from gateway.provider import RecordedMessage

CHANNELS = ("sync", "report", "check", "dup", "balance")
VERDICTS = tuple(status.value for status in OutcomeStatus)
MAX_BYTES = 256_000_000


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded message, the line that it stands on, and the verdicts that are right for it."""

    line: int
    message: RecordedMessage
    expect: tuple[str, ...] = ()
    """Empty: no verdict is expected."""


def read_recordings(path: Path) -> list[Recording]:
    """Every message in `path`. Blank lines hold none.

    A file is read as JSON lines where it is named `.jsonl` or `.ndjson`, or where its first message is a JSON object;
    then each line must be one. In any other file a line that is a JSON object with a `text` is read as such, and every
    other line is a message as it stands. What is not UTF-8 becomes U+FFFD, as in a live answer.

    Raises:
        GatewayError: the file cannot be read, or a line is malformed; names the line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise GatewayError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not a path'}") from None
    if len(content) > MAX_BYTES:
        raise GatewayError(f"{path}: is larger than {MAX_BYTES} bytes")
    # Not splitlines(): suppliers' texts hold other characters that it takes for line ends.
    lines = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace").split("\n")
    filled = [(number, line.removesuffix("\r")) for number, line in enumerate(lines, start=1) if line.strip()]
    strict = path.suffix.lower() in (".jsonl", ".ndjson") or (bool(filled) and filled[0][1].lstrip().startswith("{"))
    return [_recording(str(path), number, line, strict=strict) for number, line in filled]


def _recording(file: str, number: int, line: str, *, strict: bool) -> Recording:
    plain = Recording(number, RecordedMessage(text=line))
    if not strict and not line.lstrip().startswith("{"):
        return plain
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        if not strict:
            return plain
        raise GatewayError(f"{file}:{number}: is not JSON") from None
    if not isinstance(data, dict) or not isinstance(data.get("text"), str):
        if not strict:
            return plain
        raise GatewayError(f'{file}:{number}: must be a JSON object with a "text"')
    return _from_json(f"{file}:{number}", number, data)


def _from_json(place: str, number: int, data: dict[str, Any]) -> Recording:
    channel = data.get("channel") or "sync"
    if channel not in CHANNELS:
        raise GatewayError(f"{place}: channel must be one of {', '.join(CHANNELS)}")
    status_code = data.get("status_code")
    if status_code is not None and (not isinstance(status_code, int) or isinstance(status_code, bool)):
        raise GatewayError(f"{place}: status_code must be a whole number")
    expect = data.get("expect")
    if expect is None:
        expect = []
    if not isinstance(expect, list) or any(word not in VERDICTS for word in expect):
        raise GatewayError(f"{place}: expect must be a list of verdicts: {', '.join(VERDICTS)}")
    text = data["text"].encode("utf-8", errors="replace").decode("utf-8")  # JSON can hold halves of characters
    return Recording(number, RecordedMessage(text=text, channel=channel, status_code=status_code), tuple(expect))
