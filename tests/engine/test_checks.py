"""Asking about what is open: by each account's way and schedule, and never by a second purchase (C5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from gateway.core.transaction import AttemptStatus, TransactionStatus
from gateway.engine.apply import Door
from gateway.engine.observation import Observation
from gateway.ledger import LedgerUnavailableError
from gateway.net.failure import Failure
from gateway.testing.scripted_supplier import say

Opens = Callable[..., AbstractAsyncContextManager[Any]]
NEVER_SEEN = {"never_seen": {"after": "10m", "times": 2}}


async def test_a_check_tells_how_it_ended(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1", price=5_390)
        one = await here.answered()
        await here.pass_time(29)
        assert here.alpha.count("ask") == 0
        await here.pass_time(1)
        one = await here.now(one)
        assert (one.status, one.serial, one.price) == (TransactionStatus.SUCCESS, "SN-1", 5_390)
        await here.pass_time(86_400)
        assert (here.alpha.count("buy"), here.alpha.count("ask"), here.beta.calls) == (1, 1, [])


async def test_a_failure_that_a_check_tells_goes_to_the_next_supplier(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda _: Failure.RESET
        here.alpha.ask = lambda ref: say("failed", ref, why="product_unavailable")
        one = await here.answered()
        await here.pass_time(30)
        one = await here.now(one)
        assert (one.status, one.provider) == (TransactionStatus.SUCCESS, "beta")


@pytest.mark.parametrize(
    "answer", [Failure.CONNECT_REFUSED, Failure.ANSWER_TIMEOUT, "refused", "door", "", "<html>", "another"]
)
async def test_what_becomes_of_a_question_says_nothing_about_the_purchase(shop: Opens, answer: Any) -> None:
    async with shop(accounts={"alpha": NEVER_SEEN, "beta": {}}) as here:
        here.alpha.buy = lambda _: Failure.DROPPED
        lines = {"refused": "refused .", "door": "door .", "another": say("failed", "000000000000000007")}
        here.alpha.ask = lambda _: lines.get(answer, answer)
        one = await here.answered()
        for seconds in (30, 90, 480, 3_600):
            await here.pass_time(seconds)
        one = await here.now(one)
        assert (one.status, one.needs_review, one.attempts[0].status) == (
            TransactionStatus.PENDING,
            True,
            AttemptStatus.UNKNOWN,
        )
        assert (here.alpha.count("buy"), here.alpha.count("ask"), here.beta.calls) == (1, 3, [])
        assert here.engine.accounts["alpha"].paused is None
        if isinstance(answer, Failure):
            assert one.attempts[0].message == Failure.DROPPED.value, "the last word about the purchase itself"


@pytest.mark.parametrize("counts", [False, True], ids=["at once", "after the ledger was asked"])
async def test_nobody_asks_about_a_purchase_that_is_just_being_sent(shop: Opens, counts: bool) -> None:
    async with shop(accounts={"alpha": {"counts": counts}}) as here:
        here.alpha.open.clear()
        one = await here.buy()
        await here.when(one, lambda _: here.alpha.waiting)
        here.clock.forward(3_600)
        await asyncio.sleep(0.05)
        assert (await here.now(one)).attempts[0].status is AttemptStatus.SENDING
        assert here.alpha.count("ask") == 0
        here.alpha.open.set()
        assert (await here.engine.wait_final(one, 5)).status is TransactionStatus.SUCCESS


async def test_two_who_ask_at_once_ask_once(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        here.alpha.open.clear()
        asking = [asyncio.create_task(here.engine.check_now(one.id, name)) for name in ("ann", "bob")]
        await here.when(one, lambda _: here.alpha.waiting)
        await asyncio.sleep(0.05)
        here.alpha.open.set()
        await asyncio.gather(*asking)
        assert here.alpha.count("ask") == 1


async def test_never_seen_frees_it_only_by_the_accounts_rule(shop: Opens) -> None:
    accounts = {"alpha": {**NEVER_SEEN, "checks": ["30s", "9m", "11m", "12m"]}, "beta": {}}
    async with shop(accounts=accounts) as here:
        here.alpha.buy = lambda _: Failure.DROPPED
        here.alpha.ask = lambda ref: say("never", ref)
        one = await here.answered()
        for seconds in (30, 510):
            await here.pass_time(seconds)
            assert (await here.now(one)).attempts[0].status is AttemptStatus.UNKNOWN
        assert here.beta.calls == []
        await here.pass_time(120)
        one = await here.now(one)
        assert [held.status for held in one.attempts][:1] == [AttemptStatus.REJECTED]
        assert here.beta.calls == [], "the client's deadline is over: it is told that it failed"
        assert one.status is TransactionStatus.FAILED


async def test_never_seen_in_time_goes_to_the_next_supplier(shop: Opens) -> None:
    accounts = {"alpha": {"never_seen": {"after": "5s", "times": 2}, "checks": ["6s", "12s"]}, "beta": {}}
    async with shop(accounts=accounts) as here:
        here.alpha.buy = lambda _: Failure.DROPPED
        here.alpha.ask = lambda ref: say("never", ref)
        one = await here.answered()
        await here.pass_time(6)
        assert here.beta.calls == []
        await here.pass_time(6)
        one = await here.now(one)
        assert (one.status, one.provider) == (TransactionStatus.SUCCESS, "beta")
        # It was seen after all: too late to change anything, and a person must know.
        here.clock.forward(5)
        assert await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1")) == "applied"
        late = await here.now(one)
        assert (late.status, late.provider, late.conflict) == (TransactionStatus.SUCCESS, "beta", True)


async def test_without_a_rule_never_seen_ends_with_a_person(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda _: Failure.DROPPED
        here.alpha.ask = lambda ref: say("never", ref)
        one = await here.answered()
        for seconds in (30, 90, 480):
            await here.pass_time(seconds)
        one = await here.now(one)
        assert (one.status, one.needs_review) == (TransactionStatus.PENDING, True)
        assert here.beta.calls == []


async def test_where_nobody_can_be_asked_a_person_is_after_the_schedule(shop: Opens) -> None:
    async with shop(accounts={"alpha": {"ask": "none"}, "beta": {}}) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        for seconds in (30, 90):
            await here.pass_time(seconds)
            assert not (await here.now(one)).needs_review
        await here.pass_time(480)
        assert (await here.now(one)).needs_review
        assert (here.alpha.count("ask"), here.alpha.count("buy"), here.beta.calls) == (0, 1, [])
        # A report may still settle it.
        assert await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1")) == "applied"
        assert (await here.now(one)).status is TransactionStatus.SUCCESS


async def test_where_asking_is_resending_the_same_reference_goes_out_again(shop: Opens) -> None:
    async with shop(accounts={"alpha": {"ask": "resend"}, "beta": {}}) as here:
        answers = iter([Failure.DROPPED, say("pending", "{ref}"), say("success", "{ref}", sn="SN-1")])
        here.alpha.buy = lambda ref: (
            answer.replace("{ref}", ref) if isinstance(answer := next(answers), str) else answer
        )
        one = await here.answered()
        await here.pass_time(30)
        assert (await here.now(one)).attempts[0].status is AttemptStatus.PENDING
        await here.pass_time(90)
        assert (await here.now(one)).status is TransactionStatus.SUCCESS
        assert {ref for _, ref in here.alpha.calls} == {one.attempts[0].id}
        assert here.beta.calls == []


async def test_nothing_is_resent_once_the_supplier_may_have_forgotten(shop: Opens) -> None:
    async with shop(accounts={"alpha": {"ask": "resend", "resend_within": "60s"}}) as here:
        here.alpha.buy = lambda _: Failure.DROPPED
        one = await here.answered()
        await here.pass_time(61)
        for seconds in (90, 480, 3_600):
            await here.pass_time(seconds)
        assert here.alpha.count("buy") == 1
        assert (await here.now(one)).needs_review


async def test_nothing_is_resent_when_the_clock_was_set_back(shop: Opens) -> None:
    async with shop(accounts={"alpha": {"ask": "resend"}}) as here:
        here.alpha.buy = lambda _: Failure.DROPPED
        await here.answered()
        here.clock.forward(-30 * 86_400)
        await here.quiet()
        assert here.alpha.count("buy") == 1


@pytest.mark.parametrize("jump", [-30 * 86_400, 7_200])
async def test_a_clock_that_jumps_costs_no_purchase(shop: Opens, jump: int) -> None:
    async with shop(accounts={"alpha": NEVER_SEEN, "beta": {}}) as here:
        here.alpha.buy = lambda _: Failure.DROPPED
        here.alpha.ask = lambda ref: say("never", ref)
        one = await here.answered()
        await here.pass_time(jump)
        after = await here.buy("A-2", dest="081712345670")
        assert after.id > one.attempts[0].id
        assert here.beta.calls == []
        assert (await here.now(one)).status is TransactionStatus.PENDING


async def test_what_was_settled_while_its_question_waited_for_its_turn_is_not_sent_again(shop: Opens) -> None:
    async with shop(accounts={"alpha": {"ask": "resend", "limits": {"in_flight": 1}}}) as here:
        here.alpha.buy = lambda _: Failure.DROPPED
        one = await here.answered("A-1")
        here.alpha.buy = lambda ref: say("success", ref, sn="SN-2")
        here.alpha.open.clear()
        other = await here.buy("A-2", dest="081712345670")
        await here.when(other, lambda _: here.alpha.waiting)
        here.clock.forward(30)
        await here.when(one, lambda _: here.engine.accounts["alpha"].lane.waiting)
        await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1"))
        here.alpha.open.set()
        await here.quiet()
        assert here.alpha.calls == [("buy", one.attempts[0].id), ("buy", (await here.now(other)).attempts[0].id)]


async def test_a_question_gives_its_turn_back(shop: Opens) -> None:
    async with shop(accounts={"alpha": {"limits": {"in_flight": 1}}}) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        await here.answered()
        for seconds in (30, 90, 480):
            await here.pass_time(seconds)
        assert here.alpha.count("ask") == 3


async def test_a_supplier_that_is_down_for_an_hour_is_asked_by_the_schedule_and_no_more(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
        here.alpha.ask = lambda _: Failure.CONNECT_REFUSED
        one = await here.answered()
        for _ in range(60):
            here.clock.forward(60)
            await here.when(one, lambda held: held.needs_review or held.attempts[0].next_check_at > here.clock.now())
        assert here.alpha.count("ask") == 3
        assert (await here.now(one)).needs_review


async def test_what_was_being_sent_when_the_process_ended_is_asked_about(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.open.clear()
        one = await here.buy()
        await here.when(one, lambda _: here.alpha.waiting)
    assert here.alpha.count("buy") == 1
    here.alpha.open.set()
    here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
    async with shop(like=here) as after:
        one = await after.now(one)
        assert one.attempts[0].status is AttemptStatus.UNKNOWN
        await after.pass_time(30)
        assert (await after.now(one)).status is TransactionStatus.SUCCESS
        assert (after.alpha.count("buy"), after.beta.calls) == (1, [])


async def test_a_purchase_that_was_accepted_and_not_routed_goes_on_after_a_restart(shop: Opens) -> None:
    async with shop(accounts={"alpha": {"limits": {"in_flight": 1}}}) as here:
        here.alpha.open.clear()
        await here.buy("A-1")
        second = await here.buy("A-2")
        assert second.attempts == ()
    here.alpha.open.set()
    async with shop(like=here) as after:
        await after.pass_time(1)
        done = await after.when(second, lambda held: held.status.final)
        assert done.status is TransactionStatus.SUCCESS
        assert after.alpha.count("buy") == 2


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_what_another_replica_is_sending_is_left_to_it(shop: Opens) -> None:
    """It may still say that nothing has left: whoever asks by resending meanwhile buys, and the next supplier too."""
    resends = {"alpha": {"ask": "resend"}, "beta": {}}
    async with shop(accounts=resends) as here, shop(like=here, owner="two") as there:
        here.alpha.open.clear()
        here.alpha.buy = lambda _: Failure.CONNECT_TIMEOUT
        one = await here.buy()
        one = await here.when(one, lambda _: here.alpha.waiting)
        for _ in range(3):
            await there.engine.check_now(one.id, "ann")
        assert (await here.now(one)).attempts[0].status is AttemptStatus.SENDING
        assert here.alpha.count("buy") == 1
        here.alpha.open.set()
        done = await here.engine.wait_final(one, 5)
        assert (done.provider, [held.status.value for held in done.attempts]) == ("beta", ["rejected", "success"])


@pytest.mark.parametrize(
    ("said", "unread"),
    [
        ("apa ini", True),
        ("never ref={} .", False),
        ("pending ref={} .", False),
        ("success ref=7 .", False),
        (None, False),
    ],
)
async def test_an_answer_that_no_rule_understands_is_seen(
    shop: Opens, monkeypatch: pytest.MonkeyPatch, said: str | None, unread: bool
) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(Observation, "asked", lambda _self, _account, _result, unread: seen.append(unread))
    async with shop() as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        here.alpha.ask = lambda ref: Failure.RESET if said is None else said.format(ref)
        await here.answered()
        await here.pass_time(30)
    assert seen == [unread]


async def test_what_this_process_has_left_half_sent_is_asked_about_and_not_sent_again(
    shop: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of our own ended the task between the commit and the call, and the process lives on."""

    async def breaks(*_: object) -> None:
        raise RuntimeError("a fault")

    async with shop() as here:
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        with monkeypatch.context() as broken:
            broken.setattr(type(here.alpha), "send", breaks)
            one = await here.buy()
            await here.quiet()
            assert (await here.now(one)).attempts[0].status is AttemptStatus.SENDING
        await here.pass_time(30)
        await here.pass_time(1)
        done = await here.now(one)
        assert (done.status, here.alpha.calls) == (TransactionStatus.SUCCESS, [("ask", one.attempts[0].id)])
        sources = [event.source for _, event in await here.ledger.events(one.id) if event.kind == "attempt"]
        assert sources == ["recovery", "check"]


