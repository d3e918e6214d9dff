"""Words without which a default rule is not tried: most messages pass most rules by."""

from __future__ import annotations

__all__ = ["SKIP_WORDS"]

_DUPLICATE_WORDS = "sudah pernah dobel conflict sama harus must unik unique trx"
SKIP_WORDS: dict[str, str] = {
    "taken-back": "sukses",
    "flipped": "sempat dari awalnya semula jadi > =>",
    "earlier-word": "tadi td barusan semalam",
    "partly": "sebagian parsial separuh partial sementara",
    "inquiry-only": "inq cek check inkuiri validasi verifikasi",
    "account-refused": (
        "salah tidak belum bukan keliru mismatch authori diblokir block ditolak blacklist nonaktif aktif "
        "inactive suspend dibekukan disabled forbidden denied gagal unregistered "
        "bloked terblokir unwhitelisted unallowed unterdaftar"
    ),
    "order-refused": "salah tidak short kurang missing required habis cukup wajib harus kosong",
    "never-seen": "tidak belum nomor unknown",
    "never-seen-but": "tidak belum nomor unknown",
    "no-data": "tidak not nomor kosong",
    "before-waiting": _DUPLICATE_WORDS,
    "before-success": _DUPLICATE_WORDS,
    "before-failed": _DUPLICATE_WORDS,
    "before": _DUPLICATE_WORDS,
    "time-out": "out rto respon jawaban habis",
    "hedged": "sukses gagal dibatalkan ditolak diabaikan refund",
    "no-judgement": "bukan belum tidak tak",
    "disputed": "komplain dispute investigasi manual operator",
    "technical": "unable exception gagal ditolak otomatis code",
    "other-business": "saldo komisi poin tiket mutasi penarikan ganti daftar registrasi login laporan rekap",
    "refund-asked": "refund dibatalkan pembatalan",
    "earlier-runs": "sebelumnya lain",
    "undone-otherwise": "permintaan refund komplain klaim pembatalan laporan tiket",
    "failed-yet-there": "masuk terkirim terisi sampai keluar terbit muncul",
    "failed-yet-runs": (
        "masih tetap tunggu nunggu menggantung nyangkut suspect tahan kembali refund final pasti tentu masuk keluar "
        "terisi terkirim sampai pending cek isi operator biller supplier provider kami kita bekukan gantung mengendap "
        "belum"
    ),
    "failed-if": "gagal dibatalkan ditolak diabaikan refund",
    "failed-and-more": "gagal dibatalkan ditolak diabaikan refund",
    "failed-for-now": "gagal dibatalkan ditolak diabaikan refund",
    "success-of-another": "sukses",
    "success-doubted": (
        "palsu semu tes uji trial demo "
        "dianulir chargeback ditarik jadi kembali salah beda selisih kurang sesuai keliru dari sebagian separuh "
        "sementara simulasi dummy sandbox"
    ),
    "credited": "+",
    "not-yet": "belum",
    "tried-again": (
        "over coba ulangi attempt pindah oper dialih dicoba reroute re-route percobaan retry ulang sementara"
    ),
    "failed": "gagal dibatalkan pembatalan ditolak diabaikan refund tidak kembalikan",
    "both": "sukses",
    "waiting": (
        "proses antrian validasi pengerjaan pengecekan verifikasi kerjakan cek dikirim teruskan pending suspend "
        "progress tunggu menunggu belum diterima dibuat tambahkan diajukan masuk disimpan tercatat received accepted "
        "created submitted placed kami menyusul manual jalan disiapkan dilakukan jalankan eksekusi trx"
    ),
    "other-act": "sukses",
    "success-in-own-words": "sukses masuk terkirim",
    "success-and-more": "sukses",
    "serial-in-doubt": "pengecekan verifikasi konfirmasi dispute investigasi",
    "odd-serial": "~!",
    "processed-with-serial": "sukses",
    "bare-success": "sukses",
    "success": "sukses",
    "done-with-serial": "terisi selesai ok paid lunas complete done",
}
"""Per rule the words of which one must stand there for its pattern to be worth trying."""
