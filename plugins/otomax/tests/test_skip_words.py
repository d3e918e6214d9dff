"""The words by which costly patterns are passed over stand in whatever those patterns can match."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_otomax.reasons import REASONS
from gateway_otomax.rules import DEFAULT_RULES
from gateway_otomax.wording import ASIDES, skip_words

SKIPPED = [
    *((rule.name, rule.pattern, rule.needs) for rule in (*DEFAULT_RULES, *REASONS) if rule.needs),
    *((aside, pattern, needs) for aside, pattern in ASIDES if (needs := skip_words(aside))),
]


@pytest.mark.parametrize(("pattern", "needs"), [pytest.param(*rest, id=name) for name, *rest in SKIPPED])
@given(data=st.data())
@settings(max_examples=40, derandomize=True, suppress_health_check=list(HealthCheck))
def test_skip_words_stand_in_whatever_the_pattern_can_match(
    pattern: str, needs: tuple[str, ...], data: st.DataObject
) -> None:
    text = data.draw(st.from_regex(re.compile(pattern, re.ASCII))).lower()
    assert re.search(pattern, text, re.ASCII) is None or any(word in text for word in needs)
