"""Clients are told of each change of their own transactions, without gaps, and slow ones hurt only themselves."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from gateway.core.transaction import Change, Event
from gateway.http import streams
from gateway.http.times import Times

QUICK = Times(beat=0.05)
HERE = ipaddress.ip_network("127.0.0.0/8")
ELSEWHERE = ipaddress.ip_network("203.0.113.0/24")


class Reader:
    """Reads one stream as a client does."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.beats = 0
        self.last = ""

    async def next(self) -> dict[str, Any]:
        """The next event, with its id and name."""
        fields: dict[str, str] = {}
        while True:
            async with asyncio.timeout(5):
                line = (await self.response.content.readline()).decode()
            if not line:
                raise EOFError
            if line == ":\n":
                self.beats += 1
            elif line == "\n" and "data" in fields:
                data = json.loads(fields["data"])
                assert data["id"] == int(fields["id"])
                assert data["event"] == fields["event"]
                self.last = fields["id"]
                assert isinstance(data, dict)
                return data
            elif ": " in line:
                name, _, value = line.rstrip("\n").partition(": ")
                fields[name] = value


@asynccontextmanager
async def listening(
    gateway: Any, keys: dict[str, str], client: str = "shop", last: str | None = None
) -> AsyncIterator[Reader]:
    headers = {"Authorization": f"Bearer {keys[client]}"}
    if last is not None:
        headers["Last-Event-ID"] = last
    async with gateway.session.get(gateway.api + "/v1/events", headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield Reader(response)


def change(gateway: Any, count: int = 1, kind: str = "checked") -> None:
    """Something happens to the newest transaction."""
    row = list(gateway.engine.ledger.rows.values())[-1]
    for _ in range(count):
        after = replace(row, version=row.version + 1)
        gateway.engine.commit(Change(before=row, after=after, events=(Event(kind, row.updated_at, "clock", {}),)))
        row = after


async def test_each_change_arrives_with_the_transaction_as_it_is(gateway: Any, keys: dict[str, str]) -> None:
    await gateway.buy(ref_id="before")
    async with listening(gateway, keys) as reader:
        bought = await gateway.buy(ref_id="A-1")
        told = await reader.next()
        assert (told["event"], told["transaction"]) == ("accepted", bought.json["id"])
        assert told["state"] == bought.json
        change(gateway)
        assert (await reader.next())["event"] == "checked"


async def test_a_client_hears_nothing_of_others(gateway: Any, keys: dict[str, str]) -> None:
    async with listening(gateway, keys) as reader, listening(gateway, keys, "other") as other:
        await gateway.buy(client="other", ref_id="theirs")
        await gateway.buy(ref_id="ours")
        assert (await reader.next())["state"]["ref_id"] == "ours"
        assert (await other.next())["state"]["ref_id"] == "theirs"


async def test_a_stream_is_taken_up_where_it_was_left(gateway: Any, keys: dict[str, str]) -> None:
    async with listening(gateway, keys) as reader:
        await gateway.buy(ref_id="A-1")
        first = await reader.next()
    change(gateway, 2 * streams.PAGE + 3)
    async with listening(gateway, keys, last=str(first["id"])) as reader:
        seen = [(await reader.next())["id"] for _ in range(2 * streams.PAGE + 3)]
        change(gateway)
        seen.append((await reader.next())["id"])
    assert seen == [number for number, _, _ in gateway.engine.ledger.numbered][1:]


@pytest.mark.parametrize("last", ["40", "9223372036854775807"])
async def test_a_number_that_was_never_given_out_silences_nobody(gateway: Any, keys: dict[str, str], last: str) -> None:
    """So it is after an older copy of the ledger was restored."""
    await gateway.buy(ref_id="A-1")
    change(gateway, 2)
    assert gateway.engine.ledger.numbered[-1][0] == 30
    async with listening(gateway, keys, last=last) as reader:
        change(gateway)
        assert (await reader.next())["id"] == 40


async def test_an_event_of_another_replica_that_has_not_come_here_yet_is_not_told_again(
    gateway: Any, keys: dict[str, str]
) -> None:
    await gateway.buy(ref_id="A-1")
    async with listening(gateway, keys):  # from here on the position is known
        row = next(iter(gateway.engine.ledger.rows.values()))
        told_elsewhere = Event("checked", row.updated_at, "clock", {})
        gateway.engine.ledger.numbered.append((25, row.id, told_elsewhere))
        async with listening(gateway, keys, last="25") as reader:
            change(gateway)
            assert (await reader.next())["id"] == 30


async def test_nothing_is_lost_or_told_twice_while_catching_up_under_load(gateway: Any, keys: dict[str, str]) -> None:
    await gateway.buy(ref_id="A-1")
    change(gateway, 300)

    async def busy() -> None:
        for _ in range(100):
            change(gateway, 3)
            await asyncio.sleep(0.001)

    async with listening(gateway, keys):
        working = asyncio.create_task(busy())
        async with listening(gateway, keys, last="0") as reader:
            seen = [(await reader.next())["id"] for _ in range(601)]
        await working
    assert seen == [number for number, _, _ in gateway.engine.ledger.numbered]


async def test_many_listeners_cost_one_read(gateway: Any, keys: dict[str, str]) -> None:
    async with listening(gateway, keys) as first, listening(gateway, keys) as second, listening(gateway, keys) as third:
        before = gateway.engine.ledger.reads
        await gateway.buy(ref_id="A-1")
        for reader in (first, second, third):
            assert (await reader.next())["state"]["ref_id"] == "A-1"
        assert gateway.engine.ledger.reads - before == 1


async def test_a_quiet_stream_beats(open_gateway: Any, keys: dict[str, str]) -> None:
    gateway = await open_gateway(times=QUICK)
    async with listening(gateway, keys) as reader:
        asyncio.get_running_loop().call_later(0.3, lambda: asyncio.ensure_future(gateway.buy()))
        await reader.next()
        assert reader.beats >= 2


async def test_a_reader_that_does_not_read_is_cut_and_can_come_back(
    gateway: Any, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_BEHIND", 500)
    head = f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {keys['shop']}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0], limit=1024)
    writer.write(head.encode())
    await reader.readuntil(b"retry")
    await gateway.buy(ref_id="A-1")
    async with listening(gateway, keys, "other") as other:
        for _ in range(200):  # more than what the system keeps for a reader, and MOST_BEHIND
            change(gateway, 50)
            await asyncio.sleep(0.005)
        await gateway.buy(client="other")
        assert (await other.next())["event"] == "accepted"
    with suppress(ConnectionError):
        async with asyncio.timeout(5):
            await reader.read()
    writer.close()
    newest = gateway.engine.ledger.numbered[-2][0]
    async with listening(gateway, keys, last=str(gateway.engine.ledger.numbered[-5][0])) as again:
        assert (await again.next())["id"] <= newest


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "99999999999999999999", str(2**63), "\u0661"])
async def test_a_last_event_id_that_is_none_is_refused(gateway: Any, last: str) -> None:
    answer = await gateway.call("GET", "/v1/events", headers={"Last-Event-ID": last})
    assert (answer.status, answer.json["field"]) == (400, "Last-Event-ID")


