"""From what a supplier wrote to an `Outcome`: envelope, rules, code, and whose purchase it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway import Attempt, Outcome, OutcomeStatus, Reply
from gateway.core.money import parse_rupiah
from gateway.core.rules import LONGEST_TEXT
from gateway_otomax.bill import bill_of
from gateway_otomax.earlier import BEFORE_SUCCESS, EarlierBy, believed, without_foreign_facts
from gateway_otomax.envelope import Envelope, open_text
from gateway_otomax.fields import Fields, fields_of
from gateway_otomax.sayings import Sayings
from gateway_otomax.status_codes import DEFAULT_CODES, UNLISTED, CodeMeaning, Verdict, combine
from gateway_otomax.views import is_serial

__all__ = ["Reader", "same_destination"]

_KEPT = 1_000
_FULL_NUMBER = 8
"""Digits and masks from which on a destination is surely meant as such."""
_LONGEST_BODY = 65_536
_NAMED_BALANCE = re.compile(
    r"(?i)(?:sisa )?(?:saldo|stok)\b(?:[^:=]|(?<=\d):(?=\d\d\b)){1,50}?(?:(?<!\d)[:=]|:(?!\d\d\b)|\badalah\b)"
    r"\s?(?:rp\.?\s?)?(?P<balance>\d[\d.,]*)",
    re.ASCII,
)
"""`SALDO MEMBER AB01 = 2.500.000`: only where the balance was asked for."""
_SIGN = re.compile(r"(?i)\b(sign|signature|pin|password|pass)=[^&\s\"']+")

_STATUS_WORDS = {
    **dict.fromkeys(("sukses", "berhasil"), OutcomeStatus.SUCCESS),
    **dict.fromkeys(("gagal", "ditolak", "refund", "batal", "dibatalkan"), OutcomeStatus.FAILED),
    **dict.fromkeys(
        ("pending", "proses", "diproses", "process", "processing", "menunggu", "waiting", "antri", "progress"),
        OutcomeStatus.PENDING,
    ),
}
"""Status words where a code is expected."""
_INQUIRY = re.compile(r"(?i)(?:cek|inq|check)[a-z]")
"""How the codes of products begin that only look at a number, a name or a bill."""
_NAMES_INQUIRY = re.compile(
    r"(?i)(?<![a-z0-9])(?:cek|inq|check)[a-z]{1,12}\d{0,4}\.(?:\d{1,2}\.)?[\dx*]{5}"
    r"|\b(?:kode|produk|product|code|kp|kode ?produk|sku)\s?[:=]\s?(?:cek|inq|check)[a-z]"
)
"""Such a code, written before its destination or behind its label."""
_INQUIRED = "inquiry-only"
"""The rule that finds the success of an inquiry: all that such a product is to do."""
_CONFIRMS = ("bare-success", "cut-failure", "failed-and-more")
"""Rules that only confirm a code: a message that ends with its status may be cut off, and what stands behind a failure
and is no reason may take it back."""
_TAKEN_BACK = "taken-back"
"""The rule that finds a success that was one, and so may name its serial number."""
_SERIAL_DIGITS = 6
"""From so many on, a failure that names a serial number may be none: there is something for the customer."""
_TOLD_OF = re.compile(
    r"(?i)\b(?:sukses|berhasil|success(?:ful|fully)?|gagal|failed)\W{0,2} (?:ke|utk|untuk|to) "
    r"(?P<dest>\+?\d[\dx*]{7,24})"
)
"""`SUKSES ke 0817…`."""
_REFUSED = re.compile(r"(?i)gagal|fail|tidak|belum|tolak")
_IRS_PENDING = 68
"""Written `68`, `068` or `0068`, it says the same everywhere."""
_IRS_CODES = {"1": CodeMeaning(OutcomeStatus.SUCCESS), "2": CodeMeaning(OutcomeStatus.FAILED)}
"""Nobody could say that all IRS suppliers use them so: they confirm what the text says, and say nothing alone."""
_REQUEST_WORDS = frozenset({"success", "successful", "ok", "true"})
"""English words that as often speak of the request as of the purchase: only a serial number makes one a success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads one account's messages."""

    sayings: Sayings
    codes: Mapping[int, CodeMeaning]
    secrets: tuple[str, ...]
    """What must not stay in a message, should a supplier repeat it."""
    earlier_by: EarlierBy = "named"

    def reply(self, attempt: Attempt, reply: Reply, sign: str, *, asked: bool) -> Outcome:
        """The answer to a purchase, or, where we `asked`, to a check."""
        envelope = open_text(reply.text()[:_LONGEST_BODY])
        if len(reply.body) > _LONGEST_BODY:
            envelope = Envelope(page=True)
        own_inquiry = _INQUIRY.match(attempt.product) is not None
        outcome, found = self._read(envelope, extra=(sign,), own_inquiry=own_inquiry)
        if foreign := _not_ours(attempt, envelope, found):
            # Its facts are another purchase's: that one's report may carry its `supplier_ref` alone.
            return replace(_undecided(outcome), rule=foreign, supplier_ref=None, serial=None, price=None)
        outcome = _whose(attempt, outcome, found)
        outcome = without_foreign_facts(believed(outcome, self.earlier_by, asked=asked), self.earlier_by, asked=asked)
        outcome = _within_http(outcome, reply.status)
        if own_inquiry and outcome.status is OutcomeStatus.SUCCESS:
            return replace(outcome, bill=bill_of(outcome.serial or outcome.message))
        return outcome

    def report(self, envelope: Envelope) -> Outcome:
        """What a report says; about whom, its caller knows."""
        outcome, found = self._read(envelope)
        if envelope.ref is not None and any(not _same_ref(envelope.ref, ref) for ref in found.refs):
            return replace(_undecided(outcome), rule="two-references", ref=envelope.ref)
        return believed(outcome if envelope.ref is None else replace(outcome, ref=envelope.ref), self.earlier_by)

    def message(self, text: str, code: int | None = None, *, asked: bool = True) -> Outcome:
        """A recorded message, which may still be in its envelope. Not `asked`: it answered a purchase."""
        envelope = open_text(text)
        if code is not None and envelope.code is None:
            envelope = replace(envelope, code=str(code))
        return believed(self._read(envelope)[0], self.earlier_by, asked=asked)

    def balance(self, text: str) -> int | None:
        """The balance that a message tells, where it tells one."""
        envelope = open_text(text)
        if envelope.balance is not None:
            return envelope.balance
        if len(envelope.text) > LONGEST_TEXT:
            return None
        found = fields_of(envelope.text).balance
        if found is None and (match := _NAMED_BALANCE.match(envelope.text)):
            return parse_rupiah(match["balance"])
        return found

    def _read(
        self, envelope: Envelope, extra: tuple[str, ...] = (), *, own_inquiry: bool = False
    ) -> tuple[Outcome, Fields]:
        if envelope.page:
            return Outcome(status=OutcomeStatus.UNKNOWN, rule="no-message"), Fields()
        text = envelope.text
        if len(text) > LONGEST_TEXT:
            message = self._clean(text, None, extra)
            return Outcome(status=OutcomeStatus.UNKNOWN, message=message, rule="text-too-long"), Fields()
        found = fields_of(text)
        verdict = self._verdict(envelope, text, found)
        if own_inquiry and verdict.rule == _INQUIRED and _REFUSED.search(text) is None:
            verdict = replace(verdict, status=OutcomeStatus.SUCCESS)
        ref, serial = found.ref or envelope.ref, envelope.serial or found.serial
        if found.maybe_ref is not None:
            if serial is None and verdict.status is OutcomeStatus.SUCCESS:
                serial = found.maybe_ref  # a receipt is all that some bills have
            elif serial is not None and ref is None:
                ref = found.maybe_ref
        outcome = Outcome(
            status=verdict.status,
            reason=verdict.reason,
            message=self._clean(text, found.serial_span, extra),
            ref=ref,
            supplier_ref=found.supplier_ref or envelope.supplier_ref,
            serial=self._clean_serial(serial, extra),
            # Nothing is bought for nothing: a zero is a template's empty field, and the catalogue's price stands.
            price=next((price for price in (found.price, envelope.price) if price is not None and price > 0), None),
            balance=found.balance if found.balance is not None else envelope.balance,
            rule=verdict.rule,
            never_seen=verdict.never_seen,
            account_refused=verdict.account_refused,
        )
        if any(not (_same_ref(other, found.refs[0]) or _same_ref(found.refs[0], other)) for other in found.refs[1:]):
            return replace(_undecided(outcome), rule="two-references"), found
        final = outcome.status in (OutcomeStatus.SUCCESS, OutcomeStatus.FAILED)
        if final and _two_destinations(text, found):
            return replace(_undecided(outcome), rule="two-destinations"), found
        if outcome.status is OutcomeStatus.SUCCESS and _NAMES_INQUIRY.search(text) and not own_inquiry:
            return replace(_undecided(outcome), rule=_INQUIRED), found
        return outcome, found

    def _verdict(self, envelope: Envelope, text: str, found: Fields) -> Verdict:
        said = None
        if text:
            elsewhere = found.serial is None and is_serial(envelope.serial)
            said = self.sayings.said(text, found.serial_span, serial_elsewhere=elsewhere)
        code, code_name = self._code(envelope)
        if envelope.irs and code is not None and envelope.code in _IRS_CODES:
            own = self.codes.get(int(envelope.code)) != DEFAULT_CODES[int(envelope.code)]
            code = code if own else _IRS_CODES[envelope.code] if said is not None else UNLISTED
        if envelope.denied and (code is None or code.status is OutcomeStatus.SUCCESS):
            code, code_name = UNLISTED, "success: false"
        gives = said is not None and said.status is OutcomeStatus.FAILED and said.rule != _TAKEN_BACK
        gives = gives and sum(char.isdigit() for char in found.serial or "") >= _SERIAL_DIGITS
        if said is not None and (gives or said.rule in _CONFIRMS) and (code is None or code.status is not said.status):
            return replace(said, status=OutcomeStatus.UNKNOWN, reason=None)
        verdict = combine(code, code_name, said)
        if code is not None and code.text_decides and verdict.status is OutcomeStatus.SUCCESS:
            return replace(verdict, rule=BEFORE_SUCCESS)
        if verdict.status is OutcomeStatus.FAILED and verdict.reason is None and code is not None:
            return replace(verdict, reason=code.reason)
        return verdict

    def _code(self, envelope: Envelope) -> tuple[CodeMeaning | None, str]:
        written = envelope.code
        if written is None or (not written.strip("0") and len(written) > 1):
            return None, ""
        name = f"status {written}"
        if re.fullmatch(r"0[0-9]{1,4}", written) and int(written) != _IRS_PENDING:
            return UNLISTED, name  # "0061" and "02" are codes of other tables
        if re.fullmatch(r"[0-9]{1,5}", written):
            return self.codes.get(int(written), UNLISTED), name
        if written.lower() in _REQUEST_WORDS:
            return (CodeMeaning(OutcomeStatus.SUCCESS), name) if envelope.serial else (None, "")
        status = _STATUS_WORDS.get(written.lower())
        return (CodeMeaning(status) if status is not None else UNLISTED), name

    def _clean(self, text: str, serial: tuple[int, int] | None, extra: tuple[str, ...]) -> str:
        """The message without our secrets. A short secret (a PIN) is taken out where it stands alone, but not within
        the serial number, whose groups may look the same."""
        if serial is None:
            return self._without_secrets(text, extra)[:_KEPT]
        start, end = serial
        before, after = self._without_secrets(text[:start], extra), self._without_secrets(text[end:], extra)
        return (before + (self._clean_serial(text[start:end], extra) or "") + after)[:_KEPT]

    def _without_secrets(self, text: str, extra: tuple[str, ...]) -> str:
        if "=" in text:
            text = _SIGN.sub(r"\1=***", text)
        for secret in (*self.secrets, *extra):
            if len(secret) >= 8:
                text = text.replace(secret, "***")
            elif secret and secret in text:
                text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", "***", text)
        return text

    def _clean_serial(self, serial: str | None, extra: tuple[str, ...]) -> str | None:
        if serial is None:
            return None
        for secret in (*self.secrets, *extra):
            if len(secret) >= 8:  # a short one looks like many a serial number
                serial = serial.replace(secret, "***")
        return serial


