"""The provider: what the gateway calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from gateway import (
    Acknowledgement,
    Asking,
    Attempt,
    Call,
    Outcome,
    OutcomeStatus,
    Provider,
    ProviderSettings,
    RecordedMessage,
    Reply,
    Report,
    Update,
)
from gateway_otomax.calls import account_secrets, balance_call, check_call, purchase_call, purchase_sign
from gateway_otomax.envelope import Envelope
from gateway_otomax.reading import Reader
from gateway_otomax.report import envelopes_of
from gateway_otomax.sayings import Sayings
from gateway_otomax.settings import OtomaxSettings

__all__ = ["OtomaxProvider"]

_ASKING = {"param": Asking.QUESTION, "resend": Asking.RESEND, "none": Asking.NONE}


class OtomaxProvider(Provider[OtomaxSettings]):
    """One account at a supplier that speaks OtomaX."""

    kind: ClassVar[str] = "otomax"
    Settings: ClassVar[type[ProviderSettings]] = OtomaxSettings

    def __init__(self, settings: OtomaxSettings) -> None:
        super().__init__(settings)
        self._reader = Reader(
            sayings=Sayings(settings.rule_set()),
            codes=settings.code_table(),
            secrets=account_secrets(settings),
            earlier_by=settings.earlier_by,
        )
        self._acknowledgement = Acknowledgement(body=settings.report_answer.encode())

    def purchase(self, attempt: Attempt) -> Call:
        return purchase_call(self.settings, attempt)

    def read_purchase(self, attempt: Attempt, reply: Reply) -> Outcome:
        return self._reader.reply(attempt, reply, purchase_sign(self.settings, attempt), asked=False)

    def counts_equal_purchases(self) -> bool:
        return self.settings.names.counter is not None

    def asking(self) -> Asking:
        return _ASKING[self.settings.check]

    def check(self, attempt: Attempt) -> Call:
        return check_call(self.settings, attempt)

    def read_check(self, attempt: Attempt, reply: Reply) -> Outcome:
        return self._reader.reply(attempt, reply, purchase_sign(self.settings, attempt), asked=True)

    def read_report(self, report: Report) -> Sequence[Update]:
        return tuple(self._update(envelope) for envelope in envelopes_of(report))

    def _update(self, envelope: Envelope) -> Update:
        outcome = self._reader.report(envelope)
        ref = envelope.ref or outcome.ref
        return Update(ref=ref, outcome=outcome, supplier_ref=outcome.supplier_ref)

    def acknowledge(self, report: Report) -> Acknowledgement:
        return self._acknowledgement

    def balance(self) -> Call:
        return balance_call(self.settings)

    def read_balance(self, reply: Reply) -> int | None:
        return self._reader.balance(reply.text()) if 200 <= reply.status < 300 else None

    def read_message(self, message: RecordedMessage) -> Outcome:
        if message.channel == "balance":
            outcome = self._reader.message(message.text)
            return Outcome(
                status=OutcomeStatus.UNKNOWN,
                message=outcome.message,
                balance=self._reader.balance(message.text),
                rule="balance",
            )
        return self._reader.message(message.text, message.status_code, asked=message.channel != "sync")
