"""What the sandbox writes: one line of text in the manner of OtomaX suppliers. Money has dots between thousands."""

from __future__ import annotations

from datetime import datetime

from gateway_otomax.sandbox.behaviours import State
from gateway_otomax.sandbox.book import Order, Purchase

__all__ = [
    "GARBAGE",
    "NOT_UTF8",
    "PAGE",
    "STRANGER",
    "address_refused",
    "another_purchase",
    "balance_is",
    "before",
    "delivered",
    "door_refused",
    "failed",
    "never_seen",
    "pending",
    "rupiah",
    "taken_back",
    "waiting",
    "wrong_sum",
]

STRANGER = "404404404404404"
"""The reference in a report about somebody else's purchase."""

PAGE = (
    "<!DOCTYPE html><html><head><title>Runtime Error</title></head>"
    "<body><h1>Server Error in '/' Application.</h1><p>transaksi sukses dikirim ke server</p></body></html>"
)
NOT_UTF8 = b"T#1 \xe9\xa0 \xff\xfe SUKS\xc3 SN\x80"
GARBAGE = b"\x16\x03\x01\x00\xff SUKSES\x00 \r\n\x80\x81\r\n\r\n"


def rupiah(amount: int) -> str:
    """`1.234.567`."""
    return f"{amount:,}".replace(",", ".")


def pending(purchase: Purchase, now: datetime) -> str:
    """Taken up."""
    left = rupiah(purchase.balance_before - purchase.price)
    return (
        f"{_head(purchase)} akan diproses @{now:%H:%M}. "
        f"Stok {rupiah(purchase.balance_before)} - {rupiah(purchase.price)} = {left}"
    )


def waiting(purchase: Purchase, now: datetime) -> str:
    """A report that tells nothing new."""
    return f"{_head(purchase)} sedang diproses. Mohon tunggu @{now:%H:%M:%S}"


def delivered(purchase: Purchase, balance: int, now: datetime, *, ref: str | None = None) -> str:
    """Success, in the manner of Maxsi. `ref` stands instead of the purchase's own."""
    return (
        f"TRANSAKSI LANCAR {_head(purchase, ref)} SUKSES. SN/Ref:{purchase.serial} . "
        f"Stok Terpotong {rupiah(purchase.price)} .Stok {rupiah(balance)} @{now:%d/%m/%y %H:%M:%S}"
    )


def wrong_sum(purchase: Purchase, now: datetime) -> str:
    """Success, with a balance that is 1,000 off."""
    told = rupiah(purchase.balance_before - purchase.price + 1_000)
    return (
        f"{_head(purchase)} SUKSES. SN/Ref: {purchase.serial}. "
        f"Saldo {rupiah(purchase.balance_before)} - {rupiah(purchase.price)} = {told} @{now:%H:%M:%S}"
    )


def failed(purchase: Purchase, balance: int, now: datetime) -> str:
    """Failed. Often a supplier gives no reason, and leaves the dot that should have ended it."""
    refusal = purchase.behaviour.refusal
    words = "" if refusal is None else refusal.words
    return (
        f"R#{purchase.order.ref} {_what(purchase.order)} TRANSAKSI GAGAL. {words}. "
        f"Stok {rupiah(balance)} @{now:%H:%M:%S}."
    )


def taken_back(purchase: Purchase, balance: int, now: datetime) -> str:
    """It was a success, and is one no longer."""
    return (
        f"[SEMPAT SUKSES SN:{purchase.serial}] R#{purchase.order.ref} {_what(purchase.order)} GAGAL, "
        f"KET: REFUND/SALDO DIKEMBALIKAN. Stok {rupiah(balance)} @{now:%d/%m/%y %H:%M:%S}"
    )


def before(purchase: Purchase, balance: int) -> str:
    """The answer to a check, and to a reference that was there before."""
    head = f"R#{purchase.order.ref} {_what(purchase.order)} sdh pernah jam {purchase.at:%H:%M}, status"
    tail = f"Stok {rupiah(balance)}"
    match purchase.state:
        case State.SUCCESS:
            return f"{head} {State.SUCCESS}. SN: {purchase.serial}. Hrg {rupiah(purchase.price)}. {tail}"
        case State.WAITING:
            return f"{head} {State.WAITING}. SN: . {tail}"
        case state:
            refusal = purchase.behaviour.refusal
            why = f" {refusal.words}." if refusal is not None and refusal.words else ""
            return f"{head} {state}.{why} {tail}"


def another_purchase(order: Order, balance: int) -> str:
    """The reference was used for another product or destination."""
    return f"R#{order.ref} {_what(order)} GAGAL. RefID sudah dipakai utk transaksi lain. Stok {rupiah(balance)}"


def never_seen(order: Order, balance: int, now: datetime) -> str:
    """The answer to a check of something that is not there."""
    return f"TIDAK ADA transaksi Tujuan {order.dest} pada tgl {now:%d/%m/%Y}. Tidak ada data. Saldo {rupiah(balance)}"


def balance_is(balance: int) -> str:
    """The answer to `/balance`."""
    return f"Saldo {rupiah(balance)}"


def address_refused(address: str) -> str:
    """The sender's address is not a registered one."""
    return f"IP tidak sesuai @{address}"


def door_refused(why: str, order: Order | None = None) -> str:
    """Nothing was bought, and the caller's reference is not believed."""
    return f"R#0 {_what(order)} GAGAL. {why}" if order is not None else f"R#0 GAGAL. {why}"


def _head(purchase: Purchase, ref: str | None = None) -> str:
    return f"T#{purchase.number} R#{ref or purchase.order.ref} {_what(purchase.order)}"


def _what(order: Order) -> str:
    return f"{order.product}.{order.dest}"
