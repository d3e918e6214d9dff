"""Why a call brought no answer, and on which side of the send line that was.

The send line lies where the transport takes a ready connection in hand. Before it, not one byte of the request has
left this machine; from there on it may have. What went wrong is read off exception types and error numbers only:
the texts of aiohttp's exceptions hold URLs, and URLs hold secrets.
"""

from __future__ import annotations

import errno
import ssl
from enum import StrEnum

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong


class Failure(StrEnum):
    """What went wrong. The first group lies before the send line, the second behind it; `UNEXPECTED` can be either,
    so that whoever decides about sending again asks `Sent.left`, never this name."""

    INVALID_CALL = "invalid_call"
    """The provider made a call that cannot be sent as it stands."""
    DNS = "dns"
    """The name has no address."""
    CONNECT_REFUSED = "connect_refused"
    """Refused, unreachable, or cut before the connection was ready."""
    CONNECT_TIMEOUT = "connect_timeout"
    """No ready connection within `timeouts.connect`."""
    TLS = "tls"
    """The handshake failed, or the certificate is not to be trusted."""
    PROXY = "proxy"
    """The proxy cannot be reached, or would not open the tunnel."""
    NO_CONNECTION = "no_connection"
    """No free connection in the account's pool in time, no socket to be had, or the transport is closed."""

    ANSWER_TIMEOUT = "answer_timeout"
    """No complete answer within `timeouts.answer`."""
    DROPPED = "dropped"
    """Closed without an answer."""
    RESET = "reset"
    """Reset, or broken while writing."""
    TRUNCATED = "truncated"
    """The answer began and was cut."""
    MALFORMED = "malformed"
    """The answer is not HTTP, or is packed in a way that was not asked for."""
    TOO_LARGE = "too_large"
    """The head or the unpacked body is over the limit."""

    UNEXPECTED = "unexpected"
    """Something that nobody has seen yet."""


class TooLargeError(Exception):
    """The body is larger than an answer may be."""


class MalformedError(Exception):
    """The answer breaks HTTP, or its packing is broken or was not asked for."""


WORDS: dict[Failure, str] = {
    Failure.INVALID_CALL: "the call cannot be sent as it stands",
    Failure.DNS: "the supplier's name has no address",
    Failure.CONNECT_REFUSED: "no connection to the supplier",
    Failure.CONNECT_TIMEOUT: "no connection to the supplier in time",
    Failure.TLS: "no trusted TLS connection to the supplier",
    Failure.PROXY: "the proxy gave no connection to the supplier",
    Failure.NO_CONNECTION: "no connection was free",
    Failure.ANSWER_TIMEOUT: "the supplier did not answer in time",
    Failure.DROPPED: "the supplier closed the connection without an answer",
    Failure.RESET: "the connection to the supplier broke",
    Failure.TRUNCATED: "the supplier's answer was cut",
    Failure.MALFORMED: "the supplier's answer is not HTTP that we asked for",
    Failure.TOO_LARGE: "the supplier's answer is over the limit",
    Failure.UNEXPECTED: "the call failed in an unexpected way",
}

OUT_OF_SOCKETS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""Errors that speak of this process or machine, and not of the supplier."""


def before_line(error: BaseException, *, connecting: bool, proxied: bool) -> Failure:
    """What kept the request from leaving.

    Args:
        error: what was raised.
        connecting: a new connection was under way; otherwise the call was waiting for one to become free.
        proxied: the account goes through a proxy.
    """
    kind = Failure.UNEXPECTED
    match error:
        case aiohttp.ConnectionTimeoutError():
            kind = Failure.CONNECT_TIMEOUT if connecting else Failure.NO_CONNECTION
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            kind = Failure.PROXY
        case aiohttp.ClientConnectorDNSError():
            kind = Failure.DNS
        case aiohttp.ClientSSLError() | ssl.SSLError():
            kind = Failure.TLS
        case aiohttp.ClientConnectorError() if error.os_error.errno in OUT_OF_SOCKETS:
            kind = Failure.NO_CONNECTION
        case aiohttp.ClientConnectorError():
            timed_out = error.os_error.errno == errno.ETIMEDOUT
            kind = Failure.CONNECT_TIMEOUT if timed_out else Failure.CONNECT_REFUSED
        case aiohttp.InvalidURL() | ValueError() | TypeError():
            kind = Failure.INVALID_CALL
        case aiohttp.ClientError() | OSError() if proxied:  # the proxy broke off, or garbled its answer to CONNECT
            kind = Failure.PROXY
        case aiohttp.ClientError() | RuntimeError():  # closed under our hands
            kind = Failure.NO_CONNECTION
        case OSError():
            kind = Failure.CONNECT_REFUSED
    return kind


def behind_line(error: BaseException) -> Failure:
    """What kept the answer from coming whole."""
    kind = Failure.UNEXPECTED
    match error:
        case TooLargeError():
            kind = Failure.TOO_LARGE
        case HttpProcessingError() if _head_too_large(error):
            kind = Failure.TOO_LARGE
        case MalformedError() | HttpProcessingError():
            kind = Failure.MALFORMED
        case aiohttp.ServerDisconnectedError():
            kind = Failure.DROPPED
        case aiohttp.ClientPayloadError():
            kind = Failure.TRUNCATED
        case aiohttp.ClientConnectionError() | OSError():
            kind = Failure.RESET
    return kind


def _head_too_large(error: HttpProcessingError) -> bool:
    """aiohttp wraps the parser's error; of the number of headers it speaks in words only."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, LineTooLong):
        inner = inner.__cause__
    return inner is not None or error.message.strip().startswith("Too many headers")


def cause(error: BaseException) -> str:
    """What may be told of an exception: its error number or the certificate's fault, else its class. Holds no URL."""
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return inner.verify_message
    if isinstance(inner, ssl.SSLError):
        return inner.reason or "SSLError"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"status {error.status}"
    number = inner.errno if isinstance(inner, OSError) else None
    return type(inner).__name__ if number is None else errno.errorcode.get(number, type(inner).__name__)
