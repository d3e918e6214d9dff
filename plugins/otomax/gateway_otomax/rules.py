"""The default message rules, as ordered data: the first that fits decides.

They read the views of `gateway_otomax.views`: `words` is the message in one spelling, `evidence` is that without asides
and serial number, `deciding` is the evidence up to its tail. Words of success count only in the place of a status, so
that names and slogans do not. Where success and failure both stand in such a place, nobody knows.
"""

from __future__ import annotations

from dataclasses import replace

from gateway import OutcomeStatus, ReasonCode
from gateway.core.rules import Rule
from gateway_otomax.failure_words import EXPLAINED, GOES_ON
from gateway_otomax.own_words import ANY_DOUBT, COURTESY, UNFAMILIAR
from gateway_otomax.phrases import (
    ACCOUNT,
    ALL_OF_IT,
    BARE_SUCCESS,
    CLAUSE,
    CONTRAST,
    CUT_SUCCESS,
    DONE,
    DOUBTED,
    DUPLICATE,
    ELSEWHERE,
    FAILED_FOR_NOW,
    FAILED_YET,
    FAILURE,
    HEDGE,
    MALFORMED,
    MORE,
    NEVER_SEEN,
    NO_DATA,
    NO_WORDS,
    NOT_DENIED,
    OR_AT,
    OTHER_ACT,
    PURCHASE,
    STATUS_IS,
    SUBJECT,
    SUCCESS,
    WAITING,
)
from gateway_otomax.reasons import ANY_REASON, BILL, SPOKEN_REASONS
from gateway_otomax.skip_words import SKIP_WORDS
from gateway_otomax.wording import LEFT, RIGHT, SERIAL_MARK

__all__ = ["DEFAULT_RULES"]

_S, _F, _P, _R, _U = (
    OutcomeStatus.SUCCESS,
    OutcomeStatus.FAILED,
    OutcomeStatus.PENDING,
    OutcomeStatus.REJECTED,
    OutcomeStatus.UNKNOWN,
)

_NO_REFUSAL = rf"\b(?:biller|supplier|vendor)\b|{WAITING}|{SUCCESS}|{DUPLICATE}"
"""Beside these words it is somebody else that refuses, or nobody."""
_OTHERS = r"\b(?:operator|biller|supplier|provider|vendor)\b"
"""Whoever does not know the purchase behind the supplier: the supplier does."""
_NO_SUCCESS = (
    rf"\b(?:dikembalikan|tidak|belum|bukan|hampir|nyaris) (?:[a-z]+ ){{0,3}}sukses\b|\bdikembalikan\b|\b{HEDGE}\b"
    rf"|{CONTRAST}"
)
"""Beside these words the word of success is none."""

