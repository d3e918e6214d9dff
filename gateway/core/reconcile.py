"""Holding a supplier's statement against the ledger, line by line. No I/O.

A line and a purchase belong together by our reference, or by the supplier's where a line has none of ours. What the
supplier says is compared in what costs money: whether it charged, how much, and for which number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from gateway.core.transaction import AttemptStatus


class LineStatus(StrEnum):
    """What a statement says became of a purchase."""

    SUCCESS = "success"
    FAILED = "failed"
    PENDING = "pending"
    REVERSED = "reversed"
    """Charged, and given back later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a statement. What it does not say is `None`."""

    number: int
    """The line of the file that it begins on, counted from 1."""
    ref: str | None
    """Our reference at the supplier."""
    supplier_ref: str | None = None
    day: date | None = None
    product: str | None = None
    dest: str | None = None
    status: LineStatus | None = LineStatus.SUCCESS
    """`None`: its word is not known. A statement without a status lists what was charged."""
    status_text: str = ""
    price: int | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """One attempt at the supplier, as the ledger holds it."""

    ref: str
    """Our reference at the supplier."""
    transaction: str
    client: str
    ref_id: str
    status: AttemptStatus
    product: str
    """The supplier's product code."""
    dest: str
    price: int | None
    """Rupiah: what the supplier said that it took, else what the route says that it costs."""
    supplier_ref: str | None
    serial: str | None
    at: datetime
    """When it was sent."""


class Verdict(StrEnum):
    MATCHED = "matched"
    MISSING_HERE = "missing_here"
    """The supplier lists it, and the ledger does not have it."""
    MISSING_THERE = "missing_there"
    """It was bought or may have been, and the supplier does not list it."""
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one purchase or one line."""

    verdict: Verdict
    lines: tuple[Line, ...] = ()
    purchase: Purchase | None = None
    differences: tuple[str, ...] = ()
    """In words, for people; each begins with `price`, `status`, `dest`, `listed` or `no reference`."""


def reconcile(
    lines: Sequence[Line],
    purchases: Iterable[Purchase],
    look_up: Callable[[str], Purchase | None],
) -> Iterator[Finding]:
    """Hold `lines` against the ledger.

    Args:
        purchases: those that the statement must list if they were charged.
        look_up: the purchase with a reference of ours, whenever it was sent; asked for lines that fit none of
            `purchases`.

    Yields:
        A finding for each reference on either side, in the order of `purchases` and then of `lines`. A purchase that
        surely cost nothing need not be listed, and gives none.
    """
    by_ref: dict[str, list[Line]] = {}
    by_supplier_ref: dict[str, list[Line]] = {}
    for line in lines:
        if line.ref is not None:
            by_ref.setdefault(line.ref, []).append(line)
        elif line.supplier_ref is not None:
            by_supplier_ref.setdefault(line.supplier_ref, []).append(line)
    for purchase in purchases:
        found = by_ref.pop(purchase.ref, [])
        if purchase.supplier_ref is not None:
            found = [*found, *by_supplier_ref.pop(purchase.supplier_ref, [])]
        if found:
            yield compare(found, purchase)
        elif purchase.status is AttemptStatus.SUCCESS or purchase.status.live:
            yield Finding(Verdict.MISSING_THERE, (), purchase)
    for ref, listed in by_ref.items():
        other = look_up(ref)
        yield Finding(Verdict.MISSING_HERE, tuple(listed)) if other is None else compare(listed, other)
    for listed in by_supplier_ref.values():
        yield Finding(Verdict.MISSING_HERE, tuple(listed))
    for line in lines:
        if line.ref is None and line.supplier_ref is None:
            yield Finding(Verdict.MISSING_HERE, (line,), None, ("no reference on the line",))


def compare(lines: Sequence[Line], purchase: Purchase) -> Finding:
    """What one or several lines say of one purchase, against what the ledger says."""
    line, repeated = _as_one(lines)
    differences = [f"listed {len(lines)} times"] if repeated else []
    if line.status is None:
        differences.append(f"status there {line.status_text!r}, which is not understood; here {purchase.status.value}")
    elif not _agree(line.status, purchase.status):
        differences.append(f"status there {line.status.value}, here {purchase.status.value}")
    elif (
        line.status is LineStatus.SUCCESS
        and line.price is not None
        and purchase.price is not None
        and line.price != purchase.price
    ):
        differences.append(
            f"price there {line.price}, here {purchase.price}, {line.price - purchase.price:+d}",
        )
    elif not repeated and (kept := _kept(lines)):
        differences.append(f"price charged there and given back differ, {kept:+d}")
    if line.dest is not None and not same_dest(line.dest, purchase.dest):
        differences.append(f"dest there {line.dest}, here {purchase.dest}")
    verdict = Verdict.DIFFERS if differences else Verdict.MATCHED
    return Finding(verdict, tuple(lines), purchase, tuple(differences))


def _as_one(lines: Sequence[Line]) -> tuple[Line, bool]:
    """The line that says how it ended, and whether there are more lines than that takes: a charge and its return are
    two, and anything else that is listed twice may have been charged twice."""
    if len(lines) == 1:
        return lines[0], False
    returned = [line for line in lines if line.status in _NOT_CHARGED]
    taken_back = len(lines) == 2 and len(returned) == 1 and any(line.status is LineStatus.SUCCESS for line in lines)
    return (returned[0] if taken_back else lines[0]), not taken_back


def _kept(lines: Sequence[Line]) -> int:
    """What the supplier kept of a charge that it gave back, in rupiah; below 0: it gave back more. 0 where a line does
    not say. A list of movements may write one of the two with a minus."""
    charged = [line.price for line in lines if line.status is LineStatus.SUCCESS]
    returned = [line.price for line in lines if line.status in _NOT_CHARGED]
    if len(charged) != 1 or len(returned) != 1 or not charged[0] or not returned[0]:
        return 0
    return abs(charged[0]) - abs(returned[0])


_NOT_CHARGED = frozenset({LineStatus.FAILED, LineStatus.REVERSED})


def _agree(there: LineStatus, here: AttemptStatus) -> bool:
    if there is LineStatus.SUCCESS:
        return here is AttemptStatus.SUCCESS
    if there is LineStatus.PENDING:
        return here.live
    return here in {AttemptStatus.FAILED, AttemptStatus.REJECTED, AttemptStatus.REVERSED}


def same_dest(there: str, here: str) -> bool:
    """Whether two ways to write a number can mean the same one: `62…` is `0…`, a lost leading 0 is forgiven, and `x`
    or `*` in the statement hides a digit."""
    left, right = _plain(there), _plain(here)
    if len(left) != len(right):
        return False
    return all(one in "x*" or one == other for one, other in zip(left, right, strict=True))


def _plain(dest: str) -> str:
    text = "".join(character for character in dest.casefold() if character.isalnum() or character == "*")
    return text.removeprefix("62") if text.startswith("628") else text.removeprefix("0")
