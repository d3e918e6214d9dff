"""Balances: what suppliers say is left, what the ledger makes it, and the drift (C38)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest

from gateway.core.outcome import Outcome
from gateway.core.transaction import TransactionStatus
from gateway.engine.deposit import CannotCorrectError
from gateway.ledger import LedgerUnavailableError
from gateway.net.failure import Failure
from gateway.provider import Attempt, Call, Reply, Report, Update
from gateway.testing.ledger_database import Database
from gateway.testing.scripted_supplier import ScriptedProvider, ScriptedSettings, read, say

Opens = Callable[..., AbstractAsyncContextManager[Any]]


def told(text: str) -> Outcome:
    """A line before which the balance may stand: `left=1000|success …`."""
    left, mark, line = text.rpartition("|")
    return replace(read(line), balance=int(left.removeprefix("left="))) if mark else read(line)


class Depositor(ScriptedProvider):
    """A dialect that tells balances, and can be asked for them."""

    def read_purchase(self, attempt: Attempt, reply: Reply) -> Outcome:
        return told(reply.text())

    def read_check(self, attempt: Attempt, reply: Reply) -> Outcome:
        return told(reply.text())

    def read_report(self, report: Report) -> Sequence[Update]:
        outcome = told(report.body.decode())
        return (Update(ref=outcome.ref, outcome=outcome),)

    def balance(self) -> Call:
        return Call(
            method="GET", url=f"{self.settings.url}/balance?ref=balance&pin=canary-pin", secrets=("canary-pin",)
        )

    def read_balance(self, reply: Reply) -> int | None:
        return int(reply.text())  # raises for anything else, as a plugin may


class Deposit:
    """The supplier's own account of the money."""

    def __init__(self, supplier: Any, left: int) -> None:
        self.left = left
        supplier.buy = self.sell
        self.price = 5_350

    def sell(self, ref: str) -> str:
        self.left -= self.price
        return f"left={self.left}|" + say("success", ref, sn=f"SN-{ref}", price=self.price)


@pytest.fixture
def open_shop(shop: Opens, settings_of: Callable[..., Any]) -> Opens:
    def opens(like: Any = None, **alpha: Any) -> AbstractAsyncContextManager[Any]:
        if like is not None:
            return shop(provider=Depositor, like=like)
        return shop(
            provider=Depositor, settings=settings_of(accounts={"alpha": alpha, "beta": {}}, model=ScriptedSettings)
        )

    return opens


async def answered(here: Any, ref_id: str = "A-1") -> Any:
    """Buy, wait until the answer is applied and told to everybody, and let a second pass."""
    one = await here.answered(ref_id)
    await here.quiet()
    here.clock.forward(1)
    return one


def balance(here: Any) -> tuple[int | None, int | None, int | None]:
    (found,) = [one["balance"] for one in here.engine.providers() if one["provider"] == "alpha"]
    return found["reported"], found["computed"], found["drift"]


async def test_nothing_is_known_before_the_supplier_has_said_something(open_shop: Opens) -> None:
    async with open_shop() as here:
        await answered(here)
        assert balance(here) == (None, None, None)


async def test_answers_carry_the_balance_and_where_the_books_agree_there_is_no_drift(open_shop: Opens) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        for n in range(5):
            await answered(here, f"A-{n}")
            assert balance(here) == (deposit.left, deposit.left, 0)
        deposit.left -= 700
        await answered(here, "A-5")
        assert balance(here) == (deposit.left, deposit.left + 700, -700)


async def test_a_charge_that_a_check_or_a_report_tells_is_taken_off_and_what_is_given_back_is_added(
    open_shop: Opens,
) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
        here.alpha.ask = lambda ref: say("success", ref, sn="SN", price=5_000)
        one = await answered(here, "A-1")
        before = deposit.left
        await here.pass_time(30)
        assert balance(here)[1] == before - 5_000
        two = await answered(here, "A-2")
        await here.report("alpha", say("success", two.attempts[0].id, sn="SN-2"))
        assert balance(here)[1] == before - 5_000 - 5_400, "what the route says, where the supplier does not"
        await here.report("alpha", say("failed", one.attempts[0].id))
        assert (await here.now(one)).status is TransactionStatus.REVERSED
        assert balance(here)[1] == before - 5_400