async def test_a_stop_ends_the_streams(gateway: Any, keys: dict[str, str]) -> None:
    async with listening(gateway, keys) as reader:
        async with asyncio.timeout(3):
            await gateway.runner.cleanup()
        with pytest.raises(EOFError):
            await reader.next()


async def test_draining_ends_the_streams_and_opens_no_new_ones(open_gateway: Any, keys: dict[str, str]) -> None:
    gateway = await open_gateway(times=QUICK)
    async with listening(gateway, keys) as reader:
        gateway.engine.draining = True
        with pytest.raises(EOFError):
            await reader.next()
    assert (await gateway.call("GET", "/v1/events")).status == 503


async def test_a_client_that_the_configuration_no_longer_knows_hears_no_more(
    open_gateway: Any, keys: dict[str, str]
) -> None:
    gateway = await open_gateway(times=QUICK)
    async with listening(gateway, keys) as reader:
        gateway.engine.settings = gateway.engine.settings.model_copy(update={"clients": ()})
        with pytest.raises(EOFError):
            await reader.next()


async def test_a_reader_is_told_that_its_connection_ends_with_the_stream(gateway: Any, keys: dict[str, str]) -> None:
    async with listening(gateway, keys) as reader:
        assert reader.response.headers["Connection"] == "close"


