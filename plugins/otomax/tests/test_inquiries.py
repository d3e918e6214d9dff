"""Products whose code begins with CEK or INQ only ask for a bill (cek tagihan): what their answers mean."""

from __future__ import annotations

import pytest

from gateway import Attempt, Outcome, OutcomeStatus, Reply
from gateway_otomax.provider import OtomaxProvider
from gateway_otomax.settings import OtomaxSettings

REF = "217683142761000001"
BILL = {"name": "BUDI", "amount": "150000", "admin": "2500", "total": "152500"}


def read(product: str, text: str, *, asked: bool = False) -> Outcome:
    provider = OtomaxProvider(
        OtomaxSettings.model_validate(
            {
                "id": "maxsi",
                "kind": "otomax",
                "url": "http://127.0.0.1:1/trx/slug",
                "member_id": "M1",
                "pin": "1234",
                "password": "passw0rd",
            }
        )
    )
    attempt = Attempt(ref=REF, product=product, dest="512345678901", qty=1)
    reply = Reply(status=200, headers={}, body=text.encode())
    return (provider.read_check if asked else provider.read_purchase)(attempt, reply)


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("word", ["SUKSES", "INQSUKSES", "INQ SUKSES", "CEK TAGIHAN SUKSES"])
def test_a_success_carries_the_bill(word: str, asked: bool) -> None:
    sn = "NAMA:BUDI/TAG:150.000/ADM:2.500/TTAG:152.500"
    outcome = read("CEKPLN", f"T#33 R#{REF} CEKPLN.512345678901 {word}. SN/Ref: {sn}. Saldo 99.900", asked=asked)
    assert (outcome.status, outcome.bill) == (OutcomeStatus.SUCCESS, BILL)


def test_a_purchase_of_which_only_the_inquiry_worked_is_undecided_and_has_no_bill() -> None:
    outcome = read("PLN", f"T#33 R#{REF} PLN.512345678901 INQSUKSES. SN/Ref: NAMA:BUDI/TAG:150.000. Saldo 99.900")
    assert (outcome.status, outcome.bill) == (OutcomeStatus.UNKNOWN, None)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("INQGAGAL. Saldo 99.900", OutcomeStatus.UNKNOWN),
        ("GAGAL. Tagihan belum tersedia. Saldo 99.900", OutcomeStatus.FAILED),
        ("akan diproses. Saldo 99.900", OutcomeStatus.PENDING),
        ("INQSUKSES, pembayaran GAGAL. Saldo 99.900", OutcomeStatus.UNKNOWN),
    ],
)
def test_what_is_no_success_has_no_bill(text: str, status: OutcomeStatus) -> None:
    outcome = read("CEKPLN", f"T#33 R#{REF} CEKPLN.512345678901 {text}")
    assert (outcome.status, outcome.bill) == (status, None)