async def test_what_is_under_way_may_be_charged_or_not_and_is_no_drift(open_shop: Opens) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        here.alpha.buy = lambda ref: say("pending", ref)
        early = await answered(here, "A-0")
        deposit.left -= 5_400
        here.alpha.buy = deposit.sell
        await answered(here, "A-1")
        assert balance(here) == (deposit.left, deposit.left + 5_400, 0), "charged there, open here"
        await here.report("alpha", say("success", early.attempts[0].id, sn="SN"))
        here.clock.forward(1)
        assert balance(here) == (deposit.left, deposit.left, 0)
        await answered(here, "A-2")  # with nothing else under way: now the books are exact
        deposit.left -= 1
        await answered(here, "A-3")
        assert balance(here)[2] == -1


async def test_what_is_bought_after_the_last_word_is_no_drift(open_shop: Opens) -> None:
    """Purchases whose answers carry no balance: the supplier's word is older than they are."""
    async with open_shop(balance_every="1h") as here:
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        for n in range(1, 4):
            here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
            here.alpha.ask = lambda ref: say("success", ref, sn="SN", price=5_350)
            await answered(here, f"A-{n}")
            deposit.left -= 5_350
            await here.pass_time(30)
            assert balance(here) == (94_650, deposit.left, 0)
        here.clock.forward(1)
        here.alpha.ask = lambda _: str(deposit.left - 10)
        await here.engine.balances.ask(here.engine.accounts["alpha"])
        assert balance(here) == (deposit.left - 10, deposit.left, -10)
        here.alpha.buy = deposit.sell
        deposit.left -= 10
        await answered(here, "A-9")
        assert balance(here)[2] == -10, "it stays until somebody says what it was"


async def test_what_another_process_left_under_way_is_allowed_for(open_shop: Opens) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        here.alpha.buy = lambda ref: say("pending", ref)
        early = await answered(here, "A-1")
        deposit.left -= 5_400
        await here.engine.balances.save(everything=True)
    async with open_shop(like=here) as again:
        assert balance(again) == (94_650, 94_650, None), "a drift is found when the supplier speaks"
        again.alpha.buy = deposit.sell
        await answered(again, "A-2")
        assert balance(again) == (deposit.left, deposit.left + 5_400, 0)
        await again.report("alpha", say("success", early.attempts[0].id, sn="SN"))
        assert balance(again) == (deposit.left, deposit.left, 0)


async def test_a_believed_report_carries_the_balance_and_one_that_came_before_does_not(open_shop: Opens) -> None:
    async with open_shop() as here:
        here.alpha.buy = lambda ref: say("pending", ref)
        one = await answered(here)
        text = "left=7000|" + say("success", one.attempts[0].id, sn="SN")
        assert await here.report("alpha", text) == "applied"
        assert balance(here) == (7_000, 7_000, 0)
        await here.report("alpha", "left=9000|" + say("success", one.attempts[0].id, sn="SN"))
        assert balance(here)[0] == 7_000


async def test_a_report_that_anybody_could_have_sent_says_nothing_about_the_balance(open_shop: Opens) -> None:
    reports = {"allow_from": ["203.0.113.7"], "token": "canary-token", "trust": "verify"}
    async with open_shop(reports=reports) as here:
        here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
        one = await answered(here)
        assert await here.report("alpha", "left=7000|" + say("pending", one.attempts[0].id)) == "applied"
        assert balance(here)[0] is None


async def test_a_failure_that_brings_the_first_word_was_not_charged(open_shop: Opens) -> None:
    async with open_shop() as here:
        here.alpha.buy = lambda ref: "left=7000|" + say("failed", ref, why="invalid_destination")
        await answered(here)
        assert balance(here) == (7_000, 7_000, 0)


async def test_an_answer_to_a_question_tells_what_is_left_now(open_shop: Opens) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        here.alpha.buy = lambda _: Failure.ANSWER_TIMEOUT
        here.alpha.ask = lambda ref: "left=89250|" + say("success", ref, sn="SN", price=5_400)
        await answered(here, "A-1")
        await here.pass_time(30)
        assert deposit.left == 94_650
        assert balance(here) == (89_250, 89_250, 0)
        here.alpha.ask = lambda ref: "left=83850|" + say("failed", ref)
        await answered(here, "A-2")
        await here.pass_time(30)
        assert balance(here) == (83_850, 89_250, -5_400), "it says itself that this one was not charged"


