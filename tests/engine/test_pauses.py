"""What replicas know of each other's pauses, and what is not written down yet."""

from __future__ import annotations

import asyncio

import pytest

from gateway.engine.pauses import EVERY, Pauses
from gateway.ledger import LedgerUnavailableError


class Book:
    """A ledger's pauses, which others change too."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.away = False
        self.reads = 0
        self.slow: asyncio.Event | None = None

    async def pause_account(self, account: str, why: str) -> None:
        if self.away:
            raise LedgerUnavailableError("away")
        self.held[account] = why

    async def resume_account(self, account: str) -> None:
        if self.away:
            raise LedgerUnavailableError("away")
        self.held.pop(account, None)

    async def paused_accounts(self) -> dict[str, str]:
        self.reads += 1
        seen = dict(self.held)
        if self.slow is not None:
            await self.slow.wait()
        return seen


class Place:
    """An account, as far as pauses know it."""

    def __init__(self) -> None:
        self.id = "alpha"
        self.paused: str | None = None


class Replica:
    def __init__(self, book: Book, *, alone: bool = False) -> None:
        self.now = 0.0
        self.account = Place()
        self.pauses = Pauses(ledger=book, accounts={"alpha": self.account}, seconds=lambda: self.now, alone=alone)

    async def later(self) -> None:
        self.now += EVERY
        await self.pauses.tick()


async def test_another_replicas_pause_and_resume_are_heard() -> None:
    book = Book()
    here, there = Replica(book), Replica(book)
    await there.pauses.pause(there.account, "maintenance")
    await here.later()
    assert here.account.paused == "maintenance"
    await here.pauses.resume(here.account)
    await there.later()
    assert there.account.paused is None


async def test_a_single_process_does_not_ask() -> None:
    book = Book()
    here = Replica(book, alone=True)
    await here.later()
    assert book.reads == 0


async def test_the_others_are_listened_to_every_two_seconds() -> None:
    book = Book()
    here = Replica(book)
    await here.pauses.tick()
    assert book.reads == 0, "the accounts were read at the start"
    await here.later()
    await here.pauses.tick()
    assert book.reads == 1


async def test_another_refusal_while_the_first_is_written_is_written_too() -> None:
    book = Book()
    here = Replica(book, alone=True)
    here.pauses.refused(here.account, "wrong PIN")
    write = book.pause_account

    async def slowly(account: str, why: str) -> None:
        await write(account, why)
        if why == "wrong PIN":
            here.pauses.refused(here.account, "wrong address")

    book.pause_account = slowly  # type: ignore[method-assign]  # for this one only
    await here.pauses.save()
    await here.pauses.save()
    assert book.held == {"alpha": "wrong address"}


async def test_what_was_read_before_a_change_here_is_old() -> None:
    book = Book()
    book.slow = asyncio.Event()
    here = Replica(book)
    reading = asyncio.create_task(here.later())
    await asyncio.sleep(0)
    assert book.reads == 1
    await here.pauses.pause(here.account, "maintenance")
    book.slow.set()
    await reading
    assert here.account.paused == "maintenance"


@pytest.mark.parametrize("alone", [True, False])
async def test_a_refusal_that_could_not_be_written_holds_and_is_written_later(alone: bool) -> None:
    book = Book()
    here = Replica(book, alone=alone)
    book.away = True
    here.pauses.refused(here.account, "refused")
    for act in (here.pauses.save, here.later):
        with pytest.raises(LedgerUnavailableError):
            await act()
    assert here.account.paused == "refused"
    book.away = False
    await here.later()
    assert (here.account.paused, book.held) == ("refused", {"alpha": "refused"})


async def test_a_pause_that_could_not_be_written_is_none() -> None:
    book = Book()
    here = Replica(book)
    book.away = True
    with pytest.raises(LedgerUnavailableError):
        await here.pauses.pause(here.account, "maintenance")
    assert here.account.paused is None


async def test_a_refusal_that_was_resumed_before_it_was_written_is_not_written() -> None:
    book = Book()
    here = Replica(book)
    here.pauses.refused(here.account, "refused")
    await here.pauses.resume(here.account)
    await here.later()
    assert (here.account.paused, book.held) == (None, {})


async def test_whoever_took_an_accounts_place_is_paused_with_it() -> None:
    """A reload, while its last purchase is under way: the supplier's refusal comes to the one that was before."""
    here = Replica(Book(), alone=True)
    before = Place()
    here.pauses.refused(before, "the supplier refuses the account")
    assert here.account.paused == "the supplier refuses the account"
    await here.pauses.resume(before)
    assert here.account.paused is None
