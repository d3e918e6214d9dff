"""The contract's tests pass a sound provider, and each of them catches the mistake that it is there for."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from gateway import (
    Acknowledgement,
    Asking,
    Attempt,
    Call,
    Outcome,
    OutcomeStatus,
    PriceListing,
    Provider,
    ProviderSettings,
    Reply,
    Report,
    UnreadableReportError,
    Update,
    rupiah,
)
from gateway.testing.provider_contract import ProviderContract


class BoltSettings(ProviderSettings):
    key: SecretStr
    hook: SecretStr


class Bolt(Provider[BoltSettings]):
    """A sound provider of a made-up dialect: JSON both ways, signed calls and signed reports."""

    kind = "bolt"
    Settings = BoltSettings

    def _call(self, path: str, **fields: Any) -> Call:
        sign = hashlib.sha256(f"{fields.get('ref')}{self.settings.key.get_secret_value()}".encode()).hexdigest()
        body = json.dumps({**fields, "sign": sign}).encode()
        return Call(method="POST", url=f"{self.settings.url}{path}", body=body, secrets=(sign,))

    def purchase(self, attempt: Attempt) -> Call:
        return self._call("/buy", sku=attempt.product, to=attempt.dest, ref=attempt.ref)

    def read_purchase(self, attempt: Attempt, reply: Reply) -> Outcome:
        data = _object(reply.body)
        return self._outcome(attempt, data) if reply.status == 200 and data else self._unknown(reply.text())

    def asking(self) -> Asking:
        return Asking.QUESTION

    def check(self, attempt: Attempt) -> Call:
        return self._call("/status", ref=attempt.ref)

    def read_check(self, attempt: Attempt, reply: Reply) -> Outcome:
        return self.read_purchase(attempt, reply)

    def read_report(self, report: Report) -> Sequence[Update]:
        if not hmac.compare_digest(_mac(report.body), report.headers.get("x-signature", "").encode()):
            raise UnreadableReportError("the signature is wrong")
        data = _object(report.body)
        if data is None or not isinstance(data.get("ref"), str):
            raise UnreadableReportError("no reference in it")
        return [Update(ref=data["ref"], outcome=self._outcome(None, data))]

    def balance(self) -> Call:
        return self._call("/balance")

    def read_balance(self, reply: Reply) -> int | None:
        data = _object(reply.body)
        return rupiah(data.get("left")) if reply.status == 200 and data else None

    def price_list(self) -> Call:
        return self._call("/prices")

    def read_price_list(self, reply: Reply) -> Sequence[PriceListing]:
        data = _object(reply.body) if reply.status == 200 else None
        rows = data.get("rows") if data else None
        return [line for row in rows if (line := _line(row))] if isinstance(rows, list) else []

    def _outcome(self, attempt: Attempt | None, data: dict[str, Any]) -> Outcome:
        word, code, ref = data.get("status"), data.get("code"), data.get("ref")
        ref = ref if isinstance(ref, str) else None
        if attempt is not None and ref != attempt.ref:
            return replace(self._unknown(str(data.get("say"))), ref=ref)
        price, serial = rupiah(data.get("price")), data.get("serial")
        verdicts = {("ok", "00"): OutcomeStatus.SUCCESS, ("no", "13"): OutcomeStatus.FAILED}
        verdicts[("wait", "01")] = OutcomeStatus.PENDING
        try:
            status = verdicts.get((word, code), OutcomeStatus.UNKNOWN)  # type: ignore[arg-type]  # anything may come
        except TypeError:
            status = OutcomeStatus.UNKNOWN
        message, serial = self._clean(str(data.get("say"))), serial if isinstance(serial, str) else None
        return Outcome(status=status, ref=ref, price=price, serial=serial, message=message)

    def _clean(self, text: str) -> str:
        for secret in (self.settings.key, self.settings.hook):
            text = text.replace(secret.get_secret_value(), "***")
        return text[:1000]

    def _unknown(self, text: str) -> Outcome:
        return Outcome(status=OutcomeStatus.UNKNOWN, message=self._clean(text))


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _line(row: object) -> PriceListing | None:
    match row:
        case {"sku": str(code), "name": str(name), "price": price, "open": bool(opened)}:
            amount = rupiah(price)
            return None if amount is None or not code else PriceListing(code=code, name=name, price=amount, open=opened)
    return None


def _mac(body: bytes) -> bytes:
    return hmac.new(b"hook-canary", body, "sha256").hexdigest().encode()


def _body(status: str, code: str, **more: Any) -> bytes:
    return json.dumps({"status": status, "code": code, "ref": "{ref}", "say": f"{status}!", **more}).encode()


def _signed(body: bytes) -> Report:
    return Report(method="POST", raw_query="", body=body, headers={"x-signature": _mac(body).decode()})


class BoltCases(ProviderContract):
    secrets = ("key-canary-77", "hook-canary")
    successes = (_body("ok", "00", serial="S1", price="5.400"),)
    failures = (_body("no", "13", serial="", price="0"),)
    pendings = (_body("wait", "01"),)
    undecided = (_body("no", "68", say="time out"), _body("no", "49", say="reference used already"))
    reports = (_signed(_body("ok", "00", serial="S1", price=5400).replace(b"{ref}", b"64525223")),)
    balances = ((b'{"left": "1.234.567"}', 1_234_567),)
    prices = ((successes[0], 5400),)
    price_lists: ClassVar = (
        (
            b'{"rows": [{"sku": "X5", "name": "XL 5", "price": 5400, "open": true}]}',
            [PriceListing(code="X5", name="XL 5", price=5400, open=True)],
        ),
    )
    question = "/status"
    provider: ClassVar[type[Provider[Any]]] = Bolt

    def make(self) -> Provider[Any]:
        account = {"id": "b", "kind": "bolt", "url": "http://supplier.invalid/h2h"}
        return self.provider(BoltSettings.model_validate({**account, "key": "key-canary-77", "hook": "hook-canary"}))


class TestASoundProvider(BoltCases):
    """Passes all of them."""


def _reads(change: Any) -> dict[str, Any]:
    """A Bolt whose reading of a purchase is changed: `change(self, attempt, reply, outcome)`."""

    def read_purchase(self: Bolt, attempt: Attempt, reply: Reply) -> Any:
        return change(self, attempt, reply, Bolt.read_purchase(self, attempt, reply))

    return {"read_purchase": read_purchase}


def _as_200(self: Bolt, attempt: Attempt, reply: Reply, outcome: Outcome) -> Outcome:
    return Bolt.read_purchase(self, attempt, replace(reply, status=200))


def _if_refusing(self: Bolt, attempt: Attempt, reply: Reply, outcome: Outcome) -> Outcome:
    return _as_200(self, attempt, reply, outcome) if 400 <= reply.status < 500 else outcome


def _by_code(self: Bolt, attempt: Attempt, reply: Reply, outcome: Outcome) -> Outcome:
    data = _object(reply.body) or {}
    word = {"00": "ok", "13": "no"}.get(str(data.get("code")), "")
    return self._outcome(attempt, {**data, "status": word}) if reply.status == 200 else outcome


def _ref_somewhere(self: Bolt, attempt: Attempt, reply: Reply, outcome: Outcome) -> Outcome:
    data = _object(reply.body)
    if data and attempt.ref in str(data.get("ref")) and reply.status == 200:
        return self._outcome(None, data)
    return outcome


def _late_is_failed(self: Bolt, attempt: Attempt, reply: Reply, outcome: Outcome) -> Outcome:
    late = reply.status == 200 and outcome.ref == attempt.ref and b'"no"' in reply.body
    return replace(outcome, status=OutcomeStatus.FAILED) if late else outcome


def _gone_is_never_seen(self: Bolt, attempt: Attempt, reply: Reply, outcome: Outcome) -> Outcome:
    return replace(outcome, status=OutcomeStatus.UNKNOWN, never_seen=True) if reply.status == 404 else outcome


def _remembers(self: Any, attempt: Attempt, reply: Reply, outcome: Outcome) -> Outcome:
    again = getattr(self, "seen", None) == attempt.ref
    self.seen = attempt.ref
    return self._unknown("again") if again else outcome


def _by_the_hour(self: Bolt, attempt: Attempt, reply: Reply, outcome: Outcome) -> Outcome:
    return replace(outcome, message=f"{outcome.message} {datetime.now(UTC):%d}"[:1000])


def _lower(self: Bolt, attempt: Attempt, reply: Reply, outcome: Outcome) -> Outcome:
    (_object(reply.body) or {}).get("status", "").lower()
    return outcome


_SLOW = re.compile(r"^(\w+\s?)*$")


def _slowly(self: Bolt, attempt: Attempt, reply: Reply, outcome: Outcome) -> Outcome:
    _SLOW.match(reply.text()[:23] + "!")
    return outcome


def _called(**changed: Any) -> dict[str, Any]:
    return {"_call": lambda self, path, **fields: replace(Bolt._call(self, path, **fields), **changed)}


def _told(self: Bolt, report: Report) -> Sequence[Update]:
    data = _object(report.body)
    if data is None or not isinstance(data.get("ref"), str):
        raise UnreadableReportError("no reference in it")
    return [Update(ref=data["ref"], outcome=self._outcome(None, data))]


def _told_by_text(self: Bolt, report: Report) -> Sequence[Update]:
    if not hmac.compare_digest(_mac(report.body).decode(), report.headers.get("x-signature", "")):
        raise UnreadableReportError("the signature is wrong")
    return _told(self, report)


def _price(self: Bolt, attempt: Attempt, reply: Reply, outcome: Outcome) -> Outcome:
    return replace(outcome, price=outcome.price and int(float("5.400")))


def _as_float(amount: int) -> Any:
    return float(amount)


MISTAKES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "success on 500": ("a_server_error_decides_nothing_whatever_it_says", _reads(_as_200)),
    "success on 404": ("a_success_behind_a_refusing_status_code_is_none", _reads(_if_refusing)),
    "404 is never seen": ("a_status_code_alone_decides_no_delivery", _reads(_gone_is_never_seen)),
    "the code without the word": ("one_field_alone_turns_no_verdict_around", _reads(_by_code)),
    "our reference inside another": ("an_answer_about_another_reference_is_unknown", _reads(_ref_somewhere)),
    "the reference is not told": (
        "the_reference_that_was_read_is_told",
        _reads(lambda self, attempt, reply, outcome: replace(outcome, ref=None)),
    ),
    "a time-out is a failure": ("what_decides_nothing_is_neither_success_nor_failure", _reads(_late_is_failed)),
    "money as float": (
        "money_is_whole_rupiah",
        _reads(lambda self, attempt, reply, outcome: replace(outcome, price=5400.0)),
    ),
    "thousands read as decimals": ("money_is_whole_rupiah", _reads(_price)),
    "a status that is a text": (
        "an_outcome_is_made_of_what_it_should_be",
        _reads(lambda self, attempt, reply, outcome: replace(outcome, status=str(outcome.status))),
    ),
    "nothing at all": (
        "an_outcome_is_made_of_what_it_should_be",
        _reads(lambda self, attempt, reply, outcome: None),
    ),
    "raises for a number": ("a_spoilt_field_never_raises_and_never_turns_a_verdict_around", _reads(_lower)),
    "a slow pattern": ("reading_is_quick_whatever_comes", _reads(_slowly)),
    "remembers": ("nothing_is_remembered_between_calls", _reads(_remembers)),
    "reads by the clock": ("no_call_and_no_reading_looks_at_the_clock", _reads(_by_the_hour)),
    "calls by the clock": (
        "no_call_and_no_reading_looks_at_the_clock",
        {"purchase": lambda self, attempt: self._call("/buy", ref=attempt.ref, at=int(time.time()))},
    ),
    "a signature that is not listed": ("what_is_kept_of_a_call_does_not_depend_on_a_secret", _called(secrets=())),
    "a secret in repr": (
        "the_provider_and_its_settings_hide_the_secrets",
        {"__repr__": lambda self: f"Bolt({self.settings.key.get_secret_value()})"},
    ),
    "ignores the product": (
        "another_destination_or_product_gives_another_call",
        {"purchase": lambda self, attempt: self._call("/buy", to=attempt.dest, ref=attempt.ref)},
    ),
    "a check that buys": (
        "asking_is_told_truly",
        {"check": lambda self, attempt: replace(self.purchase(attempt), headers=(("x-check", "1"),))},
    ),
    "a check without its mark": (
        "a_question_is_never_asked_without_its_mark",
        {"check": lambda self, attempt: self._call("/buy" if attempt.supplier_ref else "/status", ref=attempt.ref)},
    ),
    "a purchase that changes later": (
        "what_was_learnt_since_does_not_change_a_purchase",
        {"purchase": lambda self, attempt: self._call("/buy", ref=attempt.ref, at=str(attempt.started_at))},
    ),
    "a report without signature": ("a_signed_report_that_was_changed_says_nothing", {"read_report": _told}),
    "raises for a strange signature": (
        "a_signed_report_that_was_changed_says_nothing",
        {"read_report": _told_by_text},
    ),
    "raises for a cut report": (
        "a_report_that_was_cut_or_spoilt_never_raises_and_never_turns_around",
        {"read_report": lambda self, report: (json.loads(report.body), Bolt.read_report(self, report))[1]},
    ),
    "a secret in a report's message": (
        "a_report_that_repeats_our_secrets_does_not_leak_them",
        {"_clean": lambda self, text: text[:1000], "read_report": _told},
    ),
    "thanks by what it read": (
        "every_report_is_acknowledged_alike",
        {"acknowledge": lambda self, report: Acknowledgement(body=report.body[:5])},
    ),
    "a balance behind an error": (
        "the_balance_is_whole_rupiah_or_nothing",
        {"read_balance": lambda self, reply: Bolt.read_balance(self, replace(reply, status=200))},
    ),
    "prices that raise": (
        "a_price_list_is_whole_rupiah_or_nothing",
        {"read_price_list": lambda self, reply: [_line(row) for row in json.loads(reply.body)["rows"]]},
    ),
    "prices as float": (
        "a_price_list_is_whole_rupiah_or_nothing",
        {"read_price_list": lambda self, reply: [
            replace(line, price=_as_float(line.price)) for line in Bolt.read_price_list(self, reply)]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_caught_by_its_law(mistake: str) -> None:
    law, changed = MISTAKES[mistake]
    cases = type("Cases", (BoltCases,), {"provider": type("Mistaken", (Bolt,), changed)})
    with pytest.raises(Exception) as caught:  # noqa: PT011 - a plugin that raises fails its law by what it raises
        getattr(cases(), f"test_{law}")()
    assert not isinstance(caught.value, NameError), caught.value


@pytest.mark.parametrize("missing", ["successes", "failures", "secrets", "reports", "balances", "price_lists"])
def test_a_kind_of_case_that_was_not_recorded_is_missed(missing: str) -> None:
    with pytest.raises(AssertionError, match=r"record at least|name the account's secrets"):
        type("Cases", (BoltCases,), {missing: ()})().test_the_recorded_cases_are_there()


def test_a_field_that_decides_alone_at_this_supplier_can_be_named() -> None:
    mistaken = type("Mistaken", (Bolt,), _reads(_by_code))
    cases = type("Cases", (BoltCases,), {"provider": mistaken, "decides_alone": ("code",)})
    cases().test_one_field_alone_turns_no_verdict_around()


def test_a_plugin_that_connects_while_it_is_imported_is_caught(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plugin_that_connects.py").write_text(
        "import urllib.request\ntry:\n    urllib.request.urlopen('http://127.0.0.1:9/')\nexcept OSError:\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    kind = type("Connecting", (Bolt,), {"__module__": "plugin_that_connects"})
    cases = type("Cases", (BoltCases,), {"provider": kind})
    with pytest.raises(AssertionError, match=r"plugin_that_connects: a connection was opened"):
        cases().test_importing_it_opens_no_connection()
