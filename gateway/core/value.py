"""Values that nobody changes, at the cost of plain objects.

A dataclass that is frozen at run time writes each field by `object.__setattr__`: 5 µs for a `Transaction`, where plain
assignment takes 1, and a purchase makes some twenty values. So here it is the type checker that refuses to assign to a
field, in strict mode and everywhere; when the program runs, nothing looks again. What plugins make and get stays frozen
at run time too (`Outcome`, `Attempt`, `Call`, `Reply`): their authors need not use a type checker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    """Make a class a value: a dataclass with slots, equal and hashed by its fields, frozen for the type checker."""
    return dataclass(slots=True, kw_only=kw_only, unsafe_hash=True)


def evolve(old: T, /, **changes: Any) -> T:
    """`dataclasses.replace` at a fraction of its cost, for a `value` without `__post_init__`.

    Raises:
        TypeError: `changes` names no field.
    """
    kind: type[Any] = type(old)
    new: T = (_copies.get(kind) or _copy_of(kind))(old)
    try:
        for name, changed in changes.items():
            setattr(new, name, changed)
    except AttributeError:
        raise TypeError(f"{kind.__name__} has no field {name!r}") from None
    return new


_copies: dict[type[Any], Callable[[Any], Any]] = {}


def _copy_of(kind: type[Any]) -> Callable[[Any], Any]:
    """A function that copies a value field by field, written out as `dataclasses` writes `__init__`."""
    lines = [f"    new.{one.name} = old.{one.name}" for one in fields(kind)]
    source = "\n".join(["def copy(old):", "    new = make(kind)", *lines, "    return new"])
    names: dict[str, Any] = {"make": object.__new__, "kind": kind}
    exec(source, names)  # noqa: S102 — nothing in it but the names of a class's fields
    _copies[kind] = names["copy"]
    return _copies[kind]
