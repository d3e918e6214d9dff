"""Each line of the table, over a socket, byte for byte; and how the provider reads it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from gateway import Attempt, Call, OutcomeStatus, ReasonCode, Reply
from gateway.plugins import load_plugins
from gateway_otomax import OtomaxProvider, OtomaxSettings
from gateway_otomax.sandbox import ANY, BEHAVIOURS, Answer, Behaviour, Kind, OtomaxSandbox, State

SUCCESS, FAILED, PENDING, UNKNOWN = (
    OutcomeStatus.SUCCESS,
    OutcomeStatus.FAILED,
    OutcomeStatus.PENDING,
    OutcomeStatus.UNKNOWN,
)


class Reseller:
    """Buys at a sandbox with the provider's own calls, each sent once over a connection of its own."""

    def __init__(self, sandbox: OtomaxSandbox, port: int) -> None:
        self.sandbox = sandbox
        self.port = port
        self.provider = OtomaxProvider(
            OtomaxSettings(
                id="sandbox",
                kind="otomax",
                url=f"http://127.0.0.1:{port}/trx/sandbox",
                member_id="SANDBOX",
                pin=SecretStr("1234"),
                password=SecretStr("sandbox-password"),
            )
        )

    async def raw(self, call: Call) -> bytes:
        """Everything that comes back until the connection is closed."""
        target = call.url.removeprefix(f"http://127.0.0.1:{self.port}")
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(f"{call.method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            async with asyncio.timeout(10):
                return await reader.read(-1)
        finally:
            writer.close()
            await writer.wait_closed()

    async def reply(self, call: Call) -> Reply:
        head, _, body = (await self.raw(call)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        return Reply(status=200, headers={}, body=body)

    async def check(self, attempt: Attempt) -> OutcomeStatus:
        outcome = self.provider.read_check(attempt, await self.reply(self.provider.check(attempt)))
        return outcome.status


@pytest.fixture
async def reseller() -> AsyncIterator[Reseller]:
    sandbox = OtomaxSandbox(report_delay=0.0, hang=0.05, balance=1_000_000)
    port = await sandbox.start("127.0.0.1", 0)
    try:
        yield Reseller(sandbox, port)
    finally:
        await sandbox.stop()


def attempt(ending: str, ref: str = "101") -> Attempt:
    return Attempt(ref=ref, product="XL5", dest=f"0817123456{ending or '77'}")


_ANSWERS = {
    Answer.SUCCESS: SUCCESS,
    Answer.WRONG_SUM: SUCCESS,
    Answer.PENDING: PENDING,
    Answer.FAILED: FAILED,
    Answer.NOT_UTF8: UNKNOWN,
    Answer.PAGE: UNKNOWN,
    Answer.EMPTY: UNKNOWN,
}
_STATES = {State.WAITING: PENDING, State.SUCCESS: SUCCESS, State.FAILED: FAILED, State.TAKEN_BACK: FAILED}
_SPOKEN = [ending for ending, one in BEHAVIOURS.items() if one.answer in _ANSWERS and not one.lost and not one.wait]
_CUT = [ending for ending, one in BEHAVIOURS.items() if one.answer in (Answer.HANG, Answer.DROP)]


@pytest.mark.parametrize("ending", _SPOKEN)
async def test_the_provider_reads_the_answer_as_the_table_means_it(reseller: Reseller, ending: str) -> None:
    bought = attempt(ending)
    reply = await reseller.reply(reseller.provider.purchase(bought))
    assert reseller.provider.read_purchase(bought, reply).status is _ANSWERS[BEHAVIOURS[ending].answer]


@pytest.mark.parametrize("ending", [ending for ending, one in BEHAVIOURS.items() if not one.wait])
async def test_the_provider_reads_a_check_as_the_table_means_it(reseller: Reseller, ending: str) -> None:
    bought, behaviour = attempt(ending), BEHAVIOURS[ending]
    await reseller.raw(reseller.provider.purchase(bought))
    if behaviour.lost:
        await reseller.raw(reseller.provider.purchase(bought))
    assert await reseller.check(bought) is _STATES[behaviour.last]
    charged = 5_400 if behaviour.last.charged else 0
    assert (reseller.sandbox.charges, reseller.sandbox.balance) == (charged, 1_000_000 - charged)


@pytest.mark.parametrize("ending", ["20", "33", "37", ANY])
async def test_an_inquiry_is_answered_with_a_bill(reseller: Reseller, ending: str) -> None:
    asked = Attempt(ref="101", product="CEKPLN", dest=f"5123456789{ending or '77'}")
    reply = await reseller.reply(reseller.provider.purchase(asked))
    answered = reseller.provider.read_purchase(asked, reply)
    checked = reseller.provider.read_check(asked, await reseller.reply(reseller.provider.check(asked)))
    bill = {"name": "PELANGGAN SANDBOX", "period": "NOV26", "amount": "150000", "admin": "2500", "total": "152500"}
    assert (checked.status, checked.bill) == (SUCCESS, bill)
    assert (answered.status, answered.bill) in [(SUCCESS, bill), (PENDING, None)]


async def test_a_bill_is_paid_with_its_total_less_the_discount(reseller: Reseller) -> None:
    paid = Attempt(ref="102", product="BYRPLN", dest="512345678920", qty=152_500)
    outcome = reseller.provider.read_purchase(paid, await reseller.reply(reseller.provider.purchase(paid)))
    assert (outcome.status, outcome.price, outcome.bill) == (SUCCESS, 151_000, None)
    assert reseller.sandbox.charges == 151_000


@pytest.mark.parametrize("ending", ["14", "30", ANY])
async def test_a_check_says_waiting_until_the_delay_is_over(ending: str) -> None:
    sandbox = OtomaxSandbox(report_delay=60.0, balance=1_000_000)
    reseller = Reseller(sandbox, await sandbox.start("127.0.0.1", 0))
    try:
        await reseller.raw(reseller.provider.purchase(attempt(ending)))
        assert await reseller.check(attempt(ending)) is PENDING
    finally:
        await sandbox.stop()


@pytest.mark.parametrize("ending", _SPOKEN)
async def test_the_same_purchase_again_tells_how_the_first_stands(reseller: Reseller, ending: str) -> None:
    bought = attempt(ending)
    call = reseller.provider.purchase(bought)
    await reseller.reply(call)
    again = reseller.provider.read_check(bought, await reseller.reply(call))
    assert again.status is _STATES[BEHAVIOURS[ending].last]
    assert reseller.sandbox.times_bought(bought.ref) == (1 if BEHAVIOURS[ending].at_first.charged else 0)
    assert [arrival.kind for arrival in reseller.sandbox.purchases][1:] == [Kind.REPEATED]


async def test_a_success_carries_serial_number_price_and_balance(reseller: Reseller) -> None:
    bought = attempt("20")
    reply = await reseller.reply(reseller.provider.purchase(bought))
    outcome = reseller.provider.read_purchase(bought, reply)
    assert (outcome.ref, outcome.price, outcome.balance) == ("101", 5_400, 994_600)
    assert outcome.serial
    assert outcome.serial.isdigit()
    later = reseller.provider.read_check(bought, await reseller.reply(reseller.provider.check(bought)))
    assert later.serial == outcome.serial


async def test_electricity_is_delivered_as_a_token(reseller: Reseller) -> None:
    bought = Attempt(ref="101", product="PLN20", dest="86021882420")
    reply = await reseller.reply(reseller.provider.purchase(bought))
    outcome = reseller.provider.read_purchase(bought, reply)
    assert outcome.status is SUCCESS
    assert outcome.serial
    assert outcome.serial.endswith("/PELANGGAN SANDBOX/R1/1300 VA/13,1KWH")


async def test_wrong_arithmetic_is_wrong(reseller: Reseller) -> None:
    body = (await reseller.reply(reseller.provider.purchase(attempt("37")))).text()
    assert "Saldo 1.000.000 - 5.400 = 995.600" in body
    assert reseller.sandbox.balance == 994_600


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("43", ReasonCode.SUPPLIER_BALANCE),
        ("44", ReasonCode.PRODUCT_UNAVAILABLE),
        ("45", ReasonCode.PRODUCT_UNAVAILABLE),
        ("47", ReasonCode.PRODUCT_UNAVAILABLE),
        ("52", ReasonCode.INVALID_DESTINATION),
        ("56", ReasonCode.BLOCKED_DESTINATION),
        ("69", ReasonCode.CUTOFF),
    ],
)
async def test_a_refusal_says_its_reason(reseller: Reseller, ending: str, reason: ReasonCode) -> None:
    bought = attempt(ending)
    reply = await reseller.reply(reseller.provider.purchase(bought))
    assert reseller.provider.read_purchase(bought, reply).reason is reason
    assert reseller.sandbox.charges == 0


