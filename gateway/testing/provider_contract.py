"""The law that every provider keeps, as a test class to inherit.

    class TestAcme(ProviderContract):
        def make(self) -> Provider[Any]: ...
        secrets = ("the-password", "1234-pin")
        successes = (b"R#{ref} X.{dest} SUKSES. SN: 1",)
        failures = (b"R#{ref} X.{dest} GAGAL",)

In every recorded body `{ref}`, `{product}` and `{dest}` stand for those of the attempt. What a kind cannot do (read off
the class by `capabilities`) its tests pass over.
"""

# ruff: noqa: S101 - a test class asserts

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from gateway.provider import (
    Acknowledgement,
    Asking,
    Attempt,
    Call,
    Capability,
    Outcome,
    OutcomeStatus,
    Provider,
    RecordedMessage,
    Reply,
    Report,
    UnreadableReportError,
    Update,
    capabilities,
)

__all__ = ["ProviderContract"]

_DECIDED = (OutcomeStatus.SUCCESS, OutcomeStatus.FAILED, OutcomeStatus.REJECTED)

_NO_ANSWERS = (
    b"",
    b" \r\n\t ",
    b"{}",
    b"[]",
    b"null",
    b"0",
    b"{",
    b'{"data": {}}',
    b"\x00\x00\x00",
    b"\xff\xfe\xfa\x80\x81",
    b"\xef\xbb\xbf",
    b"zyzzyva quux 42",
    b"kami segera kabari lagi ya kak",
    b"OK",
    b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    b"<!DOCTYPE html><title>SUKSES BERHASIL SUCCESS GAGAL FAILED</title>",
    b'<?xml version="1.0"?><status>success</status>',
)


