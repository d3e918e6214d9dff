"""docs/kubernetes.md: every block of values renders, every name in it is one that the chart gives."""

from __future__ import annotations

import importlib
import re

import pytest
import yaml

from checks.chart.matrix import PROMETHEUS
from checks.chart.rendering import NAMESPACE, ROOT, merged, of_kind, one, rendered, workload

PAGE = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
BLOCKS = re.findall(r"^ *```yaml\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)
VALUES = [yaml.safe_load(block) for block in BLOCKS if "kind: Pod" not in block]


def test_there_are_blocks() -> None:
    assert len(VALUES) >= 6
    assert len(VALUES) == len(BLOCKS) - 1


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_values_on_the_page_render(number: int) -> None:
    assert rendered(VALUES[number])


def test_the_other_way_on_the_page_renders_too() -> None:
    [route] = re.findall(r"^ *# or: (route: .*)$", PAGE, re.MULTILINE)
    [door] = [values for values in VALUES if "ingress" in values.get("reports", {})]
    found = rendered(merged({**door, "reports": {"host": door["reports"]["host"]}}, {"reports": yaml.safe_load(route)}))
    assert of_kind(found, "HTTPRoute")
    assert not of_kind(found, "Ingress")


def test_options_on_the_page_are_values() -> None:
    given = dict(re.findall(r"--set ([\w.]+)=(\S+)", PAGE))
    assert given == {"image.repository": "YOUR-REGISTRY/pulsa-gateway", "sandbox.enabled": "true"}
    job = re.findall(r"`migration: (\{by: job.*?\})`", PAGE)
    database = {"ledger": {"kind": "postgresql", "postgresql": {"existingSecret": "d"}}}
    assert one(rendered(merged(database, {"migration": yaml.safe_load(job[0])})), "Job", "-migrate")
    claim = re.findall(r"`audit: (\{to: volume.*?\})`", PAGE)
    held = {**yaml.safe_load(claim[0]), "existingClaim": "name"}
    assert rendered(merged(database, {"audit": held}))
    assert rendered({"networkPolicy": {"operations": [PROMETHEUS]}})


def test_names_on_the_page_are_those_of_the_release() -> None:
    found = rendered({})
    given = {it["metadata"]["name"] for it in found}
    it = workload(found)
    claims = [claim["metadata"]["name"] for claim in it["spec"]["volumeClaimTemplates"]]
    given |= {f"{it['metadata']['name']}-0", *(f"{claim}-{it['metadata']['name']}-0" for claim in claims)}
    named = {name.partition(".")[0] for name in re.findall(r"[\w.-]*shop-pulsa-gateway[\w.-]*", PAGE)}
    assert {name.rstrip("`") for name in named} <= given
    assert set(re.findall(r"--namespace (\w+)", PAGE)) == {NAMESPACE}


def test_the_pod_that_brings_a_copy_back_is_one_that_a_strict_cluster_takes() -> None:
    [pod] = [yaml.safe_load(block) for block in BLOCKS if "kind: Pod" in block]
    kubernetes = importlib.import_module("kubernetes_validate")
    assert kubernetes.validate(pod, "1.37", strict=True) == "1.37"
    ours = workload(rendered({}))["spec"]["template"]["spec"]
    security = {name: value for name, value in ours["securityContext"].items() if name != "fsGroupChangePolicy"}
    assert pod["spec"]["securityContext"] == security
    mounts = {it["name"]: it for it in ours["containers"][0]["volumeMounts"]}
    assert pod["spec"]["containers"][0]["volumeMounts"] == [mounts["data"]]


def test_the_number_of_cases_is_the_one_on_the_page() -> None:
    from checks.chart.matrix import CASES

    assert f"renders {len(CASES)} sets of values" in PAGE
