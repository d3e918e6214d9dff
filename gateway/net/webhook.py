"""Takes one notification to its receiver: signed, once, to a public address only, and with a bounded answer.

Every connection is checked where it is made: `_Pool` is asked for a socket with the very address that it will be
connected to, whatever the URL says and whatever name service said before. So a name that changes, a number in odd
notation and an address inside another one all end at `addresses.refusal`.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_reqrep import ClientRequest, ClientResponse
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.tracing import Trace
from pydantic import SecretStr
from standardwebhooks import Webhook as Signer
from yarl import URL

from gateway.core.delivery import Answer
from gateway.core.transaction import Notification
from gateway.net.addresses import refusal
from gateway.net.failure import Failure, before_line, behind_line, cause
from gateway.net.idle import QuietPool
from gateway.net.names import ThreadedNames
from gateway.net.redaction import Redactor
from gateway.settings.types import Network, Webhook

__all__ = ["MOST_ANSWER", "WebhookSender"]

MOST_ANSWER: Final = 51_200
"""Bytes of an answer that are read. The rest is cut; only the status counts anyway."""

_KEPT: Final = 200
"""Characters of an answer that are shown to operators."""
_IDLE: Final = 4.0
"""Seconds for which an unused connection is kept, as for suppliers."""
_MOST_CONNECTIONS: Final = 64
_PREFIX: Final = "whsec_"


class _Passage:
    """One notification on its way."""

    __slots__ = ("connecting", "ready", "refused")

    def __init__(self) -> None:
        self.connecting = False
        self.ready = False
        """A connection is there, and the notification may have left."""
        self.refused: str | None = None
        """The address that was refused, and why."""


_PASSAGE: ContextVar[_Passage] = ContextVar("webhook_passage")


class _AddressRefusedError(OSError):
    """Nothing may be sent to this address. An `OSError`, so that a name's other addresses are still tried."""


class _Pool(QuietPool):
    """The connections to one receiver."""

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:  # noqa: ASYNC109 - aiohttp's signature
        """A connection on which nobody has spoken yet: bytes that are there already are no answer to what comes now."""
        passage = _PASSAGE.get()
        passage.connecting = True
        for _ in range(self.limit + 1):
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is not None and not connection.protocol.should_close:
                passage.ready = True
                return connection
            connection.close()
        raise aiohttp.ClientConnectionError("every connection held bytes that nobody asked for")


class WebhookSender:
    """The way to one client's receiver.

    Args:
        webhook: where, signed with which secrets, and which networks are allowed besides the public ones.
        now: the time, for the signature.
        connect: seconds for name lookup, TCP and TLS together.
        answer: seconds for all of it.
        resolver: name service; left out, the system's.
        tls: whom to trust; left out, the system's certificate authorities.
    """

    def __init__(
        self,
        webhook: Webhook,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        connect: float = 5.0,
        answer: float = 15.0,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        secrets = [one.get_secret_value() for one in _secrets(webhook)]
        self._url = URL(webhook.url, encoded=True)
        self._signers = [Signer(key) for one in secrets for key in _keys(one)]
        self._allowed: tuple[Network, ...] = webhook.allow_networks
        self._now = now
        self._connect = connect
        self._answer = answer
        self._resolver = resolver
        self._tls = tls
        path = urlsplit(webhook.url).path
        self._redactor = Redactor(
            [*secrets, *(one.removeprefix(_PREFIX) for one in secrets), *([path] if len(path) > 4 else [])]
        )
        self._session: aiohttp.ClientSession | None = None

    async def send(self, notification: Notification) -> Answer:
        """Send once, signed anew. Never raises for what the network or the receiver does; follows no redirect."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        passage = _Passage()
        token = _PASSAGE.set(passage)
        response: ClientResponse | None = None
        body = b""
        try:
            async with asyncio.timeout(self._answer):
                response = await self._open().post(
                    self._url,
                    data=notification.body.encode(),
                    headers=self._headers(notification),
                    allow_redirects=False,
                )
                body = await _beginning(response)
        except Exception as error:
            if response is None:  # once there is a status, what comes behind it changes nothing
                return Answer(status=None, detail=self._why(error, passage), seconds=loop.time() - began)
        finally:
            _PASSAGE.reset(token)
            if response is not None and not response.content.at_eof():
                response.close()
        return Answer(
            status=response.status,
            retry_after=response.headers.get("Retry-After"),
            detail=self._shown(response.status, body),
            seconds=loop.time() - began,
        )

    async def close(self) -> None:
        """Close every connection. A second close does nothing."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            pool = _Pool(
                limit=_MOST_CONNECTIONS,
                ssl=self._tls or True,
                resolver=self._resolver or ThreadedNames(),
                keepalive_timeout=_IDLE,
                socket_factory=self._socket,
            )
            self._session = aiohttp.ClientSession(
                connector=pool,
                timeout=aiohttp.ClientTimeout(total=None, connect=self._connect, ceil_threshold=float("inf")),
                headers={"User-Agent": "pulsa-gateway", "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    def _socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for one address, if something may be sent there."""
        family, kind, protocol, _, address = info
        why = refusal(str(address[0]), self._allowed)
        if why is not None:
            _PASSAGE.get().refused = f"{address[0]} is {why}"
            raise _AddressRefusedError
        return socket.socket(family, kind, protocol)

    def _headers(self, notification: Notification) -> dict[str, str]:
        at = self._now().astimezone(UTC).replace(microsecond=0)
        signatures = [signer.sign(notification.id, at, notification.body) for signer in self._signers]
        return {
            "Content-Type": "application/json",
            "webhook-id": notification.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def _why(self, error: Exception, passage: _Passage) -> str:
        if not passage.ready and passage.refused is not None:
            return f"address refused: {passage.refused}; allow_networks of the webhook can allow it"
        if isinstance(error, TimeoutError):
            failure = Failure.ANSWER_TIMEOUT if passage.ready else Failure.CONNECT_TIMEOUT
        elif isinstance(error, aiohttp.ClientResponseError):
            failure = Failure.MALFORMED
        elif passage.ready:
            failure = behind_line(error)
        else:
            failure = before_line(error, connecting=passage.connecting, proxied=False)
        return self._redactor.text(f"{failure.value.replace('_', ' ')} ({cause(error)})")

    def _shown(self, status: int, body: bytes) -> str:
        text = self._redactor.data(body)[:_KEPT]
        words = " ".join("".join(one if one.isprintable() else " " for one in text).split())
        return f"status {status}: {words}" if words else f"status {status}"


def _keys(secret: str) -> list[bytes]:
    """What signs for a secret. One that begins with `whsec_` is base64 behind it. Any other is the bytes that it is,
    and where it is base64 the bytes that it stands for as well: the libraries of Standard Webhooks read it so."""
    if secret.startswith(_PREFIX):
        return [base64.b64decode(secret.removeprefix(_PREFIX))]
    try:
        decoded = base64.b64decode(secret, validate=True)
    except ValueError:
        decoded = b""
    return [secret.encode(), decoded] if decoded else [secret.encode()]


def _secrets(webhook: Webhook) -> tuple[SecretStr, ...]:
    return (webhook.secret,) if isinstance(webhook.secret, SecretStr) else webhook.secret


async def _beginning(response: ClientResponse) -> bytes:
    """The answer's first bytes; a whole small answer leaves its connection for the next notification."""
    kept = bytearray()
    async for piece in response.content.iter_any():
        kept += piece
        if len(kept) >= MOST_ANSWER:
            break
    return bytes(kept[:MOST_ANSWER])