def _two_destinations(text: str, found: Fields) -> bool:
    """Whether two numbers were bought for, or the status is told of another one than was bought for."""
    dests = [dest for product, dest in found.purchases if product is not None and len(dest) >= _FULL_NUMBER]
    if told := _TOLD_OF.search(text):
        dests = [*(dest for _, dest in found.purchases[:1]), *dests, told["dest"]]
    return any(not same_destination(dests[0], other) for other in dests[1:])


def _within_http(outcome: Outcome, status: int) -> Outcome:
    """A server's error is no answer about a purchase, and no success comes with a refusal's status."""
    if 200 <= status < 300:
        return outcome
    if 400 <= status < 500 and outcome.status is not OutcomeStatus.SUCCESS:
        return outcome
    return replace(_undecided(outcome), rule=f"http {status}")


def _undecided(outcome: Outcome) -> Outcome:
    return replace(outcome, status=OutcomeStatus.UNKNOWN, reason=None, never_seen=False, account_refused=False)


def _whose(attempt: Attempt, outcome: Outcome, found: Fields) -> Outcome:
    """`ref` as the core compares it: exactly ours, or none."""
    if found.maybe_ref is None or outcome.ref != found.maybe_ref:
        return outcome if outcome.ref is None else replace(outcome, ref=attempt.ref)  # letters may be glued behind it
    return replace(outcome, ref=attempt.ref if _same_ref(attempt.ref, found.maybe_ref) else None)


