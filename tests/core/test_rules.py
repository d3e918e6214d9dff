"""Ordered message rules, whatever the dialect."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.outcome import OutcomeStatus, ReasonCode
from gateway.core.rules import LONGEST_TEXT, Rule, RuleError, RuleSet, check_pattern

_S, _F, _U = OutcomeStatus.SUCCESS, OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN

BASE = RuleSet(
    [
        Rule(name="failed", pattern="gagal", status=_F, reason=ReasonCode.SUPPLIER_REFUSED),
        Rule(name="success", pattern="sukses", unless="belum", status=_S),
    ]
)


def verdict(rules: RuleSet, text: str) -> str | None:
    rule = rules.read({"message": text})
    return None if rule is None else rule.name


def test_the_first_rule_that_fits_decides() -> None:
    assert verdict(BASE, "GAGAL, sempat sukses") == "failed"
    assert verdict(BASE, "SUKSES") == "success"


def test_no_rule_says_nothing() -> None:
    assert verdict(BASE, "zyzzyva") is None
    assert verdict(BASE, "") is None
    assert BASE.read({}) is None


def test_unless_takes_a_rule_back() -> None:
    assert verdict(BASE, "belum sukses") is None


def test_a_rule_looks_at_its_own_view() -> None:
    rules = RuleSet([Rule(name="here", pattern="x", unless="y", view="head", unless_view="tail", status=_F)])
    assert rules.read({"head": "x y", "tail": ""}) is not None
    assert rules.read({"head": "x", "tail": "y"}) is None
    assert rules.read({"head": "", "tail": "x"}) is None


def test_case_matters_only_where_a_rule_says_so() -> None:
    rules = RuleSet([Rule(name="exact", pattern="OK", status=_S, exact_case=True)])
    assert verdict(rules, "ok") is None
    assert verdict(rules, "OK") == "exact"


def test_skip_words_pass_a_rule_by() -> None:
    rules = RuleSet([Rule(name="a", pattern="ga+gal", needs=("gagal", "gaagal"), status=_F)])
    assert verdict(rules, "gaagal") == "a"
    assert verdict(rules, "gaaagal") is None


def test_an_account_puts_its_rules_first_and_replaces_by_name() -> None:
    changed = BASE.changed(
        first=[Rule(name="own", pattern="kuota habis", status=_F), Rule(name="success", pattern="mantap", status=_S)]
    )
    assert [rule.name for rule in changed] == ["own", "failed", "success"]
    assert verdict(changed, "Kuota habis") == "own"
    assert verdict(changed, "MANTAP") == "success"
    assert verdict(changed, "SUKSES") is None
    assert verdict(BASE, "SUKSES") == "success"


def test_rules_can_be_left_out_and_added_at_the_end() -> None:
    changed = BASE.changed(without=["failed"], last=[Rule(name="rest", pattern="", status=_U)])
    assert verdict(changed, "gagal") == "rest"


def test_leaving_out_what_is_not_there_is_an_error() -> None:
    with pytest.raises(RuleError, match="no rule 'faild'"):
        BASE.changed(without=["faild"])


def test_two_rules_of_one_name_are_an_error() -> None:
    with pytest.raises(RuleError, match="'a'"):
        RuleSet([Rule(name="a", pattern="", status=_U), Rule(name="a", pattern="", status=_U)])


def test_a_bad_pattern_names_its_rule() -> None:
    with pytest.raises(RuleError, match=r"rule 'bad'.*no regular expression"):
        RuleSet([Rule(name="bad", pattern="(", status=_U)])


def test_flags_go_with_their_status_only() -> None:
    with pytest.raises(RuleError, match="never_seen"):
        Rule(name="a", pattern="", status=_S, never_seen=True)
    with pytest.raises(RuleError, match="account_refused"):
        Rule(name="a", pattern="", status=_F, account_refused=True)


def test_a_text_that_is_too_long_is_unknown_and_not_read() -> None:
    rule = BASE.read({"message": "SUKSES " + "x" * LONGEST_TEXT})
    assert rule is not None
    assert rule.status is _U
    assert rule.name == "text-too-long"


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "(a+)+$",
        "(a|ab)*c",
        "(a?b)*",
        "(?:a{0,9}){5,}",
        r"(a)\1",
        "a.*b.*c.*d",
        "a.{0,50}b.{0,50}c.{0,50}d.{0,50}",
        "a*" * 11,
        "x" * 1_001,
    ],
)
def test_patterns_whose_time_has_no_bound_are_refused(pattern: str) -> None:
    with pytest.raises(RuleError):
        check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "GAGAL.*saldo.*kurang",
        r"R#\d+ \w+\.\d+ GAGAL(?!x)",
        r"(?:\.\d{3})+",
        "sukses|berhasil",
        r"(?:tdk|tidak)?\s*ada",
        "[]x]+",
        r"\(.{0,40}\)",
        "(?i:gagal)",
        "(?P<a>gagal)",
    ],
)
def test_patterns_that_operators_write_are_taken(pattern: str) -> None:
    check_pattern(pattern)


@given(st.text(alphabet="ab(|)*+?{1,}[].\\^$:=!<", max_size=14))
def test_every_pattern_that_is_taken_compiles_and_ends(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except RuleError:
        return
    rules = RuleSet([Rule(name="a", pattern=pattern, status=_U)])
    started = time.perf_counter()
    rules.read({"message": ("ab" * LONGEST_TEXT)[: LONGEST_TEXT - 1] + "!"})
    assert time.perf_counter() - started < 2.0
