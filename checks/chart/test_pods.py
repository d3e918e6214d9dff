"""What a pod is and may do: rights, volumes, sidecars, stops, who migrates, how many there are."""

from __future__ import annotations

import pytest
import yaml

from checks.chart.matrix import CASES, POSTGRES, label, values
from checks.chart.rendering import (
    configuration,
    containers,
    merged,
    one,
    pod_specs,
    rendered,
    workload,
)

each_case = pytest.mark.parametrize("case", CASES, ids=label)


@each_case
def test_every_container_runs_without_rights(case: dict[str, str]) -> None:
    """What the profile *restricted* of Pod Security asks for, a read-only root, and no token."""
    for _, spec in pod_specs(rendered(values(case))):
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] == pod["runAsGroup"] == pod["fsGroup"] == 10001
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert {kind for volume in spec.get("volumes", []) for kind in volume} <= {
            *("name", "configMap", "secret", "emptyDir", "persistentVolumeClaim")
        }
        for container in containers(spec):
            held = container["securityContext"]
            assert held["allowPrivilegeEscalation"] is False
            assert held["readOnlyRootFilesystem"] is True
            assert held["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory"} <= set(container["resources"]["limits"])
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])


@each_case
def test_every_volume_is_mounted_and_every_mount_has_a_volume(case: dict[str, str]) -> None:
    found = rendered(values(case))
    claims = [it["metadata"]["name"] for it in workload(found)["spec"].get("volumeClaimTemplates", [])]
    for _, spec in pod_specs(found):
        kept = claims if spec["containers"][0]["name"] == "gateway" else []
        volumes = [it["name"] for it in spec.get("volumes", [])] + kept
        assert len(set(volumes)) == len(volumes)
        mounted = {it["name"] for container in containers(spec) for it in container.get("volumeMounts", [])}
        assert mounted == set(volumes)
        for container in containers(spec):
            paths = [it["mountPath"] for it in container.get("volumeMounts", [])]
            assert len(set(paths)) == len(paths)


@each_case
def test_what_the_gateway_writes_lies_on_a_volume_that_it_may_write_to(case: dict[str, str]) -> None:
    found = rendered(values(case))
    spec = workload(found)["spec"]["template"]["spec"]
    gateway = spec["containers"][0]
    writable = {it["mountPath"]: it["name"] for it in gateway["volumeMounts"] if not it.get("readOnly")}
    config = yaml.safe_load(configuration(found))
    audit = f"{gateway['workingDir']}/{config['audit']['path']}".rpartition("/")[0]
    lasting = {it["name"] for it in spec["volumes"] if "persistentVolumeClaim" in it} | {
        it["metadata"]["name"] for it in workload(found)["spec"].get("volumeClaimTemplates", [])
    }
    if case["ledger"] == "sqlite":
        assert config["ledger"]["url"] == "sqlite:///var/gateway.db"
        assert writable[f"{gateway['workingDir']}/var"] in lasting
    printed = [it for it in spec.get("initContainers", []) if it["name"] == "audit"]
    if printed:
        assert printed[0]["command"][-1] == f"{audit}/audit.jsonl"
        assert writable[audit] in {it["name"] for it in printed[0]["volumeMounts"]}
    else:
        assert writable[audit] in lasting


@each_case
def test_a_stop_has_the_time_that_it_needs(case: dict[str, str]) -> None:
    found = rendered(values(case))
    spec = workload(found)["spec"]["template"]["spec"]
    before = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = yaml.safe_load(configuration(found))["server"]["drain"]
    assert spec["terminationGracePeriodSeconds"] >= before + int(drain.removesuffix("s")) + 5


def test_sidecars_are_there_before_the_gateway_and_after_it() -> None:
    found = rendered(merged(POSTGRES, {"sandbox": {"enabled": True}}))
    first = workload(found)["spec"]["template"]["spec"]["initContainers"]
    assert [(it["name"], it.get("restartPolicy")) for it in first] == [
        ("audit", "Always"),
        ("sandbox", "Always"),
        ("migrate", None),
    ]


def test_a_hook_migrates_before_anything_else_and_needs_nothing_of_the_release() -> None:
    case = {"ledger": "postgresql", "migration": "own-role", "audit": "default", "account": "made"}
    found = rendered(values(case))
    job, config = one(found, "Job", "-migrate"), one(found, "ConfigMap", "-migrate")
    for it in (job, config):
        assert it["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert int(config["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0
    spec = job["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "default", "the release's own is not there yet"
    volumes = {it["name"]: it for it in spec["volumes"]}
    assert volumes["config"]["configMap"]["name"] == "shop-pulsa-gateway-migrate"
    assert volumes["ledger"]["secret"]["secretName"] == "gateway-owner"
    assert "file:/run/pulsa-gateway/ledger/dsn" in config["data"]["gateway.yaml"]
    ours = workload(found)["spec"]["template"]["spec"]
    assert {it["name"]: it for it in ours["volumes"]}["ledger"]["secret"]["secretName"] == "gateway-db"
    assert "migrate" not in [it["name"] for it in ours.get("initContainers", [])]


def test_the_scaler_decides_on_the_number_where_there_is_one() -> None:
    found = rendered(values({"ledger": "autoscaled"}))
    assert "replicas" not in workload(found)["spec"]
    scaler = one(found, "HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"]["name"] == workload(found)["metadata"]["name"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 20)
    assert scaler["metrics"][0]["containerResource"]["container"] == "gateway"


def test_a_changed_configuration_starts_new_pods() -> None:
    sums = {
        workload(rendered(given))["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        for given in ({}, {"drainSeconds": 30}, {"sandbox": {"enabled": True}})
    }
    assert len(sums) == 3


def test_the_sandbox_is_reached_by_its_own_gateway_alone() -> None:
    """It listens to loopback, speaks as the account expects, and reports to that account."""
    found = rendered({"sandbox": {"enabled": True}})
    [sandbox] = workload(found)["spec"]["template"]["spec"]["initContainers"]
    words = dict(zip(sandbox["args"][1::2], sandbox["args"][2::2], strict=True))
    [account] = yaml.safe_load(configuration(found))["providers"]
    assert words["--host"] == "127.0.0.1"
    assert account["url"] == f"http://127.0.0.1:{words['--port']}/trx/sandbox"
    assert words["--report-url"] == f"http://127.0.0.1:8080/reports/{account['id']}/{account['reports']['token']}"
    assert account["reports"]["allow_from"] == ["127.0.0.1/32"]
