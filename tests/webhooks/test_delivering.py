"""The deliverer on a clock that tests move: C10, the retry budget of C17, and what a dead receiver must not do."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.delivery import SCHEDULE, Answer
from gateway.core.transaction import Notification
from gateway.engine.deliver import NoWebhookError, state_of
from gateway.ledger import LedgerUnavailableError
from gateway.settings.types import Webhook
from tests.webhooks.delivering import NOW, OK, FakeClock, FakeOutbox, Senders, World, change

DOWN = Answer(status=None, detail="connect refused (ECONNREFUSED)")
HOUR = 3600.0


@pytest.fixture
async def world(webhook: Callable[..., Webhook]) -> AsyncIterator[World]:
    clock = FakeClock()
    one = World(clock=clock, outbox=FakeOutbox(), senders=Senders(clock), webhook=webhook)
    yield one
    for deliverer in one.made:
        await deliverer.close()


async def test_what_is_committed_is_sent_at_once_without_asking_the_ledger(
    world: World, notification: Callable[..., Notification]
) -> None:
    deliverer = world.deliverer()
    one = notification()
    world.outbox.put(one)
    deliverer.offer(change(one))
    await deliverer.settled()
    assert world.senders.ids == [one.id]
    assert world.outbox.asked == 0
    row = world.outbox.rows[one.id]
    assert (row.delivered_at, row.tries, row.last_error, state_of(row)) == (NOW, 1, None, "delivered")
    await world.work(deliverer)
    assert world.senders.ids == [one.id]
    assert world.counts.results == {"shop delivered": 1}


async def test_what_another_replica_sends_is_left_to_it(
    world: World, notification: Callable[..., Notification]
) -> None:
    deliverer = world.deliverer()
    deliverer.offer(change(notification(), owner="there"))
    await deliverer.settled()
    assert world.senders.ids == []


async def test_what_was_left_by_the_last_process_is_sent(
    world: World, notification: Callable[..., Notification]
) -> None:
    for number in range(30):
        world.outbox.put(notification(number))
    deliverer = world.deliverer()
    await world.work(deliverer)
    assert sorted(world.senders.ids) == sorted(world.outbox.rows)
    assert all(row.delivered_at for row in world.outbox.rows.values())
    assert world.senders.most["http://shop/"] == 8


async def test_a_receiver_that_is_down_for_70_hours_still_gets_it_with_the_same_id(
    world: World, notification: Callable[..., Notification]
) -> None:
    one = notification()
    world.outbox.put(one)
    world.senders.say["http://shop/"] = lambda _: DOWN if world.clock.at < NOW + timedelta(hours=70) else OK
    deliverer = world.deliverer()
    await world.work(deliverer)
    await world.pass_(deliverer, 90 * HOUR)
    row = world.outbox.rows[one.id]
    assert row.delivered_at is not None
    assert timedelta(hours=70) <= row.delivered_at - NOW <= timedelta(hours=84)
    assert set(world.senders.ids) == {one.id}
    assert len(world.senders.sent) == row.tries == len(SCHEDULE)
    gaps = [
        later - earlier for (earlier, _), (later, _) in zip(world.senders.sent, world.senders.sent[1:], strict=False)
    ]
    for gap, pause in zip(gaps, SCHEDULE[1:], strict=True):
        assert pause <= gap.total_seconds() <= pause * 1.1 + 0.001


@pytest.mark.parametrize(
    "answer",
    [Answer(status=status) for status in (301, 307, 308, 400, 404, 429, 500, 503)] + [DOWN, Answer(status=None)],
)
async def test_whatever_is_no_2xx_is_tried_again(
    world: World, notification: Callable[..., Notification], answer: Answer
) -> None:
    one = notification()
    world.outbox.put(one)
    answers = [OK, answer, answer]
    world.senders.say["http://shop/"] = lambda _: answers.pop()
    deliverer = world.deliverer()
    await world.work(deliverer)
    waiting = world.outbox.rows[one.id]
    assert (state_of(waiting), waiting.tries) == ("pending", 1)
    assert waiting.last_error
    await world.pass_(deliverer, 4.9)
    assert len(world.senders.sent) == 1
    await world.pass_(deliverer, 400)
    assert world.senders.ids == [one.id] * 3
    assert state_of(world.outbox.rows[one.id]) == "delivered"
    assert world.counts.results == {"shop retry": 2, "shop delivered": 1}


async def test_after_the_last_try_it_is_dead_until_an_operator_sends_it_again(
    world: World, notification: Callable[..., Notification]
) -> None:
    one = notification()
    world.outbox.put(one)
    world.senders.say["http://shop/"] = lambda _: DOWN
    deliverer = world.deliverer()
    await world.work(deliverer)
    await world.pass_(deliverer, 200 * HOUR)
    row = world.outbox.rows[one.id]
    assert (state_of(row), row.tries, row.last_error) == ("dead", len(SCHEDULE), DOWN.detail)
    assert world.audit.lines[-1][0] == "webhook_dead"
    world.senders.say.clear()
    again = await deliverer.resend(one.id, "Sri")
    assert (state_of(again), again.tries) == ("pending", 0)
    await world.work(deliverer)
    assert state_of(world.outbox.rows[one.id]) == "delivered"
    assert set(world.senders.ids) == {one.id}
    event, fields = world.audit.lines[-1]
    assert (event, fields["operator"], fields["source"], fields["notification"], fields["state"]) == (
        "webhook_resent",
        "Sri",
        "operator",
        one.id,
        "dead",
    )


async def test_what_was_delivered_can_be_sent_again_too(
    world: World, notification: Callable[..., Notification]
) -> None:
    one = notification()
    world.outbox.put(one)
    deliverer = world.deliverer()
    await world.work(deliverer)
    await deliverer.resend(one.id, "Sri")
    await world.work(deliverer)
    assert world.senders.ids == [one.id, one.id]
    with pytest.raises(LookupError):
        await deliverer.resend("msg_unknown", "Sri")
    deliverer.configure([])
    with pytest.raises(NoWebhookError):
        await deliverer.resend(one.id, "Sri")


async def test_410_disables_the_receiver_over_restarts_until_an_operator_sends_something_again(
    world: World, notification: Callable[..., Notification]
) -> None:
    for number in range(3):
        world.outbox.put(notification(number), NOW + timedelta(seconds=number))
    world.senders.say["http://shop/"] = lambda _: Answer(status=410, detail="status 410")
    deliverer = world.deliverer()
    await world.work(deliverer)
    assert len(world.senders.sent) == 1
    await world.pass_(deliverer, 100 * HOUR)
    deliverer.offer(change(notification(7)))
    restarted = world.deliverer()
    await world.work(restarted)
    assert len(world.senders.sent) == 1
    assert [state_of(row) for row in world.outbox.rows.values()] == ["dead", "pending", "pending"]
    assert deliverer.receivers() == [
        {"client": "shop", "state": "disabled", "why": "status 410", "failures": 1, "in_flight": 0}
    ]
    assert [event for event, _ in world.audit.lines] == ["webhook_disabled"]
    world.senders.say.clear()
    await restarted.resend(world.senders.ids[0], "Sri")
    await world.work(restarted)
    assert [state_of(row) for row in world.outbox.rows.values()] == ["delivered"] * 3
    assert world.outbox.paused == {}


async def test_410_holds_also_while_it_cannot_be_written_down(
    world: World, notification: Callable[..., Notification]
) -> None:
    world.outbox.put(notification(1))
    world.outbox.full = True
    world.senders.say["http://shop/"] = lambda _: Answer(status=410)
    deliverer = world.deliverer()
    await deliverer.sweep()
    await asyncio.sleep(0.01)
    world.outbox.put(notification(2))
    deliverer.configure(world.clients())  # what the ledger knows is asked for again
    await deliverer.sweep()
    assert len(world.senders.sent) == 1
    world.outbox.full = False
    await deliverer.settled()
    await world.work(deliverer)
    assert len(world.senders.sent) == 1
    assert len(world.outbox.paused) == 1


async def test_sending_again_opens_a_failing_receiver_at_once(
    world: World, notification: Callable[..., Notification]
) -> None:
    for number in range(20):
        world.outbox.put(notification(number))
    world.senders.say["http://shop/"] = lambda _: DOWN
    deliverer = world.deliverer()
    await world.work(deliverer)
    assert [one["state"] for one in deliverer.receivers()] == ["waiting"]
    world.senders.say.clear()
    await deliverer.resend(world.senders.ids[0], "Sri")
    assert [one["state"] for one in deliverer.receivers()] == ["open"]
    await world.work(deliverer)
    assert sum(row.delivered_at is not None for row in world.outbox.rows.values()) == 13  # the other 7 have their pause


async def test_a_receiver_that_moved_is_served_again(world: World, notification: Callable[..., Notification]) -> None:
    world.outbox.put(notification(1))
    world.senders.say["http://shop/"] = lambda _: Answer(status=410)
    deliverer = world.deliverer()
    await world.work(deliverer)
    world.outbox.put(notification(2))
    deliverer.configure(world.clients(shop="http://shop/"))
    await world.work(deliverer)
    assert len(world.senders.sent) == 1
    deliverer.configure(world.clients(shop="http://shop/new"))
    await world.work(deliverer)
    assert len(world.senders.sent) == 2


async def test_a_receiver_that_was_disabled_is_still_so_when_its_webhook_comes_back(
    world: World, notification: Callable[..., Notification]
) -> None:
    world.outbox.put(notification(1))
    world.senders.say["http://shop/"] = lambda _: Answer(status=410)
    deliverer = world.deliverer()
    await world.work(deliverer)
    world.outbox.put(notification(2))
    deliverer.configure([])
    deliverer.configure(world.clients())
    await world.work(deliverer)
    assert len(world.senders.sent) == 1


async def test_retry_after_holds_everything_for_that_receiver(
    world: World, notification: Callable[..., Notification]
) -> None:
    first = notification(1)
    world.outbox.put(first)
    world.senders.say["http://shop/"] = lambda _: Answer(status=429, retry_after="90")
    deliverer = world.deliverer()
    await world.work(deliverer)
    world.senders.say.clear()
    world.outbox.put(notification(2))
    deliverer.offer(change(notification(3)))
    await world.pass_(deliverer, 89)
    assert world.senders.ids == [first.id]
    await world.pass_(deliverer, 2)
    assert sorted(world.senders.ids[1:]) == sorted(world.outbox.rows)


async def test_a_dead_receiver_with_a_backlog_costs_few_calls_and_gets_each_once_when_it_is_back(
    world: World, notification: Callable[..., Notification]
) -> None:
    """C17: at most a tenth of what is due, though every one of the 1,000 is due many times over."""
    for number in range(1000):
        world.outbox.put(notification(number))
    world.senders.say["http://shop/"] = lambda _: DOWN
    deliverer = world.deliverer()
    await world.work(deliverer)
    assert len(world.senders.sent) == 8
    await world.pass_(deliverer, 6 * HOUR)
    assert 50 < len(world.senders.sent) <= 100
    world.senders.say.clear()
    calls = len(world.senders.sent)
    await world.pass_(deliverer, 90 * HOUR)
    assert all(row.delivered_at for row in world.outbox.rows.values())
    assert len(world.senders.sent) - calls == 1000
    soon = NOW + timedelta(hours=6, minutes=6)
    early = sum(row.delivered_at is not None and row.delivered_at <= soon for row in world.outbox.rows.values())
    assert early > 900  # all but what was tried while it was down, which waits its own pause


async def test_one_receivers_backlog_hides_no_other(world: World, notification: Callable[..., Notification]) -> None:
    for number in range(300):
        world.outbox.put(notification(number), NOW - timedelta(days=1))
    last = notification(999, client="other")
    world.outbox.put(last)
    world.senders.say["http://shop/"] = lambda _: DOWN
    deliverer = world.deliverer(world.clients(shop="http://shop/", other="http://other/"))
    await deliverer.sweep()
    await deliverer.settled()
    assert state_of(world.outbox.rows[last.id]) == "delivered"


async def test_a_receiver_that_hangs_holds_up_only_itself(
    world: World, notification: Callable[..., Notification]
) -> None:
    for number in range(50):
        world.outbox.put(notification(number, client=f"hung{number % 2}"))
        world.outbox.put(notification(1000 + number, client="good"))
    for name in ("hung0", "hung1"):
        world.senders.hang[f"http://{name}/"] = asyncio.Event()
    clients = world.clients(hung0="http://hung0/", hung1="http://hung1/", good="http://good/")
    deliverer = world.deliverer(clients, total=20)
    for _ in range(100):
        await deliverer.sweep()
        await asyncio.sleep(0)
    good = [row for row in world.outbox.rows.values() if row.notification.client == "good"]
    assert all(row.delivered_at for row in good)
    assert world.senders.most["http://hung0/"] == world.senders.most["http://hung1/"] == 8
    assert world.senders.most["all"] <= 20
    for event in world.senders.hang.values():
        event.set()
    await deliverer.settled()
    await world.work(deliverer)
    assert all(row.delivered_at for row in world.outbox.rows.values())


async def test_what_is_under_way_is_not_sent_a_second_time(
    world: World, notification: Callable[..., Notification]
) -> None:
    """Neither by a sweep, nor by an offer, nor by a reader whose answer is older than the delivery."""
    ones = [notification(number) for number in range(40)]
    deliverer = world.deliverer()
    for one in ones:
        world.outbox.put(one)
        deliverer.offer(change(one))
        await deliverer.sweep()
        deliverer.offer(change(one))
    await world.work(deliverer)
    assert Counter(world.senders.ids) == Counter(one.id for one in ones)


async def test_what_is_delivered_while_the_ledger_is_read_is_not_sent_a_second_time(
    world: World, notification: Callable[..., Notification], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a reader brings may be older than a delivery that ended meanwhile."""
    one = notification()
    read, seen, answer = world.outbox.due_notifications, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **more: Any) -> Any:
        found = await read(*args, **more)
        seen.set()
        await answer.wait()
        return found

    monkeypatch.setattr(world.outbox, "due_notifications", slow)
    deliverer = world.deliverer()
    world.outbox.put(one)
    sweeping = asyncio.create_task(deliverer.sweep())
    await seen.wait()
    deliverer.offer(change(one))
    await deliverer.settled()
    assert state_of(world.outbox.rows[one.id]) == "delivered"
    answer.set()
    await sweeping
    await deliverer.settled()
    assert world.senders.ids == [one.id]


