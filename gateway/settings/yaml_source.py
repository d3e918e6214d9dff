"""The configuration file as plain values that know where they stand.

PyYAML's safe scanner and parser give events; no object of any kind is ever built from a tag. The tree is put together
here, without recursion, so that depth, aliases and duplicate keys are under control and every value keeps its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gateway.errors import ConfigurationError, Mistake
from gateway.settings.scalars import Trap, read_plain
from gateway.settings.substitution import SubstitutionError, substitute
from gateway.settings.yaml_syntax import syntax_mistake

MAX_BYTES = 64_000_000
MAX_DEPTH = 60
MAX_VALUES = 3_000_000
"""Values in the file with every alias written out: an alias bomb has more."""

Place = tuple[int, int]
"""Line and column, counted from 1."""
Loc = tuple[int | str, ...]

_STR_TAG = "tag:yaml.org,2002:str"
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlMapping(dict[str, Any]):
    """A mapping, and where its keys stand."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.places: dict[int | str, Place] = {}
        self.values_written = 1
        """With every alias written out."""


class YamlSequence(list[Any]):
    """A list, and where its items stand."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.places: dict[int | str, Place] = {}
        self.values_written = 1


class YamlSource:
    """One file that was read: its root mapping, the mistakes in its writing, and what was put in from outside."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root = YamlMapping((1, 1))
        self.broken: list[tuple[Loc, Place, str, str]] = []
        """Path, place, message and advice of each value that could not be read; an empty string stands in for it."""
        self.substituted: set[str] = set()
        """Every text that came from the environment or a file. None of them is ever printed."""

    def locate(self, loc: Sequence[int | str]) -> tuple[Loc, Place]:
        """The part of `loc` that exists, and its place. Steps that are not in the file are passed over: pydantic puts
        the names of types and validators between them."""
        value: Any = self.root
        found: list[int | str] = []
        place = self.root.place
        for step in loc:
            at = value.places.get(step) if isinstance(value, YamlMapping | YamlSequence) else None
            if at is not None:
                place, value = at, value[step]
                found.append(step)
        return tuple(found), place

    def value(self, loc: Sequence[int | str]) -> Any:
        """The value at the part of `loc` that exists."""
        value: Any = self.root
        for step in self.locate(loc)[0]:
            value = value[step]
        return value


