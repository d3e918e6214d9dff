"""Call backs: by query, form and JSON, encoded or not, whole or reduced."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import OutcomeStatus, Report, UnreadableReportError, Update
from gateway_otomax import OtomaxProvider
from gateway_otomax.report import parameters_of

Account = Callable[..., OtomaxProvider]
S, F, P, U = OutcomeStatus.SUCCESS, OutcomeStatus.FAILED, OutcomeStatus.PENDING, OutcomeStatus.UNKNOWN

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
TEXT = "T#1 R#645 IP30.08575xxx724 SUKSES. SN/Ref:038/A+B&c=d 50% x. Stok Terpotong 30.442 .Stok 75.377.526 @09:58:47"


def get(query: str) -> Report:
    return Report(method="GET", raw_query=query)


def only(account: Account, report: Report) -> Update:
    (update,) = account().read_report(report)
    return update


def test_a_success_from_the_suppliers_guide(account: Account) -> None:
    update = only(
        account,
        get(
            "t=95847&refid=64525223&status=20&price=30442&message=TRANSAKSI LANCAR T#1 R#64525223 IP30.08575xxx724 "
            "SUKSES. SN/Ref:038xxx2443623 . Stok Terpotong 30.442 .Stok 75.377.526 @22/08/25 09:58:47"
        ),
    )
    assert (update.ref, update.supplier_ref) == ("64525223", "1")
    outcome = update.outcome
    assert (outcome.status, outcome.serial) == (S, "038xxx2443623")
    assert (outcome.price, outcome.balance) == (30_442, 75_377_526)


def test_a_failure_from_the_suppliers_guide(account: Account) -> None:
    update = only(
        account,
        get(
            "t=95624&refid=64524755&status=40&price=1900&message=R#64524755 SP1.1.085333753276 TRANSAKSI GAGAL. . "
            "Stok 75.480.811 @09:56:24."
        ),
    )
    assert (update.ref, update.outcome.status, update.outcome.balance) == ("64524755", F, 75_480_811)


@pytest.mark.parametrize("write", [str, quote, quote_plus, lambda text: text.replace(" ", "%20")])
def test_a_message_is_the_same_encoded_or_not(account: Account, write: Callable[[str], str]) -> None:
    update = only(account, get(f"refid=645&status=20&message={write(TEXT)}"))
    assert update.outcome.message == TEXT
    assert update.outcome.serial == "038/A+B&c=d 50% x"
    assert update.outcome.status is S


def test_encoded_parameters_behind_the_message_are_parameters(account: Account) -> None:
    update = only(account, get("message=R%23645+X.08575+GAGAL&refid=645&status=40&price=0"))
    assert (update.ref, update.outcome.status) == ("645", F)
    assert update.outcome.message == "R#645 X.08575 GAGAL"


def test_what_follows_in_an_unencoded_message_belongs_to_it(account: Account) -> None:
    update = only(account, get("message=R#645 X.081712345 SUKSES. SN: A&status=40&refid=999"))
    assert (update.ref, update.outcome.status) == ("645", S)
    assert update.outcome.message.endswith("SN: A&status=40&refid=999")


@pytest.mark.parametrize(
    "query",
    [
        "refID=645&message=X.081712345 GAGAL",
        "ref_id=645&msg=X.081712345 GAGAL",
        "clientid=645&statuscode=2&msg=X.081712345 GAGAL",
        "reffid=645&rc=40&pesan=GAGAL",
        "idtrx=645&pesan=X.081712345+GAGAL",
        "message=R#645 X.081712345 GAGAL",
        "serverid=9&clientid=645&statuscode=2&kp=X&msisdn=081712345&sn=&msg=TRX X.081712345 GAGAL, SISA SALDO:5",
    ],
)
def test_reduced_forms_and_other_names(account: Account, query: str) -> None:
    update = only(account, get(query))
    assert (update.ref, update.outcome.status) == ("645", F)


def test_a_form_body_and_a_json_body(account: Account) -> None:
    form = Report(method="POST", raw_query="", headers=FORM, body=f"refid=645&status=20&message={TEXT}".encode())
    json = Report(method="POST", raw_query="", body=b'{"refid":"645","status":20,"message":"R#645 SUKSES. SN: 7"}')
    assert only(account, form).outcome.serial == "038/A+B&c=d 50% x"
    assert (only(account, json).ref, only(account, json).outcome.serial) == ("645", "7")


def test_the_reference_in_the_query_and_the_rest_in_the_body(account: Account) -> None:
    update = only(account, Report(method="POST", raw_query="refid=645", body=b"X.081712345 GAGAL"))
    assert (update.ref, update.outcome.status) == ("645", F)


def test_a_list_is_several_updates(account: Account) -> None:
    body = b'[{"refid":"1","status":20,"sn":"7"},{"refid":"2","status":40,"message":"GAGAL"}]'
    updates = account().read_report(Report(method="POST", raw_query="", body=body))
    assert [(update.ref, update.outcome.status) for update in updates] == [("1", S), ("2", F)]


def test_a_report_whose_text_names_another_reference_decides_nothing(account: Account) -> None:
    update = only(account, get("refid=645&status=20&message=R#999 X.081712345 SUKSES. SN: 1"))
    assert (update.ref, update.outcome.status) == ("645", U)


def test_the_price_of_a_failure_is_only_what_was_written(account: Account) -> None:
    assert only(account, get("refid=645&status=40&price=0&message=X.081712345 GAGAL")).outcome.status is F


@pytest.mark.parametrize("query", ["", "x=1", "status=20", "refid=645", "message=", "=&=&=", "%%%"])
def test_a_report_that_says_nothing_is_unreadable(account: Account, query: str) -> None:
    with pytest.raises(UnreadableReportError):
        account().read_report(get(query))


def test_every_report_is_answered_ok_or_as_the_account_says(account: Account) -> None:
    assert account().acknowledge(get("")).body == b"OK"
    assert account(report_answer="sukses").acknowledge(get("x=1")).body == b"sukses"


@given(st.text(max_size=120).filter(lambda text: text == text.strip() and "\x00" not in text))
@settings(max_examples=100)
def test_an_encoded_message_is_read_back_whatever_it_holds(text: str) -> None:
    try:
        encoded = quote(text)
    except UnicodeEncodeError:
        return
    decoded = parameters_of(f"refid=1&status=1&message={encoded.replace('%20', '+')}")["message"]
    assert decoded == text or "%20" in text


@given(query=st.text(max_size=120), body=st.binary(max_size=120), kind=st.sampled_from([{}, FORM]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_report_is_read_or_unreadable(account: Account, query: str, body: bytes, kind: dict[str, str]) -> None:
    try:
        updates = account().read_report(Report(method="POST", raw_query=query, headers=kind, body=body))
    except UnreadableReportError:
        return
    assert all(isinstance(update, Update) for update in updates)
