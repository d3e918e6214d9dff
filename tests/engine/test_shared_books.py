"""Several replicas buy from one deposit: the drift is found from the ledger's rows, whoever bought."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.references import References
from gateway.core.transaction import AttemptState, AttemptStatus, Change, Event, Transaction, TransactionStatus
from gateway.engine.deposit import CannotCorrectError
from gateway.ledger import LedgerUnavailableError
from gateway.provider import Attempt, Call, Reply
from gateway.testing.scripted_supplier import ScriptedProvider, ScriptedSettings, read, say

Opens = Callable[..., AbstractAsyncContextManager[Any]]
PRICE = 5_400


class Asked(ScriptedProvider):
    """A dialect that tells the balance when it is asked, and in front of an answer: `left=1000|success …`."""

    def read_purchase(self, attempt: Attempt, reply: Reply) -> Any:
        left, mark, line = reply.text().rpartition("|")
        return replace(read(line), balance=int(left.removeprefix("left="))) if mark else read(line)

    def balance(self) -> Call:
        return Call(method="GET", url=f"{self.settings.url}/balance?ref=balance")

    def read_balance(self, reply: Reply) -> int | None:
        return int(reply.text())


@dataclass
class Deposit:
    """The supplier's own account of the money, from which two replicas buy: the one that is tested, and another."""

    here: Any
    left: int = 100_000
    references: References = field(default_factory=lambda: References(node=7))

    def __post_init__(self) -> None:
        self.here.alpha.ask = lambda _: str(self.left)
        self.here.alpha.buy = self.sell

    def sell(self, ref: str) -> str:
        self.left -= PRICE
        return f"left={self.left}|" + say("success", ref, sn=f"SN-{ref}", price=PRICE)

    async def begun_elsewhere(self) -> Transaction:
        """The other replica has sent a purchase."""
        now = self.here.clock.now()
        attempt = AttemptState(
            id=self.references.next(now),
            number=1,
            provider="alpha",
            product="X5",
            expected_price=PRICE,
            status=AttemptStatus.SENDING,
            started_at=now,
        )
        number = self.references.next(now)
        made = Transaction(
            id=number,
            client="shop",
            ref_id=f"B-{number}",
            request_hash="",
            product="XL5",
            dest="081712345678",
            qty=1,
            max_price=None,
            status=TransactionStatus.PENDING,
            attempts=(attempt,),
            created_at=now,
            updated_at=now,
            deadline_at=now + timedelta(minutes=2),
            version=1,
            owner=self.here.ledger.owner,  # or it would be taken over: nobody holds a lease of that name
        )
        event = Event(kind="accepted", at=now, source="client", data={})
        assert await self.here.ledger.commit(Change(before=None, after=made, events=(event,)))
        return made

    async def ended_elsewhere(self, before: Transaction, status: AttemptStatus = AttemptStatus.SUCCESS) -> Transaction:
        """And has learned how it ended."""
        now = self.here.clock.now()
        attempt = replace(before.attempts[0], status=status, ended_at=now, price=PRICE)
        final = TransactionStatus(status.value)
        at = before.final_at or now
        after = replace(before, status=final, attempts=(attempt,), final_at=at, version=before.version + 1)
        assert await self.here.ledger.commit(Change(before=before, after=after, events=()))
        return after

    async def bought_elsewhere(self) -> Transaction:
        self.left -= PRICE
        return await self.ended_elsewhere(await self.begun_elsewhere())


@pytest.fixture
def open_replica(shop: Opens, settings_of: Callable[..., Any]) -> Opens:
    """A replica: it only believes to be one of several, so that this runs on both databases."""

    def opens(like: Any = None) -> AbstractAsyncContextManager[Any]:
        settings = settings_of(model=ScriptedSettings, ledger={"url": "postgresql://x"})
        return shop(provider=Asked, settings=settings, like=like)

    return opens


async def judged(here: Any) -> tuple[int | None, int | None, int | None]:
    """Ask the supplier, and let the minute pass after which its word is judged."""
    here.clock.forward(5)
    await here.engine.balances.ask(here.engine.accounts["alpha"])
    return await later(here)


async def later(here: Any, seconds: float = 65) -> tuple[int | None, int | None, int | None]:
    here.clock.forward(seconds)
    here.engine.balances._shared._rests_until = 0.0
    await here.engine.balances.tick()
    await here.quiet()
    return balance(here)


