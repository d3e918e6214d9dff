"""A purchase from the client's `POST` to the supplier and back, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from gateway_otomax.sign import purchase_words, sign

Opens = Callable[..., AbstractAsyncContextManager[Any]]
DELIVERED, REPORTED, REFUSED, SILENT = "081700009920", "081700009901", "081700009945", "081700009990"


async def test_fifty_at_once_are_one_purchase(street: Opens) -> None:
    async with street() as here:
        answers = await asyncio.gather(*(here.post("A-1", REPORTED) for _ in range(50)))
        assert sorted(status for status, _, _ in answers) == [200] * 49 + [201]
        assert len({body["id"] for _, body, _ in answers}) == 1
        assert {body["status"] for _, body, _ in answers} == {"success"}
        assert sum(headers.get("Idempotent-Replayed") == "true" for _, _, headers in answers) == 49
        assert len(here.first.purchases) == 1
        assert here.first.charges == 5_400


async def test_another_body_is_a_conflict_and_another_client_another_purchase(
    street: Opens, secrets: dict[str, str]
) -> None:
    async with street() as here:
        one = await here.buy("A-1", DELIVERED)
        status, body, _ = await here.post("A-1", REPORTED)
        assert (status, body["code"]) == (409, "ref_id_conflict")
        other = await here.buy("A-1", REPORTED, key=secrets["other"])
        assert other["id"] != one["id"]
        assert (await here.get(f"/v1/transactions/{one['id']}", key=secrets["other"]))[0] == 404
        assert len(here.first.purchases) == 2


async def test_a_client_that_does_not_wait_has_its_answer_before_the_supplier(street: Opens) -> None:
    async with street() as here:
        status, body, _ = await here.post("A-1", SILENT, wait=None)
        assert (status, body["status"]) == (201, "pending")
        assert body["attempts"][0]["status"] == "sending"
        done = await here.when(body, lambda held: held["status"] != "pending")
        assert (done["status"], here.first.times_bought(done["attempts"][0]["id"])) == ("success", 1)


@pytest.mark.parametrize("ending", ["43", "44", "45", "47", "69", "40"])
async def test_what_one_supplier_refuses_another_delivers(street: Opens, ending: str) -> None:
    async with street(accounts={"first": {}, "second": {}}) as here:
        # The same ending fails at both: the second is asked, because it could have been cured there.
        one = await here.buy("A-1", f"0817000099{ending}")
        assert [held["provider"] for held in one["attempts"]] == ["first", "second"]
        assert one["status"] == "failed"
        assert here.first.charges + here.second.charges == 0


async def test_the_second_supplier_sells_what_the_first_has_not(street: Opens) -> None:
    routes = [{"provider": "first", "code": "GONE", "price": 5_000}, {"provider": "second", "code": "XL5", "price": 1}]
    async with street(accounts={"first": {}, "second": {}}, products=[{"code": "XL5", "routes": routes}]) as here:
        one = await here.buy("A-1", DELIVERED)
        assert (one["status"], one["provider"], one["price"]) == ("success", "second", 5_400)
        assert [held["status"] for held in one["attempts"]] == ["failed", "success"]
        assert (here.first.charges, here.second.charges) == (0, 5_400)


@pytest.mark.parametrize("ending", ["52", "56", "90", "91", "22"])
async def test_nobody_else_is_tried_for_a_wrong_number_or_where_it_may_have_been_bought(
    street: Opens, ending: str
) -> None:
    async with street(accounts={"first": {}, "second": {}}) as here:
        one = await here.buy("A-1", f"0817000099{ending}", wait=1)
        await here.when(one, lambda held: held["status"] != "pending" or held["needs_review"])
        assert here.second.purchases == []
        assert len(here.first.purchases) == 1


async def test_a_supplier_that_is_down_was_not_bought_from(street: Opens) -> None:
    async with street(accounts={"first": {}, "second": {}}) as here:
        await here.first.stop()
        one = await here.buy("A-1", DELIVERED)
        assert (one["status"], one["provider"]) == ("success", "second")
        assert one["attempts"][0]["status"] == "rejected"


async def test_a_supplier_that_does_not_know_us_is_paused_until_an_operator_resumes_it(street: Opens) -> None:
    async with street(accounts={"first": {"pin": "canary-wrong"}, "second": {}}) as here:
        for ref_id in ("A-1", "A-2"):
            assert (await here.buy(ref_id, DELIVERED))["provider"] == "second"
        assert len(here.first.purchases) == 1
        _, accounts = await here.operator("/admin/providers")
        assert [one["state"] for one in accounts["providers"]] == ["unavailable", "available"]
        status, _ = await here.operator("/admin/providers/first/resume", {"operator": "ann"})
        assert status == 200
        await here.buy("A-3", DELIVERED)
        assert len(here.first.purchases) == 2


async def test_a_restart_in_the_middle_loses_nothing_and_buys_nothing_twice(street: Opens) -> None:
    async with street(server={"port": 0, "admin_port": 0, "drain": "1s"}) as before:
        before.port = before.gateway.api_port
        silent = await before.buy("A-1", SILENT, wait=None)
        done = await before.buy("A-2", DELIVERED)
        await asyncio.sleep(0.1)  # the supplier has it and says nothing
    async with street(like=before) as after:
        after.port = after.gateway.api_port
        replay, body, headers = await after.post("A-2", DELIVERED, wait=None)
        assert (replay, body, headers["Idempotent-Replayed"]) == (200, done, "true")
        held = await after.buy("A-1", SILENT, wait=10)
        assert (held["id"], held["status"]) == (silent["id"], "success")
        assert [after.first.times_bought(one["attempts"][0]["id"]) for one in (held, done)] == [1, 1]
        assert len(after.first.purchases) == 2
        _, told = await after.get(f"/v1/transactions/{silent['id']}/events")
        assert "recovery" in {event["source"] for event in told["events"]}


# The suppliers' door.


async def test_a_forged_report_changes_nothing(street: Opens, secrets: dict[str, str]) -> None:
    accounts: dict[str, Any] = {"first": {}, "second": {}}
    accounts["second"]["reports"] = {"allow_from": ["203.0.113.7"], "token": f"{secrets['token']}-second"}
    async with street(accounts=accounts) as here:
        one = await here.buy("A-1", "081700009922", wait=0)
        await here.when(one, lambda held: held["attempts"][0]["status"] == "pending")
        ref = one["attempts"][0]["id"]
        forged = f"refid={ref}&status=20&message=SUKSES SN: FALSE R%23{ref}"
        doors = ["first", "first/wrong", f"first/{secrets['token']}-second", f"second/{secrets['token']}-second", "no"]
        for door in doors:
            async with here.session.get(here.url(f"/reports/{door}?{forged}")) as response:
                assert response.status == 403
        async with here.session.get(here.url(f"/reports/first/{secrets['token']}-first?{forged}")) as response:
            assert response.status == 200
        await asyncio.sleep(0.2)
        _, held = await here.get(f"/v1/transactions/{one['id']}")
        assert (held["status"], held["serial"]) == ("pending", None)
        _, metrics = await here.operator("/metrics")
        assert 'gateway_reports_total{provider="first",verdict="refused"} 3' in metrics
        _, told = await here.get(f"/v1/transactions/{one['id']}/events")
        assert "report_to_verify" in {event["event"] for event in told["events"]}


async def test_a_believed_report_settles_at_once(street: Opens, secrets: dict[str, str]) -> None:
    source = {"reports": {"allow_from": ["127.0.0.1"], "token": f"{secrets['token']}-first", "trust": "source"}}
    async with street(accounts={"first": {**source, "check": "none"}}) as here:
        one = await here.buy("A-1", REPORTED)
        assert one["status"] == "success"
        assert one["serial"].startswith("2611")


# What is seen of it.


async def test_events_exchanges_and_metrics_tell_the_whole_story(street: Opens) -> None:
    async with street() as here:
        one = await here.buy("A-1", REPORTED)
        _, told = await here.get(f"/v1/transactions/{one['id']}/events")
        kinds = [event["event"] for event in told["events"]]
        assert kinds[:2] == ["accepted", "attempt_started"]
        assert kinds[-1] == "status"
        assert [event["id"] for event in told["events"]] == sorted(event["id"] for event in told["events"])
        _, shown = await here.operator(f"/admin/transactions/{one['id']}")
        assert [exchange["purpose"] for exchange in shown["exchanges"]] == ["purchase", "check"]
        assert "akan diproses" in shown["exchanges"][0]["response"]
        _, metrics = await here.operator("/metrics")
        for name in ("gateway_transactions_total", "gateway_attempts_total", "gateway_checks_total"):
            lines = [line for line in metrics.splitlines() if line.startswith(f"{name}{{")]
            assert sum(float(line.rpartition(" ")[2]) for line in lines) == 1, name


def kept_in(folder: Path) -> list[str]:
    """What the gateway has written: ledger, audit log, and whatever else lies there beside its configuration."""
    return [file.read_bytes().decode("latin-1") for file in folder.iterdir() if file.name != "gateway.json"]


async def test_nothing_secret_is_anywhere(
    street: Opens, secrets: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    async with street(accounts={"first": {}, "second": {"pin": "canary-wrong"}}) as here:
        endings = ["01", "20", "24", "35", "36", "45", "52", "91", "92", "93", "95"]
        bought = await asyncio.gather(*(here.buy(f"R-{one}", f"0817000099{one}", wait=2) for one in endings))
        await here.first.stop()
        bought.append(await here.buy("R-down", DELIVERED, wait=2))
        async with here.session.get(here.url(f"/reports/first/{secrets['token']}-first?message=what")) as response:
            seen.append(await response.text())
        async with here.session.get(here.url("/reports/first/canary-guess?message=what")) as response:
            seen.append(await response.text())
        for one in bought:
            seen.append(json.dumps(await here.get(f"/v1/transactions/{one['id']}/events")))
            seen.append(json.dumps(await here.operator(f"/admin/transactions/{one['id']}")))
        unread = [f"admin/{where}" for where in ("reports/unreadable", "reports/unmatched", "messages/unreadable")]
        paths = ("metrics", "admin/providers", "admin/review", *unread)
        seen += [json.dumps(await here.operator(f"/{path}")) for path in paths]
        await asyncio.sleep(0.1)
        seen += kept_in(tmp_path)  # the ledger's side files are gone once it is closed
    seen += kept_in(tmp_path)
    printed = capfd.readouterr()
    seen += [printed.out, printed.err]
    signs = [
        sign(
            purchase_words(
                member_id="SANDBOX",
                product="XL5",
                dest=one["dest"],
                ref=held["id"],
                pin=secrets["pin"],
                password=secrets["password"],
            ),
            prefix="OtomaX",
        )
        for one in bought
        for held in one["attempts"]
    ]
    assert len(signs) > 10
    text = "\n".join(seen)
    assert "akan diproses" in text, "there is something to look through"
    for secret in [*secrets.values(), "canary-wrong", "canary-guess", *signs]:
        assert secret not in text
