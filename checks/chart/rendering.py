"""The chart, rendered by either Helm with the values of a case."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from checks.chart.tools import helm

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "pulsa-gateway"
RELEASE = "shop"
NAMESPACE = "pulsa"
MAJORS = ("4", "3")

Values = Mapping[str, Any]
Document = dict[str, Any]


def run(major: str, *words: str | Path, values: Values | None = None) -> subprocess.CompletedProcess[str]:
    """Helm of that major version, with values on its standard input (JSON is YAML)."""
    given = [] if values is None else ["--values", "-"]
    return subprocess.run(
        [helm(major), *words, *given],
        input=None if values is None else json.dumps(values),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def template(major: str, values: Values, chart: Path = CHART) -> subprocess.CompletedProcess[str]:
    """`helm template` as it is."""
    return run(major, "template", RELEASE, chart, "--namespace", NAMESPACE, values=values)


def refusal(major: str, values: Values) -> str:
    """What is said where rendering is refused.

    Raises:
        AssertionError: it is not refused.
    """
    done = template(major, values)
    assert done.returncode, "it was rendered"
    assert not done.stdout.strip()
    return done.stderr


def rendered(values: Values, major: str = "4", chart: Path = CHART) -> list[Document]:
    """Every object of the release, hooks too.

    Raises:
        AssertionError: it is refused.
    """
    return documents(text(json.dumps(values, sort_keys=True), major, chart))


@functools.cache
def text(values: str, major: str = "4", chart: Path = CHART) -> str:
    """What is rendered, as text. Values are JSON, so that it is rendered once."""
    done = template(major, json.loads(values), chart)
    assert done.returncode == 0, done.stderr
    return done.stdout


def documents(rendered_text: str) -> list[Document]:
    """The objects of a text, refusing what YAML lets pass: a key that is there twice."""
    return [one for one in yaml.load_all(rendered_text, _Strict) if one]


class _Strict(yaml.SafeLoader):
    """Refuses a key that is there twice, as Kubernetes does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        assert not twice, f"{twice} twice, at {node.start_mark}"
        return super().construct_mapping(node, deep)


def of_kind(found: list[Document], kind: str) -> list[Document]:
    """Those of that kind."""
    return [one for one in found if one["kind"] == kind]


def one(found: list[Document], kind: str, suffix: str = "") -> Document:
    """The one of that kind whose name ends so."""
    matching = [it for it in of_kind(found, kind) if it["metadata"]["name"] == f"{RELEASE}-pulsa-gateway{suffix}"]
    assert len(matching) == 1, [it["metadata"]["name"] for it in of_kind(found, kind)]
    return matching[0]


def workload(found: list[Document]) -> Document:
    """The Deployment or StatefulSet."""
    matching = [it for it in found if it["kind"] in ("Deployment", "StatefulSet")]
    assert len(matching) == 1
    return matching[0]


def pod_specs(found: list[Document]) -> Iterator[tuple[Document, Document]]:
    """Labels and specification of each pod that the release makes."""
    for it in found:
        if it["kind"] == "Pod":
            yield it["metadata"]["labels"], it["spec"]
        elif it["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield it["spec"]["template"]["metadata"]["labels"], it["spec"]["template"]["spec"]


def containers(spec: Document) -> list[Document]:
    """Every container of a pod, those that run before the others too."""
    return [*spec.get("initContainers", []), *spec["containers"]]


def configuration(found: list[Document]) -> str:
    """The gateway's configuration file."""
    return str(one(found, "ConfigMap")["data"]["gateway.yaml"])


def merged(*parts: Values) -> dict[str, Any]:
    """Values over values, as Helm lays them over each other."""
    made: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            held = made.get(name)
            both = isinstance(held, Mapping) and isinstance(value, Mapping)
            made[name] = merged(held, value) if both and isinstance(held, Mapping) else value
    return made
