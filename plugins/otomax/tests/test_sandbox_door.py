"""Who may come in: over sockets, with signatures that are made here and not by the plugin."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gateway_otomax.sandbox import ANY, BEHAVIOURS, Kind, OtomaxSandbox
from gateway_otomax.sandbox.door import order_of, parameters_of

# As the supplier's guide publishes it, and as two independent programs compute it.
VECTORS = {
    ("YUSUF", "X10", "08123456789", "2140669", "1144", "abcd"): "Cp9NLVuKWBt5Sey_uMlYsvnKvJI",
    ("M001", "PULSA5", "081234567890", "T1", "1234", "secret"): "gu_No_7U_VYENb1s__xEi2g2bLE",
}
MEMBER = {"memberID": "SANDBOX"}


def signed(*words: str) -> str:
    digest = hashlib.sha1("|".join(("OtomaX", *words)).encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def order(ref: str = "7", product: str = "XL5", dest: str = "08171234520", **more: str) -> dict[str, str]:
    sign = signed("SANDBOX", product, dest, ref, "1234", "sandbox-password")
    return {"product": product, "dest": dest, "refID": ref, **MEMBER, "sign": sign, **more}


class Door:
    """A started sandbox, and what a reseller's program does at it."""

    def __init__(self, sandbox: OtomaxSandbox, port: int, session: aiohttp.ClientSession) -> None:
        self.sandbox, self.url, self._session = sandbox, f"http://127.0.0.1:{port}", session

    async def ask(self, path: str, parameters: dict[str, str]) -> str:
        async with self._session.get(f"{self.url}{path}?{urlencode(parameters)}") as answer:
            assert answer.status == 200
            return await answer.text()

    async def post(self, path: str, parameters: dict[str, str]) -> str:
        async with self._session.post(f"{self.url}{path}", data=parameters) as answer:
            assert answer.status == 200
            return await answer.text()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async for opened in _open(OtomaxSandbox()):
        yield opened


async def _open(sandbox: OtomaxSandbox) -> AsyncIterator[Door]:
    port = await sandbox.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession() as session:
            yield Door(sandbox, port, session)
    finally:
        await sandbox.stop()


@pytest.mark.parametrize(("words", "sign"), VECTORS.items())
async def test_the_published_signatures_are_right(words: tuple[str, ...], sign: str) -> None:
    member, product, dest, ref, pin, password = words
    always = {ANY: BEHAVIOURS[ANY]}  # whatever the published numbers end in
    sandbox = OtomaxSandbox(member_id=member, pin=pin, password=password, default_price=1_000, behaviours=always)
    asked = {"product": product, "dest": dest, "refID": ref, "memberID": member}
    async for door in _open(sandbox):
        assert "GAGAL. Signature salah" in await door.ask("/trx/sandbox", {**asked, "sign": sign[:-1] + "A"})
        assert "akan diproses" in await door.ask("/trx/sandbox", {**asked, "sign": sign})
    assert [arrival.sign_ok for arrival in sandbox.purchases] == [False, True]


async def test_the_signature_that_is_copied_on_several_sites_is_wrong() -> None:
    sandbox = OtomaxSandbox(member_id="YUSUF", pin="1144", password="abcd", default_price=1_000)
    asked = {"product": "X10", "dest": "08123456789", "refID": "2140669", "memberID": "YUSUF"}
    async for door in _open(sandbox):
        text = await door.ask("/trx/sandbox", {**asked, "sign": "vlrN9Yuu4xHAT8_bXIUHKw2NjHo"})
    assert text == "R#0 X10.08123456789 GAGAL. Signature salah"
    assert sandbox.times_bought("2140669") == 0


@pytest.mark.parametrize("changed", ["product", "dest", "refID"])
async def test_a_signature_is_good_for_one_purchase_only(door: Door, changed: str) -> None:
    other = {"product": "S10", "dest": "08171234620", "refID": "8"}
    text = await door.ask("/trx/sandbox", {**order(), changed: other[changed]})
    assert "Signature salah" in text
    assert [(arrival.kind, arrival.sign_ok) for arrival in door.sandbox.purchases] == [(Kind.TURNED_AWAY, False)]
    assert door.sandbox.charges == 0


@pytest.mark.parametrize(
    ("path", "parameters", "says"),
    [
        ("/trx/sandbox", {**order(), "memberID": "OTHER"}, "Reseller tidak terdaftar"),
        ("/trx/other", order(), "Reseller tidak terdaftar"),
        ("/trx", order(), "Reseller tidak terdaftar"),
        ("/", {}, "Reseller tidak terdaftar"),
        ("/trx/sandbox", {}, "Format salah"),
        ("/trx/sandbox", {**order(), "dest": ""}, "Format salah"),
        ("/trx/sandbox", order(qty="many"), "Format salah"),
        ("/trx/sandbox", order(qty="0"), "Format salah"),
        ("/trx/sandbox", order(qty="٣"), "Format salah"),
        ("/trx/sandbox/balance", {}, "Reseller tidak terdaftar"),
        ("/trx/sandbox/balance", {**MEMBER, "sign": "x"}, "Signature salah"),
        ("/trx/sandbox/balance", MEMBER, "Signature salah"),
    ],
)
async def test_a_refusal_is_a_200_with_a_text(door: Door, path: str, parameters: dict[str, str], says: str) -> None:
    for ask in (door.ask, door.post):
        text = await ask(path, parameters)
        assert text.startswith("R#0 ")
        assert text.endswith(f"GAGAL. {says}")
    assert door.sandbox.charges == 0


