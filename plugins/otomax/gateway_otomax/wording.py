"""One spelling for the words that decide, and the parts of a message that must not.

Suppliers write `sdh`, `SUDAH` and `telah`, `Sukses` and `BERHASIL`. The default rules read one spelling, so that each
of them is short. They also read a message without what says nothing about this purchase: conditions ("jika gagal …"),
questions, what came before, names, statistics, advertising.
"""

from __future__ import annotations

import re

__all__ = [
    "ASIDES",
    "FIRST_STATUS",
    "LEFT",
    "RIGHT",
    "SERIAL_MARK",
    "evidence_of",
    "in_one_spelling",
    "skip_words",
    "without_tail",
]

SERIAL_MARK = "~"
"""Stands where a serial number stood; `~!` where the serial number is itself words of failure or waiting."""

_SPELLINGS = {
    "sukses": "berhasil success successful successfully succeeded succeed succes sucess suksess sukse suskes suces "
    "paysukses paysuccess trxsukses sukss sukces berhasl berhasill brhsl brhasil berhsil sukess scs "
    "succesfull succesful successfull",
    "gagal": "failed fail failure gagl ggl ggal gagall unsuccessful paygagal trxgagal gaga digagalkan",
    "diproses": "diprosess dproses diprose diprosses processed",
    "proses": "process processing progress prosess prosesing",
    "pending": "pendding panding",
    "menunggu": "nunggu waiting mnunggu wait awaiting",
    "tunggu": "ditunggu tnggu tggu",
    "antrian": "antrean antri antre queue queued queueing mengantri mengantre diantrikan",
    "trx": "transaksi transaction trans trns transaks tx transaksinya",
    "tidak": "tdk tak gak ga nggak ngga enggak gk tida not cannot cant dont doesnt isnt",
    "belum": "blm blum belom blom unconfirmed",
    "bukan": "bkn",
    "bisa": "bs bsa",
    "yang": "yg yng",
    "stok": "stock stk",
    "masih": "msh msih still",
    "sudah": "sdh telah tlh udah udh already has",
    "dalam": "dlm",
    "sedang": "sdg sdng sdang currently",
    "akan": "akn will",
    "mohon": "mhn harap hrp silakan silahkan please pls",
    "jika": "jk bila apabila kalau kalo klo kl jikalau apbl if seandainya andai bilamana misal misalnya",
    "nomor": "nomer no nmr nmor number",
    "salah": "slh wrong incorrect invalid",
    "sebelumnya": "sblmnya sblumnya sebelumny previous previously",
    "sebelum": "sblm sblum before",
    "setelah": "stlh after",
    "saldo": "deposit balance sld saldonya",
    "dibatalkan": "batal dibatalin cancelled canceled cancel dicancel batalkan aborted void",
    "refund": "direfund refunded refunds direfun reversed reversal reverse",
    "ditolak": "rejected declined denied tolak",
    "diabaikan": "ignored",
    "dobel": "double duplikat duplicate duplicated dobl doble ganda kembar",
    "produk": "product prod prdk",
    "cukup": "mencukupi cukupi sufficient",
    "kurang": "insufficient",
    "mungkin": "kemungkinan barangkali maybe possibly probably might may",
    "supaya": "agar biar demi",
    "semoga": "moga smoga hopefully mudah",
    "status": "sts stts",
    "tujuan": "tjn tujuannya",
    "nama": "nm name",
    "kata": "word",
}
_SPELLING = {other: word for word, others in _SPELLINGS.items() for other in others.split()}
_WORD = re.compile(r"[a-z]+")


_MARKS = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff]+")
"""Arrows, signs and emoji: they stand beside a status, as a bullet would. (The characters themselves and no escapes:
`gateway.core.digits` has to be able to tell the pattern.)"""
_SLANTED = re.compile(r"(?<![A-Za-z0-9])_+(?=[A-Za-z])|(?<=[A-Za-z])_+(?![A-Za-z0-9])")
"""`_Sukses_`: how telephones write in italics."""


def in_one_spelling(text: str) -> str:
    """`text` in lower case with every word of `_SPELLINGS` in its first form, and without `SERIAL_MARK`."""
    if not text.isascii():
        text = _MARKS.sub("*", text.replace("\ufe0f", ""))
    if SERIAL_MARK in text:
        text = text.replace(SERIAL_MARK, "*")
    if "_" in text:
        text = _SLANTED.sub("*", text)
    return _WORD.sub(lambda match: _SPELLING.get(match[0], match[0]), text.lower())


_END = r"(?=[.!;|](?:\s|$)|\Z)"

