"""pydantic's errors in the words of the person who writes the configuration.

No message holds the value: a value may be a secret, or come from the environment.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import ErrorDetails

from gateway.settings import types as fields
from gateway.settings.yaml_source import Loc

_NUMBER = "must be a number"
_WHOLE = "must be a whole number"
_LIST = "must be a list"

_FIXED: Mapping[str, str] = {
    "missing": "is missing",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": _LIST,
    "list_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": "must be a mapping of keys",
    "mapping_type": "must be a mapping of keys",
    "model_type": "must be a mapping of keys",
    "model_attributes_type": "must be a mapping of keys",
    "url_parsing": "must be a URL",
    "date_parsing": "must be a date such as 2026-11-23",
}

_WITH_LIMIT: Mapping[str, tuple[str, str]] = {
    "greater_than": ("must be greater than {}", "gt"),
    "greater_than_equal": ("must be at least {}", "ge"),
    "less_than": ("must be less than {}", "lt"),
    "less_than_equal": ("must be at most {}", "le"),
    "string_too_short": ("must have at least {} characters", "min_length"),
    "string_too_long": ("must have at most {} characters", "max_length"),
    "too_short": ("must have at least {} entries", "min_length"),
    "too_long": ("must have at most {} entries", "max_length"),
    "literal_error": ("must be {}", "expected"),
    "enum": ("must be {}", "expected"),
}

_PATTERNS: Mapping[str, str] = {
    fields.NAME_PATTERN: "must be 1 to 64 lower-case letters, digits, - or _, and begin with a letter or digit",
    fields.PRODUCT_CODE_PATTERN: "must be 1 to 64 letters, digits, dots, - or _, and begin with a letter or digit",
    fields.KEY_HASH_PATTERN: "must be sha256: and 64 hexadecimal digits in lower case",
}
_ADVICE: Mapping[str, str] = {fields.KEY_HASH_PATTERN: "make one with: gateway keys new CLIENT"}


def words(error: ErrorDetails, value: Any) -> tuple[str, str]:
    """Message and advice for one error of pydantic's. `value` is what the file holds there."""
    kind = error["type"]
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind not in ("missing", "extra_forbidden") and value is None:
        return "is empty", "a value that begins with # is a comment to YAML: put it in quotes"
    if kind == "string_type":
        return _not_text(value)
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        return _PATTERNS.get(pattern, f"must look like {pattern}"), _ADVICE.get(pattern, "")
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", "")) or "is not valid", ""
    if kind in _WITH_LIMIT:
        text, name = _WITH_LIMIT[kind]
        return text.format(str(context.get(name, "")).replace("'", "")), ""
    return _FIXED.get(kind, error["msg"][:1].lower() + error["msg"][1:]), ""


def _not_text(value: Any) -> tuple[str, str]:
    if isinstance(value, bool):
        return "must be text, and without quotes this is true or false to YAML", "put it in quotes"
    if isinstance(value, int | float):
        return "must be text, and without quotes this is a number to YAML", "put it in quotes"
    return "must be text", ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean …?`, or nothing where no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""


def model_at(model: type[BaseModel], loc: Sequence[int | str]) -> type[BaseModel] | None:
    """The model that holds the fields at `loc`, counted from `model`."""
    current: type[BaseModel] | None = model
    for step in loc:
        if isinstance(step, str) and current is not None and step in current.model_fields:
            current = _model_in(current.model_fields[step].annotation)
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def secret_fields(model: type[BaseModel]) -> frozenset[str]:
    """The fields of a model that hold secrets: `SecretStr`, or kept out of `repr`."""
    return frozenset(
        name for name, field in model.model_fields.items() if not field.repr or _holds_secret(field.annotation)
    )


def _holds_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_holds_secret(argument) for argument in typing.get_args(annotation))


def path_text(loc: Loc) -> str:
    """`providers[0].url` from a path."""
    text = ""
    for step in loc:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
