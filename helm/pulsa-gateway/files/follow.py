"""Prints the gateway's audit log as it grows, for the cluster's log collector, and removes what is printed.

    python follow.py FILE [MOST]      MOST: bytes after which the file is moved away, and removed when it is printed

It runs beside the gateway with nothing but Python. The gateway goes on in a new file when the old one is gone from its
place, and ends before this does: on SIGTERM what is there is printed to its end. What was printed is remembered in
FILE.at; where even that is lost, lines are printed twice, and never left out.
"""

import os
import signal
import sys
import time

MOST = 64 * 1024 * 1024
PIECE = 1024 * 1024
PAUSE = 0.2


class Printer:
    """One log, and how far it is printed."""

    def __init__(self, path, out, most=MOST):
        self.path, self.out, self.most = path, out, most
        self.moved = path + ".printed"
        self.file = None

    def open(self):
        """The file that is to be printed first, at the place where it is printed up to."""
        for path in (self.moved, self.path):
            try:
                self.file = open(path, "rb")  # noqa: SIM115, PTH123 - held until the next one is there
            except FileNotFoundError:
                continue
            self.file.seek(self.printed())
            return True
        return False

    def printed(self):
        try:
            with open(self.path + ".at", encoding="ascii") as kept:  # noqa: PTH123
                inode, offset = map(int, kept.read().split())
        except (OSError, ValueError):
            return 0
        return offset if inode == os.fstat(self.file.fileno()).st_ino else 0

    def step(self):
        """Print what is there. Whether there was anything."""
        if self.file is None and not self.open():
            return False
        piece = self.file.read(PIECE)
        if not piece:
            return self.turn()
        self.out.write(piece)
        self.out.flush()
        with open(self.path + ".at.new", "w", encoding="ascii") as kept:  # noqa: PTH123
            kept.write(f"{os.fstat(self.file.fileno()).st_ino} {self.file.tell()}")
        os.replace(self.path + ".at.new", self.path + ".at")  # noqa: PTH105
        return True

    def turn(self):
        """Move a large file away; go on in the next one when the gateway has begun it."""
        here = os.fstat(self.file.fileno())
        try:
            there = os.stat(self.path)  # noqa: PTH116
        except FileNotFoundError:
            return False  # moved away, and the gateway has not noticed yet: it may still write here
        if there.st_ino == here.st_ino:
            if here.st_size >= self.most:
                os.rename(self.path, self.moved)  # noqa: PTH104
            return False
        if self.file.read(1):  # between our last look and the new file
            self.file.seek(-1, os.SEEK_CUR)
            return True
        self.file.close()
        self.file = None
        if os.path.exists(self.moved):  # noqa: PTH110
            os.remove(self.moved)  # noqa: PTH107
        return True


def main(path, most=MOST):
    ending = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
    printer = Printer(path, sys.stdout.buffer, int(most))
    while True:
        last = bool(ending)  # before the look: what was written until then is printed
        while printer.step():
            pass
        if last:
            return
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(*sys.argv[1:])
