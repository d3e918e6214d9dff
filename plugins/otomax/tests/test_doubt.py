"""What takes a word of success or failure back, or leaves it open, whatever its words are."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import Outcome, OutcomeStatus, RecordedMessage
from gateway_otomax import OtomaxProvider

Account = Callable[..., OtomaxProvider]
S, F, P, U = OutcomeStatus.SUCCESS, OutcomeStatus.FAILED, OutcomeStatus.PENDING, OutcomeStatus.UNKNOWN
OPEN = (U, P)
OURS = "R#903123456 S10.081234567890"

many = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def said(account: Account, text: str, code: int | None = None) -> Outcome:
    return account().read_message(RecordedMessage(text=text, status_code=code))


# Cut off.

WORDS_BEHIND_SUCCESS = [
    " SEBAGIAN, sisanya diproses",
    "/GAGAL belum diketahui",
    " masuk antrian, SN menyusul",
    " diterima supplier",
    ". SN: PENDING. Saldo 90.000",
    ". SN/Ref: menunggu operator",
    ", SN: akan dikirim 1x24 jam",
    " dibatalkan, saldo kembali",
    "? belum bos",
]


@pytest.mark.parametrize("rest", WORDS_BEHIND_SUCCESS)
def test_a_message_that_is_no_success_is_none_wherever_it_is_cut_off(account: Account, rest: str) -> None:
    whole = f"{OURS} SUKSES{rest}"
    for end in range(len(OURS), len(whole) + 1):
        assert said(account, whole[:end]).status is not S, whole[:end]


@pytest.mark.parametrize("end", ["SUKSES", "Sukses.", "BERHASIL!", "SUKSES. SN", "SUKSES. SN:", "sukse"])
def test_the_word_of_success_alone_needs_a_code_beside_it(account: Account, end: str) -> None:
    assert said(account, f"{OURS} {end}").status is U
    assert said(account, f"{OURS} {end}", 40).status is U
    assert said(account, f"{OURS} {end}", 20).status is S


@pytest.mark.parametrize(
    "end", ["SUKSES. SN: 0410028811", "SUKSES. Saldo 90.000", "SUKSES @10:10", "SUKSES SN 0410028811 Hrg 10.450"]
)
def test_a_success_that_tells_more_needs_none(account: Account, end: str) -> None:
    assert said(account, f"{OURS} {end}").status is S


def test_a_bare_success_is_confirmed_by_the_serial_number_beside_the_text(account: Account) -> None:
    body = {"refid": "903123456", "message": "Transaksi SUKSES", "sn": "0410028811"}
    assert said(account, json.dumps(body)).status is S


@pytest.mark.parametrize("note", ["CATATAN: status asli PENDING", "Info: laporan ini otomatis", "Hub CS 0812"])
def test_a_note_behind_the_bare_word_tells_nothing_more(account: Account, note: str) -> None:
    assert said(account, f"{OURS} SUKSES\n{note}").status is U
    assert said(account, f"{OURS} SUKSES\n{note}", 20).status is S


@pytest.mark.parametrize("word", ["GAGA", "gaga", "Fail", "SUKSE"])
def test_half_a_status_at_the_end_is_no_status(account: Account, word: str) -> None:
    assert said(account, f"{OURS} {word}").status is U


# Failure: a reason behind it, or what happens next.

REASONS = [
    "Nomor tujuan salah",
    "stok habis",
    "Operator sedang gangguan",
    "Invalid subscriber",
    "Tagihan bulan ini sudah dibayar",
    "silakan ulangi beberapa saat lagi",
    "akun tujuan dibekukan",
    "Ket: FR_NOT_SELECTED",
    "karena kartu pelanggan belum upgrade KYC",
    "saldo anda sudah kami kembalikan 10.450",
    "Pelanggan masih punya paket aktif",
]


@pytest.mark.parametrize("joint", [". ", ", ", ": ", " - "])
@pytest.mark.parametrize("reason", REASONS)
def test_a_failure_with_a_reason_is_one(account: Account, joint: str, reason: str) -> None:
    assert said(account, f"{OURS} GAGAL{joint}{reason}. Saldo 90.000").status is F


NEXT = [
    "kami arahkan ke supplier B",
    "jalur cadangan berjalan",
    "dilempar ke vendor lain",
    "eskalasi ke operator",
    "rekon H+1",
    "hasil akhir menunggu settlement",
    "pelanggan bilang sudah masuk",
    "token dikirim lewat WA",
    "masih kami pastikan",
    "sedang kami telusuri",
    "on hold",
    "tapi jangan diulang dulu",
    "trx masih dalam pengecekan bank",
    "dana mengendap di biller",
]


@pytest.mark.parametrize("joint", [". ", ", ", " (", " - "])
@pytest.mark.parametrize("happens", NEXT)
def test_a_failure_behind_which_something_still_happens_is_open(account: Account, joint: str, happens: str) -> None:
    assert said(account, f"{OURS} GAGAL{joint}{happens}. Saldo 90.000").status in OPEN


@given(words=st.lists(st.text("bcdfgjkmnpqvwxz", min_size=4, max_size=9), min_size=1, max_size=4))
@many
def test_words_that_nobody_knows_leave_a_failure_to_its_code(account: Account, words: list[str]) -> None:
    """They may say that it goes on. No list of such words is ever complete, so the list is that of the reasons."""
    text = f"{OURS} GAGAL, {' '.join(words)}. Saldo 90.000"
    assert said(account, text).status is U
    assert said(account, text, 1).status is U
    assert said(account, text, 40).status is F


@pytest.mark.parametrize(
    "qualified", ["GAGAL versi kami", "GAGAL sebagian", "GAGAL di jalur utama", "GAGAL ke-1, lanjut"]
)
def test_a_failure_of_one_try_or_by_one_party_is_open(account: Account, qualified: str) -> None:
    assert said(account, f"{OURS} {qualified}. Saldo 90.000").status in OPEN


@pytest.mark.parametrize("happens", ["dilempar ke vendor lain", "jalur cadangan berjalan", "rekon H+1", "belum final"])
def test_a_code_of_failure_does_not_confirm_what_still_happens(account: Account, happens: str) -> None:
    assert said(account, f"{OURS} GAGAL, {happens}. Saldo 90.000", 40).status is U


def test_an_account_whose_supplier_always_writes_so_takes_the_caution_away(account: Account) -> None:
    provider = account(rules_without=["failed-and-more", "bare-success"])
    for text, status in ((f"{OURS} GAGAL, zyzzyva. Saldo 90.000", F), (f"{OURS} SUKSES", S)):
        assert provider.read_message(RecordedMessage(text=text)).status is status


def test_a_failure_that_hands_out_a_serial_number_is_open(account: Account) -> None:
    assert said(account, f"{OURS} GAGAL. SN: 041002881122. Saldo 90.000").status is U
    assert said(account, f"{OURS} GAGAL. SN: -. Saldo 90.000").status is F
    assert said(account, f"{OURS} GAGAL. SN: 041002881122. Saldo 90.000", 40).status is F


@pytest.mark.parametrize(
    "text",
    [
        "Order 903123456 will be refunded if it fails",
        "R#903123456 GAGAL jika tidak ada jawaban sampai 12.00",
        "R#903123456 ditolak sementara oleh operator, sistem akan mencoba lagi",
        "R#903123456 failed over to the second route, in progress",
        "Order 903123456 will be cancelled",
        "R#903123456 STS:REFUND-REQ | KET: MENUNGGU PERSETUJUAN",
        "R#903123456 S10.081234567890 Produk gangguan, trx kami titipkan",
        "R#903123456 operator menjawab nomor tidak ditemukan, masih kami pastikan",
    ],
)
def test_what_may_yet_fail_has_not(account: Account, text: str) -> None:
    assert said(account, text).status in OPEN


# Success of something else, or not yet.


@pytest.mark.parametrize("filler", ["", "bisa ", "bisa dinyatakan ", "ada laporan ", "kami anggap sudah "])
@pytest.mark.parametrize("no", ["belum", "bukan", "tidak", "hampir"])
def test_a_denied_success_is_none_however_many_words_stand_between(account: Account, no: str, filler: str) -> None:
    assert said(account, f"{OURS} {no} {filler}sukses. Saldo 90.000").status is not S


@pytest.mark.parametrize(
    "text",
    [
        "Transfer saldo ke downline AB01 sebesar 100.000 SUKSES. SN: TRF8812. Saldo 900.000",
        "No 081234567890 td pagi sdh diisi S10 SUKSES SN:0041009988. R#903123456 mau dilanjut?",
        f"{OURS} SUKSES untuk trx sebelumnya. SN: 0041009988. Saldo 90.000",
        f"{OURS} SUKSES ke nomor lain. Saldo 90.000",
        f"{OURS} SUKSES (test mode). SN: 0041009988. Saldo 90.000",
        f"{OURS} SUKSES to submit. SN: 0041009988. Saldo 90.000",
        "TRXID:1|KODE:CEKPLN|NO:14450000109|STATUS:SUKSES|SN:SLAMET/R1/450",
    ],
)
def test_a_success_of_something_else_is_none(account: Account, text: str) -> None:
    assert said(account, text).status in OPEN


@pytest.mark.parametrize(
    "status", ["SUKSES ke 081299990000. SN: 0041009988", "GAGAL. Nomor salah. S10.081299990000 ok"]
)
def test_a_message_about_two_numbers_decides_nothing(account: Account, status: str) -> None:
    outcome = said(account, f"{OURS} {status}. Saldo 90.000")
    assert (outcome.status, outcome.rule) == (U, "two-destinations")


@pytest.mark.parametrize("when", ["tadi", "td", "barusan", "semalam"])
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("SUKSES. SN: 0410028811, {} dibatalkan operator", None),
        ("SUKSES, {} dibatalkan operator. SN: 0410028811", None),
        ("SUKSES. SN: 0410028811 {} belum masuk", None),
        ("Transaksi {} dibatalkan", 20),
        ("Transaksi {} sedang diproses", 20),
        ("Transaksi {} masih menunggu operator", 40),
        ("GAGAL, {} dialihkan ke supplier lain", None),
        ("GAGAL, {} masih menunggu operator", None),
        ("GAGAL, {} pulsa terkirim", None),
    ],
)
def test_what_happened_just_now_counts(account: Account, when: str, text: str, status: int | None) -> None:
    outcome = said(account, f"{OURS} {text.format(when)}. Saldo 90.000", status)
    assert outcome.status in OPEN


# The same said in another manner.


@pytest.mark.parametrize(
    ("text", "serial", "price", "balance"),
    [
        ("STS:SUKSES|SN:26112900110101|HRG:10.525|SISA:4.310.220", "26112900110101", 10_525, 4_310_220),
        ("Sukses \N{PARTY POPPER} \N{KEY} SN: 26112900110101 \N{MONEY BAG} Harga: Rp10.450 Saldo: Rp980.550",
         "26112900110101", 10_450, 980_550),
        ("SUKSES - SN: 26112900110101 - Price: IDR 10,450 - Balance: IDR 980,550", "26112900110101", 10_450, 980_550),
        ("SN=26112900110101 Status=SUKSES Produk=S10 Harga=10450 Saldo=980550", "26112900110101", 10_450, 980_550),
        ("SUKSES >> SN 26112900110101 >> Hrg.10.450 >> Sal.980.550", "26112900110101", 10_450, 980_550),
        ("SUKSES. No Seri: 26112900110101. HRG BELI 10,450. Saldo 980.550", "26112900110101", 10_450, 980_550),
        ("SUKSES * SN: 8453927594765034**** * Harga trx:Rp.10.450,00 * Saldo=980.550", "8453927594765034****",
         10_450, 980_550),
    ],
)  # fmt: skip
def test_separators_labels_and_currencies_differ_and_the_facts_do_not(
    account: Account, text: str, serial: str, price: int, balance: int
) -> None:
    outcome = said(account, f"R#903123456 | S10.081234567890 | {text}")
    assert outcome.status is S
    assert (outcome.ref, outcome.serial, outcome.price, outcome.balance) == ("903123456", serial, price, balance)


def test_an_amount_behind_a_separator_is_no_part_of_the_serial_number(account: Account) -> None:
    outcome = said(account, f"[BERHASIL] {OURS} >> SN 26112900110101 >> Rp10.450 >> Saldo Rp980.550")
    assert (outcome.serial, outcome.balance) == ("26112900110101", 980_550)


@pytest.mark.parametrize(
    ("fields", "serial"),
    [
        ("SN:26112900110101|KET:OK", "26112900110101"),
        ("SN:26112900110101|NAMA:BUDI", "26112900110101"),
        ("SN:|KET:SN DIKIRIM SUSULAN", None),
        ("SN:1234-5678-9012-3456-7890/BUDI/R1/450|REF:9", "1234-5678-9012-3456-7890/BUDI/R1/450"),
    ],
)
def test_a_serial_number_ends_where_the_next_field_has_its_name(
    account: Account, fields: str, serial: str | None
) -> None:
    outcome = said(account, f"TRXID:1|PRODUK:S10|NO:081234567890|STS:SUKSES|{fields}|SISA:90.000")
    assert outcome.serial == serial


# Everyday reasons that other suppliers give, and what looks like them and goes on.


@pytest.mark.parametrize(
    "reason",
    [
        "Pelanggan tdk memenuhi syarat utk promo ini",
        "NOMOR MASUK MASA TENGGANG",
        "nomer keliru gan",
        "Pulsa utama nomor tdk mencukupi",
        "Kuota lama masih ada",
        "chip habis",
        "Tagihan periode ini blm terbit",
        "Tunggakan 4 bulan, bayar langsung di loket",
        "limit e-wallet sudah tercapai",
        "nomor beda regional",
        "undefined error",
        "Your deposit has been refunded",
    ],
)
def test_an_everyday_reason_makes_a_failure_certain(account: Account, reason: str) -> None:
    assert said(account, f"{OURS} GAGAL. {reason}. Saldo 90.000").status is F


@pytest.mark.parametrize(
    "happens",
    [
        "ganti chip",
        "chip kedua",
        "pulsa utama sudah masuk",
        "token sudah terbit",
        "under review",
        "masuk masa sanggah",
        "wallet sudah terisi",
        "nomor salah, kami pantau",
        "operator gangguan, kami oper",
        "bos, lagi kami urus",
        "silakan pantau",
        "mohon menanti kepastian operator",
        "cashback masuk",
        "SN keluar",
    ],
)
def test_words_of_everyday_reasons_do_not_hide_what_goes_on(account: Account, happens: str) -> None:
    assert said(account, f"{OURS} GAGAL. {happens}. Saldo 90.000").status in OPEN


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("Nomor sudah tidak aktif", "invalid_destination"),
        ("Salah prefix", "invalid_destination"),
        ("Nomor kontrak tidak ditemukan", "invalid_destination"),
        ("Kartu prabayar expired", "invalid_destination"),
        ("Service unavailable", "product_unavailable"),
        ("Server game maintenance", "product_unavailable"),
        ("Jalur sedang ditutup", "product_unavailable"),
        ("chip kosong", "product_unavailable"),
        ("Nomor beda regional", "out_of_area"),
    ],
)
def test_an_everyday_reason_is_named(account: Account, why: str, reason: str) -> None:
    outcome = said(account, f"{OURS} GAGAL. {why}. Saldo 90.000")
    assert (outcome.status, outcome.reason) == (F, reason)


@pytest.mark.parametrize("why", ["Nomor sudah tidak aktif", "Service unavailable", "Server game maintenance"])
def test_a_remark_about_a_number_or_a_product_is_no_failure_by_itself(account: Account, why: str) -> None:
    assert said(account, f"{OURS} {why}").status is not S


@pytest.mark.parametrize(
    "text",
    [
        f"{OURS} Berhasil dikirim ke operator. SN: 0410028811",
        "SMS berhasil dikirim ke 081234567890 SN: 0410028811",
        "R#903123456 Trx berhasil dikirim ke 081234567890 SN: menunggu",
        "R#903123456 masih proses, trx berhasil dikirim ke 081234567890 SN: 0410028811",
        "R#903123456 Trx berhasil dikirim ke 081234567890, SN menyusul",
    ],
)
def test_what_was_sent_to_somebody_else_or_without_its_serial_number_is_open(account: Account, text: str) -> None:
    assert said(account, text).status in OPEN


@pytest.mark.parametrize("doing", ["sedang dilakukan pengisian", "Pesanan sedang disiapkan", "masih dilakukan topup"])
def test_what_is_being_done_is_pending(account: Account, doing: str) -> None:
    assert said(account, f"R#903123456 {doing}. Saldo 90.000").status is P


def test_a_deactivated_account_of_ours_is_refused_at_the_door(account: Account) -> None:
    outcome = said(account, "Akun anda dinonaktifkan, hubungi admin")
    assert (outcome.status, outcome.account_refused) == (OutcomeStatus.REJECTED, True)


def test_a_time_in_brackets_is_no_part_of_the_serial_number(account: Account) -> None:
    assert said(account, f"[SUKSES] {OURS} SN 0410028811 (28/11 12:01)").serial == "0410028811"


def test_a_token_may_be_called_stroom(account: Account) -> None:
    outcome = said(
        account, "PLN20.14500990011 sukses stroom/token 1111-2222-3333-4444-5555 an ANI R1/900VA. Sal 90.000"
    )
    assert outcome.status is S
    assert (outcome.serial or "").startswith("1111-2222-3333-4444-5555")
