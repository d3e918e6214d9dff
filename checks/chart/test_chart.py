"""The chart lints, renders, and refuses what cannot work, with Helm 4 and 3.19."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from checks.chart.tools import helm

CHART = Path(__file__).parents[2] / "helm" / "pulsa-gateway"
POSTGRES = "ledger.kind=postgresql,ledger.postgresql.existingSecret=db,redis.existingSecret=redis,replicas=3"


def run(major: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([helm(major), *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("major", ["4", "3"])
def test_it_lints(major: str) -> None:
    done = run(major, "lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("values", "kind"), [("replicas=1", "StatefulSet"), (POSTGRES, "Deployment")])
def test_the_ledger_decides_the_workload_and_both_helms_render_the_same(values: str, kind: str) -> None:
    four, three = (run(major, "template", "x", str(CHART), "--set", values) for major in "43")
    documents = [one for one in yaml.safe_load_all(four.stdout) if one]
    assert kind in [one["kind"] for one in documents], four.stderr
    assert documents == [one for one in yaml.safe_load_all(three.stdout) if one]


@pytest.mark.parametrize("major", ["4", "3"])
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("replicas=2", "SQLite is one process"),
        ("redis.existingSecret=r", "redis goes only with"),
        ("ledger.kind=postgresql", "must name the Secret"),
        ("nonsense=1", "nonsense"),
    ],
)
def test_what_cannot_work_is_refused(major: str, values: str, said: str) -> None:
    done = run(major, "template", "x", str(CHART), "--set", values)
    assert done.returncode
    assert said in done.stderr
