"""A supplier that has to be told which equal purchase of the day it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.transaction import TransactionStatus
from gateway.ledger import LedgerUnavailableError
from gateway.provider import Asking
from gateway.testing.scripted_supplier import ScriptedProvider, say

Opens = Callable[..., AbstractAsyncContextManager[Any]]
COUNTS = {"alpha": {"counts": True}}


def numbers(here: Any) -> list[str]:
    return [fields["nth"] for fields in here.alpha.fields]


async def test_the_same_product_for_the_same_number_is_the_second_and_the_third(shop: Opens) -> None:
    async with shop(accounts=COUNTS) as here:
        for ref_id in ("A-1", "A-2", "A-3"):
            assert (await here.buy(ref_id, wait=5)).status is TransactionStatus.SUCCESS
        await here.buy("A-4", wait=5, dest="081712345679")
        await here.buy("A-5", wait=5, client="rival")
        assert numbers(here) == ["1", "2", "3", "1", "4"], "the supplier knows no clients"
        assert (await here.buy("A-2")).attempts[0].nth == 2


async def test_those_that_are_bought_at_the_same_time_have_numbers_of_their_own(shop: Opens) -> None:
    async with shop(accounts=COUNTS) as here:
        here.alpha.open.clear()
        made = [await here.buy(f"A-{n}") for n in range(5)]
        other = await here.buy("B-1", dest="081712345679")
        await here.when(other, lambda _: len(here.alpha.fields) == 6)
        here.alpha.open.set()
        for one in made:
            assert (await here.engine.wait_final(one, 5)).status is TransactionStatus.SUCCESS
        bought = [fields["nth"] for fields in here.alpha.fields if fields["dest"] == made[0].dest]
        assert sorted(bought) == ["1", "2", "3", "4", "5"]
        assert not here.engine._dispatcher._turns, "whose turn it is is remembered only while somebody waits"


async def test_what_may_be_delivered_counts_and_what_failed_does_not(shop: Opens) -> None:
    async with shop(accounts=COUNTS) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        await here.answered("A-1")
        here.alpha.buy = lambda ref: say("failed", ref, why="duplicate")
        assert (await here.buy("A-2", wait=5)).status is TransactionStatus.FAILED
        await here.answered("A-3")
        assert numbers(here) == ["1", "2", "2"]


async def test_the_next_day_begins_at_midnight_in_jakarta(shop: Opens) -> None:
    async with shop(accounts=COUNTS) as here:
        await here.buy("A-1", wait=5)
        now = here.clock.now()
        midnight = (now + timedelta(hours=7)).replace(hour=0, minute=0, second=0) + timedelta(hours=17)
        here.clock.forward((midnight - now).total_seconds() - 60)
        await here.buy("A-2", wait=5)
        here.clock.forward(120)
        await here.buy("A-3", wait=5)
        assert numbers(here) == ["1", "2", "1"]


async def test_a_restart_counts_on_and_a_repeated_call_keeps_its_number(shop: Opens) -> None:
    resends = {"alpha": {"counts": True, "ask": Asking.RESEND}}
    async with shop(accounts=resends) as before:
        await before.buy("A-1", wait=5)
    async with shop(accounts=resends, like=before) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        await here.answered("A-2")
        await here.buy("A-3", wait=0)
        await here.quiet()
        here.alpha.fields.clear()
        await here.pass_time(31)
        assert sorted(numbers(here)) == ["2", "3"], "asked by sending the same again"


async def test_other_suppliers_are_told_nothing_and_nothing_is_counted_for_them(shop: Opens) -> None:
    async with shop() as here:
        one = await here.buy("A-1", wait=5)
        assert "nth" not in here.alpha.fields[0]
        assert one.attempts[0].nth is None


async def test_while_it_cannot_be_counted_nothing_is_sent_and_the_slot_is_free(
    shop: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(accounts=COUNTS) as here:

        async def away(*_: Any) -> int:
            raise LedgerUnavailableError("the disk is away")

        with monkeypatch.context() as broken:
            broken.setattr(here.ledger, "equal_purchases", away)
            one = await here.buy("A-1", wait=0)
            await here.quiet()
            assert (here.alpha.calls, here.engine.accounts["alpha"].lane.in_flight) == ([], 0)
        await here.pass_time(5)
        assert (await here.engine.wait_final(one, 5)).status is TransactionStatus.SUCCESS
        assert numbers(here) == ["1"]


async def test_a_plugin_that_fails_to_say_is_told_nothing(shop: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: ScriptedProvider) -> bool:
        raise RuntimeError("a fault")

    monkeypatch.setattr(ScriptedProvider, "counts_equal_purchases", fails)
    async with shop(accounts=COUNTS) as here:
        assert (await here.buy(wait=5)).status is TransactionStatus.SUCCESS
        assert numbers(here) == ["1"]


async def test_a_purchase_that_waits_over_midnight_is_the_first_of_the_new_day(shop: Opens) -> None:
    async with shop(accounts={"alpha": {"counts": True, "limits": {"in_flight": 1}}}) as here:
        here.clock.moment = here.clock.moment.replace(hour=16, minute=59, second=50)
        here.alpha.open.clear()
        first = await here.buy("A-1")
        await here.when(first, lambda _: here.alpha.waiting)
        second = await here.buy("A-2")
        await here.when(second, lambda _: here.engine.accounts["alpha"].lane.waiting)
        here.clock.forward(20)
        here.alpha.open.set()
        assert (await here.engine.wait_final(second, 5)).status is TransactionStatus.SUCCESS
        assert numbers(here) == ["1", "1"]
