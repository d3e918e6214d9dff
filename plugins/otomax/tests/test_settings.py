"""The account's settings: what is refused, and what the refusal says."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway import OutcomeStatus, ReasonCode, RecordedMessage
from gateway_otomax import OtomaxProvider, OtomaxSettings

ACCOUNT: dict[str, Any] = {
    "id": "maxsi",
    "kind": "otomax",
    "url": "http://trx.supplier.invalid/trx/slug_unik",
    "member_id": "M001",
    "pin": "1234",
    "password": "secret-canary",
}


def make(**settings: Any) -> OtomaxSettings:
    return OtomaxSettings.model_validate({**ACCOUNT, **settings})


@pytest.mark.parametrize(
    ("settings", "where", "words"),
    [
        ({"rules": [{"name": "a", "match": "(", "status": "failed"}]}, "match", "no regular expression"),
        ({"rules": [{"name": "a", "match": "(a+)+", "status": "failed"}]}, "match", "repeated group"),
        (
            {"rules": [{"name": "a", "match": "a", "unless": "[", "status": "failed"}]},
            "unless",
            "no regular expression",
        ),
        ({"rules": [{"name": "a", "match": "a", "status": "sukses"}]}, "status", "'success', 'failed'"),
        ({"rules": [{"name": "a", "match": "a", "status": "failed", "reason": "x"}]}, "reason", "invalid_destination"),
        ({"rules": [{"name": "a", "match": "a", "status": "failed", "never_seen": True}]}, "rules", "never_seen"),
        ({"rules": [{"name": "a", "match": "a", "status": "failed"}] * 2}, "", "two rules have the name 'a'"),
        ({"rules_without": ["sucess"]}, "", "no rule 'sucess'"),
        ({"status_codes": {2: "sukses"}}, "status_codes", "'success', 'failed'"),
        ({"status_codes": {"x": "success"}}, "status_codes", "integer"),
        ({"status_codes": {1: {"status": "failed", "account_refused": True}}}, "status_codes", "account_refused"),
        ({"url": "trx.supplier.invalid"}, "url", "http://"),
        ({"url": "http://h.invalid/a b"}, "url", "URL"),
        ({"params": {"dest": "x"}}, "", "two parameters are called 'dest'"),
        ({"sing_encoding": "hex"}, "sing_encoding", "not permitted"),
        ({"check": "maybe"}, "check", "'param', 'resend' or 'none'"),
    ],
)
def test_a_mistake_is_told_where_it_is_and_in_words(settings: dict[str, Any], where: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make(**settings)
    error = caught.value.errors()[0]
    assert where in map(str, error["loc"]) or not where
    assert words in error["msg"]
    assert "secret-canary" not in str(caught.value)


def test_the_defaults_are_what_most_suppliers_take() -> None:
    settings = make()
    assert (settings.method, settings.auth, settings.check) == ("GET", "sign", "param")
    assert (settings.sign_prefix, settings.sign_encoding, settings.sign_case) == ("OtomaX", "base64url", "as_given")


def test_an_accounts_code_table_is_read_by_single_words() -> None:
    provider = OtomaxProvider(make(status_codes={1: "pending", 2: "success", 3: "failed"}))
    read = [provider.read_message(RecordedMessage(text="", status_code=code)).status for code in (1, 2, 3, 40)]
    assert read == [OutcomeStatus.PENDING, OutcomeStatus.SUCCESS, OutcomeStatus.FAILED, OutcomeStatus.FAILED]


def test_the_default_table_can_be_left_out() -> None:
    provider = OtomaxProvider(make(status_codes={2: "success"}, default_status_codes=False))
    assert provider.read_message(RecordedMessage(text="", status_code=40)).status is OutcomeStatus.UNKNOWN


def test_an_account_extends_and_replaces_rules() -> None:
    rules = [
        {"name": "kuota", "match": "kuota habis", "status": "failed", "reason": "product_unavailable"},
        {"name": "waiting", "match": "sabar ya", "status": "pending"},
    ]
    provider = OtomaxProvider(make(rules=rules, rules_without=["time-out"]))
    own = provider.read_message(RecordedMessage(text="R#1 KUOTA HABIS"))
    assert (own.status, own.rule, own.reason) == (OutcomeStatus.FAILED, "kuota", ReasonCode.PRODUCT_UNAVAILABLE)
    assert provider.read_message(RecordedMessage(text="Sabar ya kak")).rule == "waiting"
    assert provider.read_message(RecordedMessage(text="R#1 X5.0812 akan diproses")).rule is None
    assert provider.read_message(RecordedMessage(text="R#1 X5.081234567 GAGAL")).rule == "failed"


def test_an_account_can_do_without_the_default_rules() -> None:
    provider = OtomaxProvider(make(default_rules=False))
    assert provider.read_message(RecordedMessage(text="R#1 X5.081234567 GAGAL")).status is OutcomeStatus.UNKNOWN