@pytest.mark.parametrize("ending", _CUT)
async def test_the_connection_ends_without_a_byte_and_the_purchase_was_made(reseller: Reseller, ending: str) -> None:
    assert await reseller.raw(reseller.provider.purchase(attempt(ending))) == b""
    assert reseller.sandbox.times_bought("101") == 1
    assert await reseller.check(attempt(ending)) is SUCCESS


async def test_no_answer_holds_the_connection_until_the_sandbox_stops() -> None:
    sandbox = OtomaxSandbox(hang=60.0)
    reseller = Reseller(sandbox, await sandbox.start("127.0.0.1", 0))
    waiting = asyncio.create_task(reseller.raw(reseller.provider.purchase(attempt("90"))))
    async with asyncio.timeout(5):
        while not sandbox.purchases:
            assert await reseller.check(attempt("20", "999")) is UNKNOWN
        assert await reseller.check(attempt("90")) is SUCCESS
        assert not waiting.done()
        await sandbox.stop()
        assert await waiting == b""


async def test_garbage_is_not_http(reseller: Reseller) -> None:
    raw = await reseller.raw(reseller.provider.purchase(attempt("93")))
    assert raw
    assert not raw.startswith(b"HTTP/")
    assert reseller.sandbox.times_bought("101") == 1


