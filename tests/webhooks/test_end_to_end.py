"""The whole gateway with a sandbox supplier and a real receiver: check C10 once for real, and what operators do."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from standardwebhooks import Webhook as Verifier

from gateway.app import Gateway, running
from gateway.cli.configuration import read_configuration
from gateway.engine.deliver import Deliverer
from gateway.http import views
from gateway.testing.processes import free_port, until
from gateway.testing.site import CLIENT, TOKEN, Client, Site, account
from gateway_otomax.sandbox import OtomaxSandbox

LAUNCHER: list[str | Path] = [sys.executable, Path(__file__).parents[1] / "faults" / "launcher.py"]
AT_ONCE, FAILED, TAKEN_BACK = "081700000020", "081700000052", "081700000024"
NEXT_SECRET = "whsec_" + "TmV4dC1zZWNyZXQtdGhhdC1pcy1sb25nLWVub3VnaC4="
OK = b"HTTP/1.1 204 No Content\r\n\r\n"
Placed = Callable[..., AbstractAsyncContextManager[Site]]


@dataclass
class Here:
    """A gateway that runs in this process, a client, and the operators' side."""

    site: Site
    gateway: Gateway
    client: Client
    session: aiohttp.ClientSession

    async def admin(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        async with self.session.request(method, f"{self.site.admin_url}{path}", **more) as response:
            return response.status, await response.json(content_type=None)

    async def listed(self, **filters: Any) -> list[dict[str, Any]]:
        status, body = await self.admin("GET", "/admin/webhooks", params=filters)
        assert status == 200, body
        found: list[dict[str, Any]] = body["webhooks"]
        return found


@pytest.fixture
def placed(tmp_path: Path, receiver: Any, secret: str) -> Placed:
    """Makes a site whose client has a webhook at the receiver; `webhook` changes its settings."""

    @contextlib.asynccontextmanager
    async def make(**webhook: Any) -> AsyncIterator[Site]:
        port = free_port()
        url = f"http://127.0.0.1:{port}/reports/first/{TOKEN}"
        supplier = OtomaxSandbox(report_url=url, prices={"XL5": 5_400}, report_delay=0.3)
        supplier_port = await supplier.start("127.0.0.1", 0)
        try:
            site = Site(tmp_path, [account("first", supplier_port)], port=port)
            configuration = json.loads(site.config.read_text())
            hook = {"url": receiver.url, "secret": secret, "allow_networks": ["127.0.0.0/8"], **webhook}
            configuration["clients"][0]["webhook"] = hook
            site.config.write_text(json.dumps(configuration))
            yield site
        finally:
            await supplier.stop()

    return make


@contextlib.asynccontextmanager
async def opened(site: Site) -> AsyncIterator[Here]:
    settings, plugins = read_configuration(site.config)
    async with (
        running(settings, plugins, config_path=site.config) as gateway,
        site.client() as client,
        aiohttp.ClientSession() as session,
    ):
        yield Here(site, gateway, client, session)


def messages(receiver: Any) -> list[tuple[str, dict[str, Any]]]:
    """What arrived: the message's id and its body."""
    return [(got.headers["webhook-id"], orjson.loads(got.body)) for got in receiver.got]


async def test_every_final_state_and_reversal_reaches_a_receiver_that_dies_and_comes_back(
    placed: Placed, receiver: Any, secret: str
) -> None:
    refused: set[str] = set()

    def once_refused(got: Any) -> bytes:
        if got.headers["webhook-id"] in refused:
            return OK
        refused.add(got.headers["webhook-id"])
        return b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"

    async with placed() as site, opened(site) as here:
        await here.client.buy("A-1", AT_ONCE)
        await receiver.until(1)
        [(first, body)] = messages(receiver)
        held = await here.client.get("A-1")
        assert held is not None
        assert body == {"type": "transaction.success", "timestamp": held["updated_at"], "data": held}
        assert first == f"msg_{held['id']}_success"

        receiver.answer = once_refused
        await here.client.buy("A-2", AT_ONCE)
        await receiver.until(2)

        await receiver.die()
        await here.client.buy("A-3", FAILED)
        taken_back, _ = await here.client.buy("A-4", TAKEN_BACK)

        async def reversed_() -> bool:
            found = await here.client.get("A-4")
            return found is not None and found["status"] == "reversed"

        await until(reversed_, within=20, what="a reversal")

        async def all_tried() -> bool:
            waiting = await here.listed(state="pending")
            return len(waiting) == 4 and all(one["tries"] >= 1 for one in waiting)

        await until(all_tried, within=10, what="a try at each of four")
        waiting = await here.listed(state="pending")
        assert {one["last_error"] for one in waiting} >= {"connect refused (ECONNREFUSED)"}

        await receiver.start()
        receiver.answer = OK

        async def all_there() -> bool:
            return not await here.listed(state="pending")

        await until(all_there, within=30, what="every notification at the receiver")
        states = {one["id"]: one["state"] for one in await here.listed()}
    for got in receiver.got:
        Verifier(secret).verify(got.body, got.headers)
    arrived = messages(receiver)
    assert set(states) == {one for one, _ in arrived}
    assert set(states.values()) == {"delivered"}
    kinds = sorted((body["data"]["ref_id"], body["type"].split(".")[1], body["data"]["status"]) for _, body in arrived)
    assert kinds == [
        ("A-1", "success", "success"),
        ("A-2", "success", "success"),
        ("A-2", "success", "success"),
        ("A-3", "failed", "failed"),
        ("A-4", "reversed", "reversed"),
        ("A-4", "success", "success"),
    ]
    twice = [(one, body) for one, body in arrived if body["data"]["ref_id"] == "A-2"]
    assert twice[0] == twice[1]  # the same id, and the same frozen body
    assert {one for one, _ in arrived if taken_back["id"] in one} == {
        f"msg_{taken_back['id']}_success",
        f"msg_{taken_back['id']}_reversed",
    }


@pytest.mark.parametrize("passage", [1, 2])
async def test_killed_before_a_notification_leaves_it_is_delivered_after_the_restart(
    placed: Placed, receiver: Any, secret: str, passage: int
) -> None:
    async with placed() as site, site.client() as client:
        async with site.running("--crash", f"before_notification:{passage}", command=LAUNCHER) as child:
            for number in range(passage):
                with contextlib.suppress(Exception):  # the last one kills whoever answers it
                    await client.post(f"A-{number}", AT_ONCE)
            assert await child.ended(20) == -signal.SIGKILL
        assert len(receiver.got) < passage
        async with site.running():
            await receiver.until(passage)
    assert len({one for one, _ in messages(receiver)}) == passage
    for got in receiver.got:
        Verifier(secret).verify(got.body, got.headers)


async def test_killed_between_the_receivers_answer_and_its_note_it_is_delivered_again_with_the_same_id(
    placed: Placed, receiver: Any
) -> None:
    """At least once: why receivers must look at the id."""
    async with placed() as site, site.client() as client:
        async with site.running() as child:

            def answer_and_kill(_: Any) -> bytes:
                child.send(signal.SIGKILL)
                return OK

            receiver.answer = answer_and_kill
            with contextlib.suppress(Exception):
                await client.post("A-1", AT_ONCE)
            assert await child.ended(20) == -signal.SIGKILL
        receiver.answer = OK
        async with site.running():
            await receiver.until(2)
    first, second = messages(receiver)
    assert first == second


async def test_operators_list_resend_and_open_a_disabled_receiver(placed: Placed, receiver: Any, secret: str) -> None:
    receiver.answer = b"HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\nbye\n"
    async with placed() as site, opened(site) as here:
        await here.client.buy("A-1", AT_ONCE)
        await receiver.until(1)

        async def disabled() -> bool:
            return bool(await here.listed(state="dead"))

        await until(disabled, within=5, what="a dead notification")
        await here.client.buy("A-2", AT_ONCE)
        second = await here.client.settled("A-2")
        [dead] = await here.listed(state="dead", client=CLIENT)
        assert (dead["tries"], dead["last_error"], dead["event"]) == (1, "status 410: bye", "transaction.success")
        [waiting] = await here.listed(state="pending")
        assert waiting["transaction"] == second["id"]
        assert await here.listed(transaction=second["id"]) == [waiting]
        assert await here.listed(client="nobody") == []
        _, page = await here.admin("GET", "/admin/webhooks", params={"limit": 1})
        assert [one["id"] for one in page["webhooks"]] == [waiting["id"]]
        assert page["receivers"][0]["state"] == "disabled"
        _, last = await here.admin("GET", "/admin/webhooks", params={"limit": 1, "cursor": page["next_cursor"]})
        assert ([one["id"] for one in last["webhooks"]], last["next_cursor"]) == ([dead["id"]], None)

        receiver.answer = OK
        status, sent = await here.admin("POST", f"/admin/webhooks/{dead['id']}/resend", json={"operator": "Sri"})
        assert (status, sent["state"], sent["tries"]) == (200, "pending", 0)
        await receiver.until(3)
        await until(lambda: _none_pending(here), within=5, what="both delivered")
        _, again = await here.admin("POST", f"/admin/webhooks/{dead['id']}/resend", json={"operator": "Sri"})
        await receiver.until(4)
        assert again["state"] == "pending"
        _, after = await here.admin("GET", "/admin/webhooks")
        for one in (page, last, after):
            views.Webhooks.model_validate(one)
        views.WebhookView.model_validate(sent)
        everything = json.dumps([page, last, sent, after])
    assert [one for one, _ in messages(receiver)].count(dead["id"]) == 3
    lines = [json.loads(line) for line in site.audit.read_text().splitlines()]
    told = [line for line in lines if line["event"].startswith("webhook_")]
    assert [line["event"] for line in told] == ["webhook_disabled", "webhook_resent", "webhook_resent"]
    assert {(line["operator"], line["source"]) for line in told[1:]} == {("Sri", "operator")}
    assert secret not in everything + site.audit.read_text()


async def _none_pending(here: Here) -> bool:
    return not await here.listed(state="pending")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("client=../x", "client"),
        ("transaction=1", "transaction"),
        ("cursor=MTox", "cursor"),
        ("limit=0", "limit"),
        ("colour=red", "colour"),
    ],
)
async def test_a_filter_that_cannot_be_right_is_refused(placed: Placed, query: str, field: str) -> None:
    async with placed() as site, opened(site) as here:
        status, problem = await here.admin("GET", f"/admin/webhooks?{query}")
    assert (status, problem["field"]) == (400, field)


