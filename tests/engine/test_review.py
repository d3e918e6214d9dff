"""What operators do by hand, and what they may not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from gateway.core.outcome import ReasonCode
from gateway.core.resolve import CannotResolveError
from gateway.core.transaction import AttemptStatus, TransactionStatus
from gateway.net.failure import Failure
from gateway.testing.scripted_supplier import say

Opens = Callable[..., AbstractAsyncContextManager[Any]]


async def for_a_person(here: Any) -> Any:
    """A purchase of which no supplier says how it ended."""
    here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
    here.alpha.ask = lambda _: Failure.ANSWER_TIMEOUT
    one = await here.answered()
    for seconds in (30, 90, 480):
        await here.pass_time(seconds)
    one = await here.now(one)
    assert one.needs_review
    return one


async def test_an_operator_asks_now(shop: Opens) -> None:
    async with shop() as here:
        one = await for_a_person(here)
        asked = here.alpha.count("ask")
        assert (await here.engine.check_now(one.id, "ann")).status is TransactionStatus.PENDING
        assert here.alpha.count("ask") == asked + 1
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        done = await here.engine.check_now(one.id, "ann")
        assert (done.status, done.serial, done.needs_review) == (TransactionStatus.SUCCESS, "SN-1", False)
        events = [event for _, event in await here.ledger.events(one.id)]
        assert [event.data["operator"] for event in events if event.kind == "check_asked"] == ["ann"] * 2
        assert {event.source for event in events if event.kind == "check_asked"} == {"operator"}


async def test_asking_now_never_buys(shop: Opens) -> None:
    for ask in ("none", "resend"):
        async with shop(accounts={"alpha": {"ask": ask, "resend_within": "5s"}}) as here:
            here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
            one = await here.answered(f"A-{ask}")
            await here.pass_time(6)
            await here.engine.check_now(one.id, "ann")
            assert here.alpha.count("buy") == 1


async def test_a_success_by_hand_is_final_and_has_its_serial(shop: Opens) -> None:
    async with shop() as here:
        one = await for_a_person(here)
        done = await here.engine.resolve(one.id, "success", "told by telephone", "ann", "SN-9")
        assert (done.status, done.serial, done.provider, done.price) == (
            TransactionStatus.SUCCESS,
            "SN-9",
            "alpha",
            5_400,
        )
        assert await here.now(one) == done
        with pytest.raises(CannotResolveError, match="success already"):
            await here.engine.resolve(one.id, "failed", "changed my mind", "ann")


async def test_a_failure_by_hand_tries_nobody_else(shop: Opens) -> None:
    async with shop() as here:
        one = await for_a_person(here)
        done = await here.engine.resolve(one.id, "failed", "the supplier gave the money back", "ann")
        assert (done.status, done.reason.code) == (TransactionStatus.FAILED, ReasonCode.OPERATOR)
        assert done.attempts[0].status is AttemptStatus.FAILED
        await here.pass_time(86_400)
        assert here.beta.calls == []
        assert await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1")) == "applied"
        late = await here.now(one)
        assert (late.status, late.conflict) == (TransactionStatus.FAILED, True)
        seen = await here.engine.resolve(one.id, "failed", "the client paid for it", "ann")
        assert (seen.status, seen.conflict) == (TransactionStatus.FAILED, False)


async def test_what_goes_its_way_is_not_settled_by_hand(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        for result in ("success", "failed"):
            with pytest.raises(CannotResolveError, match="normal way"):
                await here.engine.resolve(one.id, result, "why", "ann")
        for result in ("reversed", "pending", "done"):
            with pytest.raises(CannotResolveError, match="success or failed"):
                await here.engine.resolve(one.id, result, "why", "ann")
        for call in (here.engine.check_now("000000000000000007", "ann"),):
            with pytest.raises(LookupError):
                await call
        with pytest.raises(LookupError):
            await here.engine.resolve("000000000000000007", "failed", "why", "ann")


async def test_why_an_account_is_paused_is_told_to_operators_and_not_to_clients(shop: Opens) -> None:
    async with shop(accounts={"alpha": {}}) as here:
        await here.engine.pause("alpha", "ann", "they owe us money")
        one = await here.buy(wait=5)
        assert one.reason.message == "alpha: the account is paused"
        assert here.engine.providers()[0]["why"] == "the account is paused: they owe us money"