@pytest.mark.parametrize(
    "change",
    [{"key_hash": "sha256:" + "0" * 64}, {"allow_from": (ELSEWHERE,)}],
    ids=["another key", "other addresses"],
)
async def test_who_would_not_be_let_in_any_more_hears_no_more(
    open_gateway: Any, keys: dict[str, str], change: dict[str, Any]
) -> None:
    """A key that was stolen is taken out by a reload, and what it has open must not go on telling."""
    gateway = await open_gateway(times=QUICK)
    async with listening(gateway, keys) as reader, listening(gateway, keys, "other") as other:
        settings = gateway.engine.settings
        clients = tuple(one.model_copy(update=change) if one.id == "shop" else one for one in settings.clients)
        gateway.engine.settings = settings.model_copy(update={"clients": clients})
        with pytest.raises(EOFError):
            async with asyncio.timeout(5):  # it beats as long as it lives
                await reader.next()
        await gateway.buy(client="other")
        assert (await other.next())["event"] == "accepted", "others are not touched"


async def test_a_stream_goes_on_while_its_key_is_one_of_several(open_gateway: Any, keys: dict[str, str]) -> None:
    gateway = await open_gateway(times=QUICK)
    async with listening(gateway, keys) as reader:
        settings = gateway.engine.settings
        clients = tuple(
            one.model_copy(
                update={"key_hash": ("sha256:" + "0" * 64, *one.key_hashes), "allow_from": (ELSEWHERE, HERE)}
            )
            for one in settings.clients
        )
        gateway.engine.settings = settings.model_copy(update={"clients": clients})
        await asyncio.sleep(5 * QUICK.beat)
        await gateway.buy()
        assert (await reader.next())["event"] == "accepted"


async def test_a_ledger_that_is_down_costs_a_pause_and_no_event(
    gateway: Any, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_PAUSE", 0.05)
    async with listening(gateway, keys) as reader:
        await gateway.buy(ref_id="A-1")
        await reader.next()
        gateway.engine.ledger.down = True
        change(gateway)
        await asyncio.sleep(0.1)
        gateway.engine.ledger.down = False
        assert (await reader.next())["event"] == "checked"


async def test_who_hangs_up_leaves_nothing_behind(open_gateway: Any, keys: dict[str, str]) -> None:
    gateway = await open_gateway(times=QUICK)
    async with listening(gateway, keys) as reader:
        reader.response.close()
    await gateway.until(lambda: not gateway.connections)
    await gateway.until(lambda: ("/v1/events", 200) in gateway.metrics.requests)


@pytest.mark.parametrize("last", [0, 1, 10, 999, 2**40 + 7, 2**62])
async def test_the_highest_number_is_found_wherever_it_is(gateway: Any, last: int) -> None:
    gateway.engine.ledger.numbered = [(last, "x", None)] if last else []
    gateway.engine.ledger.rows["x"] = type("Row", (), {"client": "shop"})()
    feed = streams.Feed(gateway.engine, "shop", gather=0, poll=None)
    await feed.started()
    assert feed.position == last
    assert gateway.engine.ledger.reads <= 130


async def test_streams_that_read_what_they_missed_take_turns(gateway: Any, keys: dict[str, str]) -> None:
    ledger, reading, most = gateway.engine.ledger, 0, 0
    await gateway.buy()
    change(gateway, 3 * streams.PAGE)
    events_after = ledger.events_after

    async def counted(client: str, after: int, limit: int) -> Any:
        nonlocal reading, most
        reading, most = reading + 1, max(most, reading + 1)
        try:
            await asyncio.sleep(0.005)
            return await events_after(client, after, limit)
        finally:
            reading -= 1

    async def follow() -> list[int]:
        async with listening(gateway, keys, last="0") as reader:
            return [(await reader.next())["id"] for _ in range(3 * streams.PAGE)]

    ledger.events_after = counted
    seen = await asyncio.gather(*(follow() for _ in range(20)))
    assert seen == [seen[0]] * 20
    assert len(set(seen[0])) == 3 * streams.PAGE
    assert most <= 3, "two that replay, and the one that reads for all"
