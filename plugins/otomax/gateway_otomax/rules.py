"""The default message rules, as ordered data.

They read the views of `gateway_otomax.views`: `words` is the message in one spelling, `evidence` is that without asides
and serial number, `deciding` is the evidence up to its tail. Words of success count only in the place of a status, so
that names and slogans do not. Where success and failure both stand in such a place, nobody knows.
"""

from __future__ import annotations

from gateway import OutcomeStatus, ReasonCode
from gateway.core.rules import Rule
from gateway_otomax.wording import LEFT, RIGHT

__all__ = ["DEFAULT_RULES", "REASONS"]

_S, _F, _P, _R, _U = (
    OutcomeStatus.SUCCESS,
    OutcomeStatus.FAILED,
    OutcomeStatus.PENDING,
    OutcomeStatus.REJECTED,
    OutcomeStatus.UNKNOWN,
)

# The pieces. All are in the one spelling of `gateway_otomax.wording`.
_SUBJECT = (
    r"\b(?:trx|pembelian|pembayaran|topup|top up|pengisian|isi ulang|order|pesanan|permintaan|request|transfer|payment|purchase)\b"
    r"(?: (?!akan|menuju|untuk|demi|bisa|dapat|harus|dijamin|pasti|selalu|bonus|tunggu|menunggu|jumlah|total|tidak|belum|bukan|sudah"
    r"|mungkin|pernah|sempat|yang|dan|atau|tanpa|jadi)[a-z0-9*-]{1,24}){0,7} "
)
_SUCCESS = rf"(?:{LEFT}|{_SUBJECT})sukses\b{RIGHT}"
_NO_WORDS = r"(?:gagal|dibatalkan|ditolak|diabaikan|refund)"
_FAILURE = (
    rf"(?:{LEFT}|{_SUBJECT}){_NO_WORDS}\b(?! ?(?:atau|/) ?sukses)"
    r"|\btidak (?:(?:bisa|dapat|dpt|akan|pernah|di|ter) ?){0,2}(?:diproses|proses|dilayani|dilanjutkan|diteruskan)\b"
    r"|\b(?:gagal|dibatalkan) (?:di ?)?proses\b"
    r"|\btidak (?:(?:dinyatakan|dapat|bisa) )?sukses\b"
    r"|\bsukses (?:di ?)?(?:dibatalkan|refund|dikembalikan)\b|\b(?:refund|pembatalan) sukses\b"
    r"|\b(?:saldo|dana|uang|stok)(?: anda)?(?: sudah)? (?:dikembalikan|di ?kembalikan)\b"
)
_WAITING = (
    r"\b(?:(?:akan|sedang|segera|masih|dalam|lagi|under|on|in|is|still|status:?|being) ?)+(?:kami |di ?|dalam |segera )?"
    r"(?:proses|diproses|antrian|pengerjaan|pengecekan|verifikasi|dikerjakan|dikirim|diteruskan)\b"
    r"|\b(?:pending|suspend|inprogress|inproses|onproses|onprogress)\b"
    r"|(?<!perlu )(?<!tanpa )(?<!usah )\b(?:menunggu|tunggu|antrian)\b"
    r"|(?<!tidak )(?<!gagal )(?<!sudah )(?<!sukses )(?<!dibatalkan )(?<!bisa )(?<!dapat )(?<!dpt )(?<!akan di )\bdiproses\b"
    r"|\b(?:belum (?:ada )?(?:di ?)?(?:sukses|selesai|jawaban|respon|diproses|proses|ada status|masuk|dijawab|dapat sn|dapat jawaban|final|terkonfirmasi))\b"
    r"|\b(?:permintaan|request|order|pesanan|trx)\b[^.,;|]{0,40}\b(?:sukses )?(?:diterima|dibuat|ditambahkan|diajukan|dikirim|diteruskan|masuk|"
    r"disimpan|tercatat|received|accepted|created|submitted|placed)\b"
    r"|" + LEFT + r"proses\b(?=\s?(?:[.,;:@!|]|$|hrg|harga|saldo|sn))"
)
_HEDGE = (
    r"(?:mungkin|sepertinya|kayaknya|diduga|dugaan|tampaknya|kelihatannya|perkiraan|diperkirakan|suspect|suspected|meragukan|ragu|"
    r"belum (?:pasti|jelas|tentu|diketahui|bisa dipastikan|dapat dipastikan)|tidak (?:pasti|jelas|diketahui|yakin)|unclear|uncertain|unknown|"
    r"antara|diusahakan|semoga|insya ?allah|seharusnya|harusnya|should|dianggap|asumsi)"
)
_DUPLICATE = (
    r"(?:\bsudah pernah\b|\bpernah (?:ada|dilakukan|diproses|trx)\b|\bdobel\b|\bconflict ref|\b(?:trx|nomor) (?:yang )?sama\b"
    r"|\bsudah (?:ada|exists?|used|digunakan|terpakai|dipakai|terdaftar sebelumnya|been used|pernah|dilakukan|terjadi)\b"
    r"|\b(?:ref|refid|reff|reffid|idtrx|trxid|id trx|id)\b[^.,;|]{0,20}\bsudah\b|\bref\w* (?:harus|must)\b"
    r"|\b(?:ref|refid|reffid)\b[^.,;|]{0,20}\btidak (?:unik|unique)\b)"
)
_STATUS_IS = r"\bstatus(?:nya)?\s{0,2}(?:trx |akhir |adalah |is |:|=|-){0,3}\s{0,2}"
_BAD_DESTINATION = (
    r"\b(?:nomor|tujuan|msisdn|hp|id|idpel|id pel(?:anggan)?|pelanggan|meter|rekening|rek|user|akun|destination|target|dest|account|va)\b"
    r"(?: ?/ ?id)?(?: (?:tujuan|hp|anda|telepon|telp|pelanggan|meter|pel|game|user|id|rekening|tersebut|tsb|ini|yang|dituju|akun|customer|dimasukkan|"
    r"diinput|destination|is|ke|mungkin|sedang))*\s?/?\s?(?:salah|(?:tidak|not) (?:valid|terdaftar|ditemukan|dikenal|dikenali|aktif|sesuai|benar|ada|bisa|found|registered|active|exist)"
    r"|nonaktif|non aktif|hangus|kadaluarsa|kadaluwarsa|expired|mati|masa tenggang|tenggang|inactive|bukan)\b"
    r"|\bsalah (?:nomor|tujuan|msisdn|id|destination|customer|account|phone|meter|hp)\b|\b(?:nomor|tujuan) salah\b|\bdestination\b.{0,20}\bsalah\b"
)
_NO_MONEY = (
    r"\b(?:saldo|stok|limit|kredit|dana)\b(?: (?:anda|kamu|agen|member|reseller|deposit|h2h|saldo|is|utama|mitra|server|trx))*"
    r" (?:tidak (?:ter)?cukup|(?:kurang|minus|habis)(?! dari)|limit)\b|\bkurang (?:saldo|funds?|stok|dana)\b|\btidak cukup saldo\b"
)
_NO_PRODUCT = (
    r"\b(?:produk|kode produk|kode|item|layanan|denom|nominal|paket|voucher|sku|operator|provider|biller|stok(?: produk| voucher| kosong)?)\b"
    r"(?: (?!jika)[a-z0-9-]{1,16}){0,3}? (?:salah|tidak (?:ada|tersedia|ditemukan|dikenal|aktif|terdaftar|valid|dijual|support|didukung|found|available|sesuai|active)"
    r"|gangguan|close[d]?|tutup|ditutup|kosong|habis|nonaktif|non aktif|off|offline|maintenance|unavailable|sold out|terganggu|error|inactive|disabled)\b"
    r"|\bsalah (?:kode|produk|nominal|denom)\b|\bstok (?:produk |voucher )?(?:kosong|habis)\b|\bout of stok\b|\bout of stock\b|\bgangguan\b"
)
_PRICE = (
    r"\bharga\b[^.,;|]{0,30}\b(?:naik|berubah|tidak sesuai|melebihi|lebih (?:tinggi|besar|mahal)|di ?atas|beda|berbeda|tidak cocok|max)\b"
    r"|\bmelebihi (?:batas )?harga\b|\bprice\b[^.,;|]{0,30}\b(?:changed|exceeds?|higher|above|over|max)\b|\bharga_?max"
)
_CUTOFF = r"\bcut ?-?off\b|\bjam operasional\b|\bsedang tutup buku\b"
_BLOCKED = r"\bblack ?list(?:ed)?\b|\b(?:nomor|tujuan|akun|id)\b[^.,;|]{0,20}\b(?:di ?blokir|terblokir|blocked|diblok|blokir)\b"
_AREA = r"\b(?:luar|beda|salah|bukan|out of|lain) (?:area|zona|wilayah|cluster|region|zone|coverage|jangkauan)\b"
_BILL = r"\b(?:tagihan|bill)\b[^.,;|]{0,20}\b(?:sudah (?:di)?(?:lunas|terbayar|bayar|paid)|lunas|belum (?:ada|tersedia)|tidak (?:ada|tersedia|ditemukan))\b"
_QTY = r"\b(?:qty|jumlah|quantity)\b[^.,;|]{0,20}\b(?:tidak (?:sesuai|valid|allowed)|salah)\b|\bminimal (?:trx|pembelian|nominal)\b|\bmaksimal (?:trx|pembelian)\b|\bbatas maksimal\b|\bsudah limit\b"
_ACCOUNT = (
    r"\b(?:pin|password|pass|sandi|sign|signature|tanda tangan|credential|kredensial|apikey|api key|member ?id|kode reseller|kode agen|id reseller|kode member|user h2h|ip|ip address|ip addr|ip server|alamat ip|ip anda)\b"
    r"(?:\s?[\d.:]{7,40})?(?: (?:anda|kamu|trx|reseller|member|h2h|address|yang|is|server|pengirim|dan|atau|/|password|pin))*"
    r" ?(?:salah|keliru|(?:tidak|belum|bukan) (?:sesuai|valid|cocok|terdaftar|dikenal|dikenali|diizinkan|diijinkan|di ?izinkan|benar|match|"
    r"allowed|registered|whitelisted|di ?whitelist|authorized|sama|ada|boleh|diperbolehkan|found|ditemukan|aktif)|mismatch|unauthorized|diblokir|blocked|ditolak|blacklist(?:ed)?)\b"
    r"|\bsalah (?:pin|password|pass|sandi|sign|signature|member ?id|member|credentials?|login|api ?key|ip|user ?name|pengguna|auth\w*)\b"
    r"|\b(?:reseller|member|agen|mitra|downline|h2h)\b(?: (?:anda|id|ini|account|akun|kode|h2h))* (?:(?:tidak|belum|bukan) (?:terdaftar|aktif|ditemukan|valid|dikenal|dikenali|ada|found|active|"
    r"registered|diizinkan|member|reseller)|nonaktif|non aktif|inactive|diblokir|di ?suspend|suspended|dibekukan|blocked|salah|disabled|terblokir)\b"
    r"|\b(?:akun|account|id|user)(?: (?:reseller|agen|member|h2h|mitra|anda))+ (?:(?:tidak|belum) (?:terdaftar|aktif|ditemukan|valid|active)|nonaktif|non aktif|diblokir|di ?suspend|suspended|dibekukan|inactive)\b"
    r"|\bbukan (?:member|reseller|agen|anggota|mitra)\b|\b(?:unauthori[sz]ed|forbidden|access ditolak|akses ditolak|access denied|tidak (?:punya|memiliki|ada|diberi) (?:hak )?(?:akses|izin|otoritas)|authentication gagal|auth gagal|login gagal|gagal (?:login|auth\w*))\b"
    r"|\btoo short\b|\bsalah format(?: (?:trx|request|perintah|pesan|data))?\b(?! (?:nomor|tujuan))|\bformat (?:(?:trx|request|perintah|pesan|sms|data|parameter|anda|h2h) ){0,2}(?:salah|tidak (?:valid|sesuai|dikenal|dikenali|benar))\b"
    r"|\bparameter\b[^.,;|]{0,20}\b(?:tidak (?:lengkap|valid|sesuai)|kurang|salah|missing|required)\b|\btidak terdaftar sebagai (?:reseller|member|agen)\b"
)
_NEVER_SEEN = (
    r"\b(?:tidak|belum) (?:ada|ditemukan|menemukan|terdapat|pernah ada)(?: (?:data|riwayat|catatan|record))?(?: trx)\b"
    r"|\b(?:data|riwayat|record|refid|ref|reff|reffid|idtrx|id trx|id)? ?trx(?: (?:dengan|id|ini|tersebut|tsb|refid|ref|anda|is|was|dimaksud|yang|r#?[a-z0-9]{1,24}|[a-z0-9-]*\d[a-z0-9-]*))* (?:tidak|belum) (?:pernah )?(?:ada|ditemukan|dikenal|dikenali|terdaftar|tercatat|found|exists?|known)\b"
    r"|\b(?:refid|ref id|reff id|reffid|reference(?: id)?|idtrx)\b(?: [a-z0-9-]{1,30})? (?:tidak|belum) (?:ada|ditemukan|dikenal|dikenali|terdaftar|tercatat|found|exists?)\b"
    r"|\bnomor (?:trx|such trx|matching trx)(?: (?:found|ditemukan))?\b(?=\s?(?:found|$|[.,!]))|\b(?:unknown|tidak dikenal) (?:trx|reference|refid)\b"
)
_NO_DATA = r"\b(?:tidak ada data|data tidak (?:ada|ditemukan)|data not found|tidak found|nomor data(?: found)?|record tidak (?:ada|ditemukan|found)|trx kosong)\b"
_CONTRAST = r"\b(?:namun|tetapi|tapi|ternyata|padahal|however|but|although|kecuali)\b"
_QUESTION = r"\?"

