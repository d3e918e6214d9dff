"""Accepting: durable before the answer, and the same `ref_id` only once (C3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from gateway.core.accept import Request
from gateway.core.admission import AdmissionRule
from gateway.core.outcome import ReasonCode
from gateway.core.transaction import Change, TransactionStatus
from gateway.engine.errors import (
    DrainingError,
    InvalidRequestError,
    RefIdConflictError,
    UnavailableError,
    UnknownProductError,
)
from gateway.ledger import LedgerUnavailableError

Opens = Callable[..., AbstractAsyncContextManager[Any]]


async def test_fifty_at_once_are_one_purchase(shop: Opens) -> None:
    async with shop() as here:
        request = Request(ref_id="A-1", product="XL5", dest="081712345678")
        answers = await asyncio.gather(*(here.engine.accept("shop", request) for _ in range(50)))
        assert len({one.transaction.id for one in answers}) == 1
        assert sum(not one.replayed for one in answers) == 1
        final = await here.engine.wait_final(answers[0].transaction, 5)
        assert final.status is TransactionStatus.SUCCESS
        assert here.alpha.count("buy") == 1
        assert here.engine.accounts["alpha"].lane.in_flight == 0
        again = await here.engine.accept("shop", request)
        assert (again.replayed, again.transaction.status) == (True, TransactionStatus.SUCCESS)
        assert here.alpha.count("buy") == 1


async def test_the_same_reference_with_another_body_is_refused(shop: Opens) -> None:
    async with shop() as here:
        first = await here.buy(wait=5)
        others: tuple[dict[str, Any], ...] = (
            {"dest": "081712345679"},
            {"max_price": 9_000},
            {"product": "ANY"},
            {"product": "GONE"},
        )
        for other in others:
            with pytest.raises(RefIdConflictError) as refused:
                await here.buy(**other)
            assert refused.value.existing.id == first.id
        assert here.alpha.count("buy") == 1


async def test_fifty_at_once_with_two_bodies_are_one_purchase_and_conflicts(shop: Opens) -> None:
    async with shop() as here:
        requests = [Request(ref_id="A-1", product="XL5", dest=f"08171234567{n % 2}") for n in range(50)]
        answers = await asyncio.gather(*(here.engine.accept("shop", one) for one in requests), return_exceptions=True)
        assert sum(isinstance(one, RefIdConflictError) for one in answers) == 25
        await here.quiet()
        assert here.alpha.count("buy") == 1


async def test_another_clients_same_reference_is_another_purchase(shop: Opens) -> None:
    async with shop() as here:
        one, other = await here.buy(wait=5), await here.buy(wait=5, client="rival", dest="081712345679")
        assert one.id != other.id
        assert here.alpha.count("buy") == 2


async def test_what_was_accepted_stays_accepted_when_the_catalogue_changes(
    shop: Opens, settings_of: Callable[..., Any]
) -> None:
    async with shop() as here:
        first = await here.buy(wait=5)
        await here.engine.reload(settings_of(products=[]))
        with pytest.raises(UnknownProductError):
            await here.buy("A-2")
        replay = await here.engine.accept("shop", Request(ref_id="A-1", product="XL5", dest="081712345678"))
        assert (replay.replayed, replay.transaction.id) == (True, first.id)


async def test_a_replay_after_a_restart_sends_nothing(shop: Opens) -> None:
    async with shop() as before:
        first = await before.buy(wait=5)
    async with shop(like=before) as after:
        replay = await after.engine.accept("shop", Request(ref_id="A-1", product="XL5", dest="081712345678"))
        assert (replay.replayed, replay.transaction) == (True, first)
        assert after.alpha.count("buy") == 1


async def test_what_cannot_be_right_is_refused_and_stored_nowhere(shop: Opens) -> None:
    async with shop() as here:
        wrong: list[tuple[str, str, dict[str, Any]]] = [
            ("dest", "is not an Indonesian mobile number", {"dest": "0712"}),
            ("qty", "must be 1", {"qty": 2}),
            ("qty", "must be the amount in rupiah, and above 1", {"product": "ANY"}),
            ("qty", "must be the amount in rupiah, and above 1", {"product": "ANY", "qty": 1}),
        ]
        for field, says, order in wrong:
            with pytest.raises(InvalidRequestError, match=says) as refused:
                await here.buy(**order)
            assert refused.value.field == field
        with pytest.raises(UnknownProductError):
            await here.buy(product="XL6")
        assert await here.ledger.transactions() == []
        assert here.alpha.calls == []


async def test_the_attempt_is_on_disk_before_the_call_leaves(shop: Opens) -> None:
    async with shop() as here:
        seen: list[tuple[str, str]] = []

        async def look(_: str, ref: str) -> None:
            held = await here.ledger.transaction_by_attempt("alpha", ref)
            seen.append((held.status.value, held.attempt(ref).status.value))

        here.alpha.seen = look
        await here.buy(wait=5)
        assert seen == [("pending", "sending")]


async def test_where_no_route_is_open_it_has_failed_at_once_and_stays_so(shop: Opens) -> None:
    async with shop(accounts={"alpha": {"enabled": False}}) as here:
        one = await here.buy()
        assert one.status is TransactionStatus.FAILED
        assert one.reason.code is ReasonCode.NO_ROUTE
        assert await here.kinds(one) == ["accepted", "status"]
        assert (await here.buy()).id == one.id


async def test_nobody_is_asked_to_sell_above_the_clients_price(shop: Opens) -> None:
    async with shop() as here:
        one = await here.buy(max_price=5_399, wait=5)
        assert (one.status, one.reason.code) == (TransactionStatus.FAILED, ReasonCode.PRICE_TOO_HIGH)
        assert here.alpha.calls == here.beta.calls == []


async def test_the_amount_of_an_open_denomination_is_part_of_its_price(shop: Opens) -> None:
    async with shop() as here:
        over = await here.buy("A-1", product="ANY", qty=50_000, max_price=55_399, wait=5)
        assert (over.status, over.reason.code) == (TransactionStatus.FAILED, ReasonCode.PRICE_TOO_HIGH)
        assert here.alpha.calls == []
        bought = await here.buy("A-2", product="ANY", qty=50_000, max_price=55_400, wait=5)
        assert (bought.status, bought.attempts[0].expected_price) == (TransactionStatus.SUCCESS, 55_400)
        assert bought.price == 55_400, "the supplier stated none"
        started = (await here.ledger.events(bought.id))[1][1]
        assert (started.kind, started.data["price"]) == ("attempt_started", 55_400)


class Failing:
    """A ledger that refuses to write while it is told to."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self.refuse = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def commit(self, change: Change) -> bool:
        if self.refuse:
            raise LedgerUnavailableError("the disk is full")
        return bool(await self._ledger.commit(change))


