"""The suppliers' door: `checks.md` C7, and that what suppliers write arrives as they wrote it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from gateway.http.connection import encode_line
from gateway.http.reports import raw_query
from gateway.provider import Acknowledgement

MESSAGE = (
    "t=95847&refid=64525223&status=20&price=30442&message=TRANSAKSI LANCAR T#1 R#64525223 IP30.08575xxx724 SUKSES. "
    "SN/Ref:038xxx2443623 . Stok Terpotong 30.442 .Stok 75.377.526 @22/08/25 09:58:47"
)


async def send(gateway: Any, target: bytes, *, method: bytes = b"GET", rest: bytes = b"") -> bytes:
    answer: bytes = await gateway.raw(
        b"%b %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b\r\n" % (method, target, rest or b"")
    )
    return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def test_a_report_from_an_allowed_address_reaches_the_engine_and_is_acknowledged(gateway: Any) -> None:
    gateway.engine.acknowledgement = Acknowledgement(status=202, body=b'{"ok":1}', content_type="application/json")
    answer = await gateway.call("GET", "/reports/open?refid=1&message=SUKSES", client=None)
    assert (answer.status, answer.text, answer.headers["Content-Type"]) == (202, '{"ok":1}', "application/json")
    ((provider, report, remote),) = gateway.engine.reports
    assert (provider, report.method, report.raw_query, remote) == ("open", "GET", "refid=1&message=SUKSES", "127.0.0.1")
    assert report.received_at is not None
    assert report.received_at.utcoffset() is not None


async def test_a_posted_report_brings_its_body_and_headers(gateway: Any, token: str) -> None:
    answer = await gateway.call(
        "POST",
        f"/reports/locked/{token}?a=1",
        client=None,
        data=b"refid=1&message=SN#1\xff",
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=latin-1"},
    )
    assert (answer.status, answer.text) == (200, "OK")
    ((provider, report, _),) = gateway.engine.reports
    assert (provider, report.method, report.body, report.raw_query) == (
        "locked",
        "POST",
        b"refid=1&message=SN#1\xff",
        "a=1",
    )
    assert report.content_type == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "query",
    [
        b"message=SN#123&a=b",
        b"message=a#b#c#d",
        b"message=50%",
        b"message=50%zz&x=%41",
        b"message=a?b?c=d",
        b'message=a"<>\\^`{|}',
        b"message=A+B%20C",
        b"message==&&==",
        MESSAGE.encode(),
        b"message=two  blanks and a last one ",
        "message=Rp 5.000 – sukses ✓".encode(),
        b"message=GET /v1 HTTP/1.1",
        b"",
    ],
)
async def test_the_query_arrives_as_it_was_written(gateway: Any, query: bytes) -> None:
    assert status(await send(gateway, b"/reports/open?" + query)) == 200
    assert gateway.engine.reports[0][1].raw_query == query.decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"m=\xe9 \xff", "m=%E9 %FF"),
        (b"m=a\x01b\x7f", "m=a%01b%7F"),
        (b"m=a\tb\x00c", "m=a%09b%00c"),
    ],
)
async def test_what_no_text_column_holds_is_escaped(gateway: Any, query: bytes, expected: str) -> None:
    assert status(await send(gateway, b"/reports/open?" + query)) == 200
    assert gateway.engine.reports[0][1].raw_query == expected


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET /reports/open?message=SN: 1", b" 2", b" 3 HTTP/1.1", b"\r\nHost: x\r\nConnection: close\r\n\r\n"],
        [b"GET ", b"/reports/open?message=SN: 1 2 3", b" HTTP/1.1\r\n", b"Host: x\r\nConnection: close\r\n\r\n"],
        [b"G", b"ET /repo", b"rts/open?message=SN: 1 2 3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"],
    ],
    ids=["behind the path", "word by word", "anywhere"],
)
async def test_a_line_that_comes_in_pieces_arrives_whole(gateway: Any, pieces: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.02)
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert gateway.engine.reports[0][1].raw_query == "message=SN: 1 2 3"


@pytest.mark.parametrize("query", [b"message=a b", b"message=encoded", b""])
async def test_after_a_report_the_connection_ends(gateway: Any, query: bytes) -> None:
    """Only the first line of a connection is mended: an unencoded report behind an encoded one, or behind one who only
    looks whether the door is there, would be refused."""
    answer = await gateway.raw(b"GET /reports/open?" + query + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"Connection: close" in answer


async def test_only_the_first_bytes_of_a_connection_are_mended(gateway: Any, keys: dict[str, str]) -> None:
    """A body that looks like a report must keep its length, or its end would be read as another request."""
    body = b"GET /reports/open?message=a b c d e f HTTP/1.1\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    writer.write(
        b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % (keys["shop"].encode(), len(body))
    )
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.write(body)
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.write(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", answer) == [b"400", b"404"]
    assert gateway.engine.reports == []


@pytest.mark.parametrize("path", ["/v1/products?x=a b", "/reports?x=a b", "/x/reports/open?x=a b"])
async def test_elsewhere_an_unencoded_line_is_refused(gateway: Any, path: str) -> None:
    assert status(await send(gateway, path.encode())) == 400


@pytest.mark.parametrize(
    ("path", "known", "why"),
    [
        ("/reports/nobody", "unknown", "provider"),
        ("/reports/nobody/{token}", "unknown", "provider"),
        ("/reports/open/{token}", "open", "token"),
        ("/reports/open/x", "open", "token"),
        ("/reports/locked", "locked", "token"),
        ("/reports/locked?token={token}", "locked", "token"),
        ("/reports/locked/wrong", "locked", "token"),
        ("/reports/locked/{token}x", "locked", "token"),
        ("/reports/locked/canary-report-toke", "locked", "token"),
        ("/reports/locked/%00", "locked", "token"),
        ("/reports/locked/%ff", "locked", "token"),
        ("/reports/away/{token}", "away", "address"),
        ("/reports/shut", "shut", "address"),
        ("/reports/%6Fpen%23", "unknown", "provider"),
        ("/reports/{token}", "unknown", "provider"),
    ],
)
async def test_a_forged_report_is_refused_counted_and_not_stored(
    gateway: Any, token: str, path: str, known: str, why: str
) -> None:
    for method, data in (("GET", None), ("POST", b"status=20")):
        answer = await gateway.call(method, path.format(token=token), client=None, data=data)
        assert (answer.status, answer.json["code"]) == (403, "report_refused")
        assert token not in answer.text
    assert gateway.engine.reports == []
    assert gateway.metrics.reports == [(known, "refused")] * 2
    assert gateway.audit.lines == [("report_refused", {"provider": known, "address": "127.0.0.1", "why": why})] * 2


async def test_all_refusals_look_the_same(gateway: Any, token: str) -> None:
    paths = ("/reports/nobody", "/reports/locked/wrong", f"/reports/away/{token}", "/reports/shut", "/reports/locked")
    assert len({(await gateway.call("GET", path, client=None)).text for path in paths}) == 1


async def test_a_proxy_of_ours_tells_the_suppliers_address(open_gateway: Any, token: str) -> None:
    gateway = await open_gateway(trusted_proxies=["127.0.0.1"])
    told = {"X-Forwarded-For": "203.0.113.7"}
    assert (await gateway.call("GET", f"/reports/away/{token}", client=None, headers=told)).status == 200
    assert gateway.engine.reports[0][2] == "203.0.113.7"
    assert (await gateway.call("GET", "/reports/open", client=None, headers=told)).status == 403


async def test_a_clients_key_opens_no_reports_door(gateway: Any) -> None:
    assert (await gateway.call("GET", "/reports/locked")).status == 403


async def test_a_report_that_cannot_be_stored_is_503_so_that_it_comes_again(gateway: Any) -> None:
    gateway.engine.ledger.full = True
    answer = await gateway.call("GET", "/reports/open?message=x", client=None)
    assert answer.status == 503
    assert "Retry-After" in answer.headers


async def test_a_draining_gateway_still_takes_reports(gateway: Any) -> None:
    gateway.engine.draining = True
    assert (await gateway.call("GET", "/reports/open?message=x", client=None)).status == 200


async def test_a_report_that_is_too_large_is_413(gateway: Any) -> None:
    answer = await gateway.call("POST", "/reports/open", client=None, data=b"x" * 4097)
    assert answer.status == 413
    assert gateway.engine.reports == []


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH"])
async def test_other_methods_tell_nothing(gateway: Any, method: str) -> None:
    assert (await gateway.call(method, "/reports/open?refid=1", client=None)).status == 405
    assert gateway.engine.reports == []


def test_a_line_that_is_as_it_should_be_is_left_alone() -> None:
    assert encode_line(b"GET /reports/x?m=a%20b#c HTTP/1.1\r\nHost: x\r\n\r\n") is None
    assert encode_line(b"GET /reports/x?m=a HTTP/1.1 b HTTP/2\r\n\r\n") is None


def test_mending_leaves_everything_behind_the_line_alone() -> None:
    mended = encode_line(b"POST /reports/x?m=a b\xff HTTP/1.0\nX: a b\n\nbody with blanks")
    assert mended == (
        b"POST /reports/x?m=a%20b%FF HTTP/1.0\nX: a b\n\nbody with blanks",
        "/reports/x?m=a b\udcff",
    )


def test_the_query_of_a_target_is_all_behind_the_first_question_mark() -> None:
    assert raw_query("http://host/reports/x?a?b#c") == "a?b#c"
    assert raw_query("/reports/x") == ""