_CLAUSE = r"[^.,;|!]"

DEFAULT_RULES: tuple[Rule, ...] = (
    # Successes that are none.
    Rule(
        name="taken-back",
        pattern=r"\b(?:sempat|pernah|dari|sebelumnya|was|awalnya|tadinya|semula|status) ?:? ?sukses\b.{0,200}\b(?:gagal|refund|dibatalkan)\b"
        r"|\bsukses (?:menjadi|jadi|ke|diubah|->|=>|>|to|lalu|kemudian)\s?(?:status )?(?:gagal|refund|dibatalkan)\b",
        unless=r"\bstatus ?:? ?sukses ?(?:/|atau)",
        status=_F,
        view="words",
    ),
    Rule(
        name="flipped",
        pattern=r"\b(?:sempat|dari|awalnya|semula) (?:gagal|refund|dibatalkan|pending)\b|\bgagal (?:menjadi|jadi|->|=>|>) ?sukses\b|\bsempat sukses\b|\bjadi sukses\b",
        status=_U,
        view="words",
    ),
    Rule(
        name="partly",
        pattern=r"\bsukses (?:sebagian|parsial|separuh|partial(?:ly)?|sementara)\b|\b(?:sebagian|partial(?:ly)?|parsial|separuh) (?:\w+ )?sukses\b|\bsebagian (?:gagal|sukses)\b",
        status=_U,
        view="evidence",
    ),
    Rule(
        name="inquiry-only",
        pattern=r"\b(?:inq|inquiry|inquery|inkuiri|cek|check|ceknama|validasi|verifikasi)(?: ?-?(?:tagihan|nama|id|bill|data|trx|rekening|pelanggan|meter))?[ _-]{0,2}(?:sukses|ok)\b"
        r"|\b(?:inqsukses|inqberhasil|inqsuccess|ceksukses|inqgagal)\b|\bsukses (?:inq|inquiry|cek|check|validasi|verifikasi)\b",
        status=_U,
        view="words",
    ),
    Rule(
        name="either-or",
        pattern=r"\b(?:sukses|gagal|pending)\s?(?:/|atau|or|ataupun|maupun|\\)\s?(?:di ?)?(?:gagal|sukses|pending|tidak|belum|proses|refund)\b",
        status=_U,
        view="evidence",
    ),
    # The account is refused at the door.
    Rule(
        name="account-refused",
        pattern=_ACCOUNT,
        unless=rf"{_WAITING}|{_SUCCESS}|{_DUPLICATE}",
        unless_view="evidence",
        status=_R,
        reason=ReasonCode.SUPPLIER_REFUSED,
        account_refused=True,
        view="deciding",
    ),
    # The supplier does not know this purchase: it may still be on its way.
    Rule(
        name="never-seen",
        pattern=_NEVER_SEEN,
        unless=rf"{_WAITING}|{_SUCCESS}",
        unless_view="evidence",
        status=_U,
        never_seen=True,
        view="evidence",
    ),
    Rule(
        name="no-data",
        pattern=_NO_DATA,
        unless=rf"{_WAITING}|{_SUCCESS}|{_NO_WORDS}",
        unless_view="evidence",
        status=_U,
        never_seen=True,
        view="evidence",
    ),
    Rule(name="never-seen-but", pattern=_NEVER_SEEN, status=_U, view="evidence"),
    # The reference, or the same purchase, was there before: what became of that one?
    Rule(
        name="before-waiting",
        pattern=rf"{_DUPLICATE}.{{0,160}}{_STATUS_IS}(?:(?:masih|sedang|dalam|akan|segera|di) ?)*(?:menunggu|tunggu|pending|proses|diproses|antrian|belum)\b",
        unless=rf"{_STATUS_IS}(?:sukses|gagal)\b",
        status=_P,
        view="words",
    ),
    Rule(
        name="before-success",
        pattern=rf"{_DUPLICATE}.{{0,160}}{_STATUS_IS}sukses\b(?! ?/| sebagian)",
        unless=rf"\b(?:gagal|refund|dibatalkan|ditolak|tidak sukses|belum sukses)\b|{_HEDGE} |{_CONTRAST}",
        unless_view="evidence",
        status=_S,
        view="evidence",
    ),
    Rule(
        name="before-failed",
        pattern=rf"{_DUPLICATE}.{{0,160}}{_STATUS_IS}(?:{_NO_WORDS}|tidak sukses|(?:nomor |tujuan |nomor tujuan )salah|produk (?:gangguan|salah)|stok kosong|saldo tidak cukup|nomor (?:blacklist|diblokir))\b(?! ?/)",
        unless=rf"{_SUCCESS}|\bstatus ?:? ?{_HEDGE}",
        unless_view="evidence",
        status=_F,
        view="evidence",
    ),
    Rule(name="before", pattern=_DUPLICATE, unless=_BILL, unless_view="evidence", status=_U, view="evidence"),
    # What most often turns into something else.
    Rule(
        name="time-out",
        pattern=r"\b(?:time ?-?out|timed out|rto|no response|tidak (?:ada )?(?:respon|response|jawaban|merespon)|waktu (?:tunggu )?habis)\b",
        status=_U,
        view="deciding",
    ),
    Rule(
        name="hedged",
        pattern=rf"\b{_HEDGE} {_CLAUSE}{{0,40}}\b(?:sukses|{_NO_WORDS})\b|\b(?:sukses|{_NO_WORDS}) {_CLAUSE}{{0,12}}\b(?:mungkin|sepertinya|atau)\b",
        status=_U,
        view="evidence",
    ),
    Rule(
        name="no-judgement",
        pattern=rf"\b(?:bukan|belum tentu|belum|tidak|tak) (?:\w+ )?{_NO_WORDS}\b|\bbukan (?:\w+ ){{0,2}}sukses\b|\b(?:dispute|disputed|investigasi|cek manual|dicek manual|manual check|konfirmasi manual|cek ke operator)\b",
        status=_U,
        view="evidence",
    ),
    # Failure, spoken out. "GAGAL. SEDANG DIPROSES|" has failed; "sedang diproses … gagal" has not yet.
    Rule(
        name="failed",
        pattern=_FAILURE,
        unless=rf"(?:{_WAITING}).{{0,400}}?\b{_NO_WORDS}\b|{_SUCCESS}",
        unless_view="evidence",
        status=_F,
        view="deciding",
    ),
    Rule(
        name="both",
        pattern=rf"{_SUCCESS}",
        unless=rf"\A(?!.*\b(?:{_NO_WORDS}|dikembalikan)\b)",
        unless_view="evidence",
        status=_U,
        view="evidence",
    ),
    # Waiting.
    Rule(name="waiting", pattern=_WAITING, status=_P, view="deciding"),
    # Success, in the place of a status.
    Rule(name="odd-serial", pattern=r"~!", status=_U, view="evidence"),
    Rule(
        name="processed-with-serial",
        pattern=r"\bsukses (?:di ?)?(?:proses|diproses|dikirim|kirim|dikirimkan|dieksekusi)\b.*?\bsn?[^~.]{0,12}~",
        unless=rf"\b(?:{_NO_WORDS}|dikembalikan)\b|{_CONTRAST}|\b{_HEDGE}\b",
        unless_view="words",
        status=_S,
        view="deciding",
    ),
    Rule(
        name="success",
        pattern=_SUCCESS,
        unless=rf"\b(?:dikembalikan|tidak|belum|bukan|hampir|nyaris) (?:\w+ )?sukses\b|\bdikembalikan\b|\b{_HEDGE}\b|{_CONTRAST}",
        unless_view="evidence",
        status=_S,
        view="deciding",
    ),
    # A reason without the word "gagal".
    *(
        Rule(
            name=name,
            pattern=pattern,
            reason=reason,
            unless=rf"\b(?:sukses|pending|{_NO_WORDS}|sistem|server|system)\b|{_WAITING}|\b{_HEDGE}\b|{_CONTRAST}",
            unless_view="evidence",
            status=_F,
            view="deciding",
        )
        for name, pattern, reason in (
            ("no-money", _NO_MONEY, ReasonCode.SUPPLIER_BALANCE),
            ("bad-destination", _BAD_DESTINATION, ReasonCode.INVALID_DESTINATION),
            ("blocked", _BLOCKED, ReasonCode.BLOCKED_DESTINATION),
            ("out-of-area", _AREA, ReasonCode.OUT_OF_AREA),
            ("price", _PRICE, ReasonCode.PRICE_TOO_HIGH),
            ("no-product", _NO_PRODUCT.removesuffix(r"|\bgangguan\b"), ReasonCode.PRODUCT_UNAVAILABLE),
            ("quantity", _QTY, ReasonCode.SUPPLIER_REFUSED),
            ("bill", _BILL, ReasonCode.SUPPLIER_REFUSED),
        )
    ),
)

