"""Scripts of this repository that are in no package, loaded as modules."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path


def script(path: Path) -> types.ModuleType:
    """The module that the file makes."""
    spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