async def test_the_drift_is_shown_as_it_was_found(open_shop: Opens) -> None:
    async with open_shop() as here:
        shown: list[tuple[int | None, ...]] = []
        here.engine.balances._counted = lambda _, *numbers: shown.append(numbers)
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        here.alpha.buy = lambda ref: say("success", ref, sn="SN", price=5_000)
        await answered(here, "A-1")
        await here.engine.balances.save(everything=True)
        assert shown[-1] == (deposit.left, deposit.left - 5_000, 0)


async def test_an_account_is_asked_at_its_pace_and_the_exchange_is_kept_without_secrets(
    open_shop: Opens, database: Database
) -> None:
    async with open_shop(balance_every="1h") as here:
        here.alpha.ask = lambda _: "123456"
        await here.engine.balances.tick()
        await here.quiet()
        assert balance(here) == (123_456, 123_456, 0)
        await here.engine.balances.tick()
        await here.quiet()
        assert here.alpha.count("balance") == 1
        assert here.beta.count("balance") == 0
        ((purpose, request, response),) = await database.execute("SELECT purpose, request, response FROM exchanges")
        assert (purpose, response) == ("balance", "123456")
        assert "/balance" in request
        assert "canary" not in request


@pytest.mark.parametrize("answer", ["junk", "", "9" * 40, Failure.ANSWER_TIMEOUT, Failure.CONNECT_REFUSED])
async def test_an_answer_that_says_no_balance_changes_nothing(open_shop: Opens, answer: Any) -> None:
    async with open_shop(balance_every="1h") as here:
        Deposit(here.alpha, 100_000)
        await answered(here)
        before = balance(here)
        here.alpha.ask = lambda _: answer
        account = here.engine.accounts["alpha"]
        assert await here.engine.balances.ask(account) is None
        assert balance(here) == before
        assert account.lane.in_flight == 0


@pytest.mark.parametrize("proper", [True, False])
async def test_a_restart_forgets_nothing_and_counts_what_was_charged_after_the_last_writing(
    open_shop: Opens, proper: bool
) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        await here.engine.balances.save(everything=True)
        here.clock.forward(1)
        for n in range(1, 4):
            await answered(here, f"A-{n}")
        assert balance(here) == (deposit.left, deposit.left, 0)
        if not proper:  # killed: what was not written is lost
            here.engine.balances._changed.clear()
    async with open_shop(like=here) as again:
        assert balance(again)[1] == deposit.left
        await answered(again, "A-9")
        assert balance(again) == (deposit.left, deposit.left, 0)


async def test_what_ended_shortly_before_a_restart_is_counted_once_by_the_next_restart(open_shop: Opens) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        for n in range(4):
            await answered(here, f"A-{n}")
    async with open_shop(like=here) as second:
        second.clock.forward(1)
        await answered(second, "A-9")
        await second.engine.balances.save(everything=True)  # within half a minute of the start
        assert balance(second) == (deposit.left, deposit.left, 0)
    async with open_shop(like=second) as third:
        assert balance(third)[1] == deposit.left
        await answered(third, "A-10")
        assert balance(third) == (deposit.left, deposit.left, 0)


@pytest.mark.parametrize("back", [3.0, 45.0, 3_600.0])
async def test_a_clock_that_is_set_back_between_two_processes_falsifies_no_balance(
    open_shop: Opens, back: float
) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        for n in range(4):
            await answered(here, f"A-{n}")
    for process in range(3):
        if process == 0:
            here.clock.forward(-back)
        async with open_shop(like=here) as again:
            assert balance(again)[1] == deposit.left
            await answered(again, f"B-{process}")
            assert balance(again) == (deposit.left, deposit.left, 0)


async def test_a_price_that_is_told_after_the_end_outlives_a_kill(open_shop: Opens) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        seconds = 1_000.0
        here.engine.balances._seconds = lambda: seconds
        await answered(here, "A-0")
        here.alpha.buy = lambda ref: say("success", ref, sn="S")  # 5,400 by the catalogue
        one = await answered(here, "A-1")
        deposit.left -= deposit.price
        here.clock.forward(31)
        seconds += 61
        await here.engine.balances.tick()
        assert balance(here)[1] == deposit.left - 50
        await here.report("alpha", say("success", one.attempts[0].id, sn="S", price=deposit.price))
        await here.quiet()
        seconds += 1
        await here.engine.balances.tick()
        assert balance(here)[1] == deposit.left
        here.engine.balances._changed.clear()  # killed
    async with open_shop(like=here) as again:
        assert balance(again)[1] == deposit.left


