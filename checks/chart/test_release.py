"""The release as a whole: names, version, what it brings along, and what is said after an install."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from typing import Any

import pytest
import yaml

from checks.chart.matrix import DOOR, OPTIONS, POSTGRES, values
from checks.chart.rendering import (
    CHART,
    NAMESPACE,
    RELEASE,
    ROOT,
    documents,
    merged,
    one,
    rendered,
    run,
)


def test_alerts_and_dashboard_are_the_projects_own_files() -> None:
    found = rendered(values({"watched": "all", "policy": "narrow"}))
    alerts = (CHART / "files" / "alerts.yaml").read_text("utf-8")
    moved = alerts.replace("docs/operating.md#", "https://docs.example/operating.html#")
    assert one(found, "PrometheusRule")["spec"] == yaml.safe_load(moved)
    held = one(found, "ConfigMap", "-dashboard")["data"]["pulsa-gateway.json"]
    assert json.loads(held) == json.loads((CHART / "files" / "dashboard.json").read_text("utf-8"))
    assert one(found, "ConfigMap", "-dashboard")["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_the_trial_is_the_one_of_the_projects_own_configuration() -> None:
    trial = yaml.safe_load((CHART / "files" / "trial.yaml").read_text("utf-8"))
    ours = yaml.safe_load((ROOT / "config" / "gateway.yaml").read_text("utf-8"))
    assert trial == {name: ours[name] for name in ("clients", "providers", "products")}
    known = hashlib.sha256(b"sandbox-key-not-for-production").hexdigest()
    assert trial["clients"][0]["key_hash"] == f"sha256:{known}"


def test_nothing_is_read_from_a_cluster() -> None:
    """`lookup` could put a Secret's content into a template."""
    for file in (CHART / "templates").rglob("*"):
        if file.is_file():
            assert not re.search(r"\blookup\b", file.read_text("utf-8")), file


@pytest.mark.parametrize("release", ["r" * 53, "pulsa-gateway", "my-pulsa-gateway-1"])
def test_names_stay_within_what_kubernetes_takes(release: str) -> None:
    given = merged(
        POSTGRES,
        DOOR,
        {"migration": {"by": "job"}, "dashboard": {"enabled": True}, "reports": {"ingress": {"enabled": True}}},
    )
    for ledger in ({}, given):
        done = run("4", "template", release, CHART, values=ledger)
        assert done.returncode == 0, done.stderr
        for it in documents(done.stdout):
            name = it["metadata"]["name"]
            assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
            # Kubernetes puts up to eleven characters behind a workload's name, in a label of at most 63.
            assert len(name) <= (52 if it["kind"] in ("StatefulSet", "Deployment") else 63)
            assert all(len(str(value)) <= 63 for value in it["metadata"]["labels"].values())


def test_the_chart_is_of_the_same_version_as_the_program() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert chart["appVersion"] == project["version"]
    assert chart["description"] in project["description"]


NOTES: dict[str, tuple[dict[str, Any], str, str]] = {
    "a trial": ({"sandbox": {"enabled": True}}, "WARNING: every purchase goes to a pretend supplier", "no account"),
    "its key": ({"sandbox": {"enabled": True}}, "sandbox-key-not-for-production", "nobody can buy yet"),
    "nothing yet": ({}, "NOTE: there is no account at a supplier yet", "pretend supplier"),
    "no client": ({}, "gateway keys new shop", "sandbox-key"),
    "no policy": ({"networkPolicy": {"enabled": False}}, "WARNING: without networkPolicy.enabled", "lets nobody"),
    "a door behind a narrow policy": (
        merged(OPTIONS["door"]["certificate"], OPTIONS["policy"]["narrow"]),
        "NOTE: the policy lets only networkPolicy.http reach port 8080: your ingress controller",
        "travel unencrypted",
    ),
    "and behind an open one": (
        merged(OPTIONS["door"]["certificate"]),
        "https://reports.example.id",
        "your ingress controller",
    ),
    "limits for each replica": (merged(POSTGRES, {"replicas": 2}), "NOTE: without redis.existingSecret", "StatefulSet"),
    "one replica": (POSTGRES, "deployment/shop-pulsa-gateway -c audit", "redis.existingSecret"),
    "a door": (
        merged(DOOR, {"reports": {"ingress": {"enabled": True}}}),
        "https://reports.example.id/reports/ACCOUNT/TOKEN",
        "nowhere yet",
    ),
    "an open door": (merged(DOOR, {"reports": {"ingress": {"enabled": True}}}), "travel unencrypted", "nowhere yet"),
}


@pytest.mark.parametrize("name", NOTES)
def test_what_is_said_after_an_install_fits_what_was_installed(name: str) -> None:
    """By Helm 4 alone: Helm 3 wants a cluster for it."""
    given, said, not_said = NOTES[name]
    done = run("4", "install", RELEASE, CHART, "--namespace", NAMESPACE, "--dry-run=client", values=given)
    assert done.returncode == 0, done.stderr
    notes = done.stdout.partition("NOTES:")[2]
    assert said in notes
    assert not_said not in notes
