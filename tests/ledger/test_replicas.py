"""Several replicas on one PostgreSQL: node numbers, leases, taking over, and hearing of each other's changes (C26)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.transaction import AttemptStatus, Change
from gateway.ledger import (
    ChangeRefusedError,
    LeaseLostError,
    Ledger,
    LedgerUnavailableError,
    postgres,
    postgres_connection,
)
from gateway.ledger.postgres import PostgresLedger

START = datetime(2026, 11, 24, 3, 0, 0, 123456, tzinfo=UTC)
Make = Callable[..., Change]

OVERDUE = "UPDATE replicas SET lease_until = 0 WHERE id = 'first'"
HEIR = {"lease_seconds": 1.0}
"""A replica that soon has seen the ledger for as long as a lease."""


async def replica(database: Any, name: str, **options: Any) -> PostgresLedger:
    ledger = PostgresLedger(database.url, owner=name, **options)
    await ledger.start()
    return ledger


async def test_each_replica_gets_a_node_of_its_own_and_gives_it_back(postgresql: Any) -> None:
    ledgers = [await replica(postgresql, f"replica-{number}") for number in range(3)]
    nodes = await asyncio.gather(*(ledger.claim_node() for ledger in ledgers))
    assert sorted(nodes) == [0, 1, 2]
    await ledgers[nodes.index(1)].close()
    newcomer = await replica(postgresql, "newcomer")
    assert await newcomer.claim_node() == 1
    for ledger in (ledgers[nodes.index(0)], ledgers[nodes.index(2)], newcomer):
        await ledger.close()
    assert await postgresql.count("replicas") == 0


async def test_sqlite_has_one_replica(sqlite: Any) -> None:
    ledger = await sqlite.open()
    assert await ledger.claim_node() == 0
    assert ledger.lease_held()
    assert await ledger.take_over() == []
    await ledger.close()


async def test_owners_differ_by_themselves(postgresql: Any) -> None:
    first, second = PostgresLedger(postgresql.url), PostgresLedger(postgresql.url)
    assert first.owner != second.owner


async def test_a_replica_that_takes_over_keeps_its_own_overdue_lease(postgresql: Any) -> None:
    """After an outage that was longer than the leases nobody would be left to write (C25)."""
    first = await replica(postgresql, "first")
    await first.claim_node()
    await postgresql.execute(OVERDUE)
    assert await first.take_over() == []
    assert await postgresql.count("replicas") == 1
    await first.close()


async def test_after_an_outage_longer_than_a_lease_nobody_ends_the_leases_of_the_others(
    postgresql: Any, accept: Make, eventually: Any
) -> None:
    """Whoever comes back first would end them all, and every purchase would be taken over by one replica (C25)."""
    server = postgresql.server
    first, second = await replica(postgresql, "first", **HEIR), await replica(postgresql, "second", **HEIR)
    for each in (first, second):
        await each.claim_node()
        each._tasks[-1].cancel()  # hearts that beat only where this test says so
    gone = await replica(postgresql, "gone", **HEIR)
    await gone.claim_node()
    gone._tasks[-1].cancel()
    left = accept(owner="gone").after
    assert await gone.commit(Change(before=None, after=left))
    await asyncio.to_thread(server.stop, "immediate")
    with pytest.raises(LedgerUnavailableError):
        await first.take_over()
    await eventually(lambda: not second.lease_held())
    await asyncio.to_thread(server.start)
    assert await first.take_over() == []
    assert await postgresql.count("replicas") == 3
    await first._lease.renew()
    assert (await first._lease._stand()).replicas == 3, "each keeps to its part of what suppliers allow"
    assert await second.commit(accept("A-2", owner="second"))
    assert second.lease_held()

    taken: list[str] = []
    async with asyncio.timeout(10):
        while not taken:
            await second._lease.renew()
            taken = await first.take_over()
    assert (await first._lease._stand()).replicas == 2
    assert taken == [left.id]
    assert [row[0] for row in await postgresql.execute("SELECT id FROM replicas ORDER BY id")] == ["first", "second"]
    for each in (gone, first, second):
        await each.close()


async def test_a_heartbeat_keeps_the_lease(postgresql: Any) -> None:
    first = await replica(postgresql, "first", lease_seconds=0.3)
    await first.claim_node()
    [[before]] = await postgresql.execute("SELECT lease_until FROM replicas")
    async with asyncio.timeout(10):
        while (await postgresql.execute("SELECT lease_until FROM replicas"))[0][0] <= before + 600_000:
            assert first.lease_held()
            await asyncio.sleep(0.05)
    await first.close()


async def test_the_transactions_of_a_replica_that_is_gone_are_taken_over_and_its_writes_refused(
    postgresql: Any, accept: Make, succeed: Make
) -> None:
    first, second = await replica(postgresql, "first"), await replica(postgresql, "second", **HEIR)
    await first.claim_node()
    await second.claim_node()
    opened = accept("A-1", owner="first").after
    settled = accept("A-2", owner="first", attempts=1).after
    assert await first.commit(Change(before=None, after=opened))
    assert await first.commit(Change(before=None, after=settled))
    done = succeed(settled)
    assert await first.commit(replace(done, notifications=()))
    assert await second.take_over() == []

    await postgresql.execute(OVERDUE)
    assert await second.take_over() == [opened.id]
    assert await postgresql.execute("SELECT key FROM meta WHERE key LIKE 'writer:%'") == []
    taken = replace(opened, owner="second", version=2)
    assert await second.transaction(opened.id) == taken
    assert await second.interrupted(10) == [taken]
    assert await second.take_over() == []

    for change in (succeed(opened), accept("A-3", owner="first")):
        with pytest.raises(LeaseLostError, match="restart"):
            await first.commit(change)
    first._written_at = first._probe = None  # as if the second that a commit is good for were over
    with pytest.raises(LedgerUnavailableError):
        await first.writable()
    assert await second.transaction_by_ref("shop", "A-3") is None
    assert await second.transaction(opened.id) == taken
    assert await second.commit(succeed(taken))
    await first.close()
    await second.close()


async def test_a_frozen_replica_learns_that_its_lease_is_over_before_it_sends(postgresql: Any, eventually: Any) -> None:
    first = await replica(postgresql, "first", lease_seconds=0.3)
    await first.claim_node()
    assert first.lease_held()
    first._tasks[-1].cancel()  # a heart that no longer beats, as in a process that was stopped
    await eventually(lambda: not first.lease_held())
    await first.close()


async def test_a_heart_that_missed_a_beat_goes_on(
    postgresql: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await replica(postgresql, "first", lease_seconds=0.3)
    await first.claim_node()
    renew, beats = first._lease.renew, [0]

    async def refused() -> None:
        beats[0] += 1
        if beats[0] == 1:
            raise ChangeRefusedError("two were in each other's way")
        await renew()

    monkeypatch.setattr(first._lease, "renew", refused)
    await eventually(lambda: beats[0] >= 3)
    assert first.lease_held()
    await first.close()


async def test_a_heart_that_finds_its_lease_ended_stops(postgresql: Any) -> None:
    first = await replica(postgresql, "first", lease_seconds=0.3)
    await first.claim_node()
    await postgresql.execute("DELETE FROM replicas")
    await first.lease_lost()
    assert not first.lease_held()
    await first.close()


async def test_a_write_that_finds_its_lease_ended_tells_it_at_once(postgresql: Any, accept: Make) -> None:
    first = await replica(postgresql, "first")
    await first.claim_node()
    await postgresql.execute("DELETE FROM replicas")
    with pytest.raises(LeaseLostError):
        await first.commit(accept(owner="first"))
    async with asyncio.timeout(1):
        await first.lease_lost()
    await first.close()


async def test_a_late_replica_goes_on_when_nobody_has_ended_its_lease(postgresql: Any, accept: Make) -> None:
    first = await replica(postgresql, "first")
    await first.claim_node()
    await postgresql.execute(OVERDUE)
    assert await first.commit(accept(owner="first"))
    await first.close()


async def test_a_replica_in_the_middle_of_a_write_is_not_taken_over(postgresql: Any, accept: Make) -> None:
    first, second = await replica(postgresql, "first"), await replica(postgresql, "second", **HEIR)
    await first.claim_node()
    await second.claim_node()
    opened = accept(owner="first").after
    await first.commit(Change(before=None, after=opened))
    await postgresql.execute(OVERDUE)
    writing = first._writer._connection
    assert writing is not None
    await writing.execute("BEGIN")
    await first._writer._begin(writing, 1)
    assert await second.take_over() == []
    await writing.execute("COMMIT")
    assert await second.take_over() == [opened.id]
    await first.close()
    await second.close()


async def test_what_still_wants_work_is_taken_over_although_it_is_final(
    postgresql: Any, accept: Make, succeed: Make
) -> None:
    first, second = await replica(postgresql, "gone"), await replica(postgresql, "second")
    await second.claim_node()
    opened = accept(owner="gone").after
    await first.commit(Change(before=None, after=opened))
    with_message = succeed(opened)
    await first.commit(with_message)  # its notification is not delivered yet
    checked = accept("A-2", owner="gone", attempts=2).after
    await first.commit(Change(before=None, after=checked))
    one_left = succeed(checked)
    unknown = replace(one_left.after.attempts[1], status=AttemptStatus.UNKNOWN)
    one_left = replace(
        one_left, after=replace(one_left.after, attempts=(one_left.after.attempts[0], unknown)), notifications=()
    )
    await first.commit(one_left)
    await first.close()
    assert await second.take_over() == [opened.id, checked.id]
    assert len(await second.due_notifications(START + timedelta(hours=1), 10)) == 1
    assert await second.due_checks(START + timedelta(hours=1), 10) == [(checked.id, unknown.id)]
    await second.close()


async def test_two_that_take_over_at_once_share_without_overlap(postgresql: Any, accept: Make) -> None:
    gone = await replica(postgresql, "gone")
    written = [accept(f"A-{number}", owner="gone") for number in range(1200)]
    await asyncio.gather(*(gone.commit(change) for change in written))
    await gone.close()
    heirs = [await replica(postgresql, f"heir-{number}") for number in range(3)]
    for heir in heirs:
        await heir.claim_node()
    taken: list[str] = []
    async with asyncio.timeout(30):
        while len(taken) < 1200:  # one that comes while another is at it gets nothing, and so may all of them
            found = await asyncio.gather(*(heir.take_over() for heir in heirs))
            taken += [number for each in found for number in each]
    assert len(taken) == len(set(taken)) == 1200
    owned = [len(await heir.interrupted(2000)) for heir in heirs]
    assert sum(owned) == 1200
    for heir in heirs:
        await heir.close()


async def test_changes_are_heard_by_the_other_replicas_and_only_by_them(
    postgresql: Any, accept: Make, succeed: Make, eventually: Any
) -> None:
    heard: dict[str, list[str]] = {"first": [], "second": []}
    first = await replica(postgresql, "first", on_change=heard["first"].append)
    second = await replica(postgresql, "second", on_change=heard["second"].append)
    many = [accept(f"A-{number}") for number in range(900)]  # more than one notice holds
    await asyncio.gather(*(first.commit(change) for change in many))
    await eventually(lambda: len(heard["second"]) == 900)
    assert set(heard["second"]) == {change.after.id for change in many}
    heard["second"].clear()
    assert not await first.commit(accept("A-1"))  # a lost one tells nothing
    await second.commit(succeed(many[0].after))
    await eventually(lambda: heard["first"] == [many[0].after.id])
    assert heard["second"] == []
    await first.close()
    await second.close()


async def test_after_a_gap_in_listening_anything_may_have_changed(
    postgresql: Any, accept: Make, eventually: Any
) -> None:
    heard: list[str] = []
    first = await replica(postgresql, "first", on_change=heard.append)
    second = await replica(postgresql, "second")
    await postgresql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    )
    await eventually(lambda: heard == [""])
    change = accept()
    await second.commit(change)
    await eventually(lambda: heard == ["", change.after.id])
    await first.close()
    await second.close()


async def test_events_go_on_above_those_of_another_server(postgresql: Any, accept: Make) -> None:
    """A ledger that is loaded into a new server finds a count of transactions that starts anew."""
    before: Ledger = await postgresql.open()
    await before.commit(accept("A-1"))
    [(last, _, _)] = await before.events_after(None, 0, 10)
    await before.close()
    await postgresql.execute(f"UPDATE events SET id = id + {(1 << 20) * 1_000_000}")  # noqa: S608  # a number
    after = await postgresql.open()
    await after.commit(accept("A-2"))
    numbers = [number for number, _, _ in await after.events_after(None, 0, 10)]
    assert len(numbers) == 2
    assert numbers[1] > numbers[0] > last
    await after.close()
    again = await postgresql.open()
    await again.commit(accept("A-3"))
    assert len(await again.events_after(None, numbers[1], 10)) == 1
    await again.close()


async def test_a_replica_that_starts_while_others_write_counts_events_as_they_do(postgresql: Any, accept: Make) -> None:
    """With a count of its own it would give the numbers of their events again, and its purchases would be refused."""
    first = await replica(postgresql, "first")
    connection = await postgres_connection.connect(postgresql.url)

    class Watched:
        """Between any two of its statements another replica writes."""

        transaction, execute = connection.transaction, connection.execute
        asked = 0

        async def fetchval(self, sql: str) -> Any:
            found = await connection.fetchval(sql)
            self.asked += 1
            assert await first.commit(accept(f"A-{self.asked}"))
            return found

    watched = Watched()
    assert await postgres._event_base(watched) == 0
    assert watched.asked >= 3
    assert await postgresql.execute("SELECT value FROM meta WHERE key = 'event_base'") == []
    await connection.close()
    await first.close()
