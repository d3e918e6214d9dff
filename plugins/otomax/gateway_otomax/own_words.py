"""A success in a shop's own words: "KAK pulsanya SUKSES ya, SN=…", "sdh masuk bos. sn:…".

There the word of success stands in no particular place, so what else is said decides. Ways to say that it is not over,
or is another purchase, have no end; so the words that are familiar beside a success are listed, and any other is a
doubt. All are in the one spelling of `gateway_otomax.wording`.
"""

from __future__ import annotations

__all__ = ["ANY_DOUBT", "COURTESY", "UNFAMILIAR"]

_ADDRESS = (
    "ya yah yaa kak kaka kakak bos boss bosku bosque gan agan bang abang om tante sis bro mas mbak mba min pak bu bund "
    "bunda juragan dong nih sob kawan"
)
_FAMILIAR = {
    "whom it is told, and how": (
        f"{_ADDRESS} alhamdulillah alhamdullilah halo hallo hai mhn tks thx makasih terima kasih oke okee sip nya kami "
        "anda konter counter cell mtix"
    ),
    "what was bought": (
        "trx transaksinya isi ulang pulsa pulsanya paket paketnya data kuota kuotanya token tokennya voucher topup "
        "pembelian pembayaran bayar pengisian tagihan beli tsel telkomsel simpati isat indosat axis three tri xl "
        "smartfren smart byu pln pdam bpjs telkom indihome listrik pasca prabayar pascabayar dana ovo gopay shopeepay "
        "shopee linkaja grab gojek tapcash emoney brizzi flazz bni bri bca mandiri ff mlbb"
    ),
    "how it stands": "sukses sudah masuk terkirim dibayar terbayar status message",
    "names of fields": (
        "tujuan nomor nama produk kode ref reff refid ref_id snref serial seri harga hrg hrga price balance sisa saldo "
        "stok sal sld regi terpotong potong dipotong sekarang skrg skg akhir periode tag adm admin total daya tarif "
        "kwh rupiah ribu untuk dengan pada tgl tanggal jam pukul wib wita wit atas via"
    ),
}
_KNOWN = "|".join(dict.fromkeys(" ".join(_FAMILIAR.values()).split()))
UNFAMILIAR = rf"(?<![a-z\d.@_])(?!(?:{_KNOWN})(?![a-z_]))[a-z_]{{3,}}(?![\d]|\.[a-z\d])"
"""A word that does not usually stand beside a success. Shorter ones, and what belongs to a code or an address, pass."""
COURTESY = f"(?:{'|'.join(_ADDRESS.split())}|ya+|ka|dibayar|terbayar|bayar)"
"""What is said behind the status."""

_DOUBTS = {
    "not over": (
        "g gx nda tidak belum bukan hampir nyaris akan sedang masih menunggu tunggu antrian proses diproses pending "
        "suspect konfirmasi validasi verifikasi manual menyusul nanti segera dilanjutkan lanjut dispute investigasi"
    ),
    "on a condition, or wished": "jika setelah sampai hingga semoga supaya mungkin atau ingin mau",
    "no success": (
        "gagal dibatalkan ditolak diabaikan refund kembali dikembalikan pembatalan batal retur kurang salah beda "
        "sebagian sementara sempat awalnya semula tadinya menjadi jadi ralat test testing tes simulasi dummy palsu semu"
    ),
    "other business": (
        "cek check inquiry ceknama komplain klaim tiket request permintaan perintah login koneksi laporan lapor kirim "
        "dikirim sms otp email struk poin komisi bonus hadiah registrasi pendaftaran aktivasi mutasi penarikan tarik "
        "kuis undian"
    ),
    "another purchase, or many": (
        "lain lainnya sebelumnya kemarin tadi td barusan semalam pernah dobel dari selalu semua setiap tiap banyak"
    ),
}
_DOUBT_PHRASES = (
    r"inq\w*|notif\w*|promo\w*|doa\w*|survey?|topup saldo|isi saldo|saldo masuk|tambah saldo|hari ini|untuk sukses"
    r"|status (?!sukses)[a-z]+"
)
ANY_DOUBT = (
    rf"\b(?:{'|'.join(' '.join(_DOUBTS.values()).split())}|{_DOUBT_PHRASES})\b"
    r"|\d\s?x\s?\d\d|\btrx ke ?-?\d|\A(?:saldo|dana|data|tagihan|pembayaran [a-z]{3} \d)|\?|\.\.\Z"
)
"""Anywhere in the message, asides included: something else is told, another purchase, or one that is not over."""
