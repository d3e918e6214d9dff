"""What every law of the provider contract works with: the recorded cases, and the provider's calls and readings."""

# ruff: noqa: S101 - a test class asserts

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from gateway.provider import (
    Asking,
    Attempt,
    Call,
    Capability,
    Outcome,
    OutcomeStatus,
    PriceListing,
    Provider,
    Reply,
    Report,
    capabilities,
)

__all__ = ["DECIDED", "ContractBase", "absent", "reply", "whole_call"]

DECIDED = (OutcomeStatus.SUCCESS, OutcomeStatus.FAILED, OutcomeStatus.REJECTED)


class ContractBase:
    """What a test class fills in, and what the laws share."""

    secrets: ClassVar[Sequence[str]] = ()
    """Every secret of the account that `make` sets up. At least six characters each, so that a find is no accident."""
    successes: ClassVar[Sequence[bytes]] = ()
    """Bodies that say that the attempt succeeded."""
    failures: ClassVar[Sequence[bytes]] = ()
    """Bodies that say that the attempt failed."""
    pendings: ClassVar[Sequence[bytes]] = ()
    """Bodies that say that the supplier is working on it."""
    undecided: ClassVar[Sequence[bytes]] = ()
    """Bodies about this attempt that decide nothing: a time-out that the supplier reports, "this reference was used
    already", a code that contradicts its text, "no such transaction". No law can invent these for your dialect, and
    each one that is read as a failure is bought twice: record every kind that the supplier has."""
    decides_alone: ClassVar[Sequence[str]] = ()
    """Names of JSON fields that decide alone because the supplier says so: the only verdict that its answers hold."""
    reports: ClassVar[Sequence[Report]] = ()
    """Readable call backs, signed where the supplier signs."""
    signed: ClassVar[bool] = False
    """The account that `make` sets up has the secret for signed reports: a report that was changed says nothing.
    A recorded report with a header whose name holds `signature` or `hmac` is taken for signed in any case."""
    balances: ClassVar[Sequence[tuple[bytes, int]]] = ()
    """Answers to a balance question, and the balance in them."""
    prices: ClassVar[Sequence[tuple[bytes, int]]] = ()
    """Answers to a purchase, and the price in rupiah that is to be read from them: `5.400` is 5400."""
    price_lists: ClassVar[Sequence[tuple[bytes, Sequence[PriceListing]]]] = ()
    """Answers to a price list question, and the lines in them."""
    question: ClassVar[str] = ""
    """Where a check looks much like a purchase: the text, such as `check=1`, that makes it a question."""
    _made: Provider[Any] | None = None
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

    def _one(self) -> Provider[Any]:
        """One provider for this test. That none remembers anything is a law of its own."""
        if self._made is None:
            self._made = self.make()
        return self._made

    def _able(self) -> frozenset[Capability]:
        return capabilities(type(self._one()))

    def _asks(self, provider: Provider[Any]) -> bool:
        return Capability.CHECK in capabilities(type(provider)) and provider.asking() is not Asking.NONE

    def _calls(self, attempt: Attempt, provider: Provider[Any] | None = None) -> list[Call]:
        provider = provider or self._one()
        able = capabilities(type(provider))
        calls = [provider.purchase(attempt)]
        if self._asks(provider):
            calls.append(provider.check(attempt))
        if Capability.BALANCE in able:
            calls.append(provider.balance())
        if Capability.PRICE_LIST in able:
            calls.append(provider.price_list())
        return calls

    def _read(self, reply: Reply, provider: Provider[Any] | None = None) -> list[Outcome]:
        provider = provider or self._one()
        outcomes = [provider.read_purchase(self.attempt, reply)]
        if self._asks(provider):
            outcomes.append(provider.read_check(self.attempt, reply))
        return outcomes

    def _recorded(self) -> list[bytes]:
        return self._filled((*self.successes, *self.failures, *self.pendings, *self.undecided))

    def _filled(self, bodies: Sequence[bytes], ref: str | None = None) -> list[bytes]:
        words = {"ref": ref or self.attempt.ref, "product": self.attempt.product, "dest": self.attempt.dest}
        filled = []
        for body in bodies:
            for name, value in words.items():
                body = body.replace(b"{%s}" % name.encode(), value.encode())  # noqa: PLW2901 - filled step by step
            filled.append(body)
        return filled


def reply(body: bytes, status: int = 200) -> Reply:
    return Reply(status=status, headers={"content-type": "text/plain"}, body=body)


def whole_call(call: Call) -> tuple[str, ...]:
    """Everything of a call that goes over the wire."""
    headers = [f"{name}: {value}" for name, value in call.headers]
    return (call.method, call.url, *headers, (call.body or b"").decode("latin-1"))


def absent(secrets: Sequence[str], *texts: str) -> None:
    for secret in secrets:
        for text in texts:
            assert secret not in text, f"a secret of {len(secret)} characters shows"
