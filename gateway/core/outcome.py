"""What is known about one attempt at one supplier: five words, and the facts that came with them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.core.characters import storable


class OutcomeStatus(StrEnum):
    """How an attempt stands, as far as the evidence goes. Whatever cannot be read is `UNKNOWN`."""

    SUCCESS = "success"
    """The supplier says that it delivered."""
    FAILED = "failed"
    """The supplier says that it did not and will not deliver."""
    PENDING = "pending"
    """The supplier says that it has the purchase and is working on it."""
    REJECTED = "rejected"
    """It is certain that the purchase never ran: it did not leave, or the account was refused at the door."""
    UNKNOWN = "unknown"
    """It may have run. It is asked about, and never sent again."""


class ReasonCode(StrEnum):
    """Why a purchase did not succeed. The codes are part of the HTTP API and do not change."""

    INVALID_DESTINATION = "invalid_destination"
    PRODUCT_UNAVAILABLE = "product_unavailable"
    PRICE_TOO_HIGH = "price_too_high"
    DUPLICATE = "duplicate"
    CUTOFF = "cutoff"
    OUT_OF_AREA = "out_of_area"
    BLOCKED_DESTINATION = "blocked_destination"
    SUPPLIER_BALANCE = "supplier_balance"
    SUPPLIER_REFUSED = "supplier_refused"
    SUPPLIER_TIMEOUT = "supplier_timeout"
    NO_ROUTE = "no_route"
    CANCELLED = "cancelled"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One piece of evidence about one attempt, as a plugin read it.

    Every field but `status` is optional: suppliers leave out what they like. Money is whole rupiah.
    A plugin that cannot read an answer returns `Outcome(status=UNKNOWN, message=...)`; it never raises for
    what a supplier says. In every text, what cannot be kept (NUL, half of a character) becomes U+FFFD.
    """

    status: OutcomeStatus
    reason: ReasonCode | None = None
    """Why it failed or was refused; `None` for the other statuses, or where the supplier does not say."""
    message: str = ""
    """The supplier's own words, for people; at most 1,000 characters are kept."""
    ref: str | None = None
    """Our reference, as the supplier repeats it."""
    supplier_ref: str | None = None
    """The supplier's own reference."""
    serial: str | None = None
    """The serial number (SN), voucher code or electricity token: the proof of delivery."""
    price: int | None = None
    """What the supplier says that it took, in rupiah. Evidence, not truth."""
    balance: int | None = None
    """What the supplier says is left of our deposit, in rupiah. Evidence, not truth."""
    bill: dict[str, str] | None = None
    """What an inquiry (cek tagihan) found."""
    rule: str | None = None
    """The name of the rule that gave the status, for the person who mends rules."""
    never_seen: bool = False
    """The supplier says that it does not know this reference. Only with `UNKNOWN`: the purchase may still be on
    its way, and it is the account's own setting that says when such an answer counts as `REJECTED`."""
    account_refused: bool = False
    """The supplier refuses the account itself (PIN, address, signature, not a member). Only with `REJECTED`: the
    gateway stops sending purchases through this account until an operator resumes it."""

    def __post_init__(self) -> None:
        if self.never_seen and self.status is not OutcomeStatus.UNKNOWN:
            raise ValueError("never_seen goes with UNKNOWN: the gateway decides when it counts as REJECTED")
        if self.account_refused and self.status is not OutcomeStatus.REJECTED:
            raise ValueError("account_refused goes with REJECTED")
        for name in _TEXTS:
            text = getattr(self, name)
            if isinstance(text, str) and (kept := storable(text)) is not text:
                object.__setattr__(self, name, kept)
        if isinstance(self.bill, dict) and all(isinstance(text, str) for pair in self.bill.items() for text in pair):
            bill = {storable(name): storable(text) for name, text in self.bill.items()}
            object.__setattr__(self, "bill", bill)


_TEXTS = ("message", "ref", "supplier_ref", "serial", "rule")


def about(outcome: Outcome, ref: str) -> Outcome:
    """`outcome`, where it is about `ref`.

    One that names another reference is about another purchase, whatever the plugin made of it, and tells nothing of
    this one: with its `supplier_ref` here, its report would settle this attempt."""
    if outcome.ref is None or outcome.ref == ref:
        return outcome
    return Outcome(status=OutcomeStatus.UNKNOWN, message=outcome.message, rule=outcome.rule)
