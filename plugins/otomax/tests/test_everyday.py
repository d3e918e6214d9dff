"""Plain messages of small shops and of dialects next door, and what stands close to each and must not be believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway import Outcome, OutcomeStatus, RecordedMessage
from gateway_otomax import OtomaxProvider

Account = Callable[..., OtomaxProvider]
S, F, P, R, U = (
    OutcomeStatus.SUCCESS,
    OutcomeStatus.FAILED,
    OutcomeStatus.PENDING,
    OutcomeStatus.REJECTED,
    OutcomeStatus.UNKNOWN,
)


def said(account: Account, text: str, **settings: Any) -> Outcome:
    return account(**settings).read_message(RecordedMessage(text=text, channel="report"))


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        ("kak pulsanya SUKSES ya kak 😊 X5 087712340001 SN=5519283746 hrga 5.900 saldo skrg 93.115", "5519283746"),
        ("isi pulsa AXIS 10rb no 083112340002 sukses bos. sn:88120077. sal 4.200", "88120077"),
        ("TOKEN LISTRIK SUKSES! ID: 14300998877 Token: 2190-4471-0082-6635-7710 Sisa saldo: 902.300", "2190-"),
        ("Paket 3GB 089512340003 sdh masuk, sn BYU2026112900A1. sisa 71.000", "BYU2026112900A1"),
        (
            "Pulsa THREE 5.000 089612340004 sdh terkirim. SN R261129.0900.11AA Hrg 5.450 Saldo 20.550",
            "R261129.0900.11AA",
        ),
        (
            "BAYAR PLN PASCA 531200011122 an. RATNA SUKSES. Periode 202611 Tag:88.340. SN: 0BSM2102ZZ. Saldo 9.060",
            "0BSM2102ZZ",
        ),
        ("FF 70 ke 5512990001 Sukses. Voucher/SN: GRN-7781-AAB9. Saldo Rp.86.220", "GRN-7781-AAB9"),
        ("X10.087712340005 succesfull. SN 88AB-1120-7713. price 9.400", "88AB-1120-7713"),
    ],
)
def test_a_shop_that_writes_by_itself_is_understood(account: Account, text: str, serial: str) -> None:
    outcome = said(account, text)
    assert outcome.status is S
    assert (outcome.serial or "").startswith(serial)


@pytest.mark.parametrize(
    "text",
    [
        "pulsanya SUKSES ya kak, tapi nominal beda. X5 087712340001 SN=5519283746",
        "sukses bos? X5 087712340001 SN=5519283746",
        "isi pulsa no 083112340002 sukses bos nanti dikabari. sn:88120077",
        "isi pulsa no 083112340002 sukses bos. sn: menunggu",
        "isi pulsa no 083112340002 sukses bos. sn:88120077 pending",
        "isi pulsa no 083112340002 an TOKO SUKSES. Periode 202611, status menunggu. sn:88120077",
        "permintaan no 083112340002 sukses bos. sn:88120077",
        "isi pulsa no 083112340002 sukses sesaat. sn:88120077",
        "cek no 083112340002 sukses ya kak. sn:88120077",
        "Paket 3GB 089512340003 belum masuk, sn BYU2026112900A1",
        "Paket 3GB 089512340003 masuk, sn BYU2026112900A1",
        "sms ke 089512340003 sdh terkirim. SN R261129.0900.11AA",
        "sukses ya kak. SN=5519283746",
        "Trx ke-2 utk S5.081290098800 belum dijalankan, trx ke-1 jam 08.11 status Sukses SN 55102938",
    ],
)
def test_a_word_of_success_beside_any_doubt_is_not_believed(account: Account, text: str) -> None:
    assert said(account, text).status in (U, P)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Diabaikan / sedang diproses", U),
        ("Request Deposit 75.090 DIBATALKAN karena lewat 12 jam", U),
        ("R#903 FF5.2772, status GAGAL. error_login_required. Sisa saldo 99.675", F),
        ("R#903 FF5.2772, status GAGAL. still_in_progress. Sisa saldo 99.675", U),
        ("R#903 TL5.0811222777 GAGAL. OTP Error. Saldo: 90.000", F),
        ("DeviceID tidak aktif", R),
        ("HP Trx bloked", R),
        ("anda tidak diijinkan transaksi dengan produk ini", R),
        ("Parameter tujuan wajib diisi", R),
        ("Kak saldonya kurang, sisa 8.450", F),
        ("R#77 DA.081200993300 ditolak: nominal 500 di bawah minimal 10.000", F),
        ("R#77 DA.081200993300 GAGAL. paket aktif masih ada, unreg dulu", F),
        ("R#77 DA.081200993300 GAGAL. paket aktif, tunggu", U),
        ("Quota Anda Habis", R),
        ("Limit Kuota Anda Tidak Cukup", R),
        ("Paket data, kuota anda habis", U),
        ("Pending Melampaui Batas Maximum", U),
    ],
)
def test_short_answers_of_other_programs(account: Account, text: str, verdict: OutcomeStatus) -> None:
    assert said(account, text).status is verdict


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        (
            "S10.081234560001 Hrg=10350 SUKSES SN: 0139480000699. Saldo : Rp.(Awal 900000 Akhir 889650)",
            "balance",
            889_650,
        ),
        ("R#44 S10.081234560001 SUKSES. SN: 0139480000. Saldo 64.923 10.450 54.473 @15/08", "balance", None),
        ("R#44 S10.081234560001 SUKSES. SN: 0139480000. Saldo 731-423 - 10.450 = 54.473", "balance", None),
        ("R#44 S10.081234560001 SUKSES. SN: 0139480000. Saldo anda skrng 4.420", "balance", 4_420),
        (
            "R#44 K10.081234560001 Sukses. SN: KV-11920. Saldo dipotong 55.000. Saldo sekarang 225.000",
            "serial",
            "KV-11920",
        ),
        ("R#44 D5.081234560001 SUKSES. SN: 251117091. Masa aktif s/d 15-12-2026. Saldo 640.000", "serial", "251117091"),
        ("R#44 D5.081234560001 SUKSES. SN: 251117091 💰 Rp 9.850 sisa 4.000", "serial", "251117091"),
        ("R#44 D5.081234560001 sukses dengan SN: 04224600001707 pada 14/08/2026 09:44", "serial", "04224600001707"),
        ("V5.081234560001 Berhasil. SN/Ref: :3170 0838 8279 1111. Saldo 297.573", "serial", "3170 0838 8279 1111"),
        ("R#44 D5.081234560001 SUKSES. SN: 251117091. Hrg -5.400. Saldo 9.000", "serial", "251117091"),
        ("R#44 D5.081234560001 SUKSES. SN: 251117091. Hrg -5.400. Saldo 9.000", "price", None),
        ("R#44 D5.081234560001 SUKSES. SN: 251117091. Hrg 0. Saldo 9.000", "price", None),
        ("R#: WIN-1182 TD1.089512345678 SUKSES SN: 25111709128 Saldo: 91.225", "ref", "WIN-1182"),
        ("KOMPLAIN H+7 R# TOKOQTY1774960 DA.082124307300 akan diproses", "ref", "TOKOQTY1774960"),
    ],
)
def test_facts_are_read_where_other_suppliers_put_them(account: Account, text: str, field: str, value: object) -> None:
    assert getattr(said(account, text), field) == value


def test_a_receipt_of_named_values_keeps_the_billers_reference_in_it(account: Account) -> None:
    receipt = "customer_no=532410749000, customer_name=LALA, tarif=R1, daya=450, admin=3000, reff=2TKT21R391D7"
    outcome = said(account, f"R#903 PLNPASCA.532410749000 Pembayaran berhasil SN: {receipt}. Saldo 90.000")
    assert (outcome.status, outcome.ref, outcome.serial) == (S, "903", receipt)


def test_an_answer_in_xml_is_read_by_its_elements(account: Account) -> None:
    body = (
        '<?xml version="1.0"?><response><refid>XM9</refid><status>SUCCESS</status><sn>7781209934556</sn>'
        "<price>15200</price><balance>410220</balance><message>Transaksi berhasil &amp; selesai</message></response>"
    )
    outcome = said(account, body)
    assert (outcome.status, outcome.ref, outcome.serial) == (S, "XM9", "7781209934556")
    assert (outcome.price, outcome.balance, outcome.message) == (15_200, 410_220, "Transaksi berhasil & selesai")


@pytest.mark.parametrize(
    "body",
    [
        "<response><status>SUCCESS</status><message>Transaksi diproses</message></response>",
        "<response><status>PENDING</status><sn>7781209934556</sn><message>Transaksi berhasil</message></response>",
        "<html><status>SUCCESS</status><sn>7781209934556</sn><message>Transaksi berhasil</message></html>",
        "<response><sn>7781209934556</sn><message>Transaksi menunggu</message></response>",
        "<response><sn>7781209934556</sn><status>SUCCESS</status></response>",
        "<!DOCTYPE html><status>SUCCESS</status><sn>7781209934556</sn><message>Transaksi berhasil</message>",
    ],
)
def test_xml_that_says_less_or_is_a_page_is_no_success(account: Account, body: str) -> None:
    assert said(account, body).status is not S


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("message=Transaksi+sukses&sn=881200993&refid=HG-55&status=20", S),
        ("message=Transaksi+sukses&sn=881200993&refid=HG-55&status=2", U),
        ("message=S5.0812345678+GAGAL.+Nomor+salah&refid=HG-55&status=20", U),
        ("message=S5.0812345678%20GAGAL.%20Nomor%20salah&refid=HG-55&status=40", F),
    ],
)
def test_a_message_before_its_code_is_not_passed_over(account: Account, body: str, verdict: OutcomeStatus) -> None:
    assert said(account, body).status is verdict


def test_success_true_with_a_code_is_the_dialect_next_door(account: Account) -> None:
    """There 1 is success, where it waits in OtomaX."""
    text = "REFF#SM2002 ELDN.6282124307300 BERHASIL. HARGA: 2.065, SISA SALDO: 30.443 - 2.065 = 28.378"
    assert said(account, f'{{"success":true,"rc":"1","msg":"{text}"}}').status is S
    assert said(account, f'{{"success":false,"rc":"1","msg":"{text}"}}').status is U


S10, SN = "S10.081234567890", "2025112998765432"


@pytest.mark.parametrize(
    "text",
    [
        f"{S10} sukses diproses ke 081234567890, SN: 12345678901. Status dalam proses",
        f"Lagi kami cek, {S10} sukses dikirim ke 081234567890 SN: 12345678901",
        f"{S10} SUKSES. SN: customer_no=123456, tarif=R1, daya=450, status=pending, reff=9182",
        f"{S10} SUKSES. SN: customer_no=1, tarif=R1, daya=450, keterangan=masih diproses, reff=9182",
        f"081234567890 gx sukses kak. SN: {SN}",
        f"081234567890 bentar lagi sukses ya. SN: {SN}",
        f"order 081234567890 sukses kak, diterima sistem. SN: {SN}",
        f"081234567890 sukses kak. SN: {SN}. ditarik operator",
        f"supplier bilang 081234567890 sukses kak. SN: {SN}",
        f"081234567890 sukses ya kak, pulsa masuk 1x24 jam. SN: {SN}",
        f"Trx ke-1 081234567890 sukses ya kak. SN: {SN}",
        f"Deposit 100.000 via 081234567890 sukses kak, SN {SN}",
        f"Trf BCA 1234567890 sdh masuk. SN {SN}",
        f"resultcode=68;message=SUCCESS;msisdn=081234567890;sn={SN}",
        f"<i>{S10} diproses</i> <note>{S10} SUKSES SN: {SN}</note>",
        f"<b>{S10} GAGAL</b> <info>{S10} SUKSES SN: {SN}</info>",
    ],
)
def test_what_is_not_over_or_of_another_kind_is_no_success(account: Account, text: str) -> None:
    assert said(account, text).status in (U, P)


@pytest.mark.parametrize(
    "body",
    [
        f"<message><![CDATA[{S10} GAGAL]]></message><error>0</error><status>20</status>",
        f'<message lang="id">{S10} GAGAL</message><note>-</note><status>20</status>',
        f"<ref>A1</ref><status>1</status><message>{S10} akan diproses</message>"
        f"<last><status>20</status><message>{S10} SUKSES. SN: {SN}</message></last>",
        "<trx><ref>A1</ref><message>SUKSES</message></trx><trx><ref>A2</ref><status>20</status></trx>",
        "<success>false</success><rc>20</rc><msg>x</msg>",
        f"<message>{S10} GAGAL</message><sub>tapi <b>sedang</b> diproses</sub>",
        f"<message>{S10} GAGAL</message><keterangan>SUKSES SN: {SN}</keterangan>",
    ],
)
def test_xml_that_holds_more_than_one_flat_answer_is_not_understood(account: Account, body: str) -> None:
    assert said(account, f"<response>{body}</response>").status is U


@pytest.mark.parametrize(
    "why",
    [
        "connection_timeout",
        "suspect_trx",
        "under_review",
        "sent_to_operator",
        "delivered_to_customer",
        "error_timeout_biller",
        "Pulsa sudah di tempat tujuan",
        "saldo driver sudah aktif",
        "Token di bawah ini sudah benar",
        "chip kosong sedang isi ulang",
        "OTP sudah di pelanggan",
    ],
)
def test_a_failure_that_may_be_none_stays_open(account: Account, why: str) -> None:
    assert said(account, f"{S10} GAGAL. {why}").status in (U, P)


@pytest.mark.parametrize(
    "text",
    [
        f"{S10} sudah terisi, anda tidak boleh trx lagi",
        "Kuota anda sudah habis. Isi ulang S10 sudah masuk",
        f"{S10} device id salah, paket sudah aktif",
        '{"status": 1, "info": "Produk S10 sedang gangguan"}',
        '{"status": 0, "info": "PIN salah 3x akan diblokir"}',
    ],
)
def test_a_remark_is_no_refusal(account: Account, text: str) -> None:
    assert said(account, text).status not in (F, R)


def test_an_empty_reference_does_not_take_the_product_for_one(account: Account) -> None:
    assert said(account, "R#: S10.081234567890 GAGAL. Nomor salah").ref is None


def test_a_balance_before_a_date_is_a_balance(account: Account) -> None:
    assert said(account, f"R#4 {S10} SUKSES. SN: {SN}. Saldo 1.244.692 19.06.42 22.08.25").balance == 1_244_692
