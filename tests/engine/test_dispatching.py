"""Sending: once, to one supplier at a time, and to the next only when it is definite (C5, C6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from gateway.core.failover import ANOTHER_SUPPLIER_MAY_BE_TRIED
from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.core.transaction import AttemptStatus, Change, TransactionStatus
from gateway.engine.observation import Observation
from gateway.net.failure import Failure
from gateway.provider import Asking, Attempt, Call, Reply, Report, Update
from gateway.testing.scripted_supplier import ScriptedProvider, say

Opens = Callable[..., AbstractAsyncContextManager[Any]]
BEFORE_THE_LINE = list(Failure)[: list(Failure).index(Failure.ANSWER_TIMEOUT)]
BEHIND_THE_LINE = [Failure.ANSWER_TIMEOUT, Failure.DROPPED, Failure.UNEXPECTED]


@pytest.mark.parametrize("failure", BEFORE_THE_LINE)
async def test_what_never_left_goes_to_the_next_supplier(shop: Opens, failure: Failure) -> None:
    async with shop() as here:
        here.alpha.buy = lambda _: failure
        one = await here.buy(wait=5)
        assert (one.status, one.provider) == (TransactionStatus.SUCCESS, "beta")
        assert [held.status for held in one.attempts] == [AttemptStatus.REJECTED, AttemptStatus.SUCCESS]
        assert one.attempts[0].id != one.attempts[1].id


@pytest.mark.parametrize("answer", [*BEHIND_THE_LINE, "", "success ref=", b"\xff\xfe"])
async def test_what_may_have_left_goes_nowhere_else(shop: Opens, answer: Any) -> None:
    async with shop() as here:
        here.alpha.buy = lambda _: answer
        here.alpha.ask = lambda _: Failure.DROPPED
        one = await here.answered()
        assert one.attempts[0].status is AttemptStatus.UNKNOWN
        for seconds in (30, 90, 480, 86_400):
            await here.pass_time(seconds)
        one = await here.now(one)
        assert (one.status, one.needs_review, len(one.attempts)) == (TransactionStatus.PENDING, True, 1)
        assert (here.alpha.count("buy"), here.alpha.count("ask"), here.beta.calls) == (1, 3, [])


@pytest.mark.parametrize("code", [None, *ReasonCode])
async def test_a_definite_failure_goes_on_by_the_table(shop: Opens, code: ReasonCode | None) -> None:
    async with shop() as here:
        here.alpha.buy = lambda ref: say("failed", ref, why="" if code is None else code.value)
        one = await here.buy(wait=5)
        if code is None or ANOTHER_SUPPLIER_MAY_BE_TRIED[code]:
            assert (one.status, one.provider, here.beta.count("buy")) == (TransactionStatus.SUCCESS, "beta", 1)
        else:
            assert (one.status, one.reason.code, here.beta.calls) == (TransactionStatus.FAILED, code, [])


async def test_an_account_may_end_the_search(shop: Opens) -> None:
    async with shop(accounts={"alpha": {"no_failover": ["cutoff"]}, "beta": {}}) as here:
        here.alpha.buy = lambda ref: say("failed", ref, why="cutoff")
        one = await here.buy(wait=5)
        assert (one.status, one.reason.code, here.beta.calls) == (TransactionStatus.FAILED, ReasonCode.CUTOFF, [])


async def test_the_search_ends_after_the_most_attempts(shop: Opens) -> None:
    accounts: dict[str, Any] = {name: {} for name in ("alpha", "beta", "gamma", "delta")}
    async with shop(accounts=accounts, routing={"max_attempts": 2}) as here:
        for supplier in here.suppliers.values():
            supplier.buy = lambda ref: say("failed", ref, why="product_unavailable")
        one = await here.buy(wait=5)
        assert (one.status, [held.provider for held in one.attempts]) == (TransactionStatus.FAILED, ["alpha", "beta"])


async def test_no_attempt_starts_after_the_deadline(shop: Opens) -> None:
    async with shop(routing={"deadline": "60s"}) as here:

        async def slowly(_: str, __: str) -> None:
            here.clock.forward(61)

        here.alpha.seen = slowly
        here.alpha.buy = lambda ref: say("failed", ref, why="cutoff")
        one = await here.buy(wait=5)
        assert (one.status, one.reason.code, here.beta.calls) == (TransactionStatus.FAILED, ReasonCode.CUTOFF, [])


async def test_an_answer_about_another_purchase_is_no_answer(shop: Opens) -> None:
    for word in ("success", "failed", "pending", "refused", "door"):
        async with shop() as here:
            here.alpha.buy = lambda _, word=word: say(word, "000000000000000007", sn="SN-7", price=1)
            one = await here.answered(f"A-{word}")
            held = one.attempts[0]
            assert (held.status, held.serial, held.price) == (AttemptStatus.UNKNOWN, None, None)
            assert here.beta.calls == []
            assert here.engine.accounts["alpha"].paused is None


@pytest.mark.parametrize("word", ["success", "pending", "never"])
async def test_the_supplier_reference_of_another_purchase_is_not_taken(shop: Opens, word: str) -> None:
    """The other one's report, which may carry that reference alone, would settle this one."""
    async with shop() as here:
        here.alpha.buy = lambda _: say(word, "000000000000000007", sref="T-7")
        one = await here.answered()
        assert one.attempts[0].supplier_ref is None
        assert await here.report("alpha", "success sref=T-7 sn=SN-7 .") == "unmatched"
        assert (await here.now(one)).status is TransactionStatus.PENDING


