"""Manners of single suppliers that the rules and the fields must bear: names, codes and references in odd places."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway import Outcome, OutcomeStatus, RecordedMessage
from gateway_otomax import OtomaxProvider
from gateway_otomax.fields import fields_of

Account = Callable[..., OtomaxProvider]
Read = Callable[..., Outcome]
S, F, P, U = OutcomeStatus.SUCCESS, OutcomeStatus.FAILED, OutcomeStatus.PENDING, OutcomeStatus.UNKNOWN
OURS = "R#903123456 PULSA5.081234567890"
TOKEN = "7711-2233-4455-6677-8899"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        # A customer's name between a token and the tariff may be any word; elsewhere the words are the supplier's.
        (f"{OURS} SUKSES. SN: {TOKEN}/GAGAL RAHARJO/R1/900VA/13,2KWH", S),
        (f"{OURS} SUKSES. SN: {TOKEN}/BATAL/R1M/900VA/13,2KWH", S),
        (f"{OURS} SUKSES. SN: {TOKEN}/REFUND", U),
        (f"{OURS} SUKSES. SN: 778812/GAGAL RAHARJO/13,2KWH", U),
        # A destination that is no number.
        ("R#903123456 FF20.raja_ff SUKSES. SN: 778812", S),
        ("R#903123456 FF20.raja_ff GAGAL. ID tidak ditemukan", F),
        # A word of status within a package's name.
        ("R#903123456 Paket PENDING LUCU 1GB PL1.081234567890 SUKSES. SN: 778812", S),
        ("R#903123456 Paket SUKSES PAGI 1GB PL1.081234567890 GAGAL. Kartu mati", F),
        ("R#903123456 Paket GAGAL BANGUN 1GB PL1.081234567890 akan diproses", P),
        ("R#903123456 paket gagal, PL1.081234567890 akan dicek", U),
        # A name before the status, where a serial number follows.
        (f"TRX {OURS} a/n DEWI SARTIKA SUKSES. SN: 778812", S),
        (f"{OURS} akan diproses a/n TOKO SUKSES. SN: 778812", P),
        (f"{OURS} a/n TOKO SUKSES. Saldo 94.300", U),
        # Notes in brackets, and assignments for labels.
        (f"{OURS} SUKSES [jalur 2]. SN: 778812", S),
        ("TRX#77 SUCCESS product=PULSA5 dest=081234567890 sn=778812 price=5700", S),
        # Advertising.
        (f"{OURS} GAGAL. Nomor mati. PROMO: isi paket sukses dapat poin", F),
        (f"{OURS} GAGAL. Nomor mati. DEPOSIT SUKSES OTOMATIS 24 JAM", F),
        (f"{OURS} GAGAL. PROMO: R#903123456 SUKSES. SN: 778812", U),
        # A refund that runs is no purchase that runs.
        (f"{OURS} GAGAL. Saldo masih dalam proses refund", F),
        # Some came, the others have not.
        (f"{OURS} 3 dari 4 terkirim SUKSES, 1 menyusul", P),
        # One way failed and another did not: whoever wrote that should be asked.
        (f"{OURS} percobaan 1 GAGAL, percobaan 2 SUKSES. SN: 778812", U),
        (f"{OURS} percobaan 1 GAGAL, percobaan 2 jalan", P),
        # Other words for a purchase that is done need a serial number.
        (f"{OURS} telah terisi. SN: 778812", S),
        (f"{OURS} selesai, SN: 778812", S),
        (f"{OURS} LUNAS BERHASIL. SN: 778812", S),
        (f"{OURS} selesai. Saldo 94.300", U),
        (f"{OURS} belum selesai. SN: 778812", P),
        (f"Validasi {OURS} selesai. SN: 778812", U),
        (f"{OURS} selesai diproses. GAGAL. Nomor mati", F),
        # Slogans, and sentences that follow a serial number without a full stop.
        (f"{OURS} SUKSES SN 778812 Saldo telah dikembalikan 5.700", U),
        (f"{OURS} SUKSES SN 778812 trx sedang diproses", P),
        (f"{OURS} SUKSES, dengan syarat.", U),
        ("Trx sukses akan muncul SN. Salam sukses", U),
        ("TRANSAKSI LANCAR. Deposit Rp 250.000 SUKSES. Saldo 344.300", U),
        ("Rekap transaksi hari ini: sukses 12", U),
        ("Trx terakhir R#903123456 PULSA5.081234567890 BERHASIL", U),
        ("cekdana.081234567890 sukses. sn: siti/778812", U),
        # What becomes of it is told behind the serial number, or behind a "but".
        (f"{OURS} SUKSES. SN 778812 -- refund oleh CS", U),
        (f"{OURS} GAGAL, namun pulsa sudah masuk", U),
        ("PULSA5.081234567890 sudah SUKSES jam 09.00 SN 778812, trx ke 2 pakai .2", U),
        # An inquiry that went through.
        ("Cek nama R#903123456 DANA.081234567890 SUKSES. SN: SITI", U),
        ("R#903123456 CEKDANA.081234567890 SUKSES. SN: SITI/778812", U),
        # Two purchases in one text.
        ("R#903123456 SUKSES. SN: 778812 R#903123457 SUKSES. SN: 778813", U),
        ("R#903123456 GAGAL. Nomor salah. R#903123457 GAGAL. Nomor salah", U),
        ("R#903123456'R#903123456 GAGAL. Nomor salah", F),
        # Refused accounts.
        ("Member ID anda sedang terblokir", OutcomeStatus.REJECTED),
    ],
)
def test_the_status_is_found_among_other_words(account: Account, text: str, status: OutcomeStatus) -> None:
    outcome = account().read_message(RecordedMessage(text=text, channel="report"))
    assert outcome.status is status, outcome.rule


def test_an_inquiry_that_was_bought_as_one_succeeds(read: Read, account: Account) -> None:
    from gateway import Attempt, Reply

    body = b"R#903123456 CEKDANA.081234567890 SUKSES. SN: SITI/778812"
    reply = Reply(status=200, headers={}, body=body)
    inquiry = Attempt(ref="903123456", product="CEKDANA", dest="081234567890")
    assert account().read_purchase(inquiry, reply).status is S
    assert read(body).status is U


@pytest.mark.parametrize(
    ("text", "refs", "maybe", "serial"),
    [
        ("R#11 FF5.123456 SUKSES. SN/Ref: KODE99. RefId : 55667788", ("11",), None, "KODE99"),
        ("FF5.123456 SUKSES. SN: KODE99. Ref. ID : 55667788", ("55667788",), None, "KODE99"),
        ("S5 SUKSES sn=778812 hrg=5.700 ref=A-9", (), "A-9", "778812"),
        ("Ref : A-9 Status : SUKSES SN : 778812 Harga : 5.700", (), "A-9", "778812"),
        ("PLN 5210 LUNAS. REFF: 0PLN778812. HRG: 90.000", (), "0PLN778812", None),
        ("SUKSES. SN/Ref: 778812/REFF 0098", (), None, "778812/REFF 0098"),
        ("S5 SUKSES. No.Seri: 778812. Biaya Rp5.700. Saldo 94.300", (), None, "778812"),
        ("SN:778812 SUKSES R#12 HRG:5.700", ("12",), None, "778812"),
        ("*SUKSES* SN: *778812* Saldo: *94.300*", (), None, "778812"),
        ("S5 SUKSES, SN 778812, potong 5.700, sisa 94.300", (), None, "778812"),
        ("S5 SUKSES SN:778812. # Belanja lagi", (), None, "778812"),
        (f"SUKSES. Token utk 5210 : {TOKEN}/ANI/R1/900 Ref 88A", (), None, f"{TOKEN}/ANI/R1/900"),
        (f"SUKSES {TOKEN.replace('-', ' ')}. Saldo 1.000", (), None, TOKEN.replace("-", " ")),
        ("SUKSES. VA 12345-7711-2233-4455-6677-8899", (), None, None),
    ],
)
def test_references_and_serial_numbers_are_told_apart(
    text: str, refs: tuple[str, ...], maybe: str | None, serial: str | None
) -> None:
    found = fields_of(text)
    assert (found.refs, found.maybe_ref, found.serial) == (refs, maybe, serial)


@pytest.mark.parametrize(
    ("body", "ref", "serial"),
    [
        ("PULSA5.081234567890 SUKSES. SN: 778812. ref=903123456", "903123456", "778812"),
        ("PULSA5.081234567890 SUKSES. SN: 778812. ref=0PLN55", None, "778812"),
        ("PULSA5.081234567890 SUKSES. REFF: 0PLN55", None, "0PLN55"),
        ("R#903123456 PULSA5.081234567890 SUKSES. REFF: 0PLN55", "903123456", "0PLN55"),
        ("R#903123456 PULSA5.081234567890 SUKSES. SN: 778812 RefId : 99", "903123456", "778812"),
    ],
)
def test_a_reference_that_may_be_the_billers_never_contradicts_ours(
    read: Read, body: str, ref: str | None, serial: str | None
) -> None:
    outcome = read(body)
    assert (outcome.status, outcome.ref, outcome.serial) == (S, ref, serial)


@pytest.mark.parametrize(
    ("text", "price", "balance"),
    [
        ("S5 SUKSES, SN 778812, potong 5.700, sisa 94.300", 5_700, 94_300),
        ("*SUKSES* SN: *778812* Harga: *5.700* Saldo: *94.300*", 5_700, 94_300),
        ("3 dari 4 terkirim, sisa 1 menyusul", None, None),
        ("S5 SUKSES. SN: 778812. Biaya Rp5.700. Sisa deposit Rp94.300", 5_700, 94_300),
    ],
)
def test_price_and_balance_are_found_under_rarer_names(text: str, price: int | None, balance: int | None) -> None:
    found = fields_of(text)
    assert (found.price, found.balance) == (price, balance)


def test_a_line_break_that_was_escaped_twice_is_a_line_break(account: Account) -> None:
    text = r"Status: SUKSES\nRefID: 12\nSN: 778812\r\nHarga: 5.700\nSisa Saldo: 94.300"
    outcome = account().read_message(RecordedMessage(text=text, channel="report"))
    assert (outcome.status, outcome.ref, outcome.serial) == (S, "12", "778812")
    assert (outcome.price, outcome.balance) == (5_700, 94_300)
