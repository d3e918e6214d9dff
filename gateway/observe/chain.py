"""The chain of the audit log, as values: what a line says about the one before, and how to find what does not fit.

Each line is one JSON object and carries `prev`, the SHA-256 (hex) of the bytes of the line before without its line
feed. The first line of a file is `audit_file`; its `prev` is the hash of the last line of the file before it, or
`GENESIS`. So a line that was changed, removed, added or moved shows in the line after it. For the last line there is no
line after: the log keeps a *head* beside the file (`audit.jsonl.head`) that names the hash of a line near the end, a
second old at most.

The chain has no key. Who may write both files can make a new chain; keep the last hash elsewhere if that matters.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

GENESIS: Final = "0" * 64
"""`prev` of the very first line."""

FILE: Final = "audit_file"
"""A file begins."""
OPENED: Final = "audit_opened"
"""A process continues a file that was there."""
CLOSED: Final = "audit_closed"
"""A process ended in order."""
TORN: Final = "audit_torn"
"""The line before was cut by a crash. `after` is the hash of the line before that one."""
GAP: Final = "audit_gap"
"""Here `lost` lines are missing that could not be written."""
BROKEN: Final = "audit_broken"
"""When a process opened the file, the line that the head names (`expected`) was not in it."""


def digest(line: bytes) -> str:
    """The hash by which the next line knows this one. `line` has no line feed."""
    return hashlib.sha256(line).hexdigest()


def is_hash(value: object) -> bool:
    """Whether `value` is what `digest` makes."""
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


_HASH: Final = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What is to be said about one file."""

    lines: int
    bad_line: int | None = None
    """Counted from 1; the first line that does not fit. What was changed is this line or the one before it."""
    why: str | None = None
    torn: int = 0
    """Lines that crashes cut; each is explained by the line after it, or is the last."""
    lost: int = 0
    """Lines that the log itself says are missing."""
    after_head: int = 0
    """Lines at the end that no head names yet: if they were changed or removed, it does not show."""
    begins_after: str = GENESIS
    """`prev` of the first line: the last hash of the file before."""
    ends_with: str = GENESIS
    """The hash of the last line."""

    @property
    def ok(self) -> bool:
        return self.why is None


def verify(lines: Iterable[bytes], *, after: str | None = None, head: str | None = None) -> Verification:
    """Follow the chain through one file.

    Args:
        lines: with or without their line feeds. A last line without one may be a line that is being written.
        after: the hash that the first line must name; `None` if it is not known.
        head: the hash that the head names, of which a line must be found; `None` if there is none.
    """
    return _Verifier(after=after, head=head).run(lines)


class _Verifier:
    def __init__(self, *, after: str | None, head: str | None) -> None:
        self._after = after
        self._head = head
        self._before = after or GENESIS  # hash of the line before the last one: what `audit_torn` names
        self._last = after or GENESIS
        self._first_prev = after or GENESIS
        self._lines = 0
        self._torn = 0
        self._lost = 0
        self._unread = False  # the last line is no line of ours: only `audit_torn` may follow
        self._head_at: int | None = 0 if head is None or head == after else None

    def run(self, lines: Iterable[bytes]) -> Verification:
        ended = True
        for raw in lines:
            ended = raw.endswith(b"\n")
            self._lines += 1
            why = self._take(raw.removesuffix(b"\n"))
            if why is not None:
                return self._result(why, self._lines)
        if self._unread:
            if ended:
                return self._result("it is not a line of the audit log", self._lines)
            self._torn += 1
        if self._head_at is None:
            return self._result(
                "the head names a line that is not in the file: lines at the end were changed or removed",
                max(self._lines, 1),
            )
        return self._result(None, None)

    def _take(self, line: bytes) -> str | None:
        """Take one line in. Returns why it does not fit."""
        fields = _read(line)
        prev = None if fields is None else fields.get("prev")
        why = None
        if self._unread:
            why = self._torn_explained(fields)
        elif fields is None:
            self._unread = True
        elif self._lines == 1:
            self._first_prev = _hash(prev)
            if fields.get("event") != FILE:
                why = "the file does not begin with audit_file: lines before it were removed"
            elif self._after is not None and prev != self._after:
                why = "it does not continue the file before: that one's last line is another"
        elif prev != self._last:
            why = "prev is not the hash of the line before: a line was changed, removed, added or moved here"
        if why is None and fields is not None:
            why = self._note(fields)
        self._before, self._last = self._last, digest(line)
        if self._last == self._head:
            self._head_at = self._lines
        return why

    def _torn_explained(self, fields: dict[str, Any] | None) -> str | None:
        self._unread = False
        if fields is None or fields.get("event") != TORN:
            return "the line before cannot be read, and no crash is noted here"
        after = fields.get("after")
        if self._lines == 2 and self._after is None:
            self._first_prev = self._before = _hash(after)  # a crash while the file's first line was written
        if fields.get("prev") != self._last or after != self._before:
            return "the crash that is noted here cut another line"
        self._torn += 1
        return None

    def _note(self, fields: dict[str, Any]) -> str | None:
        if fields.get("event") == BROKEN:
            expected = _hash(fields.get("expected"))
            return f"when this was written, the line with the hash {expected} had been removed or changed"
        if fields.get("event") == GAP:
            lost = fields.get("lost")
            self._lost += lost if isinstance(lost, int) else 0
        return None

    def _result(self, why: str | None, bad_line: int | None) -> Verification:
        after_head = 0 if self._head is None or self._head_at is None else self._lines - self._head_at
        return Verification(
            lines=self._lines,
            bad_line=bad_line,
            why=why,
            torn=self._torn,
            lost=self._lost,
            after_head=after_head,
            begins_after=self._first_prev,
            ends_with=self._last,
        )


def _hash(value: object) -> str:
    """A hash out of a line that anybody may have written, fit for a terminal."""
    return str(value) if is_hash(value) else "?"


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("prev"), str) else None
