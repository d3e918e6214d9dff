"""Bodies that the provider contract tries: what says nothing, what is spoilt, and what contradicts itself.

All of them are plain functions of the recorded bodies, so a law that fails names the very body that broke it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["NO_ANSWERS", "WRONG_VALUES", "contradictions", "echoes", "near_references", "slow_texts", "spoilt"]

NO_ANSWERS = (
    b"",
    b" \r\n\t ",
    b"{}",
    b"[]",
    b"null",
    b"0",
    b"{",
    b'{"data": {}}',
    b'{"data": null}',
    b'{"data": []}',
    b'{"data": [null]}',
    b'{"data": "success"}',
    b"\x00\x00\x00",
    b"\xff\xfe\xfa\x80\x81",
    b"\xef\xbb\xbf",
    b"zyzzyva quux 42",
    b"kami segera kabari lagi ya kak",
    b"OK",
    b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    b"<!DOCTYPE html><title>SUKSES BERHASIL SUCCESS GAGAL FAILED</title>",
    b'<?xml version="1.0"?><status>success</status>',
)
"""Bodies that say nothing about any purchase."""

WRONG_VALUES: tuple[Any, ...] = (None, True, 0, -1, 1.5, 10**30, "", "zyzzyva", [], [[]], {}, {"a": 1})
"""What a field holds where another value is expected."""


def near_references(ref: str) -> tuple[str, ...]:
    """Other references that hold `ref`, or most of it."""
    return (f"1{ref}", f"{ref}0", ref[:-1], ref[1:])


def spoilt(body: bytes) -> Iterator[bytes]:
    """A JSON body with one field left out, or of another type; and numbers that are none. Nothing for other bodies."""
    whole = _object(body)
    if whole is None:
        return
    for path in _leaves(whole):
        yield _dump(_without(whole, path))
        for value in WRONG_VALUES:
            yield _dump(_with(whole, path, value))
        yield _dump(_with(whole, path, "NOT-A-NUMBER")).replace(b'"NOT-A-NUMBER"', b"NaN")
        yield _dump(_with(whole, path, "NOT-A-NUMBER")).replace(b'"NOT-A-NUMBER"', b"1e999")


def echoes(body: bytes, secret: str) -> Iterator[bytes]:
    """A JSON body that repeats a secret in one of its texts, for each of them. Nothing for other bodies."""
    whole = _object(body)
    if whole is None:
        return
    for path in _leaves(whole):
        text = _at(whole, path)
        if isinstance(text, str):
            yield _dump(_with(whole, path, f"{text} {secret}"))


def contradictions(says: bytes, other: bytes, alone: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """`says` with one field taken from `other`, for each field in which two JSON bodies differ, with its name.

    Args:
        alone: names of fields that decide alone, and are left as they are.
    """
    first, second = _object(says), _object(other)
    if first is None or second is None:
        return
    for path in _leaves(first):
        mine, theirs = _at(first, path), _at(second, path)
        if theirs is None or mine == theirs or path[-1] in alone:
            continue
        yield path[-1], _dump(_with(first, path, theirs))


def slow_texts(bodies: Sequence[bytes]) -> Iterator[bytes]:
    """Long bodies on which a careless pattern takes a very long time."""
    for piece in (b"a", b"1", b" ", b"a ", b"1.", b"0,", b"SN:", b"x=1&", b"<a>", b'{"a":', b"[", b'"', b"\n", b"\\"):
        yield (piece * 65_536)[:65_536]
        yield (piece * 65_536)[:65_536] + b"!"
    for body in bodies:
        for piece in (b"a", b"1", b" ", b"1.", b"\n"):
            yield body + piece * 30_000 + b"!"
            yield body[: len(body) // 2] + piece * 30_000 + body[len(body) // 2 :]


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _dump(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _leaves(value: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from ((name, *path) for path in _leaves(inner))
        else:
            yield (name,)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return value


def _with(value: dict[str, Any], path: tuple[str, ...], leaf: Any) -> dict[str, Any]:
    name, *rest = path
    return {**value, name: _with(value[name], tuple(rest), leaf) if rest else leaf}


def _without(value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    name, *rest = path
    if rest:
        return {**value, name: _without(value[name], tuple(rest))}
    return {key: inner for key, inner in value.items() if key != name}
