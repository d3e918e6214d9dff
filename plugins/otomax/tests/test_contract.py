"""The OtomaX provider keeps the law of all providers, in each of its main settings."""

from __future__ import annotations

from typing import Any, ClassVar

from gateway import Provider, Report
from gateway.testing.provider_contract import ProviderContract
from gateway_otomax import OtomaxProvider, OtomaxSettings

_ACCOUNT = {
    "id": "maxsi",
    "kind": "otomax",
    "url": "http://supplier.invalid/trx/slug-canary",
    "member_id": "M001",
    "pin": "pin-canary-914",
    "password": "password-canary-&+#",
}


class TestOtomaxSigned(ProviderContract):
    secrets = (_ACCOUNT["pin"], _ACCOUNT["password"], "slug-canary")
    successes: ClassVar = (
        b"T#1 R#{ref} {product}.{dest} SUKSES. SN/Ref: 0381234432. Saldo 75.407.968 - 30.442 = 75.377.526 @09:58:47",
        b"status=20&message=R#{ref} {product}.{dest} SUKSES. SN: 12&34=5#6%7. Saldo 1.000",
        b"TRX {product}.{dest} BERHASIL, HRG:8000 SN: TRXHS1. SISA SALDO:60000 CLIENTID={ref}",
        b'{"status": 20, "refid": "{ref}", "message": "SUKSES", "sn": "5544", "price": 5700.0, "saldo": "10.000"}',
    )
    failures: ClassVar = (
        b"R#{ref} {product}.{dest} GAGAL. Nomor tujuan salah. Saldo 1.000 @10:00",
        b"status=43&message=R#{ref} {product} ke {dest} GAGAL. Stok tidak cukup",
        b"status=61 Qty tidak sesuai. Allowed QTY is 1000-500000",
        b"R#0 {product}.{dest} GAGAL. Pin Salah",
    )
    pendings: ClassVar = (
        b"R#{ref} {product}.{dest} akan diproses @12.37. Saldo 1.000 - 500 = 500",
        b"status=1&message=R#{ref} masih diproses",
    )
    reports: ClassVar = (
        Report(
            method="GET",
            raw_query="t=95847&refid=64525223&status=20&price=30442&message=TRANSAKSI LANCAR T#1 R#64525223 "
            "IP30.08575xxx724 SUKSES. SN/Ref:038xxx2443623 . Stok Terpotong 30.442 .Stok 75.377.526 @22/08/25 09:58:47",
        ),
        Report(method="POST", raw_query="", body=b'{"refid": "7", "status": 40, "message": "GAGAL"}'),
    )
    balances: ClassVar = ((b"Saldo 284.939", 284_939), (b"SALDO: -1.234.567,00", -1_234_567))

    settings: ClassVar[dict[str, Any]] = {}

    def make(self) -> Provider[Any]:
        return OtomaxProvider(OtomaxSettings.model_validate({**_ACCOUNT, **self.settings}))


class TestOtomaxWithPin(TestOtomaxSigned):
    settings: ClassVar[dict[str, Any]] = {"auth": "pin", "method": "POST", "check": "resend"}


class TestOtomaxThatCannotBeAsked(TestOtomaxSigned):
    settings: ClassVar[dict[str, Any]] = {"check": "none", "sign_encoding": "base64"}
