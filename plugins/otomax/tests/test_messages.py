"""The default rules over made-up messages in the manners of many suppliers.

`data/messages.jsonl` holds ordinary ones, `data/traps.jsonl` those that were written to mislead,
`data/independent.jsonl`, `data/fresh.jsonl`, `data/strangers.jsonl`, `data/others.jsonl` and `data/everyday.jsonl`
those that somebody wrote who did not know the rules. The last are small shops' own words, of which
fewer are understood.
A verdict is dangerous when it is success and the line does not expect it, or failed or rejected and
the line expects neither.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import Outcome, OutcomeStatus, RecordedMessage
from gateway.core.rules import LONGEST_TEXT
from gateway_otomax import OtomaxProvider
from gateway_otomax.fields import fields_of
from gateway_otomax.reasons import REASONS
from gateway_otomax.rules import DEFAULT_RULES
from gateway_otomax.views import views_of
from gateway_otomax.wording import ASIDES, in_one_spelling, skip_words

Account = Callable[..., OtomaxProvider]
DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "supplier-messages.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


MESSAGES = lines(DATA / "messages.jsonl")
TRAPS = lines(DATA / "traps.jsonl")
INDEPENDENT = lines(DATA / "independent.jsonl")
FRESH = lines(DATA / "fresh.jsonl")
STRANGERS = lines(DATA / "strangers.jsonl")
OTHERS = lines(DATA / "others.jsonl")
EVERYDAY = lines(DATA / "everyday.jsonl")
EVERY = [*MESSAGES, *TRAPS, *INDEPENDENT, *FRESH, *STRANGERS, *OTHERS, *EVERYDAY]


def read(provider: OtomaxProvider, line: dict[str, Any]) -> Outcome:
    return provider.read_message(
        RecordedMessage(text=line["text"], channel=line["channel"], status_code=line.get("status_code"))
    )


def right(line: dict[str, Any], outcome: Outcome) -> bool:
    return outcome.status.value in (line["expect"] or ["unknown"])


def dangerous(line: dict[str, Any], outcome: Outcome) -> bool:
    if outcome.status is OutcomeStatus.SUCCESS:
        return "success" not in line["expect"]
    refused = outcome.status in (OutcomeStatus.FAILED, OutcomeStatus.REJECTED)
    return refused and not {"failed", "rejected"} & set(line["expect"])


def name(line: dict[str, Any]) -> str:
    return f"{line['id']}"


def test_the_corpus_is_wide_enough_to_mean_something() -> None:
    assert len(EVERY) >= 900
    verdicts = {word for line in EVERY for word in line["expect"]}
    assert verdicts == {"success", "failed", "pending", "rejected", "unknown"}


@pytest.mark.parametrize("line", EVERY, ids=name)
def test_no_verdict_is_dangerous_and_every_wrong_one_is_unknown(account: Account, line: dict[str, Any]) -> None:
    outcome = read(account(), line)
    assert not dangerous(line, outcome), f"{outcome.status} by {outcome.rule}"
    assert right(line, outcome) or outcome.status is OutcomeStatus.UNKNOWN, f"{outcome.status} by {outcome.rule}"


@pytest.mark.parametrize(
    "corpus",
    [MESSAGES, TRAPS, INDEPENDENT, FRESH, STRANGERS, OTHERS],
    ids=["messages", "traps", "independent", "fresh", "strangers", "others"],
)
def test_at_least_95_of_100_are_right(account: Account, corpus: list[dict[str, Any]]) -> None:
    provider = account()
    assert sum(right(line, read(provider, line)) for line in corpus) >= 0.95 * len(corpus)


def test_of_what_small_shops_write_by_themselves_at_least_85_of_100_are_right(account: Account) -> None:
    provider = account()
    assert sum(right(line, read(provider, line)) for line in EVERYDAY) >= 0.85 * len(EVERYDAY)


def test_serial_price_balance_reference_and_reason_are_right_where_the_verdict_is(account: Account) -> None:
    provider = account()
    for line in EVERY:
        outcome = read(provider, line)
        if not right(line, outcome):
            continue
        found = {
            "sn": outcome.serial,
            "price": outcome.price,
            "balance": outcome.balance,
            "refid": outcome.ref,
            "supplier_ref": outcome.supplier_ref,
            "reason_code": outcome.reason and outcome.reason.value,
        }
        assert {key: found[key] for key in found if key in line} == {key: line[key] for key in found if key in line}


def test_the_recorded_messages_beside_the_repository_hold_the_same(account: Account) -> None:
    """Where the file of real messages lies beside the repository, it counts too; elsewhere the made-up ones do."""
    provider = account()
    corpus = lines(SHARED) if SHARED.exists() else MESSAGES
    assert not [line["id"] for line in corpus if dangerous(line, read(provider, line))]
    assert sum(right(line, read(provider, line)) for line in corpus) >= 0.95 * len(corpus)


@pytest.mark.parametrize(
    ("code", "text", "verdict"),
    [
        ("1", "Trx S5 081277001122 SUKSES. SN: 0410028811", "success"),
        ("1", "zyzzyva", "unknown"),
        ("1", "Trx S5 081277001122 GAGAL. Nomor salah", "unknown"),
        ("2", "Trx S5 081277001122 GAGAL. Nomor salah", "failed"),
        ("2", "zyzzyva", "unknown"),
        ("2", "Trx S5 081277001122 SUKSES. SN: 0410028811", "unknown"),
        ("68", "zyzzyva", "pending"),
        ("0061", "zyzzyva", "unknown"),
    ],
)
def test_a_code_of_irs_confirms_the_text_and_says_nothing_alone(
    account: Account, code: str, text: str, verdict: str
) -> None:
    body = json.dumps({"success": True, "produk": "S5", "reffid": "99120", "rc": code, "msg": text})
    assert account().read_message(RecordedMessage(text=body)).status.value == verdict


def test_an_account_that_says_what_a_code_means_is_believed_before_irs_is(account: Account) -> None:
    body = json.dumps(
        {"success": True, "produk": "S5", "reffid": "99120", "rc": "2", "msg": "Trx S5 SUKSES SN: 04100288"}
    )
    provider = account(status_codes={2: "success"})
    assert provider.read_message(RecordedMessage(text=body)).status is OutcomeStatus.SUCCESS


# Composed messages: whatever stands around the status, it never turns into another.

LEADS = [
    "",
    "TRANSAKSI LANCAR ",
    "INFO: BNI CLOSE. ",
    "SUKSES JAYA CELL: ",
    "T#71 ",
    "#171412345 ",
    "PROMO! ",
    "Yth Mitra, ",
]
PRODUCTS = ["", "Telkomsel 10.000 ", "XL DATA PURE 1GB 30 HARI ", "H2H Freedom 2,5GB ", "Paket Sukses 10GB "]
STATUSES = {
    "success": [
        "SUKSES.",
        "BERHASIL,",
        "Sukses. SN: 1234567890.",
        "BERHASIL. SN/Ref: 11 22/NAMA/R1.",
        "Success. SN:1.",
    ],
    "failed": ["GAGAL.", "GAGAL. Nomor tujuan salah.", "Gagal, produk gangguan.", "tdk diproses. Stok tidak cukup."],
    "pending": ["akan diproses", "sedang diproses.", "masih menunggu jawaban.", "dlm antrian."],
    "unknown": [
        "SUKSES SEBAGIAN.",
        "kemungkinan sukses.",
        "sukses/gagal.",
        "belum jelas.",
        "zyzzyva.",
        "GAGAL lalu SUKSES.",
    ],
}
MONEY = [" Saldo 100.000 - 5.700 = 94.300", " Hrg 5.700 Saldo 94.300", " SISA SALDO:94300", " Stok 94.300", ""]
TAILS = [
    "",
    " @10:10",
    " * TRX Normal",
    " #*TRANSAKSI LANCAR..",
    " kode_reseller=AB12 TRX Normal",
    " Jika gagal saldo otomatis kembali.",
    " Gagal? Hubungi CS.",
    " @10:10 Salam SUKSES!",
    " Info: BCA OFFLINE, TSEL GANGGUAN",
    " masih proses 0",
    " Belum sukses? lapor CS 08123",
    " Semoga sukses selalu",
]


@st.composite
def composed(draw: st.DrawFn) -> tuple[str, str]:
    verdict = draw(st.sampled_from(sorted(STATUSES)))
    parts = [
        draw(st.sampled_from(LEADS)),
        f"R#{draw(st.integers(1, 10**17))} ",
        draw(st.sampled_from(PRODUCTS)),
        f"X5.0817{draw(st.integers(10**6, 10**8))} ",
        draw(st.sampled_from(STATUSES[verdict])),
        draw(st.sampled_from(MONEY)),
        draw(st.sampled_from(TAILS)),
    ]
    return verdict, "".join(parts)


@given(case=composed())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_stands_around_the_status_never_turns_it(account: Account, case: tuple[str, str]) -> None:
    verdict, text = case
    outcome = account().read_message(RecordedMessage(text=text))
    allowed = {verdict, "unknown"} | ({"pending"} if verdict == "unknown" else set())
    assert outcome.status.value in allowed, f"{text!r} was read as {outcome.status} by {outcome.rule}"


def mutated(text: str, seed: random.Random) -> str:
    """`text` with a piece cut out, doubled, or put elsewhere."""
    start = seed.randrange(len(text) + 1)
    end = min(len(text), start + seed.randrange(1, 25))
    piece, rest = text[start:end], text[:start] + text[end:]
    where = seed.randrange(len(rest) + 1)
    return seed.choice([rest, text[:end] + piece + text[end:], rest[:where] + piece + rest[where:]])


def test_damaged_messages_are_read_without_an_error(account: Account) -> None:
    provider, seed = account(), random.Random(20_251_124)  # noqa: S311 - repeatable damage, no secret
    for line in EVERY:
        for _ in range(3):
            damaged = mutated(line["text"], seed)
            outcome = provider.read_message(RecordedMessage(text=damaged))
            assert isinstance(outcome, Outcome)
            assert len(outcome.message) <= 1_000


HARMLESS: dict[str, Callable[[str], str]] = {
    "lower case": str.lower,
    "upper case": str.upper,
    "capitals": str.title,
    "lines": lambda text: text.replace(". ", ".\n"),
    "no blank behind a full stop": lambda text: re.sub(r"\. (?=[A-Z])", ".", text),
    "double blanks": lambda text: text.replace(" ", "  "),
    "bold": lambda text: re.sub(r"\b(SUKSES|GAGAL|BERHASIL)\b", r"<b>\1</b>", text),
    "assignments": lambda text: text.replace(": ", "="),
    "a bullet": lambda text: f"\N{WHITE HEAVY CHECK MARK} {text}",
    "a tail": lambda text: f"{text} * TRX Normal",
    "an offer of help": lambda text: f"{text} Info CS jika gagal/pending hub 08123",
}
"""Ways in which the next supplier may write the same."""


@pytest.mark.parametrize("way", HARMLESS)
def test_no_way_of_writing_the_same_makes_a_verdict_dangerous(account: Account, way: str) -> None:
    provider, seed = account(), random.Random(way)  # noqa: S311 - picks messages, guards nothing
    plain = [line for line in EVERY if not line["text"].startswith(("{", "[", "status"))]
    for line in seed.sample(plain, 400):
        outcome = read(provider, {**line, "text": HARMLESS[way](line["text"])})
        assert not dangerous(line, outcome), f"{line['id']}: {outcome.status} by {outcome.rule}"


# Time.


def adversarial() -> Iterator[str]:
    patterns = [rule.pattern + (rule.unless or "") for rule in (*DEFAULT_RULES, *REASONS)]
    words = sorted(
        {word for text in [*patterns, *(pattern for _, pattern in ASIDES)] for word in re.findall(r"[a-z]{2,}", text)}
    )
    words += ["R#1 ", "X5.081 ", "SN: ", "Saldo 1 - ", "a1-", "?", "1.", "1,", "x", "*", "- ", "= ", "@1 ", "id 1"]
    for word in words:
        yield ((word + " ") * LONGEST_TEXT)[: LONGEST_TEXT - 12] + "sukses gagal"
        yield (word * LONGEST_TEXT)[:LONGEST_TEXT]


def test_no_text_that_rules_see_takes_long(account: Account) -> None:
    provider = account()

    def once(text: str) -> float:
        started = time.perf_counter()
        provider.read_message(RecordedMessage(text=text))
        return time.perf_counter() - started

    # A busy machine may lose a slice at any moment, so what was slow is tried again.
    slow = [text for text in adversarial() if once(text) > 0.05]
    assert not [text[:40] for text in slow if min(once(text) for _ in range(3)) > 0.05]


@pytest.mark.parametrize(
    "piece", ["a=b&", "status=1&", "{", "[", "<", "<br", "GAGAL ", "R#1 ", "SN: ", "1.000", " ", "x", "%20"]
)
def test_64_kilobytes_take_milliseconds(account: Account, piece: str) -> None:
    provider, text = account(), (piece * 65_536)[:65_536]

    def once() -> float:
        started = time.perf_counter()
        outcome = provider.read_message(RecordedMessage(text=text))
        assert outcome.status is OutcomeStatus.UNKNOWN
        return time.perf_counter() - started

    assert min(once() for _ in range(3)) < 0.05


# The quick ways past costly patterns must not change what is read.


def test_skip_words_never_skip_what_would_have_matched() -> None:
    for line in EVERY:
        text = " ".join(line["text"].split())
        views = views_of(text, fields_of(text))
        for rule in (*DEFAULT_RULES, *REASONS):
            view = views[rule.view]
            if rule.needs and re.search(rule.pattern, view, re.ASCII):
                assert any(word in view for word in rule.needs), f"{rule.name}: {view}"
        for aside, pattern in ASIDES:
            words = in_one_spelling(text)
            if (needs := skip_words(aside)) and (match := re.search(pattern, words)):
                assert any(word in words for word in needs), f"{aside}: {match[0]}"


def test_every_rule_and_every_aside_is_needed_by_some_message() -> None:
    texts = [" ".join(line["text"].split()) for line in EVERY]
    views = [views_of(text, fields_of(text)) for text in texts]
    for rule in DEFAULT_RULES:
        assert any(re.search(rule.pattern, view[rule.view], re.ASCII) for view in views), f"nothing tests {rule.name}"
    for aside, pattern in ASIDES:
        assert any(re.search(pattern, view["words"]) for view in views), f"nothing tests the aside {aside}"
