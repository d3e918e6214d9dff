"""The description is whole, true, and readable without the internet."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.app import running
from gateway.core.outcome import ReasonCode
from gateway.core.transaction import AttemptState, Reason
from gateway.core.view import transaction_view
from gateway.http import views
from gateway.http.admin import operator_view
from gateway.http.description import describe
from gateway.http.operation import OPERATIONS
from gateway.http.problems import ProblemError
from gateway.http.routes import Route, Who
from gateway.http.server import ADMIN_ROUTES, API_ROUTES
from gateway.plugins import load_plugins
from gateway.settings.types import Settings

SIDES = {"api": API_ROUTES, "admin": ADMIN_ROUTES}


@pytest.mark.parametrize("side", SIDES)
async def test_every_route_of_a_port_is_described_there_and_nothing_else(gateway: Any, side: str) -> None:
    answer = await (
        gateway.call("GET", "/openapi.json", client=None) if side == "api" else gateway.operate("GET", "/openapi.json")
    )
    assert answer.json["openapi"] == "3.1.0"
    described = {(method.upper(), path) for path, methods in answer.json["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in SIDES[side]}


def test_a_route_without_a_description_is_refused_and_none_is_described_that_is_not_there() -> None:
    async def handler(_: Any) -> Any: ...

    with pytest.raises(LookupError, match=r"does not describe GET /v1/new"):
        describe([Route("GET", "/v1/new", handler, Who.CLIENT)], "title")
    assert set(OPERATIONS) == {(route.method, route.path) for routes in SIDES.values() for route in routes}


@pytest.mark.parametrize("routes", SIDES.values(), ids=SIDES)
def test_every_reference_leads_somewhere_and_no_name_is_there_twice(routes: tuple[Route, ...]) -> None:
    text = describe(routes, "title")
    schemas = orjson.loads(text)["components"]["schemas"]
    assert {name.decode() for name in re.findall(rb'"#/components/schemas/([^"]+)"', text)} == set(schemas)
    names = re.findall(rb'"operationId":"([^"]+)"', text)
    assert len(names) == len(set(names)) == len(routes)


def test_what_a_purchase_may_be_answered_is_all_described() -> None:
    responses = orjson.loads(describe(API_ROUTES, ""))["paths"]["/v1/transactions"]["post"]["responses"]
    assert {int(status) for status in responses} == {200, 201, 400, 401, 403, 404, 408, 409, 413, 415, 429, 500, 503}


async def test_the_headers_of_an_answer_are_those_that_are_described(open_gateway: Any) -> None:
    gateway = await open_gateway(shop={"rate": {"per_second": 0.01, "burst": 3}})
    responses = orjson.loads(describe(API_ROUTES, ""))["paths"]["/v1/transactions"]["post"]["responses"]
    named = {name for response in responses.values() for name in response["headers"]}
    answers = [
        await gateway.buy(ref_id="A-1", headers={"Prefer": "wait=0"}),
        await gateway.buy(ref_id="A-1", headers={"Prefer": "wait=0"}),
        await gateway.buy(client=None, ref_id="A-2"),
        await gateway.buy(ref_id="A-1", product="S10"),
        await gateway.buy(ref_id="A-3"),
    ]
    assert [answer.status for answer in answers] == [201, 200, 401, 409, 429]
    for answer in answers:
        described = set(responses[str(answer.status)]["headers"])
        assert {name for name in named if name in answer.headers} == described, answer.status


async def test_the_types_are_those_of_what_is_answered(gateway: Any, an_attempt: AttemptState) -> None:
    await gateway.buy(ref_id="A-1")
    (row,) = gateway.engine.ledger.rows.values()
    row = replace(row, attempts=(an_attempt,), reason=Reason(ReasonCode.NO_ROUTE, "none"), bill={"name": "BUDI"})
    views.TransactionView.model_validate(transaction_view(row))
    views.OperatorTransactionView.model_validate(operator_view(row))
    views.Problem.model_validate(ProblemError("invalid_request", "x", field="y", errors=[]).document())


async def test_the_page_asks_nobody_else_for_anything(gateway: Any) -> None:
    page = await gateway.call("GET", "/docs", client=None)
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {"/docs/docs.css", "/docs/docs.js"} < set(parts)
    for part in parts:
        assert part.startswith(("/", "#"))
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert not re.search(r"<script(?![^>]*src)|style=|\son\w+=", page.text), "the policy would refuse it"
    for name, media in (("docs.css", "text/css"), ("docs.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        part = await gateway.call("GET", f"/docs/{name}", client=None)
        assert part.headers["Content-Type"].startswith(media)
        if name == "icon.svg":
            continue  # the name of its format holds an address that nobody asks
        assert "//" not in re.sub(r"^\s*//.*$", "", part.text, flags=re.MULTILINE)
        assert "innerHTML" not in part.text
    for name in ("docs.html", "nothing", "..%2Fadmin.py", "%2Fetc%2Fpasswd"):
        assert (await gateway.call("GET", f"/docs/{name}", client=None)).status == 404


@asynccontextmanager
async def real_gateway(folder: Path) -> AsyncIterator[Any]:
    """The whole gateway with SQLite. Its supplier refuses every connection."""
    settings = Settings.model_validate(
        {
            "server": {"port": 0, "admin_port": 0},
            "ledger": {"url": f"sqlite:///{folder / 'gateway.db'}"},
            "audit": {"path": str(folder / "audit.jsonl")},
            "clients": [{"id": "shop", "key_hash": "sha256:" + hashlib.sha256(b"key").hexdigest()}],
            "products": [{"code": "XL5", "routes": [{"provider": "none", "code": "X5", "price": 5400}]}],
            "routing": {"deadline": "2s"},
        }
    )
    async with running(settings, load_plugins([]), config_path=folder / "gateway.yaml") as gateway:
        yield gateway


CANNOT_BE_SAID = "positive_data_acceptance"
"""A schema cannot say that a cursor must be one that was given out, or that ref_id takes no filter beside it."""


@pytest.mark.parametrize("side", SIDES)
async def test_schemathesis_finds_nothing(tmp_path: Path, side: str) -> None:
    """`checks.md` C35, against a running gateway. The stream of events has no end and is left to `test_streams`."""
    async with real_gateway(tmp_path) as gateway:
        port = gateway.api_port if side == "api" else gateway.admin_port
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"http://127.0.0.1:{port}/openapi.json",
            "--header", "Authorization: Bearer key", "--exclude-checks", CANNOT_BE_SAID, "--seed", "1",
            "--max-examples", "4", "--continue-on-failure", "--no-color", "--warnings", "off",
        ]  # fmt: skip
        if side == "api":
            command += ["--exclude-path", "/v1/events"]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(60):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    text = output.decode()
    assert process.returncode == 0, text
    tried = re.search(r"(\d+) generated", text)
    assert tried is not None, text
    assert int(tried[1]) > 200, text
