"""Answers about an earlier purchase, which may be ours or another customer's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import Attempt, Outcome, OutcomeStatus, RecordedMessage, Reply, Report
from gateway_otomax import OtomaxProvider
from gateway_otomax.earlier import EarlierBy

Account = Callable[..., OtomaxProvider]
S, F, P, U = OutcomeStatus.SUCCESS, OutcomeStatus.FAILED, OutcomeStatus.PENDING, OutcomeStatus.UNKNOWN

DONE = "PULSA5.081234567890 sdh pernah jam 10:10, status Sukses. SN/Ref: 99887766. Hrg 5.700. Saldo 94.300"
OURS = f"T#41 R#903123456 {DONE}"


def answer(account: Account, attempt: Attempt, text: str, *, asked: bool, earlier_by: EarlierBy = "named") -> Outcome:
    provider, reply = account(earlier_by=earlier_by), Reply(status=200, headers={}, body=text.encode())
    return provider.read_check(attempt, reply) if asked else provider.read_purchase(attempt, reply)


@pytest.mark.parametrize(
    ("text", "asked", "earlier_by", "status"),
    [
        # By default: only in answer to a question, and only with our reference.
        (OURS, True, "named", S),
        (OURS, False, "named", U),
        (DONE, True, "named", U),
        (DONE, False, "named", U),
        # Found by our reference alone, it is ours whatever the words repeat.
        (OURS, False, "reference", S),
        (DONE, True, "reference", S),
        (DONE, False, "reference", S),
        # Found by number, it may be another's even where our reference is repeated.
        (OURS, True, "number", U),
        (OURS, False, "number", U),
        (DONE, True, "number", U),
    ],
)
def test_an_earlier_success_is_believed_where_it_is_surely_ours(
    account: Account, attempt: Attempt, *, text: str, asked: bool, earlier_by: EarlierBy, status: OutcomeStatus
) -> None:
    assert answer(account, attempt, text, asked=asked, earlier_by=earlier_by).status is status


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("earlier_by", ["named", "reference", "number"])
@pytest.mark.parametrize(
    "text",
    [
        "T#41 R#903123457 PULSA5.081234567890 sdh pernah jam 10:10, status Sukses. SN: 99887766",
        "PULSA5.081234567899 sdh pernah jam 10:10, status Sukses. SN: 99887766",
    ],
)
def test_what_names_another_purchase_is_never_ours(
    account: Account, attempt: Attempt, text: str, asked: bool, earlier_by: EarlierBy
) -> None:
    assert answer(account, attempt, text, asked=asked, earlier_by=earlier_by).status is U


@pytest.mark.parametrize("words", ["status Sukses. SN: 99887766. Hrg 5.700", "status Menunggu Jawaban", "status Gagal"])
def test_the_answer_to_a_purchase_takes_no_fact_from_the_earlier_one(
    account: Account, attempt: Attempt, words: str
) -> None:
    """With its `supplier_ref` here, the other one's report would settle this attempt."""
    text = f"T#41 PULSA5.081234567890 sdh pernah jam 10:10, {words}. Saldo 94.300"
    for asked in (True, False):
        outcome = answer(account, attempt, text, asked=asked)
        assert (outcome.supplier_ref, outcome.serial, outcome.price) == (None, None, None)
        assert outcome.balance == 94_300


def test_our_own_earlier_purchase_keeps_its_facts(account: Account, attempt: Attempt) -> None:
    outcome = answer(account, attempt, OURS, asked=True)
    assert (outcome.supplier_ref, outcome.serial, outcome.price) == ("41", "99887766", 5_700)


