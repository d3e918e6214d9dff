"""Status codes of the OtomaX dialect, and how a code and a text are held together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway import OutcomeStatus, ReasonCode

__all__ = ["DEFAULT_CODES", "UNLISTED", "CodeMeaning", "Verdict", "combine"]


@dataclass(frozen=True, slots=True)
class CodeMeaning:
    """What one status code says."""

    status: OutcomeStatus
    reason: ReasonCode | None = None
    account_refused: bool = False
    text_decides: bool = False
    """The code is no answer about this attempt; what the text says about the original one is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a message says about an attempt, and which rule said so."""

    status: OutcomeStatus
    reason: ReasonCode | None = None
    rule: str | None = None
    never_seen: bool = False
    account_refused: bool = False


UNLISTED = CodeMeaning(OutcomeStatus.UNKNOWN)
"""A code that no table knows."""

_PENDING = CodeMeaning(OutcomeStatus.PENDING)
_REFUSED = CodeMeaning(OutcomeStatus.REJECTED, ReasonCode.SUPPLIER_REFUSED, account_refused=True)


def _failed(reason: ReasonCode | None = None) -> CodeMeaning:
    return CodeMeaning(OutcomeStatus.FAILED, reason)


DEFAULT_CODES: dict[int, CodeMeaning] = {
    **dict.fromkeys((0, 1, 2, 3, 4, 22, 200, 201), _PENDING),
    68: _PENDING,  # the neighbour dialect IRS: in process
    20: CodeMeaning(OutcomeStatus.SUCCESS),
    40: _failed(),
    50: _failed(ReasonCode.CANCELLED),
    64: _failed(),
    43: _failed(ReasonCode.SUPPLIER_BALANCE),
    **dict.fromkeys((44, 45, 47), _failed(ReasonCode.PRODUCT_UNAVAILABLE)),
    46: CodeMeaning(OutcomeStatus.UNKNOWN, text_decides=True),
    **dict.fromkeys((52, 58), _failed(ReasonCode.INVALID_DESTINATION)),
    **dict.fromkeys((53, 54), _failed(ReasonCode.OUT_OF_AREA)),
    55: CodeMeaning(OutcomeStatus.UNKNOWN),  # time-out: "failed" by the table, and the code most likely to flip
    56: _failed(ReasonCode.BLOCKED_DESTINATION),
    59: _failed(ReasonCode.PRICE_TOO_HIGH),
    61: _failed(ReasonCode.SUPPLIER_REFUSED),
    69: _failed(ReasonCode.CUTOFF),
    **dict.fromkeys((21, 41, 42, 49, 51, 57), _REFUSED),
    255: UNLISTED,
}
"""The table of otomax suppliers; an account overrides single codes."""

_SAID_NO = (OutcomeStatus.FAILED, OutcomeStatus.REJECTED)


def combine(code: CodeMeaning | None, code_name: str, text: Verdict | None) -> Verdict:
    """One verdict from a code and a text, either of which may be missing.

    An explicit failure text beats a pending code. Where they disagree in any other way, nobody knows.
    """
    if code is None:
        return text or Verdict(OutcomeStatus.UNKNOWN)
    if text is None:
        return Verdict(code.status, code.reason, code_name, account_refused=code.account_refused)
    if code.text_decides:
        return text
    if text.status in _SAID_NO and (code.status is OutcomeStatus.PENDING or code is UNLISTED):
        return text
    if text.status in _SAID_NO and code.status in _SAID_NO:
        return _both_no(code, code_name, text)
    if text.status is code.status:
        return text
    if code is UNLISTED and text.status is OutcomeStatus.PENDING:
        return text
    return Verdict(OutcomeStatus.UNKNOWN, rule=f"{code_name} against {text.rule}", never_seen=text.never_seen)


def _both_no(code: CodeMeaning, code_name: str, text: Verdict) -> Verdict:
    if text.status is OutcomeStatus.REJECTED:
        return replace(text, account_refused=text.account_refused or code.account_refused)
    if text.reason is not None:
        return text
    return Verdict(code.status, code.reason, code_name, account_refused=code.account_refused)
