"""A call or an acknowledgement with a part that cannot be is refused where the plugin makes it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import Acknowledgement, Call

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


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("status", 101),
        ("status", 600),
        ("status", "200"),
        ("status", True),
        ("body", "OK"),
        ("body", None),
        ("content_type", ""),
        ("content_type", "text/plain\r\nX-More: 1"),
        ("content_type", "text/\ud800"),
        ("content_type", None),
    ],
)
def test_an_acknowledgement_that_http_cannot_carry_is_refused(part: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=part):
        Acknowledgement(**{part: value})


def test_a_sound_acknowledgement_is_taken() -> None:
    assert Acknowledgement(status=204, body=b"", content_type="application/json; charset=utf-8").status == 204