async def test_a_process_that_ends_before_the_delivery_is_noted_sends_it_again_with_the_same_id(
    world: World, notification: Callable[..., Notification]
) -> None:
    one = notification()
    world.outbox.put(one)
    world.outbox.full = True
    first = world.deliverer()
    await first.sweep()
    while not world.senders.sent:  # noqa: ASYNC110 — it is on its way within a turn of the loop or two
        await asyncio.sleep(0)
    await first.close()
    world.outbox.full = False
    await world.work(world.deliverer())
    assert world.senders.ids == [one.id, one.id]
    assert state_of(world.outbox.rows[one.id]) == "delivered"


async def test_a_ledger_that_cannot_be_written_does_not_make_it_send_again_and_again(
    world: World, notification: Callable[..., Notification]
) -> None:
    one = notification()
    world.outbox.put(one)
    world.outbox.full = True
    deliverer = world.deliverer()
    for _ in range(20):
        await deliverer.sweep()
        await asyncio.sleep(0.01)
    assert world.senders.ids == [one.id]
    world.outbox.full = False
    await deliverer.settled()
    await world.work(deliverer)
    assert world.senders.ids == [one.id]
    assert state_of(world.outbox.rows[one.id]) == "delivered"


async def test_a_sender_that_breaks_is_a_failed_try(world: World, notification: Callable[..., Notification]) -> None:
    one = notification()
    world.outbox.put(one)

    def broken(_: Notification) -> Answer:
        raise RuntimeError("nobody has seen this yet")

    world.senders.say["http://shop/"] = broken
    deliverer = world.deliverer()
    await world.work(deliverer)
    row = world.outbox.rows[one.id]
    assert (row.tries, row.last_error) == (1, "unexpected (RuntimeError)")


