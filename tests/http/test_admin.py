"""The operators' side: `contract.md` §6."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.core.transaction import (
    NOT_UNDERSTOOD,
    AttemptState,
    AttemptStatus,
    Exchange,
    StoredReport,
    TransactionStatus,
)
from gateway.errors import ConfigurationError, Mistake
from gateway.http import admin, operations

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


async def test_the_process_answers_whatever_the_ledger_does(gateway: Any) -> None:
    gateway.engine.ledger.full = True
    gateway.engine.draining = True
    answer = await gateway.operate("GET", "/healthz")
    assert (answer.status, answer.json) == (200, {"status": "ok"})


async def test_readiness_says_why_not(gateway: Any) -> None:
    ready = await gateway.operate("GET", "/readyz")
    assert (ready.status, ready.json["status"]) == (200, "ready")
    gateway.engine.ledger.full = True
    no_ledger = await gateway.operate("GET", "/readyz")
    assert (no_ledger.status, no_ledger.json["checks"]["ledger"]) == (503, "the disk is full")
    gateway.engine.ledger.full = False
    gateway.engine.draining = True
    draining = await gateway.operate("GET", "/readyz")
    assert (draining.status, draining.json["checks"]) == (
        503,
        {"ledger": "ok", "accepting": "the gateway is stopping", "audit": "ok"},
    )


async def test_a_ledger_that_does_not_answer_is_not_waited_for(gateway: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(operations, "_PATIENCE", 0.05)
    monkeypatch.setattr(gateway.engine.ledger, "writable", hang)
    answer = await gateway.operate("GET", "/readyz")
    assert (answer.status, answer.json["checks"]["ledger"]) == (503, "the ledger did not answer within 0.05 s")


async def test_an_audit_log_in_trouble_is_told_but_stops_nothing(gateway: Any) -> None:
    gateway.audit.trouble = "No space left on device"
    answer = await gateway.operate("GET", "/readyz")
    assert (answer.status, answer.json["checks"]["audit"]) == (200, "No space left on device")


async def test_metrics_are_rendered_off_the_loop(gateway: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def render() -> bytes:
        threads.append(threading.current_thread())
        return b"gateway_up 1\n"

    monkeypatch.setattr(gateway.metrics, "render", render)
    answer = await gateway.operate("GET", "/metrics")
    assert (answer.status, answer.text) == (200, "gateway_up 1\n")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert threads[0] is not threading.main_thread()


async def test_providers_are_shown_paused_and_resumed(gateway: Any) -> None:
    shown = await gateway.operate("GET", "/admin/providers")
    assert [one["id"] for one in shown.json["providers"]] == ["open", "locked", "away", "shut"]
    paused = await gateway.operate(
        "POST", "/admin/providers/open/pause", json={"operator": "Sri", "reason": "the supplier is closed"}
    )
    assert (paused.status, paused.json) == (200, {"provider": "open", "paused": True})
    resumed = await gateway.operate("POST", "/admin/providers/open/resume", json={"operator": "Sri"})
    assert (resumed.status, resumed.json) == (200, {"provider": "open", "paused": False})
    assert gateway.engine.told == [("pause", "open", "Sri", "the supplier is closed"), ("resume", "open", "Sri")]


@pytest.mark.parametrize("action", ["pause", "resume"])
async def test_an_unknown_provider_is_not_found(gateway: Any, action: str) -> None:
    body = {"operator": "Sri", **({"reason": "why"} if action == "pause" else {})}
    assert (await gateway.operate("POST", f"/admin/providers/nobody/{action}", json=body)).status == 404


async def test_a_deposit_and_a_new_base_are_taken_and_audited_with_who_and_why(gateway: Any) -> None:
    paid = await gateway.operate(
        "POST",
        "/admin/providers/open/deposit",
        json={"operator": "Sri", "reason": "transfer BCA 24/11", "amount": 1_000_000},
    )
    assert (paid.status, paid.json) == (
        200,
        {"provider": "open", "reported": 500, "before": 400, "computed": 1_000_400, "drift": 0},
    )
    based = await gateway.operate(
        "POST", "/admin/providers/open/rebase", json={"operator": "Sri", "reason": "their statement is right"}
    )
    assert (based.status, based.json["computed"]) == (200, 500)
    assert gateway.engine.told == [("paid_in", "open", "1000000"), ("rebase", "open")]
    who = {"provider": "open", "source": "operator", "operator": "Sri"}
    assert gateway.audit.lines == [
        (
            "deposit_paid_in",
            {
                **who,
                "reason": "transfer BCA 24/11",
                "from_": 400,
                "to": 1_000_400,
                "reported": 500,
                "amount": 1_000_000,
            },
        ),
        ("balance_rebased", {**who, "reason": "their statement is right", "from_": 400, "to": 500, "reported": 500}),
    ]


@pytest.mark.parametrize("amount", [0, 1.5, "1000", True, None, 10**15 + 1])
async def test_a_deposit_is_a_whole_number_of_rupiah(gateway: Any, amount: Any) -> None:
    body = {"operator": "Sri", "reason": "why", "amount": amount}
    answer = await gateway.operate("POST", "/admin/providers/open/deposit", json=body)
    assert (answer.status, answer.json["field"]) == (400, "amount")
    assert gateway.engine.told == []


@pytest.mark.parametrize("action", ["deposit", "rebase"])
async def test_a_balance_that_cannot_be_corrected_stays_and_nothing_is_audited(gateway: Any, action: str) -> None:
    body = {"operator": "Sri", "reason": "why", **({"amount": 1} if action == "deposit" else {})}
    assert (await gateway.operate("POST", f"/admin/providers/nobody/{action}", json=body)).status == 404
    gateway.engine.nothing_said = True
    answer = await gateway.operate("POST", f"/admin/providers/open/{action}", json=body)
    assert (answer.status, answer.json["code"]) == (409, "cannot_correct")
    assert answer.json["detail"] == "the supplier has not said what is left"
    for missing in ("operator", "reason"):
        less = {name: value for name, value in body.items() if name != missing}
        answer = await gateway.operate("POST", f"/admin/providers/open/{action}", json=less)
        assert (answer.status, answer.json["field"]) == (400, missing)
    assert gateway.audit.lines == []


async def test_operators_see_every_clients_transactions(gateway: Any) -> None:
    await gateway.buy(client="shop")
    await gateway.buy(client="other")
    everything = await gateway.operate("GET", "/admin/transactions")
    assert [one["client"] for one in everything.json["transactions"]] == ["other", "shop"]
    one = await gateway.operate("GET", "/admin/transactions?client=shop&status=pending&limit=1")
    assert [found["client"] for found in one.json["transactions"]] == ["shop"]
    by_ref = await gateway.operate("GET", "/admin/transactions?client=other&ref_id=A-1")
    assert [found["client"] for found in by_ref.json["transactions"]] == ["other"]
    assert (await gateway.operate("GET", "/admin/transactions?ref_id=A-1")).status == 400
    assert (await gateway.operate("GET", "/admin/transactions?clint=shop")).status == 400


async def test_one_transaction_is_shown_with_all_that_is_known(gateway: Any, an_attempt: AttemptState) -> None:
    bought = (await gateway.buy()).json["id"]
    ledger = gateway.engine.ledger
    ledger.rows[bought] = replace(ledger.rows[bought], attempts=(an_attempt,))
    ledger.calls = [
        Exchange(
            attempt=an_attempt.id,
            provider="open",
            purpose="purchase",
            request="GET ***",
            response="status=55",
            status=200,
            failure=None,
            started_at=NOW,
            duration_ms=12,
        )
    ]
    shown = (await gateway.operate("GET", f"/admin/transactions/{bought}")).json
    assert shown["client"] == "shop"
    assert [event["event"] for event in shown["events"]] == ["accepted"]
    assert shown["exchanges"][0]["response"] == "status=55"
    attempt = shown["attempts"][0]
    assert (attempt["id"], attempt["status"], attempt["rule"]) == (an_attempt.id, "unknown", "nothing fitted")
    assert (await gateway.operate("GET", "/admin/transactions/000000000000000077")).status == 404
    assert (await gateway.operate("GET", "/admin/transactions/x")).status == 404


async def test_what_needs_a_person_is_listed(gateway: Any) -> None:
    bought = (await gateway.buy()).json["id"]
    assert (await gateway.operate("GET", "/admin/review")).json["transactions"] == []
    ledger = gateway.engine.ledger
    ledger.rows[bought] = replace(ledger.rows[bought], needs_review=True)
    listed = await gateway.operate("GET", "/admin/review")
    assert [one["id"] for one in listed.json["transactions"]] == [bought]


async def test_what_needs_a_person_is_listed_for_one_supplier_or_one_client(gateway: Any) -> None:
    ledger = gateway.engine.ledger
    bought = [(await gateway.buy(ref_id=f"A-{number}")).json["id"] for number in range(4)]
    for number, one in enumerate(bought):
        states = (replace(attempt(f"{number}", AttemptStatus.UNKNOWN), provider="maxsi" if number % 2 else "second"),)
        client = "other" if number == 3 else "shop"
        ledger.rows[one] = replace(ledger.rows[one], client=client, needs_review=True, attempts=states)

    async def listed(query: str) -> list[int]:
        page = (await gateway.operate("GET", f"/admin/review?{query}")).json
        return [bought.index(one["id"]) for one in page["transactions"]]

    assert await listed("provider=maxsi") == [3, 1]
    assert await listed("provider=maxsi&client=shop") == [1]
    assert await listed("client=other") == [3]
    assert await listed("provider=nobody") == []
    first = (await gateway.operate("GET", "/admin/review?provider=maxsi&limit=1")).json
    assert [one["id"] for one in first["transactions"]] == [bought[3]]
    assert await listed(f"provider=maxsi&limit=1&cursor={first['next_cursor']}") == [1]
    assert (await gateway.operate("GET", "/admin/review?provider=%00")).json["field"] == "provider"
    assert (await gateway.operate("GET", "/admin/review?status=pending")).json["field"] == "status"


async def test_an_operator_asks_and_settles(gateway: Any) -> None:
    bought = (await gateway.buy()).json["id"]
    checked = await gateway.operate("POST", f"/admin/transactions/{bought}/check", json={"operator": "Sri"})
    assert (checked.status, checked.json["status"]) == (200, "pending")
    body = {"result": "success", "reason": "the supplier's list shows it", "operator": "Sri", "serial": "SN9"}
    settled = await gateway.operate("POST", f"/admin/transactions/{bought}/resolve", json=body)
    assert (settled.status, settled.json["status"], settled.json["serial"]) == (200, "success", "SN9")
    again = await gateway.operate("POST", f"/admin/transactions/{bought}/resolve", json=body)
    assert (again.status, again.json["code"]) == (409, "cannot_resolve")
    assert gateway.engine.told == [
        ("check", bought, "Sri"),
        ("resolve", bought, "success", "the supplier's list shows it", "Sri", "SN9"),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"result": "reversed", "reason": "why", "operator": "Sri"}, "result"),
        ({"result": "success", "reason": "", "operator": "Sri"}, "reason"),
        ({"result": "success", "reason": "why"}, "operator"),
        ({"result": "success", "reason": "why", "operator": "Sri\n"}, "operator"),
        ({"result": "success", "reason": "a\u001b[31mb", "operator": "Sri"}, "reason"),
        ({"result": "success", "reason": "why", "operator": "Sri", "serial": 1}, "serial"),
        ({"result": "success", "reason": "why", "operator": "Sri", "price": 1}, "price"),
    ],
)
async def test_a_settlement_that_is_not_whole_is_refused(gateway: Any, body: dict[str, Any], field: str) -> None:
    bought = (await gateway.buy()).json["id"]
    answer = await gateway.operate("POST", f"/admin/transactions/{bought}/resolve", json=body)
    assert (answer.status, answer.json["field"]) == (400, field)
    assert gateway.engine.told == []


@pytest.mark.parametrize("action", ["check", "resolve"])
async def test_what_is_not_there_cannot_be_settled(gateway: Any, action: str) -> None:
    body = {"operator": "Sri", **({"result": "failed", "reason": "why"} if action == "resolve" else {})}
    assert (await gateway.operate("POST", f"/admin/transactions/000000000000000077/{action}", json=body)).status == 404


async def test_reports_that_matched_nothing_and_that_nobody_understood_are_listed(gateway: Any) -> None:
    for number, verdict in enumerate(("unmatched", "unreadable", "applied", "unmatched")):
        gateway.engine.ledger.kept.append(
            StoredReport(
                provider="open",
                received_at=NOW,
                remote="192.0.2.1",
                method="GET",
                query=f"n={number}",
                body="",
                digest="0",
                verdict=verdict,
            )
        )
    first = await gateway.operate("GET", "/admin/reports/unmatched?limit=1")
    assert [one["query"] for one in first.json["reports"]] == ["n=3"]
    second = await gateway.operate("GET", f"/admin/reports/unmatched?limit=1&cursor={first.json['next_cursor']}")
    assert ([one["query"] for one in second.json["reports"]], second.json["next_cursor"]) == (["n=0"], None)
    assert (await gateway.operate("GET", "/admin/reports/unmatched?cursor=x")).json["field"] == "cursor"
    every = await gateway.operate("GET", "/admin/reports/unmatched")
    assert [one["query"] for one in every.json["reports"]] == ["n=3", "n=0"]
    unread = await gateway.operate("GET", "/admin/reports/unreadable")
    assert [one["query"] for one in unread.json["reports"]] == ["n=1"]


def attempt(number: str, status: AttemptStatus, rule: str | None = None) -> AttemptState:
    return AttemptState(
        id=number,
        number=1,
        provider="open",
        product="X5",
        expected_price=5400,
        status=status,
        started_at=NOW,
        rule=rule,
    )


def exchange(of: str, response: str | None, purpose: str = "purchase", failure: str | None = None) -> Exchange:
    return Exchange(
        attempt=of, provider="open", purpose=purpose, request="GET …", response=response, status=200, failure=failure,
        started_at=NOW, duration_ms=5,
    )  # fmt: skip


@pytest.mark.parametrize("unread", [NOT_UNDERSTOOD, None], ids=["as it is written", "as earlier versions wrote it"])
async def test_the_last_answer_that_no_rule_understood_is_shown_of_each_purchase_that_waits_for_it(
    gateway: Any, unread: str | None
) -> None:
    ledger = gateway.engine.ledger
    states = {
        "A-1": attempt("1", AttemptStatus.UNKNOWN, unread),
        "A-2": attempt("2", AttemptStatus.PENDING, "waiting"),
        "A-3": attempt("3", AttemptStatus.UNKNOWN, "status 1 against success"),
        "A-4": attempt("4", AttemptStatus.UNKNOWN),
        "A-5": attempt("5", AttemptStatus.UNKNOWN),
        "A-6": attempt("6", AttemptStatus.PENDING, NOT_UNDERSTOOD),
        "A-7": attempt("7", AttemptStatus.PENDING),
    }
    ids = {ref: (await gateway.buy(ref_id=ref)).json["id"] for ref in states}
    for ref, state in states.items():
        row = ledger.rows[ids[ref]]
        status = TransactionStatus.SUCCESS if ref == "A-5" else row.status
        ledger.rows[row.id] = replace(row, attempts=(state,), status=status)
    ledger.calls = [
        exchange("1", "aneh"),
        exchange("1", "lebih aneh", "check"),
        exchange("1", None, "check", "timeout"),
        exchange("2", "akan diproses"),
        exchange("3", "SUKSES"),
        exchange("4", None, failure="timeout"),
        exchange("5", "sangat aneh"),
        exchange("6", "akan diproses"),
        exchange("6", "OTW ya", "check"),
        exchange("7", "a plugin without rules understood it"),
    ]
    answer = await gateway.operate("GET", "/admin/messages/unreadable")
    assert answer.json == {
        "messages": [
            {
                "transaction": ids["A-6"],
                "attempt": "6",
                "provider": "open",
                "purpose": "check",
                "at": "2026-11-23T10:00:00+00:00",
                "status": 200,
                "message": "OTW ya",
            },
            {
                "transaction": ids["A-1"],
                "attempt": "1",
                "provider": "open",
                "purpose": "check",
                "at": "2026-11-23T10:00:00+00:00",
                "status": 200,
                "message": "lebih aneh",
            },
        ],
        "next_cursor": None,
    }


@pytest.mark.parametrize("gone_through", [1, 2, 3, 500])
async def test_pages_of_answers_that_nobody_understood_hold_each_one_once(
    gateway: Any, monkeypatch: pytest.MonkeyPatch, gone_through: int
) -> None:
    monkeypatch.setattr(admin, "_GONE_THROUGH", gone_through)
    ledger = gateway.engine.ledger
    for number in range(7):
        bought = (await gateway.buy(ref_id=f"A-{number}")).json["id"]
        state = attempt(f"{number}", AttemptStatus.UNKNOWN if number % 2 else AttemptStatus.PENDING)
        ledger.rows[bought] = replace(ledger.rows[bought], attempts=(state,))
        ledger.calls.append(exchange(f"{number}", f"aneh {number}"))
    found: list[str] = []
    cursor = ""
    while True:
        page = (await gateway.operate("GET", f"/admin/messages/unreadable?limit=2{cursor}")).json
        assert len(page["messages"]) <= 2
        found += [one["message"] for one in page["messages"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == ["aneh 5", "aneh 3", "aneh 1"]


async def test_a_reload_tells_what_it_did_or_every_mistake(open_gateway: Any) -> None:
    mistakes: list[Mistake] = []

    async def reload() -> dict[str, Any]:
        if mistakes:
            raise ConfigurationError(mistakes)
        return {"clients": 3}

    gateway = await open_gateway(reload=reload)
    done = await gateway.operate("POST", "/admin/reload", json={"operator": "Sri"})
    assert (done.status, done.json) == (200, {"reloaded": True, "clients": 3})
    mistakes.append(Mistake(file="gateway.yaml", line=3, path="clients[0].id", message="is no name"))
    refused = await gateway.operate("POST", "/admin/reload", json={"operator": "Sri"})
    assert (refused.status, refused.json["code"]) == (400, "invalid_configuration")
    assert refused.json["errors"] == [
        {"field": "clients[0].id", "message": "gateway.yaml:3: clients[0].id: is no name"}
    ]
    who = {"source": "operator", "operator": "Sri", "address": "127.0.0.1"}
    assert gateway.audit.lines == [("reloaded", who), ("reload_refused", who)]


async def test_a_reload_needs_no_body_but_from_a_page_in_a_browser(open_gateway: Any) -> None:
    reloads: list[None] = []

    async def reload() -> dict[str, Any]:
        reloads.append(None)
        return {}

    gateway = await open_gateway(reload=reload)
    assert (await gateway.operate("POST", "/admin/reload")).status == 200
    assert gateway.audit.lines == [("reloaded", {"source": "operator", "operator": None, "address": "127.0.0.1"})]
    foreign = await gateway.operate("POST", "/admin/reload", headers={"Origin": "https://evil.example"})
    assert foreign.status == 415
    assert (await gateway.operate("POST", "/admin/reload", json={})).status == 400
    assert (await gateway.operate("POST", "/admin/reload?force=1")).json["field"] == "force"
    assert (await gateway.operate("POST", "/admin/reload", data=b"{}")).status == 415
    assert len(reloads) == 1


async def test_without_a_file_there_is_nothing_to_reload(gateway: Any) -> None:
    assert (await gateway.operate("POST", "/admin/reload", json={"operator": "Sri"})).status == 404


async def test_a_page_in_a_browser_cannot_make_an_operator_do_something(gateway: Any) -> None:
    """What a form of a foreign page can send is not JSON by its own word."""
    bought = (await gateway.buy()).json["id"]
    body = '{"result":"failed","reason":"why","operator":"Eve"}'
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = await gateway.operate(
            "POST", f"/admin/transactions/{bought}/resolve", data=body, headers={"Content-Type": content_type}
        )
        assert answer.status == 415
    assert gateway.engine.told == []
