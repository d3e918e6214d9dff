"""Plugins that are written by the tests, found through real entry points."""

from __future__ import annotations

import itertools
import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

GOOD = """
from gateway import Provider, hookimpl

class {name}(Provider):
    kind = "{kind}"
    def purchase(self, attempt): ...
    def read_purchase(self, attempt, reply): ...

@hookimpl
def gateway_register_providers(register):
    register({name})
"""

Plugin = Callable[..., EntryPoint]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    """Write a plugin's module and give its entry point."""
    monkeypatch.syspath_prepend(str(tmp_path))
    counter = itertools.count()
    before = set(sys.modules)

    def plugin(name: str, source: str) -> EntryPoint:
        module = f"plugin_under_test_{next(counter)}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        return EntryPoint(name=name, value=module, group="pulsa_gateway")

    yield plugin
    for module in set(sys.modules) - before:
        if module.startswith("plugin_under_test_"):
            del sys.modules[module]


@pytest.fixture
def good(plugin: Plugin) -> EntryPoint:
    """A plugin that is in order, of the kind `good`."""
    return plugin("good", GOOD.format(name="Good", kind="good"))