def balance(here: Any) -> tuple[int | None, int | None, int | None]:
    (found,) = [one["balance"] for one in here.engine.providers() if one["provider"] == "alpha"]
    return found["reported"], found["computed"], found["drift"]


async def test_purchases_of_another_replica_are_no_drift_and_what_is_missing_is(open_replica: Opens) -> None:
    async with open_replica() as here:
        deposit = Deposit(here)
        assert balance(here) == (None, None, None)
        assert await judged(here) == (100_000, 100_000, 0)
        for _ in range(3):
            await deposit.bought_elsewhere()
        assert await judged(here) == (deposit.left, deposit.left, 0)
        deposit.left -= 700
        await deposit.bought_elsewhere()
        assert await judged(here) == (deposit.left, deposit.left + 700, -700)
        await deposit.bought_elsewhere()
        assert await judged(here) == (deposit.left, deposit.left + 700, -700), "it stays"


async def test_a_replica_that_never_heard_the_first_word_finds_the_same_drift(open_replica: Opens) -> None:
    async with open_replica() as here:
        deposit = Deposit(here)
        await judged(here)
        await deposit.bought_elsewhere()
        here.clock.forward(60)
        await here.engine.balances.save(everything=True)
    async with open_replica(like=here) as there:
        deposit.here = there
        assert balance(there) == (100_000, deposit.left, None), "a drift is found when the supplier speaks"
        deposit.left -= 700
        assert await judged(there) == (deposit.left, deposit.left + 700, -700)


async def test_what_another_replica_has_under_way_is_no_drift_and_hides_no_more_than_its_price(
    open_replica: Opens,
) -> None:
    async with open_replica() as here:
        deposit = Deposit(here)
        await judged(here)
        open_ = await deposit.begun_elsewhere()
        deposit.left -= PRICE  # it is deducted already
        assert (await judged(here))[2] == 0
        deposit.left -= 700
        assert (await judged(here))[2] == -700, "more than can be under way"
        deposit.left += 700
        await deposit.ended_elsewhere(open_)
        assert await judged(here) == (deposit.left, deposit.left, 0)


async def test_what_was_given_back_through_another_replica_is_added(open_replica: Opens) -> None:
    async with open_replica() as here:
        deposit = Deposit(here)
        await judged(here)
        one = await deposit.bought_elsewhere()
        assert await judged(here) == (deposit.left, deposit.left, 0)
        deposit.left += PRICE
        here.clock.forward(60)
        await deposit.ended_elsewhere(one, AttemptStatus.REVERSED)
        assert await judged(here) == (100_000, 100_000, 0)


async def test_answers_of_own_purchases_are_words_too_and_leave_no_doubt_about_theirs(open_replica: Opens) -> None:
    async with open_replica() as here:
        deposit = Deposit(here)
        for n in range(3):
            here.clock.forward(5)
            await here.answered(f"A-{n}")
            await here.quiet()
        assert await later(here) == (deposit.left, deposit.left, 0)
        deposit.left -= 1
        await here.answered("A-9")
        await here.quiet()
        assert await later(here) == (deposit.left, deposit.left + 1, -1)