ASIDES: tuple[tuple[str, str], ...] = (
    ("address", r"\b(?:https?://|www\.)\S{1,200}"),
    (
        "earlier",
        r"(?:\|\s*)?\b(?:(?:sebelumnya|trx terakhir)\s{0,3}|(?:riwayat|history)\b[^.,;|:=]{0,30})[:=].*\Z",
    ),
    (
        "earlier-clause",
        r"\b(?:sebelumnya|tadinya|semula|kemarin|trx terakhir)\b(?:[^.,;|!]|\.(?=\d)){0,60}",
    ),
    ("question", r"[^.,;|!?@\])]{0,80}\?"),
    (
        "conditional-refund",
        r"\b(?:saldo|dana|uang|stok)\b(?! belum)[^.,;|!]{0,30}\b(?:kembali|dikembalikan|balik|refund)\b[^.,;|!]{0,20}"
        r"\b(?:jika|setelah|ketika|saat|kecuali|untuk trx)\b.{0,200}?" + _END,
    ),
    (
        "many",
        r"\b(?:banyak|banyaknya|seluruh|beberapa|sejumlah)\b[^.,;|!]{0,60}\b(?:sukses|gagal|dibatalkan|refund)\b"
        r"[^.,;|!]{0,60}"
        r"|\btrx (?:yang )?(?:sukses|gagal|pending) (?:hari ini|kemarin|tadi|semalam|bulan ini|minggu ini|sejak)\b"
        r"[^.,;|!]{0,60}",
    ),
    (
        "condition",
        r"(?:\btrx (?:akan |otomatis |dianggap )?(?:gagal|sukses|dibatalkan|refund|ditolak) (?=jika\b))?"
        r"\b(?:jika|setelah|sampai|hingga|sebelum|ketika|saat(?! ini)|selama|kecuali|meski(?:pun)?|walau(?:pun)?"
        r"|untuk info|"
        r"until|when|once|unless|semoga|supaya|kepada|setiap|tiap|semua|doakan|mendoakan|berdoa)\b.{0,200}?" + _END,
    ),
    (
        "instruction",
        r"(?<!kami )(?<!kita )\b(?:pastikan|periksa|hindari"
        r"|jangan|awas|hati-?hati|waspada|ingat|cegah|lapor(?:kan)?|komplain|complain?"
        r"|klaim|balas|"
        r"ketik)\b.{0,200}?" + _END,
    ),
    (
        "promise",
        r"\b(?:trx )?(?:gagal|dibatalkan|refund)\b[ ,=>-]{0,3}(?:(?:maka|uang|dana|saldo|akan|otomatis|auto|pasti"
        r"|langsung|di) ?){1,4}"
        r"(?:kembali|dikembalikan|balik|refund)\s(?:otomatis|utuh|penuh|full|\d{3})\b.{0,20}?" + _END,
    ),
    (
        "terms",
        r"(?:\b(?:salah (?:nomor|tujuan|kode|produk)|(?:nomor|tujuan) salah) )?"
        r"\b(?:tidak|tanpa) (?:(?:bisa|dapat|dpt|boleh|ada|menerima) )?(?:di ?)?(?:refund|dibatalkan|retur|ditarik"
        r"|dikembalikan)\b"
        r"(?:\s?/\s?[a-z]{1,12})?",
    ),
    (
        "liability",
        r"(?:(?<!/)\b(?:gagal|kesalahan|salah|kelalaian|dobel|kerugian|resiko|risiko)\b[^.,;"
        r"|!/]{0,40}?)?\bbukan (?:[a-z]+ )?tanggung ?jawab\b[^.,;|!]{0,40}"
        r"|\b(?:kami )?tidak (?:bertanggung ?jawab|menanggung)\b[^.,;|!]{0,60}"
        r"|\b(?:salah (?:nomor|tujuan|kode|produk)|(?:nomor|tujuan) salah) (?:resiko|risiko)\b[^.,;|!]{0,40}",
    ),
    ("refund-terms", r"\btrx gagal saldo (?:(?:akan|pasti|otomatis|auto) )?kembali\b"),
    ("auto-refund", r"\b(?:gagal )?(?:auto|otomatis) ?refund\b"),
    ("guarantee", r"\b(?:anti|tanpa|bebas|minim|garansi|jaminan|resiko|risiko) ?-?(?:gagal|pending|sukses|refund)\b"),
    (
        "counts",
        r"\b(?:sukses|gagal|pending|proses)\s?[:=]?\s?\d{1,6}(?:\s?(?:trx|x))?\s?[,/|;-]?\s?(?:gagal|sukses|pending"
        r"|proses)\s?[:=]?\s?\d{1,6}\b",
    ),
    (
        "count",
        r"\b(?:sukses|gagal|pending)(?:\s?[:=]\s?\d{1,4}\b(?![./-]\d)"
        r"|(?<=trx gagal) \d\b(?! ?(?:x|kali|dari)\b|[./-]\d))",
    ),
    (
        "grace",
        r"\b(?:tunggu|menunggu) (?:(?:hingga|sampai|max|maks|maksimal|maximal|paling lama) )?\d{1,2}\s?x\s?\d{2}\b",
    ),
    ("one-of", r"\bsalah satu\b"),
    ("outstanding", r"\b(?:masih |trx |dalam )?(?:proses|pending)\s?[:=]?\s?\d{1,5}\b(?![:/.]\d)"),
    ("duration", r"\b(?:lama|waktu|estimasi|kecepatan|durasi) (?:proses|trx)\b.{0,40}?" + _END),
    ("rate", r"\bsukses ?rate\b.{0,20}?" + _END + r"|\bsukses \d{1,3} ?%"),
    (
        "person",
        r"\b(?:nama(?: ?(?:pelanggan|plg|customer|cust))?|a/n|a\.n\.?|atas nama|pelanggan|customer|penerima"
        r"|an)\s?[:=.]\s?(?:(?!\b[rt]#|\bsukses\s?[.,!]?\s?(?:(?:sn|s/n|serial|ref)[^~]{0,8}~"
        r"|(?:periode|tagihan|tag|lbr|lembar)\b))[^.,/|;]){0,40}",
    ),
    (
        "shop",
        r"\b(?:toko|pt|cv|ud|kios|konter|counter|warung|agen|koperasi|server|team|tim|bapak|ibu|sdr"
        r"|by)\.? [a-z. ]{0,20}?\bsukses\b(?: [a-z]{2,12})?",
    ),
    ("package", r"\b(?:paket|kuota) (?:[a-z0-9-]{1,20} ){1,6}(?=[a-z]{1,10}\d{0,4}[a-z]{0,4}\.\d{5})"),
    ("refund-runs", r"\b(?:dalam|sedang|masih|akan|lagi) (?:di ?)?proses (?:refund|pengembalian|dikembalikan)\b"),
    ("promo", r"\bpromo\s?:\s?(?:(?!\b[rt]#|\d{5})[^.;|!]){1,120}"),
    (
        "catchword",
        r"\btrx (?:lancar|aman|cepat|normal)(?:[ ,&]{1,3}(?:sukses|lancar|jaya|dan|cepat|aman|terus|selalu)){0,6}",
    ),
    (
        "fixed-word",
        r"\b(?:salam|selalu|makin|tetap|terus|menuju|raih|bonus|tips|kunci|cara|jalan|rahasia|ingin|mau|pasti|bersama"
        r"|jaya|lancar)(?: (?:cepat|mudah|cerdas|dan|&|jaya|lancar))? sukses\b",
    ),
    ("other-trx", r"\b(?:trx|order|pesanan|produk|nomor) (?:yang )?(?:lain|lainnya)\b(?:[^.,;|!¦]|\.(?=\d)){0,60}"),
)
"""What never decides, in one spelling: a name, and a pattern whose matches are taken out."""

