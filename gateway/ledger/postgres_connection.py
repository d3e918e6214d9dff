"""PostgreSQL's connections: how they are opened, what their errors mean, and one write as one database transaction.

A write costs a fixed number of round trips whatever its size: the rows of each statement travel together.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from gateway.core.transaction import Change
from gateway.ledger import postgres_marks
from gateway.ledger.batch import Operation, plan
from gateway.ledger.errors import (
    ChangeRefusedError,
    LeaseLostError,
    LedgerDamagedError,
    LedgerError,
    LedgerUnavailableError,
)
from gateway.ledger.rows import Row
from gateway.ledger.statements import Statements

NAME = "the PostgreSQL ledger"
"""How messages call it: its URL holds a password."""
CHANNEL = "gateway_changes"
CONNECT_SECONDS = 3.0
COMMAND_SECONDS = 10.0
FATE_SECONDS = 5.0
"""How long a commit whose answer was lost is asked about, before its callers are told that its fate is unknown."""
_FATE_PAUSE = 0.05
_IDS_A_NOTICE = 400
"""PostgreSQL takes at most 8,000 bytes a notice."""

# Classes of SQLSTATE: connection, resources (disk full), operator (shutdown), system (I/O), internal, locks.
_UNAVAILABLE = ("08", "53", "57", "58", "XX", "25006", "25P03", "55P03")
_AGAIN = ("40001", "40P01")
"""Two replicas were in each other's way; nothing was written, and it is tried again."""

Lost = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)
"""What asyncpg raises when the connection, rather than the statement, is at fault. A server that is told to stop ends
a session even in the moment after its commit, so that its word about the commit is "terminated" (C25)."""


def meaning(error: BaseException) -> LedgerError:
    """What an error means for who waits. The text of a driver's error about the connection is left out: it may show
    the address."""
    state = getattr(error, "sqlstate", None) or ""
    if state == "XX001":
        return LedgerDamagedError(f"{NAME} is damaged ({error}); restore it from a copy")
    if isinstance(error, asyncpg.ClientConfigurationError | ValueError):
        return LedgerError("the ledger's url cannot be understood; write postgresql://user:password@host:port/database")
    if isinstance(error, TimeoutError):
        return LedgerUnavailableError(
            f"{NAME} did not answer in time: it hangs, waits for a lock, or the way to it is cut"
        )
    if isinstance(error, Lost):
        return LedgerUnavailableError(f"{NAME} cannot be reached ({type(error).__name__})")
    if state.startswith(_UNAVAILABLE) or state.startswith("28") or state == "3D000":
        return LedgerUnavailableError(f"{NAME} is not available: {error}")
    return ChangeRefusedError(f"the ledger refused the change: {error}")


async def connect(url: str) -> asyncpg.Connection[Any]:
    """A connection with the ledger's settings.

    Raises:
        LedgerUnavailableError: the server cannot be reached, or does not let us in.
    """
    try:
        return await asyncpg.connect(
            url,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings={
                "application_name": "pulsa-gateway",
                "synchronous_commit": "on",
                "idle_in_transaction_session_timeout": "10s",  # a replica frozen in a write must not hold others up
                "jit": "off",
            },
        )
    except (asyncpg.PostgresError, ValueError, *Lost) as error:
        raise meaning(error) from None  # the chain would show the URL's parts


