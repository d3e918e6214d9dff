"""What cannot work, or would do harm, is refused by both Helms, in words that say what to do."""

from __future__ import annotations

from typing import Any

import pytest

from checks.chart.matrix import ACCOUNT, APART, DOOR, KEY_HASH, OPTIONS, POSTGRES, PROMETHEUS, SECRETS, SHOP
from checks.chart.rendering import CHART, MAJORS, merged, refusal, rendered, run

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "SQLite and replicas": ({"replicas": 2}, "set replicas to 1, or ledger.kind to postgresql"),
    "SQLite and autoscaling": ({"autoscaling": {"enabled": True}}, "set autoscaling.enabled to false, or ledger.kind"),
    "SQLite and Redis": ({"redis": {"existingSecret": "r"}}, "leave redis.existingSecret empty, or set ledger.kind"),
    "SQLite and a migration job": ({"migration": {"by": "job"}}, "set migration.by to init"),
    "SQLite and a claim": ({"audit": {"existingClaim": "a"}}, "leave audit.existingClaim empty"),
    "PostgreSQL without a Secret": ({"ledger": {"kind": "postgresql"}}, "must name the Secret that holds the URL"),
    "an audit log without a place": (merged(POSTGRES, {"audit": {"to": "volume"}}), "or set audit.to to stdout"),
    "an audit log in two places": (merged(POSTGRES, {"audit": {"existingClaim": "a"}}), "goes with audit.to volume"),
    "a role that migrates nothing": (
        merged(POSTGRES, {"migration": {"existingSecret": "owner"}}),
        "goes only with migration.by job",
    ),
    "less than at least": (
        merged(POSTGRES, {"autoscaling": {"enabled": True, "minReplicas": 7}}),
        "autoscaling.minReplicas is above autoscaling.maxReplicas",
    ),
    "a sandbox beside accounts": (
        {"sandbox": {"enabled": True}, "secrets": SECRETS, "config": {"providers": [ACCOUNT]}},
        "empty config.providers, or set sandbox.enabled to false",
    ),
    "products in two places": (
        {"catalogue": {"existingConfigMap": "c"}, "config": {"products": [{"code": "XL5"}]}},
        "leave out catalogue.existingConfigMap or config.products",
    ),
    "a door without a name": (
        {"reports": {"ingress": {"enabled": True}}, "trustedProxies": ["10.0.0.0/8"]},
        "reports.host must be the name that suppliers call",
    ),
    "a door whose callers cannot be told apart": (
        {"reports": {"host": "r.example.id", "ingress": {"enabled": True}}},
        "trustedProxies must name the network of your ingress controller's pods",
    ),
    "a route to nowhere": (
        merged(DOOR, {"reports": {"route": {"enabled": True}}}),
        "reports.route.parentRefs must name your Gateway",
    ),
    "a Prometheus that is kept out": ({"serviceMonitor": {"enabled": True}}, "name its namespace"),
    "a variable that nobody sets": (
        {"config": {"clients": [{"id": "shop", "key_hash": "${SHOP_KEY}"}]}},
        "add secrets.env.SHOP_KEY with the name and key of its Secret",
    ),
    "a file that nobody mounts": (
        {"secrets": {"files": ["other"]}, "config": {"providers": [{"id": "a", "pin": "file:/run/secrets/a/pin"}]}},
        "write file:/run/secrets/SECRET/KEY, and add the Secret to secrets.files",
    ),
    "a file elsewhere": (
        {"config": {"providers": [{"id": "a", "pin": "file:/etc/pin"}]}},
        "write file:/run/secrets/SECRET/KEY",
    ),
    "a value that nobody knows": ({"nonsense": 1}, "'nonsense' not allowed"),
    "a value that nobody knows, further in": ({"reports": {"ingres": {}}}, "'ingres' not allowed"),
    "a section with nothing in it": ({"config": None}, "missing property 'config'"),
    "a ledger with nothing in it": ({"ledger": {"postgresql": None}}, "missing property 'postgresql'"),
    "an image's name with its tag": ({"image": {"repository": "registry.example/gateway:1"}}, "/image/repository"),
    "everybody as a proxy": ({"trustedProxies": ["0.0.0.0/0"]}, "and never everybody"),
    "everybody as a proxy, by IPv6": ({"trustedProxies": ["::/0"]}, "and never everybody"),
    "a proxy by its name": ({"trustedProxies": ["ingress-nginx"]}, "such as 10.42.7.0/24"),
    "a variable that the chart sets": ({"secrets": {"env": {"POD_NAME": {"name": "a", "key": "b"}}}}, "POD_NAME"),
    "a variable that changes the program": (
        {"secrets": {"env": {"GATEWAY_CONFIG": {"name": "a", "key": "b"}}}},
        "GATEWAY_CONFIG",
    ),
    "an address instead of a host": (merged(DOOR, {"reports": {"host": "https://r.example.id"}}), "/reports/host"),
    "a host with a path": (merged(DOOR, {"reports": {"host": "r.example.id/reports"}}), "/reports/host"),
    "a Gateway without a name": (
        merged(DOOR, {"reports": {"route": {"enabled": True, "parentRefs": [{"namespace": "n"}]}}}),
        "missing property 'name'",
    ),
    "a peer that is nobody": ({"networkPolicy": {"operations": [{}]}}, "/networkPolicy/operations/0"),
    "a peer that is misspelt": ({"networkPolicy": {"http": [{"podSelectr": {}}]}}, "'podSelectr' not allowed"),
    "a way out that is misspelt": ({"networkPolicy": {"egress": [{"too": []}]}}, "'too' not allowed"),
    "six hundred cores": (merged(POSTGRES, {"autoscaling": {"cpu": 600}}), "at most one core, such as 600m"),
    "and as a text": (merged(POSTGRES, {"autoscaling": {"cpu": "600"}}), "at most one core, such as 600m"),
    "a scrape too seldom for the alerts": ({"serviceMonitor": {"interval": "1m"}}, "from 1s to 30s"),
    "resources one step too high": ({"resources": {"cpu": "1"}}, "'cpu' not allowed"),
    "a budget that forbids every drain": ({"podDisruptionBudget": {"maxUnavailable": 0}}, "maxUnavailable"),
}
PLAIN = "hunter2-canary"


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused_with_what_to_do(name: str, major: str) -> None:
    values, said = REFUSED[name]
    assert said in refusal(major, values)


