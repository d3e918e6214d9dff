"""Every mistake of one configuration file: collected, given its place, and kept free of secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from gateway.errors import ConfigurationError, Mistake
from gateway.settings.messages import model_at, path_text, secret_fields, suggestion, words
from gateway.settings.yaml_source import Loc, YamlMapping, YamlSequence, YamlSource, leaves

M = TypeVar("M", bound=BaseModel)

_SECRET_NAME = re.compile(r"pin|pass|secret|token|sign|key|user|proxy|url|member", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)
_SHAPE_ERRORS = frozenset({"string_type", "tuple_type", "list_type", "model_type", "dict_type"})
"""Errors of a branch of a union that was never meant: a list where one text may stand too, or the reverse."""

_FREE_WORDS = frozenset({"value_error", "assertion_error"})
"""Errors whose words come from a validator, which may quote the value."""


class Findings:
    """The mistakes found so far."""

    def __init__(self, source: YamlSource) -> None:
        self.source = source
        self.mistakes: list[Mistake] = []
        self.paths: set[Loc] = set()
        """Paths with a mistake: one mistake a path is enough for a person."""
        self.secrets = {text for text in source.substituted if text}
        for loc, place, message, advice in source.broken:
            self.paths.add(loc)
            self._note(loc, place, message, advice)

    def add(self, loc: Loc, message: str, advice: str = "") -> None:
        """Note a mistake at a path. A part of the path that is not in the file is still told."""
        if loc in self.paths:
            return
        self.paths.add(loc)
        _, place = self.source.locate(loc)
        self._note(loc, place, message, advice)

    def add_elsewhere(self, mistake: Mistake) -> None:
        """Note a mistake in another file, such as the catalogue."""
        self.mistakes.append(mistake)

    def raise_if_any(self) -> None:
        """Raises ConfigurationError: there are mistakes; all of them, in the order of the file."""
        if self.mistakes:
            here = self.source.file
            raise ConfigurationError(
                sorted(
                    self.mistakes, key=lambda mistake: (mistake.file != here, mistake.line or 0, mistake.column or 0)
                )
            )

    def _note(self, loc: Loc, place: tuple[int, int], message: str, advice: str) -> None:
        self.mistakes.append(
            Mistake(
                file=self.source.file,
                line=place[0],
                column=place[1],
                path=path_text(loc),
                message=message,
                advice=advice,
            )
        )

    def quote(self, value: object) -> str:
        """A value as it may be shown: `…` where it came from the environment, a secret file or a secret field."""
        return "…" if str(value) in self.secrets else str(value)

    def redact(self, text: str) -> str:
        """A plugin's words as one line, without anything that came from the environment, a secret file or a secret
        field. The gateway's own words hold no values."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            if secret in text:
                text = text.replace(secret, "…")
        return " ".join(text.split())

    def hide(self, value: Any, secret_names: Iterable[str] = ()) -> None:
        """Never print the values beneath `value` that stand under a secret name."""
        names = frozenset(secret_names)
        for loc, leaf in leaves(value):
            if isinstance(leaf, bool | None) or str(leaf) == "":
                continue
            if any(isinstance(step, str) and (step in names or _SECRET_NAME.search(step)) for step in loc):
                self.secrets.add(str(leaf))

    def validated(self, model: type[M], loc: Loc, value: Any, *, ignore_unknown: bool = False) -> M | None:
        """`value` as a `model`, or `None` and its mistakes noted.

        Args:
            ignore_unknown: leave out keys that the model does not know, because another one would.
        """
        self.hide(value, secret_fields(model))
        if ignore_unknown and isinstance(value, YamlMapping):
            known = YamlMapping(value.place)
            known.update({key: item for key, item in value.items() if key in model.model_fields})
            value = known
        try:
            instance = model.model_validate(value)
        except ValidationError as error:
            self._validation_errors(model, loc, error.errors(include_url=False))
            return None
        except Exception as error:  # a plugin's own validator may raise anything
            what = self.redact(f"{type(error).__name__}: {error}")
            self.add(loc, f"the plugin's check of these settings failed ({what})")
            return None
        before = len(self.mistakes)
        if isinstance(value, YamlMapping):
            self._coercions(loc, value, instance)
        return instance if len(self.mistakes) == before else None

    def _validation_errors(self, model: type[BaseModel], loc: Loc, errors: list[ErrorDetails]) -> None:
        told: dict[Loc, ErrorDetails] = {}
        for error in errors:
            path = self._path(loc, error)
            known = told.get(path)
            if known is None or (known["type"] in _SHAPE_ERRORS and error["type"] not in _SHAPE_ERRORS):
                told[path] = error
        for path, error in told.items():
            if any(other[: len(path)] == path and len(other) > len(path) for other in told):
                continue  # it follows from the one inside, or comes from a branch of a union that was not meant
            if error["type"] == "extra_forbidden":
                self._unknown_key(model, loc, path)
            else:
                found, _ = self.source.locate(path)
                message, advice = words(error, self.source.value(path) if found == path else "")
                self.add(path, self.redact(message) if error["type"] in _FREE_WORDS else message, advice)

    def _path(self, loc: Loc, error: ErrorDetails) -> Loc:
        """Where an error is: without the names of types that pydantic puts into paths."""
        full = (*loc, *error["loc"])
        if error["type"] == "missing":
            return (*self.source.locate(full[:-1])[0], full[-1])
        found, _ = self.source.locate(full)
        return found if len(found) >= len(loc) else loc

    def _unknown_key(self, model: type[BaseModel], loc: Loc, path: Loc) -> None:
        holder = model_at(model, path[len(loc) : -1])
        known = list(holder.model_fields) if holder else []
        advice = suggestion(str(path[-1]), known)
        if not advice and known:
            advice = f"known here: {', '.join(known)}"
        self.add(path, "is not a known key", advice)

    def _coercions(self, loc: Loc, written: Any, read: Any) -> None:
        """Refuse what pydantic reads generously: `true` as 1, 1 or `"yes"` as true, 7 as the address 0.0.0.7."""
        if isinstance(written, Mapping):
            for key, value in written.items():
                item = read.get(key) if isinstance(read, Mapping) else getattr(read, key, None)
                self._coercions((*loc, key), value, item)
        elif isinstance(written, YamlSequence):
            if isinstance(read, tuple | list) and len(read) == len(written):
                for index, (value, item) in enumerate(zip(written, read, strict=True)):
                    self._coercions((*loc, index), value, item)
        elif message := _coerced(written, read):
            self.add(loc, message)


def _coerced(written: Any, read: Any) -> str | None:
    """What is wrong with reading one value as another, or `None`."""
    if isinstance(read, SecretStr) and written == "":
        return "is empty"
    if isinstance(read, bool):
        return None if isinstance(written, bool) or written in ("true", "false") else "must be true or false"
    if isinstance(written, bool) and isinstance(read, int | float):
        return "must be a number"
    if isinstance(read, int) and isinstance(written, str) and not _WHOLE.fullmatch(written):
        return "must be a whole number"
    return None
