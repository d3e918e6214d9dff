"""What a caller is told whose request could not even be parsed."""

from __future__ import annotations

from aiohttp.http_exceptions import BadHttpMethod, BadStatusLine, InvalidURLError, LineTooLong

LONGEST_LINE = 8190
"""Bytes of the request line, and of a header."""
MOST_HEADERS = 64


def what_is_wrong(error: BaseException | None) -> str:
    """By the kind of error alone: its words repeat what was sent, and headers carry keys."""
    match error:
        case LineTooLong():
            return f"the request line or a header has more than {LONGEST_LINE} bytes"
        case BadHttpMethod():
            return "the method is not known in HTTP, or this is TLS: here plain HTTP is spoken"
        case BadStatusLine() | InvalidURLError():
            return "the request line is not as in HTTP/1.1: METHOD, a percent-encoded path, HTTP/1.1, and CRLF"
    return (
        "the headers, or the chunks of the body, are not as in HTTP/1.1: one Host, one Content-Type, "
        f"one Content-Length or Transfer-Encoding, and {MOST_HEADERS} headers at most"
    )
