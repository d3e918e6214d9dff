"""The kill harness notices gateways that break their word; otherwise its silence would mean nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway.testing.counting import Line, Told, Verdict, at_suppliers, count
from gateway.testing.crash_run import Plan, crash_run
from gateway.testing.supplied import NAMES, supplied

HERE = Path(__file__).parent


@pytest.mark.parametrize("mutant", ["resend_on_recovery", "answer_before_commit"])
async def test_a_gateway_that_breaks_its_word_is_caught(mutant: str, tmp_path: Path) -> None:
    command = [sys.executable, HERE / "launcher.py", "--mutant", mutant]
    async with supplied(tmp_path, HERE / "supplier.py", command=command) as site:
        figures = await crash_run(site, NAMES, Plan(purchases=1_000, per_second=500), stop_at_once=True)
    assert figures.verdict.twice or figures.verdict.lost, str(figures)


def line(event: str, ref: str, at: int, supplier: str = "first", dest: str = "0812") -> Line:
    return Line(supplier, f"2026-11-23T10:00:{at:02}+07:00", event, ref, dest, 5_400 if event != "refused" else 0)


@pytest.mark.parametrize(
    ("lines", "twice", "resent"),
    [
        ([line("bought", "1", 0), line("bought", "2", 1, "second")], ["0812"], []),
        ([line("bought", "2", 1, "second"), line("bought", "1", 0)], ["0812"], []),
        ([line("bought", "1", 0), line("returned", "1", 1), line("bought", "2", 2, "second")], [], []),
        ([line("bought", "1", 0), line("bought", "2", 1, "second"), line("returned", "1", 2)], ["0812"], []),
        ([line("refused", "1", 0), line("bought", "2", 1, "second")], [], []),
        ([line("bought", "1", 0), line("repeated", "1", 1)], [], ["1 at first"]),
        ([line("lost", "1", 0), line("bought", "1", 1)], [], ["1 at first"]),
        ([line("lost", "1", 0), line("bought", "1", 1, "second")], [], []),
        ([line("bought", "1", 0), line("bought", "2", 1, dest="0813")], [], []),
    ],
)
def test_what_was_executed_twice_or_sent_again_is_seen(lines: list[Line], twice: list[str], resent: list[str]) -> None:
    verdict = at_suppliers(lines)
    assert (verdict.twice, verdict.resent) == (twice, resent)
    assert verdict.clean != bool(twice or resent)


def held(status: str, **more: object) -> dict[str, object]:
    price = 5_400 if status == "success" else None
    return {
        "id": "7", "status": status, "needs_review": False, "dest": "0812", "provider": "first", "price": price
    } | more  # fmt: skip


def told(status: str) -> Told:
    return Told("A-1", "0812", "7", status, 1)


BOUGHT = [line("bought", "1", 0)]
TAKEN_BACK = [*BOUGHT, line("returned", "1", 1)]


@pytest.mark.parametrize(
    ("lines", "transactions", "said", "wrong"),
    [
        (BOUGHT, {"A-1": held("success")}, "pending", []),
        (TAKEN_BACK, {"A-1": held("reversed")}, "success", []),
        (BOUGHT, {"A-1": held("pending", needs_review=True)}, "pending", []),
        ([], {}, "pending", ["lost"]),
        (BOUGHT, {"A-1": held("success", id="8")}, "pending", ["lost"]),
        (BOUGHT, {"A-1": held("success")}, "failed", ["lost"]),
        (BOUGHT, {"A-1": held("pending")}, "success", ["lost", "unsettled"]),
        (BOUGHT, {"A-1": held("pending")}, "pending", ["unsettled"]),
        (BOUGHT, {"A-1": held("failed")}, "pending", ["money"]),
        (TAKEN_BACK, {"A-1": held("success")}, "success", ["money"]),
        (BOUGHT, {"A-1": held("success", price=5_450)}, "pending", ["money"]),
        (BOUGHT, {"A-1": held("success", provider="second")}, "pending", ["money"]),
        ([], {"A-1": held("success")}, "success", ["money"]),
    ],
)
def test_what_the_ledger_says_is_held_against_the_suppliers(
    lines: list[Line], transactions: dict[str, dict[str, object]], said: str, wrong: list[str]
) -> None:
    verdict = count(lines, transactions, [told(said)])
    assert [name for name in Verdict.__dataclass_fields__ if getattr(verdict, name)] == wrong
    assert verdict.clean == (not wrong)