async def test_what_is_not_to_be_asked_any_more_is_not_asked(shop: Opens) -> None:
    """It was due when the sweep looked, and something has settled it since."""
    async with shop() as here:
        one = await here.buy(wait=5)
        await here.engine._checker.check(one.id, one.attempts[0].id)
        assert here.alpha.count("ask") == 0


async def test_an_answer_that_cannot_be_applied_counts_as_a_question(
    shop: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = Door.settle

    async def stumbles(door: Door, transaction: Any, decide: Any, **more: Any) -> Any:
        if any(exchange.purpose == "check" for exchange in more.get("exchanges", ())):
            raise TypeError("a fault of ours")
        return await settle(door, transaction, decide, **more)

    monkeypatch.setattr(Door, "settle", stumbles)
    async with shop() as here:
        here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        one = await here.answered()
        for _ in range(20):
            await here.pass_time(120)
        assert here.alpha.count("ask") == 3, "by the schedule, and no more"
        one = await here.now(one)
        assert (one.status, one.needs_review) == (TransactionStatus.PENDING, True)
        assert (here.alpha.count("buy"), here.beta.calls) == (1, [])


async def test_what_was_wrong_with_the_last_answer_is_shown_at_the_account(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda _: ""
        here.alpha.ask = lambda _: "<html>"
        here.alpha.status = 500
        account = here.engine.accounts["alpha"]
        await here.answered()
        assert account.last_error == "HTTP status 500 and no words"
        await here.pass_time(30)
        assert (account.last_error, account.last_error_at) == (
            "the supplier answered a check with HTTP status 500",
            here.clock.now(),
        )
        here.alpha.ask = lambda _: Failure.RESET
        await here.pass_time(300)
        assert account.last_error == Failure.RESET.value


async def test_a_fault_in_one_sweep_does_not_end_the_sweeping(shop: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop() as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        one = await here.answered()
        due_checks, faults = here.ledger.due_checks, [RuntimeError("a fault"), LedgerUnavailableError("away")]

        async def breaks(*what: Any) -> Any:
            if faults:
                raise faults.pop()
            return await due_checks(*what)

        monkeypatch.setattr(here.ledger, "due_checks", breaks)
        here.clock.forward(31)
        await here.when(one, lambda held: held.status is TransactionStatus.SUCCESS)
        assert not faults