_TAKEN_OUT = " ¦ "
"""Stands where an aside stood: no status ends or begins there."""
_NEEDS = {
    "address": "http www.",
    "earlier": "sebelumnya riwayat history terakhir",
    "earlier-clause": "sebelumnya tadinya semula kemarin terakhir",
    "question": "?",
    "conditional-refund": "jika setelah ketika saat kecuali untuk",
    "many": "banyak seluruh beberapa sejumlah hari kemarin tadi semalam bulan minggu sejak",
    "condition": (
        "jika setelah sampai hingga sebelum ketika saat selama kecuali meski walau untuk until when once "
        "unless semoga supaya kepada tiap semua doa"
    ),
    "instruction": (
        "pastikan periksa hindari jangan awas hati waspada ingat cegah lapor komplain complai klaim balas ketik"
    ),
    "promise": "kembali balik refund",
    "terms": "tidak tanpa",
    "liability": "tanggung nanggung resiko risiko",
    "refund-terms": "kembali",
    "auto-refund": "refund",
    "guarantee": "anti tanpa bebas minim garansi jaminan isiko esiko",
    "grace": "tunggu nunggu",
    "one-of": "salah",
    "outstanding": "proses pending",
    "duration": "lama waktu estimasi kecepatan durasi",
    "rate": "rate %",
    "person": "nama a/n a.n pelanggan customer penerima an",
    "shop": "sukses",
    "package": "paket kuota",
    "refund-runs": "refund pengembalian dikembalikan",
    "promo": "promo",
    "catchword": "lancar aman cepat normal",
    "fixed-word": "sukses",
    "other-trx": "lain",
}
"""Words of which one must stand there for the aside to be worth looking for."""


def skip_words(aside: str) -> tuple[str, ...]:
    """The words of which one must stand in a message for the named aside to be looked for; empty: it always is."""
    return tuple(_NEEDS.get(aside, "").split())


