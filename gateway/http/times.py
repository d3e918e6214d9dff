"""How long a caller may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """All in seconds."""

    head: float = 9.0
    """From the first byte of a request, or from connecting, to the end of its headers."""
    body: float = 12.0
    """For the whole body."""
    idle: float = 75.0
    """Between two requests on one connection; longer than what common proxies and clients keep one open."""
    taking: float = 30.0
    """For an answer, or a piece of a stream, that fills the buffers of the line and is not taken by the caller."""
    linger: float = 2.0
    """For the rest of a body that was not read, so that the caller sees the answer before the end."""
    beat: float = 15.0
    """Between two heartbeats of a stream; shorter than what proxies wait for."""
