"""No secret is left in what is kept, and what is no secret stays readable."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import Field, SecretStr

from gateway.net.redaction import (
    CUT,
    MASK,
    MAX_KEPT,
    Redactor,
    _any_escape,
    masking,
    recorded_call,
    recorded_text,
    secrets_of,
)
from gateway.provider import Call
from gateway.settings.types import Model, ProviderSettings

FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "percent": lambda s: quote(s, safe=""),
    "percent, lower hex": lambda s: "".join(c if len(c) == 1 else c.lower() for c in _escapes(quote(s, safe=""))),
    "percent, path": quote,
    "percent, twice": lambda s: quote(quote(s, safe=""), safe=""),
    "percent, every byte": lambda s: "".join(f"%{byte:02X}" for byte in s.encode()),
    "plus": quote_plus,
    "json": lambda s: json.dumps(s)[1:-1],
    "json, not ascii": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json, slashes": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "xml": escape,
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64, url": lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
    "base64, percent": lambda s: quote(base64.b64encode(s.encode()).decode(), safe=""),
}


def _escapes(text: str) -> list[str]:
    parts, at = [], 0
    while at < len(text):
        size = 3 if text[at] == "%" else 1
        parts.append(text[at : at + size])
        at += size
    return parts


@pytest.mark.parametrize("form", FORMS)
@given(
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=5, max_size=24),
    before=st.sampled_from(["", "pin=", "x", '{"pin": "', "refID=12&", "saldo 1.234 - "]),
    after=st.sampled_from(["", "&x=1", "y", '"}', " habis"]),
)
@settings(max_examples=60, deadline=None)
def test_a_secret_is_masked_in_every_form(form: str, secret: str, before: str, after: str) -> None:
    assume(not secret.isascii() or not secret.isdigit())
    # Half of an escape may stay at an end (`25`, `amp;`, a backslash), and of `xxxxxx` any five: it says nothing.
    assume(not {secret[0], secret[-1]} & set('%&\\"/') and len(set(secret)) > 1)
    shown = FORMS[form](secret)
    assume(len(shown) >= 5)
    assert Redactor([secret]).text(before + shown + after) == before + MASK + after


@given(
    secret=st.binary(min_size=8, max_size=20).map(lambda data: base64.b64encode(data).decode().rstrip("=")),
    before=st.binary(max_size=9),
    after=st.binary(max_size=9),
)
@settings(max_examples=100, deadline=None)
def test_a_secret_inside_longer_base64_is_masked(secret: str, before: bytes, after: bytes) -> None:
    shown = base64.b64encode(before + secret.encode() + after).decode()
    masked = Redactor([secret]).text(f"Basic {shown}")
    assert MASK in masked
    left = masked.removeprefix("Basic ").split(MASK)
    assert sum(map(len, left)) <= len(shown) - len(secret)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("pin=1234", "pin=***"),
        ("pin=1234&dest=081234567", "pin=***&dest=081234567"),
        ("XL5.0817.1234", "XL5.0817.***"),
        ("saldo 51234, trx 12345", "saldo 51234, trx 12345"),
        ("saldo 51234, pin 1234", "saldo 51234, pin ***"),
        ("pin%3D1234%26x", "pin%3D***%26x"),
        ("pin%3d%31%32%33%34", "pin%3d***"),
        (r'{"pin":"1234"}\n1234', r'{"pin":"***"}\n***'),
        (r"a\u003d1234", r"a\u003d***"),
        ("pin 1234.", "pin ***."),
        ("X1234 1234X", "X1234 1234X"),
        ("pin MTIzNA==", "pin ***"),
    ],
)
def test_a_short_secret_is_masked_where_it_stands_alone(text: str, masked: str) -> None:
    assert Redactor(["1234"]).text(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("pin=739182", "pin=***"),
        ("PIN739182x", "PIN***x"),
        ("pin%20739182", "pin%20***"),
        ("dest=0817391825 sn=1739182", "dest=0817391825 sn=1739182"),
    ],
)
def test_a_short_number_is_masked_where_no_digit_touches_it(text: str, masked: str) -> None:
    assert Redactor(["739182"]).text(text) == masked


def test_the_longer_secret_goes_first_and_empty_ones_are_none() -> None:
    redactor = Redactor(["", "password", "password-and-more", "password"])
    assert redactor.text("password-and-more, password") == "***, ***"
    assert Redactor([""]).text("as it is") == "as it is"


def test_bytes_that_are_no_text_are_masked_too() -> None:
    assert Redactor(["secret-value"]).data(b"\xffpin=secret-value\xfe") == "\ufffdpin=***\ufffd"


@given(text=st.text(), secrets=st.lists(st.text(max_size=12), max_size=4))
@settings(max_examples=100)
def test_redaction_never_raises_and_leaves_no_long_secret(text: str, secrets: list[str]) -> None:
    masked = Redactor(secrets).text(f"{text}{''.join(secrets[:1])}")
    for secret in secrets[:1]:
        if len(secret) > 8 and len(secrets) == 1:
            assert secret not in masked


class Inner(Model):
    token: SecretStr
    more: dict[str, tuple[SecretStr, ...]] = Field(default_factory=dict)


class Account(ProviderSettings):
    pin: SecretStr
    sign: SecretStr | None = None
    inner: tuple[Inner, ...] = ()


def _account(**more: Any) -> Account:
    return Account.model_validate(
        {"id": "a", "kind": "k", "url": "http://supplier.test/trx/slug-canary", "pin": "pin-canary", **more}
    )


def test_every_secret_of_an_account_is_found_however_deep() -> None:
    found = secrets_of(
        _account(
            reports={"token": "report-canary"},
            inner=[{"token": "inner-canary", "more": {"a": ["deep-canary"]}}],
            proxy="http://us:proxy%2Fcanary@127.0.0.1:1",
            url="http://supplier.test/trx/slug-canary/?key=query-canary&v=2",
        )
    )
    assert set(found) == {
        "pin-canary",
        "report-canary",
        "inner-canary",
        "deep-canary",
        "proxy%2Fcanary",
        "proxy/canary",
        "us:proxy%2Fcanary",
        "/trx/slug-canary",
        "query-canary",
    }


def test_what_is_recorded_of_an_exchange_holds_no_secret() -> None:
    redactor = Redactor(secrets_of(_account()))
    call = Call(
        method="POST",
        url="http://supplier.test/trx/slug-canary?pin=pin%2Dcanary&sign=sign%2Bcanary%3D&dest=0817",
        headers=(("Authorization", "Basic eDpjYW5hcnk="), ("X-Pin", "pin-canary"), ("Accept", "*/*")),
        body=b'{"pin":"pin-canary"}',
        secrets=("sign%2Bcanary%3D",),
    )
    mask = masking(call, redactor)
    kept = recorded_call(call, mask)
    assert kept.splitlines() == [
        "POST http://supplier.test***?pin=***&sign=***&dest=0817",
        "Authorization: ***",
        "X-Pin: ***",
        "Accept: */*",
        "",
        '{"pin":"***"}',
    ]
    assert recorded_text("sign sign+canary= pin pin-canary", mask) == "sign *** pin ***"


def test_a_long_body_is_masked_before_it_is_cut() -> None:
    redactor = Redactor(["pin-canary"])
    body = "x" * (MAX_KEPT - 3) + "pin-canary" + "y" * 9
    assert recorded_text(body, redactor.text) == "x" * (MAX_KEPT - 3) + MASK + CUT
    call = Call(method="POST", url="http://a.test/", body=body.encode())
    assert recorded_call(call, masking(call, redactor)).endswith(MASK + CUT)


@given(
    secret=st.sampled_from(["1234", "7", "aB3", "73918265", "/trx/slug", "a-b", "pin-canary", "-/-"]),
    text=st.lists(
        st.sampled_from(
            [
                r"1234",
                r"7",
                r"aB3",
                r"73918265",
                r"/trx/slug",
                r"slug",
                r"trx",
                r"a",
                r"b",
                r"-",
                r"/",
                r"%2F",
                r"%37",
                r"%31",
                r"\u0041",
                r"\n",
                r"x",
                r"9",
                r"é",
                r"pin",
                r"canary",
                r"%2D",
                r"&#45;",
            ]
        ),
        max_size=9,
    ).map("".join),
)
@settings(max_examples=300)
def test_looking_first_finds_all_that_the_patterns_find(secret: str, text: str) -> None:
    """The quick looks of the redactor (signs, runs, neighbours) pass by no text that holds the secret in some form."""
    redactor = Redactor([secret])
    (looked,) = redactor._secrets
    masked = redactor.text(text)
    pattern = re.compile(looked._before + "".join(map(_any_escape, secret)) + looked._after)
    if all(run in text for run in looked.runs) and pattern.search(text):
        assert masked != text
    if masked == text and not looked._before:
        assert secret not in text
