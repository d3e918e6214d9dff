"""Why a purchase failed: the words for each reason, and the rules that read them.

The phrases are in the one spelling of `gateway_otomax.wording`.
"""

from __future__ import annotations

from gateway import OutcomeStatus, ReasonCode
from gateway.core.rules import Rule
from gateway_otomax.failure_words import GOES_ON
from gateway_otomax.phrases import CONTRAST, HEDGE, NO_WORDS, ONGOING, WAITING

__all__ = ["ANY_REASON", "BILL", "REASONS", "SPOKEN_REASONS"]

_BAD_DESTINATION = (
    r"\b(?:nomor|tujuan|prefix|prefiks|msisdn|hp|id|idpel|id pel(?:anggan)?|pelanggan|meter|rekening|rek|user|akun"
    r"|destination"
    r"|target|dest|account|va)\b"
    r"(?: ?/ ?(?:id|idpel|no))?(?: (?:tujuan|hp|anda|telepon|telp|pelanggan|meter|pel|game|user|id|rekening"
    r"|tersebut|tsb|ini|yang|dalam|masuk|dituju|akun|customer|masukkan|dimasukkan|diinput|destination|is|ke|mungkin"
    r"|sedang"
    r"|dan produk)){0,6}"
    r"\s?/?\s?(?:salah|(?:tidak|not) (?:valid|terdaftar|ditemukan|dikenal"
    r"|dikenali|aktif|sesuai|benar|ada|bisa|found|registered|active|exist)"
    r"|nonaktif|non aktif|hangus|kadaluarsa|kadaluwarsa|expired|mati|masa tenggang|tenggang|inactive|bukan)\b"
    r"|\bsalah (?:nomor|tujuan|msisdn|(?:player |user |game |server |customer )?id|destination|customer|account"
    r"|phone|meter|hp)\b|\b(?:nomor|tujuan) salah\b"
    r"|\bdestination\b.{0,20}\bsalah\b|\bbukan (?:nomor|pelanggan|kartu) (?!(?:kami|cs|resmi|admin|wa)\b)[a-z]"
)
_NO_MONEY = (
    r"\b(?:saldo|stok|limit|kredit|dana)\b(?: (?:anda|kamu|agen|member|reseller|deposit|h\dh|saldo|is|utama|mitra"
    r"|server|trx)){0,5}(?: ?\(?(?:rp\.? ?)?\d[\d.,]{0,12}\)?)?"
    r" (?:tidak (?:ter)?cukup|(?:kurang|minus|(?<!stok )habis)(?! dari(?! harga))"
    r"|limit)\b|\bkurang (?:saldo|funds?|stok|dana)\b"
    r"|\btidak cukup saldo\b"
)
_NO_PRODUCT = (
    r"\b(?:produk|kode produk|kode|item|layanan|denom|nominal|paket|voucher|sku|operator|provider|biller"
    r"|stok(?: produk| voucher| kosong)?)\b"
    r"(?: (?!jika)[a-z0-9-]{1,16}){0,3}? (?:salah|tidak (?:ada|tersedia|ditemukan|dikenal|aktif|terdaftar|valid"
    r"|dijual|support|didukung|found|available|sesuai|active)"
    r"|gangguan|close[d]?|tutup|ditutup|kosong|habis|perbaikan|nonaktif|non aktif|off|offline|maintenance"
    r"|unavailable|sold out"
    r"|terganggu|error|inactive|disabled)\b"
    r"|\bsalah (?:kode|produk|nominal|denom)\b|\bstok (?:produk |voucher )?(?:kosong|habis)\b|\bout of stok\b"
    r"|\bout of stock\b|\bkehabisan (?:stok|stock)\b|\bgagal memproses (?:sku|produk|kode)\b"
)
_PRICE = (
    r"\bharga\b[^.,;|]{0,30}\b(?:naik|berubah|tidak sesuai|melebihi|lebih (?:tinggi|besar|mahal)|di ?atas|beda"
    r"|berbeda|tidak cocok|max)\b"
    r"|\bmelebihi (?:batas )?harga\b|\b(?:max|maximum) price exceeded\b|\bprice\b[^.,;|]{0,30}\b(?:changed|exceeds?"
    r"|higher|above|over|max)\b"
    r"|\bharga_?max"
)
_CUTOFF = r"\bcut ?-?off\b|\bjam operasional\b|\bsedang tutup buku\b"
_BLOCKED = (
    r"\b(?:black ?list(?:ed)?|daftar hitam)\b|\b(?:nomor|tujuan|akun|id|idpel|pelanggan|meter|msisdn|subscriber)\b[^.,;"
    r"|]{0,20}\b(?:di ?blokir|terblokir|blocked|diblok"
    r"|blokir)\b"
)
_AREA = (
    r"\b(?:(?:di)?luar|beda|salah|bukan|out of|lain) (?:area|zona|wilayah|cluster|region|regional|zone|coverage"
    r"|jangkauan|provinsi|propinsi)\b"
)
BILL = (
    r"\b(?:belum|tidak) ada tagihan\b|\b(?:tagihan|bill)\b[^.,;|]{0,30}\b(?:sudah (?:di)?(?:lunas|terbayar|bayar"
    r"|paid)|lunas|belum (?:ada"
    r"|tersedia|terbit)|tidak (?:ada|tersedia|ditemukan))\b"
)
_QTY = (
    r"\b(?:qty|jumlah|quantity)\b[^.,;|]{0,20}\b(?:tidak (?:sesuai|valid|allowed)|salah)\b|\b(?:qty|quantity"
    r"|nominal)\b (?:harus|must|min|minimal|minimum|mak|maks|maksimal|max|maximum)\b|\bminimal (?:trx"
    r"|pembelian|nominal)\b|\bmaksimal (?:trx|pembelian)\b|\bbatas maksimal\b|\bsudah limit\b"
)

