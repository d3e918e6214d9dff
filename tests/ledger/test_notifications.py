"""What operators and the deliverer ask about notifications, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.transaction import Change, Notification
from gateway.ledger import Ledger

START = datetime(2026, 11, 24, 3, 0, 0, 123456, tzinfo=UTC)
Make = Callable[..., Change]
Put = Callable[..., Any]


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture
def told(ledger: Ledger, accept: Make, succeed: Make) -> Put:
    """Settle a purchase, with notifications of its final state and, where wanted, of its reversal: their ids."""

    async def make(ref_id: str, client: str = "shop", *, at: float = 0, both: bool = False, **more: Any) -> list[str]:
        opened = accept(ref_id, client=client, **more)
        assert await ledger.commit(opened)
        settled = succeed(opened.after, at=after(at))
        kinds = ["reversed", "success"] if both else ["success"]
        notes = tuple(
            Notification(id=f"msg_{opened.after.id}_{kind}", client=client, event=f"transaction.{kind}", body="{}")
            for kind in kinds
        )
        assert await ledger.commit(replace(settled, notifications=notes))
        return [note.id for note in notes]

    return make


async def found(ledger: Ledger, **filters: Any) -> list[str]:
    return [stored.notification.id for stored in await ledger.find_notifications(**filters)]


async def test_what_is_due_is_found_by_client(ledger: Ledger, told: Put) -> None:
    [late] = await told("A-1", at=20)
    [early] = await told("A-2", at=10)
    [other] = await told("A-3", "other", at=15)
    await told("A-4", owner="gone", at=5)

    async def due(now: float, limit: int, client: str | None) -> list[str]:
        return [row.notification.id for row in await ledger.due_notifications(after(now), limit, client=client)]

    assert await due(60, 10, "shop") == [early, late]
    assert await due(60, 1, "shop") == [early]
    assert await due(12, 10, "shop") == [early]
    assert await due(60, 10, "other") == [other]
    assert await due(60, 10, "nobody") == []
    assert await due(60, 10, None) == [early, other, late]


async def test_one_notification_is_found_by_its_id(ledger: Ledger, told: Put) -> None:
    [known] = await told("A-1")
    stored = await ledger.notification(known)
    assert stored is not None
    assert (stored.notification.id, stored.notification.event) == (known, "transaction.success")
    for unknown in ("", "msg_1", known + " ", "\0", "\ud800", "' OR 1=1 --"):
        assert await ledger.notification(unknown) is None


async def test_notifications_are_listed_newest_first_by_client_state_and_transaction(ledger: Ledger, told: Put) -> None:
    [waiting] = await told("A-1")
    [delivered] = await told("A-2")
    [dead] = await told("A-3", "other")
    await ledger.notification_tried(delivered, after(1), None, None, delivered=True)
    await ledger.notification_tried(dead, after(1), None, "410", dead=True)
    assert await found(ledger) == [dead, delivered, waiting]
    assert await found(ledger, client="shop") == [delivered, waiting]
    assert await found(ledger, state="pending") == [waiting]
    assert await found(ledger, state="delivered") == [delivered]
    assert await found(ledger, state="dead") == [dead]
    assert await found(ledger, state="dead", client="shop") == []
    assert await found(ledger, transaction=waiting.split("_")[1]) == [waiting]
    assert await found(ledger, transaction=waiting.split("_")[1], client="other", state="pending") == []
    assert await ledger.notification_backlog() == 1


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_are_without_a_gap_also_between_two_notifications_of_one_transaction(
    ledger: Ledger, told: Put, limit: int
) -> None:
    made = [await told(f"A-{number}", both=True) for number in range(4)]
    expected = [one for pair in reversed(made) for one in sorted(pair, reverse=True)]
    seen: list[str] = []
    while page := await found(ledger, client="shop", before_id=seen[-1] if seen else None, limit=limit):
        seen += page
    assert seen == expected


@pytest.mark.parametrize("how", ["delivered", "dead"])
async def test_what_is_sent_again_is_due_as_if_it_had_never_been_tried(ledger: Ledger, told: Put, how: str) -> None:
    [known] = await told("A-1")
    await told("A-2", at=9999)
    await ledger.notification_tried(known, after(1), after(2), "500")
    await ledger.notification_tried(known, after(2), None, "410", delivered=how == "delivered", dead=how == "dead")
    await ledger.resend_notification(known, after(60))
    assert await ledger.due_notifications(after(59), 10, client="shop") == []
    [again] = await ledger.due_notifications(after(60), 10, client="shop")
    assert again.notification.id == known
    assert (again.tries, again.next_try_at, again.delivered_at, again.dead_at) == (0, after(60), None, None)
    assert again.last_error == "410"
    assert await ledger.notification_backlog() == 2


async def test_what_waits_for_one_client_is_not_read_through_to_find_what_waits_for_another(sqlite: Any) -> None:
    ledger = await sqlite.open()
    statement = ledger.statements.client_due_notifications
    sql = statement.sql.replace("?", "1")
    plan = " ".join(row[3] for row in await sqlite.execute(f"EXPLAIN QUERY PLAN {sql}"))
    await ledger.close()
    assert "USING INDEX ix_notifications_client_next_try_at (client=? AND next_try_at<?)" in plan
