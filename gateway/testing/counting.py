"""Counting at the suppliers: what they executed, held against what clients were told and what the ledger says.

Nothing here asks the gateway whether it did right. A destination belongs to one purchase alone, so what the suppliers
did for a destination is what was done for its `ref_id`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BOUGHT = "bought"
RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a supplier's journal: an arrival, or money given back. Money in whole rupiah."""

    supplier: str
    at: str
    event: str
    ref: str
    dest: str
    price: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a client was answered about one `ref_id`, the first time that it was answered at all."""

    ref_id: str
    dest: str
    id: str
    status: str
    tries: int


@dataclass(slots=True)
class Verdict:
    """What is wrong, each as a line for people. All empty: the run was right."""

    lost: list[str] = field(default_factory=list)
    """Answered, and not in the ledger, or not as it was answered."""
    unsettled: list[str] = field(default_factory=list)
    """Neither final nor waiting for a person."""
    resent: list[str] = field(default_factory=list)
    """One reference that reached a supplier as a purchase more than once."""
    twice: list[str] = field(default_factory=list)
    """Executed while an earlier purchase for the same `ref_id` stood."""
    money: list[str] = field(default_factory=list)
    """A supplier whose charges are not the prices of the successes there."""

    @property
    def clean(self) -> bool:
        return not (self.lost or self.unsettled or self.resent or self.twice or self.money)

    def __str__(self) -> str:
        kinds = {name: getattr(self, name) for name in ("lost", "unsettled", "resent", "twice", "money")}
        return "; ".join(f"{name} {len(found)}: {', '.join(found[:3])}" for name, found in kinds.items() if found)


def read_journal(path: Path, supplier: str) -> list[Line]:
    """The whole lines of a journal that is still being written; none where there is no file yet."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_bytes().split(b"\n")[:-1]:
        held = json.loads(text)
        lines.append(Line(supplier, held["at"], held["event"], held["ref"], held["dest"], held["price"]))
    return lines


def at_suppliers(lines: Iterable[Line]) -> Verdict:
    """What the journals alone can say: what was sent again, and what was executed twice."""
    verdict = Verdict()
    ordered = sorted(lines, key=lambda line: line.at)
    arrived = Counter((line.supplier, line.ref) for line in ordered if line.event != RETURNED)
    verdict.resent = [f"{ref} at {supplier}" for (supplier, ref), times in arrived.items() if times > 1]
    standing: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for line in ordered:
        if line.event == BOUGHT:
            if standing[line.dest]:
                verdict.twice.append(line.dest)
            standing[line.dest].add((line.supplier, line.ref))
        elif line.event == RETURNED:
            standing[line.dest].discard((line.supplier, line.ref))
    return verdict


def charges(lines: Iterable[Line]) -> dict[tuple[str, str], int]:
    """What each supplier holds for each destination, in rupiah."""
    held: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if line.event == BOUGHT:
            held[line.supplier, line.dest] += line.price
        elif line.event == RETURNED:
            held[line.supplier, line.dest] -= line.price
    return dict(held)


def count(lines: Sequence[Line], transactions: Mapping[str, Mapping[str, Any]], told: Iterable[Told]) -> Verdict:
    """Hold the three against each other.

    Args:
        lines: the journals of all suppliers.
        transactions: by `ref_id`, as the API shows them.
        told: what clients were answered.
    """
    verdict = at_suppliers(lines)
    for one in told:
        held = transactions.get(one.ref_id)
        if held is None:
            verdict.lost.append(f"{one.ref_id} is gone")
        elif held["id"] != one.id:
            verdict.lost.append(f"{one.ref_id} was {one.id} and is {held['id']}")
        elif not _may_follow(one.status, held["status"]):
            verdict.lost.append(f"{one.ref_id} was {one.status} and is {held['status']}")
    for ref_id, held in transactions.items():
        if held["status"] == "pending" and not held["needs_review"]:
            verdict.unsettled.append(ref_id)
    _money(verdict, charges(lines), transactions)
    return verdict


def _may_follow(was: str, now: str) -> bool:
    return was in ("pending", now) or (was == "success" and now == "reversed")


def _money(
    verdict: Verdict, held: Mapping[tuple[str, str], int], transactions: Mapping[str, Mapping[str, Any]]
) -> None:
    """Destination by destination. What waits for a person may have been charged: nobody knows that yet."""
    open_ = {one["dest"] for one in transactions.values() if one["status"] == "pending"}
    expected = {
        (one["provider"], one["dest"]): one["price"] for one in transactions.values() if one["status"] == "success"
    }
    for supplier, dest in sorted({*held, *expected}):
        charged, price = held.get((supplier, dest), 0), expected.get((supplier, dest), 0)
        if charged != price and dest not in open_:
            verdict.money.append(f"{supplier} holds {charged} for {dest}, the ledger says {price}")
