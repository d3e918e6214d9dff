"""The audit log: who changed what, one JSON object a line, each chained to the one before.

`write` only queues. One thread masks, serialises, chains and writes what has gathered, up to two thousand lines at a
time; it hands each batch to the operating system at once and sees it to the disk about once a second. So a killed
process loses what was queued in the last instants, and a power cut about a second. What happened to money is in the
ledger, which this log does not replace.

A disk that takes nothing does not stop purchases. Lines wait in the queue (100,000 of them, or 64 million characters
of exchanges); what comes after that is lost and counted, and when the disk is back a line `audit_gap` says in its place
how many are missing. Until then `trouble` says what is wrong, for readiness to show.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.observe import chain
from gateway.observe.audit_file import AuditError, AuditFile
from gateway.observe.audit_lines import Lines, Redact, line_logger

__all__ = ["AuditError", "AuditLog"]

log = structlog.get_logger(__name__)

QUEUE: Final = 100_000
MOST_CHARACTERS: Final = 64_000_000
_BATCH: Final = 2_000
_GATHER: Final = 0.02  # seconds that the thread lets a batch gather: fewer switches between threads
_SYNC: Final = 1.0
_RETRY: Final = 0.5

_Record = tuple[float, str, dict[str, Any]]


class AuditLog:
    """The audit log in one file, which it locks.

    Args:
        path: the file; its folder is made. A head is kept beside it, see `chain`.
        mask: whether destinations and serials are masked.
        redact: takes every secret out of a text; applied to every string of every line.
        on_lost: told how many more lines were lost; from any thread.
        on_error: called when lines could not be written; from the log's own thread.
        queue: how many lines may wait.
        max_bytes: begin a new file when this one is larger; `None` leaves rotation to others, see `reopen`.
        clock: seconds since 1970.

    Raises:
        AuditError: the file cannot be opened, or another process writes it.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        mask: bool = True,
        redact: Redact = str,
        on_lost: Callable[[int], None] = lambda n: None,
        on_error: Callable[[], None] = lambda: None,
        queue: int = QUEUE,
        max_bytes: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.trouble: str | None = None
        """Why lines are not being written; `None` while all is well. Holds no secret."""
        self._redact = redact
        self._on_lost = on_lost
        self._on_error = on_error
        self._limit = queue
        self._max_bytes = max_bytes
        self._clock = clock

        self._queue: deque[_Record] = deque()
        self._characters_in = self._characters_out = 0
        self._lost = 0
        self._full = threading.Lock()

        self._asleep = True
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._look = False
        self._synced = threading.Condition()
        self._done = self._taken = 0
        self._sync_at = 0.0

        self._pending: list[_Record] = []
        self._tried: list[str] = []
        self._lines = Lines()
        self._logger = line_logger(self._lines, redact=self._redacted, mask=mask)
        self._file = AuditFile(Path(path))
        try:
            self._notes = self._file.open()
        except OSError as error:
            # In a container the folder of a volume often belongs to somebody else.
            who = f" for user {os.geteuid()}" if isinstance(error, PermissionError) else ""
            raise AuditError(f"{path}: the audit log cannot be opened: {error.strerror}{who}") from None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()
        self._wake.set()

    def write(self, event: str, /, **fields: Any) -> None:
        """Queue one line. Costs about a microsecond, never blocks, never raises.

        `from_` is written as `from`. Values must not be changed afterwards: another thread serialises them.
        """
        if (self._lost or self._is_full()) and not self._room():
            return
        self._queue.append((self._clock(), event, fields))
        if "response" in fields or "request" in fields:
            self._characters_in += _characters(fields)
        if self._asleep:
            self._asleep = False
            self._wake.set()

    @property
    def waiting(self) -> int:
        """Lines that are not written yet."""
        return len(self._queue) + len(self._pending)

    @property
    def last_hash(self) -> str:
        """The hash of the last line in the file. Keep it elsewhere, and nobody can make a new chain unnoticed."""
        return self._file.last

    def set_redactor(self, redact: Redact) -> None:
        """Use another redactor from the next line on: a reload may bring new secrets."""
        self._redact = redact

    def reopen(self) -> None:
        """The file was moved away: go on in a new one. Without this call it is noticed within a second or two."""
        self._look = True
        self._wake.set()

    def flush(self, timeout: float) -> bool:
        """Wait until everything that was queued before is on the disk. Blocks: call it in a thread.

        Returns whether it was so within `timeout` seconds.
        """
        goal = self._taken + len(self._queue)
        self._sync_at = 0.0
        self._wake.set()
        with self._synced:
            return self._synced.wait_for(lambda: self._done >= goal, timeout)

    def close(self, timeout: float = 5.0) -> int:
        """Write what is queued, note the end, and close. Blocks: call it in a thread.

        Returns how many lines could not be written within `timeout` seconds; they are lost, and counted.
        """
        if self._thread.is_alive():
            self.write(chain.CLOSED)
            self._ending.set()
            self._wake.set()
            self._thread.join(timeout)
            if self.waiting:
                self._count_lost(self.waiting)
        return self.waiting

    def _redacted(self, text: str) -> str:
        return self._redact(text)

    def _is_full(self) -> bool:
        return len(self._queue) >= self._limit or self._characters_in - self._characters_out >= MOST_CHARACTERS

    def _room(self) -> bool:
        """Whether there is room again. What was lost in between is said in its place, before the next line."""
        with self._full:
            if self._is_full():
                self._lost += 1
                self._count_lost(1)
                return False
            self._say_what_is_lost()
            return True

    def _say_what_is_lost(self) -> None:
        if self._lost:
            self._queue.append((self._clock(), chain.GAP, {"lost": self._lost}))
            self._lost = 0

    def _count_lost(self, n: int) -> None:
        with contextlib.suppress(Exception):
            self._on_lost(n)

    def _run(self) -> None:
        while True:
            self._wake.wait(_SYNC if self.trouble is None else _RETRY)
            self._ending.wait(_GATHER if self.trouble is None else _RETRY)
            self._wake.clear()
            self._asleep = True
            before = self.trouble
            try:
                self._work()
            except OSError as error:
                self._failed(error.strerror or type(error).__name__)
            except AuditError as error:
                self.trouble = str(error)
            except Exception as error:
                self._failed(type(error).__name__)
            if self.trouble is not None:
                with contextlib.suppress(Exception):
                    self._on_error()
            self._tell(before)
            if self._ending.is_set() and (self.trouble is not None or not self.waiting):
                break
        self._file.close()

    def _tell(self, before: str | None) -> None:
        """Say in the other log when trouble begins and ends: this one cannot."""
        if self.trouble == before:
            return
        with contextlib.suppress(Exception):
            if self.trouble is not None:
                log.error("audit_not_written", why=self.trouble, waiting=self.waiting)
            else:
                log.warning("audit_is_written_again", lost=self._lost)

    def _work(self) -> None:
        """Write everything that is there."""
        if not self._file.is_open:
            self._notes = self._file.open()
            self._forget_what_is_written()
        while True:
            self._go_on_in_a_new_file()
            self._take()
            if self._notes or self._pending:
                self._write_batch()
                self._sync_if_due()  # here too: under a steady stream the queue is never empty
                continue
            with self._full:
                self._say_what_is_lost()
            if not self._queue:
                break
        self._sync_if_due()
        self.trouble = None

    def _sync_if_due(self) -> None:
        now = time.monotonic()
        if now >= self._sync_at or (self._ending.is_set() and not self._queue):
            self._sync_at = now + _SYNC
            self._file.sync()
            with self._synced:
                self._done = self._taken
                self._synced.notify_all()

    def _take(self) -> None:
        while self._queue and len(self._pending) < _BATCH:
            record = self._queue.popleft()
            self._characters_out += _characters(record[2])
            self._pending.append(record)
            self._taken += 1

    def _write_batch(self) -> None:
        self._lines.begin(self._file.last)
        now = self._clock()
        for event, fields in self._notes:
            self._logger.write(now, event, fields)
        for at, event, fields in self._pending:
            self._logger.write(at, event, fields)
        self._tried = self._lines.hashes[len(self._notes) :]
        self._file.append(self._lines.lines, self._lines.last)
        self._notes = []
        self._pending.clear()
        self._tried = []

    def _go_on_in_a_new_file(self) -> None:
        if self._max_bytes is not None and self._file.size >= self._max_bytes:
            self._file.set_aside()
            self._look = True
        if self._look or time.monotonic() >= self._sync_at:
            self._look = False
            if self._file.moved():
                self._file.sync()
                self._file.close()
                self._notes = self._file.open()

    def _failed(self, why: str) -> None:
        """Nothing of the batch counts as written; the file is opened anew at the next try."""
        self.trouble = f"the audit log cannot be written: {why}"
        with contextlib.suppress(OSError):
            self._file.close()

    def _forget_what_is_written(self) -> None:
        """Where a failed write could not be taken back, some of its lines are in the file all the same."""
        for end in (self._file.last, self._file.last_whole):  # the cut may lie right before a line feed
            if end in self._tried:
                del self._pending[: self._tried.index(end) + 1]
                break
        self._tried = []


def _characters(fields: dict[str, Any]) -> int:
    """About what an exchange weighs while it waits."""
    total = 0
    for name in ("request", "response"):
        value = fields.get(name)
        if isinstance(value, str):
            total += len(value)
    return total