_ASIDES = tuple((skip_words(name), re.compile(pattern).sub) for name, pattern in ASIDES)

LEFT = (
    r"(?:^|[.,;)\]|'/(\[>*-]|(?:[\d*~)\]]|xx)(?:\s?[:=])?|@[a-z0-9-]{1,30}\.[a-z]{2,4}(?=\s)"
    r"|\b[a-z]{1,10}\d{1,4}\.[a-z0-9_.@-]{2,40}(?=\s)"
    r"|\b(?:trx|status|statusnya|ok|is|was|been|be|sudah|dinyatakan"
    r"|pembelian|"
    r"pembayaran|topup|pengisian|isi|pulsa|anda|maaf|adalah|order|pesanan|hasil|ket|result|final"
    r"|lunas)(?:\s?[:=])?)\s{0,3}"
)
"""What may stand before a word for it to be the status: a number, punctuation, or a word that announces one."""

RIGHT = (
    r"(?!\.(?:com|net|id|co|my|web|info|biz|org|store|online|xyz)\b|-[a-z]|@[a-z]{1,20}\.|:?//)"
    r"(?=\s{0,3}(?:$|[.,;:!|)\]'/@~([>*#=-]|(?:sn|snref|s/n|ref|reff|refid|hrg|harga|saldo|stok|sisa|sal|ke|pada|tgl"
    r"|tanggal|jam|pukul|pkl|waktu|"
    r"dengan|dgn|pd|kode|voucher|token|stroom|serial|rp|r|t|trx|price|kepada|at|on|to|untuk|via|tagihan|clientid|ket|id"
    r"|oleh|by|karena|krn|"
    r"dilakukan|diisi|dibayar|terbayar|terkirim|\d)\b"
    r"|(?:produk|nomor|tujuan|nama|provider|reff? id)(?: [a-z]{1,12})?\s?[:=]"
    r"|(?:isi )?[a-z][a-z0-9]{0,19}(?: (?:ke|nomor) |\.(?:\d{1,2}\.)?)[\dx*]{5}"
    r"|(?:transfer|pembayaran|pembelian|topup|pengisian) ke (?:[a-z]{1,12}\s?[:=]?\s?)?[\dx*]{5}))"
)
"""What may stand behind a word of success for it to be the status, and not a part of a name or a slogan."""

FIRST_STATUS = re.compile(
    LEFT + r"(?:sukses\b" + RIGHT + r"|(?:gagal|dibatalkan|ditolak|diabaikan|refund|pending|diproses)\b)"
    r"|\b(?:(?:akan|sedang|segera|masih|dalam|tidak|belum|bisa|dapat|di|under|on|in) (?:segera |kami |di ?"
    r"|dalam ?)?(?:proses|diproses|antrian|sukses)"
    r"|menunggu|tunggu|antrian)\b"
)
"""The first words from which on a message may have a tail."""

_TAIL_ALONE = (
    r"\b(?:saldo|stok|sal|bal)\b[^a-z]{0,6}(?:rp\b)?[^a-z]{0,60}\d|#\*|\*\s?trx\b|\bkode_reseller\b|"
    r"\b(?:info|promo|cs|wa|whatsapp|tele|telegram|nb|hub|hubungi|terima kasih|makasih|thanks|clientid|download|join"
    r"|grup|group|yuk|"
    r"nikmati|dapatkan|kunjungi|catatan|perhatian|gratis|bonus|cashback|daftar(?! hitam))\b"
)
_TAIL = re.compile(_TAIL_ALONE + r"|@\s?\d")
_TAIL_WITHOUT_STATUS = re.compile(_TAIL_ALONE)
"""A time may stand before a status, too."""


_HAS_MAIL = re.compile(r"@[a-z0-9-]{1,40}\.[a-z]")
_MAIL = re.compile(r"[a-z0-9._+-]{1,64}@(?=[a-z0-9-]{1,40}\.[a-z])")


def evidence_of(words: str) -> str:
    """`words` (in one spelling, serial number taken out) without asides and without the names in mail addresses."""
    if _HAS_MAIL.search(words):
        words = _MAIL.sub("x@", words)
    for needs, aside in _ASIDES:
        if not needs:
            words = aside(_TAKEN_OUT, words)
            continue
        for word in needs:  # a plain loop: this runs for every aside of every message
            if word in words:
                words = aside(_TAKEN_OUT, words)
                break
    return " ".join(words.split())


def without_tail(evidence: str) -> str:
    """The deciding part: up to the balance, the time or the advertising that follows the first status, or the start."""
    first = FIRST_STATUS.search(evidence)
    tail = _TAIL.search(evidence, first.end()) if first else _TAIL_WITHOUT_STATUS.search(evidence, 1)
    return evidence[: tail.start()].rstrip() if tail else evidence