async def test_a_reload_keeps_what_did_not_change_and_lets_the_rest_end(
    world: World, notification: Callable[..., Notification]
) -> None:
    world.senders.hang["http://shop/"] = asyncio.Event()
    deliverer = world.deliverer(world.clients(shop="http://shop/", other="http://other/"))
    one, two = notification(1), notification(2)
    world.outbox.put(one)
    deliverer.offer(change(one))
    await asyncio.sleep(0)
    deliverer.configure(world.clients(shop="http://new/", other="http://other/"))
    assert world.senders.made == ["http://shop/", "http://other/", "http://new/"]
    await deliverer.sweep()
    assert world.senders.ids == [one.id]
    assert world.senders.closed == []
    world.senders.hang["http://shop/"].set()
    await deliverer.settled()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert world.senders.closed == ["http://shop/"]
    world.outbox.put(two)
    deliverer.configure(world.clients(other="http://other/"))
    await world.work(deliverer)
    assert world.senders.ids == [one.id]
    deliverer.configure(world.clients())
    await world.work(deliverer)
    assert world.senders.ids == [one.id, two.id]


async def test_a_stop_lets_what_is_under_way_end_and_begins_nothing(
    world: World, notification: Callable[..., Notification]
) -> None:
    deliverer = world.deliverer()
    deliverer.start(world.clients())
    one, late = notification(1), notification(2)
    world.outbox.put(one)
    deliverer.offer(change(one))
    assert await deliverer.drain(5)
    assert state_of(world.outbox.rows[one.id]) == "delivered"
    world.outbox.put(late)
    deliverer.offer(change(late))
    await deliverer.sweep()
    await deliverer.settled()
    assert world.senders.ids == [one.id]


