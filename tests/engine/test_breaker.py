"""An account whose supplier cannot be used gets no purchases for a while (C16), and its checks wait (C17)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import structlog

from gateway.core.breaker import Breaker, BreakerRule
from gateway.core.retry import RetryRule
from gateway.core.transaction import TransactionStatus
from gateway.net.failure import Failure
from gateway.testing.scripted_supplier import say

Opens = Callable[..., AbstractAsyncContextManager[Any]]


def state(here: Any, account: str = "alpha") -> str:
    (found,) = [one["breaker"] for one in here.engine.providers() if one["provider"] == account]
    return str(found)


@pytest.mark.parametrize("failure", [Failure.CONNECT_REFUSED, Failure.ANSWER_TIMEOUT, Failure.DROPPED])
async def test_after_ten_purchases_that_came_to_nothing_the_next_route_is_tried_first(
    shop: Opens, failure: Failure
) -> None:
    async with shop() as here:
        here.alpha.buy = lambda _: failure
        for n in range(10):
            assert state(here) == "closed"
            await here.answered(f"A-{n}")
        assert state(here) == "open"
        one = await here.buy("A-10", wait=5)
        assert (one.status, one.provider, len(one.attempts)) == (TransactionStatus.SUCCESS, "beta", 1)
        assert here.alpha.count("buy") == 10
        (why,) = [found["why"] for found in here.engine.providers() if found["provider"] == "alpha"]
        assert "too many purchases came to nothing" in why


@pytest.mark.parametrize("why", ["invalid_destination", "supplier_balance", "product_unavailable"])
async def test_a_supplier_that_says_no_does_not_open_it(shop: Opens, why: str) -> None:
    async with shop() as here:
        here.alpha.buy = lambda ref: say("failed", ref, why=why)
        for n in range(30):
            await here.answered(f"A-{n}")
        assert (state(here), here.alpha.count("buy")) == ("closed", 30)


async def test_a_shortage_of_our_own_does_not_open_it(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda _: Failure.NO_CONNECTION
        for n in range(30):
            await here.answered(f"A-{n}")
        assert (state(here), here.alpha.count("buy")) == ("closed", 30)


async def test_the_log_says_when_it_opens_and_when_it_closes(shop: Opens) -> None:
    with structlog.testing.capture_logs() as lines:
        async with shop() as here:
            here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
            here.engine.accounts["alpha"].breaker = Breaker(BreakerRule(pause=0.1))
            for n in range(10):
                await here.answered(f"A-{n}")
            here.alpha.buy = lambda ref: say("success", ref)
            await asyncio.sleep(0.11)
            await here.buy("A-10", wait=5)
    told = [(line["event"], line["provider"]) for line in lines if line["event"].startswith("breaker_")]
    assert told == [("breaker_opened", "alpha"), ("breaker_closed", "alpha")]


@pytest.mark.parametrize(
    ("bought", "status", "took", "told"),
    [
        (Failure.ANSWER_TIMEOUT, 200, 30.0, "answer_timeout"),
        (Failure.CONNECT_REFUSED, 200, 0.01, "connect_refused"),
        ("sibuk, pin 1234", 503, 0.01, "status 503"),
        ("sabar", 200, 29.96, "answered after 30.0 s"),
    ],
)
async def test_the_log_says_when_it_opens_of_which_kind_the_last_failure_was_and_not_in_whose_words(
    shop: Opens, bought: str | Failure, status: int, took: float, told: str
) -> None:
    with structlog.testing.capture_logs() as lines:
        async with shop() as here:
            here.alpha.buy, here.alpha.status, here.alpha.took = lambda _: bought, status, took
            for n in range(10):
                await here.answered(f"A-{n}")
    assert [line["last"] for line in lines if line["event"] == "breaker_opened"] == [told]


async def test_checks_go_out_while_it_is_open(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
        here.alpha.ask = lambda ref: say("success", ref, sn=f"SN-{ref}")
        made = [await here.answered(f"A-{n}") for n in range(10)]
        assert state(here) == "open"
        await here.pass_time(30)
        assert here.alpha.count("ask") == 10
        assert {(await here.now(one)).status for one in made} == {TransactionStatus.SUCCESS}
        assert state(here) == "open", "an answer to a question does not close it"


async def test_of_many_purchases_at_once_a_half_open_breaker_lets_one_through(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda _: Failure.CONNECT_REFUSED
        here.engine.accounts["alpha"].breaker = Breaker(BreakerRule(pause=0.1))
        for n in range(10):
            await here.answered(f"A-{n}")
        await asyncio.sleep(0.11)
        assert state(here) == "half_open"
        here.alpha.buy = lambda ref: say("success", ref, sn="SN-1")
        here.alpha.open.clear()
        made = await asyncio.gather(*(here.buy(f"B-{n}") for n in range(50)))
        for one in made:
            await here.when(one, lambda held: held.status.final or held.attempts[0].provider == "alpha")
        assert here.alpha.count("buy") == 11
        here.alpha.open.set()
        ended = [await here.when(one, lambda held: held.status.final) for one in made]
        assert [one.provider for one in ended].count("alpha") == 1
        assert state(here) == "closed"
        assert (await here.buy("C-1", wait=5)).provider == "alpha"


async def test_a_single_route_fails_at_once_and_nothing_is_sent(shop: Opens) -> None:
    async with shop(accounts={"alpha": {}}) as here:
        here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
        for n in range(10):
            await here.answered(f"A-{n}")
        one = await here.buy("A-10", wait=5)
        assert (one.status, one.attempts, one.reason.code) == (TransactionStatus.FAILED, (), "no_route")


async def test_checks_of_a_supplier_that_is_down_wait_behind_a_growing_pause_and_a_person_is_asked_in_the_end(
    shop: Opens,
) -> None:
    async with shop(accounts={"alpha": {"limits": {"in_flight": 3}}, "beta": {}}) as here:
        here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
        here.alpha.ask = lambda _: Failure.CONNECT_REFUSED
        budget = here.engine.accounts["alpha"].checks
        budget.rule = RetryRule(pause=0.05, longest=0.2, put_off=0.6)
        here.engine.accounts["alpha"].breaker = Breaker(BreakerRule(least=1_000))
        made = [await here.answered(f"A-{n}") for n in range(40)]
        await here.pass_time(30)
        assert here.alpha.count("ask") <= 6, "the first three at once, and what they kept waiting"
        assert budget.down
        assert [one["checks"] for one in here.engine.providers()] == ["put_off", "as_due"]
        first = await here.now(made[-1])
        assert first.attempts[0].checks_done == 0, "what was not asked is not counted"
        for _ in range(600):
            await here.pass_time(120)
            if all([(await here.now(one)).needs_review for one in made]):
                break
        else:
            pytest.fail("a purchase was put off for ever")
        assert here.alpha.count("ask") <= 40 * 3


async def test_checks_that_were_put_off_are_made_once_when_the_supplier_is_back(shop: Opens) -> None:
    async with shop(accounts={"alpha": {"limits": {"in_flight": 3}}, "beta": {}}) as here:
        here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
        here.alpha.ask = lambda _: Failure.CONNECT_REFUSED
        here.engine.accounts["alpha"].checks.rule = RetryRule(pause=0.05, longest=0.05)
        here.engine.accounts["alpha"].breaker = Breaker(BreakerRule(least=1_000))
        made = [await here.answered(f"A-{n}") for n in range(40)]
        await here.pass_time(30)
        here.alpha.ask = lambda ref: say("success", ref, sn=f"SN-{ref}")
        for _ in range(20):
            await asyncio.sleep(0.06)
            await here.pass_time(121)
        assert {(await here.now(one)).status for one in made} == {TransactionStatus.SUCCESS}
        assert here.alpha.count("ask") <= 40 * 1.1, "C17: at most 10 % more than there were questions"


async def test_an_operator_asks_although_the_supplier_is_down(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
        here.alpha.ask = lambda _: Failure.CONNECT_REFUSED
        one = await here.answered()
        for _ in range(5):
            await here.engine.check_now(one.id, "ani")
        assert here.alpha.count("ask") == 5


async def test_checks_that_a_server_at_fault_answers_are_put_off_like_those_that_nobody_answers(shop: Opens) -> None:
    async with shop(accounts={"alpha": {"limits": {"in_flight": 1}}}) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        for n in range(6):
            await here.answered(f"A-{n}")
        here.alpha.ask, here.alpha.status = lambda _: "<html>Internal Server Error</html>", 500
        await here.pass_time(31)
        assert here.alpha.count("ask") == 3
        assert here.engine.accounts["alpha"].checks.down


@pytest.mark.parametrize(
    ("said", "status"),
    [("never ref={} .", 500), ("pending ref={} .", 500), ("<html>apa ini</html>", 200), ("<html>apa</html>", 499)],
)
async def test_a_check_that_was_answered_puts_nothing_off_whatever_it_says(shop: Opens, said: str, status: int) -> None:
    async with shop(accounts={"alpha": {"limits": {"in_flight": 1}}}) as here:
        here.alpha.buy = lambda ref: say("unknown", ref)
        for n in range(6):
            await here.answered(f"A-{n}")
        here.alpha.ask, here.alpha.status = said.format, status
        await here.pass_time(31)
        assert here.alpha.count("ask") == 6
        assert not here.engine.accounts["alpha"].checks.down
