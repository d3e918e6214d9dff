"""API keys, and from where they may be used."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from gateway.http.authentication import Authentication, WrongKeys
from gateway.http.client_address import parse_address
from gateway.http.problems import ProblemError
from tests.http.memory import hashed


async def get(gateway: Any, authorization: str | None, **headers: str) -> Any:
    sent = dict(headers) if authorization is None else {"Authorization": authorization, **headers}
    return await gateway.call("GET", "/v1/products", client=None, headers=sent)


async def test_every_key_of_a_client_opens(gateway: Any, keys: dict[str, str]) -> None:
    assert (await get(gateway, f"Bearer {keys['shop']}")).status == 200
    assert (await get(gateway, "bearer shop-key-of-last-year")).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer shop-key-0123456789 x",
        "Bearer shop-key-012345678",
        "Bearer shop-key-01234567890",
        "Bearer\tshop-key-0123456789",
        "Basic shop-key-0123456789",
        "shop-key-0123456789",
        "Bearer " + "x" * 4000,
        "Bearer shop-key-0123456789, Bearer shop-key-0123456789",
        'Bearer "shop-key-0123456789"',
    ],
)
async def test_anything_else_is_401_with_a_challenge(gateway: Any, authorization: str | None) -> None:
    answer = await get(gateway, authorization)
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="pulsa-gateway"')
    assert "shop-key" not in answer.text


async def test_bytes_that_are_not_text_are_401(gateway: Any) -> None:
    answer = await gateway.raw(
        b"GET /v1/products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_two_authorization_lines_are_401(gateway: Any, keys: dict[str, str]) -> None:
    line = f"Authorization: Bearer {keys['shop']}\r\n".encode()
    request = b"GET /v1/products HTTP/1.1\r\nHost: x\r\n%bConnection: close\r\n\r\n"
    assert (await gateway.raw(request % line)).startswith(b"HTTP/1.1 200 ")
    assert (await gateway.raw(request % (line * 2))).startswith(b"HTTP/1.1 401 ")


async def test_a_key_in_the_query_opens_nothing(gateway: Any, keys: dict[str, str]) -> None:
    answer = await gateway.call("GET", f"/v1/products?key={keys['shop']}", client=None)
    assert answer.status == 401
    assert keys["shop"] not in answer.text


async def test_a_key_from_another_place_is_403(gateway: Any, keys: dict[str, str]) -> None:
    assert (await get(gateway, f"Bearer {keys['other']}")).status == 200
    answer = await get(gateway, f"Bearer {keys['far']}")
    assert (answer.status, answer.json["code"]) == (403, "address_not_allowed")
    lied = await get(gateway, f"Bearer {keys['far']}", **{"X-Forwarded-For": "203.0.113.9"})
    assert lied.status == 403, "nobody said that the other side is a proxy of ours"


async def test_behind_a_trusted_proxy_the_clients_address_counts(open_gateway: Any, keys: dict[str, str]) -> None:
    gateway = await open_gateway(trusted_proxies=["127.0.0.1"])
    far = f"Bearer {keys['far']}"
    assert (await get(gateway, far, **{"X-Forwarded-For": "1.1.1.1, 203.0.113.9"})).status == 200
    assert (await get(gateway, far, **{"X-Forwarded-For": "203.0.113.9, 1.1.1.1"})).status == 403
    assert (await get(gateway, far)).status == 403


async def test_one_who_tries_keys_is_told_to_stop_and_a_right_key_still_opens(
    gateway: Any, keys: dict[str, str]
) -> None:
    answers = [await get(gateway, f"Bearer guess-{number}") for number in range(22)]
    assert [answer.status for answer in answers] == [401] * 20 + [429] * 2
    assert answers[-1].json["code"] == "rate_limited"
    wait = int(answers[-1].headers["Retry-After"])
    assert 1 <= wait <= 61
    assert answers[-1].headers["RateLimit-Policy"] == '"wrong_keys";q=20;w=60'
    assert answers[-1].headers["RateLimit"] == f'"wrong_keys";r=0;t={wait}'
    assert answers[-1].json["violated-policies"] == ["wrong_keys"]
    assert (await get(gateway, f"Bearer {keys['shop']}")).status == 200


async def test_refusals_are_written_down_without_the_key(gateway: Any) -> None:
    await get(gateway, "Bearer canary-key")
    assert gateway.audit.lines == [("client_refused", {"address": "127.0.0.1", "why": "unauthorized"})]


async def test_the_audit_log_says_which_of_its_keys_a_client_ordered_with(gateway: Any, keys: dict[str, str]) -> None:
    for number, key in enumerate((keys["shop"], "shop-key-of-last-year")):
        for _ in ("new", "repeated"):
            await gateway.buy(ref_id=f"A-{number}", headers={"Authorization": f"Bearer {key}"})
    ordered = [fields for event, fields in gateway.audit.lines if event == "ordered"]
    assert [(one["ref_id"], one["client"], one["source"], one["address"]) for one in ordered] == [
        ("A-0", "shop", "client", "127.0.0.1"),
        ("A-1", "shop", "client", "127.0.0.1"),
    ]
    assert [one["key"] for one in ordered] == [hashed(keys["shop"])[:19], hashed("shop-key-of-last-year")[:19]]
    assert ordered[0]["transaction"] in gateway.engine.ledger.rows


async def test_a_key_that_is_used_from_elsewhere_is_named_in_the_audit_log(gateway: Any, keys: dict[str, str]) -> None:
    await get(gateway, f"Bearer {keys['far']}")
    refused = {"why": "address_not_allowed", "client": "far", "key": hashed(keys["far"])[:19]}
    assert gateway.audit.lines == [("client_refused", {"address": "127.0.0.1", **refused})]


async def test_a_reload_exchanges_the_keys(gateway: Any, keys: dict[str, str]) -> None:
    assert (await get(gateway, f"Bearer {keys['other']}")).status == 200
    old = gateway.engine.settings
    gateway.engine.settings = old.model_copy(update={"clients": old.clients[:1]})
    assert (await get(gateway, f"Bearer {keys['other']}")).status == 401
    assert (await get(gateway, f"Bearer {keys['shop']}")).status == 200


def test_a_minute_later_wrong_keys_are_401_again() -> None:
    wrong = WrongKeys(limit=2, window=60.0)
    here = parse_address("192.0.2.1")
    assert [wrong.count(here, now) for now in (0.0, 1.0, 2.0, 59.0)] == [None, None, 59, 2]
    assert wrong.count(here, 60.0) is None


def test_addresses_are_counted_apart_and_an_ipv6_network_together() -> None:
    wrong = WrongKeys(limit=1)
    assert wrong.count(parse_address("192.0.2.1"), 0.0) is None
    assert wrong.count(parse_address("192.0.2.2"), 0.0) is None
    assert wrong.count(parse_address("2001:db8::1"), 0.0) is None
    assert wrong.count(parse_address("2001:db8::ffff"), 0.0) is not None
    assert wrong.count(parse_address("2001:db8:0:1::1"), 0.0) is None
    assert wrong.count(None, 0.0) is None
    assert wrong.count(None, 0.0) is not None


def test_memory_is_bounded() -> None:
    wrong = WrongKeys(limit=1, most=100)
    for number in range(1000):
        wrong.count(ipaddress.ip_address(number), 0.0)
    assert len(wrong) == 100


def test_no_client_at_all_opens_nothing() -> None:
    with pytest.raises(ProblemError):
        Authentication().caller(["Bearer x"], (), lambda: None, 0.0)
