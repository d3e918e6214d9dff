"""What the objects say to each other: selectors, ports, doors, and what a pod may do."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
import yaml

from checks.chart.matrix import CASES, POSTGRES, PROMETHEUS, label, values
from checks.chart.rendering import (
    CHART,
    ROOT,
    Document,
    configuration,
    containers,
    merged,
    of_kind,
    one,
    pod_specs,
    rendered,
    workload,
)

each_case = pytest.mark.parametrize("case", CASES, ids=label)
Labels = dict[str, str]


def chooses(selector: Labels, labels: Labels) -> bool:
    assert selector
    return selector.items() <= labels.items()


def pod_labels(found: list[Document]) -> tuple[Labels, list[Labels]]:
    """Those of the gateway's pods, and those of every other pod."""
    gateway = workload(found)["spec"]["template"]["metadata"]["labels"]
    return gateway, [labels for labels, spec in pod_specs(found) if spec["containers"][0]["name"] != "gateway"]


@each_case
def test_every_selector_finds_the_gateways_pods_and_no_others(case: dict[str, str]) -> None:
    found = rendered(values(case))
    gateway, others = pod_labels(found)
    assert others, "the pod of helm test"
    selectors = [it["spec"]["selector"] for it in of_kind(found, "Service")]
    selectors += [it["spec"]["selector"]["matchLabels"] for it in of_kind(found, "PodDisruptionBudget")]
    selectors += [it["spec"]["podSelector"]["matchLabels"] for it in of_kind(found, "NetworkPolicy")]
    selectors.append(workload(found)["spec"]["selector"]["matchLabels"])
    for spread in workload(found)["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
        selectors.append(spread["labelSelector"]["matchLabels"])
    assert len(selectors) >= 4
    for selector in selectors:
        assert chooses(selector, gateway)
        assert not any(chooses(selector, labels) for labels in others)


@each_case
def test_every_port_is_one_that_the_gateway_opens(case: dict[str, str]) -> None:
    found = rendered(values(case))
    gateway = next(it for it in workload(found)["spec"]["template"]["spec"]["containers"] if it["name"] == "gateway")
    ports = {it["name"]: it["containerPort"] for it in gateway["ports"]}
    server = yaml.safe_load(configuration(found))["server"]
    assert ports == {"http": server["port"], "operations": server["admin_port"]}
    assert (server["host"], server["admin_host"]) == ("0.0.0.0", "0.0.0.0")  # noqa: S104 - compared, not bound
    for service in of_kind(found, "Service"):
        assert [ports[it["targetPort"]] for it in service["spec"]["ports"]] == [
            it["port"] for it in service["spec"]["ports"]
        ]
        assert service["spec"].get("type", "ClusterIP") == "ClusterIP"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert gateway[probe]["httpGet"]["port"] == "operations"


@each_case
def test_only_the_reports_door_is_seen_from_outside(case: dict[str, str]) -> None:
    found = rendered(values(case))
    doors: list[tuple[str, str, int]] = []
    hosts: list[Any] = []
    for it in of_kind(found, "Ingress"):
        assert set(it["spec"]) <= {"ingressClassName", "tls", "rules"}, "no default backend"
        for rule in it["spec"]["rules"]:
            hosts.append(rule["host"])
            for path in rule["http"]["paths"]:
                assert path["pathType"] == "Prefix"
                service = path["backend"]["service"]
                doors.append((path["path"], service["name"], service["port"]["number"]))
    for it in of_kind(found, "HTTPRoute"):
        hosts += it["spec"]["hostnames"]
        for rule in it["spec"]["rules"]:
            for match in rule["matches"]:
                assert match["path"]["type"] == "PathPrefix"
                doors += [(match["path"]["value"], to["name"], to["port"]) for to in rule["backendRefs"]]
    assert doors == ([] if case["door"] == "none" else [("/reports", "shop-pulsa-gateway-reports", 8080)])
    assert set(hosts) <= {"reports.example.id"}
    if doors:
        assert yaml.safe_load(configuration(found))["server"]["trusted_proxies"] == ["10.42.0.0/16"]


def rules_for(policy: Document, port: str) -> list[Any]:
    """The peers that may reach a port; `None` is everybody."""
    return [
        rule.get("from") for rule in policy["spec"]["ingress"] if port in [it["port"] for it in rule.get("ports", [])]
    ]


def test_by_default_everybody_reaches_the_api_and_nobody_the_operators_port() -> None:
    found = rendered({})
    policy = one(found, "NetworkPolicy")
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    assert rules_for(policy, "http") == [None]
    [peers] = rules_for(policy, "operations")
    assert len(peers) == 1
    test = next(labels for labels, spec in pod_specs(found) if spec["containers"][0]["name"] == "ready")
    assert chooses(peers[0]["podSelector"]["matchLabels"], test)
    assert all("ports" in rule for rule in policy["spec"]["ingress"])


def test_a_narrow_policy_lets_in_who_is_named_and_the_test() -> None:
    found = rendered(values({"policy": "narrow"}))
    policy = one(found, "NetworkPolicy")
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    [operations] = rules_for(policy, "operations")
    assert operations[0] == PROMETHEUS
    for port, named in (("http", 2), ("operations", 1)):
        [peers] = rules_for(policy, port)
        assert len(peers) == named + 1
        assert peers[-1]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "test"
    dns, suppliers = policy["spec"]["egress"]
    assert [it["port"] for it in dns["ports"]] == [53, 53]
    assert suppliers["to"] == [{"ipBlock": {"cidr": "203.0.113.0/24"}}]


def test_prometheus_scrapes_the_operators_service_and_only_that() -> None:
    found = rendered(values({"watched": "all", "policy": "narrow"}))
    monitor = one(found, "ServiceMonitor")
    chosen = [
        it["metadata"]["name"]
        for it in of_kind(found, "Service")
        if chooses(monitor["spec"]["selector"]["matchLabels"], it["metadata"]["labels"])
    ]
    assert chosen == ["shop-pulsa-gateway-operations"]
    service = one(found, "Service", "-operations")
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    assert service["spec"]["publishNotReadyAddresses"] is True, "what is not ready is scraped too"


def test_alerts_and_dashboard_are_the_projects_own_files() -> None:
    found = rendered(values({"watched": "all", "policy": "narrow"}))
    alerts = (CHART / "files" / "alerts.yaml").read_text("utf-8")
    moved = alerts.replace("docs/operating.md#", "https://docs.example/operating.html#")
    assert one(found, "PrometheusRule")["spec"] == yaml.safe_load(moved)
    held = one(found, "ConfigMap", "-dashboard")["data"]["pulsa-gateway.json"]
    assert json.loads(held) == json.loads((CHART / "files" / "dashboard.json").read_text("utf-8"))
    assert one(found, "ConfigMap", "-dashboard")["metadata"]["labels"]["grafana_dashboard"] == "1"


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


def test_the_trial_is_the_one_of_the_projects_own_configuration() -> None:
    trial = yaml.safe_load((CHART / "files" / "trial.yaml").read_text("utf-8"))
    ours = yaml.safe_load((ROOT / "config" / "gateway.yaml").read_text("utf-8"))
    assert trial == {name: ours[name] for name in ("clients", "providers", "products")}
    known = hashlib.sha256(b"sandbox-key-not-for-production").hexdigest()
    assert trial["clients"][0]["key_hash"] == f"sha256:{known}"


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


def test_nothing_is_read_from_a_cluster() -> None:
    """`lookup` could put a Secret's content into a template."""
    for file in (CHART / "templates").rglob("*"):
        if file.is_file():
            assert not re.search(r"\blookup\b", file.read_text("utf-8")), file


def test_the_door_is_where_the_values_say() -> None:
    found = rendered(values({"door": "certificate"}))
    ingress = one(found, "Ingress", "-reports")
    assert ingress["spec"]["tls"] == [{"hosts": ["reports.example.id"], "secretName": "reports-tls"}]
    assert ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "letsencrypt"
