"""An upgrade from the chart as it was first: values without the new keys, and what Kubernetes never changes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from checks.chart.rendering import (
    CHART,
    MAJORS,
    Document,
    configuration,
    documents,
    merged,
    of_kind,
    template,
    workload,
)

FIRST: dict[str, Any] = {
    "image": {"repository": "pulsa-gateway", "tag": "", "digest": "", "pullPolicy": "IfNotPresent"},
    "imagePullSecrets": [],
    "replicas": 1,
    "ledger": {
        "kind": "sqlite",
        "size": "8Gi",
        "storageClass": "",
        "postgresql": {"existingSecret": "", "urlKey": "url"},
    },
    "redis": {"existingSecret": "", "urlKey": "url"},
    "preStopSeconds": 5,
    "drainSeconds": 25,
    "trustedProxies": [],
    "secrets": {"env": {}, "files": []},
    "config": {"clients": [], "providers": [], "products": []},
    "resources": {
        "requests": {"cpu": "250m", "memory": "256Mi"},
        "limits": {"cpu": "2", "memory": "1Gi"},
    },
}
"""Every value of the chart's first version."""
POSTGRES = {
    "ledger": {"kind": "postgresql", "postgresql": {"existingSecret": "db"}},
    "redis": {"existingSecret": "redis"},
    "replicas": 3,
    "secrets": {"files": ["maxsi"]},
}
SELECTOR = {
    "app.kubernetes.io/name": "pulsa-gateway",
    "app.kubernetes.io/instance": "shop",
    "app.kubernetes.io/component": "gateway",
}
VALUES = {"sqlite": FIRST, "postgresql": merged(FIRST, POSTGRES)}


def upgraded(major: str, values: dict[str, Any], chart: Path) -> list[Document]:
    done = template(major, values, chart)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


@pytest.fixture
def without_defaults(tmp_path: Path) -> Path:
    """The chart as `helm upgrade --reuse-values` sees it: the values are those of the release, with no new keys."""
    chart = shutil.copytree(CHART, tmp_path / "pulsa-gateway")
    (chart / "values.yaml").write_text("{}", encoding="utf-8")
    return chart


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("ledger", VALUES)
def test_old_values_over_new_defaults_work(ledger: str, major: str) -> None:
    """As `helm upgrade --values FILE` and `--reset-then-reuse-values` do it."""
    found = upgraded(major, VALUES[ledger], CHART)
    assert {"NetworkPolicy", "PodDisruptionBudget", "ServiceAccount"} <= {it["kind"] for it in found}


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("ledger", VALUES)
def test_old_values_alone_work_and_bring_nothing_new(ledger: str, major: str, without_defaults: Path) -> None:
    found = upgraded(major, VALUES[ledger], without_defaults)
    ours = [it["kind"] for it in found if "helm.sh/hook" not in it["metadata"].get("annotations", {})]
    assert sorted(ours) == sorted(["ConfigMap", "Service", "Service", "Service", workload(found)["kind"]])
    config = yaml.safe_load(configuration(found))
    assert config["audit"]["mask"] is True


@pytest.mark.parametrize("ledger", VALUES)
def test_what_kubernetes_never_changes_is_as_it_was(ledger: str, without_defaults: Path) -> None:
    """Kubernetes refuses an upgrade that changes one of these, and the volume would be another one."""
    for chart in (CHART, without_defaults):
        found = upgraded("4", VALUES[ledger], chart)
        it = workload(found)
        assert it["metadata"]["name"] == "shop-pulsa-gateway"
        assert it["spec"]["selector"] == {"matchLabels": SELECTOR}
        services = {one["metadata"]["name"]: one["spec"].get("clusterIP") for one in of_kind(found, "Service")}
        assert services == {
            "shop-pulsa-gateway": None,
            "shop-pulsa-gateway-reports": None,
            "shop-pulsa-gateway-operations": "None",
        }
        if ledger == "sqlite":
            assert it["spec"]["serviceName"] == "shop-pulsa-gateway-operations"
            assert "podManagementPolicy" not in it["spec"]
            assert it["spec"]["volumeClaimTemplates"] == [
                {
                    "metadata": {"name": "data"},
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Gi"}}},
                }
            ]
            config = yaml.safe_load(configuration(found))
            assert config["ledger"]["url"] == "sqlite:///var/gateway.db"
            assert config["audit"]["path"] == "var/audit.jsonl"


def test_labels_of_ones_own_do_not_reach_what_kubernetes_never_changes() -> None:
    found = upgraded("4", {"labels": {"team": "trade"}, "podLabels": {"tier": "money"}}, CHART)
    it = workload(found)
    assert it["metadata"]["labels"]["team"] == "trade"
    assert it["spec"]["selector"] == {"matchLabels": SELECTOR}
    assert it["spec"]["volumeClaimTemplates"][0]["metadata"] == {"name": "data"}
