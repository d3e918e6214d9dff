"""The laws about call backs, balances and price lists."""

# ruff: noqa: S101 - a test class asserts

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import quote

from gateway.core.outcome import OutcomeStatus
from gateway.provider import (
    Acknowledgement,
    Capability,
    PriceListing,
    Report,
    UnreadableReportError,
    Update,
)
from gateway.testing.contract_base import ContractBase, absent, reply
from gateway.testing.contract_bodies import NO_ANSWERS, echoes, spoilt

_OPPOSITE = {
    OutcomeStatus.SUCCESS: (OutcomeStatus.FAILED, OutcomeStatus.REJECTED),
    OutcomeStatus.FAILED: (OutcomeStatus.SUCCESS,),
    OutcomeStatus.REJECTED: (OutcomeStatus.SUCCESS,),
}


class ReportLaws(ContractBase):
    """What a call back may be taken for, and what a balance and a price are."""

    def test_the_same_report_twice_is_the_same_update(self) -> None:
        for report in self.reports:
            first, second = self.make().read_report(report), self.make().read_report(report)
            assert list(first) == list(second)
            assert all(isinstance(update, Update) for update in first)
            assert first

    def test_a_report_names_a_purchase(self) -> None:
        for report in self.reports:
            assert all(update.ref or update.supplier_ref for update in self._one().read_report(report))

    def test_a_report_that_says_nothing_is_unreadable_or_unknown(self) -> None:
        if Capability.REPORT not in self._able():
            return
        for body in NO_ANSWERS:
            for report in (
                Report(method="POST", raw_query="", body=body),
                Report(method="GET", raw_query=body.decode("latin-1")),
                *(replace(known, body=body) for known in self.reports if known.body),
                *(replace(known, raw_query=body.decode("latin-1")) for known in self.reports if known.raw_query),
            ):
                assert all(update.outcome.status is OutcomeStatus.UNKNOWN for update in self._updates(report)), body

    def test_a_report_that_was_cut_or_spoilt_never_raises_and_never_turns_around(self) -> None:
        for report in self.reports:
            wrong = {bad for update in self._updates(report) for bad in _OPPOSITE.get(update.outcome.status, ())}
            for bad in _damaged(report):
                for update in self._updates(bad):
                    assert update.outcome.status not in wrong, bad.body or bad.raw_query

    def test_a_signed_report_that_was_changed_says_nothing(self) -> None:
        """Changed in any place, or with a signature that is not there: somebody else may have sent it."""
        for report in self.reports:
            if not self.signed and not _signatures(report):
                continue
            assert self._updates(report), "this recorded report is not signed with the account's secret"
            for forged in _forged(report):
                assert all(update.outcome.status is OutcomeStatus.UNKNOWN for update in self._updates(forged)), (
                    f"a report was believed that its sender did not sign: {forged.body or forged.raw_query!r}"
                )

    def test_a_report_that_repeats_our_secrets_does_not_leak_them(self) -> None:
        for report in self.reports:
            for secret in self.secrets:
                query = report.raw_query and f"{report.raw_query} {secret} {quote(secret, safe='')}"
                for told in (
                    replace(report, raw_query=query),
                    *(replace(report, body=body) for body in echoes(report.body, secret)),
                ):
                    for update in self._updates(told):
                        absent([secret], update.outcome.message)

    def test_every_report_is_acknowledged_alike(self) -> None:
        provider = self._one()
        known = [provider.acknowledge(report) for report in self.reports]
        stranger = provider.acknowledge(Report(method="GET", raw_query="x=1"))
        assert isinstance(stranger, Acknowledgement)
        assert all(answer == stranger for answer in known)

    # Balance and price list.

    def test_the_balance_is_whole_rupiah_or_nothing(self) -> None:
        if Capability.BALANCE not in self._able():
            return
        for body, balance in self.balances:
            found = self._one().read_balance(reply(body))
            assert type(found) is int
            assert found == balance
            for status in (302, 401, 404, 500, 502, 503):
                assert self._one().read_balance(reply(body, status)) is None, f"a balance behind a {status}"
            for bad in spoilt(body):
                assert type(self._one().read_balance(reply(bad))) in (int, type(None)), bad
        for body in NO_ANSWERS:
            assert type(self._one().read_balance(reply(body))) in (int, type(None))
            assert self._one().read_balance(reply(body, 503)) is None

    def test_a_price_list_is_whole_rupiah_or_nothing(self) -> None:
        if Capability.PRICE_LIST not in self._able():
            return
        for body, lines in self.price_lists:
            found = self._one().read_price_list(reply(body))
            _sound_lines(found, body)
            assert list(found) == list(lines)
            for status in (302, 401, 404, 500, 502, 503):
                assert not self._one().read_price_list(reply(body, status)), f"prices behind a {status}"
            for bad in (*spoilt(body), *(body[:length] for length in range(len(body)))):
                _sound_lines(self._one().read_price_list(reply(bad)), bad)
        for body in NO_ANSWERS:
            assert not self._one().read_price_list(reply(body)), body

    def _updates(self, report: Report) -> Sequence[Update]:
        """What is read, and nothing where the report is unreadable; anything else that is raised fails the test."""
        try:
            updates = self._one().read_report(report)
        except UnreadableReportError:
            return ()
        assert all(isinstance(update, Update) for update in updates)
        return updates


def _sound_lines(lines: Sequence[PriceListing], body: bytes) -> None:
    for line in lines:
        assert isinstance(line, PriceListing), body
        assert type(line.price) is int, f"{body!r} gave the price {line.price!r}"
        assert type(line.open) is bool, f"{body!r} gave open={line.open!r}"
        assert line.code, f"{body!r} gave a line without a code"
        assert isinstance(line.code, str), body


def _damaged(report: Report) -> Iterator[Report]:
    for length in range(len(report.body)):
        yield replace(report, body=report.body[:length])
    for length in range(len(report.raw_query)):
        yield replace(report, raw_query=report.raw_query[:length])
    for body in spoilt(report.body):
        yield replace(report, body=body)
    parts = report.raw_query.split("&")
    for at in range(len(parts) if report.raw_query else 0):
        yield replace(report, raw_query="&".join(parts[:at] + parts[at + 1 :]))
        yield replace(report, raw_query="&".join([*parts[:at], parts[at].partition("=")[0] + "=%ff", *parts[at + 1 :]]))
    yield replace(report, headers={})


def _signatures(report: Report) -> list[str]:
    return [name for name in report.headers if "signature" in name or "hmac" in name]


def _forged(report: Report) -> Iterator[Report]:
    """The report as somebody could send it who does not have the secret."""
    for name in _signatures(report):
        yield replace(report, headers={key: value for key, value in report.headers.items() if key != name})
        for value in ("", "0", "sha1=", "sha256=", report.headers[name][:-1], report.headers[name][::-1], "é"):
            yield replace(report, headers={**report.headers, name: value})
    for at in range(len(report.body)):
        changed = bytes([report.body[at] ^ 1])
        yield replace(report, body=report.body[:at] + changed + report.body[at + 1 :])
    for at, char in enumerate(report.raw_query):
        changed_char = chr(ord(char) ^ 1)
        yield replace(report, raw_query=report.raw_query[:at] + changed_char + report.raw_query[at + 1 :])