@pytest.mark.parametrize("back", [3.0, 3_600.0])
async def test_what_is_charged_while_the_clock_is_behind_outlives_a_kill(open_shop: Opens, back: float) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
    here.clock.forward(-back)
    async with open_shop(like=here) as second:
        seconds = 1_000.0
        second.engine.balances._seconds = lambda: seconds
        for n in range(3):
            await answered(second, f"B-{n}")
            seconds += 1
            await second.engine.balances.tick()
        second.engine.balances._changed.clear()  # killed
    async with open_shop(like=second) as third:
        assert balance(third)[1] == deposit.left


async def test_what_was_charged_for_a_failure_shows_as_a_drift_once_a_person_has_looked_at_it(
    open_shop: Opens,
) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        here.alpha.buy = lambda ref: say("failed", ref, why="product_unavailable")
        one = await answered(here, "A-1")  # beta delivers
        here.alpha.buy = deposit.sell
        deposit.left -= deposit.price  # and so does alpha, which has called it failed
        await here.report("alpha", say("success", one.attempts[0].id, sn="LATE", price=deposit.price))
        assert (await here.now(one)).conflict
        await here.pass_time(60)
        await answered(here, "A-2")
        assert balance(here)[2] == 0, "nobody has decided yet whether it was charged"
        await here.engine.resolve(one.id, result="success", reason="claimed", operator="rina")
        await answered(here, "A-3")
        assert balance(here)[2] == -deposit.price
    async with open_shop(like=here) as again:
        await again.pass_time(60)
        await answered(again, "A-4")
        assert balance(again)[2] == -deposit.price, "as after a restart"


async def test_it_is_written_at_most_once_a_minute(open_shop: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int | None] = []
    async with open_shop() as here:
        Deposit(here.alpha, 100_000)
        save = here.ledger.save_balance

        async def counted(provider: str, at: Any, reported: int | None, computed: int | None) -> None:
            written.append(reported)
            await save(provider, at, reported, computed)

        monkeypatch.setattr(here.ledger, "save_balance", counted)
        seconds = 1_000.0
        here.engine.balances._seconds = lambda: seconds
        for n in range(4):
            await answered(here, f"A-{n}")
            await here.engine.balances.tick()
        assert written == [94_650]
        seconds += 60
        await here.engine.balances.tick()
        await here.engine.balances.tick()
        assert written == [94_650, 78_600]


async def test_a_deposit_that_an_operator_tells_is_no_drift_before_or_after_the_supplier_shows_it(
    open_shop: Opens,
) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 10_000)
        await answered(here, "A-0")
        await here.engine.balances.paid_in("alpha", 50_000)
        assert balance(here) == (4_650, 54_650, 0)
        deposit.left += 50_000
        await answered(here, "A-1")
        assert balance(here) == (deposit.left, deposit.left, 0)
        deposit.left += 20_000
        await answered(here, "A-2")
        assert balance(here)[2] == 20_000
        done = await here.engine.balances.paid_in("alpha", 20_000)
        assert done == (deposit.left, deposit.left - 20_000, deposit.left, 0)
        assert balance(here) == (deposit.left, deposit.left, 0)
        await answered(here, "A-3")
        assert balance(here) == (deposit.left, deposit.left, 0)


async def test_a_new_base_is_what_the_supplier_said_less_what_was_charged_since(open_shop: Opens) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        deposit.left -= 700
        await answered(here, "A-1")
        here.alpha.buy = lambda ref: say("success", ref, sn="SN", price=5_000)
        await answered(here, "A-2")
        deposit.left -= 5_000
        assert balance(here) == (deposit.left + 5_000, deposit.left + 700, -700)
        done = await here.engine.balances.rebase("alpha")
        assert done == (deposit.left + 5_000, deposit.left + 700, deposit.left, 0)
        assert balance(here) == (deposit.left + 5_000, deposit.left, 0)
        here.alpha.buy = deposit.sell
        await answered(here, "A-3")
        assert balance(here) == (deposit.left, deposit.left, 0)


