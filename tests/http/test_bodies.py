"""What a purchase's body may be: `checks.md` C35 and the limits on size."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.bodies import parse_json
from gateway.http.models import PurchaseBody
from gateway.http.problems import ProblemError

GOOD = {"ref_id": "A-1", "product": "XL5", "dest": "081712345678"}


async def post(gateway: Any, body: bytes | str, content_type: str | None = "application/json", **headers: str) -> Any:
    sent = {**({} if content_type is None else {"Content-Type": content_type}), **headers}
    return await gateway.call("POST", "/v1/transactions", data=body, headers=sent, skip_auto_headers=["Content-Type"])


def text(**fields: Any) -> str:
    return json.dumps({**GOOD, **fields})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (text(ref_id=""), "ref_id"),
        (text(ref_id="x" * 65), "ref_id"),
        (text(ref_id="a b"), "ref_id"),
        (text(ref_id="a\n"), "ref_id"),
        (text(ref_id="A\u0000"), "ref_id"),
        (text(ref_id="Ａ"), "ref_id"),
        (text(ref_id=1), "ref_id"),
        (text(ref_id=None), "ref_id"),
        (text(ref_id=["A"]), "ref_id"),
        (text(product=5), "product"),
        (text(product=""), "product"),
        (text(product="\ud800"), "product"),
        (text(dest=81712345678), "dest"),
        (text(dest=""), "dest"),
        (text(dest="0" * 101), "dest"),
        (text(dest="\udfff"), "dest"),
        (text(dest={"a": 1}), "dest"),
        (text(qty="1"), "qty"),
        (text(qty=1.0), "qty"),
        (text(qty=1.5), "qty"),
        (text(qty=True), "qty"),
        (text(qty=0), "qty"),
        (text(qty=-1), "qty"),
        (text(qty=None), "qty"),
        (text(qty=10**15 + 1), "qty"),
        (text(qty=2**64), "qty"),
        (text(qty=10**400), "qty"),
        (text(max_price=-1), "max_price"),
        (text(max_price="5000"), "max_price"),
        (text(max_price=5000.0), "max_price"),
        (text(max_price=False), "max_price"),
        (text(max_price=10**30), "max_price"),
        (text(price=1), "price"),
        (text(Ref_ID="A-1"), "Ref_ID"),
        (text(**{"": 1}), ""),
        ('{"ref_id":"A-1","product":"XL5"}', "dest"),
        ("{}", "ref_id"),
        ('{"ref_id":"A-1","ref_id":"A-2","product":"XL5","dest":"081712345678"}', "ref_id"),
        ('{"ref_id":"A-1","product":"XL5","dest":"081712345678","x":{"y":1,"y":1}}', "y"),
        ('{"ref_id":"A-1","product":"XL5","dest":"081712345678","qty":1e0}', "qty"),
        ('{"ref_id":"A-1","product":"XL5","dest":"081712345678","qty":1E400}', "qty"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_stored(gateway: Any, body: str, field: str) -> None:
    answer = await post(gateway, body)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request"), answer.text
    assert answer.json.get("field", "") == field
    assert gateway.engine.ledger.rows == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"null",
        b"[]",
        b'"A-1"',
        b"1",
        b"NaN",
        text(qty=float("nan")).encode(),
        text(qty=float("inf")).encode(),
        text(x=float("-inf")).encode(),
        text().encode()[:-1] + b",}",
        text().encode() + b"x",
        text().encode() + text().encode(),
        b"\xef\xbb\xbf" + text().encode(),
        text().encode("utf-16"),
        b'{"ref_id":"\xff"}',
        b'{"ref_id":"\xed\xa0\x80"}',
        b"[" * 4000,
        b'{"x":' * 650 + b"1" + b"}" * 650,
        b'{"qty":' + b"9" * 4050 + b"}",
        b"// comment\n{}",
        b"{'ref_id':'A-1'}",
        b"ref_id=A-1&product=XL5&dest=081712345678",
        b"\x00",
    ],
)
async def test_what_is_not_json_as_it_should_be_is_400(gateway: Any, body: bytes) -> None:
    answer = await post(gateway, body)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request"), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert gateway.engine.ledger.rows == {}


async def test_every_wrong_field_is_told_at_once(gateway: Any) -> None:
    answer = await post(gateway, '{"ref_id":"","product":1,"qty":"1","extra":[]}')
    assert [error["field"] for error in answer.json["errors"]] == ["ref_id", "product", "dest", "qty", "extra"]
    assert "is required" in answer.text
    assert "is not a field" in answer.text


async def test_what_was_sent_is_not_repeated(gateway: Any) -> None:
    answer = await post(gateway, text(ref_id="canary with spaces", qty="canary"))
    assert answer.status == 400
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ('Application/JSON;charset="UTF-8"', 201),
        ("application/json; charset=latin-1", 415),
        ("application/json-patch+json", 415),
        ("text/json", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
        (None, 415),
    ],
)
async def test_only_json_is_taken(gateway: Any, content_type: str | None, status: int) -> None:
    answer = await post(gateway, text(), content_type)
    assert answer.status == status
    if status == 415:
        assert answer.json["code"] == "unsupported_media_type"


async def test_packed_bodies_are_not_taken(gateway: Any) -> None:
    answer = await post(gateway, text(), **{"Content-Encoding": "gzip"})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")


async def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_413(gateway: Any) -> None:
    body = text().encode()
    fits = body + b" " * (4096 - len(body))
    assert (await post(gateway, fits)).status == 201
    answer = await post(gateway, fits + b" ")
    assert (answer.status, answer.json["code"]) == (413, "payload_too_large")


async def test_a_body_without_a_length_is_cut_at_the_limit(gateway: Any) -> None:
    async def drops() -> Any:
        for _ in range(100):
            yield b" " * 100

    answer = await gateway.call("POST", "/v1/transactions", data=drops(), headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json["code"]) == (413, "payload_too_large")


async def test_a_body_that_comes_in_pieces_is_read_whole(gateway: Any) -> None:
    async def pieces() -> Any:
        for byte in text():
            yield byte.encode()

    answer = await gateway.call("POST", "/v1/transactions", data=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status == 201


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
fields = st.sampled_from(["ref_id", "product", "dest", "qty", "max_price", "x"])


@settings(max_examples=150)
@given(st.dictionaries(fields, json_values | st.sampled_from(["A-1", "1", 1, 1.0, True, 0, 10**15]), max_size=2))
def test_what_is_taken_has_exactly_the_types_that_it_says(changed: dict[str, Any]) -> None:
    value = {**GOOD, **changed}
    try:
        body = parse_json(json.dumps(value).encode(), PurchaseBody)
    except ProblemError as problem:
        assert problem.status == 400  # noqa: PT017 — most examples are refused, and how matters as well
        return
    assert set(value) <= {"ref_id", "product", "dest", "qty", "max_price"}
    for name in ("ref_id", "product"):
        kept = getattr(body, name)
        assert type(kept) is str
        assert 1 <= len(kept) <= 64
        assert all("!" <= one <= "~" for one in kept)
    assert type(body.qty) is int
    assert body.qty >= 1
    assert body.max_price is None or (type(body.max_price) is int and body.max_price >= 0)
    for name, sent in value.items():
        assert (type(getattr(body, name)), getattr(body, name)) == (type(sent), sent)


@settings(max_examples=150)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,0123456789eE.-+ntfaul\\ ', max_size=60).map(str.encode))
def test_no_bytes_do_anything_but_be_taken_or_refused(body: bytes) -> None:
    try:
        parse_json(body, PurchaseBody)
    except ProblemError as problem:
        assert problem.status == 400  # noqa: PT017 — that nothing else escapes is the point


def test_hostile_bodies_cost_little() -> None:
    for body in (b'{"a":' * 13_000, b"[" * 65_536, b'{"qty":' + b"1" * 65_000 + b"}", b'"' + b"\\u0000" * 10_000):
        began = time.perf_counter()
        with pytest.raises(ProblemError):
            parse_json(body, PurchaseBody)
        assert time.perf_counter() - began < 0.1


async def test_a_body_of_hundreds_of_fields_costs_little_and_gets_a_short_answer(gateway: Any) -> None:
    many = b"{%b}" % b",".join(b'"k%d":1' % number for number in range(100))
    answer = await gateway.call("POST", "/v1/transactions", data=many, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["detail"] == "the body has more than 50 fields"
    assert len(answer.text) < 500
    some = b"{%b}" % b",".join(b'"k%d":1' % number for number in range(50))
    answer = await gateway.call("POST", "/v1/transactions", data=some, headers={"Content-Type": "application/json"})
    assert len(answer.json["errors"]) == 53, "each unknown field, and the three that are missing"


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"product": "XL5 "}, "1 to 64 visible ASCII characters"),
        ({"qty": 10**15 + 1}, "from 1 to 1000000000000000"),
        ({"max_price": 10**15 + 1}, "from 0 to 1000000000000000"),
    ],
)
def test_a_refusal_names_the_limit_that_was_passed(fields: dict[str, Any], limit: str) -> None:
    """ "Must be a whole number from 1" would leave who sent one with nothing to mend."""
    with pytest.raises(ProblemError) as caught:
        parse_json(text(**fields).encode(), PurchaseBody)
    assert limit in caught.value.detail


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"ref_id":"A-1",}', "line 1 column 17"),
    ],
)
def test_what_is_no_json_is_told_so_that_it_can_be_mended(body: bytes, words: str) -> None:
    with pytest.raises(ProblemError, match=words) as caught:
        parse_json(body, PurchaseBody)
    assert caught.value.code == "invalid_request"
