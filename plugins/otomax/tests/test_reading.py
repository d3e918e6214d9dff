"""Answers in every envelope, codes against texts, and whose purchase an answer is about."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import Attempt, Outcome, OutcomeStatus, ReasonCode, RecordedMessage, Reply
from gateway_otomax import OtomaxProvider
from gateway_otomax.reading import same_destination

Account = Callable[..., OtomaxProvider]
Read = Callable[..., Outcome]
S, F, P, R, U = (
    OutcomeStatus.SUCCESS,
    OutcomeStatus.FAILED,
    OutcomeStatus.PENDING,
    OutcomeStatus.REJECTED,
    OutcomeStatus.UNKNOWN,
)
OURS = "R#903123456 PULSA5.081234567890"


# Envelopes.


def test_a_plain_line(read: Read) -> None:
    outcome = read(f"T#77 {OURS} SUKSES. SN: 123/ABC. Saldo 100.000 - 5.700 = 94.300 @10:10")
    assert outcome.status is S
    assert (outcome.ref, outcome.supplier_ref, outcome.serial) == ("903123456", "77", "123/ABC")
    assert (outcome.price, outcome.balance) == (5_700, 94_300)


def test_a_query_string_that_nobody_encoded(read: Read) -> None:
    outcome = read(f"status=20&message={OURS} SUKSES. SN: A&B=C#D%20E. Saldo 1.000")
    assert outcome.status is S
    assert outcome.serial == "A&B=C#D%20E"
    assert outcome.balance == 1_000


def test_other_parameters_before_the_message(read: Read) -> None:
    outcome = read("status=1&refid=903123456&trxid=55&message=masih diproses")
    assert (outcome.status, outcome.ref, outcome.supplier_ref) == (P, "903123456", "55")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ("status=45, message=Stok kosong", F, ReasonCode.PRODUCT_UNAVAILABLE),
        ("status=61 Qty tidak sesuai. Allowed QTY is 1000-500000", F, ReasonCode.SUPPLIER_REFUSED),
        ("status=55, message=timeout", U, None),
        ("status=43", F, ReasonCode.SUPPLIER_BALANCE),
        ("STATUS=1&MESSAGE=akan diproses", P, None),
        ("rc=0&msg=menunggu", P, None),
    ],
)
def test_the_short_forms(read: Read, body: str, status: OutcomeStatus, reason: ReasonCode | None) -> None:
    outcome = read(body)
    assert (outcome.status, outcome.reason) == (status, reason)


def test_json_with_the_keys_of_the_neighbour_dialect(read: Read) -> None:
    outcome = read(
        '{"success": true, "produk": "PULSA5", "tujuan": "081234567890", "reffid": "903123456", "rc": "0068", '
        '"harga": 299065, "msg": "Trx PULSA5 081234567890 Under proses...", "saldo": "106.204.167"}'
    )
    assert outcome.status is P
    assert (outcome.ref, outcome.price, outcome.balance) == ("903123456", 299_065, 106_204_167)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"data": {"status": "Sukses", "message": "Transaksi Sukses", "sn": "1", "rc": "00"}}', S),
        ('{"data": {"status": "Gagal", "message": "Nomor Tujuan Salah", "rc": "54"}}', F),
        ('{"status": "Pending", "message": "Transaksi Pending", "rc": "03"}', P),
        ('{"status": 20, "sn": "5544"}', S),
        ('{"status": "success", "sn": "5544"}', S),
        ('{"status": "success"}', U),
        ('{"success": true, "message": "Success"}', U),
        ('{"success": false, "message": "TRX PULSA5.081234567890 SUKSES SN:1"}', U),
        ('{"status": "failed", "message": "zyzzyva"}', U),
        ('{"status": "failed", "message": "Nomor tujuan salah"}', F),
        ('{"rc": "", "msg": {"errno": 1205}}', U),
        ('{"status": 20, "message": "<html><body>SUKSES</body></html>"}', U),
        ("{", U),
        ("[1, 2]", U),
        ('"SUKSES"', U),
    ],
)
def test_json(read: Read, body: str, status: OutcomeStatus) -> None:
    assert read(body).status is status


@pytest.mark.parametrize("body", [b"", b"  \n", b"<html>SUKSES</html>", b"<!doctype html>", b"\xff\xfe", b"\x00" * 50])
def test_no_message_is_unknown(read: Read, body: bytes) -> None:
    assert read(body).status is U


def test_line_breaks_are_blanks(read: Read) -> None:
    assert read(f"{OURS} SUKSES<br>SN: 12<br/>Saldo: 5.000").serial == "12"


@pytest.mark.parametrize("status", [500, 502, 503, 302, 199])
def test_success_and_failure_need_a_good_http_status(read: Read, status: int) -> None:
    assert read(f"{OURS} SUKSES. SN: 1", status).status is U
    assert read(f"{OURS} GAGAL", status).status is U


def test_a_refusal_may_come_with_its_http_status_but_no_success(read: Read) -> None:
    assert read('{"status": 42, "message": "PIN salah"}', 401).account_refused
    assert read(f"{OURS} GAGAL. Nomor tujuan salah", 400).status is F
    assert read(f"{OURS} SUKSES. SN: 1", 404).status is U


# The code and the text.


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        (1, "GAGAL. Nomor tujuan salah", F),
        (1, f"{OURS} SUKSES. SN: 1", U),
        (20, f"{OURS} GAGAL", U),
        (40, f"{OURS} SUKSES. SN: 1", U),
        (20, "sedang diproses", U),
        (40, "sedang diproses", U),
        (40, "GAGAL", F),
        (20, "", S),
        (40, "", F),
        (52, "GAGAL", F),
        (55, "GAGAL. Time out", U),
        (55, "GAGAL", U),
        (255, f"{OURS} SUKSES. SN: 1", U),
        (7777, "zyzzyva", U),
        (42, "", R),
        (42, "GAGAL", R),
        (42, "GAGAL. Nomor tujuan salah", F),
        (1, "PIN salah", R),
        (42, "sedang diproses", U),
        (46, "transaksi dobel", U),
        (46, f"{OURS} sdh pernah jam 10:10, status Gagal", F),
        (46, f"{OURS} sdh pernah jam 10:10, status Sukses. SN: 9", S),
        (46, f"{OURS} sdh pernah jam 10:10, status Menunggu Jawaban", P),
    ],
)
def test_an_explicit_failure_beats_a_pending_code_and_nothing_else_beats_anything(
    account: Account, code: int, text: str, status: OutcomeStatus
) -> None:
    outcome = account().read_message(RecordedMessage(text=text, status_code=code, channel="dup"))
    assert outcome.status is status, outcome.rule


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (43, ReasonCode.SUPPLIER_BALANCE),
        (44, ReasonCode.PRODUCT_UNAVAILABLE),
        (58, ReasonCode.INVALID_DESTINATION),
        (54, ReasonCode.OUT_OF_AREA),
        (56, ReasonCode.BLOCKED_DESTINATION),
        (59, ReasonCode.PRICE_TOO_HIGH),
        (69, ReasonCode.CUTOFF),
    ],
)
def test_a_code_says_why(account: Account, code: int, reason: ReasonCode) -> None:
    outcome = account().read_message(RecordedMessage(text="", status_code=code))
    assert (outcome.status, outcome.reason) == (F, reason)


@pytest.mark.parametrize("code", [21, 41, 42, 49, 51, 57])
def test_a_refused_account_stops_the_account(account: Account, code: int) -> None:
    assert account().read_message(RecordedMessage(text="", status_code=code)).account_refused


def test_no_such_transaction_may_still_be_on_its_way(read: Read) -> None:
    outcome = read("TIDAK ADA transaksi Tujuan 081234567890 pada tgl 22/04/2025. Tidak ada data. Saldo 43.934.743")
    assert (outcome.status, outcome.never_seen, outcome.balance) == (U, True, 43_934_743)


@pytest.mark.parametrize(
    "text",
    [
        "Tidak ada transaksi pending untuk nomor ini",
        "Tidak ada trx yang masih diproses",
        "R#903123456 belum tercatat sukses",
        "R#903123456 tidak ditemukan di biller",
        "Trx R#903123456 tidak ditemukan di operator",
        "Data tidak ditemukan pada server biller",
        "Transaksi tidak ada perubahan",
        "Trx belum ada report",
        "Transaksi tidak ditemukan karena sudah lewat tanggal",
    ],
)
def test_what_others_do_not_know_or_no_status_has_is_no_unknown_purchase(read: Read, text: str) -> None:
    outcome = read(text)
    assert (outcome.status, outcome.never_seen) == (U, False)


@pytest.mark.parametrize(
    "text",
    [
        "R#903123456 tidak ditemukan",
        "Transaksi dengan refid 903123456 tidak ditemukan di server kami",
        "Belum ada transaksi hari ini",
        "No transaction found for today",
        "Data tidak ditemukan. Saldo 90.000",
    ],
)
def test_a_purchase_that_the_supplier_does_not_know_was_never_seen(read: Read, text: str) -> None:
    outcome = read(text)
    assert (outcome.status, outcome.never_seen) == (U, True)


def test_a_refund_in_the_balance_is_no_price(read: Read) -> None:
    outcome = read(f"{OURS} GAGAL. Saldo Rp. 28.337.790 + 12.123 = Rp. 28.349.913")
    assert (outcome.status, outcome.price, outcome.balance) == (F, None, 28_349_913)


def test_the_clock_beside_a_balance_is_not_the_balance(account: Account) -> None:
    text = b"Sisa saldo Anda per 12/11/2025 10:10 adalah Rp 1.234.567"
    assert account().read_balance(Reply(status=200, headers={}, body=text)) == 1_234_567


@pytest.mark.parametrize(
    ("text", "status", "rule"),
    [
        (f"[SEMPAT SUKSES SN:-] {OURS} GAGAL, KET: REFUND", F, "taken-back"),
        (f"{OURS} dari SUKSES menjadi GAGAL", F, "taken-back"),
        (f"[SEMPAT GAGAL] {OURS} SUKSES. SN: 1", U, "flipped"),
        (f"{OURS} SUKSES SEBAGIAN", U, "partly"),
        ("INQSUKSES. TAGIHAN 150.000", U, "inquiry-only"),
        (f"{OURS} sukses/gagal", U, "either-or"),
        ("Data transaksi tidak ditemukan", U, "never-seen"),
        ("Data tidak ditemukan", U, "no-data"),
        (f"Transaksi tidak ditemukan. {OURS} SUKSES. SN: 1", U, "never-seen-but"),
        (f"{OURS} sudah pernah jam 10:10", U, "before"),
        (f"{OURS} berhasil diproses. SN: 1", S, "processed-with-serial"),
        (f"{OURS} SUKSES. SN: REFUND", U, "odd-serial"),
        ("Transaksi dialihkan ke operator lain", P, "tried-again"),
        (f"{OURS} SUKSES, dibatalkan oleh admin", U, "both"),
        (f"{OURS} SUKSES. SN: menyusul", U, "odd-serial"),
        (f"{OURS} refund diajukan ke operator", U, "refund-asked"),
        (f"{OURS} GAGAL, trx sebelumnya masih jalan", U, "earlier-runs"),
        ("R#903123456 Deposit SUKSES. Saldo 50.000 + 200.077 = 250.077", U, "credited"),
        (f"Validasi {OURS} SUKSES", U, "other-act"),
        (f"{OURS} SUKSES 2 dari 3", U, "success-and-more"),
    ],
)
def test_the_known_forms_are_read_by_their_own_rule(
    account: Account, text: str, status: OutcomeStatus, rule: str
) -> None:
    outcome = account().read_message(RecordedMessage(text=text))
    assert (outcome.status, outcome.rule) == (status, rule)


@pytest.mark.parametrize(
    "text", ["INQSUKSES", "SUKSES SEBAGIAN", "sukses/gagal", "[SEMPAT GAGAL] SUKSES", "Transaksi tidak ditemukan"]
)
def test_a_success_code_does_not_hide_a_text_that_doubts_it(account: Account, text: str) -> None:
    assert account().read_message(RecordedMessage(text=text, status_code=20)).status is U


# Whose purchase.


@pytest.mark.parametrize(
    "body",
    [
        "R#903123457 PULSA5.081234567890 SUKSES. SN: 1",
        "R#9031234567 PULSA5.081234567890 GAGAL",
        f"{OURS} SUKSES. SN: 1. R#111 PULSA5.081234567890 SUKSES. SN: 2",
        "TRX PULSA5.081234567890 BERHASIL, SN:1. CLIENTID=99",
        '{"status": 20, "refid": "99", "message": "SUKSES", "sn": "1"}',
        "PULSA5.081234567891 SUKSES. SN: 1",
        "PULSA5.0899xxxx891 SUKSES. SN: 1",
        "XL10.081234567890 GAGAL. Nomor salah",
        "R#903123456 PULSA5.089999999999 SUKSES. SN: 1",
    ],
)
def test_an_answer_about_another_purchase_is_unknown(read: Read, body: str) -> None:
    assert read(body).status is U


@pytest.mark.parametrize(
    "body",
    [
        "R#903123456'R#903123456 PULSA5.081959...' GAGAL. Saldo tidak cukup.081911192412 Hrg 9.070, Saldo 1.793",
        "R# PULSA5.081234567890 GAGAL",
        "R#0 PULSA5.081234567890 GAGAL. Stok kosong",
        "PULSA5.08123xxx890 GAGAL",
        "PULSA5.0812345***** GAGAL",
        "PULSA5.2.081234567890 GAGAL",
        "PULSA5.6281234567890 GAGAL",
        "GAGAL @10:10 TRX NormalR#903123456",
        "R#903123456T#5 PULSA5.081234567890 GAGAL",
        "R#903123456 REMAPPED.081234567890 GAGAL",
        "GAGAL. Nomor tujuan salah. Saldo 75.480.811",
    ],
)
def test_masks_counters_empty_doubled_and_glued_references_are_ours(read: Read, body: str) -> None:
    assert read(body).status is F


def test_destinations_are_compared_as_they_are_printed() -> None:
    assert same_destination("081234567890", "08123xxx7890")
    assert same_destination("081234567890", "+6281234567890")
    assert same_destination("123456781234", "12345678")
    assert not same_destination("081234567890", "08123xxx7891")
    assert not same_destination("081234567890", "081234567899")


# Secrets, and never an error.


def test_a_short_pin_is_taken_out_of_the_message_but_not_out_of_a_token(account: Account) -> None:
    text = "R#1 PLN.081234567 SUKSES. SN: 1234 5678 9012 3456 7890/BUDI. Saldo 10.000 PLN.2.081234567.1234 sign=abc"
    outcome = account().read_message(RecordedMessage(text=text))
    assert outcome.serial == "1234 5678 9012 3456 7890/BUDI"
    assert ".1234" not in outcome.message
    assert "sign=***" in outcome.message
    assert "1234 5678" in outcome.message


@given(body=st.binary(max_size=300), status=st.sampled_from([200, 404, 500]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_without_an_error(account: Account, attempt: Attempt, body: bytes, status: int) -> None:
    provider = account()
    reply = Reply(status=status, headers={}, body=body)
    assert isinstance(provider.read_purchase(attempt, reply), Outcome)
    assert isinstance(provider.read_check(attempt, reply), Outcome)
    assert type(provider.read_balance(reply)) in (int, type(None))


@pytest.mark.parametrize(
    "text",
    [
        "T#5 R#903999999 PULSA5.081234567890 SUKSES. SN: 998877. Harga 5.700",
        "T#5 PULSA5.081999999999 SUKSES. SN: 998877. Harga 5.700",
    ],
)
def test_nothing_of_another_purchase_is_handed_on(read: Read, text: str) -> None:
    """With its `supplier_ref` here, the other one's report would settle this attempt."""
    outcome = read(text)
    assert (outcome.status, outcome.supplier_ref, outcome.serial, outcome.price) == (U, None, None, None)


def test_our_reference_with_a_letter_glued_to_it_is_told_as_ours(read: Read) -> None:
    outcome = read("T#77 R#903123456R PULSA5.081234567890 SUKSES. SN: 998877")
    assert (outcome.status, outcome.ref) == (S, "903123456")


@pytest.mark.parametrize("text", ["Format salah", "GAGAL. Format trx tidak sesuai", "Parameter tidak lengkap"])
def test_an_order_that_the_supplier_cannot_read_says_nothing_about_the_account(read: Read, text: str) -> None:
    refused = read(text)
    assert (refused.status, refused.account_refused) == (OutcomeStatus.REJECTED, False)
    told_by_code = read(json.dumps({"status": 21, "message": text}))
    assert (told_by_code.status, told_by_code.account_refused) == (OutcomeStatus.REJECTED, True)


@pytest.mark.parametrize("word", ["sementara", "sebagian", "mungkin"])
def test_a_word_of_doubt_in_the_place_of_a_serial_number_leaves_it_open(read: Read, word: str) -> None:
    assert read(f"{OURS} SUKSES. SN: {word}. Saldo 5.000").status is U