def _named(pair: frozenset[tuple[str, str]]) -> str:
    return " and ".join("=".join(choice) for choice in sorted(pair))


LEFT_OUT = sorted(APART, key=_named)
"""In one order: processes that share the checks must collect the same."""


@pytest.mark.parametrize("pair", LEFT_OUT, ids=_named)
def test_what_the_matrix_leaves_out_is_refused(pair: frozenset[tuple[str, str]]) -> None:
    assert refusal("4", merged(*(OPTIONS[name][option] for name, option in pair)))


def account(**more: Any) -> dict[str, Any]:
    return {"config": {"providers": [{"id": "a", "kind": "otomax", **more}]}}


def client(**more: Any) -> dict[str, Any]:
    return {"config": {"clients": [{"id": "shop", "key_hash": KEY_HASH, **more}]}}


PLAIN_SECRETS: dict[str, tuple[dict[str, Any], str]] = {
    "a PIN": (account(pin=PLAIN), "/config/providers/0/pin"),
    "a PIN as a number": (account(pin=123456), "/config/providers/0/pin"),
    "a password": (account(password=PLAIN), "/config/providers/0/password"),
    "half a reference": (account(password="${A}" + PLAIN), "/config/providers/0/password"),
    "an escaped reference": (account(password="$${A}" + PLAIN), "/config/providers/0/password"),
    "another dialect's secret": (account(api_key=PLAIN), "/config/providers/0/api_key"),
    "and one with a longer name": (account(signing_secret=PLAIN), "/config/providers/0/signing_secret"),
    "a further parameter": (account(params={"Token": PLAIN}), "/config/providers/0/params/Token"),
    "a report token": (account(reports={"token": PLAIN}), "/config/providers/0/reports/token"),
    "a proxy's password": (account(proxy=f"http://u:{PLAIN}@proxy:1"), "/config/providers/0/proxy"),
    "an address's password": (account(url=f"http://u:${PLAIN}@host/"), "/config/providers/0/url"),
    "a webhook's secret": (client(webhook={"url": "https://x", "secret": PLAIN}), "/clients/0/webhook/secret"),
    "one of two": (client(webhook={"url": "https://x", "secret": ["${A}", PLAIN]}), "/clients/0/webhook/secret/1"),
    "a webhook's password": (client(webhook={"url": f"https://u:{PLAIN}@x"}), "/clients/0/webhook/url"),
    "a key instead of its hash": (client(key_hash=PLAIN), "/config/clients/0/key_hash"),
    "and among hashes": (client(key_hash=[KEY_HASH, PLAIN]), "/config/clients/0/key_hash/1"),
}


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("name", PLAIN_SECRETS)
def test_a_plain_secret_is_refused_and_not_repeated(name: str, major: str) -> None:
    values, where = PLAIN_SECRETS[name]
    said = refusal(major, values)
    assert f"{where}': value must be " in said
    assert "reference" in said or "gateway keys new" in said
    assert PLAIN not in said
    assert "123456" not in said
    done = run(major, "lint", CHART, values=values)
    assert done.returncode
    assert PLAIN not in done.stdout + done.stderr


def test_references_and_what_only_looks_like_a_secret_are_taken() -> None:
    fine = account(
        pin="${MAXSI_PIN}",
        password="file:/run/secrets/another/password",
        url="http://host:6969/trx/${MAXSI_SLUG}",
        proxy="http://egress.example:3128",
        reports={"token": None},
        names={"pin": "pin", "password": "password"},
        params={"idcust": "1"},
        sign_prefix="OtomaX",
    )
    assert rendered(merged(fine, {"secrets": SECRETS}))
    assert rendered({"secrets": SECRETS, "config": {"clients": [SHOP]}})
    proxied = account(proxy="http://u:${PROXY_PASSWORD}@egress.example:3128", params={"text": "$${not a reference}"})
    assert rendered(merged(proxied, {"secrets": SECRETS}))


def test_prometheus_is_let_in_where_it_is_named() -> None:
    assert rendered({"serviceMonitor": {"enabled": True}, "networkPolicy": {"operations": [PROMETHEUS]}})


@pytest.mark.parametrize(
    "values",
    [
        {"image": {"repository": "registry.example:5000/trade/pulsa-gateway", "tag": "1.2.3-rc.1"}},
        {"trustedProxies": ["10.42.7.0/24", "10.1.2.3", "fd00:42::/64", "::1"]},
        merged(POSTGRES, {"autoscaling": {"enabled": True, "cpu": 0.6}}),
        merged(POSTGRES, {"autoscaling": {"enabled": True, "cpu": "1"}}),
        {"imagePullSecrets": [{"name": "registry"}]},
        {"networkPolicy": {"egress": [{"ports": [{"port": 5432}]}], "http": [{"podSelector": {}}]}},
    ],
    ids=str,
)
@pytest.mark.parametrize("major", MAJORS)
def test_what_is_only_unusual_is_taken(values: dict[str, Any], major: str) -> None:
    assert rendered(values, major)
