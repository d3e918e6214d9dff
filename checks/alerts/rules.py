"""The alert rules as data, and the cases in which each one fires or is silent, for promtool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "helm" / "pulsa-gateway" / "files" / "alerts.yaml"
CASES = Path(__file__).parent / "cases"
PLACE = {"job": "pulsa-gateway", "instance": "a:9090"}
"""What Prometheus adds to each series; a case names it only where it matters."""

_NAME = re.compile(r"\b(?:gateway|process)_[a-z_]+")
_STRING = re.compile(r'"[^"]*"')
_LABEL = re.compile(r"\{\{ \$labels\.([a-z]+) \}\}")
_VALUE = re.compile(r"\{\{ (?:printf `[^`]*` )?\$value(?: \| [a-zA-Z]+)? \}\}")


def rules(file: Path = ALERTS) -> dict[str, dict[str, Any]]:
    """Every alert by its name. A name that stands twice is a mistake."""
    found: dict[str, dict[str, Any]] = {}
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            assert rule["alert"] not in found, rule["alert"]
            found[rule["alert"]] = rule
    return found


def metrics(expression: str) -> set[str]:
    """The names of metrics in an expression, as they stand there."""
    return set(_NAME.findall(_STRING.sub('""', expression)))


@dataclass(frozen=True)
class Case:
    """One moment in which an alert fires or is silent.

    `series` in promtool's notation, one value each `interval`, which is a minute where the case does not say. `alerts`:
    what fires: the labels beside the severity, and under `value` how the description writes the value.
    """

    alert: str
    name: str
    at: str
    interval: str
    series: Mapping[str, str]
    alerts: tuple[Mapping[str, str], ...]


def cases(folder: Path = CASES) -> list[Case]:
    """All of them. A case with alerts is a firing one."""
    found = []
    for file in sorted(folder.glob("*.yaml")):
        for alert, kinds in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            for kind in ("fires", "silent"):
                for name, case in kinds.get(kind, {}).items():
                    told = case.get("alerts", [{}]) if kind == "fires" else ()
                    found.append(Case(alert, name, case["at"], case.get("interval", "1m"), case["series"], tuple(told)))
    return found


def promtool_test(case: Case, alerts: Path = ALERTS) -> dict[str, Any]:
    """A case as promtool reads it, with the whole text that is expected."""
    rule = rules(alerts)[case.alert]
    return {
        "rule_files": [str(alerts)],
        "evaluation_interval": case.interval,
        "tests": [
            {
                "interval": case.interval,
                "input_series": [{"series": placed(name), "values": values} for name, values in case.series.items()],
                "alert_rule_test": [
                    {
                        "eval_time": case.at,
                        "alertname": case.alert,
                        "exp_alerts": [_expected(rule, told) for told in case.alerts],
                    }
                ],
            }
        ],
    }


def placed(series: str) -> str:
    """A series with job and instance, where it does not name them."""
    name, _, labels = series.partition("{")
    given = labels.rstrip("}")
    added = [f'{label}="{value}"' for label, value in PLACE.items() if f"{label}=" not in given]
    return f"{name}{{{', '.join([*added, *([given] if given else [])])}}}"


def _expected(rule: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    where = {} if "absent(" in rule["expr"] else {"job": PLACE["job"]}
    labels = {**where, **{label: str(value) for label, value in told.items() if label != "value"}}

    def written(text: str) -> str:
        text = _LABEL.sub(lambda found: labels.get(found[1], ""), text)
        return _VALUE.sub(lambda _: str(told.get("value", "")), text)

    return {
        "exp_labels": {**rule["labels"], **labels},
        "exp_annotations": {name: written(text) for name, text in rule["annotations"].items()},
    }