_DEAD_DESTINATION = (
    r"\b(?:nomor|tujuan|prefix|prefiks|msisdn|hp|idpel|pelanggan|customer|subscriber|kartu|kontrak|rekening|meter)\b"
    r"(?: (?:kartu|kontrak|polis|peserta|tujuan|prabayar|anda|ini|tersebut|pelanggan|yang|dimasukkan|is|was|has)){0,4}"
    r" (?:keliru|salah|sudah (?:tidak aktif|hangus|mati|expired|kadaluarsa|kadaluwarsa|nonaktif)"
    r"|(?:tidak|belum) (?:found|ditemukan|terdaftar|dikenal|dikenali|recognized|registered"
    r"|(?:dapat|bisa) (?:di ?)?isi))\b"
    r"|\bsalah (?:prefix|prefiks|kontrak|rekening|idpel)\b|\bkartu(?: prabayar)? (?:expired|hangus|mati)\b"
)
"""More ways to say that the number is no good. They name the reason of a failure and are no proof of one."""
_DOWN = (
    r"\b(?:maintenance|pemeliharaan|unavailable|(?:chip|stok chip) (?:kosong|habis|kurang|tidak cukup))\b"
    r"|\b(?:produk|layanan|paket|denom|voucher|service) belum (?:tersedia|ada|aktif)\b"
    r"|\b(?:sistem|system|server|host|jaringan|jalur|operator|provider|biller)\b(?: [a-z]{1,12}){0,2}? (?:down|offline"
    r"|ditutup|tutup|close[d]?)\b"
)
"""The same of the product."""