async def test_an_answer_that_is_no_text_and_one_that_is_a_page(reseller: Reseller) -> None:
    not_text = await reseller.raw(reseller.provider.purchase(attempt("94", "1")))
    page = await reseller.raw(reseller.provider.purchase(attempt("95", "2")))
    empty = await reseller.raw(reseller.provider.purchase(attempt("97", "3")))
    with pytest.raises(UnicodeDecodeError):
        not_text.decode()
    assert b"text/html" in page
    assert b"<html>" in page
    assert empty.startswith(b"HTTP/1.1 200 ")
    assert empty.endswith(b"\r\n\r\n")


async def test_a_lost_purchase_was_never_seen_until_it_comes_again(reseller: Reseller) -> None:
    lost = attempt("92")
    assert await reseller.raw(reseller.provider.purchase(lost)) == b""
    answer = await reseller.reply(reseller.provider.check(lost))
    assert answer.text().startswith("TIDAK ADA transaksi")
    assert reseller.provider.read_check(lost, answer).never_seen
    assert (reseller.sandbox.times_bought("101"), reseller.sandbox.charges) == (0, 0)
    again = await reseller.reply(reseller.provider.purchase(lost))
    assert reseller.provider.read_purchase(lost, again).status is SUCCESS
    assert [arrival.kind for arrival in reseller.sandbox.purchases] == [Kind.LOST, Kind.BOUGHT]


async def test_a_slow_answer_takes_two_seconds(reseller: Reseller) -> None:
    began = time.monotonic()
    bought = attempt("96")
    reply = await reseller.reply(reseller.provider.purchase(bought))
    assert time.monotonic() - began >= 2.0
    assert reseller.provider.read_purchase(bought, reply).status is SUCCESS
    assert await reseller.check(bought) is SUCCESS


async def test_a_table_of_ones_own_is_followed() -> None:
    silence = Behaviour(means="taken, then silence", answer=Answer.HANG, at_first=State.WAITING, later=State.FAILED)
    sandbox = OtomaxSandbox(behaviours={**BEHAVIOURS, "70": silence}, report_delay=0.0, hang=0.0, balance=10_000)
    reseller = Reseller(sandbox, await sandbox.start("127.0.0.1", 0))
    try:
        assert await reseller.raw(reseller.provider.purchase(attempt("70"))) == b""
        assert await reseller.check(attempt("70")) is FAILED
        assert (sandbox.times_bought("101"), sandbox.charges) == (1, 0)
    finally:
        await sandbox.stop()


async def test_the_memory_outlives_stop_and_start(reseller: Reseller) -> None:
    bought = attempt("20")
    await reseller.reply(reseller.provider.purchase(bought))
    await reseller.sandbox.stop()
    again = Reseller(reseller.sandbox, await reseller.sandbox.start("127.0.0.1", 0))
    reply = await again.reply(again.provider.purchase(bought))
    assert "sdh pernah jam" in reply.text()
    assert reseller.sandbox.times_bought("101") == 1


async def test_it_cannot_be_started_twice_and_says_when_a_port_is_taken(reseller: Reseller) -> None:
    with pytest.raises(RuntimeError, match="running"):
        await reseller.sandbox.start("127.0.0.1", 0)
    other = OtomaxSandbox()
    with pytest.raises(OSError, match="address"):
        await other.start("127.0.0.1", reseller.port)
    await other.stop()


async def test_many_at_once_under_one_reference_buy_once(reseller: Reseller) -> None:
    call = reseller.provider.purchase(attempt(ANY))
    await asyncio.gather(*(reseller.reply(call) for _ in range(50)))
    assert reseller.sandbox.times_bought("101") == 1
    assert len(reseller.sandbox.purchases) == 50


def test_the_plugin_hands_it_over() -> None:
    made = load_plugins().sandboxes["otomax"](member_id="M", pin="1", password="2", slug="s", report_url=None)
    assert isinstance(made, OtomaxSandbox)