async def test_of_a_steady_stream_one_word_a_minute_is_judged_and_purchases_ask_the_ledger_nothing(
    open_replica: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_replica() as here:
        deposit = Deposit(here)
        await judged(here)
        asked: list[str] = []
        for name in ("balance_base", "charged_between", "claims"):
            right = getattr(here.ledger, name)

            def counted(*args: Any, name: str = name, right: Any = right) -> Any:
                asked.append(name)
                return right(*args)

            monkeypatch.setattr(here.ledger, name, counted)
        for n in range(20):
            await here.answered(f"A-{n}")
            await here.engine.balances.tick()
            here.clock.forward(1)
        await here.quiet()
        assert asked == []
        await later(here)
        assert asked == ["balance_base", "charged_between", "claims"]
        assert deposit.left == 100_000 - 20 * PRICE


async def test_a_deposit_that_is_paid_in_and_told_at_one_replica_holds_at_all(open_replica: Opens) -> None:
    async with open_replica() as here:
        deposit = Deposit(here)
        with pytest.raises(CannotCorrectError, match="not known to the rupiah yet"):
            await here.engine.balances.paid_in("alpha", 50_000)
        await judged(here)
        await deposit.bought_elsewhere()
        deposit.left += 50_000
        assert (await judged(here))[2] == 50_000
        await deposit.bought_elsewhere()
        here.clock.forward(40)
        done = await here.engine.balances.paid_in("alpha", 50_000)
        assert (done.computed, done.drift) == (deposit.left, 0)
        assert balance(here)[1:] == (deposit.left, 0)
        await here.engine.balances.save(everything=True)
        await deposit.bought_elsewhere()
        assert await judged(here) == (deposit.left, deposit.left, 0)
    async with open_replica(like=here) as there:
        deposit.here = there
        assert await judged(there) == (deposit.left, deposit.left, 0)


async def test_a_word_that_is_older_than_a_correction_says_nothing_against_it(open_replica: Opens) -> None:
    async with open_replica() as here:
        Deposit(here)
        await judged(here)
        await here.engine.balances.ask(here.engine.accounts["alpha"])
        here.clock.forward(30)
        await here.ledger.save_balance("alpha", here.clock.now(), 100_000, 150_000)  # told at another replica
        assert (await later(here, 40))[2] == 0


async def test_a_correction_is_not_lost_to_a_base_that_is_moved_forward_at_the_same_time(
    open_replica: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_replica() as here:
        deposit = Deposit(here)
        await judged(here)
        here.clock.forward(8 * 3600)  # so that the next word moves the base
        await here.engine.balances.ask(here.engine.accounts["alpha"])
        deposit.left += 50_000
        save = here.ledger.save_balance

        async def slow(*args: Any) -> None:
            monkeypatch.setattr(here.ledger, "save_balance", save)
            await here.engine.balances.paid_in("alpha", 50_000)  # the operator is quicker
            await save(*args)

        here.clock.forward(65)
        here.engine.balances._changed.clear()  # only what is judged is written down now
        monkeypatch.setattr(here.ledger, "save_balance", slow)
        await here.engine.balances.tick()
        await here.quiet()
        assert await judged(here) == (150_000, 150_000, 0)


async def test_the_base_goes_forward_so_that_the_rows_since_then_stay_few(open_replica: Opens) -> None:
    async with open_replica() as here:
        deposit = Deposit(here)
        await judged(here)
        first = await here.ledger.balance_base("alpha")
        await deposit.bought_elsewhere()
        await judged(here)
        assert await here.ledger.balance_base("alpha") == first
        here.clock.forward(7 * 3600)
        await judged(here)
        second = await here.ledger.balance_base("alpha")
        assert second.at - first.at > timedelta(hours=6)
        assert second.computed == deposit.left


async def test_the_word_that_was_judged_last_can_be_taken_for_right_where_nothing_was_under_way(
    open_replica: Opens,
) -> None:
    async with open_replica() as here:
        deposit = Deposit(here)
        with pytest.raises(CannotCorrectError, match="that takes a minute"):
            await here.engine.balances.rebase("alpha")
        await judged(here)
        deposit.left -= 900
        open_ = await deposit.begun_elsewhere()
        await judged(here)
        with pytest.raises(CannotCorrectError, match="pause the account"):
            await here.engine.balances.rebase("alpha")
        deposit.left -= PRICE
        await deposit.ended_elsewhere(open_)
        assert (await judged(here))[2] == -900
        done = await here.engine.balances.rebase("alpha")
        assert (done.computed, done.drift) == (deposit.left, 0)
        await deposit.bought_elsewhere()
        assert await judged(here) == (deposit.left, deposit.left, 0)
    async with open_replica(like=here) as there:
        deposit.here = there
        assert await judged(there) == (deposit.left, deposit.left, 0)


async def test_until_a_quiet_moment_a_busy_deposit_has_no_base_and_a_large_loss_shows_all_the_same(
    open_replica: Opens,
) -> None:
    async with open_replica() as here:
        deposit = Deposit(here)
        await deposit.begun_elsewhere()
        assert await judged(here) == (100_000, 100_000 + PRICE, 0), "it may be deducted already"
        assert await here.ledger.balance_base("alpha") is None
        deposit.left -= 50_000
        assert (await judged(here))[2] == -50_000 + PRICE


async def test_a_ledger_that_is_away_keeps_the_word_for_later(
    open_replica: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise LedgerUnavailableError("planted")

    async with open_replica() as here:
        Deposit(here)
        with monkeypatch.context() as patch:
            patch.setattr(here.ledger, "claims", away)
            assert (await judged(here))[2] is None
        assert await later(here, 1) == (100_000, 100_000, 0)
