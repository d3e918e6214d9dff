"""A changed copy of a value, for the values that every purchase changes several times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")

Put = Callable[[Any, Any], None]
Access = tuple[Callable[[Any], tuple[Any, ...]], tuple[Put, ...], dict[str, Put]]

_known: dict[type[Any], Access] = {}


def evolve(value: T, /, **changes: Any) -> T:
    """`dataclasses.replace` at half its cost, for a frozen dataclass with slots, more than one field and no
    `__post_init__`.

    Raises:
        TypeError: `changes` names no field.
    """
    kind: type[Any] = type(value)
    get, puts, put_of = _known.get(kind) or _access(kind)
    copy: T = object.__new__(kind)
    for put, held in zip(puts, get(value), strict=True):
        put(copy, held)
    try:
        for name, new in changes.items():
            put_of[name](copy, new)
    except KeyError as error:
        raise TypeError(f"{kind.__name__} has no field {error}") from None
    return copy


def _access(kind: type[Any]) -> Access:
    names = [one.name for one in fields(kind)]
    put_of = {name: getattr(kind, name).__set__ for name in names}
    _known[kind] = attrgetter(*names), tuple(put_of.values()), put_of
    return _known[kind]
