"""Purchase, check and balance, to the last character."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import Asking, Attempt, Call
from gateway_otomax import OtomaxProvider

Account = Callable[..., OtomaxProvider]
T1 = Attempt(ref="T1", product="PULSA5", dest="081234567890")


def parameters(call: Call) -> dict[str, str]:
    raw = urlsplit(call.url).query if call.method == "GET" else (call.body or b"").decode()
    return dict(parse_qsl(raw, keep_blank_values=True, strict_parsing=True))


def test_a_purchase_by_get(account: Account) -> None:
    assert account().purchase(T1) == Call(
        method="GET",
        url="http://trx.supplier.invalid/trx/slug_unik?product=PULSA5&qty=1&dest=081234567890&refID=T1&memberID=M001"
        "&sign=gu_No_7U_VYENb1s__xEi2g2bLE",
        secrets=("1234", "secret", "gu_No_7U_VYENb1s__xEi2g2bLE", "/trx/slug_unik", "slug_unik"),
    )


def test_a_purchase_by_post_is_a_form(account: Account) -> None:
    call = account(method="POST").purchase(T1)
    assert call.url == "http://trx.supplier.invalid/trx/slug_unik"
    assert call.headers == (("Content-Type", "application/x-www-form-urlencoded"),)
    assert parameters(call) == parameters(account().purchase(T1))


def test_auth_by_pin_sends_no_sign(account: Account) -> None:
    sent = parameters(account(auth="pin").purchase(T1))
    assert (sent["pin"], sent["password"]) == ("1234", "secret")
    assert "sign" not in sent


@pytest.mark.parametrize("encoding", ["base64", "base64_hex", "hex", "base64url"])
def test_every_sign_arrives_as_it_was_made(account: Account, encoding: str) -> None:
    call = account(sign_encoding=encoding).purchase(T1)
    sign = parameters(call)["sign"]
    assert sign in call.secrets
    assert "+" not in urlsplit(call.url).query
    assert quote(sign, safe="") in call.url
    assert quote(sign, safe="") in call.secrets


def test_extra_parameters_price_cap_and_counter(account: Account) -> None:
    provider = account(
        params={"format": "json", "v": 2}, names={"max_price": "harga_max", "counter": "counter", "ref": "reff"}
    )
    sent = parameters(provider.purchase(replace(T1, max_price=5_400)))
    assert (sent["format"], sent["v"], sent["harga_max"], sent["counter"], sent["reff"]) == (
        "json",
        "2",
        "5400",
        "1",
        "T1",
    )
    assert "harga_max" not in parameters(provider.purchase(T1))
    assert parameters(provider.purchase(replace(T1, nth=3)))["counter"] == "3"


def test_only_a_supplier_with_a_counter_has_equal_purchases_counted(account: Account) -> None:
    assert account(names={"counter": "counter"}).counts_equal_purchases()
    assert not account().counts_equal_purchases()


def test_qty_is_sent_as_the_account_wants(account: Account) -> None:
    many = replace(T1, qty=50_000)
    assert parameters(account().purchase(many))["qty"] == "50000"
    assert parameters(account(send_qty="open").purchase(many))["qty"] == "50000"
    assert "qty" not in parameters(account(send_qty="open").purchase(T1))
    assert "qty" not in parameters(account(send_qty="never").purchase(many))


def test_an_address_with_a_query_keeps_it(account: Account) -> None:
    call = account(url="http://h.invalid/trx?key=abcdefgh").purchase(T1)
    assert call.url.startswith("http://h.invalid/trx?key=abcdefgh&product=")
    assert "key=abcdefgh" in call.secrets


def test_a_plain_path_is_no_secret(account: Account) -> None:
    assert "/trx" not in account(url="http://h.invalid:6969/trx").purchase(T1).secrets


@given(
    product=st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()),
    dest=st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable()),
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_arrives(account: Account, product: str, dest: str) -> None:
    for method in ("GET", "POST"):
        call = account(method=method, check="param").check(Attempt(ref="7", product=product, dest=dest))
        sent = parameters(call)
        assert (sent["product"], sent["dest"], sent["check"]) == (product, dest, "1")
        assert call.url.isascii()


def test_the_check_by_parameter_is_the_purchase_and_check_1(account: Account) -> None:
    provider = account()
    assert provider.asking() is Asking.QUESTION
    assert provider.check(T1).url == provider.purchase(T1).url + "&check=1"


def test_the_check_by_resend_is_the_purchase(account: Account) -> None:
    provider = account(check="resend")
    assert provider.asking() is Asking.RESEND
    assert provider.check(T1) == provider.purchase(T1)


def test_an_account_that_cannot_be_asked_says_so(account: Account) -> None:
    provider = account(check="none")
    assert provider.asking() is Asking.NONE
    with pytest.raises(NotImplementedError, match="maxsi"):
        provider.check(T1)


def test_the_balance_in_both_signs_and_by_pin(account: Account) -> None:
    first = account().balance()
    second = account(balance_sign="empty").balance()
    assert urlsplit(first.url).path == "/trx/slug_unik/balance"
    assert parameters(first).keys() == {"memberID", "sign"}
    assert parameters(first)["sign"] != parameters(second)["sign"]
    by_pin = account(auth="pin", url="https://h.invalid/trx").balance()
    assert by_pin.url == "https://h.invalid/trx/balance?memberID=M001&pin=1234&password=secret"


def test_the_balance_may_live_elsewhere(account: Account) -> None:
    assert (
        account(balance_url="http://h.invalid/saldo").balance().url.startswith("http://h.invalid/saldo?memberID=M001")
    )
