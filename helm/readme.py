"""The table of values in the chart's README, made from the comments in values.yaml.

    python helm/readme.py      writes helm/pulsa-gateway/README.md

A value's words are the comment lines right above it. A block mapping is a section; everything else, a mapping in braces
too, is one value.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

CHART: Final = Path(__file__).parent / "pulsa-gateway"
FILE: Final = CHART / "README.md"
MARK: Final = "<!-- values: made by helm/readme.py from values.yaml -->"


@dataclass(frozen=True)
class Value:
    """One value: its path, its default as JSON, and what is said about it."""

    path: str
    default: str
    says: str


@dataclass(frozen=True)
class Section:
    """A block mapping at the top, or the values that stand there alone (without a name)."""

    name: str
    says: str
    values: tuple[Value, ...]


def comment(lines: list[str], line: int) -> str:
    """The comment lines right above a line (counted from 0), as one text.

    Raises:
        ValueError: there are none.
    """
    found: list[str] = []
    while line and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        found.insert(0, lines[line].strip().removeprefix("#").strip())
    if not found:
        raise ValueError(f"values.yaml, line {line + 1}: no comment above {lines[line].strip()!r}")
    return " ".join(found)


def sections(text: str) -> list[Section]:
    """What values.yaml holds in its order, but for the values that stand alone, which come first.

    Raises:
        ValueError: a value has no comment.
    """
    lines = text.splitlines()
    alone: list[Value] = []
    named: list[Section] = []
    for key, node in _entries(yaml.compose(text, yaml.SafeLoader)):
        says = comment(lines, key.start_mark.line)
        if isinstance(node, yaml.MappingNode) and not node.flow_style:
            held = (_value(f"{key.value}.{inner.value}", it, lines, inner) for inner, it in _entries(node))
            named.append(Section(key.value, says, tuple(held)))
        else:
            alone.append(_value(key.value, node, lines, key))
    return [Section("", "", tuple(alone)), *named]


def _entries(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    return node.value if isinstance(node, yaml.MappingNode) else []


def _value(path: str, node: yaml.Node, lines: list[str], key: yaml.Node) -> Value:
    default = json.dumps(yaml.SafeLoader("").construct_object(node, deep=True))
    return Value(path, default, comment(lines, key.start_mark.line))


def table(text: str) -> str:
    """Every value in Markdown. No words hold a `|`."""
    made: list[str] = []
    for section in sections(text):
        made += [f"### `{section.name}`", "", section.says, ""] if section.name else ["### Single values", ""]
        made += ["| value | default | what it is |", "| --- | --- | --- |"]
        made += [f"| `{one.path}` | `{one.default}` | {one.says} |" for one in section.values]
        made.append("")
    return "\n".join(made)


def text() -> str:
    """The README as it should be: what stands before the mark stays, what follows it is made anew."""
    head = FILE.read_text(encoding="utf-8").partition(MARK)[0]
    return f"{head}{MARK}\n\n{table((CHART / 'values.yaml').read_text(encoding='utf-8'))}"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
