"""Suppliers' reports: late, repeated, reordered, forged (C7, C8, C9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.core.transaction import AttemptStatus, TransactionStatus
from gateway.engine.apply import Door
from gateway.engine.errors import UnavailableError
from gateway.ledger import LedgerUnavailableError
from gateway.net.failure import Failure
from gateway.provider import Report, Update
from gateway.testing.scripted_supplier import ScriptedProvider, read, say

Opens = Callable[..., AbstractAsyncContextManager[Any]]
VERIFY = {"reports": {"allow_from": ["203.0.113.7"], "token": "canary-token", "trust": "verify"}}


async def pending(here: Any, ref_id: str = "A-1") -> Any:
    """A purchase that its supplier is working on."""
    here.alpha.buy = lambda ref: say("pending", ref)
    return await here.answered(ref_id)


async def test_a_believed_report_settles_it(shop: Opens) -> None:
    async with shop() as here:
        one = await pending(here)
        assert await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1", price=5_390)) == "applied"
        done = await here.now(one)
        assert (done.status, done.serial, done.price) == (TransactionStatus.SUCCESS, "SN-1", 5_390)
        (number, report) = (await here.ledger.reports(attempt=one.attempts[0].id))[0]
        events = [event for _, event in await here.ledger.events(one.id)]
        assert events[-1].data["by"] == f"report {number}"
        assert report.remote == "203.0.113.7"


async def test_the_same_report_a_hundred_times_is_applied_once(shop: Opens) -> None:
    async with shop() as here:
        one = await pending(here)
        line = say("success", one.attempts[0].id, sn="SN-1")
        verdicts = [await here.report("alpha", line) for _ in range(100)]
        assert verdicts == ["applied"] + ["repeated"] * 99
        assert (await here.now(one)).version == one.version + 1


@pytest.mark.parametrize(("more", "verdict"), [({}, "applied"), (VERIFY, "to_verify")])
async def test_a_report_is_marked_in_the_step_that_it_causes(
    shop: Opens, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], verdict: str
) -> None:
    async def no_second_step(*_: object) -> None:
        raise LedgerUnavailableError("the disk is full by now")

    async with shop(accounts={"alpha": more}) as here:
        one = await pending(here)
        monkeypatch.setattr(here.ledger, "mark_report", no_second_step)
        assert await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1")) == verdict
        [(_, report)] = await here.ledger.reports(attempt=one.attempts[0].id)
        assert report.verdict == verdict


async def test_old_news_after_the_end_changes_nothing(shop: Opens) -> None:
    async with shop() as here:
        one = await pending(here)
        await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1"))
        done = await here.now(one)
        assert await here.report("alpha", say("pending", one.attempts[0].id)) == "nothing_new"
        assert await here.now(one) == done


async def test_a_report_that_comes_before_the_answer_holds(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.open.clear()
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await here.buy()
        one = await here.when(one, lambda held: held.attempts)
        assert await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1")) == "applied"
        assert (await here.engine.wait_final(one, 5)).status is TransactionStatus.SUCCESS
        here.alpha.open.set()
        await here.quiet()
        done = await here.now(one)
        assert (done.status, done.conflict) == (TransactionStatus.SUCCESS, False)
        assert len(await here.ledger.exchanges(one.id)) == 1, "the answer is kept although it brought nothing"


async def test_a_failure_that_comes_before_the_answer_is_followed_once(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.open.clear()
        here.alpha.buy = lambda ref: say("failed", ref, why="cutoff")
        one = await here.buy()
        one = await here.when(one, lambda held: held.attempts)
        await here.report("alpha", say("failed", one.attempts[0].id, why="cutoff"))
        here.alpha.open.set()
        done = await here.engine.wait_final(one, 5)
        assert (done.status, done.provider, here.beta.count("buy")) == (TransactionStatus.SUCCESS, "beta", 1)


async def test_failed_then_success_stops_and_calls_a_person(shop: Opens) -> None:
    async with shop() as here:
        here.beta.buy = lambda ref: say("pending", ref)
        one = await pending(here)
        await here.report("alpha", say("failed", one.attempts[0].id, why="cutoff"))
        both = await here.when(one, lambda held: len(held.attempts) == 2)
        await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1"))
        held = await here.now(one)
        assert (held.status, held.conflict, held.attempts[0].contested) == (TransactionStatus.PENDING, True, True)
        await here.report("beta", say("failed", both.attempts[1].id, why="cutoff"))
        await here.quiet()
        held = await here.now(one)
        assert (held.status, held.needs_review, len(held.attempts)) == (TransactionStatus.PENDING, True, 2)


async def test_a_taking_back_reverses_and_is_not_bought_again(shop: Opens) -> None:
    async with shop() as here:
        one = await here.buy(wait=5)
        line = say("failed", one.attempts[0].id)
        assert [await here.report("alpha", line) for _ in range(3)] == ["applied", "repeated", "repeated"]
        await here.quiet()
        done = await here.now(one)
        assert (done.status, len(done.attempts)) == (TransactionStatus.REVERSED, 1)
        assert here.beta.calls == []


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("success ref=000000000000000007 sn=SN-1 .", "unmatched"),
        ("success ref=x .", "unmatched"),
        ("success sref=T-404 .", "unmatched"),
        ("success .", "unreadable"),
        ("", "empty"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "unreadable"),
    ],
)
async def test_what_matches_nothing_is_kept_for_a_person(shop: Opens, text: str, verdict: str) -> None:
    async with shop() as here:
        await pending(here)
        assert await here.report("alpha", text) == verdict
        assert len(await here.ledger.reports(verdict=verdict)) == 1


async def test_a_report_about_another_accounts_attempt_matches_nothing(shop: Opens) -> None:
    async with shop() as here:
        one = await pending(here)
        assert await here.report("beta", say("success", one.attempts[0].id)) == "unmatched"
        assert (await here.now(one)).status is TransactionStatus.PENDING
        with pytest.raises(LookupError):
            await here.report("nobody", say("success", one.attempts[0].id))


async def test_the_suppliers_own_reference_will_do(shop: Opens) -> None:
    async with shop() as here:
        here.alpha.buy = lambda ref: say("pending", ref, sref=f"T-{ref}")
        one = await here.answered()
        assert await here.report("alpha", f"success sref=T-{one.attempts[0].id} sn=SN-1 .") == "applied"
        assert (await here.now(one)).serial == "SN-1"


async def test_a_report_is_kept_without_secrets(shop: Opens) -> None:
    async with shop() as here:
        report = Report(method="GET", raw_query="pass=canary-token&x=1", body=b"token canary-token\x00")
        await here.engine.report("alpha", report, "203.0.113.7")
        (_, kept) = (await here.ledger.reports())[0]
        assert "canary-token" not in kept.query + kept.body
        assert "x=1" in kept.query


async def verdict(here: Any) -> str:
    """Of the report that came last."""
    return str((await here.ledger.reports(limit=1))[0][1].verdict)


async def test_a_report_that_could_not_be_applied_is_read_again_when_nobody_has_it_in_hand(
    shop: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: object) -> bool:
        raise LedgerUnavailableError("the disk is full")

    async with shop() as here:
        one = await pending(here)
        await here.quiet()  # the reports of the last process have been looked for
        await here.pass_time(10)
        with monkeypatch.context() as patch:
            patch.setattr(here.ledger, "commit", full)
            with pytest.raises(UnavailableError):
                await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1"))
        await here.pass_time(21)  # reports are looked at, but this one may be under way
        assert await verdict(here) == "received"
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        await here.pass_time(30)
        assert await verdict(here) == "to_verify", "the supplier may say something else by now"
        done = await here.now(one)
        assert (done.status, done.serial) == (TransactionStatus.SUCCESS, "SN-1")


async def left_unread(here: Any, monkeypatch: pytest.MonkeyPatch, word: str, **facts: Any) -> Any:
    """A pending purchase with a report that was stored, could not be applied, and is read within the next minute."""

    async def full(_: object) -> bool:
        raise LedgerUnavailableError("the disk is full")

    one = await pending(here)
    await here.quiet()  # as above
    await here.pass_time(10)
    with monkeypatch.context() as patch:
        patch.setattr(here.ledger, "commit", full)
        with pytest.raises(UnavailableError):
            await here.report("alpha", say(word, one.attempts[0].id, **facts))
    return one


@pytest.mark.parametrize("said", ["success", "pending", "failed"])
async def test_a_failure_that_was_left_unread_is_asked_about_before_another_supplier_is_tried(
    shop: Opens, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    later = {"checks": ["10m", "20m"]}  # so that only the report asks
    async with shop(accounts={"alpha": later, "beta": {}}) as here:
        await left_unread(here, monkeypatch, "failed", why="cutoff")
        here.alpha.ask = lambda ref: say(said, ref, why="cutoff" if said == "failed" else "")
        await here.pass_time(60)
        assert await verdict(here) == "to_verify"
        assert here.beta.count("buy") == (said == "failed")


async def test_a_failure_that_was_left_unread_does_not_take_back_what_succeeded_since(
    shop: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop() as here:
        one = await left_unread(here, monkeypatch, "failed")
        here.clock.forward(1)
        assert await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1")) == "applied"
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        await here.pass_time(60)
        assert [report.verdict for _, report in await here.ledger.reports()] == ["applied", "to_verify"]
        done = await here.now(one)
        assert (done.status, done.conflict) == (TransactionStatus.SUCCESS, False), "the supplier was asked"


async def test_where_nobody_can_be_asked_old_news_of_failure_is_for_a_person(
    shop: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(accounts={"alpha": {"ask": "none"}}) as here:
        one = await left_unread(here, monkeypatch, "failed")
        here.clock.forward(1)
        assert await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1")) == "applied"
        await here.pass_time(60)
        done = await here.now(one)
        assert (done.status, done.conflict) == (TransactionStatus.SUCCESS, True)


async def test_a_report_that_was_not_read_before_its_account_was_taken_out_is_left_to_a_person(
    shop: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise LedgerUnavailableError("the disk is full")

    async with shop() as here:
        await here.quiet()  # as above
        with monkeypatch.context() as patch:
            patch.setattr(here.ledger, "mark_report", full)
            with pytest.raises(UnavailableError):
                await here.report("alpha", say("success", f"{7:018d}"))
        beta_alone = here.settings.model_copy(update={"providers": here.settings.providers[1:]})
        await here.engine.reload(beta_alone)
        await here.pass_time(31)
        assert await verdict(here) == "unmatched"


# Accounts whose reports are not believed.


async def test_a_false_success_changes_nothing_until_the_supplier_confirms_it(shop: Opens) -> None:
    async with shop(accounts={"alpha": VERIFY}) as here:
        one = await pending(here)
        here.alpha.ask = lambda ref: say("pending", ref)
        assert await here.report("alpha", say("success", one.attempts[0].id, sn="FALSE")) == "to_verify"
        await here.quiet()
        held = await here.now(one)
        assert (held.status, held.serial, here.alpha.count("ask")) == (TransactionStatus.PENDING, None, 1)
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        await here.pass_time(30)
        done = await here.now(one)
        assert (done.status, done.serial) == (TransactionStatus.SUCCESS, "SN-1")


async def test_a_true_report_is_confirmed_at_once(shop: Opens) -> None:
    async with shop(accounts={"alpha": VERIFY}) as here:
        one = await pending(here)
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1"))
        assert (await here.engine.wait_final(one, 5)).serial == "SN-1"


async def test_a_false_failure_tries_nobody_else_and_takes_nothing_back(shop: Opens) -> None:
    async with shop(accounts={"alpha": VERIFY, "beta": VERIFY}) as here:
        one = await pending(here)
        await here.report("alpha", say("failed", one.attempts[0].id, why="cutoff"))
        await here.quiet()
        assert (await here.now(one)).status is TransactionStatus.PENDING
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        await here.pass_time(30)
        bought = await here.now(one)
        await here.report("alpha", say("failed", one.attempts[0].id, why="cutoff") + " ")
        await here.quiet()
        assert (await here.now(one)).status is bought.status is TransactionStatus.SUCCESS
        assert here.beta.calls == []


async def test_a_true_taking_back_is_verified_and_reverses(shop: Opens) -> None:
    async with shop(accounts={"alpha": VERIFY}) as here:
        one = await here.buy(wait=5)
        here.alpha.ask = lambda ref: say("failed", ref)
        assert await here.report("alpha", say("failed", one.attempts[0].id)) == "to_verify"
        done = await here.when(one, lambda held: held.status is not TransactionStatus.SUCCESS)
        assert done.status is TransactionStatus.REVERSED


async def test_a_flood_of_false_reports_is_no_flood_of_questions(shop: Opens) -> None:
    async with shop(accounts={"alpha": VERIFY}) as here:
        one = await pending(here)
        for second in range(20):
            for number in range(3):
                await here.report("alpha", say("success", one.attempts[0].id, sn=f"FALSE-{second}-{number}"))
            await here.pass_time(1)
        assert here.alpha.count("ask") <= 4
        assert (await here.now(one)).status is TransactionStatus.PENDING


async def test_a_flood_of_false_reports_does_not_put_off_the_question_about_a_true_one(shop: Opens) -> None:
    async with shop(accounts={"alpha": {**VERIFY, "checks": ["6h"]}}) as here:
        one = await pending(here)
        for number in range(30):
            await here.report("alpha", say("success", one.attempts[0].id, sn=f"FALSE-{number}"))
            await here.quiet()
        await here.pass_time(11)
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1"))
        await here.pass_time(10)
        assert (await here.now(one)).status is TransactionStatus.SUCCESS
        assert here.alpha.count("ask") <= 4


async def test_where_asking_may_buy_a_false_report_about_the_settled_is_only_kept(shop: Opens) -> None:
    async with shop(accounts={"alpha": {**VERIFY, "ask": "resend"}}) as here:
        one = await here.buy(wait=5)
        assert await here.report("alpha", say("failed", one.attempts[0].id)) == "unverified"
        await here.quiet()
        held = await here.now(one)
        assert (held.status, held.conflict, here.alpha.count("buy")) == (TransactionStatus.SUCCESS, True, 1)


async def test_where_nobody_can_be_asked_a_report_is_only_kept(shop: Opens) -> None:
    async with shop(accounts={"alpha": {**VERIFY, "ask": "none"}}) as here:
        one = await pending(here)
        assert await here.report("alpha", say("success", one.attempts[0].id, sn="FALSE")) == "unverified"
        held = await here.now(one)
        assert (held.status, held.conflict) == (TransactionStatus.PENDING, True)
        assert held.attempts[0].status is AttemptStatus.PENDING


async def test_a_report_before_the_answer_is_asked_about_after_it(shop: Opens) -> None:
    async with shop(accounts={"alpha": VERIFY}) as here:
        here.alpha.open.clear()
        here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        one = await here.buy()
        one = await here.when(one, lambda held: held.attempts)
        assert await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1")) == "to_verify"
        assert here.alpha.count("ask") == 0
        here.alpha.open.set()
        assert (await here.engine.wait_final(one, 5)).status is TransactionStatus.SUCCESS
        assert here.alpha.count("buy") == 1


async def test_a_false_serial_is_not_added_to_a_success_that_has_none(shop: Opens) -> None:
    async with shop(accounts={"alpha": VERIFY}) as here:
        here.alpha.buy = lambda ref: say("success", ref)
        one = await here.buy(wait=5)
        here.alpha.ask = lambda ref: say("success", ref)
        await here.report("alpha", say("success", one.attempts[0].id, sn="FALSE", price=1))
        await here.quiet()
        assert (await here.now(one)).serial is None
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        await here.pass_time(11)
        await here.report("alpha", say("success", one.attempts[0].id, sn="SN-1"))
        await here.quiet()
        done = await here.now(one)
        assert (done.serial, done.conflict) == ("SN-1", False)


async def test_a_false_pending_does_not_contest_what_never_ran(shop: Opens) -> None:
    async with shop(accounts={"alpha": VERIFY, "beta": {}}) as here:
        here.alpha.buy = lambda _: Failure.CONNECT_REFUSED
        here.alpha.ask = lambda ref: say("never", ref)
        here.beta.buy = lambda ref: say("pending", ref)
        one = await here.answered()
        one = await here.when(one, lambda held: len(held.attempts) == 2)
        assert await here.report("alpha", say("pending", one.attempts[0].id)) == "to_verify"
        await here.quiet()
        held = await here.now(one)
        assert (held.conflict, held.needs_review) == (False, False)


async def test_a_taking_back_that_the_supplier_confirms_only_later_is_asked_about_again(shop: Opens) -> None:
    async with shop(accounts={"alpha": VERIFY}) as here:
        one = await here.buy(wait=5)
        here.alpha.ask = lambda ref: say("success", ref, sn=f"SN-{ref}")
        line = say("failed", one.attempts[0].id)
        await here.report("alpha", line)
        await here.quiet()
        assert (await here.now(one)).status is TransactionStatus.SUCCESS
        here.alpha.ask = lambda ref: say("failed", ref)
        await here.pass_time(60)
        await here.report("alpha", line)
        await here.quiet()
        assert (await here.now(one)).status is TransactionStatus.REVERSED
        assert await here.report("alpha", line) == "repeated"


async def test_a_success_that_a_report_tells_speaks_for_its_account(shop: Opens) -> None:
    async with shop(accounts={"alpha": {}}) as here:
        here.alpha.buy = lambda ref: say("failed", ref) if here.alpha.count("buy") == 1 else say("pending", ref)
        await here.buy("A-1", wait=5)
        one = await here.answered("A-2")
        await here.report("alpha", say("success", one.attempts[0].id, sn="SN-2"))
        alpha = here.engine.providers()[0]
        assert (alpha["success_rate"], alpha["success_rate_of"]) == (0.5, 2)


async def test_an_account_at_which_nothing_has_ended_has_no_success_rate(shop: Opens) -> None:
    async with shop(accounts={"alpha": {}}) as here:
        here.alpha.buy = lambda _: "apa ini"
        for number in range(3):
            await here.answered(f"A-{number}")
        alpha = here.engine.providers()[0]
        assert (alpha["success_rate"], alpha["success_rate_of"]) == (None, 0)


class Puzzled(ScriptedProvider):
    """Knows which purchase a report is about, and not what it says of it."""

    def read_report(self, report: Report) -> Sequence[Update]:
        text = report.body.decode()
        if text.startswith("lapor "):
            return (Update(ref=text.split("=")[1], outcome=Outcome(status=OutcomeStatus.UNKNOWN, message=text)),)
        if text.startswith("cek "):
            outcome = Outcome(status=OutcomeStatus.UNKNOWN, message=text, rule="inquiry-only")
            return (Update(ref=text.split("=")[1], outcome=outcome),)
        return super().read_report(report)


@pytest.mark.parametrize("trust", ["source", "verify"])
async def test_a_report_that_no_rule_understands_is_kept_for_a_person_and_asked_about_at_once(
    shop: Opens, trust: str
) -> None:
    reports = {**VERIFY["reports"], "trust": trust}
    async with shop(provider=Puzzled, accounts={"alpha": {"reports": reports}}) as here:
        one = await pending(here)
        here.alpha.ask = lambda ref: say("success", ref, sn="SN-1")
        assert await here.report("alpha", f"lapor ref={one.attempts[0].id}") == "unreadable"
        await here.quiet()
        assert here.alpha.count("ask") == 1
        assert (await here.now(one)).status is TransactionStatus.SUCCESS
        [(_, report)] = await here.ledger.reports(verdict="unreadable")
        assert report.attempt == one.attempts[0].id


async def test_a_report_that_no_rule_understands_is_shown_also_where_all_is_settled_or_nobody_can_be_asked(
    shop: Opens,
) -> None:
    async with shop(provider=Puzzled, accounts={"alpha": {"ask": "none"}}) as here:
        one = await pending(here)
        ref = one.attempts[0].id
        assert await here.report("alpha", f"lapor ref={ref}") == "unreadable"
        assert (await here.now(one)).attempts[0].status is AttemptStatus.PENDING
        assert await here.report("alpha", say("success", ref, sn="SN-1")) == "applied"
        done = await here.now(one)
        assert await here.report("alpha", f"lapor lagi={ref}") == "unreadable"
        assert await here.now(one) == done
        assert len(await here.ledger.reports(verdict="unreadable")) == 2


@pytest.mark.parametrize("trust", ["source", "verify"])
async def test_a_bill_that_is_reported_after_its_inquiry_had_failed_is_asked_about(shop: Opens, trust: str) -> None:
    reports = {**VERIFY["reports"], "trust": trust}
    async with shop(provider=Puzzled, accounts={"alpha": {"reports": reports}}) as here:
        here.alpha.buy = lambda ref: say("failed", ref)
        one = await here.buy(wait=5)
        ref = one.attempts[0].id
        here.alpha.ask = lambda ref: say("failed", ref)
        assert await here.report("alpha", f"cek sukses={ref}") == "to_verify"
        await here.quiet()
        held = await here.now(one)
        assert (held.status, held.conflict, here.alpha.count("ask")) == (TransactionStatus.FAILED, False, 1)
        here.alpha.ask = lambda ref: say("success", ref, sn="NAMA:BUDI/TAG:150.000")
        await here.pass_time(11)
        await here.report("alpha", f"cek sukses={ref}")
        await here.quiet()
        held = await here.now(one)
        assert (held.status, held.conflict) == (TransactionStatus.FAILED, True)
        assert await here.report("alpha", f"cek ok={ref}") == "nothing_new", "a person looks at it already"


async def test_a_report_that_leaves_open_how_it_ended_asks_about_nothing_else(shop: Opens) -> None:
    async with shop(provider=Puzzled, accounts={"alpha": {}}) as here:
        one = await pending(here)
        ref = one.attempts[0].id
        assert await here.report("alpha", f"cek sukses={ref}") == "applied", "its words are kept"
        await here.report("alpha", say("success", ref, sn="SN-1"))
        assert await here.report("alpha", f"cek ok={ref}") == "nothing_new"
        here.alpha.buy = lambda ref: say("failed", ref)
        failed = await here.buy("A-2", wait=5)
        assert await here.report("alpha", say("never", failed.attempts[0].id)) == "nothing_new"
        await here.quiet()
        assert here.alpha.count("ask") == 0


async def test_the_audit_log_says_from_which_address_a_report_came_and_what_it_was_taken_for(shop: Opens) -> None:
    async with shop() as here:
        one = await pending(here)
        ref = one.attempts[0].id
        await here.report("alpha", say("success", ref, sn="SN-1"))
        await here.report("alpha", say("success", "000000000000000009", sn="SN-1"))
        told = [fields for event, fields in here.audits.lines if event == "report"]
        assert told == [
            {"provider": "alpha", "attempt": ref, "source": "203.0.113.7", "report": 1, "verdict": "applied"},
            {"provider": "alpha", "attempt": None, "source": "203.0.113.7", "report": 2, "verdict": "unmatched"},
        ]


async def test_a_report_that_names_two_purchases_settles_neither(shop: Opens) -> None:
    class Confused(ScriptedProvider):
        def read_report(self, report: Report) -> Any:
            ref, _, line = report.body.decode().partition(" ")
            return (Update(ref=ref, outcome=read(line)),)

    async with shop(provider=Confused) as here:
        one, other = await pending(here, "A-1"), await pending(here, "A-2")
        here.alpha.ask = lambda ref: say("pending", ref)
        line = say("success", other.attempts[0].id, sn="SN-1")
        assert await here.report("alpha", f"{one.attempts[0].id} {line}") == "unreadable"
        await here.quiet()
        assert here.alpha.calls[-1] == ("ask", one.attempts[0].id), "what it meant is asked at once"
        for held in (one, other):
            assert (await here.now(held)).status is TransactionStatus.PENDING
        own = say("success", one.attempts[0].id, sn="SN-1")
        assert await here.report("alpha", f"{one.attempts[0].id} {own}") == "applied"


async def test_a_report_that_cannot_be_applied_stands_in_nobodys_way(
    shop: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise LedgerUnavailableError("the disk is full")

    settle = Door.settle
    async with shop() as here:
        one, other = await pending(here, "A-1"), await pending(here, "A-2")
        await here.quiet()
        with monkeypatch.context() as patch:
            patch.setattr(Door, "settle", full)
            for held in (one, other):
                with pytest.raises(UnavailableError):
                    await here.report("alpha", say("pending", held.attempts[0].id))

        async def stumbles(door: Door, transaction: Any, decide: Any, **more: Any) -> Any:
            if transaction.id == one.id:
                raise TypeError("a fault of ours")
            return await settle(door, transaction, decide, **more)

        monkeypatch.setattr(Door, "settle", stumbles)
        await here.pass_time(60)
        verdicts = [stored.verdict for _, stored in await here.ledger.reports(limit=2)]
        assert verdicts == ["nothing_new", "unreadable"]
