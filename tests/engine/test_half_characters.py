"""A supplier whose words hold half of a character, as JSON can escape an emoji that was cut: nothing is lost by it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.core.transaction import TransactionStatus
from gateway.core.view import transaction_view
from gateway.provider import Attempt, Reply, Report, Update
from gateway.testing.scripted_supplier import ScriptedProvider

Opens = Callable[..., AbstractAsyncContextManager[Any]]

CLIENTS = [
    {
        "id": "shop",
        "key_hash": "sha256:" + "0" * 64,
        "webhook": {"url": "https://shop.example/", "secret": "whsec_" + "MDEy" * 8},
    }
]


def told(text: str) -> Outcome:
    said = json.loads(text)
    return Outcome(
        status=OutcomeStatus(said["status"]),
        message=said["text"],
        serial=said.get("sn"),
        supplier_ref=said.get("sref"),
        bill={said["text"]: said["text"]},
        rule="json",
    )


class InJson(ScriptedProvider):
    """Speaks JSON."""

    def read_purchase(self, attempt: Attempt, reply: Reply) -> Outcome:
        return told(reply.text())

    def read_report(self, report: Report) -> Sequence[Update]:
        said = json.loads(report.body)
        return (Update(ref=said.get("ref"), outcome=told(report.body.decode()), supplier_ref=said.get("sref")),)


async def test_a_purchase_ends_and_its_client_is_told(shop: Opens) -> None:
    async with shop(accounts={"alpha": {}}, provider=InJson, clients=CLIENTS) as here:
        here.alpha.buy = lambda _: r'{"status": "success", "text": "SUKSES \ud83d", "sn": "SN-\ud83d\u0000"}'
        answer = await here.buy(wait=5)
        stored = await here.now(answer)
        assert (stored.status, stored.serial) == (TransactionStatus.SUCCESS, "SN-\ufffd\ufffd")
        assert transaction_view(answer) == transaction_view(stored), "the answer says what is read later"
        assert answer.attempts[0].message == "SUKSES \ufffd"
        assert answer.bill == {"SUKSES \ufffd": "SUKSES \ufffd"}
        (held,) = await here.ledger.notifications(answer.id)
        assert json.loads(held.notification.body)["data"]["serial"] == stored.serial
        await here.pass_time(600)
        assert here.alpha.count("ask") == 0


async def test_a_report_finds_its_purchase_by_such_a_reference(shop: Opens) -> None:
    async with shop(accounts={"alpha": {}}, provider=InJson, clients=CLIENTS) as here:
        here.alpha.buy = lambda _: r'{"status": "pending", "text": "diproses", "sref": "T\ud83d"}'
        one = await here.answered()
        assert await here.report("alpha", r'{"status": "failed", "text": "?", "ref": "\ud83d"}') == "unmatched"
        assert await here.report("alpha", r'{"status": "success", "text": "ok\udc00", "sref": "T\ud83d"}') == "applied"
        assert (await here.now(one)).status is TransactionStatus.SUCCESS
