"""Holding a statement against the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.reconcile import Finding, Line, LineStatus, Purchase, Verdict, compare, reconcile, same_dest
from gateway.core.transaction import AttemptStatus

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)


def purchase(ref: str = "1", status: AttemptStatus = AttemptStatus.SUCCESS, price: int | None = 5400) -> Purchase:
    return Purchase(
        ref=ref, transaction=f"9{ref}", client="shop", ref_id=f"A-{ref}", status=status, product="X5",
        dest="081712345678", price=price, supplier_ref=f"T{ref}", serial=None, at=AT,
    )  # fmt: skip


def line(ref: str | None = "1", status: LineStatus | None = LineStatus.SUCCESS, price: int | None = 5400) -> Line:
    return Line(number=2, ref=ref, status=status, price=price, status_text="" if status else "aneh")


def run(lines: list[Line], purchases: list[Purchase], others: tuple[Purchase, ...] = ()) -> list[Finding]:
    known = {one.ref: one for one in (*purchases, *others)}
    return list(reconcile(lines, purchases, known.get))


def test_a_line_and_a_purchase_that_say_the_same_match() -> None:
    (found,) = run([line()], [purchase()])
    assert (found.verdict, found.differences) == (Verdict.MATCHED, ())


def test_what_only_the_supplier_lists_is_missing_here() -> None:
    (found,) = run([line("7")], [])
    assert found.verdict is Verdict.MISSING_HERE
    assert found.purchase is None


@pytest.mark.parametrize("status", [status for status in AttemptStatus if status.live or status == "success"])
def test_what_was_bought_or_may_have_been_and_is_not_listed_is_missing_there(status: AttemptStatus) -> None:
    (found,) = run([], [purchase(status=status)])
    assert found.verdict is Verdict.MISSING_THERE


@pytest.mark.parametrize("status", [AttemptStatus.FAILED, AttemptStatus.REJECTED, AttemptStatus.REVERSED])
def test_what_cost_nothing_need_not_be_listed(status: AttemptStatus) -> None:
    assert run([], [purchase(status=status)]) == []


def test_a_listed_purchase_of_another_day_is_no_stranger() -> None:
    (found,) = run([line("8")], [], (purchase("8"),))
    assert found.verdict is Verdict.MATCHED


def test_a_price_that_differs_is_told_with_the_difference() -> None:
    (found,) = run([line(price=5500)], [purchase()])
    assert found.verdict is Verdict.DIFFERS
    assert found.differences == ("price there 5500, here 5400, +100",)


def test_a_price_of_nothing_is_a_price() -> None:
    assert compare([line(price=0)], purchase()).differences == ("price there 0, here 5400, -5400",)
    assert compare([line()], purchase(price=0)).differences == ("price there 5400, here 0, +5400",)


def test_a_return_of_what_is_still_under_way_is_no_return() -> None:
    both = [line(status=LineStatus.PENDING), line(status=LineStatus.REVERSED)]
    found = compare(both, purchase(status=AttemptStatus.REVERSED))
    assert found.differences[0] == "listed 2 times"


def test_a_price_that_one_side_does_not_say_is_no_difference() -> None:
    assert compare([line(price=None)], purchase()).verdict is Verdict.MATCHED
    assert compare([line()], purchase(price=None)).verdict is Verdict.MATCHED


def test_the_price_of_a_failure_is_no_charge() -> None:
    found = compare([line(status=LineStatus.FAILED, price=0)], purchase(status=AttemptStatus.FAILED))
    assert found.verdict is Verdict.MATCHED


AGREE = {
    LineStatus.SUCCESS: {AttemptStatus.SUCCESS},
    LineStatus.FAILED: {AttemptStatus.FAILED, AttemptStatus.REJECTED, AttemptStatus.REVERSED},
    LineStatus.REVERSED: {AttemptStatus.FAILED, AttemptStatus.REJECTED, AttemptStatus.REVERSED},
    LineStatus.PENDING: {AttemptStatus.SENDING, AttemptStatus.PENDING, AttemptStatus.UNKNOWN},
}


@pytest.mark.parametrize("here", AttemptStatus)
@pytest.mark.parametrize("there", LineStatus)
def test_every_pair_of_status(there: LineStatus, here: AttemptStatus) -> None:
    found = compare([line(status=there)], purchase(status=here))
    assert (found.verdict is Verdict.MATCHED) is (here in AGREE[there])
    assert found.verdict is Verdict.MATCHED or found.differences[0].startswith(
        f"status there {there.value}, here {here.value}"
    )


def test_a_status_that_nobody_knows_differs() -> None:
    found = compare([line(status=None)], purchase())
    assert found.differences == ("status there 'aneh', which is not understood; here success",)


def test_a_charge_and_its_return_are_one_reversal() -> None:
    lines = [line(), line(status=LineStatus.REVERSED)]
    assert compare(lines, purchase(status=AttemptStatus.REVERSED)).verdict is Verdict.MATCHED
    assert compare(lines, purchase()).differences == ("status there reversed, here success",)


def test_a_return_of_less_than_the_charge_differs_by_what_the_supplier_kept() -> None:
    taken_back = purchase(status=AttemptStatus.REVERSED)
    for status in (LineStatus.REVERSED, LineStatus.FAILED):
        found = compare([line(), line(status=status, price=5000)], taken_back)
        assert (found.verdict, found.differences) == (
            Verdict.DIFFERS,
            ("price charged there and given back differ, +400",),
        )
    assert compare([line(status=LineStatus.REVERSED, price=5500), line()], taken_back).differences == (
        "price charged there and given back differ, -100",
    )


@pytest.mark.parametrize("returned", [5400, -5400, None, 0])
def test_a_whole_return_and_one_without_an_amount_match(returned: int | None) -> None:
    lines = [line(), line(status=LineStatus.REVERSED, price=returned)]
    assert compare(lines, purchase(status=AttemptStatus.REVERSED)).verdict is Verdict.MATCHED


def test_what_is_listed_twice_may_have_been_charged_twice() -> None:
    (found,) = run([line(), line()], [purchase()])
    assert found.differences == ("listed 2 times",)
    (found,) = run([line(), line(), line(status=LineStatus.REVERSED)], [purchase()])
    assert "listed 3 times" in found.differences


def test_a_line_without_our_reference_is_found_by_the_suppliers() -> None:
    (found,) = run([replace(line(None), supplier_ref="T1")], [purchase()])
    assert found.verdict is Verdict.MATCHED
    (found,) = run([replace(line(None), supplier_ref="T2")], [])
    assert found.verdict is Verdict.MISSING_HERE


def test_the_same_purchase_under_either_reference_is_listed_twice() -> None:
    (found,) = run([line(), replace(line(None), supplier_ref="T1")], [purchase()])
    assert found.differences == ("listed 2 times",)


def test_a_line_without_any_reference_is_missing_here() -> None:
    (found,) = run([line(None)], [])
    assert (found.verdict, found.differences) == (Verdict.MISSING_HERE, ("no reference on the line",))


@pytest.mark.parametrize(
    ("there", "here", "same"),
    [
        ("081712345678", "081712345678", True),
        ("6281712345678", "081712345678", True),
        ("+62 817-1234-5678", "081712345678", True),
        ("81712345678", "081712345678", True),
        ("08171xxx678", "081712345678", False),
        ("08171xxxx678", "081712345678", True),
        ("0817****5678", "081712345678", True),
        ("081712345679", "081712345678", False),
        ("14345678901", "14345678901", True),
        ("62345678901", "62345678901", True),
        ("62345678901", "0345678901", False),
        ("0817123456789", "081712345678", False),
        ("08171XXXX678", "081712345678", True),
    ],
)
def test_two_ways_to_write_a_destination(there: str, here: str, same: bool) -> None:
    assert same_dest(there, here) is same


def test_another_destination_differs() -> None:
    found = compare([replace(line(), dest="081700000000")], purchase())
    assert found.differences == ("dest there 081700000000, here 081712345678",)


refs = st.sampled_from("123456")


@given(
    listed=st.lists(
        st.builds(line, refs, st.sampled_from([*LineStatus, None]), st.sampled_from([None, 5400, 5500])), max_size=8
    ),
    held=st.lists(st.builds(purchase, refs, st.sampled_from(AttemptStatus)), max_size=6, unique_by=lambda one: one.ref),
)
@settings(max_examples=100)
def test_each_line_is_in_exactly_one_finding_and_every_charge_is_accounted_for(
    listed: list[Line], held: list[Purchase]
) -> None:
    found = run(listed, held)
    told = [one for finding in found for one in finding.lines]
    assert len(told) == len(listed)
    assert sorted(map(id, told)) == sorted(map(id, listed))
    charged = {one.ref for one in held if one.status is AttemptStatus.SUCCESS}
    assert charged <= {finding.purchase.ref for finding in found if finding.purchase is not None}
    here = {one.ref for one in held}
    for finding in found:
        assert (finding.verdict is Verdict.MISSING_HERE) is (finding.purchase is None)
        assert finding.verdict is not Verdict.MISSING_HERE or finding.lines[0].ref not in here
