"""The README of the values is what values.yaml says, and the schema knows the same values."""

from __future__ import annotations

import json
import types
from typing import Any

import pytest
import yaml

from checks.chart.rendering import CHART, ROOT
from checks.scripts import script
from gateway.settings.types import Audit, Cluster, Server, Settings


def generator() -> types.ModuleType:
    return script(ROOT / "helm" / "readme.py")


def test_the_readme_is_what_the_values_say() -> None:
    made = generator()
    assert (CHART / "README.md").read_text("utf-8") == made.text(), "run python helm/readme.py"


def test_a_value_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match=r"line 3: no comment above 'b: 2'"):
        list(generator().sections("# said\na: 1\nb: 2\n"))


def test_every_value_is_in_the_readme() -> None:
    readme = (CHART / "README.md").read_text("utf-8")
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    for name, value in values.items():
        assert f"`{name}`" in readme
        if isinstance(value, dict) and f"### `{name}`" in readme:
            assert all(f"| `{name}.{inner}` |" in readme for inner in value)


def test_the_schema_knows_every_value_and_no_others() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert set(schema["properties"]) == {*values, "global"}
    for name, value in values.items():
        held: dict[str, Any] = schema["properties"][name]
        if "$ref" in held:
            held = schema["definitions"][held["$ref"].rpartition("/")[2]]
        if "properties" in held:
            assert held["additionalProperties"] is False, name
            assert set(held["properties"]) == set(value), name


def test_the_values_take_every_section_of_the_configuration() -> None:
    """What the chart writes itself is not taken; everything else is."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    config = schema["properties"]["config"]["properties"]
    assert set(config) == set(Settings.model_fields) - {"ledger", "cluster", "audit"}
    own = {"host", "port", "admin_host", "admin_port", "trusted_proxies", "drain"}
    assert set(config["server"]["properties"]) == set(Server.model_fields) - own
    assert set(Audit.model_fields) == {"path", "mask"}, "the chart writes all of it"
    assert set(Cluster.model_fields) == {"redis"}, "the chart writes all of it"
