"""Buying and looking at what was bought: `contract.md` §5."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest

PROBLEM = "application/problem+json"


async def test_a_purchase_is_answered_201_with_the_transaction_and_where_it_is(gateway: Any) -> None:
    answer = await gateway.buy(qty=1, max_price=6000)
    assert answer.status == 201
    assert answer.headers["Location"] == f"/v1/transactions/{answer.json['id']}"
    assert "Idempotent-Replayed" not in answer.headers
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["status"] == "pending"
    assert {"ref_id": "A-1", "product": "XL5", "dest": "081712345678", "qty": 1}.items() <= answer.json.items()
    again = await gateway.call("GET", answer.headers["Location"])
    assert (again.status, again.json) == (200, answer.json)


async def test_the_same_ref_id_and_body_again_is_answered_200_and_says_so(gateway: Any) -> None:
    first = await gateway.buy()
    second = await gateway.buy(qty=1, max_price=None)
    assert second.status == 200
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Location" not in second.headers
    assert second.json == first.json
    assert len(gateway.engine.ledger.rows) == 1


async def test_how_long_a_new_purchase_took_to_be_stored_is_counted_once(gateway: Any) -> None:
    gateway.engine.ledger.full = True
    await gateway.buy()
    gateway.engine.ledger.full = False
    await gateway.buy(product="XL6")
    assert gateway.metrics.acceptances == []
    await gateway.buy(headers={"Prefer": "wait=1"})
    await gateway.buy()
    (seconds,) = gateway.metrics.acceptances
    assert 0 < seconds < 0.9, "what the client waits for is not in it"


async def test_fifty_at_once_are_one_purchase(gateway: Any) -> None:
    answers = await asyncio.gather(*(gateway.buy() for _ in range(50)))
    assert sorted(answer.status for answer in answers) == [200] * 49 + [201]
    assert len({answer.json["id"] for answer in answers}) == 1


async def test_the_same_ref_id_with_another_body_is_a_conflict(gateway: Any) -> None:
    await gateway.buy()
    answer = await gateway.buy(dest="081700000000")
    assert (answer.status, answer.json["code"], answer.json["field"]) == (409, "ref_id_conflict", "ref_id")
    assert "081712345678" not in answer.text


async def test_clients_ref_ids_are_apart(gateway: Any) -> None:
    mine = await gateway.buy()
    theirs = await gateway.buy(client="other", dest="081700000000")
    assert (mine.status, theirs.status) == (201, 201)
    assert mine.json["id"] != theirs.json["id"]


async def test_another_clients_transaction_looks_like_none(gateway: Any) -> None:
    mine = (await gateway.buy()).json["id"]
    nobodys = await gateway.call("GET", "/v1/transactions/999999999999999999", client="other")
    for path in (f"/v1/transactions/{mine}", f"/v1/transactions/{mine}/events", "/v1/transactions?ref_id=A-1"):
        answer = await gateway.call("GET", path, client="other")
        assert (answer.status, answer.text) == (404, nobodys.text)
    listed = await gateway.call("GET", "/v1/transactions", client="other")
    assert listed.json == {"transactions": [], "next_cursor": None}


@pytest.mark.parametrize("transaction_id", ["0", "abc", "1" * 17, "1" * 19, "1" * 40, "٣", "-1", "%00", "1%0a"])
async def test_what_cannot_be_an_id_is_not_found(gateway: Any, transaction_id: str) -> None:
    assert (await gateway.call("GET", f"/v1/transactions/{transaction_id}")).status == 404


async def test_an_unknown_product_is_404_and_a_wrong_destination_names_its_field(gateway: Any) -> None:
    unknown = await gateway.buy(product="NOPE")
    assert (unknown.status, unknown.json["code"]) == (404, "unknown_product")
    wrong = await gateway.buy(dest="٠٨١٧")
    assert (wrong.status, wrong.json["code"], wrong.json["field"]) == (400, "invalid_request", "dest")


async def test_a_ledger_that_cannot_be_written_is_503_with_when_to_come_again(gateway: Any) -> None:
    gateway.engine.ledger.full = True
    answer = await gateway.buy()
    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "unavailable", "7")


async def test_a_ledger_that_cannot_be_read_is_503_and_tells_nothing_of_itself(gateway: Any) -> None:
    gateway.engine.ledger.down = True
    answer = await gateway.call("GET", "/v1/transactions?ref_id=A-1")
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert "Retry-After" in answer.headers
    assert "canary" not in answer.text


async def test_a_draining_gateway_takes_nothing(gateway: Any) -> None:
    gateway.engine.draining = True
    answer = await gateway.buy()
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert "Retry-After" in answer.headers


async def test_prefer_wait_holds_the_answer_until_it_is_final(gateway: Any) -> None:
    answer = await gateway.buy(headers={"Prefer": "respond-async, wait=10"})
    assert (answer.status, answer.json["status"]) == (201, "success")
    assert answer.headers["Preference-Applied"] == "wait=10"
    assert gateway.engine.waits == [10]
    again = await gateway.buy(headers={"Prefer": "wait=10"})
    assert (again.status, again.json["status"]) == (200, "success")
    assert gateway.engine.waits == [10], "a final transaction is not waited for"


async def test_without_a_usable_preference_nothing_is_waited_for(gateway: Any) -> None:
    answer = await gateway.buy(headers={"Prefer": "wait=soon"})
    assert answer.status == 201
    assert "Preference-Applied" not in answer.headers
    assert gateway.engine.waits == []


async def test_a_refused_purchase_does_not_wait(gateway: Any) -> None:
    answer = await gateway.buy(product="NOPE", headers={"Prefer": "wait=60"})
    assert answer.status == 404
    assert gateway.engine.waits == []


async def test_a_client_that_hangs_up_cancels_nothing(gateway: Any, keys: dict[str, str]) -> None:
    gateway.engine.hold = asyncio.Event()
    body = b'{"ref_id":"A-1","product":"XL5","dest":"081712345678"}'
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    writer.write(
        b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (keys["shop"].encode(), len(body), body)
    )
    await asyncio.wait_for(gateway.engine.accepted.wait(), 5)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()  # with a reset: an end alone could be that of one who still listens
    await gateway.until(lambda: gateway.connections[0].transport is None)
    gateway.engine.hold.set()
    await gateway.until(lambda: bool(gateway.metrics.requests))
    assert gateway.metrics.requests == [("/v1/transactions", 201)], "the handler ran to its end"


async def test_one_transaction_is_found_by_its_ref_id(gateway: Any) -> None:
    bought = await gateway.buy(ref_id="A/1?&+")
    answer = await gateway.call("GET", "/v1/transactions", params={"ref_id": "A/1?&+"})
    assert (answer.status, answer.json) == (200, bought.json)
    assert (await gateway.call("GET", "/v1/transactions?ref_id=nothing")).status == 404
    both = await gateway.call("GET", "/v1/transactions?ref_id=A-1&status=failed")
    assert (both.status, both.json["field"]) == (400, "ref_id")


async def test_pages_come_newest_first_and_end(gateway: Any) -> None:
    for number in range(5):
        await gateway.buy(ref_id=f"A-{number}")
        await gateway.buy(client="other", ref_id=f"A-{number}")
    seen: list[str] = []
    cursor: str | None = None
    pages = 0
    while True:
        query = {"limit": "2", **({} if cursor is None else {"cursor": cursor})}
        page = await gateway.call("GET", "/v1/transactions", params=query)
        assert page.status == 200
        seen.extend(one["ref_id"] for one in page.json["transactions"])
        pages += 1
        cursor = page.json["next_cursor"]
        if cursor is None:
            break
    assert seen == ["A-4", "A-3", "A-2", "A-1", "A-0"]
    assert pages == 3


async def test_a_page_that_ends_the_list_exactly_has_no_next(gateway: Any) -> None:
    for number in range(2):
        await gateway.buy(ref_id=f"A-{number}")
    page = await gateway.call("GET", "/v1/transactions?limit=2")
    assert len(page.json["transactions"]) == 2
    assert page.json["next_cursor"] is None


async def test_filters_choose(gateway: Any) -> None:
    await gateway.buy(ref_id="A-1")
    await gateway.buy(ref_id="A-2", dest="081700000000", headers={"Prefer": "wait=1"})

    async def refs(query: str) -> list[str]:
        answer = await gateway.call("GET", f"/v1/transactions?{query}")
        assert answer.status == 200, answer.text
        return [one["ref_id"] for one in answer.json["transactions"]]

    assert await refs("status=success") == ["A-2"]
    assert await refs("dest=081712345678") == ["A-1"]
    assert await refs("product=XL5") == ["A-2", "A-1"]
    assert await refs("from=2026-11-23T10:02:00Z") == ["A-2"]
    assert await refs("to=2026-11-23T17:02:00%2B07:00") == ["A-1"]
    assert await refs("to=2026-11-23T17:02:00+07:00") == ["A-1"], "a + that was not encoded is understood"


async def test_an_order_with_a_parameter_is_refused_and_nothing_is_bought(gateway: Any) -> None:
    body = {"ref_id": "A-1", "product": "XL5", "dest": "081712345678"}
    answer = await gateway.call("POST", "/v1/transactions?wait=30", json=body)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_request", "wait")
    assert gateway.engine.ledger.rows == {}
    assert (await gateway.call("POST", "/v1/transactions?", json=body)).status == 201


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("081712345678", ("%2B6281712345678", "+6281712345678", "6281712345678", "62817-1234-5678", "0817-1234-5678")),
        ("6281234567890", ("6281234567890", "6281-2345-67890")),
        ("512345678901", ("5123-4567-8901", "5123 4567 8901")),
        ("+6281712345678", ("%2B6281712345678", "+6281712345678")),
        ("a+b@c.id", ("a%2Bb@c.id",)),
    ],
    ids=["mobile number", "meter that begins as a mobile number", "meter", "free text that is a number", "free text"],
)
async def test_a_destination_is_found_however_it_is_written(
    gateway: Any, stored: str, written: tuple[str, ...]
) -> None:
    await gateway.buy(ref_id="other", dest="081700000000")
    await gateway.buy(ref_id="wanted", dest=stored)
    for one in written:
        answer = await gateway.call("GET", f"/v1/transactions?dest={one}")
        assert [found["ref_id"] for found in answer.json["transactions"]] == ["wanted"], one
        answer = await gateway.operate("GET", f"/admin/transactions?dest={one}")
        assert [found["ref_id"] for found in answer.json["transactions"]] == ["wanted"], one


async def test_pages_of_a_destination_that_is_stored_in_two_ways_hold_each_purchase_once(gateway: Any) -> None:
    for number in range(9):
        await gateway.buy(ref_id=f"A-{number}", dest=("6281712345678", "081712345678", "0811111111")[number % 3])
    found: list[str] = []
    cursor = ""
    while True:
        page = (await gateway.call("GET", f"/v1/transactions?dest=6281712345678&limit=4{cursor}")).json
        found += [one["ref_id"] for one in page["transactions"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == ["A-7", "A-6", "A-4", "A-3", "A-1", "A-0"]


async def test_a_moment_may_have_nanoseconds(gateway: Any) -> None:
    await gateway.buy()  # at 10:01:00.000000

    async def count(query: str) -> int:
        answer = await gateway.call("GET", f"/v1/transactions?{query}")
        assert answer.status == 200, answer.text
        return len(answer.json["transactions"])

    assert await count("from=2026-11-23T10:01:00.000000000Z") == 1
    assert await count("from=2026-11-23T10:01:00.000000001Z") == 0
    assert await count("from=2026-11-23T10:00:59.9999999999Z") == 1
    assert await count("to=2026-11-23T10:01:00.000000000Z") == 0
    assert await count("to=2026-11-23T10:01:00.000000001Z") == 1
    assert await count("to=2026-11-23T10:01:00.5Z") == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("stauts=failed", "stauts"),
        ("status=done", "status"),
        ("status=failed&status=success", "status"),
        ("status=", "status"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=1e2", "limit"),
        ("limit=%D9%A3", "limit"),
        ("limit=", "limit"),
        ("cursor=abc", "cursor"),
        ("cursor=!!!!", "cursor"),
        ("cursor=%C3%BC", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=MTo1", "cursor"),
        ("cursor=MjowMDAwMDAwMDAwMDAwMDAwMDE", "cursor"),
        ("from=yesterday", "from"),
        ("from=2026-11-23", "from"),
        ("from=2026-11-23T10:00:00", "from"),
        ("to=2026-13-23T10:00:00Z", "to"),
        ("to=0001-01-01T00:00:00%2B14:00", "to"),
        ("to=9999-12-31T23:59:59-14:00", "to"),
        ("to=9999-12-31T23:59:59.9999999Z", "to"),
        ("dest=%00", "dest"),
        ("product=%ff", "product"),
        ("%00=1", "\\x00"),
    ],
)
async def test_a_query_that_cannot_be_meant_names_its_parameter(gateway: Any, query: str, field: str) -> None:
    answer = await gateway.call("GET", f"/v1/transactions?{query}")
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_request", field)
    assert answer.headers["Content-Type"] == PROBLEM


async def test_events_come_in_order_with_their_number(gateway: Any) -> None:
    bought = await gateway.buy()
    answer = await gateway.call("GET", f"/v1/transactions/{bought.json['id']}/events")
    assert answer.status == 200
    assert [(one["id"], one["event"]) for one in answer.json["events"]] == [(1, "accepted")]


async def test_products_are_what_the_engine_sells(gateway: Any) -> None:
    answer = await gateway.call("GET", "/v1/products")
    assert (answer.status, answer.json) == (200, {"products": gateway.engine.products()})
    assert (await gateway.call("GET", "/v1/products?page=2")).status == 400
