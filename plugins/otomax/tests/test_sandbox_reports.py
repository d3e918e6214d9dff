"""The sandbox calls back as Maxsi does: raw, again where it was not heard, and not beyond its end."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import UTC, datetime
from urllib.parse import unquote, urlencode

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway import Report, Update
from gateway.testing.raw_supplier import RawRequest, RawSupplier, answer, drop
from gateway_otomax import OtomaxProvider, OtomaxSettings
from gateway_otomax.sandbox import ANY, OtomaxSandbox, ReportLine
from gateway_otomax.sandbox.report_lines import raw_query
from gateway_otomax.sandbox.texts import STRANGER

_AT = datetime(2026, 11, 24, 9, 5, 7, tzinfo=UTC)


async def _buy(port: int, dest: str, ref: str = "7", product: str = "XL5") -> str:
    words = "|".join(("OtomaX", "SANDBOX", product, dest, ref, "1234", "sandbox-password"))
    sign = base64.urlsafe_b64encode(hashlib.sha1(words.encode(), usedforsecurity=False).digest()).decode().rstrip("=")
    asked = {"product": product, "dest": dest, "refID": ref, "memberID": "SANDBOX", "sign": sign}
    url = f"http://127.0.0.1:{port}/trx/sandbox?{urlencode(asked)}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()


async def _reported(sandbox: OtomaxSandbox) -> None:
    async with asyncio.timeout(5):
        await sandbox.reported()


def _parts(request: RawRequest) -> dict[str, str]:
    """The parameters of a report as they stand on the request line; the message is all that follows its name."""
    query, _, message = request.target.decode("ascii").partition("?")[2].partition("&message=")
    return {**dict(part.split("=") for part in query.split("&")), "message": message}


async def _reports(dest: str, count: int, *, product: str = "XL5") -> list[dict[str, str]]:
    """What comes in after one purchase, `count` reports of it."""
    async with RawSupplier(answer(b"OK")) as receiver:
        sandbox = OtomaxSandbox(report_url=f"{receiver.url}/reports/x/secret", report_delay=0.01, default_price=5_400)
        port = await sandbox.start("127.0.0.1", 0)
        try:
            await _buy(port, dest, product=product)
            await _reported(sandbox)
        finally:
            await sandbox.stop()
        assert len(receiver.requests) == count
        assert {request.method for request in receiver.requests} == {b"GET"}
        assert all(request.target.startswith(b"/reports/x/secret?t=") for request in receiver.requests)
        return [_parts(request) for request in receiver.requests]


async def test_a_success_is_reported_with_the_five_parameters_and_a_raw_message() -> None:
    (report,) = await _reports("08171234577", 1)
    assert list(report) == ["t", "refid", "status", "price", "message"]
    assert (report["refid"], report["status"], report["price"]) == ("7", "20", "5400")
    assert report["t"] == str(int(report["t"]))
    assert report["message"].startswith("TRANSAKSI%20LANCAR%20T#")
    assert "%20R#7%20XL5.08171234577%20SUKSES.%20SN/Ref:" in report["message"]
    assert "Stok%20Terpotong%205.400%20.Stok%209.994.600%20@" in report["message"]
    assert "+" not in report["message"]


async def test_a_failure_is_reported_with_a_price_that_was_not_charged() -> None:
    (report,) = await _reports("08171234514", 1)
    assert (report["status"], report["price"]) == ("40", "5400")
    assert report["message"].startswith("R#7%20XL5.08171234514%20TRANSAKSI%20GAGAL.%20.%20Stok%2010.000.000%20@")


async def test_a_report_comes_twice() -> None:
    first, second = await _reports("08171234532", 2)
    assert first["refid"] == second["refid"] == "7"
    assert first["status"] == second["status"] == "20"


async def test_pending_is_reported_after_success() -> None:
    assert [report["status"] for report in await _reports("08171234534", 2)] == ["20", "2"]


async def test_a_success_is_taken_back() -> None:
    (report,) = await _reports("08171234524", 1)
    assert report["status"] == "40"
    assert report["message"].startswith("[SEMPAT%20SUKSES%20SN:")
    assert "GAGAL" in report["message"]


async def test_code_and_text_disagree() -> None:
    (report,) = await _reports("08171234535", 1)
    assert report["status"] == "20"
    assert "GAGAL.%20Nomor%20tujuan%20salah" in report["message"]


async def test_a_stranger_is_reported() -> None:
    (report,) = await _reports("08171234536", 1)
    assert report["refid"] == STRANGER
    assert f"R#{STRANGER}%20" in report["message"]


async def test_what_a_product_code_holds_stands_raw_in_the_message() -> None:
    (report,) = await _reports("08171234577", 1, product="A&B=C#D%E+F é")
    assert "%20A&B=C#D%E+F%20%C3%A9.08171234577%20SUKSES" in report["message"]


@pytest.mark.parametrize(
    ("ending", "means"),
    [
        (ANY, [("7", "success")]),
        ("14", [("7", "failed")]),
        ("24", [("7", "failed")]),
        ("32", [("7", "success"), ("7", "success")]),
        ("33", [("7", "success")]),
        ("34", [("7", "success"), ("7", "pending")]),
        ("35", [("7", "unknown")]),
        ("36", [(STRANGER, "success")]),
    ],
)
async def test_the_provider_reads_what_is_reported(ending: str, means: list[tuple[str, str]]) -> None:
    settings = OtomaxSettings(
        id="x", kind="otomax", url="http://127.0.0.1/trx", member_id="M", pin=SecretStr("1"), password=SecretStr("2")
    )
    provider = OtomaxProvider(settings)
    read: list[Update] = []
    for report in await _reports(f"081712345{ending or '77'}", len(means)):
        query = "&".join(f"{name}={value}" for name, value in report.items())
        read += provider.read_report(Report(method="GET", raw_query=query))
    assert [(update.ref, update.outcome.status.value) for update in read] == means


async def test_a_report_comes_before_the_answer() -> None:
    """The receiver holds the report: the answer must wait for it."""
    held, released = asyncio.Event(), asyncio.Event()

    async def hold(request: RawRequest, writer: asyncio.StreamWriter) -> bool:
        held.set()
        await released.wait()
        return await answer(b"OK")(request, writer)

    async with RawSupplier(hold) as receiver:
        sandbox = OtomaxSandbox(report_url=receiver.url, report_delay=30.0)
        port = await sandbox.start("127.0.0.1", 0)
        buying = asyncio.create_task(_buy(port, "08171234533"))
        try:
            async with asyncio.timeout(5):
                await held.wait()
                assert not buying.done()
                released.set()
                assert "akan diproses" in await buying
        finally:
            await sandbox.stop()
        assert [delivery.delivered for delivery in sandbox.reports] == [True]


@pytest.mark.parametrize("refuses", [answer(b"no", status=500), drop(), answer(b"", status=301)])
async def test_a_report_that_is_not_heard_comes_again(refuses: object) -> None:
    async with RawSupplier(refuses, refuses, answer(b"OK")) as receiver:  # type: ignore[arg-type]  # parametrize loses it
        sandbox = OtomaxSandbox(report_url=receiver.url, report_delay=0.0, report_pauses=(0.01, 0.01, 0.01))
        port = await sandbox.start("127.0.0.1", 0)
        try:
            await _buy(port, "08171234577")
            await _reported(sandbox)
            assert [(delivery.tries, delivery.delivered) for delivery in sandbox.reports] == [(3, True)]
        finally:
            await sandbox.stop()
        assert len({request.target for request in receiver.requests}) == 1
        assert len(receiver.requests) == 3


async def test_a_report_is_given_up_in_the_end() -> None:
    async with RawSupplier(answer(b"", status=503)) as receiver:
        sandbox = OtomaxSandbox(report_url=receiver.url, report_delay=0.0, report_pauses=(0.0, 0.01))
        port = await sandbox.start("127.0.0.1", 0)
        try:
            await _buy(port, "08171234577")
            await _reported(sandbox)
        finally:
            await sandbox.stop()
        assert [(delivery.tries, delivery.delivered) for delivery in sandbox.reports] == [(3, False)]
        assert len(receiver.requests) == 3


async def test_nobody_listening_is_no_trouble() -> None:
    async with RawSupplier() as gone:
        url = gone.url
    sandbox = OtomaxSandbox(report_url=url, report_delay=0.0, report_pauses=(0.01,))
    port = await sandbox.start("127.0.0.1", 0)
    try:
        await _buy(port, "08171234577")
        await _reported(sandbox)
        assert [(delivery.tries, delivery.delivered) for delivery in sandbox.reports] == [(2, False)]
        assert "status Sukses" in await _buy(port, "08171234577")
    finally:
        await sandbox.stop()


async def test_stop_drops_the_reports_that_are_still_to_be_sent() -> None:
    async with RawSupplier(answer(b"OK")) as receiver:
        sandbox = OtomaxSandbox(report_url=receiver.url, report_delay=60.0)
        port = await sandbox.start("127.0.0.1", 0)
        await _buy(port, "08171234577")
        async with asyncio.timeout(5):
            await sandbox.stop()
            await sandbox.stop()
        assert not receiver.requests
        assert len(asyncio.all_tasks()) == 1


def _line(message: str, ref: str = "7") -> ReportLine:
    return ReportLine(ref=ref, status=20, price=5_400, message=message, at=_AT)


def test_the_clock_has_no_leading_zeros() -> None:
    assert raw_query(_line("OK")) == "t=90507&refid=7&status=20&price=5400&message=OK"


@given(message=st.text(max_size=60))
def test_the_line_never_breaks_and_the_message_is_whole(message: str) -> None:
    query = raw_query(_line(message))
    assert all(0x20 < ord(char) < 0x7F for char in query)
    behind = query.partition("&message=")[2]
    if "%" not in message:
        assert unquote(behind) == message
    for raw in "#&=+%/?":
        assert behind.count(raw) >= message.count(raw)