class ProviderContract:
    """Inherit, fill in, and pytest runs the law over your provider."""

    secrets: ClassVar[Sequence[str]] = ()
    """Every secret of the account that `make` sets up. At least six characters each, so that a find is no accident."""
    successes: ClassVar[Sequence[bytes]] = ()
    """Bodies that say that the attempt succeeded."""
    failures: ClassVar[Sequence[bytes]] = ()
    """Bodies that say that the attempt failed."""
    pendings: ClassVar[Sequence[bytes]] = ()
    """Bodies that say that the supplier is working on it."""
    reports: ClassVar[Sequence[Report]] = ()
    """Readable call backs."""
    balances: ClassVar[Sequence[tuple[bytes, int]]] = ()
    """Answers to a balance question, and the balance in them."""
    attempt: ClassVar[Attempt] = Attempt(ref="763871234567123456", product="X5", dest="081712345678")

    def make(self) -> Provider[Any]:
        """One account, with the secrets that `secrets` lists."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _no_socket(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("a provider opened a socket: the gateway sends, a provider only says what")

        monkeypatch.setattr(socket, "create_connection", refuse)
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket.socket, "connect_ex", refuse)
        monkeypatch.setattr(socket.socket, "sendto", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)

    # What the test class itself must bring.

    def test_the_recorded_cases_are_there(self) -> None:
        assert self.successes, "record at least one success"
        assert self.failures, "record at least one failure"
        assert self.secrets, "name the account's secrets, so that the contract can look for them"
        assert all(len(secret) >= 6 for secret in self.secrets), "a shorter secret could be found by accident"
        able = capabilities(type(self.make()))
        assert Capability.PURCHASE in able
        assert Capability.REPORT not in able or self.reports, "record at least one report"
        assert Capability.BALANCE not in able or self.balances, "record at least one balance"

    def test_the_kind_is_a_name_the_configuration_can_hold(self) -> None:
        kind = type(self.make()).kind
        assert kind
        assert all(char in "abcdefghijklmnopqrstuvwxyz0123456789-" for char in kind)

    # Calls.

    def test_the_same_attempt_gives_the_same_call(self) -> None:
        assert _whole(self.make().purchase(self.attempt)) == _whole(self.make().purchase(self.attempt))

    def test_another_reference_gives_another_call(self) -> None:
        provider = self.make()
        other = replace(self.attempt, ref="763871234567123457")
        assert _whole(provider.purchase(self.attempt)) != _whole(provider.purchase(other))

    def test_a_call_is_http_and_encoded(self) -> None:
        odd = replace(self.attempt, dest="08 17&x=1#?%+ä", product="X&5")
        for call in (*self._calls(self.attempt), *self._calls(odd)):
            assert call.method in ("GET", "POST", "PUT")
            assert call.url.startswith(("http://", "https://"))
            assert call.url.isascii()
            assert not any(char.isspace() for char in call.url)
            assert "#" not in call.url

    def test_no_call_shows_a_secret_in_its_repr(self) -> None:
        for call in self._calls(self.attempt):
            _absent(self.secrets, repr(call))

    def test_every_secret_in_a_call_is_listed(self) -> None:
        for call in self._calls(self.attempt):
            everything = " ".join(_whole(call))
            for secret in self.secrets:
                assert secret not in everything or any(secret in listed for listed in call.secrets)

    def test_the_provider_and_its_settings_hide_the_secrets(self) -> None:
        provider = self.make()
        _absent(self.secrets, repr(provider), str(provider), repr(provider.settings), str(provider.settings))

    # Reading.

    def test_what_says_nothing_decides_nothing(self) -> None:
        for body in _NO_ANSWERS:
            for outcome in self._read(_reply(body)):
                assert outcome.status is OutcomeStatus.UNKNOWN, f"{body!r} was read as {outcome.status}"
                assert not outcome.never_seen, f"{body!r} was read as: never seen"

    def test_a_server_error_decides_nothing_whatever_it_says(self) -> None:
        for body in self._recorded():
            for status in (500, 502, 503, 504, 520):
                for outcome in self._read(_reply(body, status)):
                    assert outcome.status is OutcomeStatus.UNKNOWN

    def test_a_redirect_decides_nothing_whatever_it_says(self) -> None:
        for body in self._recorded():
            for status in (301, 302, 307, 308):
                for outcome in self._read(_reply(body, status)):
                    assert outcome.status is OutcomeStatus.UNKNOWN

    def test_words_inside_a_page_decide_nothing(self) -> None:
        for body in self._recorded():
            for outcome in self._read(_reply(b"<!DOCTYPE html><html><body>" + body + b"</body></html>")):
                assert outcome.status is OutcomeStatus.UNKNOWN

    def test_recorded_successes_are_successes(self) -> None:
        for body in self._filled(self.successes):
            assert self.make().read_purchase(self.attempt, _reply(body)).status is OutcomeStatus.SUCCESS, body

    def test_recorded_failures_are_failures(self) -> None:
        for body in self._filled(self.failures):
            status = self.make().read_purchase(self.attempt, _reply(body)).status
            assert status in (OutcomeStatus.FAILED, OutcomeStatus.REJECTED), body

    def test_recorded_pendings_are_pending(self) -> None:
        for body in self._filled(self.pendings):
            assert self.make().read_purchase(self.attempt, _reply(body)).status is OutcomeStatus.PENDING, body

    def test_a_truncated_answer_never_turns_into_its_opposite(self) -> None:
        for bodies, right in ((self.successes, _DECIDED[:1]), (self.failures, _DECIDED[1:]), (self.pendings, ())):
            for body in self._filled(bodies):
                for length in range(len(body)):
                    for outcome in self._read(_reply(body[:length])):
                        assert outcome.status not in _DECIDED or outcome.status in right, body[:length]

    def test_an_answer_about_another_reference_is_unknown(self) -> None:
        named = [body for body in (*self.successes, *self.failures, *self.pendings) if b"{ref}" in body]
        assert named, "record at least one body that names the reference"
        for body in self._filled(named, ref="404404404404404"):
            for outcome in self._read(_reply(body)):
                assert outcome.status is OutcomeStatus.UNKNOWN, body

    def test_reading_twice_gives_the_same(self) -> None:
        for body in self._recorded():
            assert self._read(_reply(body)) == self._read(_reply(body))

    def test_a_supplier_that_repeats_our_secrets_does_not_leak_them(self) -> None:
        calls = self._calls(self.attempt)
        listed = {secret for call in calls for secret in call.secrets if len(secret) >= 6}
        echoes = [" ".join(_whole(call)).encode() for call in calls]
        for echo in (*echoes, *(secret.encode() for secret in self.secrets)):
            for body in (echo, b"GAGAL. " + echo, *(body + b" " + echo for body in self._recorded())):
                for outcome in self._read(_reply(body)):
                    _absent(self.secrets, repr(outcome), outcome.message)
                    _absent([secret for secret in listed if secret in self.secrets], outcome.message)

    def test_money_is_whole_rupiah(self) -> None:
        for body in self._recorded():
            for outcome in self._read(_reply(body)):
                assert type(outcome.price) in (int, type(None))
                assert type(outcome.balance) in (int, type(None))

    def test_a_message_is_kept_short(self) -> None:
        for body in (b"x" * 65_536, b"GAGAL " * 10_000, *(body + b" y" * 30_000 for body in self._recorded())):
            for outcome in self._read(_reply(body)):
                assert len(outcome.message) <= 1_000

    # Asking.

    def test_asking_is_told_truly(self) -> None:
        provider = self.make()
        assert provider.asking() in Asking
        if provider.asking() is Asking.RESEND:
            assert _whole(provider.check(self.attempt)) == _whole(provider.purchase(self.attempt))
        elif provider.asking() is Asking.QUESTION:
            assert _whole(provider.check(self.attempt)) != _whole(provider.purchase(self.attempt))

    # Reports.

    def test_the_same_report_twice_is_the_same_update(self) -> None:
        for report in self.reports:
            first, second = self.make().read_report(report), self.make().read_report(report)
            assert list(first) == list(second)
            assert all(isinstance(update, Update) for update in first)
            assert first

    def test_a_report_names_a_purchase(self) -> None:
        for report in self.reports:
            assert all(update.ref or update.supplier_ref for update in self.make().read_report(report))

    def test_a_report_that_says_nothing_is_unreadable_or_unknown(self) -> None:
        if Capability.REPORT not in capabilities(type(self.make())):
            return
        for body in _NO_ANSWERS:
            for report in (
                Report(method="POST", raw_query="", body=body),
                Report(method="GET", raw_query=body.decode("latin-1")),
            ):
                try:
                    updates = self.make().read_report(report)
                except UnreadableReportError:
                    continue
                assert all(update.outcome.status is OutcomeStatus.UNKNOWN for update in updates), body

    def test_every_report_is_acknowledged_alike(self) -> None:
        provider = self.make()
        known = [provider.acknowledge(report) for report in self.reports]
        stranger = provider.acknowledge(Report(method="GET", raw_query="x=1"))
        assert isinstance(stranger, Acknowledgement)
        assert all(answer == stranger for answer in known)

    # Balance and recorded messages.

    def test_the_balance_is_whole_rupiah_or_nothing(self) -> None:
        if Capability.BALANCE not in capabilities(type(self.make())):
            return
        for body, balance in self.balances:
            found = self.make().read_balance(_reply(body))
            assert type(found) is int
            assert found == balance
        for body in _NO_ANSWERS:
            assert type(self.make().read_balance(_reply(body))) in (int, type(None))
            assert self.make().read_balance(_reply(body, 503)) is None

    def test_a_recorded_message_reads_like_a_live_one(self) -> None:
        if Capability.RULES not in capabilities(type(self.make())):
            return
        provider = self.make()
        for body in self._recorded():
            live = provider.read_purchase(self.attempt, _reply(body))
            recorded = provider.read_message(RecordedMessage(text=body.decode("utf-8", errors="replace")))
            assert (recorded.status, recorded.serial) == (live.status, live.serial)

    # How it is done.

    def _calls(self, attempt: Attempt) -> list[Call]:
        provider = self.make()
        able = capabilities(type(provider))
        calls = [provider.purchase(attempt)]
        if Capability.CHECK in able and provider.asking() is not Asking.NONE:
            calls.append(provider.check(attempt))
        if Capability.BALANCE in able:
            calls.append(provider.balance())
        if Capability.PRICE_LIST in able:
            calls.append(provider.price_list())
        return calls

    def _read(self, reply: Reply) -> list[Outcome]:
        provider = self.make()
        outcomes = [provider.read_purchase(self.attempt, reply)]
        if Capability.CHECK in capabilities(type(provider)) and provider.asking() is not Asking.NONE:
            outcomes.append(provider.read_check(self.attempt, reply))
        return outcomes

    def _recorded(self) -> list[bytes]:
        return self._filled((*self.successes, *self.failures, *self.pendings))

    def _filled(self, bodies: Sequence[bytes], ref: str | None = None) -> list[bytes]:
        words = {"ref": ref or self.attempt.ref, "product": self.attempt.product, "dest": self.attempt.dest}
        filled = []
        for body in bodies:
            for name, value in words.items():
                body = body.replace(b"{%s}" % name.encode(), value.encode())  # noqa: PLW2901 - filled step by step
            filled.append(body)
        return filled


def _reply(body: bytes, status: int = 200) -> Reply:
    return Reply(status=status, headers={"content-type": "text/plain"}, body=body)


def _whole(call: Call) -> tuple[str, ...]:
    """Everything of a call that goes over the wire."""
    headers = [f"{name}: {value}" for name, value in call.headers]
    return (call.method, call.url, *headers, (call.body or b"").decode("latin-1"))


def _absent(secrets: Sequence[str], *texts: str) -> None:
    for secret in secrets:
        for text in texts:
            assert secret not in text, f"a secret of {len(secret)} characters shows"
