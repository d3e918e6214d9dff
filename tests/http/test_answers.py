"""What every answer has in common: an id, a form for refusals, headers, and a line in the metrics."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import pytest

from gateway.http.problems import PROBLEMS, ProblemError
from gateway.http.request_id import request_id
from gateway.http.server import ADMIN_ROUTES, API_ROUTES


def test_no_route_is_there_twice() -> None:
    for routes in (API_ROUTES, ADMIN_ROUTES):
        places = [(route.method, route.path) for route in routes]
        assert len(places) == len(set(places))


@pytest.mark.parametrize(
    ("method", "path", "client", "status"),
    [
        ("GET", "/v1/products", "shop", 200),
        ("HEAD", "/v1/products", "shop", 200),
        ("GET", "/v1/products", None, 401),
        ("GET", "/nowhere", None, 404),
        ("GET", "/", None, 404),
        ("DELETE", "/v1/transactions", None, 405),
        ("OPTIONS", "/v1/transactions", None, 204),
        ("GET", "/reports/open", None, 200),
        ("GET", "/reports/nobody", None, 403),
        ("POST", "/v1/transactions", "shop", 415),
    ],
)
async def test_every_answer_has_an_id_and_the_same_protection(
    gateway: Any, method: str, path: str, client: str | None, status: int
) -> None:
    answer = await gateway.call(method, path, client=client)
    assert answer.status == status
    assert re.fullmatch(r"[0-9a-f-]{10,40}", answer.headers["X-Request-ID"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Server"] == "pulsa-gateway"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_ids_differ(gateway: Any) -> None:
    answers = await asyncio.gather(*(gateway.call("GET", "/v1/products") for _ in range(20)))
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 20


@pytest.mark.parametrize("given", ["abc-123", "!~", "x" * 64, "{json:1}"])
async def test_a_clients_own_id_is_kept(gateway: Any, given: str) -> None:
    for path in ("/v1/products", "/nowhere"):
        answer = await gateway.call("GET", path, headers={"X-Request-ID": given})
        assert answer.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "ü", "a\x7f", "\u2028", "a\nb", "a\n"])
def test_an_id_that_could_forge_a_log_line_is_not_taken(given: str) -> None:
    assert request_id(given) != given


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_problem_says_what_rfc_9457_asks_for(code: str) -> None:
    document = ProblemError(code, "so it is").document()
    assert document == {
        "type": f"urn:pulsa-gateway:problem:{code}",
        "title": PROBLEMS[code][1],
        "status": PROBLEMS[code][0],
        "detail": "so it is",
        "code": code,
    }


async def test_another_method_is_405_and_tells_which_are_taken(gateway: Any) -> None:
    answer = await gateway.call("DELETE", "/v1/transactions", client=None)
    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    options = await gateway.call("OPTIONS", "/v1/transactions", client=None)
    assert (options.status, options.text) == (204, "")
    assert set(options.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


async def test_an_unexpected_error_is_500_and_tells_only_its_id(gateway: Any, caplog: pytest.LogCaptureFixture) -> None:
    gateway.engine.broken = RuntimeError("canary in the works")
    with caplog.at_level(logging.ERROR, "gateway.http"):
        answer = await gateway.buy(headers={"X-Request-ID": "mine-1"})
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert "canary" not in answer.text
    assert "mine-1" in answer.json["detail"]
    (record,) = caplog.records
    assert "mine-1" in record.getMessage()
    assert record.exc_info is not None


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(), KeyError("x")])
async def test_no_error_of_the_engine_passes_for_something_else(gateway: Any, error: Exception) -> None:
    gateway.engine.broken = error
    assert (await gateway.buy()).status == 500


async def test_requests_are_counted_by_template_and_status(gateway: Any) -> None:
    bought = (await gateway.buy()).json["id"]
    await gateway.call("GET", f"/v1/transactions/{bought}")
    await gateway.call("HEAD", f"/v1/transactions/{bought}")
    await gateway.call("GET", "/v1/transactions/7")
    await gateway.call("GET", "/v1/transactions/secret-looking-path/x/y")
    await gateway.raw(b"nonsense\r\n\r\n")
    assert gateway.metrics.requests == [
        ("/v1/transactions", 201),
        ("/v1/transactions/{id}", 200),
        ("/v1/transactions/{id}", 200),
        ("/v1/transactions/{id}", 404),
        ("none", 404),
        ("unreadable", 400),
    ]


async def test_what_callers_send_is_in_no_log_and_no_refusal(gateway: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await gateway.call("GET", "/reports/open/canary-path?pin=canary-query", headers={"X-Pin": "canary-header"})
    answer = await gateway.raw(b"GET / HTTP/1.1\r\nHost: x\r\nX-Pin canary-line\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 400 ")
    assert b"canary" not in answer
    written = "\n".join(record.getMessage() + (record.exc_text or "") for record in caplog.records)
    assert "canary" not in written