_ORDERED: tuple[Rule, ...] = (
    # Successes that are none.
    Rule(
        name="taken-back",
        pattern=rf"\b(?:sempat|tadinya|semula|awalnya) sukses\b.{{0,200}}?{LEFT}(?:gagal|refund|dibatalkan)\b"
        r"|\bsukses (?:menjadi|jadi|ke|diubah|->|=>|>|to|lalu|kemudian)\s?(?:status )?(?:gagal|refund|dibatalkan)\b",
        status=_F,
        view="evidence",
    ),
    Rule(
        name="flipped",
        pattern=r"\b(?:sempat|dari|awalnya|semula) (?:gagal|refund|dibatalkan|pending)\b|\bgagal (?:menjadi|jadi|->"
        r"|=>|>) ?sukses\b|\bsempat sukses\b|\bjadi sukses\b",
        status=_U,
        view="words",
    ),
    # "td pagi sdh diisi SUKSES" tells of another purchase, "SUKSES, barusan dibatalkan" takes this one back.
    Rule(
        name="earlier-word",
        pattern=rf"\b(?:tadi|td|barusan|semalam)\b[^.,;|!]{{0,60}}\b(?:sukses|{NO_WORDS})\b",
        status=_U,
        view="evidence",
    ),
    Rule(
        name="partly",
        pattern=r"\bsukses (?:sebagian|parsial|separuh|partial(?:ly)?|sementara)\b|\b(?:sebagian|partial(?:ly)?"
        r"|parsial|separuh) (?:\w+ )?sukses\b|\bgagal (?:sebagian|parsial|partial)\b|\bsebagian (?:gagal|sukses)\b",
        status=_U,
        view="evidence",
    ),
    Rule(
        name="inquiry-only",
        pattern=r"\b(?:inq|inquiry|inquery|inkuiri|cek|check|ceknama|validasi|verifikasi)(?: ?-?(?:tagihan|nama|id"
        r"|bill|data|trx|rekening|pelanggan|meter))?[ _-]{0,2}(?:sukses|ok)\b"
        r"|\b(?:cek|check|inq|inquiry) (?:nomor|tagihan|nama|id|rekening|meter|pelanggan|bill)\b"
        r"(?:[^.,;|~#]|\b[rt]#|\.(?=\d)){0,60}\bsukses\b"
        r"|\b(?:inqsukses|inqberhasil|inqsuccess|ceksukses|inqgagal)\b|\bsukses (?:inq|inquiry|cek|check|validasi"
        r"|verifikasi)\b",
        status=_U,
        view="words",
    ),
    Rule(
        name="either-or",
        pattern=r"\b(?:sukses|gagal|pending|diabaikan)(?:\s?(?:/|atau|or|ataupun|maupun|\\)\s?"
        r"(?:(?:sedang|masih|akan) )?(?:di ?)?(?:gagal|sukses|pending|tidak|belum|proses|refund|suspect)\b"
        r"|(?<=gagal) (?:sekali|\d{1,2} ?(?:x|kali))\b)",
        status=_U,
        view="evidence",
    ),
    # The account is refused at the door.
    Rule(
        name="account-refused",
        pattern=rf"(?:{ACCOUNT})(?!{ELSEWHERE})",
        unless=_NO_REFUSAL,
        unless_view="evidence",
        status=_R,
        reason=ReasonCode.SUPPLIER_REFUSED,
        account_refused=True,
        view="deciding",
    ),
    Rule(
        name="order-refused",
        pattern=rf"(?:{MALFORMED})(?!{ELSEWHERE})",
        unless=_NO_REFUSAL,
        unless_view="evidence",
        status=_R,
        reason=ReasonCode.SUPPLIER_REFUSED,
        view="deciding",
    ),
    # The supplier does not know this purchase: it may still be on its way.
    Rule(
        name="never-seen",
        pattern=rf"(?:{NEVER_SEEN}){ALL_OF_IT}",
        unless=rf"{_OTHERS}|{WAITING}|{SUCCESS}",
        unless_view="evidence",
        status=_U,
        never_seen=True,
        view="evidence",
    ),
    Rule(
        name="no-data",
        pattern=rf"{NO_DATA}{ALL_OF_IT}",
        unless=rf"{_OTHERS}|{WAITING}|{SUCCESS}|{NO_WORDS}",
        unless_view="evidence",
        status=_U,
        never_seen=True,
        view="evidence",
    ),
    Rule(name="never-seen-but", pattern=NEVER_SEEN, status=_U, view="evidence"),
    # The reference, or the same purchase, was there before: what became of that one?
    Rule(
        name="before-waiting",
        pattern=rf"{DUPLICATE}.{{0,160}}(?:{STATUS_IS}{OR_AT})(?:mohon |sudah |lagi )?(?:(?:di ?)?proses\b|belum\b"
        rf"|{WAITING})"
        rf"|{DUPLICATE}.{{0,60}}\b(?:menunggu jawaban|(?:masih|sedang)(?: dalam)? (?:di ?)?proses)\b",
        unless=rf"{STATUS_IS}(?:sukses|gagal)\b",
        status=_P,
        view="words",
    ),
    Rule(
        name="before-success",
        pattern=rf"{DUPLICATE}.{{0,160}}(?:{STATUS_IS}{OR_AT})[\[(*=]{{0,2}}(?:trx |sudah )?sukses\b(?! ?/"
        rf"| (?:sebagian|diterima|dibuat"
        r"|diajukan|masuk|submit|antri|antrian)\b)",
        unless=rf"\b(?:gagal|refund|dibatalkan|ditolak|tidak sukses|belum sukses)\b|{HEDGE} |{CONTRAST}"
        rf"|\btrx (?:ini|baru|ke ?-?\d|kedua|yang ini)\b.{{0,40}}?(?:{WAITING})"
        rf"|~!|{DOUBTED}|\bsukses\b.{{0,80}}?(?:{WAITING})",
        unless_view="evidence",
        status=_S,
        view="evidence",
    ),
    Rule(
        name="before-failed",
        pattern=rf"{DUPLICATE}.{{0,160}}(?:{STATUS_IS}{OR_AT})(?:{NO_WORDS}|tidak sukses|(?:nomor |tujuan "
        rf"|nomor tujuan )(?:salah"
        r"|tidak aktif)|(?:produk )?(?:sedang )?gangguan|produk (?:salah|kosong|tidak aktif|close|tutup)|cut ?-?off"
        r"|(?:stok|saldo) (?:kosong|habis|tidak cukup)|(?:tujuan |nomor )?(?:di ?)?luar (?:area|wilayah|cluster)"
        r"|(?:harga|qty) (?:berubah|tidak sesuai)|nomor (?:blacklist|diblokir))\b(?! ?/)",
        unless=rf"{SUCCESS}|\bstatus ?:? ?{HEDGE}|{FAILED_YET}|\b(?:lalu|kemudian|akhirnya|jadi|menjadi"
        r"|->|=>) sukses\b",
        unless_view="evidence",
        status=_F,
        view="evidence",
    ),
    Rule(name="before", pattern=DUPLICATE, unless=BILL, unless_view="evidence", status=_U, view="evidence"),
    # What most often turns into something else.
    Rule(
        name="time-out",
        pattern=r"\b(?:time ?-?out|timed out|rto|no response|tidak (?:ada )?(?:respon|response|jawaban|merespon)"
        r"|waktu (?:tunggu )?habis)\b",
        status=_U,
        view="deciding",
    ),
    Rule(
        name="hedged",
        pattern=rf"\bmohon (?!maaf){CLAUSE}{{0,40}}\bsukses\b|\b{HEDGE} {CLAUSE}{{0,40}}\b(?:sukses|{NO_WORDS})\b"
        rf"|\b(?:sukses|{NO_WORDS}) {CLAUSE}{{0,25}}\b(?:mungkin|sepertinya|atau|diragukan|meragukan|suspect|dispute"
        rf"|belum (?:pasti|final))\b",
        status=_U,
        view="evidence",
    ),
    Rule(
        name="no-judgement",
        pattern=rf"\b(?:bukan|belum tentu|belum|tidak|tak) (?:\w+ |(?:bisa |dapat |boleh |perlu |harus |kami |dulu "
        rf"|ada |dinyatakan |dianggap |dipastikan |disebut |berarti |status |laporan ){{2,3}})?gagal\b"
        rf"|\btidak jadi {NO_WORDS}\b|\bbukan (?:\w+ ){{0,2}}sukses\b",
        unless=r"\b(?:masih|sedang|status:?) (?:dalam )?(?:menunggu|tunggu|proses|diproses|antrian|pending)\b",
        status=_U,
        view="evidence",
    ),
    Rule(
        name="disputed",
        pattern=r"\b(?:dispute|disputed|di ?komplain|investigasi|cek manual|dicek manual|manual check"
        r"|konfirmasi manual|cek ke operator)\b",
        status=_U,
        view="evidence",
    ),
    # A machine that failed at something else than the purchase.
    Rule(
        name="technical",
        pattern=r"\b(?:koneksi|connection|connect|query|database|db|http|curl|socket|login|cek|pengecekan|parsing"
        r"|json|sistem|system)\b"
        r"[^.,;|]{0,40}\bgagal\b|\b(?:request|permintaan|server|api) gagal\b|\bstatus code \d"
        r"|\b(?:refund|pembatalan|dibatalkan|komplain|sms|callback|laporan|report|notifikasi|email|otp|pengiriman"
        r"|kirim|tiket|klaim)\b"
        r"[^.,;|]{0,40}\b(?:gagal|ditolak)\b"
        r"|\b(?:dibatalkan|refund) otomatis\b|\bunable to (?!process|proses)|\bexception\b"
        r"|\b(?:refund|pembatalan|komplain|klaim)\b(?:[^.,;|]|\.(?=\d)){0,40}\b(?:gagal|ditolak)\b"
        r"|\bgagal (?:refund|kirim|dikirim|callback|sms|cancel|to|untuk|me(?!mproses (?:sku|produk|kode))[a-z]{3,}"
        r"|di(?!proses|laku|isi|bayar|transfer|topup|eksekusi|layani|terus|aktif|karena|sebab|akibat|luar|tolak|blokir"
        r"|batas|tutup|nonaktif|beli|jual|tujuan)[a-z]{3,}"
        r"|update|cetak|simpan|input|insert|tarik|dapat|dapatkan|akses|buka|buat|sinkron|sync|hitung|generate|get|post"
        r"|terhubung|koneksi|konek|connect"
        r"|cek(?! (?:kembali |ulang )?(?:nomor|tujuan|id))|dicek|load|parse|parsing|decode|ambil|baca|login)\b",
        status=_U,
        view="evidence",
    ),
    # One way failed, and another is being tried.
    Rule(
        name="tried-again",
        pattern=r"(?<!mohon )(?<!dapat )(?<!bisa )\b(?:dialihkan|dicoba|dialih|reroute[d]?|re-route|percobaan|retry|"
        r"attempt|(?:di)?pindah(?:kan)? (?:ke )?(?:modem|jalur|supplier|biller|server|gateway|sumber)|"
        r"(?:di)?oper(?:kan)? ke|"
        r"akan diulang|antrian ulang|(?:di)?proses ulang|ulang otomatis|(?:gagal|ditolak|refund|dibatalkan) sementara"
        r"|gagal over|fail-?over|(?:akan|kami|kita|sistem|otomatis|sedang|terus|masih) (?:kami |terus |otomatis )?"
        r"(?:coba|mencoba|ulangi|mengulangi?))\b",
        unless=r"\bsukses\b[^~]{0,20}~",
        unless_view="evidence",
        status=_P,
        view="deciding",
    ),
    Rule(
        name="other-business",
        pattern=r"(?:\A|[.!¦]\s)[^.~]{0,60}?\b(?:saldo|komisi|poin|tiket|mutasi|penarikan|ganti|pendaftaran|registrasi"
        r"|login|laporan|rekap)\b(?:[^.,;|~]|\.(?=\d)){0,60}"
        r"\b(?:sukses|gagal|ditolak)\b|\Arequest saldo [\d.,]{1,12} dibatalkan\b",
        unless=r"\br#|\d[\dx*]{7}.*~|~.*\d[\dx*]{7}|\bref|\bclientid|\btrx\b|\b[a-z]{1,10}\d{0,4}\.[\dx*]{5}",
        status=_U,
        view="evidence",
    ),
    # What the supplier is asked to take back, and has not yet.
    Rule(
        name="refund-asked",
        pattern=r"\b(?:refund|dibatalkan|pembatalan)\b:? (?:sedang |akan |masih |di ?)?(?:diajukan|diminta|diproses"
        r"|proses|menunggu|pending|dicek|dikirim)\b",
        unless=r"\bgagal\b",
        unless_view="evidence",
        status=_U,
        view="evidence",
    ),
    # Refused because another one is still running: which of the two carries our reference, nobody says.
    Rule(
        name="earlier-runs",
        pattern=rf"\A(?=.*\b{NO_WORDS}\b).*(?:\b(?:masih|sedang|dalam|belum)\b[^.;|]{{0,30}}\btrx (?:sebelumnya|lain)\b"
        r"|\btrx (?:sebelumnya|lain)\b[^.;|]{0,30}\b(?:masih|sedang|dalam|belum)\b)",
        status=_U,
        view="words",
    ),
    # What was undone is a complaint, and not the purchase.
    Rule(
        name="undone-otherwise",
        pattern=r"\b(?:permintaan|refund|komplain|klaim|pembatalan|laporan|tiket)\b(?:[^.,;|~]|\.(?=\d)){0,60}?"
        r"\bsukses (?:di ?)?(?:dibatalkan|refund|dikembalikan|ditarik)\b",
        status=_U,
        view="evidence",
    ),
    # Failed, and yet on its way, or even there: "GAGAL. Trx masih menunggu jawaban", "GAGAL, pulsa sudah masuk".
    Rule(
        name="failed-yet-there",
        pattern=rf"{NOT_DENIED}(?:(?!\bjika\b).){{0,120}}?\b(?:bisa jadi|mungkin|kadang|ternyata|terlanjur) "
        r"(?:bisa |sudah |tetap |pulsa |kuota |token )?(?:masuk(?! (?:antrian|kembali))|terkirim|terisi|sampai)\b"
        rf"|{NOT_DENIED}.{{0,120}}?\b(?:(?:sn|token)\s?[:=]?\s?(?:sudah )?(?:keluar|terbit|muncul)"
        r"|cashback (?:sudah )?masuk)\b",
        status=_U,
        view="words",
    ),
    Rule(
        name="failed-yet-runs",
        pattern=FAILED_YET,
        status=_U,
        view="evidence",
    ),
    Rule(name="failed-for-now", pattern=FAILED_FOR_NOW, status=_U, view="deciding"),
    # "GAGAL jika …" is none yet.
    Rule(name="failed-if", pattern=rf"{NOT_DENIED} ¦(?! ?\w)", status=_U, view="evidence"),
    # Failure, and behind it what is no reason.
    Rule(
        name="failed-and-more",
        pattern=rf"(?:{LEFT}|\btrx ){NOT_DENIED}{EXPLAINED}[a-z]{{3}}",
        unless=rf"\A(?!.*(?:{GOES_ON}|\bstatus\b)).*?(?:{ANY_REASON})",
        unless_view="deciding",
        status=_F,
        view="deciding",
    ),
    # Half the word, and the message ends: it was cut off there. Elsewhere that is a slip of the pen.
    Rule(name="cut-failure", pattern=r"\b(?:[Gg][Aa][Gg][Aa]|[Ff][Aa][Ii][Ll])\Z", status=_F, view="message"),
    # Failure, spoken out. "GAGAL. SEDANG DIPROSES|" has failed; "sedang diproses … gagal" has not yet.
    Rule(
        name="failed",
        pattern=FAILURE,
        unless=rf"(?:{WAITING}).{{0,400}}?\b(?:{NO_WORDS}|dikembalikan)\b|{BARE_SUCCESS}"
        rf"|{CONTRAST}{CLAUSE}{{0,40}}\b(?:masuk|terisi|sampai|diterima)\b",
        unless_view="evidence",
        status=_F,
        view="deciding",
    ),
    Rule(
        name="both",
        pattern=rf"{SUCCESS}",
        unless=rf"\A(?!.*\b(?:{NO_WORDS}|dikembalikan)\b)",
        unless_view="evidence",
        status=_U,
        view="evidence",
    ),
    # Waiting.
    Rule(name="waiting", pattern=WAITING, status=_P, view="deciding"),
    # Not this purchase's success, though the word is there.
    # A balance that grew paid for nothing.
    Rule(
        name="credited",
        pattern=r"\b(?:saldo|stok|sal|bal)\b[^a-z+]{0,6}(?:rp\b)?[^a-z+]{0,24}\d\s?\+\s?(?:rp\b)?[^a-z]{0,3}\d",
        unless=rf"\b{NO_WORDS}\b|\bdikembalikan\b",
        unless_view="evidence",
        status=_U,
        view="evidence",
    ),
    Rule(name="not-yet", pattern=r"\bsukses\b.*\bbelum\b(?! termasuk)", status=_U, view="deciding"),
    Rule(
        name="serial-in-doubt",
        pattern=r"\b(?:sn|s/n|snref|token|serial)(?:\s?/\s?(?:reff?|token))?\s?[:=.]{0,2}\s?"
        r"(?:dalam |sedang |masih |tahap ){0,2}(?:pengecekan|verifikasi|konfirmasi|dispute|investigasi)\b",
        status=_U,
        view="words",
    ),
    Rule(name="odd-serial", pattern=r"~!", status=_U, view="evidence"),
    # Something else than the purchase succeeded.
    Rule(
        name="other-act",
        pattern=rf"{OTHER_ACT}(?:[^.,;|~]|\.(?=\d)){{0,60}}?\bsukses\b",
        unless=r"\bsukses (?:update|request|validasi|verifikasi)\b",
        unless_view="evidence",
        status=_U,
        view="deciding",
    ),
    # Without a serial number, every further word counts: "SUKSES 2 dari 3", "SUKSES, nominal kurang".
    Rule(
        name="success-and-more",
        pattern=rf"(?:{SUCCESS})(?!.{{0,200}}?(?:\d{{14}}|(?:\d{{4}}[- ]){{2}}\d{{4}})).{{0,200}}?{MORE}",
        unless=SERIAL_MARK,
        unless_view="evidence",
        status=_U,
        view="deciding",
    ),
    # With one, what says that it is another purchase, or not all of it, or not for long.
    Rule(
        name="success-doubted",
        pattern=rf"\A(?=.*\bsukses\b).*{DOUBTED}",
        status=_U,
        view="deciding",
    ),
    # Success, in the place of a status.
    Rule(
        name="processed-with-serial",
        pattern=r"\bsukses (?:di ?)?(?:proses|diproses|dikirim|kirim|dikirimkan|dieksekusi)\b.*?\bsn?[^~.]{0,12}~",
        unless=rf"\b(?:{NO_WORDS}|dikembalikan)\b|{CONTRAST}|\b{HEDGE}\b"
        r"|\b(?:laporan|report|sms|notifikasi|notif|otp|email|pesan|komplain|struk)\b[^~]{0,40}?\bsukses\b"
        r"|\bsukses [a-z]{1,12} ke (?:operator|provider|supplier|biller|vendor|pusat|server|sistem|antrian)\b",
        unless_view="words",
        status=_S,
        view="deciding",
    ),
    # What stood there was another purchase: "SUKSES untuk trx sebelumnya".
    Rule(
        name="success-of-another",
        pattern=r"\bsukses (?:(?:(?:untuk|ke|trx|di|pada|dari|atas|milik) ){1,2}¦|(?:dengan|untuk|oleh)\Z"
        r"|to (?!nomor\b)[a-z]{3})",
        status=_U,
        view="deciding",
    ),
    # The word alone, and the message ends: by itself it is not believed (`gateway_otomax.reading`).
    Rule(
        name="bare-success",
        pattern=rf"\A(?=.*?{PURCHASE})(?={CUT_SUCCESS}).*?(?:{LEFT}|{SUBJECT})sukses\b",
        unless=_NO_SUCCESS,
        unless_view="evidence",
        status=_S,
        view="evidence",
    ),
    Rule(
        name="success",
        pattern=rf"\A(?=.*?{PURCHASE}).*?(?:{SUCCESS})",
        unless=_NO_SUCCESS,
        unless_view="evidence",
        status=_S,
        view="deciding",
    ),
    # Where no status usually stands, in a shop's own words: with a serial number, a number to buy for, and nothing that
    # could mean anything else.
    Rule(
        name="success-in-own-words",
        pattern=rf"\A(?=.*\d[\d*x]{{7}})(?!.*{UNFAMILIAR}).*?(?:(?<![-@/.])\bsukses\b(?: {COURTESY}){{0,3}}{RIGHT}"
        rf"|\bsudah (?:masuk|terkirim)\b(?: {COURTESY}){{0,3}}(?=\s?[.,;!]?\s?(?:sn|serial|token|voucher)\b))"
        r"[^~]*~(?!!)",
        unless=ANY_DOUBT,
        unless_view="words",
        status=_S,
        view="evidence",
    ),
    Rule(
        name="done-with-serial",
        pattern=DONE,
        unless=rf"\b(?:{NO_WORDS}|dikembalikan|tidak|belum|bukan|hampir|cek|check|inq|inquiry|validasi|verifikasi|login"
        rf"|koneksi|request|permintaan)\b|{WAITING}|{CONTRAST}|\b{HEDGE}\b",
        unless_view="evidence",
        status=_S,
        view="deciding",
    ),
)

DEFAULT_RULES: tuple[Rule, ...] = (
    *(replace(rule, exact_case=True, needs=tuple(SKIP_WORDS.get(rule.name, "").split())) for rule in _ORDERED),
    *SPOKEN_REASONS,
)
"""The default rules in their order."""
