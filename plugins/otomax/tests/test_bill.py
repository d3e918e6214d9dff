from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway_otomax.bill import bill_of


def test_a_bill_has_names_and_rupiah() -> None:
    assert bill_of("NAMA:BUDI SANTOSO/TAG:150.000/ADM:2.500/TTAG:Rp 152.500/PERIODE:202611") == {
        "name": "BUDI SANTOSO",
        "amount": "150000",
        "admin": "2500",
        "total": "152500",
        "period": "202611",
    }


def test_names_that_only_this_supplier_uses_stay() -> None:
    assert bill_of("Nama=SITI; Tarif Daya = R1/900VA; Stand Meter=0123-0150") == {
        "name": "SITI",
        "tarif_daya": "R1",
        "text": "900VA",
        "stand_meter": "0123-0150",
    }


def test_a_comma_within_a_number_parts_nothing() -> None:
    assert bill_of("TAGIHAN:150,000, DENDA:5,000") == {"amount": "150000", "penalty": "5000"}


def test_money_that_cannot_be_read_stays_as_it_is_written() -> None:
    assert bill_of("TAGIHAN: lihat struk") == {"amount": "lihat struk"}


def test_of_two_of_one_name_the_first_holds() -> None:
    assert bill_of("TAG:1.000/TAGIHAN:2.000") == {"amount": "1000"}


def test_what_has_no_names_is_told_as_it_is() -> None:
    assert bill_of("BUDI/R1/000000900") == {"text": "BUDI/R1/000000900"}
    assert bill_of(" ") is None
    assert bill_of(None) is None


@given(st.text(max_size=300))
def test_whatever_comes_is_short_text_under_short_names(text: str) -> None:
    bill = bill_of(text)
    assert bill is None or bill
    for name, value in (bill or {}).items():
        assert 0 < len(name) <= 31
        assert len(value) <= 200