_SKIP_WORDS = {
    "no-money": "cukup kurang minus habis limit",
    "bad-destination": "salah tidak not nonaktif non hangus kadal expired mati tenggang inactive bukan cek",
    "dead-destination": "keliru salah sudah tidak belum kartu",
    "no-product": (
        "salah tidak gangguan close tutup kosong habis perbaikan nonaktif non off maintenance unavailable sold "
        "terganggu error inactive disabled out gagal"
    ),
    "down": "maintenance pemeliharaan unavailable chip belum down offline tutup close",
    "blocked": "blok block black hitam",
    "out-of-area": "area zona wilayah cluster region zone coverage jangkauan provinsi propinsi",
    "price": "harga price",
    "quantity": "qty jumlah quantity nominal minimal maksimal limit",
    "bill": "tagihan bill",
    "cut-off": "cut operasional tutup",
    "cancelled": "batal",
}
"""Per rule the words of which one must stand there for its pattern to be worth trying."""
_NO_JUDGEMENT = (
    rf"~|\b(?:sukses|selesai|terkirim|completed|approved|done|ok|validasi|pending|{NO_WORDS}"
    r"|(?<!di )sistem|server|system|info|informasi|pengumuman|jadwal|mulai|pukul|menjadi|balas|ditahan|tetap|lanjut"
    r"|jalan|berjalan|sabar|bersabar|dikenakan|dipotong|sewaktu|besok|dapat berubah"
    rf"|jam \d{{1,2}}[.:]\d\d)\b|{WAITING}|{ONGOING}|{GOES_ON}|\b{HEDGE}\b|{CONTRAST}"
)
"""Beside these words a reason may be said of something else than this purchase."""


def _skip_words(name: str) -> tuple[str, ...]:
    return tuple(_SKIP_WORDS.get(name, "").split())


SPOKEN_REASONS: tuple[Rule, ...] = tuple(
    Rule(
        name=name,
        pattern=pattern,
        reason=reason,
        unless=_NO_JUDGEMENT,
        unless_view="evidence",
        status=OutcomeStatus.FAILED,
        view="evidence" if reason is ReasonCode.SUPPLIER_BALANCE else "deciding",
        exact_case=True,
        needs=_skip_words(name),
    )
    for name, pattern, reason in (
        ("no-money", _NO_MONEY, ReasonCode.SUPPLIER_BALANCE),
        ("bad-destination", _BAD_DESTINATION, ReasonCode.INVALID_DESTINATION),
        ("blocked", _BLOCKED, ReasonCode.BLOCKED_DESTINATION),
        ("out-of-area", _AREA, ReasonCode.OUT_OF_AREA),
        ("price", _PRICE, ReasonCode.PRICE_TOO_HIGH),
        ("no-product", _NO_PRODUCT, ReasonCode.PRODUCT_UNAVAILABLE),
        ("quantity", _QTY, ReasonCode.SUPPLIER_REFUSED),
        ("bill", BILL, ReasonCode.SUPPLIER_REFUSED),
    )
)
"""A reason without the word "gagal" is a failure, too."""

REASONS: tuple[Rule, ...] = tuple(
    Rule(
        name=name,
        pattern=pattern,
        reason=reason,
        status=OutcomeStatus.FAILED,
        view="words",
        exact_case=True,
        needs=_skip_words(name),
    )
    for name, pattern, reason in (
        ("no-money", _NO_MONEY, ReasonCode.SUPPLIER_BALANCE),
        ("blocked", _BLOCKED, ReasonCode.BLOCKED_DESTINATION),
        ("out-of-area", _AREA, ReasonCode.OUT_OF_AREA),
        (
            "bad-destination",
            _BAD_DESTINATION + r"|\bcek (?:kembali |ulang )?(?:nomor|tujuan)\b|\btujuan salah\b",
            ReasonCode.INVALID_DESTINATION,
        ),
        ("dead-destination", _DEAD_DESTINATION, ReasonCode.INVALID_DESTINATION),
        ("price", _PRICE, ReasonCode.PRICE_TOO_HIGH),
        ("cut-off", _CUTOFF, ReasonCode.CUTOFF),
        ("no-product", _NO_PRODUCT + r"|\bgangguan\b", ReasonCode.PRODUCT_UNAVAILABLE),
        ("down", _DOWN, ReasonCode.PRODUCT_UNAVAILABLE),
        ("bill", BILL, ReasonCode.SUPPLIER_REFUSED),
        ("quantity", _QTY, ReasonCode.SUPPLIER_REFUSED),
        ("cancelled", r"\b(?:dibatalkan|batal)\b", ReasonCode.CANCELLED),
    )
)
"""Why a purchase failed, where the rule that said so does not say why."""

ANY_REASON = "|".join(rule.pattern for rule in REASONS if rule.name not in ("dead-destination", "down"))
"""Some reason that we know, in words clear enough that those behind it need not be known."""
