"""New settings while purchases are under way, waiting clients, and the end of a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import structlog

from gateway.core.resolve import CannotResolveError
from gateway.core.transaction import AttemptStatus, Change, TransactionStatus
from gateway.testing.scripted_supplier import say

Opens = Callable[..., AbstractAsyncContextManager[Any]]
Settings = Callable[..., Any]


async def test_new_settings_leave_what_is_under_way_to_the_old_ones(shop: Opens, settings_of: Settings) -> None:
    async with shop(accounts={"alpha": {}}) as here:
        here.alpha.open.clear()
        one = await here.buy()
        await here.when(one, lambda _: here.alpha.waiting)
        old = here.engine.accounts["alpha"]
        await here.engine.reload(settings_of(accounts={"alpha": {"limits": {"in_flight": 7}}, "beta": {}}))
        assert here.engine.accounts["alpha"] is not old
        for _ in range(5):  # whatever the reload began has had its turn
            await asyncio.sleep(0)
        assert here.alpha.closed == 0, "a purchase is on its way through it"
        here.alpha.open.set()
        assert (await here.engine.wait_final(one, 5)).status is TransactionStatus.SUCCESS
        await here.quiet()
        assert here.alpha.closed == 1


async def test_equal_settings_keep_the_account_and_a_pause_outlives_changed_ones(
    shop: Opens, settings_of: Settings
) -> None:
    async with shop() as here:
        await here.engine.pause("alpha", "ann", "maintenance")
        old = dict(here.engine.accounts)
        await here.engine.reload(settings_of(accounts={"alpha": {"checks": ["5s"]}, "beta": {}}))
        assert here.engine.accounts["beta"] is old["beta"]
        assert here.engine.accounts["alpha"] is not old["alpha"]
        assert (await here.buy(wait=5)).provider == "beta"
    async with shop(like=here) as after:
        assert after.engine.accounts["alpha"].paused == "maintenance", "a restart changes nothing"
    assert after.alpha.closed == 3, "by the reload, and by the end of each process"


async def test_only_an_account_that_is_gone_is_named_as_taken_out(shop: Opens, settings_of: Settings) -> None:
    with structlog.testing.capture_logs() as lines:
        async with shop() as here:
            await here.engine.reload(settings_of(accounts={"alpha": {"checks": ["5s"]}}))
    assert [line["provider"] for line in lines if line["event"] == "account_taken_out"] == ["beta"]


async def test_an_account_that_is_given_another_address_is_warned_of(shop: Opens, settings_of: Settings) -> None:
    with structlog.testing.capture_logs() as lines:
        async with shop() as here:
            moved = {"alpha": {"url": "http://127.0.0.1:2/canary-path"}, "beta": {"checks": ["5s"]}}
            await here.engine.reload(settings_of(accounts=moved))
    told = [line for line in lines if line["event"] == "account_moved"]
    assert [line["provider"] for line in told] == ["alpha"]
    assert "canary-path" not in str(told), "the address may hold a secret"


async def test_the_attempts_of_an_account_that_was_taken_out_end_with_a_person(
    shop: Opens, settings_of: Settings
) -> None:
    async with shop() as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        await here.engine.reload(settings_of(accounts={"beta": {}}))
        for _ in range(8):
            await here.pass_time(21_600)
        held = await here.now(one)
        assert (held.status, held.needs_review, here.beta.calls) == (TransactionStatus.PENDING, True, [])


async def test_what_is_open_at_an_account_that_was_taken_out_is_settled_by_a_person_at_once(
    shop: Opens, settings_of: Settings
) -> None:
    async with shop() as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        with pytest.raises(CannotResolveError, match="normal way"):
            await here.engine.resolve(one.id, "success", "told by telephone", "ann", "SN-1")
        await here.engine.reload(settings_of(accounts={"beta": {}}))
        done = await here.engine.resolve(one.id, "success", "told by telephone", "ann", "SN-1")
        assert (done.status, done.provider, done.serial) == (TransactionStatus.SUCCESS, "alpha", "SN-1")


async def test_a_changed_account_sends_no_more_at_once_than_before(shop: Opens, settings_of: Settings) -> None:
    limits = {"limits": {"in_flight": 2}}
    async with shop(accounts={"alpha": limits}) as here:
        here.alpha.open.clear()
        made = [await here.buy(f"A-{n}") for n in range(4)]
        await here.when(made[0], lambda _: here.alpha.waiting == 2)
        await here.engine.reload(settings_of(accounts={"alpha": {**limits, "checks": ["5s"]}}))
        made += [await here.buy(f"B-{n}") for n in range(2)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert here.alpha.waiting == 2
        await here.engine.reload(settings_of(accounts={"alpha": {"limits": {"in_flight": 3}}}))
        await here.when(made[0], lambda _: here.alpha.waiting == 3)
        here.alpha.open.set()
        ends = [await here.engine.wait_final(one, 5) for one in made]
        assert {one.status for one in ends} == {TransactionStatus.SUCCESS}
        assert here.alpha.count("buy") == 6


async def test_an_account_that_comes_back_still_has_the_calls_under_way_that_it_had(
    shop: Opens, settings_of: Settings
) -> None:
    alone = {"alpha": {"limits": {"in_flight": 1}}}
    async with shop(accounts=alone) as here:
        here.alpha.open.clear()
        first = await here.buy("A-1")
        await here.when(first, lambda _: here.alpha.waiting == 1)
        await here.engine.reload(settings_of(accounts={"beta": {}}))
        await here.engine.reload(settings_of(accounts=alone))
        second = await here.buy("A-2")
        await here.when(second, lambda _: here.engine.accounts["alpha"].lane.waiting)
        assert here.alpha.waiting == 1
        here.alpha.open.set()
        assert (await here.engine.wait_final(second, 5)).status is TransactionStatus.SUCCESS


async def test_a_changed_account_lets_as_many_wait_as_it_says(shop: Opens, settings_of: Settings) -> None:
    async with shop(accounts={"alpha": {"limits": {"in_flight": 1, "queue": 0}}}) as here:
        here.alpha.open.clear()
        first = await here.buy("A-1")
        await here.when(first, lambda _: here.alpha.waiting == 1)
        assert (await here.buy("A-2", wait=5)).reason.code == "no_route"
        await here.engine.reload(settings_of(accounts={"alpha": {"limits": {"in_flight": 1, "queue": 1}}}))
        second = await here.buy("A-3")
        await here.when(second, lambda _: here.engine.accounts["alpha"].lane.waiting)
        here.alpha.open.set()
        assert (await here.engine.wait_final(second, 5)).status is TransactionStatus.SUCCESS


async def test_who_waits_for_an_account_that_is_taken_out_buys_elsewhere(shop: Opens, settings_of: Settings) -> None:
    with structlog.testing.capture_logs() as lines:
        async with shop(accounts={"alpha": {"limits": {"in_flight": 1}}, "beta": {}}) as here:
            here.alpha.open.clear()
            first, second = await here.buy("A-1"), await here.buy("A-2")
            await here.when(first, lambda _: here.alpha.waiting == 1)
            await here.engine.reload(settings_of(accounts={"beta": {}}))
            here.alpha.open.set()
            assert (await here.engine.wait_final(first, 5)).provider == "alpha"
            assert (await here.engine.wait_final(second, 5)).provider == "beta"
    assert [line for line in lines if line["event"] == "task_failed"] == []


async def test_a_check_that_waited_through_a_reload_is_made_by_the_account_as_it_is_now(
    shop: Opens, settings_of: Settings
) -> None:
    limits = {"limits": {"in_flight": 1}}
    async with shop(accounts={"alpha": limits}) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered("A-1")
        here.alpha.open.clear()
        other = await here.buy("A-2")
        await here.when(other, lambda _: here.alpha.waiting == 1)
        asking = asyncio.create_task(here.engine.check_now(one.id, "ann"))
        await here.when(one, lambda _: here.engine.accounts["alpha"].lane.waiting)
        await here.engine.reload(settings_of(accounts={"alpha": {**limits, "ask": "none"}}))
        here.alpha.open.set()
        await asking
        assert here.alpha.count("ask") == 0, "it may no longer be asked"


async def test_a_pause_in_the_middle_of_a_reload_holds(
    shop: Opens, settings_of: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop() as here:
        start = type(here.alpha).start

        async def slow(supplier: Any) -> None:
            await start(supplier)
            await here.engine.pause("alpha", "ann", "maintenance")

        monkeypatch.setattr(type(here.alpha), "start", slow)
        more = {"alpha": {"checks": ["5s"]}, "beta": {"checks": ["5s"]}}
        await here.engine.reload(settings_of(accounts=more))
        assert here.engine.accounts["alpha"].paused == "maintenance"
        assert (await here.buy(wait=5)).provider == "beta"


async def test_a_client_that_waits_is_woken_and_one_that_waits_too_long_gets_what_is(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.buy(wait=0.05)
        assert one.status is TransactionStatus.PENDING
        assert len(here.engine._waiting) == 0, "nobody waits any longer"
        waiting = [asyncio.create_task(here.engine.wait_final(one, 5)) for _ in range(3)]
        await asyncio.sleep(0.02)
        await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1"))
        assert {held.status for held in await asyncio.gather(*waiting)} == {TransactionStatus.SUCCESS}
        assert (await here.engine.wait_final(one, 5)).status is TransactionStatus.SUCCESS, "it was over before"


async def test_a_drain_lets_what_is_under_way_end(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.open.clear()
        one = await here.buy()
        await here.when(one, lambda _: here.alpha.waiting)
        draining = asyncio.create_task(here.engine.drain(5))
        await asyncio.sleep(0.02)
        here.alpha.open.set()
        assert await draining is True
        assert (await here.now(one)).status is TransactionStatus.SUCCESS


async def test_a_drain_waits_for_a_purchase_that_is_just_being_stored(
    shop: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop() as here:
        commit, stored = here.ledger.commit, asyncio.Event()

        async def slow(change: Change) -> bool:
            await stored.wait()
            return bool(await commit(change))

        monkeypatch.setattr(here.ledger, "commit", slow)
        buying = asyncio.create_task(here.buy())
        await asyncio.sleep(0)
        draining = asyncio.create_task(here.engine.drain(5))
        await asyncio.sleep(0.05)
        assert not draining.done()
        stored.set()
        assert await draining is True
        assert (await here.now(await buying)).status is TransactionStatus.SUCCESS


async def test_what_a_drain_cuts_off_may_have_left_and_is_asked_about(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.open.clear()
        one = await here.buy()
        await here.when(one, lambda _: here.alpha.waiting)
        assert await here.engine.drain(0.05) is False
        assert (await here.now(one)).attempts[0].status is AttemptStatus.SENDING
    here.alpha.open.set()
    async with shop(like=here) as after:
        assert (await after.now(one)).attempts[0].status is AttemptStatus.UNKNOWN
        assert after.alpha.count("buy") == 1


async def test_what_can_be_bought_is_what_has_an_open_route(shop: Opens) -> None:
    async with shop() as here:

        def offered() -> dict[str, Any]:
            return {one["product"]: (one["available"], one["price"]) for one in here.engine.products()}

        assert offered()["XL5"] == (True, 5_400)
        await here.engine.pause("alpha", "ann", "maintenance")
        assert offered()["XL5"] == (True, 5_450)
        await here.engine.pause("beta", "ann", "maintenance")
        assert offered()["XL5"] == (False, None)


async def test_a_webhook_is_owed_once_for_each_end(shop: Opens) -> None:
    hook = {"url": "http://127.0.0.1:1/hook", "secret": "canary-secret"}
    clients = [{"id": "shop", "key_hash": "sha256:" + "0" * 64, "webhook": hook}]
    async with shop(clients=clients) as here:
        here.alpha.buy = lambda ref: say("success", ref)
        one = await here.buy(wait=5)
        assert await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1")) == "applied"
        assert len(await here.ledger.notifications(one.id)) == 1, "more about a success is no other end"
        here.clock.forward(1)
        await here.report("alpha", say("failed", one.attempts[0].id))
        await here.report("alpha", say("failed", one.attempts[0].id))
        owed = await here.ledger.notifications(one.id)
        assert [held.notification.event for held in owed] == ["transaction.success", "transaction.reversed"]
        assert len({held.notification.id for held in owed}) == 2
        assert all("canary" not in held.notification.body for held in owed)
        await here.buy("B-1", client="other", wait=5)
        assert len(await here.ledger.due_notifications(here.clock.now(), 10)) == 2
