"""Clients that wait for a final state."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.core.transaction import Transaction, TransactionStatus
from gateway.engine.waiting import Waiting

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
OPEN = Transaction(
    id="1", client="shop", ref_id="A", request_hash="", product="XL5", dest="0817", qty=1, max_price=None,
    created_at=NOW, updated_at=NOW, deadline_at=NOW,
)  # fmt: skip
DONE = replace(OPEN, status=TransactionStatus.SUCCESS)


async def test_everybody_who_waits_for_it_is_woken_by_its_end_and_forgotten() -> None:
    waiting = Waiting()
    with waiting.expecting("1") as one, waiting.expecting("1") as two, waiting.expecting("2") as other:
        assert (len(waiting), waiting.waited()) == (3, ("1", "2"))
        waiting.changed(OPEN)
        assert not one.done(), "it goes on"
        one.cancel()  # its client hung up
        waiting.changed(DONE)
        assert await waiting.within(two, 5) is DONE
        assert not other.done()
        assert (len(waiting), waiting.is_waited("1"), waiting.is_waited("2")) == (1, False, True)
        waiting.changed(DONE)
    assert (len(waiting), waiting.waited()) == (0, ())


async def test_whoever_waits_too_long_gets_nothing_and_leaves_nothing() -> None:
    waiting = Waiting()
    with waiting.expecting("1") as future:
        assert await waiting.within(future, 0.01) is None
    assert waiting.waited() == ()


async def test_who_is_cut_off_while_waiting_is_cut_off() -> None:
    waiting = Waiting()

    async def wait() -> None:
        with waiting.expecting("1") as future:
            await waiting.within(future, 60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waiting.waited() == ()


async def test_at_the_end_everybody_is_let_go_now_and_later() -> None:
    waiting = Waiting()
    with waiting.expecting("1") as gone, waiting.expecting("1") as future:
        gone.cancel()
        waiting.close()
        assert await waiting.within(future, 5) is None
        assert future.done()
        assert not future.cancelled()
    with waiting.expecting("1") as late:
        assert await asyncio.wait_for(late, 1) is None