async def test_an_address_that_is_not_allowed_learns_only_that() -> None:
    sandbox = OtomaxSandbox(allow_from=["203.0.113.7/32"])
    async for door in _open(sandbox):
        for path in ("/trx/sandbox", "/trx/sandbox/balance", "/_sandbox/purchases", "/"):
            assert await door.ask(path, order()) == "IP tidak sesuai @127.0.0.1"
    assert not sandbox.purchases


async def test_a_form_buys_like_a_query(door: Door) -> None:
    assert "SUKSES" in await door.post("/trx/sandbox", order(qty="1"))
    assert door.sandbox.times_bought("7") == 1


async def test_names_of_parameters_may_be_in_any_case(door: Door) -> None:
    assert "SUKSES" in await door.ask("/trx/sandbox", {name.upper(): value for name, value in order().items()})


@pytest.mark.parametrize(
    "words",
    [("CheckBalance", "SANDBOX", "1234", "sandbox-password"), ("SANDBOX", "", "", "", "1234", "sandbox-password")],
)
async def test_the_balance_is_told_for_both_usual_signatures(door: Door, words: tuple[str, ...]) -> None:
    await door.ask("/trx/sandbox", order())
    assert await door.ask("/trx/sandbox/balance", {**MEMBER, "sign": signed(*words)}) == "Saldo 9.994.600"


async def test_a_prefix_of_its_own_is_signed_with(door: Door) -> None:
    sandbox = OtomaxSandbox(prefix="Other")
    async for other in _open(sandbox):
        assert "Signature salah" in await other.ask("/trx/sandbox", order())


async def test_a_check_never_buys(door: Door) -> None:
    text = await door.ask("/trx/sandbox", order(check="1"))
    assert text.startswith("TIDAK ADA transaksi Tujuan 08171234520 pada tgl ")
    assert text.endswith(". Tidak ada data. Saldo 10.000.000")
    assert not door.sandbox.purchases
    assert "Signature salah" in await door.ask("/trx/sandbox", {**order(check="1"), "sign": "x"})
    await door.ask("/trx/sandbox", order())
    assert "status Sukses. SN: " in await door.ask("/trx/sandbox", order(check="1"))
    assert [arrival.kind for arrival in door.sandbox.purchases] == [Kind.BOUGHT]


async def test_the_counts_are_told_outside_the_slug(door: Door) -> None:
    await door.ask("/trx/sandbox", order())
    await door.ask("/trx/sandbox", order())
    counts: dict[str, Any] = json.loads(await door.ask("/_sandbox/purchases", {}))
    assert (counts["arrived"], counts["bought"], counts["charges"]) == (2, 1, 5_400)
    assert counts["purchases"]["7"]["bought"] == 1


def test_no_secret_shows_in_the_repr() -> None:
    sandbox = OtomaxSandbox(pin="9876", password="hush-hush", report_url="http://127.0.0.1:1/reports/x/token-token")
    shown = repr(sandbox) + repr(vars(sandbox))
    assert not [secret for secret in ("9876", "hush-hush", "token-token") if secret in shown]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "127.0.0.1:8080", "http://"])
def test_a_report_url_that_cannot_be_called_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="report_url"):
        OtomaxSandbox(report_url=url)


@given(raw=st.binary(max_size=60) | st.text("refID=&;%+%FFqty٣", max_size=60).map(str.encode))
def test_any_query_is_read_without_a_word(raw: bytes) -> None:
    given_ = parameters_of(raw.decode("utf-8", "surrogateescape"))  # as aiohttp hands over what came in
    assert order_of(given_).qty >= 0
    json.dumps(given_).encode()
    "".join([*given_, *given_.values()]).encode()


@given(given_=st.dictionaries(st.text(min_size=1, max_size=8).map(str.lower), st.text(max_size=12), max_size=5))
def test_what_was_encoded_is_read_as_it_was(given_: dict[str, str]) -> None:
    plain = {name.lower(): value for name, value in given_.items()}
    assert parameters_of(urlencode(plain)) == plain


async def test_bytes_that_are_no_text_are_answered_too(door: Door) -> None:
    raw = "product=%ff%80&dest=%00&refID=%c3%28&sign=%80&memberID=SANDBOX"
    session = aiohttp.ClientSession()
    async with session, session.get(URL(f"{door.url}/trx/sandbox?{raw}", encoded=True)) as answer:
        assert (answer.status, (await answer.text()).endswith("Signature salah")) == (200, True)
