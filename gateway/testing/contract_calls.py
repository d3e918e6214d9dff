"""The laws about the calls that a provider makes."""

# ruff: noqa: S101 - a test class asserts

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.net.redaction import Redactor, masking, recorded_call, secrets_of
from gateway.provider import Asking, Attempt, Call, Provider
from gateway.testing.contract_base import ContractBase, absent, reply, whole_call
from gateway.testing.contract_clock import another_day

_IMPORT = """
import importlib, os, socket, sys
sys.path[:] = {path!r}
def refuse(*_, **__):
    os.write(2, b"a connection was opened, or a name was looked up")
    os._exit(3)
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refuse
importlib.import_module({module!r})
"""


class CallLaws(ContractBase):
    """What a call is made of, and what it must not show."""

    def test_the_same_attempt_gives_the_same_call(self) -> None:
        assert whole_call(self.make().purchase(self.attempt)) == whole_call(self.make().purchase(self.attempt))

    def test_another_reference_gives_another_call(self) -> None:
        provider = self.make()
        other = replace(self.attempt, ref="763871234567123457")
        assert whole_call(provider.purchase(self.attempt)) != whole_call(provider.purchase(other))

    def test_another_destination_or_product_gives_another_call(self) -> None:
        provider = self.make()
        bought = whole_call(provider.purchase(self.attempt))
        assert bought != whole_call(provider.purchase(replace(self.attempt, dest="081787654321"))), "dest is ignored"
        assert bought != whole_call(provider.purchase(replace(self.attempt, product="X10"))), "product is ignored"

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
            absent(self.secrets, repr(call))

    def test_every_secret_in_a_call_is_listed(self) -> None:
        for call in self._calls(self.attempt):
            everything = " ".join(whole_call(call))
            for secret in self.secrets:
                assert secret not in everything or any(secret in listed for listed in call.secrets)

    def test_what_is_kept_of_a_call_does_not_depend_on_a_secret(self) -> None:
        """Two accounts that differ in one secret make calls that are kept alike: a signature that is not in
        `Call.secrets` shows here, and so does a secret in a form that the gateway does not know."""
        provider = self.make()
        kept = [_kept(provider, call) for call in self._calls(self.attempt, provider)]
        for name, other in _with_another_secret(provider):
            for mine, theirs in zip(
                kept, (_kept(other, call) for call in self._calls(self.attempt, other)), strict=True
            ):
                assert mine == theirs, f"what is made from the secret {name} is not listed in Call.secrets"

    def test_the_provider_and_its_settings_hide_the_secrets(self) -> None:
        provider = self.make()
        absent(self.secrets, repr(provider), str(provider), repr(provider.settings), str(provider.settings))

    def test_no_call_and_no_reading_looks_at_the_clock(self) -> None:
        package = type(self.make()).__module__.partition(".")[0]
        calls, readings = self._calls(self.attempt), self._readings()
        with pytest.MonkeyPatch.context() as monkeypatch:
            another_day(monkeypatch, package)
            later, reread = self._calls(self.attempt), self._readings()
        assert [whole_call(call) for call in calls] == [whole_call(call) for call in later], "another call the next day"
        assert readings == reread, "another reading the next day"

    def test_nothing_is_remembered_between_calls(self) -> None:
        """One provider makes and reads the same again, whatever it was asked in between."""
        provider = self.make()
        other = replace(self.attempt, ref="763871234567123457", dest="081787654321")
        for body in (b"", *self._recorded()):
            new = self.make()
            calls = [whole_call(call) for call in self._calls(self.attempt, new)]
            fresh = self._read(reply(body), new)
            for meanwhile in (False, False, True, True):
                assert [whole_call(call) for call in self._calls(self.attempt, provider)] == calls
                assert self._read(reply(body), provider) == fresh, body
                if meanwhile:
                    provider.purchase(other)
                    provider.read_purchase(other, reply(body))

    def test_importing_it_opens_no_connection(self) -> None:
        """The gateway loads plugins before it serves: one that waits for a server holds everything up."""
        module = type(self.make()).__module__
        code = _IMPORT.format(path=[path for path in sys.path if path], module=module)
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)  # noqa: S603
        assert ran.returncode != 3, f"{module}: {ran.stderr.decode(errors='replace')} while it was imported"

    # Asking.

    def test_asking_is_told_truly(self) -> None:
        provider = self.make()
        assert provider.asking() in Asking
        bought = provider.purchase(self.attempt)
        if provider.asking() is Asking.RESEND:
            assert whole_call(provider.check(self.attempt)) == whole_call(bought)
        elif provider.asking() is Asking.QUESTION:
            asked = provider.check(self.attempt)
            assert (asked.method, asked.url, asked.body) != (bought.method, bought.url, bought.body), (
                "a check that is sent as a purchase is sent buys: say Asking.RESEND"
            )

    def test_a_question_is_never_asked_without_its_mark(self) -> None:
        provider = self.make()
        if not self.question or provider.asking() is not Asking.QUESTION:
            return
        for attempt in self._stages():
            assert self.question in " ".join(whole_call(provider.check(attempt))), f"{self.question} is missing"
            assert self.question not in " ".join(whole_call(provider.purchase(attempt)))

    def test_what_was_learnt_since_does_not_change_a_purchase(self) -> None:
        """A purchase that is sent again to ask must be the same one, or the supplier takes it for a new one."""
        provider = self.make()
        bought = whole_call(provider.purchase(self.attempt))
        for attempt in self._stages():
            assert whole_call(provider.purchase(attempt)) == bought, "supplier_ref or started_at changed the purchase"
            if provider.asking() is Asking.RESEND:
                assert whole_call(provider.check(attempt)) == bought

    def _stages(self) -> list[Attempt]:
        """The attempt as it is when more and more is known of it."""
        sent = replace(self.attempt, started_at=datetime(2026, 11, 24, 18, 4, 5, tzinfo=UTC))
        return [self.attempt, sent, replace(sent, supplier_ref="9912345")]

    def _readings(self) -> list[Any]:
        return [self._read(reply(body)) for body in self._recorded()]


def _kept(provider: Provider[Any], call: Call) -> str:
    """What the gateway would write down of a call."""
    return recorded_call(call, masking(call, Redactor(secrets_of(provider.settings))))


def _with_another_secret(provider: Provider[Any]) -> Iterator[tuple[str, Provider[Any]]]:
    """The same account with another secret, for each of its secret settings. Lengths and kinds of characters stay."""
    for name in type(provider.settings).model_fields:
        value = getattr(provider.settings, name)
        if isinstance(value, SecretStr):
            other = SecretStr(value.get_secret_value().translate(_NEXT))
            yield name, type(provider)(provider.settings.model_copy(update={name: other}))


def _next_letters() -> dict[int, int]:
    rings = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return {ord(char): ord(ring[(at + 1) % len(ring)]) for ring in rings for at, char in enumerate(ring)}


_NEXT = _next_letters()
