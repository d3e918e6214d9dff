"""The laws about what a provider reads from answers."""

# ruff: noqa: S101 - a test class asserts

from __future__ import annotations

import time

from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.provider import RecordedMessage
from gateway.testing.contract_base import DECIDED, ContractBase, absent, reply, whole_call
from gateway.testing.contract_bodies import NO_ANSWERS, contradictions, near_references, slow_texts, spoilt

_UNREAD = (OutcomeStatus.UNKNOWN, OutcomeStatus.PENDING)
_REFUSED_AT_THE_DOOR = (400, 401, 403, 404, 405, 408, 409, 410, 429)
MOST_SECONDS = 0.5
"""Of processor time for one body: every other purchase waits as long."""


class ReadingLaws(ContractBase):
    """What an answer may be taken for."""

    def test_what_says_nothing_decides_nothing(self) -> None:
        for body in NO_ANSWERS:
            for outcome in self._read(reply(body)):
                assert outcome.status is OutcomeStatus.UNKNOWN, f"{body!r} was read as {outcome.status}"
                assert not outcome.never_seen, f"{body!r} was read as: never seen"

    def test_a_status_code_alone_decides_no_delivery(self) -> None:
        """A page with 404 comes from whatever stands before the supplier: it is no word about this purchase."""
        for body in NO_ANSWERS:
            for status in _REFUSED_AT_THE_DOOR:
                for outcome in self._read(reply(body, status)):
                    assert outcome.status in (OutcomeStatus.UNKNOWN, OutcomeStatus.REJECTED), (status, body)
                    assert not outcome.never_seen, f"{status} with {body!r} was read as: never seen"

    def test_a_success_behind_a_refusing_status_code_is_none(self) -> None:
        for body in self._filled(self.successes):
            for status in _REFUSED_AT_THE_DOOR:
                for outcome in self._read(reply(body, status)):
                    assert outcome.status is not OutcomeStatus.SUCCESS, (status, body)

    def test_a_server_error_decides_nothing_whatever_it_says(self) -> None:
        for body in self._recorded():
            for status in (500, 502, 503, 504, 520):
                for outcome in self._read(reply(body, status)):
                    assert outcome.status is OutcomeStatus.UNKNOWN, (status, body)

    def test_a_redirect_decides_nothing_whatever_it_says(self) -> None:
        for body in self._recorded():
            for status in (301, 302, 307, 308):
                for outcome in self._read(reply(body, status)):
                    assert outcome.status is OutcomeStatus.UNKNOWN, (status, body)

    def test_words_inside_a_page_decide_nothing(self) -> None:
        for body in self._recorded():
            for outcome in self._read(reply(b"<!DOCTYPE html><html><body>" + body + b"</body></html>")):
                assert outcome.status is OutcomeStatus.UNKNOWN, body

    def test_recorded_successes_are_successes(self) -> None:
        for body in self._filled(self.successes):
            assert self._one().read_purchase(self.attempt, reply(body)).status is OutcomeStatus.SUCCESS, body

    def test_recorded_failures_are_failures(self) -> None:
        for body in self._filled(self.failures):
            status = self._one().read_purchase(self.attempt, reply(body)).status
            assert status in (OutcomeStatus.FAILED, OutcomeStatus.REJECTED), body

    def test_recorded_pendings_are_pending(self) -> None:
        for body in self._filled(self.pendings):
            assert self._one().read_purchase(self.attempt, reply(body)).status is OutcomeStatus.PENDING, body

    def test_what_decides_nothing_is_neither_success_nor_failure(self) -> None:
        """A time-out that the supplier reports and a reference that it knows already are no failures: the purchase may
        have run, and would be bought again elsewhere."""
        for body in self._filled(self.undecided):
            for outcome in self._read(reply(body)):
                assert outcome.status in _UNREAD, f"{body!r} was read as {outcome.status}"

    def test_one_field_alone_turns_no_verdict_around(self) -> None:
        """A code of success with words of failure is unknown. For answers in JSON, by taking one field of a recorded
        failure into a recorded success, and the other way round."""
        good, bad = self._filled(self.successes), self._filled(self.failures)
        failed = (OutcomeStatus.FAILED, OutcomeStatus.REJECTED)
        for success in good:
            for failure in bad:
                for body, wrong in (
                    *((each, failed) for each in contradictions(success, failure, self.decides_alone)),
                    *(
                        (each, (OutcomeStatus.SUCCESS,))
                        for each in contradictions(failure, success, self.decides_alone)
                    ),
                ):
                    for outcome in self._read(reply(body[1])):
                        assert outcome.status not in wrong, (
                            f"{body[0]} alone made it {outcome.status}: {body[1]!r}; "
                            "if it decides alone at this supplier, say so in `decides_alone`"
                        )

    def test_a_truncated_answer_never_turns_into_its_opposite(self) -> None:
        for bodies, right in ((self.successes, DECIDED[:1]), (self.failures, DECIDED[1:]), (self.pendings, ())):
            for body in self._filled(bodies):
                for length in range(len(body)):
                    for outcome in self._read(reply(body[:length])):
                        assert outcome.status not in DECIDED or outcome.status in right, body[:length]

    def test_a_spoilt_field_never_raises_and_never_turns_a_verdict_around(self) -> None:
        """For answers in JSON: each field left out, and as each type that it should not have."""
        for bodies, right in ((self.successes, DECIDED[:1]), (self.failures, DECIDED[1:]), (self.pendings, ())):
            for body in self._filled(bodies):
                for bad in spoilt(body):
                    for outcome in self._read(reply(bad)):
                        assert outcome.status not in DECIDED or outcome.status in right, bad
                        _sound(outcome, bad)

    def test_an_answer_about_another_reference_is_unknown(self) -> None:
        named = [
            body
            for body in (*self.successes, *self.failures, *self.pendings, *self.undecided)
            if b"{ref}" in body
        ]  # fmt: skip
        assert named, "record at least one body that names the reference"
        for ref in ("404404404404404", *near_references(self.attempt.ref)):
            for body in self._filled(named, ref=ref):
                for outcome in self._read(reply(body)):
                    assert outcome.status is OutcomeStatus.UNKNOWN, body
                    assert not outcome.never_seen, body
                    assert outcome.ref in (None, ref), f"{body!r} names {ref}, and Outcome.ref is {outcome.ref}"

    def test_the_reference_that_was_read_is_told(self) -> None:
        """The gateway compares it with its own once more, and that is only possible if it is there."""
        for recorded in (*self.successes, *self.failures):
            if b"{ref}" in recorded:
                for body in self._filled([recorded]):
                    ref = self._one().read_purchase(self.attempt, reply(body)).ref
                    assert ref == self.attempt.ref, f"{body!r} names the reference, and Outcome.ref is {ref}"

    def test_reading_twice_gives_the_same(self) -> None:
        for body in self._recorded():
            assert self._read(reply(body), self.make()) == self._read(reply(body), self.make())

    def test_reading_is_quick_whatever_comes(self) -> None:
        for body in slow_texts(self._recorded()):
            began = time.process_time()
            self._read(reply(body))
            took = time.process_time() - began
            assert took < MOST_SECONDS, (
                f"{took:.1f} s for {body[:60]!r}… ({len(body)} bytes): everybody waits meanwhile"
            )

    def test_a_supplier_that_repeats_our_secrets_does_not_leak_them(self) -> None:
        calls = self._calls(self.attempt)
        listed = {secret for call in calls for secret in call.secrets if len(secret) >= 6}
        echoes = [" ".join(whole_call(call)).encode() for call in calls]
        for echo in (*echoes, *(secret.encode() for secret in self.secrets)):
            for body in (echo, b"GAGAL. " + echo, *(body + b" " + echo for body in self._recorded())):
                for outcome in self._read(reply(body)):
                    absent(self.secrets, repr(outcome), outcome.message)
                    absent([secret for secret in listed if secret in self.secrets], outcome.message)

    def test_money_is_whole_rupiah(self) -> None:
        for body in self._recorded():
            for outcome in self._read(reply(body)):
                assert type(outcome.price) in (int, type(None))
                assert type(outcome.balance) in (int, type(None))
        for recorded, price in self.prices:
            for body in self._filled([recorded]):
                found = self._one().read_purchase(self.attempt, reply(body)).price
                assert found == price, f"{body!r} costs {price}, and {found} was read"

    def test_an_outcome_is_made_of_what_it_should_be(self) -> None:
        """An outcome with a field of another type is thrown away whole by the gateway, a success too."""
        for body in (*NO_ANSWERS, *self._recorded()):
            for outcome in self._read(reply(body)):
                _sound(outcome, body)

    def test_a_message_is_kept_short(self) -> None:
        for body in (b"x" * 65_536, b"GAGAL " * 10_000, *(body + b" y" * 30_000 for body in self._recorded())):
            for outcome in self._read(reply(body)):
                assert len(outcome.message) <= 1_000

    def test_a_recorded_message_reads_like_a_live_one(self) -> None:
        if "rules" not in self._able():
            return
        provider = self._one()
        for body in self._recorded():
            live = provider.read_purchase(self.attempt, reply(body))
            recorded = provider.read_message(RecordedMessage(text=body.decode("utf-8", errors="replace")))
            assert (recorded.status, recorded.serial) == (live.status, live.serial)


def _sound(outcome: object, body: bytes) -> None:
    assert isinstance(outcome, Outcome), f"{body!r} gave a {type(outcome).__name__}"
    assert isinstance(outcome.status, OutcomeStatus), f"{body!r} gave the status {outcome.status!r}"
    assert outcome.reason is None or isinstance(outcome.reason, ReasonCode), body
    assert isinstance(outcome.message, str), body
    for text in (outcome.ref, outcome.supplier_ref, outcome.serial, outcome.rule):
        assert text is None or isinstance(text, str), f"{body!r} gave {text!r} for a text"
    for amount in (outcome.price, outcome.balance):
        assert amount is None or (type(amount) is int and abs(amount) < 10**15), f"{body!r} gave the amount {amount!r}"
