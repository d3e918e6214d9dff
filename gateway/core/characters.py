"""Text from outside, as it can be kept: in UTF-8, in JSON and in every database."""

from __future__ import annotations


def storable(text: str) -> str:
    """`text` without what UTF-8, JSON and PostgreSQL cannot hold: NUL and half characters become U+FFFD.

    A supplier may send anything (JSON can escape one half of an emoji that was cut), and an answer that cannot be
    written would leave its purchase open for ever.
    """
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii() or not _has_half_characters(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _has_half_characters(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
