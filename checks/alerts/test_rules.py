"""The alerts: what they say of themselves, and when they fire."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from checks.alerts.rules import ALERTS, ROOT, Case, cases, metrics, promtool_test, rules
from checks.alerts.tools import Tools

RULES = rules()
ALL = cases()
RUNBOOK = "docs/operating.md"


def documented() -> set[str]:
    """Every metric that docs/metrics.md names, and the series that a histogram has besides."""
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`((?:gateway|process)_[a-z_]+)`", page))
    histograms = re.findall(r"^\| `([a-z_]+)` \| histogram", page, re.MULTILINE)
    return names | {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}


def sections() -> dict[str, str]:
    """The sections of the runbook by their anchors, as GitHub makes them."""
    page = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for part in re.split(r"^#{1,6} ", page, flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        anchor = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
        assert anchor not in found, f"two sections are called {title!r}"
        found[anchor] = text.strip()
    return found


def promtool(programs: Tools, *arguments: str | Path) -> str:
    """What promtool says; a complaint is a failure."""
    done = subprocess.run(
        [programs.promtool, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def test_promtool_finds_nothing_wrong_with_the_rules(programs: Tools) -> None:
    assert "SUCCESS" in promtool(programs, "check", "rules", "--lint=all", "--lint-fatal", ALERTS)


@pytest.mark.parametrize("name", RULES)
def test_an_alert_says_what_it_is_and_where_help_stands(name: str) -> None:
    rule = RULES[name]
    assert name.startswith("Gateway")
    assert set(rule["labels"]) == {"severity"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    notes: Mapping[str, Any] = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["summary"].endswith(".")
    assert notes["description"].endswith(".")
    page, _, anchor = notes["runbook_url"].partition("#")
    assert page == RUNBOOK
    section = sections().get(anchor, "")
    assert f"`{name}`" in section, f"the section #{anchor} of {RUNBOOK} does not name {name}"
    assert len(section.split()) > 20, f"the section #{anchor} does not say what to do"


def test_each_alert_has_a_section_of_its_own() -> None:
    links = [rule["annotations"]["runbook_url"] for rule in RULES.values()]
    assert len(set(links)) == len(links)


def test_the_runbook_names_no_alert_that_is_not_there() -> None:
    page = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    assert set(re.findall(r"`(Gateway[A-Za-z]+)`", page)) <= set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_an_alert_uses_only_metrics_that_are_documented(name: str) -> None:
    used = metrics(RULES[name]["expr"])
    assert used
    assert used <= documented()


@pytest.mark.parametrize("name", RULES)
def test_what_replicas_tell_is_not_counted_twice(name: str) -> None:
    """A gauge that speaks of the ledger is the same from each replica: adding it up would multiply it."""
    shared = r"gateway_(?:transactions_(?:open|oldest|needing)|webhook_backlog|provider_(?:balance|month))"
    assert not re.search(rf"sum by \([^)]*\) \({shared}", RULES[name]["expr"])


def test_every_alert_has_a_firing_and_a_silent_case() -> None:
    firing = {case.alert for case in ALL if case.alerts}
    silent = {case.alert for case in ALL if not case.alerts}
    assert firing == set(RULES)
    assert silent == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_the_silent_cases_are_about_the_same_metrics(name: str) -> None:
    """An alert is always silent where there is nothing to look at; only `absent` is about that."""
    if "absent(" in RULES[name]["expr"]:
        return
    needed = metrics(RULES[name]["expr"])
    for case in ALL:
        if case.alert == name:
            assert {one.partition("{")[0] for one in case.series} >= needed, case.name


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.alert}: {case.name}")
def test_an_alert_fires_when_it_should(case: Case, programs: Tools, tmp_path: Path) -> None:
    file = tmp_path / "case.json"  # JSON is YAML
    file.write_text(json.dumps(promtool_test(case)), encoding="utf-8")
    promtool(programs, "test", "rules", file)
