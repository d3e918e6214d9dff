"""Prints the gateway's audit log as it grows, for the cluster's log collector, and removes what is printed.

    python follow.py FILE [MOST]      MOST: bytes after which the file is moved away, and removed when it is printed

It runs beside the gateway, in its image, and needs nothing but Python. The gateway goes on in a new file when the old
one is gone from its place, and it ends before this does: on SIGTERM what is there is printed to its end. What was
printed is remembered in FILE.at; where that is lost, lines are printed twice, and never left out.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import BinaryIO

MOST = 64 * 1024 * 1024
PIECE = 1024 * 1024
PAUSE = 0.2
"""Seconds between two looks where nothing was new."""


class Printer:
    """One log, and how far it is printed."""

    def __init__(self, path: Path, out: BinaryIO, most: int = MOST) -> None:
        self._path, self._out, self._most = path, out, most
        self._moved = path.with_name(path.name + ".printed")
        self._at = path.with_name(path.name + ".at")
        self._file: BinaryIO | None = None

    def step(self) -> bool:
        """Print what is there, a piece at most. Whether there may be more."""
        if self._file is None:
            self._file = self._opened()
        if self._file is None:
            return False
        piece = self._file.read(PIECE)
        if not piece:
            return self._turn(self._file)
        self._out.write(piece)
        self._out.flush()
        new = self._at.with_name(self._at.name + ".new")
        new.write_text(f"{os.fstat(self._file.fileno()).st_ino} {self._file.tell()}", encoding="ascii")
        new.replace(self._at)
        return True

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def _opened(self) -> BinaryIO | None:
        """The file that is to be printed first, at the place up to which it is printed."""
        for path in (self._moved, self._path):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            file.seek(self._printed(os.fstat(file.fileno()).st_ino))
            return file
        return None

    def _printed(self, inode: int) -> int:
        """How many bytes of that file are printed."""
        try:
            known, offset = map(int, self._at.read_text(encoding="ascii").split())
        except (OSError, ValueError):
            return 0
        return offset if known == inode else 0

    def _turn(self, file: BinaryIO) -> bool:
        """At the end of a file: move it away when it is large, and leave it when the gateway has begun the next one."""
        here = os.fstat(file.fileno())
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False  # the gateway has not noticed yet that it was moved, and may still write to it
        if there.st_ino == here.st_ino:
            if here.st_size >= self._most:
                self._path.rename(self._moved)
            return False
        if file.tell() < os.fstat(file.fileno()).st_size:
            return True  # written between the last look and the new file
        file.close()
        self._file = None
        self._moved.unlink(missing_ok=True)
        return True


def main(path: str, most: str = str(MOST)) -> None:
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ending.append(number))
    printer = Printer(Path(path), sys.stdout.buffer, int(most))
    while True:
        last = bool(ending)  # before the look: what was written until then is printed
        while printer.step():
            pass
        if last:
            printer.close()
            return
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(*sys.argv[1:])
