"""The dashboard: every expression runs, against promtool and against a real Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
import types
from pathlib import Path
from typing import Any

import pytest

from checks.alerts.rules import PLACE, ROOT, metrics
from checks.alerts.scraping import Scraped, asked
from checks.alerts.test_rules import documented
from checks.alerts.tools import Tools
from checks.scripts import script
from gateway.observe.instruments import INSTRUMENTS

FILE = ROOT / "helm" / "pulsa-gateway" / "files" / "dashboard.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [
    pytest.param(target["expr"], id=f"{panel['title']} {panel['id']}{target['refId']}")
    for panel in PANELS
    for target in panel["targets"]
]
QUESTIONS = ["Are purchases ending well?", "How fast?", "Is money drifting?", "What needs me?"]
WITH_DATA = {
    *("Ended well", "Ended", "Open now", "How purchases end", "Why they fail", "What suppliers answer"),
    *("Accounts that can be used", "Products that fail most", "From acceptance to the end", "Suppliers' answers, 95 %"),
    *("Oldest open purchase", "Open purchases", "Requests, 99 %", "Drift", "Deposits", "How long deposits last"),
    *("Purchases this month", "Need review", "Accounts closed", "Breakers not closed", "Messages unread"),
    *("Messages that no rule understood", "Questions about open purchases", "Reports", "Notifications"),
    *("Clients over a limit", "Commits", "Operations in one commit", "Waiting to be written", "CPU", "Memory"),
    *(
        "Until a purchase is stored",
        "Event loop, how late",
        "Open files",
        "Age of the process",
        "What runs",
        "Waiting for a turn, 95 %",
    ),
}


def filled(expression: str) -> str:
    """An expression as Grafana sends it, for all accounts and a short time."""
    values = {"$__rate_interval": "5s", "$__range": "1m", "$job": PLACE["job"], "$provider": ".*"}
    for name, value in values.items():
        expression = expression.replace(name, value)
    return expression


def generator() -> types.ModuleType:
    return script(ROOT / "helm" / "dashboard.py")


def test_the_file_is_what_its_description_gives() -> None:
    assert FILE.read_text(encoding="utf-8") == generator().text(), "run python helm/dashboard.py"


def test_the_rows_are_the_questions_of_an_operator() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows[:4] == QUESTIONS


def test_panels_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_variables_that_panels_use_are_there() -> None:
    known = {one["name"] for one in DASHBOARD["templating"]["list"]} | {"__rate_interval", "__range"}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(PANELS))) <= known


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_panel_uses_only_metrics_that_are_documented(expression: str) -> None:
    used = metrics(expression)
    assert used or "ALERTS{" in expression
    assert used <= documented()


def test_every_metric_of_the_gateway_is_on_the_dashboard() -> None:
    shown = {name for param in EXPRESSIONS for name in metrics(str(param.values[0]))}
    parts = ("", "_bucket", "_sum", "_count")
    assert [one.name for one in INSTRUMENTS if not shown & {one.name + part for part in parts}] == []


def test_promtool_reads_every_expression(programs: Tools, tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": filled(str(param.values[0]))} for number, param in enumerate(EXPRESSIONS)
    ]
    file = tmp_path / "panels.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(
        [programs.promtool, "check", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(EXPRESSIONS)} rules found" in done.stdout


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: f"{panel['title']} {panel['id']}")
async def test_prometheus_runs_every_panel(panel: dict[str, Any], scraped: Scraped) -> None:
    found = []
    for target in panel["targets"]:
        answer = await asked(
            scraped.prometheus,
            "query_range",
            query=filled(target["expr"]),
            start=str(scraped.began),
            end=str(scraped.ended + 1),
            step="1",
        )
        assert answer["resultType"] == "matrix"
        found += answer["result"]
    values = [value for series in found for _, value in series["values"] if value != "NaN"]
    if panel["title"] in WITH_DATA:
        assert values, "it shows nothing"


def test_the_list_of_panels_with_data_names_panels() -> None:
    assert {panel["title"] for panel in PANELS} >= WITH_DATA