REASONS: tuple[Rule, ...] = tuple(
    Rule(name=name, pattern=pattern, reason=reason, status=_F, view="words")
    for name, pattern, reason in (
        ("no-money", _NO_MONEY, ReasonCode.SUPPLIER_BALANCE),
        ("blocked", _BLOCKED, ReasonCode.BLOCKED_DESTINATION),
        ("out-of-area", _AREA, ReasonCode.OUT_OF_AREA),
        (
            "bad-destination",
            _BAD_DESTINATION + r"|\bcek (?:kembali |ulang )?(?:nomor|tujuan)\b|\btujuan salah\b",
            ReasonCode.INVALID_DESTINATION,
        ),
        ("price", _PRICE, ReasonCode.PRICE_TOO_HIGH),
        ("cut-off", _CUTOFF, ReasonCode.CUTOFF),
        ("no-product", _NO_PRODUCT, ReasonCode.PRODUCT_UNAVAILABLE),
        ("bill", _BILL, ReasonCode.SUPPLIER_REFUSED),
        ("quantity", _QTY, ReasonCode.SUPPLIER_REFUSED),
        ("cancelled", r"\b(?:dibatalkan|batal)\b", ReasonCode.CANCELLED),
    )
)
"""Why a purchase failed, where the rule that said so does not say why."""
