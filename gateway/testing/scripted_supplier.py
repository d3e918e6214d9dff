"""A dialect of one line, for tests of the engine: what a supplier means is what it says.

    success ref=000000000000000001 sn=SN-1 price=5400 .

The first word is the verdict, the rest are facts, and the full stop shows that nothing was cut off. `say` writes such a
line and `ScriptedProvider` reads it; anything else is `UNKNOWN`, as with every dialect. How an account can be asked is
a setting, so that one kind plays all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.provider import Asking, Attempt, Call, Provider, Reply, Report, UnreadableReportError, Update
from gateway.settings.types import ProviderSettings

_STATUS = {
    "success": OutcomeStatus.SUCCESS,
    "failed": OutcomeStatus.FAILED,
    "pending": OutcomeStatus.PENDING,
    "refused": OutcomeStatus.REJECTED,
    "door": OutcomeStatus.REJECTED,
    "never": OutcomeStatus.UNKNOWN,
}
WORDS = tuple(_STATUS)
"""`refused`: this purchase was not taken. `door`: the account is not let in. `never`: no such reference."""

_FACTS = frozenset({"ref", "sn", "price", "sref", "why"})


def say(word: str, ref: str, *, sn: str = "", price: int | None = None, sref: str = "", why: str = "") -> str:
    """A supplier's line. `why` is a reason code, `sref` the supplier's own reference, `price` whole rupiah."""
    facts = {"ref": ref, "sn": sn, "price": "" if price is None else str(price), "sref": sref, "why": why}
    return " ".join([word, *(f"{name}={value}" for name, value in facts.items() if value), "."])


def read(text: str) -> Outcome:
    """What a line says."""
    word, *rest = text.removesuffix(" .").split(" ")
    facts = dict(fact.split("=", 1) for fact in rest if "=" in fact)
    if word not in _STATUS or not text.endswith(" .") or len(facts) != len(rest) or not _FACTS.issuperset(facts):
        return Outcome(status=OutcomeStatus.UNKNOWN, message=text)
    price = facts.get("price")
    return Outcome(
        status=_STATUS[word],
        reason=ReasonCode(facts["why"]) if "why" in facts else None,
        message=text,
        ref=facts.get("ref"),
        supplier_ref=facts.get("sref"),
        serial=facts.get("sn"),
        price=None if price is None else int(price),
        rule=word,
        never_seen=word == "never",
        account_refused=word == "door",
    )


def target(call: Call) -> tuple[str, dict[str, str]]:
    """What a call of this dialect asks for: `buy` or `ask`, and its fields."""
    parts = urlsplit(call.url)
    return parts.path.lstrip("/"), dict(parse_qsl(parts.query))


class ScriptedSettings(ProviderSettings):
    """An account of the scripted dialect."""

    ask: Asking = Asking.QUESTION
    """How this supplier can be asked about an open attempt."""
    counts: bool = False
    """Whether it has to be told which equal purchase of the day it is."""


class ScriptedProvider(Provider[ScriptedSettings]):
    """Speaks the dialect."""

    kind = "scripted"
    Settings = ScriptedSettings

    def purchase(self, attempt: Attempt) -> Call:
        fields = {"ref": attempt.ref, "product": attempt.product, "dest": attempt.dest, "qty": str(attempt.qty)}
        if self.settings.counts:
            fields["nth"] = str(attempt.nth)
        return Call(method="GET", url=f"{self.settings.url}/buy?{urlencode(fields)}")

    def read_purchase(self, attempt: Attempt, reply: Reply) -> Outcome:
        return read(reply.text())

    def counts_equal_purchases(self) -> bool:
        return self.settings.counts

    def asking(self) -> Asking:
        return self.settings.ask

    def check(self, attempt: Attempt) -> Call:
        if self.settings.ask is Asking.RESEND:
            return self.purchase(attempt)
        return Call(method="GET", url=f"{self.settings.url}/ask?{urlencode({'ref': attempt.ref})}")

    def read_check(self, attempt: Attempt, reply: Reply) -> Outcome:
        return read(reply.text())

    def read_report(self, report: Report) -> Sequence[Update]:
        outcome = read(report.body.decode("utf-8", "replace"))
        if outcome.ref is None and outcome.supplier_ref is None:
            raise UnreadableReportError("no reference in it")
        return (Update(ref=outcome.ref, outcome=outcome, supplier_ref=outcome.supplier_ref),)
