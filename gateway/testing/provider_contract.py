"""The law that every provider keeps, as a test class to inherit.

    class TestAcme(ProviderContract):
        def make(self) -> Provider[Any]: ...
        secrets = ("the-password", "1234-pin")
        successes = (b"R#{ref} X.{dest} SUKSES. SN: 1",)
        failures = (b"R#{ref} X.{dest} GAGAL",)
        pendings = (b"R#{ref} X.{dest} akan diproses",)
        undecided = (b"R#{ref} X.{dest} TIMEOUT", b"R#{ref} sudah pernah digunakan")

In every recorded body `{ref}`, `{product}` and `{dest}` stand for those of the attempt. What a kind cannot do (read off
the class by `capabilities`) its tests pass over. Reports are recorded as they came and name their own reference.

The laws try what your recorded cases are made of: cut, spoilt, contradicting each other, about another reference,
behind another status code. What they cannot know is your supplier: that a code means a time-out, that a text means a
repeated reference, that a check cannot buy. Those you record in `undecided` and `question`.
"""

# ruff: noqa: S101 - a test class asserts

from __future__ import annotations

import re

from gateway.provider import Capability
from gateway.settings.types import NAME_PATTERN
from gateway.testing.contract_calls import CallLaws
from gateway.testing.contract_reading import ReadingLaws
from gateway.testing.contract_reports import ReportLaws

__all__ = ["ProviderContract"]


class ProviderContract(CallLaws, ReadingLaws, ReportLaws):
    """Inherit, fill in, and pytest runs the law over your provider. What there is to fill in:
    `gateway.testing.contract_base.ContractBase`."""

    def test_the_recorded_cases_are_there(self) -> None:
        assert self.successes, "record at least one success"
        assert self.failures, "record at least one failure"
        assert self.secrets, "name the account's secrets, so that the contract can look for them"
        assert all(len(secret) >= 6 for secret in self.secrets), "a shorter secret could be found by accident"
        able = self._able()
        assert Capability.PURCHASE in able
        assert Capability.REPORT not in able or self.reports, "record at least one report"
        assert Capability.BALANCE not in able or self.balances, "record at least one balance"
        assert Capability.PRICE_LIST not in able or self.price_lists, "record at least one price list"

    def test_the_kind_is_a_name_the_configuration_can_hold(self) -> None:
        kind = type(self.make()).kind
        assert re.fullmatch(NAME_PATTERN.rstrip("$"), kind), f"{kind!r} is no name: lower-case letters, digits, - and _"