async def test_what_cannot_be_written_is_not_sent_and_may_come_again(shop: Opens) -> None:
    failing: list[Failing] = []

    def hook(ledger: Any) -> Failing:
        failing.append(Failing(ledger))
        return failing[0]

    async with shop(accounts={"alpha": {"limits": {"in_flight": 1}}}, ledger_hook=hook) as here:
        failing[0].refuse = True
        for _ in range(3):
            with pytest.raises(UnavailableError, match="nothing was bought"):
                await here.buy()
        assert here.alpha.calls == []
        assert here.engine.accounts["alpha"].lane.in_flight == 0
        failing[0].refuse = False
        assert (await here.buy(wait=5)).status is TransactionStatus.SUCCESS


async def test_an_answer_is_kept_until_the_ledger_takes_it(shop: Opens) -> None:
    failing: list[Failing] = []

    def hook(ledger: Any) -> Failing:
        failing.append(Failing(ledger))
        return failing[0]

    async with shop(ledger_hook=hook) as here:

        async def disk_fills(_: str, __: str) -> None:
            failing[0].refuse = True

        here.alpha.seen = disk_fills
        one = await here.buy()
        await asyncio.sleep(0.1)
        assert (await here.now(one)).attempts[0].status == "sending"
        failing[0].refuse = False
        assert (await here.engine.wait_final(one, 5)).status is TransactionStatus.SUCCESS
        assert here.alpha.count("buy") == 1


async def test_a_gateway_that_stops_takes_nothing_new(shop: Opens) -> None:
    async with shop() as here:
        await here.engine.drain(1)
        with pytest.raises(DrainingError):
            await here.buy()
        assert await here.ledger.transactions() == []


async def test_a_purchase_that_is_being_stored_counts_and_one_that_is_stored_does_not(shop: Opens) -> None:
    """What `admits` goes by is how many are inside, not how many were ever taken (C19)."""
    async with shop() as here:
        here.engine._admission.rule = AdmissionRule(many=1, burst=2, calm=0.0)
        assert here.engine.admits()
        purchases = [Request(ref_id=f"A-{n}", product="XL5", dest="081712345678") for n in range(2)]
        inside = [asyncio.create_task(here.engine.accept("shop", one)) for one in purchases]
        await asyncio.sleep(0)
        assert not here.engine.admits()
        await asyncio.gather(*inside)
        assert here.engine.admits()
