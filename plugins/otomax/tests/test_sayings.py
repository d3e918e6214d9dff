"""Messages of one shape are read once, and each as if it had been read by itself."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from gateway import OutcomeStatus
from gateway.core.rules import Rule, RuleSet
from gateway_otomax import fields
from gateway_otomax.envelope import open_text
from gateway_otomax.fields import fields_of
from gateway_otomax.rules import DEFAULT_RULES
from gateway_otomax.sayings import Sayings

DATA = Path(__file__).parent / "data"
TEXTS = [
    text
    for file in sorted(DATA.glob("*.jsonl"))
    for line in file.read_text("utf-8").splitlines()
    if line.strip() and (text := open_text(json.loads(line)["text"]).text)
]


def _with_other_digits(text: str, rng: random.Random) -> str:
    return re.sub(r"[0-9]", lambda _: rng.choice("0123456789"), text)


@pytest.mark.parametrize("seed", range(3))
def test_a_remembered_message_says_what_it_says_by_itself(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 — picks messages, guards nothing
    sayings = Sayings(RuleSet(DEFAULT_RULES))
    for text in rng.sample(TEXTS, 300):
        for one in (text, _with_other_digits(text, rng), _with_other_digits(text, rng)):
            span = fields_of(one).serial_span
            elsewhere = span is None and rng.random() < 0.5
            assert sayings.said(one, span, serial_elsewhere=elsewhere) == sayings.read(one, span, elsewhere), one
    assert sayings.remembered > 250


def test_an_accounts_rule_that_tells_digits_apart_is_obeyed_for_each_message() -> None:
    mine = Rule(name="mine", pattern=r"kode 7\b", status=OutcomeStatus.FAILED)
    sayings = Sayings(RuleSet(DEFAULT_RULES).changed(first=[mine]))
    for digit in "0123456789" * 2:
        said = sayings.said(f"kode {digit}", None)
        assert (said is not None and said.rule == "mine") == (digit == "7")


def test_a_rule_that_cannot_be_told_is_obeyed_for_each_message() -> None:
    mine = Rule(name="mine", pattern=r"kode [1-4]\b", status=OutcomeStatus.FAILED)
    sayings = Sayings(RuleSet(DEFAULT_RULES).changed(first=[mine]))
    for digit in "0123456789" * 2:
        said = sayings.said(f"kode {digit}", None)
        assert (said is not None and said.rule == "mine") == (digit in "1234")
    assert sayings.remembered == 0


def test_facts_found_by_the_shape_of_a_message_are_those_of_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(4)  # noqa: S311 — picks digits, guards nothing
    texts = [*TEXTS, *(_with_other_digits(text, rng) for text in TEXTS)]
    assert fields._SHAPE
    found = [fields_of(text) for text in texts]
    monkeypatch.setattr(fields, "_SHAPE", {})
    fields._places.cache_clear()
    assert found == [fields_of(text) for text in texts]
