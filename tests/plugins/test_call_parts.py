"""A call with a part of another type is refused where the plugin makes it, before anything has left."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import Call

_SOUND: dict[str, Any] = {"method": "POST", "url": "http://supplier.invalid/buy"}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("method", None),
        ("url", b"http://supplier.invalid"),
        ("body", "text"),
        ("body", {"a": 1}),
        ("secrets", "the-secret"),
        ("secrets", ["the-secret"]),
        ("secrets", (b"the-secret",)),
        ("headers", {"accept": "text/plain"}),
        ("headers", ("accept", "text/plain")),
        ("headers", (("accept", 5),)),
        ("headers", (("accept",),)),
    ],
)
def test_a_part_of_another_type_is_refused_and_not_shown(part: str, value: object) -> None:
    with pytest.raises(TypeError) as caught:
        Call(**{**_SOUND, part: value})
    assert part in str(caught.value)
    assert "the-secret" not in str(caught.value)


def test_a_sound_call_is_taken() -> None:
    call = Call(**_SOUND, body=b"x", headers=(("accept", "text/plain"),), secrets=("the-secret",))
    assert call.headers == (("accept", "text/plain"),)