@pytest.mark.parametrize("proper", [True, False])
async def test_a_correction_outlives_the_process(open_shop: Opens, proper: bool) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        await here.engine.balances.paid_in("alpha", 1_000_000)
        deposit.left += 1_000_000
        if not proper:
            here.engine.balances._changed.clear()
    async with open_shop(like=here) as again:
        await answered(again, "A-1")
        assert balance(again) == (deposit.left, deposit.left, 0)


async def test_a_deposit_that_the_last_word_did_not_hold_yet_is_in_the_new_base(open_shop: Opens) -> None:
    async with open_shop() as here:
        Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        await here.engine.balances.paid_in("alpha", 50_000)
        assert (await here.engine.balances.rebase("alpha")).computed == 94_650 + 50_000


async def test_a_charge_that_is_committed_while_the_balance_is_written_down_is_not_lost(open_shop: Opens) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        told = here.engine.balances.changed
        here.engine.balances.changed = lambda _: None  # committed, and not yet told when the process is killed
        await answered(here, "A-1")
        await here.engine.balances.save(everything=True)
        here.engine.balances._changed.clear()
        here.engine.balances.changed = told
    async with open_shop(like=here) as again:
        assert balance(again)[1] == deposit.left


async def test_a_balance_that_is_not_exact_is_not_taken_up_by_the_next_process(open_shop: Opens) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        here.alpha.buy = lambda ref: say("pending", ref)
        await answered(here, "A-0")  # this supplier charges when it delivers
        here.alpha.buy = deposit.sell
        await answered(here, "A-1")
        assert balance(here) == (94_650, 94_650 + 5_400, 0)
    async with open_shop(like=here) as again:
        assert balance(again) == (94_650, None, None)


async def test_a_correction_that_cannot_be_written_down_changes_nothing(
    open_shop: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any) -> None:
        raise LedgerUnavailableError("the disk is full")

    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        deposit.left -= 700
        await answered(here, "A-1")
        before = balance(here)
        with monkeypatch.context() as patch:
            patch.setattr(here.ledger, "save_balance", full)
            with pytest.raises(LedgerUnavailableError):
                await here.engine.balances.paid_in("alpha", 1_000)
            with pytest.raises(LedgerUnavailableError):
                await here.engine.balances.rebase("alpha")
            assert balance(here) == before


async def test_there_is_nothing_to_correct_before_the_supplier_has_said_something(open_shop: Opens) -> None:
    async with open_shop() as here:
        for correct in (here.engine.balances.rebase("beta"), here.engine.balances.paid_in("beta", 1)):
            with pytest.raises(CannotCorrectError, match="the supplier of beta has not said what is left"):
                await correct
        for correct in (here.engine.balances.rebase("nobody"), here.engine.balances.paid_in("nobody", 1)):
            with pytest.raises(LookupError):
                await correct


async def test_a_reload_forgets_nothing(open_shop: Opens, settings_of: Callable[..., Any]) -> None:
    async with open_shop() as here:
        deposit = Deposit(here.alpha, 100_000)
        await answered(here, "A-0")
        old = here.engine.accounts["alpha"]
        await here.engine.reload(settings_of(accounts={"alpha": {"monthly_commitment": 1_000}, "beta": {}}))
        assert here.engine.accounts["alpha"] is not old
        assert balance(here) == (deposit.left, deposit.left, 0)
        await answered(here, "A-1")
        assert balance(here) == (deposit.left, deposit.left, 0)


async def test_the_month_is_counted_by_account_and_shown_beside_the_commitment(open_shop: Opens) -> None:
    async with open_shop(monthly_commitment=1_000) as here:
        for n in range(3):
            await answered(here, f"A-{n}")
        here.alpha.buy = lambda ref: say("failed", ref, why="invalid_destination")
        await answered(here, "A-9")
        here.engine._months._next_at = 0.0
        await here.engine._months.tick()
        (month,) = [one["month"] for one in here.engine.providers() if one["provider"] == "alpha"]
        assert month == {"purchases": 3, "commitment": 1_000, "inquiries": 0}
        here.clock.forward(8 * 86_400)  # December
        here.engine._months._next_at = 0.0
        await here.engine._months.tick()
        (month,) = [one["month"] for one in here.engine.providers() if one["provider"] == "alpha"]
        assert month["purchases"] == 0