def _not_ours(attempt: Attempt, envelope: Envelope, found: Fields) -> str | None:
    """Why the message is about another purchase, or `None` where nothing says so."""
    refs = (*found.refs, envelope.ref) if envelope.ref else found.refs
    for ref in refs:
        if not _same_ref(attempt.ref, ref):
            return "another-reference"
    for _, dest in found.purchases:
        if len(dest) >= _FULL_NUMBER and not same_destination(attempt.dest, dest):
            return "another-destination"
    if refs:
        return None
    products = [product.lower() for product, _ in found.purchases if product is not None]
    return "another-product" if products and attempt.product.lower() not in products else None


def _same_ref(ours: str, theirs: str) -> bool:
    """Equal, or with more letters glued behind it. Upper and lower case are the same to most suppliers."""
    if ours == theirs:
        return True
    ours, theirs = ours.lower(), theirs.lower()
    return theirs == ours or (theirs.startswith(ours) and theirs[len(ours)].isalpha() and ours.isdigit())


def same_destination(ours: str, theirs: str) -> bool:
    """Whether two written destinations can be the same: `0` and `62` alike, `x` and `*` for any run of digits, and
    one may go on where the other ends (a server number behind a game's user number)."""
    if ours == theirs and ours.isascii() and ours.isdigit():
        return True
    ours = _national(re.sub(r"[^0-9]", "", ours))
    if not ours:
        return True
    parts = re.split(r"[xX*.]+", theirs.lstrip("+"))
    if len(parts) == 1:
        theirs = _national(parts[0])
        return ours.startswith(theirs) or theirs.startswith(ours)
    head, tail = _national(parts[0]), parts[-1]
    return ours.startswith(head) and (ours.endswith(tail) or not tail)


def _national(digits: str) -> str:
    return "0" + digits[2:] if digits.startswith("62") else digits