class PostgresWriter:
    """The one connection that writes. When it is lost it is opened anew before the next write.

    Args:
        owner: whose writes these are.
        token: says in notices which process made the change.
    """

    def __init__(self, url: str, statements: Statements, owner: str, token: str) -> None:
        self._url = url
        self._statements = statements
        self._owner = owner
        self._token = token
        self._connection: asyncpg.Connection[Any] | None = None
        self.lease: str | None = None
        """The replica's id once it has a lease; then nothing is written after another has ended that lease."""
        self.base = 0
        """Where the count of events starts."""
        self.marked = False
        """Whether it may have left a mark."""

    async def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with contextlib.suppress(asyncpg.PostgresError, *Lost):
                await connection.close(timeout=1.0)

    async def write(self, operations: Sequence[Operation]) -> Sequence[Any]:
        """Write operations in one transaction. Where one of them is at fault they are written one by one.

        Raises:
            LeaseLostError: another replica has ended this one's lease; what was not committed before never will be.
            LedgerUnavailableError: nothing was written, or, where the message says so, its fate is unknown.
        """
        try:
            return await self._transact(operations)
        except LedgerUnavailableError:
            raise
        except Exception as error:  # one bad value must not lose the others
            again = getattr(error.__cause__, "sqlstate", "") in _AGAIN
            if len(operations) == 1 and not again:
                return [_refusal(error)]
        return [await self._alone(operation) for operation in operations]

    async def _alone(self, operation: Operation) -> Any:
        try:
            return (await self.write([operation]))[0]
        except LedgerUnavailableError as error:
            return error  # those before it were written, and their callers are told so

    async def _transact(self, operations: Sequence[Operation]) -> list[Any]:
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = self._connection = await connect(self._url)
        mark = postgres_marks.new()
        committing = False
        try:
            await connection.execute("BEGIN")
            await self._begin(connection, mark)
            answers = await self._run(connection, operations)
            committing = True
            if await connection.execute("COMMIT") != "COMMIT":
                raise LedgerUnavailableError(f"{NAME} rolled a write back")  # noqa: TRY301  # one way out for all
        except (asyncpg.PostgresError, *Lost) as error:
            if committing or isinstance(error, Lost):
                self._drop()
            else:
                await self._rollback(connection)
            # Whatever a server says while it goes down, also in the moment after the commit: what is there counts.
            if committing and await self._committed(mark):
                return answers
            raise meaning(error) from error
        except BaseException:
            await self._rollback(connection)
            raise
        return answers

    async def _begin(self, connection: asyncpg.Connection[Any], mark: int) -> None:
        """Leave the mark by which the write's fate can be asked later, and hold the lease until it ends."""
        await postgres_marks.leave(connection, self._owner, self.lease, mark)
        self.marked = True

    async def _run(self, connection: asyncpg.Connection[Any], operations: Sequence[Operation]) -> list[Any]:
        work = plan(self._statements, operations, self.base)
        found: list[Row] = []
        try:
            run = next(work)
            while True:
                sql, many = run.statement.sql, run.params
                if run.statement.returns:
                    found = list(await connection.fetchmany(sql, many))
                elif len(many) == 1:
                    await connection.execute(sql, *many[0])
                else:
                    await connection.executemany(sql, many)
                run = work.send(found)
        except StopIteration as end:
            answers: list[Any] = end.value
        pairs = zip(operations, answers, strict=True)
        changed = dict.fromkeys(change.after.id for change, won in pairs if isinstance(change, Change) and won)
        if changed:
            await connection.executemany("SELECT pg_notify($1::text, $2::text)", _notices(self._token, list(changed)))
        return answers

    async def _rollback(self, connection: asyncpg.Connection[Any]) -> None:
        try:
            await connection.execute("ROLLBACK")
        except (asyncpg.PostgresError, *Lost):
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _committed(self, mark: int) -> bool:
        """Whether a write whose `COMMIT` was not answered was committed.

        Raises:
            LeaseLostError: this replica's lease was ended meanwhile; nobody can tell any more.
            LedgerUnavailableError: nobody can tell in time.
        """
        try:
            async with asyncio.timeout(FATE_SECONDS):
                while True:
                    try:
                        connection = self._connection = self._connection or await connect(self._url)
                        return await postgres_marks.read(connection, self._owner, self.lease) == mark
                    except LeaseLostError:
                        raise
                    except (LedgerUnavailableError, asyncpg.PostgresError, *Lost):
                        self._drop()
                    await asyncio.sleep(_FATE_PAUSE)
        except TimeoutError:
            self._drop()
            raise LedgerUnavailableError(f"{NAME} was lost during a commit, whose fate is unknown") from None


def _notices(token: str, changed: list[str]) -> list[tuple[str, str]]:
    starts = range(0, len(changed), _IDS_A_NOTICE)
    return [(CHANNEL, f"{token}:{','.join(changed[at : at + _IDS_A_NOTICE])}") for at in starts]


def _refusal(error: Exception) -> Exception:
    if isinstance(error, LedgerError):
        return error
    refusal = ChangeRefusedError(f"the ledger refused the change: {error}")
    refusal.__cause__ = error
    return refusal