@pytest.mark.parametrize(
    ("asked", "earlier_by", "status"),
    [(False, "named", F), (True, "named", F), (True, "reference", F), (False, "number", F), (True, "number", U)],
)
def test_an_earlier_failure_means_that_ours_was_refused_but_says_nothing_where_another_may_be_meant(
    account: Account, attempt: Attempt, asked: bool, earlier_by: EarlierBy, status: OutcomeStatus
) -> None:
    text = "PULSA5.081234567890 sdh pernah jam 10:10, status Gagal. Saldo 94.300"
    assert answer(account, attempt, text, asked=asked, earlier_by=earlier_by).status is status


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("earlier_by", ["named", "reference", "number"])
def test_an_earlier_one_that_still_runs_is_pending(
    account: Account, attempt: Attempt, asked: bool, earlier_by: EarlierBy
) -> None:
    text = "PULSA5.081234567890 sdh pernah jam 10:10, status Menunggu Jawaban. Saldo 94.300"
    assert answer(account, attempt, text, asked=asked, earlier_by=earlier_by).status is P


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("R#903123456 PULSA5.081234567890 SUKSES. SN: 99887766", S),
        ("R#903123456 PULSA5.081234567890 GAGAL. Nomor tujuan salah", F),
    ],
)
@pytest.mark.parametrize("earlier_by", ["named", "reference", "number"])
@pytest.mark.parametrize("asked", [True, False])
def test_an_answer_that_speaks_of_no_earlier_one_is_believed_as_ever(
    account: Account, attempt: Attempt, *, text: str, status: OutcomeStatus, earlier_by: EarlierBy, asked: bool
) -> None:
    assert answer(account, attempt, text, asked=asked, earlier_by=earlier_by).status is status


@pytest.mark.parametrize("text", ["PULSA5.081234567890 SUKSES. SN: 99887766", "R#903123456 SUKSES. SN: 99887766"])
def test_code_46_makes_a_success_an_earlier_ones(account: Account, attempt: Attempt, text: str) -> None:
    """46: a repetition. The words then tell of the original."""
    outcome = answer(account, attempt, f"status=46&message={text}", asked=False)
    assert (outcome.status, outcome.rule) == (U, "before-whose")


def test_an_envelope_may_name_our_reference(account: Account, attempt: Attempt) -> None:
    body = f'{{"status": 20, "refid": "903123456", "message": "{DONE}"}}'
    assert answer(account, attempt, body, asked=True).status is S
    assert answer(account, attempt, body.replace('"refid": "903123456", ', ""), asked=True).status is U


@pytest.mark.parametrize(("query", "status"), [("refid=903123456&status=20&", S), ("status=20&", U)])
def test_a_report_about_an_earlier_one_needs_our_reference(account: Account, query: str, status: OutcomeStatus) -> None:
    (update,) = account().read_report(Report(method="GET", raw_query=f"{query}message=T#41 {DONE}"))
    assert update.outcome.status is status


@pytest.mark.parametrize(
    ("text", "channel", "status"),
    [(OURS, "dup", S), (OURS, "check", S), (OURS, "sync", U), (DONE, "dup", U), (DONE, "check", U)],
)
def test_recorded_messages_are_read_by_the_channel_on_which_they_came(
    account: Account, text: str, channel: str, status: OutcomeStatus
) -> None:
    assert account().read_message(RecordedMessage(text=text, channel=channel)).status is status


@given(
    before=st.sampled_from(["sdh pernah jam 10:10", "sudah pernah 09.15", "telah pernah pd 01/03", "dobel jam 10:10"]),
    status=st.sampled_from(["status Sukses", "status: BERHASIL", "sts SUKSES", "Status = sukses"]),
    serial=st.sampled_from(["SN: 99887766", "SN/Ref: 1122-3344-5566-7788-9900/ANI/R1/450", "SN: "]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_wording_of_a_repetition_makes_a_purchase_that_was_refused_a_success(
    account: Account, attempt: Attempt, before: str, status: str, serial: str
) -> None:
    text = f"PULSA5.081234567890 {before}, {status}. {serial}. Saldo 94.300"
    for asked in (True, False):
        assert answer(account, attempt, text, asked=asked).status is not S
