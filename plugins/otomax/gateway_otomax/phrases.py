"""The phrases of which the default rules are made, as sources of regular expressions.

All are in the one spelling of `gateway_otomax.wording`: lower case, `sukses` for every word of success, `tidak` for
every "not", and so on.
"""

from __future__ import annotations

from gateway_otomax.wording import LEFT, RIGHT

__all__ = [
    "ACCOUNT",
    "ALL_OF_IT",
    "BARE_SUCCESS",
    "CLAUSE",
    "CONTRAST",
    "CUT_SUCCESS",
    "DONE",
    "DOUBTED",
    "DUPLICATE",
    "ELSEWHERE",
    "FAILED_FOR_NOW",
    "FAILED_YET",
    "FAILURE",
    "HEDGE",
    "MALFORMED",
    "MORE",
    "NEVER_SEEN",
    "NOT_DENIED",
    "NO_DATA",
    "NO_WORDS",
    "ONGOING",
    "OR_AT",
    "OTHER_ACT",
    "PURCHASE",
    "STATUS_IS",
    "SUBJECT",
    "SUCCESS",
    "WAITING",
]

SUBJECT = (
    r"\b(?:trx|pembelian|pembayaran|bayar|topup|top up|pengisian|isi ulang|order|pesanan|transfer|payment|purchase"
    r"|delivery|recharge|refill|reload)\b"
    r"(?: (?!akan|menuju|untuk|demi|bisa|dapat|harus|dijamin|pasti|selalu|bonus|tunggu|menunggu|jumlah|total|tidak"
    r"|belum|bukan|sudah"
    r"|mungkin|pernah|sempat|yang|dan|atau|tanpa|jadi|cek|status)[a-z0-9*-]{1,24}){0,7}(?: |\s?[:=]\s?)"
)
_PERSON = r"\b(?:a/n|a\.n\.?|an|atas nama)[ :=.]{1,3}[a-z][a-z.' -]{1,40}? "
"""A name between the destination and the status. It may itself hold a word of status: a serial number must follow."""
SUCCESS = (
    rf"(?:(?:{LEFT}|{SUBJECT})sukses\b{RIGHT}"
    r"|#sukses#"
    rf"|{_PERSON}sukses(?=\s?[.,!]?\s?(?:sn|s/n|serial|ref)[^~]{{0,12}}~(?!!)))"
)
DONE = (
    rf"(?:{LEFT}|{SUBJECT})(?:sudah )?(?:terisi|selesai|ok|paid|lunas|completed?|done)\s?[.,;:!]?\s?"
    r"(?:sn|snref|s/n|serial|token|voucher)[^~]{0,12}~(?!!)"
)
"""Words that are as often said of something else, with a serial number behind them."""
PURCHASE = r"(?:~|\d[\dx*.]{4,}|\br#|\b(?:trx|pembelian|pembayaran|topup|pengisian|isi ulang)\b)"
"""What shows that a word of success speaks of a purchase at all."""
NO_WORDS = r"(?:gagal|dibatalkan|ditolak|diabaikan|refund)"
FAILURE = (
    rf"(?:{LEFT}|{SUBJECT})(?<!akan be )(?<!to be ){NO_WORDS}\b(?! ?(?:atau|/) ?sukses)"
    r"|\btidak (?:(?:bisa|dapat|dpt|akan|pernah|kami|di|ter) ?){0,2}(?:diproses|proses|dilayani|layani|dilanjutkan"
    r"|lanjutkan|diteruskan|teruskan)\b"
    r"|\b(?:gagal|dibatalkan) (?:di ?)?proses\b"
    r"|\b(?:gagal|dibatalkan|ditolak)\s?[.,:;-]?\s?(?:reason|alasan|sebab|penyebab|karena|krn|dikarenakan|because"
    r"|due to)\b"
    r"|\btidak (?:(?:dinyatakan|dapat|bisa) )?sukses\b"
    rf"|(?:{LEFT}|{SUBJECT})sukses (?:di ?)?(?:dibatalkan|refund|dikembalikan)\b"
    r"|\b(?:saldo|dana|uang|stok)(?: anda)?(?: sudah)? (?:dikembalikan|di ?kembalikan)\b"
)
ONGOING = (
    r"\b(?:(?:sedang|masih|terus) (?:kami|kita)|(?:kami|kita) (?:sedang|masih|terus)) "
    r"(?!kembalikan|refund|perbaiki|memperbaiki|perbaikan|gangguan|tutup|maintenance|libur|cut)[a-z]+"
    r"|\btrx (?:ini |anda )?(?:tetap|kami) (?!tidak|tolak|batalkan|kembalikan|refund|gagalkan)[a-z]+"
)
"""Somebody is still at it, whatever it is that he does."""
CUT_SUCCESS = r"[^~]*\bsukses[^a-z\d~]*(?:(?:sn|snref|s/n|ref|reff|serial|token|[a-z]{1,2})[^a-z\d~]*){0,2}"
CUT_SUCCESS += (
    r"(?:\b(?:catatan|perhatian|info|promo|nb|hub|hubungi|terima kasih)\b(?:(?!\b(?:saldo|stok|harga|hrg)\b)[^~])*)?\Z"
)
"""A message that tells nothing but the word: what would have followed ("SEBAGIAN", "masuk antrian", "SN: PENDING") may
be cut off. Nearly all suppliers say more than that, and a status code beside it is enough."""
CONTRAST = r"\b(?:namun|tetapi|tapi|ternyata|padahal|however|but|although|kecuali)\b"
NOT_DENIED = rf"(?<!belum )(?<!tidak )(?<!bukan )\b{NO_WORDS}\b"
FAILED_YET = (
    rf"{NOT_DENIED}(?:.{{0,120}}?(?:{ONGOING}"
    rf"|\btrx (?:ini |anda |tersebut |tsb )?(?:masih|sedang|tetap|belum) (?!{NO_WORDS}\b)[a-z]|"
    r"\b(?:masih|tetap) (?:(?!ada\b)[a-z]+ ){0,2}?(?:menunggu|tunggu|proses|diproses|antrian|pending|berjalan|jalan"
    r"|dikerjakan|dicek|cek)\b(?! (?:perbaikan|maintenance|update|normalisasi|pemulihan|refund|pengembalian))"
    r"|\b(?:sedang|lagi) (?:kami )?(?:di ?)?(?:cek|isi)\b"
    r"|\b(?:menunggu|tunggu) (?:konfirmasi|jawaban|respon|hasil|kepastian|kabar)\b"
    r"|\b(?:menggantung|nyangkut|suspect)\b"
    r"|\b(?:dana|saldo|uang|trx) (?:masih )?(?:tertahan|ditahan|dibekukan|digantung|mengendap"
    r"|di (?:operator|biller|supplier|provider))\b"
    r"|\b(?:dana|saldo|uang) belum (?:di ?)?(?:kembali|dikembalikan|refund)\b|\bbelum (?:final|pasti|tentu)\b"
    r"|\b(?:pulsa|kuota|token|sn|trx|paket) (?:sudah |juga |tetap )?(?:masuk(?! (?:antrian|kembali))|keluar|terisi"
    r"|terkirim|sampai)\b)|[^a-z]{1,4}pending\b)"
)
"""A failure that may be none: it still runs, is in doubt, or the goods are there."""
_WAYS = (
    r"(?:jalur|rute|route|channel|supplier|vendor|provider|biller|server|modem|modul|gateway|sumber|dealer|pemasok"
    r"|chip)"
)
_NOT_REFUSED = r"(?<!tidak )(?<!belum )(?<!bisa )(?<!dapat )(?<!gagal )(?<!mohon )(?<!refund )"
FAILED_FOR_NOW = (
    rf"{NOT_DENIED}(?:"
    # One way failed, or one try of several.
    r" (?:di|pada|lewat|via) (?:jalur|rute|modem|chip|port|slot)\b| (?:ke|yang ke)? ?-?\d{1,2}\b(?=[.,;] )"
    rf"|.{{0,120}}?(?:\b{_WAYS}(?: [a-z]{{1,10}})? (?:lain|lainnya|cadangan|kedua|berikut|berikutnya|alternatif|backup"
    rf"|pengganti)\b|\b(?:lanjut|lempar|oper|pindah|alih|forward|switch|ganti)(?:kan)? (?:ke )?{_WAYS}\b"
    rf"|{_NOT_REFUSED}\bdi ?-?(?:lempar|forward|oper|alih|ganti|backup|pindah|switch)(?:kan)?\b(?! nomor)"
    rf"|{_NOT_REFUSED}\b(?:dikirim|diproses|dikerjakan|dilanjutkan|diisi|diteruskan|kirim|proses) "
    r"(?:ulang|lewat|via|melalui|manual|secara manual|lagi)\b|\b(?:mengulangi?|mencoba|diusahakan|diupayakan)\b"
    # Not the last word.
    r"|\b(?:belum|bukan|tidak) (?:[a-z]+ )?(?:final|resmi|pasti|fix|tentu|mutlak)\b"
    r"|\b(?:status|hasil)\b[^.;|]{0,20}\bberubah\b|\b(?:rekon[a-z]*|settlement)\b|\bh ?\+ ?\d"
    r"|(?<!mohon )\b(?:menunggu|tunggu) (?!beberapa|sebentar|sejenak|sampai|hingga|normal|lagi|besok|saat)[a-z]"
    r"|\b(?:dana|saldo|uang) belum (?:balik|masuk)\b)"
    # Somebody's word, or a wrong one.
    r"| (?:versi|menurut|kata|terbaca|tercatat|palsu|semu|bukan|salah (?:status|kirim|baca))\b| salah$"
    rf"|[ ,]{{1,2}}{CONTRAST})"
)
"""A failure of one try, by one party, or not for good. What follows is not a reason, but what happens next."""
DOUBTED = (
    r"\b(?:dianulir|chargeback|ditarik kembali|tidak jadi|(?:saldo|dana|uang) (?:anda |sudah |otomatis )?kembali"
    r"|(?:salah|beda|selisih) (?:nominal|nomor|tujuan|produk|kode)|(?:nomor|tujuan|nominal|produk) (?:salah|kurang"
    r"|tidak sesuai|keliru)|\d{1,2} dari \d{1,2}|sebagian|separuh|sementara|simulasi|dummy|sandbox"
    r"|(?<![-_])(?:palsu|semu|test|testing|tes|uji ?coba|trial|demo)(?![-_]))\b"
)
"""What is said of a success that is another purchase's, or not all of it, or not for long."""
BARE_SUCCESS = (
    r"(?<!tidak )\bsukses\b(?! (?:di ?)?(?:dibatalkan|refund|dikembalikan)\b)(?! (?:selalu|terus|jaya|makmur"
    r"|bersama|abadi|lancar|cell|sejahtera|berkah"
    r"|mulia|mandiri|ya|otomatis|dapat|dpt|hadiah|setiap|tiap)\b)"
)
MORE = (
    r"(?<![a-z\d.@])(?!(?:harga|hrg|sisa|saldo|stok|sal|bal|trx|token|kode|voucher|serial|seri|snref|ref|reff|refid"
    r"|referensi|clientid|nomor|tgl|tanggal|jam|waktu|pukul|pada|dengan|dgn|nilai|sebesar|seharga|senilai|total|biaya"
    r"|produk|tujuan|nama|pelanggan|untuk|via|sudah|diproses|dilakukan|pulsa|paket|data|internet|pln|kwh|lihat|menu"
    r"|oleh|terima|kasih|rupiah|wib|wita|wit|status|sukses|kami|anda|ket|null|none|nil|undefined"
    r"|false)(?![a-z]))[a-z]{3,}(?![a-z\d]|\.[a-z\d])"
)
"""A word that says something about a purchase beside that it succeeded, and beside what the fields hold."""
OTHER_ACT = (
    r"\b(?:pembatalan|pengembalian|retur|void|klaim|komplain|validasi|verifikasi|debet|pendebetan|pemotongan|step|tahap"
    r"|langkah|request|permintaan|perintah|koneksi|login|backup|maintenance|update)\b"
)
"""Names another act than the purchase, which may have succeeded instead."""
WAITING = (
    r"\b(?:(?:akan|sedang|segera|masih|dalam|lagi|under|on|in|is|still|status:?|being) ?){1,4}(?:kami |di ?|dalam "
    r"|tahap "
    r"|segera )?"
    r"(?:proses|diproses|antrian|pengerjaan|pengecekan|verifikasi|dikerjakan|dikirim|diteruskan)\b"
    r"|\bbelum (?:kami )?(?:di)?(?:jalankan|eksekusi)\b"
    r"|\b(?:sedang|masih|lagi) (?:kami )?(?:disiapkan|dilakukan (?:pengisian|pembayaran|pembelian|topup|trx))\b"
    r"|\btrx (?:sedang|masih) (?:berjalan|jalan)\b|\b(?:sedang|masih|lagi) (?:kami )?(?:di ?)?cek\b"
    r"|\bstatus:? validasi\b|\b(?:pending(?! (?:sudah )?(?:melampaui|melebihi)\b)"
    r"|inprogress|inproses|onproses|onprogress)\b"
    r"|(?<!akun )(?<!anda )(?<!member )(?<!reseller )(?<!agen )"
    r"(?<!di )(?<!/)(?<!/ )(?<!sudah )\bsuspend\b"
    r"|(?<!tidak )(?<!bisa )(?<!dapat )(?<!dpt )\bkami (?:akan |sudah |sedang |masih |coba )?"
    r"(?:terima|teruskan|kerjakan|lanjutkan|oper|operkan|kirim|kirimkan|eksekusi|usahakan|antrikan|catat|cek|proses)\b"
    r"|(?<!perlu )(?<!tanpa )(?<!usah )\b(?:menunggu|tunggu|antrian)\b"
    r"|(?<!tidak )(?<!gagal )(?<!sudah )(?<!sukses )(?<!selesai )(?<!dibatalkan )(?<!bisa )(?<!dapat )"
    r"(?<!dpt )(?<!akan di )\bdiproses\b"
    r"|\b(?:belum (?:ada )?(?:di ?)?(?:sukses|selesai|jawaban|respon|diproses|proses|ada status|masuk|dijawab"
    r"|(?:ada |dapat |keluar |muncul )?sn|dapat jawaban|final|terkonfirmasi))\b"
    r"|\b(?:permintaan|perintah|request|order|pesanan|trx)\b[^.,;|]{0,40}\b(?:sukses )?(?:diterima|dibuat|ditambahkan"
    r"|diajukan|dikirim|diteruskan|masuk|"
    r"disimpan|tercatat|received|accepted|created|submitted|placed)\b"
    r"|[\dx*]{5} (?:di ?)?proses\b(?! ?(?:gagal|dibatalkan|ditolak|sukses|refund))"
    r"|\b(?:dikirim|diproses|dikerjakan|diisi|diaktifkan|proses) (?:secara )?manual\b|\bmenyusul\b"
    r"|\bditeruskan ke (?:operator|provider|supplier|biller)\b"
    r"|(?:[\dx*]{5}|\bstatus:?) (?:sudah )?(?:sukses )?diterima\b(?=\s?(?:[.,;:@!|]|$|hrg|harga|saldo))"
    r"|" + LEFT + r"proses\b(?=\s?(?:[.,;:@!|]|$|hrg|harga|saldo|sn|[a-z][a-z0-9]{0,19}\.[\dx*]{5}))"
)
HEDGE = (
    r"(?:mungkin|sepertinya|kayaknya|diduga|dugaan|tampaknya|kelihatannya|perkiraan|diperkirakan|suspect|suspected"
    r"|meragukan|ragu|"
    r"belum (?:pasti|final|jelas|tentu|diketahui|bisa dipastikan|dapat dipastikan)|tidak (?:pasti|jelas|diketahui"
    r"|yakin)"
    r"|unclear|uncertain|unknown|"
    r"antara|diusahakan|semoga|insya ?allah|seharusnya|harusnya|should|(?:di|kami |kita )?anggap|asumsi)"
)
DUPLICATE = (
    r"(?:\bsudah pernah\b|\bpernah (?:ada|dilakukan|diproses|trx)\b|\bdobel\b|\bconflict ref|\b(?:trx"
    r"|nomor) (?:yang )?sama\b"
    r"|\bsudah (?:ada|exists?|used|digunakan|terpakai|dipakai|terdaftar sebelumnya|been used|pernah|dilakukan"
    r"|terjadi)\b"
    r"|\b(?:ref|refid|reff|reffid|idtrx|trxid|id trx|id)\b[^.,;|]{0,20}\bsudah\b(?! sukses (?:di ?proses|dilakukan"
    r"|dikirim|diisi|terisi|dibayar)\b)|\bref\w* (?:harus|must)\b"
    r"|\b(?:ref|refid|reffid)\b[^.,;|]{0,20}\btidak (?:unik|unique)\b"
    r"|\btrx (?:ke ?-?\d|kedua)\s?(?:/ ?h|:|(?:[a-z]{1,12} ){0,2}(?:tambah|gunakan|pakai|ketik)))"
)
OR_AT = r"|\b(?:jam|pukul|pada|tgl|tanggal|@)\s?\d[\d.:/ -]{1,18},?\s{0,2}"
"""In the answer about an earlier purchase, the time may stand where "status" could."""
STATUS_IS = r"\bstatus(?:nya)?\s{0,2}(?:trx |akhir |adalah |is |:|=|-){0,3}\s{0,2}"
ACCOUNT = (
    r"\b(?:pin|password|pass|sandi|sign|signature|tanda tangan|credential|kredensial|apikey|api key|member ?id"
    r"|kode[ _]reseller|kode agen|id reseller|kode member|user h\dh|ip|ip address|ip addr|ip server|alamat ip"
    r"|ip anda)\b"
    r"(?:\s?[(\[]?[\d.:]{7,40}[)\]]?|\s?[:=]?\s?[a-z]{1,8}\d{1,10})?"
    r"(?: (?:anda|kamu|trx|reseller|member|h\dh|address|yang|is|server|pengirim|dimasukkan"
    r"|masukkan|masukan|diinput|digunakan|dikirim|dan|atau|/"
    r"|password|pin)){0,6}"
    r" ?(?:salah|keliru|(?:tidak|belum|bukan) (?:kami )?(?:sesuai|valid|cocok|terdaftar|di ?daftarkan|dikenal"
    r"|dikenali|kenal|kenali|izinkan|diizinkan|diijinkan"
    r"|di ?izinkan|benar|match|"
    r"allowed|registered|whitelisted|di ?whitelist|authorized|sama|ada|boleh|diperbolehkan|found|ditemukan|aktif)"
    r"|mismatch|unauthorized|diblokir|blocked|ditolak|blacklist(?:ed)?)\b"
    r"|\bsalah (?:pin|password|pass|sandi|sign|signature|member ?id|member|credentials?|login|api ?key|ip|user ?name"
    r"|pengguna|auth\w*)\b"
    r"|(?<!nomor )(?<!kartu )(?<!nama )\b(?:reseller|member|agen|mitra|downline"
    r"|h\dh(?= (?:anda|id|account|akun|kode|[a-z]{1,8}\d)))\b(?: (?:anda|id|ini|sedang|sudah|account|akun|kode|h\dh"
    r"|[a-z]{1,8}\d{1,8})){0,5} (?:(?:tidak|belum"
    r"|bukan) (?:terdaftar|aktif|ditemukan|valid|dikenal|dikenali|ada|found|active|"
    r"registered|diizinkan|member|reseller)|(?:di)?nonaktif(?:kan)?|non aktif|inactive|diblokir|(?:di ?)?suspend"
    r"|suspended|dibekukan"
    r"|blocked|salah|disabled|terblokir)\b"
    r"|\b(?:akun|account|id|user)(?: (?:reseller|agen|member|h\dh|mitra|anda)){1,4}"
    r" (?:(?:tidak|belum) (?:terdaftar|aktif"
    r"|ditemukan|valid|active)|(?:di ?)?nonaktif(?:kan)?|non aktif|diblokir|di ?suspend|suspend(?:ed)?|dibekukan"
    r"|inactive)\b"
    r"|\b(?:un|tidak )(?:registered|whitelisted|authorized|allowed|terdaftar) ip\b"
    r"|\banda (?:tidak|belum) terdaftar\b(?<![a-z] anda (?:tidak|belum) terdaftar)"
    r"|\bbukan (?:member|reseller|agen|anggota|mitra)\b|\b(?:unauthori[sz]ed|forbidden|access ditolak|akses ditolak"
    r"|access denied|tidak (?:punya|memiliki|ada|diberi) (?:hak )?(?:akses|izin|otoritas)|(?:authentication"
    r"|autentikasi|otentikasi) gagal"
    r"|auth gagal|login gagal|gagal (?:login|auth\w*))\b"
    r"|\Adevice ?id (?:tidak (?:aktif|terdaftar|dikenal|valid)|salah)\s?[.!]?\Z"
    r"|\Ahp trx (?:bloked|blocked|diblokir|tidak terdaftar)\s?[.!]?\Z"
    r"|\btidak terdaftar sebagai (?:reseller|member|agen)\b"
)
MALFORMED = (
    r"\btoo short\b|\bsalah format(?: (?:trx|request|perintah|pesan|data))?\b(?! (?:nomor|tujuan))"
    r"|\bformat (?:(?:trx|request|perintah|pesan|sms|data|parameter|anda|h\dh) ){0,2}(?:salah|tidak (?:valid|sesuai"
    r"|dikenal|dikenali|benar))\b"
    r"|\bparameter\b(?! (?:tujuan|nomor|nominal|denom|harga|jumlah)\b)[^.,;|]{0,20}"
    r"\b(?:tidak (?:lengkap|valid|sesuai)|kurang|salah|missing|required)\b"
    r"|\A(?!.*\b(?:sudah|lagi|ulang|sama|kali|kedua|pertama|sebelum|dobel|selesai)\b).*"
    r"\banda tidak (?:diijinkan|diizinkan|boleh|diperbolehkan) trx\b"
    r"|\A(?:limit )?(?:quota|kuota) anda (?:sudah )?(?:habis|tidak cukup)\s?[.!]?\Z"
    r"|\bparameter [a-z_]{2,20} (?:wajib|harus|kosong|required)\b"
    r"|\bperintah (?:salah|tidak (?:dikenal|dikenali|valid))\b"
)
"""The supplier could not read the order. One odd order may do that, so it says nothing about the account."""
ELSEWHERE = (
    r" (?:otomatis\b|¦|(?:di|ke|pada|dari|from|by|oleh|dalam|untuk|sebagai) (?!(?:server|sistem|system|database|h\dh"
    r"|kami|center|reseller|member|agen|mitra|ip|alamat|admin|administrator|firewall|whitelist|akun|account"
    r"|trx)\b)[a-z]"
    r"|(?:operator|biller|supplier|provider|vendor)\b)"
)
"""What follows where it is not the account that is refused, or not yet: "tidak terdaftar di DTKS"."""
NEVER_SEEN = (
    r"\br# ?[a-z0-9-]{1,32} (?:tidak|belum) (?:ditemukan|tercatat|ada (?:di|dalam|data)\b)|"
    r"\b(?:tidak|belum) (?:ada|ditemukan|menemukan|terdapat|pernah ada)(?: (?:data|riwayat|catatan"
    r"|record))?(?: trx)\b"
    r"|\b(?:data|riwayat|record|refid|ref|reff|reffid|idtrx|id trx|id)? ?trx(?: (?:dengan|id|ini|tersebut|tsb|refid"
    r"|ref|anda|is|was|dimaksud|yang|r#[a-z0-9]{0,24}|(?=[a-z-]{0,12}\d)[a-z0-9-]{1,32})){0,6}"
    r" (?:tidak|belum) (?:pernah )?(?:ada"
    r"|ditemukan|dikenal|dikenali|terdaftar|tercatat|found|exists?|known)\b"
    r"|\b(?:refid|ref id|reff id|reffid|reference(?: id)?|idtrx)\b(?: [a-z0-9-]{1,30})? (?:tidak|belum) (?:ada"
    r"|ditemukan|dikenal|dikenali|terdaftar|tercatat|found|exists?)\b"
    r"|\bnomor (?:trx|such trx|matching trx)(?: (?:found|ditemukan))?\b(?=\s?(?:found|$|[.,!]))|\b(?:unknown"
    r"|tidak dikenal) (?:trx|reference|refid)\b"
)
ALL_OF_IT = (
    r"(?=\s?(?:$|[^a-z\s]| (?:di|dalam|pada|untuk|for|data|tujuan|dengan|dgn|hari|tgl|tanggal|today|saldo|sal|stok"
    r"|mohon|r|ref|refid|reff|nomor|ke|kode|produk|found|ditemukan|anda|atas|atau|periksa|cek)\b))"
)
"""What may stand behind "tidak ada trx": with any other word there is none of some kind, or the purchase is known."""
NO_DATA = (
    r"\b(?:tidak ada data|data tidak (?:ada|ditemukan)|data not found|tidak found|nomor data(?: found)?"
    r"|record tidak (?:ada|ditemukan|found)|trx kosong)\b"
)

CLAUSE = r"[^.,;|!]"
"""A character that ends no clause."""
