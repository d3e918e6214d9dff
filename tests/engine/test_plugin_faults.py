"""A plugin that ends the process, or hands over nothing, harms its own account's call and nothing else (C40)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import structlog

from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.core.transaction import TransactionStatus
from gateway.provider import Acknowledgement, Report, UnreadableReportError, Update
from gateway.testing.scripted_supplier import ScriptedProvider, read, say

Opens = Callable[..., AbstractAsyncContextManager[Any]]


class Leaving(ScriptedProvider):
    """Leaves in one of its methods, as a script would."""

    method: ClassVar[str] = ""

    def __getattribute__(self, name: str) -> Any:
        if name == type(self).method:
            return lambda *_: sys.exit("canary")
        return super().__getattribute__(name)


def leaving(name: str) -> type[Leaving]:
    return type("Leaving", (Leaving,), {"method": name})


@pytest.mark.parametrize(
    ("method", "status"),
    [("purchase", TransactionStatus.FAILED), ("read_purchase", TransactionStatus.SUCCESS)],
)
async def test_leaving_in_a_purchase_stays_with_it(shop: Opens, method: str, status: TransactionStatus) -> None:
    with structlog.testing.capture_logs() as lines:
        async with shop(provider=leaving(method), accounts={"alpha": {}}) as here:
            here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
            one = await here.buy(wait=0.2)
            await here.pass_time(30)
            assert (await here.now(one)).status is status
            assert here.alpha.count("buy") == (method == "read_purchase")
    told = [(line["provider"], line["method"]) for line in lines if line["event"] == "plugin_failed"]
    assert told == [("alpha", method)], "once, and not again by a second try"


@pytest.mark.parametrize("method", ["check", "read_check", "asking"])
async def test_leaving_in_a_check_leaves_the_purchase_open(shop: Opens, method: str) -> None:
    async with shop(provider=leaving(method), accounts={"alpha": {}}) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        await here.pass_time(30)
        assert (await here.now(one)).status is TransactionStatus.PENDING


@pytest.mark.parametrize("method", ["read_report", "acknowledge"])
async def test_leaving_in_a_report_keeps_the_report(shop: Opens, method: str) -> None:
    async with shop(provider=leaving(method), accounts={"alpha": {}}) as here:
        report = Report(method="POST", raw_query="", body=b"success ref=x .")
        answer = await here.engine.report("alpha", report, "203.0.113.7")
        assert (answer.status, answer.body) == (200, b"OK")
        assert len(await here.ledger.reports()) == 1


@pytest.mark.parametrize("method", ["balance", "read_balance"])
async def test_leaving_when_the_balance_is_asked_says_none(shop: Opens, method: str) -> None:
    async with shop(provider=leaving(method), accounts={"alpha": {}}) as here:
        here.alpha.ask = lambda _: "123456"
        assert await here.engine.balances.ask(here.engine.accounts["alpha"]) is None


async def test_no_acknowledgement_is_the_usual_one(shop: Opens) -> None:
    class Silent(ScriptedProvider):
        def acknowledge(self, report: Report) -> Acknowledgement:
            return None  # type: ignore[return-value]  # the mistake

    async with shop(provider=Silent) as here:
        report = Report(method="POST", raw_query="", body=b"success ref=x .")
        answer = await here.engine.report("alpha", report, "203.0.113.7")
        assert (answer.status, answer.body) == (200, b"OK")


async def test_the_log_says_why_a_report_could_not_be_read(shop: Opens) -> None:
    class Strict(ScriptedProvider):
        def read_report(self, report: Report) -> Any:
            raise UnreadableReportError("its signature is wrong")

    with structlog.testing.capture_logs() as lines:
        async with shop(provider=Strict) as here:
            await here.report("alpha", "success ref=x .")
    told = [(line["provider"], line["why"]) for line in lines if line["event"] == "report_unreadable"]
    assert told == [("alpha", "its signature is wrong")]


FALSE: dict[str, Any] = {
    "status": "success",
    "reason": "cutoff",
    "message": b"bytes",
    "ref": 42,
    "supplier_ref": 42,
    "serial": 42,
    "rule": 42,
    "price": 5400.0,
    "balance": "1.000",
    "bill": {"total": 5400},
    "never_seen": 0,
    "account_refused": "",
}


@pytest.mark.parametrize(("name", "value"), FALSE.items(), ids=FALSE)
async def test_the_log_names_the_field_of_an_outcome_that_has_the_wrong_type(
    shop: Opens, name: str, value: Any
) -> None:
    class Careless(ScriptedProvider):
        def read_purchase(self, attempt: Any, reply: Any) -> Any:
            given: dict[str, Any] = {"status": OutcomeStatus.SUCCESS, name: value}
            return Outcome(**given)

    with structlog.testing.capture_logs() as lines:
        async with shop(provider=Careless, accounts={"alpha": {}}) as here:
            one = await here.answered()
            assert one.attempts[0].status == "unknown"
            assert f"{name} is {type(value).__name__}" in one.attempts[0].message
    told = [(line["method"], line["why"]) for line in lines if line["event"] == "plugin_failed"]
    assert [method for method, _ in told] == ["read_purchase"]
    assert told[0][1].startswith(f"{name} is {type(value).__name__}, and has to be ")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("success", "it is no Update but str"),
        (Update(ref=42, outcome=Outcome(status=OutcomeStatus.FAILED)), "ref is int"),  # type: ignore[arg-type]  # the mistake
        (
            Update(ref="1", outcome=Outcome(status=OutcomeStatus.FAILED, price=1.5)),  # type: ignore[arg-type]  # the mistake
            "its outcome: price is float",
        ),
    ],
)
async def test_the_log_names_what_is_wrong_with_an_update(shop: Opens, given: Any, why: str) -> None:
    class Careless(ScriptedProvider):
        def read_report(self, report: Report) -> Any:
            return (given,)

    with structlog.testing.capture_logs() as lines:
        async with shop(provider=Careless) as here:
            assert await here.report("alpha", "success ref=x .") == "unreadable"
    told = [line["why"] for line in lines if line["event"] == "report_unreadable"]
    assert len(told) == 1
    assert why in told[0]


async def test_the_log_says_what_came_in_the_place_of_a_call(shop: Opens) -> None:
    class Careless(ScriptedProvider):
        def purchase(self, attempt: Any) -> Any:
            return ("GET", "http://127.0.0.1")

    with structlog.testing.capture_logs() as lines:
        async with shop(provider=Careless, accounts={"alpha": {}}) as here:
            assert (await here.buy(wait=5)).status is TransactionStatus.FAILED
    told = {(line["method"], line["why"]) for line in lines if line["event"] == "plugin_failed"}
    assert told == {("purchase", "it gave tuple, and not a Call")}


async def test_a_plugin_that_cannot_ask_leaves_the_purchase_to_a_person_after_its_schedule(shop: Opens) -> None:
    async with shop(provider=leaving("check"), accounts={"alpha": {}}) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        for seconds in (31, 120, 600):
            await here.pass_time(seconds)
        held = await here.now(one)
        assert (held.status, held.needs_review, here.alpha.count("ask")) == (TransactionStatus.PENDING, True, 0)


async def test_a_report_without_end_is_unreadable_and_holds_nobody_up(shop: Opens) -> None:
    class Endless(ScriptedProvider):
        def read_report(self, report: Report) -> Any:
            for number in range(20_000):  # one without an end would end the test with the machine's memory
                given.append(number)
                yield Update(ref="1", outcome=Outcome(status=OutcomeStatus.PENDING))

    given: list[int] = []
    with structlog.testing.capture_logs() as lines:
        async with shop(provider=Endless) as here:
            assert await here.report("alpha", "success ref=x .") == "unreadable"
    assert len(given) <= 1_001
    told = [line["why"] for line in lines if line["event"] == "report_unreadable"]
    assert told == ["the plugin gave more than 1000 updates for one report"]


@pytest.mark.parametrize("ends", [("failed", "success"), ("success", "failed"), ("pending", "refused", "success")])
async def test_a_report_that_ends_one_purchase_in_two_ways_is_not_believed(shop: Opens, ends: tuple[str, ...]) -> None:
    class Undecided(ScriptedProvider):
        def read_report(self, report: Report) -> Any:
            ref = report.body.decode()
            return [Update(ref=ref, outcome=read(say(word, ref))) for word in ends]

    accounts = {"alpha": {"reports": {"trust": "source"}}, "beta": {}}
    async with shop(provider=Undecided, accounts=accounts) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        assert await here.report("alpha", one.attempts[0].id) == "unreadable"
        await here.quiet()
        assert (await here.now(one)).status is TransactionStatus.PENDING
        assert here.beta.count("buy") == 0, "the failure may be none"


async def test_two_ends_of_one_purchase_are_seen_where_one_has_only_the_suppliers_name(shop: Opens) -> None:
    class Undecided(ScriptedProvider):
        def read_report(self, report: Report) -> Any:
            ref = report.body.decode()
            return [
                Update(ref=None, supplier_ref="T-1", outcome=replace(read(say("failed", ref)), supplier_ref=None)),
                Update(ref=ref, supplier_ref="T-1", outcome=read(say("success", ref))),
            ]

    accounts = {"alpha": {"reports": {"trust": "source"}}, "beta": {}}
    with structlog.testing.capture_logs() as lines:
        async with shop(provider=Undecided, accounts=accounts) as here:
            here.alpha.buy = lambda ref: say("pending", ref)
            one = await here.answered()
            assert await here.report("alpha", one.attempts[0].id) == "unreadable"
            assert (await here.now(one)).status is TransactionStatus.PENDING
    told = [line["why"] for line in lines if line["event"] == "report_unreadable"]
    assert told == ["the plugin's updates say of one purchase that it succeeded and that it failed"]


async def test_updates_that_name_no_purchase_do_not_take_the_others_with_them(shop: Opens) -> None:
    class Mixed(ScriptedProvider):
        def read_report(self, report: Report) -> Any:
            ref = report.body.decode()
            ends = (replace(read(say(word, "1")), supplier_ref=None) for word in ("failed", "success"))
            return [
                *(Update(ref=None, outcome=end) for end in ends),
                Update(ref=ref, outcome=read(say("success", ref))),
            ]

    async with shop(provider=Mixed, accounts={"alpha": {"reports": {"trust": "source"}}}) as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        await here.report("alpha", one.attempts[0].id)
        assert (await here.now(one)).status is TransactionStatus.SUCCESS
