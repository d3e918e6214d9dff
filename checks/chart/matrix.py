"""The values that the chart is tried with: every pair of options that can go together stands in some case."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from checks.chart.rendering import Values, merged

KEY_HASH = "sha256:" + "ab" * 32
POSTGRES = {"ledger": {"kind": "postgresql", "postgresql": {"existingSecret": "gateway-db"}}}
SHOP = {"id": "shop", "key_hash": KEY_HASH, "webhook": {"url": "https://shop.example/in", "secret": "${SHOP_WEBHOOK}"}}
ACCOUNT = {
    "id": "maxsi",
    "kind": "otomax",
    "url": "http://trx.example/trx/${MAXSI_SLUG}",
    "member_id": "M1",
    "pin": "${MAXSI_PIN}",
    "password": "file:/run/secrets/maxsi.account/password",
    "reports": {"allow_from": ["203.0.113.7/32"], "token": "file:/run/secrets/maxsi.account/token"},
    "proxy": "http://gateway:${PROXY_PASSWORD}@egress.example:3128",
    "rules": [{"name": "price", "match": "^harga $${x}", "status": "failed"}],
}
SECRETS = {
    "env": {
        name: {"name": "gateway-secrets", "key": name.lower()}
        for name in ("SHOP_WEBHOOK", "MAXSI_SLUG", "MAXSI_PIN", "PROXY_PASSWORD")
    },
    "files": ["maxsi.account", "another"],
}
PROMETHEUS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
INGRESS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
DOOR = {"trustedProxies": ["10.42.0.0/16"], "reports": {"host": "reports.example.id"}}

OPTIONS: Mapping[str, Mapping[str, Values]] = {
    "ledger": {
        "sqlite": {"ledger": {"size": "20Gi", "storageClass": "local-path"}},
        "postgresql": {**POSTGRES, "replicas": 3},
        "and-redis": {**POSTGRES, "replicas": 2, "redis": {"existingSecret": "gateway-redis", "urlKey": "uri"}},
        "autoscaled": {**POSTGRES, "autoscaling": {"enabled": True, "maxReplicas": 20}},
    },
    "migration": {
        "init": {},
        "job": {"migration": {"by": "job"}},
        "own-role": {"migration": {"by": "job", "existingSecret": "gateway-owner", "urlKey": "dsn"}},
    },
    "audit": {
        "default": {},
        "stdout": {"audit": {"to": "stdout", "size": "2Gi", "mask": False}},
        "claim": {"audit": {"to": "volume", "existingClaim": "audit"}},
    },
    "config": {
        "empty": {},
        "whole": {
            "secrets": SECRETS,
            "config": {
                "clients": [SHOP],
                "providers": [ACCOUNT],
                "products": [{"code": "XL5", "routes": [{"provider": "maxsi", "code": "XL5", "price": 5400}]}],
                "routing": {"strategy": "cheapest"},
                "retention": {"events": "500d", "exchanges": None},
                "log": {"level": "warning"},
                "server": {"accepting": 32, "max_body": 100_000},
            },
        },
        "catalogue": {
            "secrets": SECRETS,
            "catalogue": {"existingConfigMap": "catalogue", "key": "prices.csv"},
            "config": {"clients": [SHOP], "providers": [ACCOUNT]},
        },
        "sandbox": {"sandbox": {"enabled": True}},
        "sandbox-for-me": {
            "sandbox": {"enabled": True},
            "secrets": SECRETS,
            "config": {"clients": [SHOP]},
        },
    },
    "door": {
        "none": {},
        "ingress": merged(DOOR, {"reports": {"ingress": {"enabled": True}}}),
        "certificate": merged(
            DOOR,
            {
                "reports": {
                    "ingress": {
                        "enabled": True,
                        "className": "nginx",
                        "tlsSecret": "reports-tls",
                        "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
                    }
                }
            },
        ),
        "route": merged(
            DOOR, {"reports": {"route": {"enabled": True, "parentRefs": [{"name": "public", "namespace": "gateways"}]}}}
        ),
    },
    "policy": {
        "default": {},
        "off": {"networkPolicy": {"enabled": False}, "podDisruptionBudget": {"enabled": False}},
        "narrow": {
            "networkPolicy": {
                "http": [INGRESS, {"podSelector": {"matchLabels": {"app": "shop"}}}],
                "operations": [PROMETHEUS],
                "egress": [{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 3128}]}],
            },
            "podDisruptionBudget": {"maxUnavailable": "25%"},
        },
    },
    "watched": {
        "not": {},
        "all": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {
                "enabled": True,
                "labels": {"release": "prometheus"},
                "runbookUrl": "https://docs.example/operating.html",
            },
            "dashboard": {"enabled": True, "annotations": {"folder": "Money"}},
        },
    },
    "account": {
        "made": {"serviceAccount": {"annotations": {"owner": "trade"}}},
        "given": {"serviceAccount": {"create": False, "name": "gateway"}},
        "none": {"serviceAccount": {"create": False}},
    },
    "place": {
        "anywhere": {},
        "chosen": {
            "image": {"repository": "registry.example/pulsa-gateway", "digest": "sha256:" + "0" * 64},
            "imagePullSecrets": [{"name": "registry"}],
            "labels": {"team": "trade", "app.kubernetes.io/name": "not-this"},
            "annotations": {"owner": "trade"},
            "podLabels": {"app.kubernetes.io/component": "nor-this", "tier": "money"},
            "podAnnotations": {"linkerd.io/inject": "enabled"},
            "nodeSelector": {"kubernetes.io/arch": "amd64"},
            "tolerations": [{"key": "money", "operator": "Exists"}],
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]
                    }
                }
            },
            "priorityClassName": "money",
            "topologySpread": [],
            "preStopSeconds": 10,
            "drainSeconds": 60,
        },
    },
}

Choice = tuple[str, str]
APART: frozenset[frozenset[Choice]] = frozenset(
    frozenset(pair)
    for pair in (
        (("ledger", "sqlite"), ("migration", "job")),
        (("ledger", "sqlite"), ("migration", "own-role")),
        (("ledger", "sqlite"), ("audit", "claim")),
        (("policy", "default"), ("watched", "all")),  # Prometheus would be kept out
    )
)
"""Options that the chart refuses together; test_refusals.py sees to that."""


def pairs(case: Mapping[str, str]) -> set[frozenset[Choice]]:
    """Every two choices of a case."""
    return {frozenset(pair) for pair in itertools.combinations(case.items(), 2)}


def wanted() -> set[frozenset[Choice]]:
    """Every two choices that can go together."""
    return {
        frozenset(((one, first), (other, second)))
        for one, other in itertools.combinations(OPTIONS, 2)
        for first in OPTIONS[one]
        for second in OPTIONS[other]
    } - APART


def cases() -> list[dict[str, str]]:
    """Few cases in which each wanted pair stands, always the same ones."""
    missing = wanted()
    made: list[dict[str, str]] = [{name: next(iter(options)) for name, options in OPTIONS.items()}]
    missing -= pairs(made[0])
    while missing:
        start = min(missing, key=sorted)
        case = _filled(dict(sorted(start)), missing)
        made.append({name: case[name] for name in OPTIONS})
        missing -= pairs(case)
    return made


def _filled(case: dict[str, str], missing: set[frozenset[Choice]]) -> dict[str, str]:
    """A case that begins so; each further option is the one that brings most of what is missing."""
    for name in [name for name in OPTIONS if name not in case]:
        possible = [{**case, name: option} for option in OPTIONS[name]]
        case = max((one for one in possible if not pairs(one) & APART), key=lambda one: len(pairs(one) & missing))
    return case


def values(case: Mapping[str, str]) -> dict[str, Any]:
    """What is given to Helm."""
    return merged(*(OPTIONS[name][option] for name, option in case.items()))


def label(case: Mapping[str, str]) -> str:
    """Its name in the tests: what differs from the first options."""
    first = {name: next(iter(options)) for name, options in OPTIONS.items()}
    return ",".join(f"{name}={option}" for name, option in case.items() if option != first[name]) or "default"


CASES: Sequence[dict[str, str]] = cases()
