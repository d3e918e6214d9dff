"""The section `retention:`."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.settings.load import load
from gateway.settings.types import Retention

DAY = 86_400.0


def read(tmp_path: Path, text: str) -> Retention:
    file = tmp_path / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, {}).retention


def test_left_out_it_keeps_evidence_for_half_a_year_and_events_for_more_than_a_year(tmp_path: Path) -> None:
    found = read(tmp_path, "{}\n")
    assert (found.exchanges, found.reports, found.events) == (180 * DAY, 180 * DAY, 400 * DAY)
    assert (found.notifications, found.balances) == (90 * DAY, 400 * DAY)


def test_each_age_is_a_duration_and_null_is_for_ever(tmp_path: Path) -> None:
    found = read(tmp_path, "retention: {exchanges: 90d, reports: null, events: 720h, batch: 1000}\n")
    assert (found.exchanges, found.reports, found.events, found.batch) == (90 * DAY, None, 30 * DAY, 1000)


@pytest.mark.parametrize(
    "text",
    [
        "{events: 6d}",
        "{notifications: 6d}",
        "{balances: 1d}",
        "{exchanges: 90}",
        "{batch: 5000}",
        "{transactions: 90d}",
    ],
)
def test_what_would_lose_evidence_or_cannot_be_meant_is_a_mistake(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        read(tmp_path, f"retention: {text}\n")


def test_too_short_an_age_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="7d or longer"):
        read(tmp_path, "retention: {reports: 1d}\n")
