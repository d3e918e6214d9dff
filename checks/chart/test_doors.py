"""Who finds and reaches whom: selectors, ports, the suppliers' door, the policy, the scrape."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from checks.chart.matrix import CASES, PROMETHEUS, label, values
from checks.chart.rendering import (
    Document,
    configuration,
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


def rules_for(policy: Document, port: int) -> list[Any]:
    """The peers that may reach a port; `None` is everybody."""
    return [
        rule.get("from") for rule in policy["spec"]["ingress"] if port in [it["port"] for it in rule.get("ports", [])]
    ]


def test_by_default_everybody_reaches_the_api_and_nobody_the_operators_port() -> None:
    found = rendered({})
    policy = one(found, "NetworkPolicy")
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    assert rules_for(policy, 8080) == [None]
    [peers] = rules_for(policy, 9090)
    assert len(peers) == 1
    test = next(labels for labels, spec in pod_specs(found) if spec["containers"][0]["name"] == "ready")
    assert chooses(peers[0]["podSelector"]["matchLabels"], test)
    assert all("ports" in rule for rule in policy["spec"]["ingress"])


def test_a_narrow_policy_lets_in_who_is_named_and_the_test() -> None:
    found = rendered(values({"policy": "narrow"}))
    policy = one(found, "NetworkPolicy")
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    [operations] = rules_for(policy, 9090)
    assert operations[0] == PROMETHEUS
    for port, named in ((8080, 2), (9090, 1)):
        [peers] = rules_for(policy, port)
        assert len(peers) == named + 1
        assert peers[-1]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "test"
    dns, suppliers = policy["spec"]["egress"]
    assert [it["port"] for it in dns["ports"]] == [53, 53]
    assert suppliers["to"] == [{"ipBlock": {"cidr": "203.0.113.0/24"}}]


@pytest.mark.parametrize("case", [case for case in CASES if case["watched"] == "all"], ids=label)
def test_prometheus_scrapes_the_operators_service_and_only_that(case: dict[str, str]) -> None:
    found = rendered(values(case))
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


def test_the_door_is_where_the_values_say() -> None:
    found = rendered(values({"door": "certificate"}))
    ingress = one(found, "Ingress", "-reports")
    assert ingress["spec"]["tls"] == [{"hosts": ["reports.example.id"], "secretName": "reports-tls"}]
    assert ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "letsencrypt"
