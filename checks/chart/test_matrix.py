"""Each case of the matrix: both Helms, Kubernetes 1.30 to 1.37, trivy, and `gateway check`."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from checks.chart.matrix import CASES, OPTIONS, label, pairs, values, wanted
from checks.chart.rendering import (
    CHART,
    MAJORS,
    NAMESPACE,
    ROOT,
    Document,
    configuration,
    containers,
    of_kind,
    pod_specs,
    rendered,
    run,
    text,
)
from checks.chart.tools import trivy

KUBERNETES = importlib.import_module("kubernetes_validate")  # it has no types, and `make lint` does without it
VERSIONS = [f"1.{minor}" for minor in range(30, 38)]
CANARY = "canary-9f31c2"
CUSTOM = {
    kind: jsonschema_rs.validator_for(schema)
    for kind, schema in json.loads((Path(__file__).parent / "custom_resources.json").read_text("utf-8")).items()
}
"""Of what is not Kubernetes' own: the fields that the chart uses, and no others."""
TOLERATED = {
    # "ConfigMap stores secrets", because the configuration has keys such as `password`. What stands there are
    # references: test_nothing_rendered_is_a_secret reads each of them, which trivy does not.
    "KSV-0109",
    # "Untrusted registry": trivy has a list of public ones, and the image lies in the user's own.
    "KSV-0125",
}
SECRET_KEY = re.compile(r"pin|password|secret|token", re.ASCII)
REFERENCE = re.compile(r"\$\{[A-Z_]+\}|file:/run/(secrets|pulsa-gateway)/.+", re.ASCII)
each_case = pytest.mark.parametrize("case", CASES, ids=label)
_valid: set[str] = set()


def test_every_pair_of_options_is_in_some_case() -> None:
    assert set().union(*map(pairs, CASES)) >= wanted()
    assert {(name, option) for case in CASES for name, option in case.items()} == {
        (name, option) for name, options in OPTIONS.items() for option in options
    }


@each_case
@pytest.mark.parametrize("major", MAJORS)
def test_it_lints(case: dict[str, str], major: str) -> None:
    done = run(major, "lint", "--strict", CHART, "--namespace", NAMESPACE, values=values(case))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout + done.stderr


@each_case
def test_both_helms_render_the_same(case: dict[str, str]) -> None:
    def order(found: list[Document]) -> list[Document]:
        return sorted(found, key=lambda it: (it["kind"], it["metadata"]["name"]))

    four, three = (order(rendered(values(case), major)) for major in MAJORS)
    assert four == three
    names = [(it["kind"], it["metadata"]["name"]) for it in four]
    assert len(set(names)) == len(names)
    assert {it["metadata"]["namespace"] for it in four} == {NAMESPACE}


@each_case
def test_kubernetes_takes_every_object(case: dict[str, str]) -> None:
    for it in rendered(values(case)):
        key = json.dumps(it, sort_keys=True)
        if key in _valid:
            continue
        if it["kind"] in CUSTOM:
            CUSTOM[it["kind"]].validate(it)
        else:
            for version in VERSIONS:
                assert KUBERNETES.validate(it, version, strict=True) == version
        _valid.add(key)


def test_trivy_finds_nothing(tmp_path: Path) -> None:
    """No finding of any severity that is more than a hint, in any case."""
    for number, case in enumerate(CASES):
        (tmp_path / f"case-{number:02}.yaml").write_text(text(json.dumps(values(case), sort_keys=True)), "utf-8")
    words = ("config", "--quiet", "--format", "json", "--skip-check-update", "--disable-telemetry")
    done = subprocess.run(
        [trivy(), *words, "--skip-version-check", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = {it["Target"]: it for it in json.loads(done.stdout)["Results"]}
    assert len(results) == len(CASES)
    assert all(it["MisconfSummary"]["Successes"] > 50 for it in results.values()), "it looked at nothing"
    found = [
        (wrong["ID"], wrong["Severity"], wrong["Message"], case)
        for case, it in results.items()
        for wrong in it.get("Misconfigurations", [])
    ]
    assert [it for it in found if it[0] not in TOLERATED] == []
    assert {it[0] for it in found} == TOLERATED, "what is found no more need not be tolerated"


@each_case
def test_the_gateway_takes_the_configuration(case: dict[str, str], tmp_path: Path) -> None:
    """With secrets that hold a canary, which is in nothing that is rendered or said."""
    found = rendered(values(case))
    spec = next(it for it in found if it["kind"] in ("Deployment", "StatefulSet"))["spec"]["template"]["spec"]
    environment = {
        it["name"]: it.get("value") or f"{CANARY}-{it['name'].lower()}" for it in spec["containers"][0].get("env", [])
    }
    config = _placed(configuration(found), tmp_path, values(case))
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "check", "--config", config],
        cwd=tmp_path,
        env={**environment, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no mistakes" in done.stdout
    assert CANARY not in done.stdout + done.stderr
    migrate = [it for it in of_kind(found, "ConfigMap") if it["metadata"]["name"].endswith("-migrate")]
    for it in migrate:
        expected = configuration(found)
        if "own-role" in case.values():
            expected = expected.replace("/run/pulsa-gateway/ledger/url", "/run/pulsa-gateway/ledger/dsn")
        assert it["data"]["gateway.yaml"] == expected


def _placed(config: str, folder: Path, given: dict[str, Any]) -> Path:
    """The configuration in a folder where its files are what a cluster would mount."""
    ledger = given.get("ledger", {}).get("postgresql", {}).get("existingSecret")
    mounted = {
        "run/secrets/maxsi.account/password": f"{CANARY}-password",
        "run/secrets/maxsi.account/token": f"{CANARY}-token",
        "run/pulsa-gateway/ledger/url": f"postgresql://gateway:{CANARY}@db/gateway" if ledger else "",
        "run/pulsa-gateway/redis/uri": f"redis://:{CANARY}@redis:6379/0",
        "etc/pulsa-gateway-catalogue/prices.csv": "code,provider,provider_code,price\nXL5,maxsi,XL5,5400\n",
    }
    for name, content in mounted.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    made = folder / "gateway.yaml"
    made.write_text(re.sub(r"/(run|etc)/", rf"{folder}/\1/", config), encoding="utf-8")
    return made


@each_case
def test_nothing_rendered_is_a_secret(case: dict[str, str]) -> None:
    found = rendered(values(case))
    assert not of_kind(found, "Secret")
    config = yaml.safe_load(configuration(found))
    held = list(_secrets({name: part for name, part in config.items() if name != "providers" or not _sandbox(case)}))
    assert len(held) == {"whole": 4, "catalogue": 4, "sandbox-for-me": 1}.get(case["config"], 0)
    for where in (config["ledger"]["url"], config.get("cluster", {}).get("redis")):
        held += [where] if where and not where.startswith("sqlite:") else []
    assert [it for it in held if not REFERENCE.fullmatch(it)] == []
    for _, spec in pod_specs(found):
        for container in containers(spec):
            assert all("valueFrom" in it for it in container.get("env", []))


def _sandbox(case: dict[str, str]) -> bool:
    """Its account holds secrets that everybody knows."""
    return case["config"].startswith("sandbox")


def _secrets(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if SECRET_KEY.fullmatch(name):
                yield value
            else:
                yield from _secrets(value)
    elif isinstance(part, list):
        for value in part:
            yield from _secrets(value)