async def test_a_stop_cuts_what_does_not_end_and_it_stays_due(
    world: World, notification: Callable[..., Notification]
) -> None:
    world.senders.hang["http://shop/"] = asyncio.Event()
    deliverer = world.deliverer()
    one = notification()
    world.outbox.put(one)
    await deliverer.sweep()
    assert not await deliverer.drain(0.05)
    assert state_of(world.outbox.rows[one.id]) == "pending"
    assert world.outbox.rows[one.id].tries == 0


async def test_while_it_runs_it_sweeps_by_itself_survives_the_ledger_and_counts_the_backlog(
    world: World, notification: Callable[..., Notification], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, broken = world.outbox.due_notifications, True

    async def due(*args: Any, **more: Any) -> Any:
        if broken:
            raise RuntimeError("nobody has seen this yet")
        return await real(*args, **more)

    monkeypatch.setattr(world.outbox, "due_notifications", due)
    deliverer = world.deliverer(every=0.02)
    for number in range(100):
        world.outbox.put(notification(number))
    deliverer.start(world.clients())
    await asyncio.sleep(0.05)
    assert world.senders.sent == []
    assert world.counts.backlog == 100
    broken = False
    async with asyncio.timeout(10):
        while not all(row.delivered_at for row in world.outbox.rows.values()):  # noqa: ASYNC110 — nobody tells
            await asyncio.sleep(0.01)
    assert len(world.senders.sent) == 100


async def test_what_waits_goes_as_soon_as_there_is_room_and_then_the_ledger_is_left_in_peace(
    world: World, notification: Callable[..., Notification]
) -> None:
    for number in range(100):
        world.outbox.put(notification(number))
    deliverer = world.deliverer(every=60.0)
    deliverer.start(world.clients())
    async with asyncio.timeout(10):
        while not all(row.delivered_at for row in world.outbox.rows.values()):  # noqa: ASYNC110 — nobody tells
            await asyncio.sleep(0.01)
    await deliverer.settled()
    asked = world.outbox.asked
    await asyncio.sleep(0.1)
    assert world.outbox.asked <= asked + 1


async def test_a_ledger_that_cannot_be_read_is_not_asked_again_and_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def due(*_: Any, **__: Any) -> Any:
        nonlocal asked
        asked += 1
        raise LedgerUnavailableError("the server is away")

    monkeypatch.setattr(world.outbox, "due_notifications", due)
    deliverer = world.deliverer(every=0.05)
    deliverer.start(world.clients())
    await asyncio.sleep(0.3)
    assert 2 <= asked <= 7