async def test_a_refused_account_is_paused_also_after_a_restart_until_it_is_resumed(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda ref: say("door", ref)
        one = await here.buy(wait=5)
        assert one.provider == "beta"
        assert (await here.buy("A-2", wait=5)).provider == "beta"
        assert here.alpha.count("buy") == 1
        await here.quiet()
    async with shop(like=here) as after:
        assert "the supplier refuses the account" in after.engine.providers()[0]["why"]
        assert (await after.buy("A-3", wait=5)).provider == "beta"
        after.alpha.buy = lambda ref: say("success", ref)
        await after.engine.resume("alpha", "ann")
        assert (await after.buy("A-4", wait=5)).provider == "alpha"
    async with shop(like=after) as again:
        assert (await again.buy("A-5", wait=5)).provider == "alpha"
        await again.engine.pause("alpha", "ann", "maintenance")
        assert (await again.buy("A-6", wait=5)).provider == "beta"
    async with shop(like=again) as last:
        assert (await last.buy("A-7", wait=5)).provider == "beta"


async def test_a_process_that_slept_past_its_lease_sends_nothing(shop: Opens) -> None:
    async with shop() as here:
        here.ledger.lease_held = lambda: False
        one = await here.buy()
        await here.quiet()
        assert here.alpha.calls == here.beta.calls == []
        assert (await here.now(one)).attempts[0].status is AttemptStatus.SENDING
        here.ledger.lease_held = lambda: True
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        await here.pass_time(31)
        await here.pass_time(31)
        assert (await here.now(one)).status is TransactionStatus.SUCCESS
        assert here.alpha.count("buy") == 0, "what may have been sent is asked about, never sent"


async def test_a_queue_that_is_full_goes_to_the_next_supplier(shop: Opens) -> None:
    limits = {"limits": {"in_flight": 1, "queue": 0}}
    async with shop(accounts={"alpha": limits, "beta": {}}) as here:
        here.alpha.open.clear()
        await here.buy("A-1")
        assert (await here.buy("A-2", wait=5)).provider == "beta"
        here.alpha.open.set()
        await here.quiet()
        assert here.engine.accounts["alpha"].lane.in_flight == 0


async def test_a_purchase_waits_for_its_turn_and_no_longer_than_it_may(shop: Opens) -> None:
    limits = {"limits": {"in_flight": 1, "wait": "100ms"}}
    async with shop(accounts={"alpha": limits}) as here:
        here.alpha.open.clear()
        await here.buy("A-1")
        second = await here.buy("A-2", wait=5)
        assert (second.status, second.reason.code) == (TransactionStatus.FAILED, ReasonCode.NO_ROUTE)
        assert "no slot came free" in second.reason.message
        third = asyncio.create_task(here.buy("A-3", wait=5))
        await asyncio.sleep(0.02)
        here.alpha.open.set()
        assert (await third).status is TransactionStatus.SUCCESS
        assert here.alpha.count("buy") == 2


async def test_a_route_that_closes_while_a_purchase_waits_is_not_taken(shop: Opens) -> None:
    accounts = {"alpha": {"limits": {"in_flight": 1}}, "beta": {}}
    async with shop(accounts=accounts) as here:
        here.alpha.open.clear()
        await here.buy("A-1")
        waiting = await here.buy("A-2")
        await here.engine.pause("alpha", "ann", "maintenance")
        here.alpha.open.set()
        assert (await here.engine.wait_final(waiting, 5)).provider == "beta"
        assert here.alpha.count("buy") == 1


async def test_weights_are_the_shares_also_of_those_who_come_second(shop: Opens) -> None:
    routes = [
        {"provider": "down", "code": "X5", "price": 5_400, "weight": 1_000},
        {"provider": "alpha", "code": "X5", "price": 5_400, "weight": 3},
        {"provider": "beta", "code": "X5", "price": 5_400, "weight": 1},
    ]
    sections: dict[str, Any] = {
        "products": [{"code": "XL5", "routes": routes}],
        "routing": {"strategy": "weighted", "max_attempts": 9},
    }
    async with shop(accounts={"down": {}, "alpha": {}, "beta": {}}, **sections) as here:
        here.engine._random.seed(20261124)
        here.suppliers["down"].buy = lambda _: Failure.CONNECT_REFUSED
        await asyncio.gather(*(here.buy(f"A-{number}", wait=20) for number in range(400)))
        assert 0.68 < here.alpha.count("buy") / 400 < 0.82


async def test_what_is_said_and_answered_is_kept_without_secrets(shop: Opens) -> None:
    async with shop() as here:
        echo = "http://127.0.0.1:1/canary-path canary-token"
        here.alpha.buy = lambda ref: f"{echo} {say('success', ref)}"
        one = await here.answered()
        (kept,) = await here.ledger.exchanges(one.id)
        assert (kept.purpose, kept.attempt, kept.provider, kept.status) == (
            "purchase",
            one.attempts[0].id,
            "alpha",
            200,
        )
        assert "081712345678" in kept.request
        for text in (kept.request, kept.response, one.attempts[0].message, repr(here.audits.lines)):
            assert "canary" not in text
        assert [event for event, _ in here.audits.lines].count("exchange") == 1


# Plugins that break the contract.


class Broken(ScriptedProvider):
    """Does what it should not where it is told to."""

    where: str = ""
    gives: Any = None

    def _give(self, where: str, well: Any) -> Any:
        if self.settings.id != "alpha" or type(self).where != where:
            return well
        if isinstance(type(self).gives, BaseException):
            raise type(self).gives
        return type(self).gives

    def purchase(self, attempt: Attempt) -> Call:
        call: Call = self._give("purchase", super().purchase(attempt))
        return call

    def read_purchase(self, attempt: Attempt, reply: Reply) -> Outcome:
        outcome: Outcome = self._give("read_purchase", super().read_purchase(attempt, reply))
        return outcome

    def check(self, attempt: Attempt) -> Call:
        call: Call = self._give("check", super().check(attempt))
        return call

    def read_check(self, attempt: Attempt, reply: Reply) -> Outcome:
        outcome: Outcome = self._give("read_check", super().read_check(attempt, reply))
        return outcome

    def read_report(self, report: Report) -> Sequence[Update]:
        updates: Sequence[Update] = self._give("read_report", super().read_report(report))
        return updates


def broken(where: str, gives: Any) -> type[Broken]:
    return type("BrokenHere", (Broken,), {"where": where, "gives": gives, "__doc__": None})


JUNK = [RuntimeError("canary"), None, "success", OutcomeStatus.SUCCESS]


@pytest.mark.parametrize("gives", JUNK)
async def test_a_plugin_that_makes_no_call_is_passed_over(shop: Opens, gives: Any) -> None:
    async with shop(provider=broken("purchase", gives)) as here:
        one = await here.buy(wait=5)
        assert (one.status, one.provider) == (TransactionStatus.SUCCESS, "beta")
        assert here.alpha.calls == []
        assert here.engine.accounts["alpha"].lane.in_flight == 0
        assert len(one.attempts) == 1


@pytest.mark.parametrize("gives", JUNK)
@pytest.mark.parametrize("where", ["read_purchase", "read_check", "check"])
async def test_a_plugin_that_cannot_read_has_read_nothing(shop: Opens, where: str, gives: Any) -> None:
    async with shop(provider=broken(where, gives)) as here:
        if where != "read_purchase":
            here.alpha.buy = lambda ref: say("pending", ref)
        here.alpha.ask = lambda ref: say("pending", ref)
        one = await here.answered()
        for seconds in (30, 90, 480, 600):
            await here.pass_time(seconds)
        one = await here.when(one, lambda held: held.needs_review)
        assert (one.status, one.needs_review, len(one.attempts)) == (TransactionStatus.PENDING, True, 1)
        assert here.alpha.count("buy") == 1
        assert here.alpha.count("ask") == (0 if where == "check" else 3)
        assert "canary" not in one.attempts[0].message


SUCCESS, FAILED = OutcomeStatus.SUCCESS, OutcomeStatus.FAILED
MISSHAPEN: list[dict[str, Any]] = [
    {"status": "success"},
    {"status": "bogus"},
    {"status": SUCCESS, "price": "5400"},
    {"status": SUCCESS, "price": 5400.5},
    {"status": SUCCESS, "price": 2**70},
    {"status": SUCCESS, "serial": 5},
    {"status": SUCCESS, "supplier_ref": b"x"},
    {"status": SUCCESS, "bill": {"amount": 5}},
    {"status": FAILED, "message": None},
    {"status": FAILED, "reason": "cutoff"},
]


@pytest.mark.parametrize("fields", MISSHAPEN, ids=str)
async def test_an_outcome_of_the_wrong_types_is_none_and_ends_with_a_person(
    shop: Opens, fields: dict[str, Any]
) -> None:
    class Misshapen(ScriptedProvider):
        def read_purchase(self, attempt: Attempt, reply: Reply) -> Outcome:
            return Outcome(**fields)

        def read_check(self, attempt: Attempt, reply: Reply) -> Outcome:
            return Outcome(**fields)

        def read_report(self, report: Report) -> Sequence[Update]:
            return [Update(ref=report.body.decode(), outcome=Outcome(**fields))]

    async with shop(provider=Misshapen, accounts={"alpha": {}}) as here:
        one = await here.answered()
        assert await here.report("alpha", one.attempts[0].id) == "unreadable"
        for seconds in (30, 90, 480, 10):
            await here.pass_time(seconds)
        one = await here.now(one)
        assert (one.status, one.needs_review) == (TransactionStatus.PENDING, True)
        assert here.alpha.count("ask") == 3


async def test_texts_that_no_database_takes_are_stored_all_the_same(shop: Opens) -> None:
    class Odd(ScriptedProvider):
        def read_purchase(self, attempt: Attempt, reply: Reply) -> Outcome:
            return Outcome(status=SUCCESS, message="\ud800\0", serial="\ud800\0SN", supplier_ref="\0")

    async with shop(provider=Odd) as here:
        assert (await here.buy(wait=5)).status is TransactionStatus.SUCCESS


async def test_a_plugin_that_cannot_say_how_it_is_asked_is_not_asked(shop: Opens) -> None:
    class Mute(ScriptedProvider):
        def asking(self) -> Asking:
            raise RuntimeError("canary")

    reports = {"allow_from": ["203.0.113.7"], "trust": "verify"}
    async with shop(provider=Mute, accounts={"alpha": {"reports": reports}}) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        assert await here.report("alpha", say("success", one.attempts[0].id)) == "unverified"
        for seconds in (30, 90, 480):
            await here.pass_time(seconds)
        assert (await here.now(one)).needs_review


async def test_updates_may_come_one_by_one(shop: Opens) -> None:
    class Generating(ScriptedProvider):
        def read_report(self, report: Report) -> Any:
            yield from super().read_report(report)

    async with shop(provider=Generating) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        assert await here.report("alpha", say("success", one.attempts[0].id)) == "applied"


@pytest.mark.parametrize("gives", [*JUNK, [None], [7, "x"], [Update(ref=None, outcome=None)]])  # type: ignore[arg-type]  # that is the test
async def test_a_report_that_a_plugin_cannot_read_is_kept_and_acknowledged(shop: Opens, gives: Any) -> None:
    async with shop(provider=broken("read_report", gives)) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        assert await here.report("alpha", say("success", one.attempts[0].id)) == "unreadable"
        assert (await here.now(one)).status is TransactionStatus.PENDING


async def test_a_step_that_another_one_overtook_gives_its_turn_back(
    shop: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(accounts={"alpha": {"limits": {"in_flight": 1}}}) as here:
        commit, lost = here.ledger.commit, list[Change]()

        async def loses_once(change: Change) -> bool:
            if change.before is not None and len(change.after.attempts) > len(change.before.attempts) and not lost:
                lost.append(change)
                return False
            return bool(await commit(change))

        monkeypatch.setattr(here.ledger, "commit", loses_once)
        here.alpha.open.clear()
        await here.buy("A-1")
        second = await here.buy("A-2", dest="081712345670")
        assert second.attempts == ()
        here.alpha.open.set()
        assert (await here.engine.wait_final(second, 5)).status is TransactionStatus.SUCCESS
        assert (len(lost), here.alpha.count("buy")) == (1, 2)


async def test_the_supplier_is_told_what_was_ordered(shop: Opens) -> None:
    async with shop() as here:
        one = await here.buy(wait=5, product="ANY", qty=20_000)
        assert here.alpha.fields == [
            {"ref": one.attempts[0].id, "product": "X5", "dest": "081712345678", "qty": "20000"}
        ]


async def test_by_success_the_one_that_fails_is_seldom_tried_first(shop: Opens) -> None:
    async with shop(routing={"strategy": "balanced-by-success"}) as here:
        here.engine.accounts["alpha"].endings.extend([False] * 200)
        made = [await here.buy(f"A-{n}", wait=5) for n in range(20)]
        assert [one.provider for one in made].count("beta") >= 15


async def test_nobody_waits_for_a_turn_longer_than_the_purchase_may_take(shop: Opens) -> None:
    limits = {"limits": {"in_flight": 1, "wait": "60s"}}
    async with shop(accounts={"alpha": limits}, routing={"deadline": "1s"}) as here:
        here.alpha.open.clear()
        first = await here.buy("A-1")
        await here.when(first, lambda _: here.alpha.waiting)
        second = await here.buy("A-2", wait=5)
        assert (second.status, second.attempts) == (TransactionStatus.FAILED, ())
        here.alpha.open.set()


async def test_how_long_purchases_wait_for_their_turn_is_told(shop: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float | None] = []
    monkeypatch.setattr(Observation, "turned", lambda _self, _account, seconds: told.append(seconds))
    async with shop(accounts={"alpha": {"limits": {"in_flight": 1, "queue": 1}}}) as here:
        here.alpha.open.clear()
        first, second = await here.buy("A-1"), await here.buy("A-2")
        await here.when(second, lambda _: here.engine.accounts["alpha"].lane.waiting)
        third = await here.buy("A-3", wait=5)
        assert (third.status, told) == (TransactionStatus.FAILED, [0.0, None])
        here.alpha.open.set()
        for one in (first, second):
            await here.engine.wait_final(one, 5)
    assert len(told) == 3
    assert (told[2] or 0) > 0


async def test_a_plugin_is_told_what_is_known_of_the_attempt(shop: Opens) -> None:
    asked: list[Attempt] = []

    class Listening(ScriptedProvider):
        def check(self, attempt: Attempt) -> Call:
            asked.append(attempt)
            return super().check(attempt)

    async with shop(provider=Listening) as here:
        here.alpha.buy = lambda _: Failure.CONNECT_REFUSED
        here.beta.buy = lambda ref: say("pending", ref, sref="T-1")
        one = await here.buy(max_price=9_000)
        one = await here.when(one, lambda held: len(held.attempts) == 2 and held.attempts[1].status == "pending")
        await here.pass_time(31)
        (attempt,) = asked
        second = one.attempts[1]
        assert (attempt.ref, attempt.max_price, attempt.supplier_ref) == (second.id, 9_000, "T-1")
        assert attempt.started_at == second.started_at
