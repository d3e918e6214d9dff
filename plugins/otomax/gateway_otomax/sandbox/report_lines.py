"""One report as Maxsi writes it: `t=…&refid=…&status=…&price=…&message=…`, and nobody encoded the message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway_otomax.sandbox import texts
from gateway_otomax.sandbox.behaviours import Tells
from gateway_otomax.sandbox.book import Purchase

__all__ = ["ReportLine", "raw_query", "report_line"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """What the parameters say. `price` is in whole rupiah, and no charge where the purchase failed."""

    ref: str
    status: int
    price: int
    message: str
    at: datetime


def report_line(purchase: Purchase, tells: Tells, balance: int, now: datetime) -> ReportLine:
    """The report that tells this about a purchase. `balance` is the deposit now, in whole rupiah."""
    ref = purchase.order.ref
    refusal = purchase.behaviour.refusal
    code = 40 if refusal is None else refusal.code
    match tells:
        case Tells.WAITING:
            status, message = 2, texts.waiting(purchase, now)
        case Tells.SUCCESS:
            status, message = 20, texts.delivered(purchase, balance, now)
        case Tells.FAILED:
            status, message = code, texts.failed(purchase, balance, now)
        case Tells.TAKEN_BACK:
            status, message = code, texts.taken_back(purchase, balance, now)
        case Tells.DISAGREES:
            status, message = 20, texts.failed(purchase, balance, now)
        case Tells.STRANGER:
            ref = texts.STRANGER
            status, message = 20, texts.delivered(purchase, balance, now, ref=ref)
    return ReportLine(ref=ref, status=status, price=purchase.price, message=message, at=now)


def raw_query(report: ReportLine) -> str:
    """The query of the request line. `t` is the clock without leading zeros.

    Only what would break the line itself is encoded: blanks, control characters, and what is not ASCII. So `#`, `&`,
    `=`, `+` and `%` stand in it raw, as real suppliers send them.
    """
    return (
        f"t={int(f'{report.at:%H%M%S}')}&refid={_unbroken(report.ref)}&status={report.status}&price={report.price}"
        f"&message={_unbroken(report.message)}"
    )


def _unbroken(text: str) -> str:
    return "".join(chr(byte) if 0x20 < byte < 0x7F else f"%{byte:02X}" for byte in text.encode())
