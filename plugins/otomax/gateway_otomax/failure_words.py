"""What failures are explained with.

Behind "GAGAL" nearly every supplier gives a reason. What is no reason tells what happens next: "GAGAL, kami arahkan ke
supplier B", "GAGAL, SN keluar", "GAGAL, eskalasi ke operator". The ways to say that have no end, so the words of
reasons are listed instead. All are in the one spelling of `gateway_otomax.wording`.
"""

from __future__ import annotations

__all__ = ["EXPLAINED", "GOES_ON"]

_WORDS = {
    "joining words": (
        "karena krn sebab akibat dikarenakan penyebab due because reason alasan ket keterangan kode code desc "
        "error err oleh dari dengan dan atau untuk pada yang ini itu tersebut tsb the for from this that your was "
        "are utk kami anda kamu maaf mohon terima kasih info message msg null none serta juga saja per kali oops "
        "sorry hai kak bapak ibu terjadi been mas mbak bang bos boss gan juragan bro pak bund mitra "
    ),
    "what was to be done, and for whom": (
        "trx pembelian pembayaran bayar topup pengisian isi ulang order pesanan transfer produk nomor tujuan "
        "pelanggan customer user player akun account member dest destination msisdn target idpel meter rekening "
        "bank kartu sim prefix prefiks digit format data nama server game layanan nominal denom qty jumlah "
        "quantity kwh daya tarif tagihan bill telepon phone hp pascabayar prabayar pasca pra reguler subscriber "
        "input waktu langganan pemilik merchant outlet toko role kota kabupaten daerah provinsi jenis tipe type "
        "kategori kelas meteran virtual request permintaan perintah amount value length karakter kelipatan pecahan "
        "identitas ktp perangkat device imei esim postpaid prepaid hybrid corporate korporat polis premi iuran "
        "denda periode propinsi lokasi regional negara country minggu tahun perhari sehari sebulan "
    ),
    "who refuses, and what is sold": (
        "operator provider supplier biller vendor seller pusat sistem system pln pdam bpjs telkomsel tsel indosat "
        "isat axis three tri smartfren byu dana ovo gopay shopeepay linkaja token voucher pulsa paket kuota "
        "internet listrik sku item host indihome telkom wifi combo finance leasing core partner network service "
        "emoney money shopee grab gojek maxim garena steam google play brizzi tapcash flazz etoll "
        "halo simpati im3 "
    ),
    "why": (
        "salah tidak bukan belum sudah sedang aktif nonaktif non hangus kadaluarsa kadaluwarsa expired mati "
        "tenggang masa valid terdaftar registrasi ditemukan dikenal dikenali sesuai cocok benar ada tersedia "
        "cukup kurang habis kosong limit maksimal maksimum maximum max maks minimal minimum min batas melebihi "
        "mencapai tercapai penuh over lebih besar kecil tinggi rendah harian bulanan daily monthly gangguan "
        "terganggu down offline off close closed tutup ditutup perbaikan maintenance pemeliharaan cut cutoff "
        "rusak blokir diblokir terblokir blacklist black list blocked block daftar hitam luar diluar area wilayah "
        "cluster zona zone region jangkauan harga naik berubah price stok unavailable available found registered "
        "active inactive exist exists allowed support didukung premium penerima melewati mendekati beda berbeda "
        "lunas terbayar dibayar paid bulan hari tanggal jam operasional panjang pendek lengkap unreg dahulu dulu "
        "lama baru bisa dapat boleh diproses proses dilakukan diisi dibeli dilayani dilanjutkan dijual tersambung "
        "multi double harus wajib hanya khusus pernah punya memiliki dalam kena terkena sementara sebagai via "
        "ganti refid ref reff trxid idtrx clientid serverid hubungi jaringan sinyal koneksi sibuk busy internal "
        "jalur padat terlampaui dibekukan agen reseller kontrak menolak akses signature peserta program email nik "
        "diaktifkan penerimaan admin eligible exceed exceeded exceeds general failure occurred validation link "
        "reached too many tunggakan telat angsuran bermasalah masalah kendala teknis kesalahan kegagalan "
        "berlangganan rejected unreachable quota terjual terpakai used lain suspended suspend isolir terisolir "
        "pasif dormant menunggak nunggak jatuh tempo cicilan unknown issue problem trouble fault technical "
        "upgrade kyc termasuk muncul terlalu sering keliru undefined mismatch enough below above "
        "unsupported unregistered ineligible recognized unrecognized restricted capacity kapasitas overload deleted "
        "dihapus dihentikan discontinued dibatasi terbatas syarat persyaratan ketentuan kriteria aturan "
        "kebijakan izin diizinkan diijinkan diperbolehkan stabil lemah "
    ),
    "the money": (
        "saldo uang dikembalikan kembali refund rupiah utuh aman terpotong dipotong sisa deposit hrg status gagal "
        "dibatalkan ditolak diabaikan "
    ),
}
_KNOWN = "|".join(sorted(" ".join(_WORDS.values()).split(), key=lambda word: (-len(word), word)))
GOES_ON = (
    r"\b(?:antrian|menunggu|tunggu(?! (?:normal|\d))|menyusul|susulan|mengulang\w*|kirim\w*|dikirim\w*|terkirim"
    r"|arahkan"
    r"|diganti|dititip\w*|alih\w*|dialih\w*|eskalasi|dilapor\w*|lapor\w*|banding|investigasi|verifikasi|konfirmasi|hold"
    r"|tertunda|ditunda|mengendap|menggantung|gantung|mutasi|masuk(?! (?:daftar|kembali|masa tenggang))|keluar|terdebet"
    r"|final|nanti|jika|advice|respon|response|pending|retry\w*|re-?send|review|lanjut\w*|berjalan|jalan|terisi|diterima"
    r"|tim|team|dicek|pantau|dipantau|menanti|nantikan|oper|urus|diurus|telusuri|diisi|isi dulu|belum ada status|jangan"
    r"|di bawah ini"
    r"|(?:sedang|lagi|kami) (?:di)?isi|(?:pulsa|saldo|dana|token|voucher|paket|otp)[^.,;|]{0,20} sudah (?:di|ada|aktif)"
    r"|cek(?! (?:kembali |ulang |dulu )?(?:nomor|tujuan|id|ke pelanggan)\b))\b"
)
"""Words of something that is not over yet."""
_PHRASES = (
    r"mohon (?!(?:[a-z]+ )?(?:pantau|dipantau|menanti|nantikan|tahan)\b)[^.,;|]{1,60}"
    r"|(?:coba|ulangi|gunakan|pakai)(?: (?:lagi|kembali|ulang|beberapa|saat|nanti|denom|produk|kode"
    r"|nominal|nomor|lain|yang|menit|jam|besok|dengan|dalam|paket|trx|\d{1,6})){1,6}(?![a-z])"
    r"|cek (?:kembali |ulang |dulu )?(?:nomor|tujuan|id|ke pelanggan)\b|konfirmasi(?=\s?(?:\Z|ke\b|cs\b|admin\b))"
    r"|masih (?:memiliki|punya|dalam masa|aktif|terdaftar|berlangganan|berlaku)\b|masuk daftar hitam\b"
    r"|tunggu (?:normal|\d)[^.,;|]{0,40}"
    r"|bayar (?:langsung )?(?:di|ke) (?:kantor|loket|cabang|gerai)\b|pulsa utama (?:[a-z]+ )?(?:tidak cukup|kurang)\b"
    r"|(?:tidak|belum) (?:memenuhi|layak|berhak)\b|di bawah (?:minimal|minimum|batas|umur|ketentuan)\b"
    r"|otp (?:salah|tidak|belum|expired|error)\b"
    r"|(?:akun|nomor|id) driver (?:tidak|salah|belum|dibekukan)\b|limit (?:e-?)?wallet\b|kartu perdana\b"
    r"|(?:stok )?chip (?:kosong|habis|kurang|tidak cukup)\b"
    r"|(?:kuota|paket)(?: (?:pelanggan|nomor|tujuan|lama|utama|aktif|data|anda|¦)){0,3} masih (?:ada|banyak|tersisa)\b"
    r"|(?:saldo|dana|uang|stok)(?: (?:anda|kamu|sudah|akan|kami|otomatis|telah|masuk|di)){0,5} "
    r"(?:kembali|kembalikan|dikembalikan|balik|refund)\b"
    r"|(?:saldo|dana|uang) (?:masih|sedang|akan) (?=¦)"
    r"|(?:an|a/n|a\.n\.?|atas nama) [^.,;|]{1,40}"
    rf"|(?:reason|alasan|ket|keterangan|desc|karena|krn|dikarenakan|sebab|rc)\b(?:(?!{GOES_ON})[^.,;|]){{1,100}}"
)
"""What the customer is asked to do, what becomes of the money, and whatever is called a reason."""
_REFUSES = r"err|invalid|not_|no_|fail|requir|wrong|denied|block|unavail|insuff|expir|limit|close|gagal|salah|tidak"
_MAY_GO_ON = (
    r"pend|proces|proses|suk|succ|wait|hold|retry|queue|progress|time|rto|respon|unknown|sent|deliver|review|run|check|cek"
    r"|tunggu|kirim|alih|manual|suspect|dispute|dupl|already|final|maybe|may_|sure|confirm"
)
_CODE = rf"(?=\w*(?:{_REFUSES}))(?!\w*(?:{_MAY_GO_ON}))[a-z]{{2,20}}(?:_[a-z]{{2,20}}){{1,5}}(?![a-z])"
"""`error_require_login`: a program's name for a reason."""
EXPLAINED = rf"(?:{_PHRASES}|(?:{_KNOWN})(?![a-z])|[a-z]{{1,2}}(?![a-z\d])|[a-z_]*[\d*][\w*.@-]*|{_CODE}|[^a-z\d])*+"
"""Reasons, references, numbers: as far as they go."""