def read_yaml(path: Path, env: Mapping[str, str]) -> YamlSource:
    """Read a configuration file and put in what its strings ask for.

    Raises:
        ConfigurationError: the file cannot be read as YAML at all. Mistakes in single values are left in `broken`, so
            that all of them are told at once.
    """
    file = str(path)
    text = _text(path, file)
    source = YamlSource(file)
    builder = _Builder(source, env)
    try:
        builder.build(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        raise ConfigurationError([syntax_mistake(file, text, error)]) from None
    if builder.fatal is not None:
        raise ConfigurationError([builder.fatal])
    return source


def _text(path: Path, file: str) -> str:
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a path"
        raise ConfigurationError([Mistake(file=file, message=f"cannot be read: {why}")]) from None
    if len(content) > MAX_BYTES:
        raise ConfigurationError([Mistake(file=file, message=f"is larger than {MAX_BYTES} bytes")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        mistake = Mistake(file=file, line=line, message="is not UTF-8", advice="save the file as UTF-8")
        raise ConfigurationError([mistake]) from None


class _Builder:
    """Puts the tree together from the parser's events."""

    def __init__(self, source: YamlSource, env: Mapping[str, str]) -> None:
        self.source = source
        self.env = env
        self.fatal: Mistake | None = None
        self.anchors: dict[str, tuple[Any, bool]] = {}
        """Each anchor's value, and whether it is complete."""
        self.stack: list[YamlMapping | YamlSequence] = []
        self.pending: list[tuple[str, bool] | None] = []
        """For each mapping on the stack the key that waits for its value, and whether the value is kept."""
        self.anchor_names: list[str | None] = []
        self.documents = 0

    def build(self, events: Iterable[yaml.Event]) -> None:
        for event in events:
            self._take(event)
            if self.fatal is not None:
                return
        if self.documents == 0:
            self._fail(None, "is empty", "see config/gateway.yaml for one that runs as it is")

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._fail(_place(event), "holds a second document", "remove the line ---")

    def _fail(self, place: Place | None, message: str, advice: str) -> None:
        line, column = place or (None, None)
        self.fatal = Mistake(file=self.source.file, line=line, column=column, message=message, advice=advice)

    def _loc(self) -> Loc:
        """The path of the value that comes next."""
        steps: list[int | str] = []
        for container, pending in zip(self.stack, self.pending, strict=True):
            if isinstance(container, YamlSequence):
                steps.append(len(container))
            elif pending is not None:
                steps.append(pending[0])
        return tuple(steps)

    def _broken(self, place: Place, message: str, advice: str = "", loc: Loc | None = None) -> None:
        self.source.broken.append((self._loc() if loc is None else loc, place, message, advice))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        place = _place(event)
        if self._key_is_next():
            self._key(event, place)
            return
        if not self.stack:
            empty = event.value.strip() == "" and event.implicit[0]
            if empty:
                self._fail(None, "is empty", "see config/gateway.yaml for one that runs as it is")
            else:
                self._fail(place, "must be a mapping of keys such as server:, clients: and providers:", "")
            return
        value = self._value(event, place)
        if event.anchor:
            self.anchors[event.anchor] = (value, True)
        self._add(value, place)

    def _value(self, event: yaml.ScalarEvent, place: Place) -> Any:
        if event.tag not in (None, "!", _STR_TAG):
            self._broken(place, "begins with !, which is a tag to YAML", "put it in quotes")
            return ""
        value: Any = event.value
        if event.implicit[0] and event.tag is None:
            value = read_plain(event.value)
            if isinstance(value, Trap):
                self._broken(place, value.message, value.advice)
                return ""
        if isinstance(value, str):
            try:
                filled = substitute(value, self.env)
            except SubstitutionError as error:
                self._broken(place, str(error))
                return ""
            if filled is not None:
                self.source.substituted.add(filled)
                return filled
        return value

    def _key_is_next(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1], YamlMapping) and self.pending[-1] is None

    def _key(self, event: yaml.ScalarEvent, place: Place) -> None:
        mapping = self.stack[-1]
        assert isinstance(mapping, YamlMapping)  # noqa: S101 — told by _key_is_next, said again for the type checker
        key, kept = event.value, True
        if key == "<<" and event.implicit[0]:
            self._broken(place, "<< merges keys, which is not supported", "write the keys out", loc=(*self._loc(), key))
            kept = False
        elif key in mapping.places:
            first = mapping.places[key][0]
            self._broken(place, f"is written twice, first on line {first}", loc=(*self._loc(), key))
            kept = False
        elif key == "" and event.implicit[0]:
            self._broken(place, "a key is missing before the :")
            kept = False
        if kept:
            mapping.places[key] = place
        if event.anchor:
            self.anchors[event.anchor] = (key, True)
        self.pending[-1] = (key, kept)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        place = _place(event)
        if self._key_is_next():
            self._fail(
                place, "a key must be one word", 'put a value that begins with { or [ in quotes, such as "${NAME}"'
            )
        elif not self.stack and isinstance(event, yaml.SequenceStartEvent):
            self._fail(place, "must be a mapping of keys such as server:, clients: and providers:, not a list", "")
        elif len(self.stack) >= MAX_DEPTH:
            self._fail(place, f"is nested more than {MAX_DEPTH} levels deep", "")
        if self.fatal is not None:
            return
        if event.tag is not None and event.tag != "!":
            self._broken(place, "begins with !, which is a tag to YAML", "put it in quotes")
        container: YamlMapping | YamlSequence
        container = YamlMapping(place) if isinstance(event, yaml.MappingStartEvent) else YamlSequence(place)
        if event.anchor:
            self.anchors[event.anchor] = (container, False)
        self.anchor_names.append(event.anchor)
        self.stack.append(container)
        self.pending.append(None)

    def _close(self) -> None:
        container = self.stack.pop()
        self.pending.pop()
        anchor = self.anchor_names.pop()
        if anchor:
            self.anchors[anchor] = (container, True)
        if self.stack:
            self._add(container, container.place)
        else:
            assert isinstance(container, YamlMapping)  # noqa: S101 — a list at the root was refused when it opened
            self.source.root = container

    def _alias(self, event: yaml.AliasEvent) -> None:
        place = _place(event)
        value, complete = self.anchors.get(event.anchor or "", (None, None))
        if complete is None:
            advice = "a value that begins with * is an alias to YAML: put it in quotes"
            self._fail(place, "names an anchor that is not there", advice)
        elif not complete:
            self._fail(place, "an alias stands inside of what it stands for", "")
        elif self._key_is_next() or not self.stack:
            self._fail(place, "an alias cannot be a key", "write the key out")
        else:
            self._add(value, place)

    def _add(self, value: Any, place: Place) -> None:
        container = self.stack[-1]
        container.values_written += value.values_written if isinstance(value, YamlMapping | YamlSequence) else 1
        if container.values_written > MAX_VALUES:
            self._fail(place, f"holds more than {MAX_VALUES} values with its aliases written out", "")
            return
        if isinstance(container, YamlSequence):
            container.places[len(container)] = place
            container.append(value)
            return
        key, kept = self.pending[-1] or ("", False)
        self.pending[-1] = None
        if kept:
            container[key] = value


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def leaves(value: Any, loc: Loc = ()) -> Iterator[tuple[Loc, Any]]:
    """Every value beneath `value` that is neither a mapping nor a list, with its path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, (*loc, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*loc, index))
    else:
        yield loc, value