async def test_a_notification_does_not_wait_for_the_next_sweep(
    placed: Placed, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def finds_nothing(_: Deliverer) -> None: ...

    monkeypatch.setattr(Deliverer, "sweep", finds_nothing)
    async with placed() as site, opened(site) as here:
        await here.client.buy("A-1", AT_ONCE)
        await receiver.until(1)


async def test_what_cannot_be_sent_again_says_why(placed: Placed, receiver: Any) -> None:
    async with placed() as site, opened(site) as here:
        await here.client.buy("A-1", AT_ONCE)
        await receiver.until(1)
        [one] = await here.listed()
        for unknown in ("msg_000000000000000001_success", "x", "msg_%00"):
            status, problem = await here.admin("POST", f"/admin/webhooks/{unknown}/resend", json={"operator": "Sri"})
            assert (status, problem["code"]) == (404, "not_found")
        status, problem = await here.admin("POST", f"/admin/webhooks/{one['id']}/resend", json={})
        assert (status, problem["field"]) == (400, "operator")
        configuration = json.loads(site.config.read_text())
        del configuration["clients"][0]["webhook"]
        site.config.write_text(json.dumps(configuration))
        await here.gateway.reload()
        status, problem = await here.admin("POST", f"/admin/webhooks/{one['id']}/resend", json={"operator": "Sri"})
        assert (status, problem["code"]) == (409, "cannot_resend")
    assert len(receiver.got) == 1


async def test_a_secret_is_rotated_by_a_reload(placed: Placed, receiver: Any, secret: str) -> None:
    async with placed() as site, opened(site) as here:
        for number, secrets in enumerate(([secret], [NEXT_SECRET, secret], [NEXT_SECRET])):
            configuration = json.loads(site.config.read_text())
            configuration["clients"][0]["webhook"]["secret"] = secrets
            site.config.write_text(json.dumps(configuration))
            await here.gateway.reload()
            await here.client.buy(f"A-{number}", AT_ONCE)
            await receiver.until(number + 1)
            got = receiver.got[-1]
            assert len(got.headers["webhook-signature"].split()) == len(secrets)
            for one in secrets:
                Verifier(one).verify(got.body, got.headers)


async def test_a_webhook_inside_is_refused_unless_the_configuration_allows_it(placed: Placed, receiver: Any) -> None:
    url = receiver.url.replace("127.0.0.1", "localhost")
    async with placed(url=url, allow_networks=[]) as site, opened(site) as here:
        await here.client.buy("A-1", AT_ONCE)

        async def tried() -> bool:
            return any(one["tries"] for one in await here.listed())

        await until(tried, within=5, what="a first try")
        [one] = await here.listed()
    assert receiver.connections == 0
    assert one["state"] == "pending"
    assert one["last_error"].startswith("address refused: ")
