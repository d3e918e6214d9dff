"""Who a client is: API keys as bearer tokens, and from where each may be used.

A key is 256 random bits and is known here by its SHA-256 alone. A right key always counts; wrong ones are counted for
their address, so that one who tries out keys is told to stop, and nobody else behind that address is locked out.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.http.client_address import Address, neighbourhood, within
from gateway.http.limits import Told
from gateway.http.problems import ProblemError
from gateway.settings.types import Client

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]{1,512}=*) *", re.ASCII | re.IGNORECASE)
_CHALLENGE = 'Bearer realm="pulsa-gateway"'
_SHOWN_OF_A_HASH = len("sha256:") + 12
"""Characters. 48 bits tell the keys of a configuration apart, and too little of it to know the hash by."""


class Caller(NamedTuple):
    """Who asks."""

    client: Client
    key: str
    """Which of its keys: the beginning of the `key_hash` as it stands in the configuration. It opens nothing."""


class Keys:
    """The hashes of all keys, and whose they are."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self._entries = tuple(
            (bytes.fromhex(key_hash.removeprefix("sha256:")), Caller(client, key_hash[:_SHOWN_OF_A_HASH]))
            for client in clients
            for key_hash in client.key_hashes
        )

    def owner(self, key: str) -> Caller | None:
        """Whose key it is. Takes equally long whichever hash it is, or none."""
        digest = hashlib.sha256(key.encode()).digest()
        found = None
        for known, caller in self._entries:
            if hmac.compare_digest(known, digest):
                found = caller
        return found


class NotFromHereError(ProblemError):
    """The key is right, and the address is not one of its client's."""

    def __init__(self, caller: Caller) -> None:
        super().__init__("address_not_allowed", "the configuration does not allow this key from this address")
        self.caller = caller


def still_let_in(authorization: str, address: Address | None) -> Callable[[Client], bool]:
    """Tells whether who was let in by this header and from this address is so by a client as it is configured later."""
    key_hash = "sha256:" + hashlib.sha256(key_of(authorization).encode()).hexdigest()
    return lambda client: key_hash in client.key_hashes and _allowed(client, address)


def key_of(authorization: str) -> str:
    """The key in an `Authorization` header; empty where it holds none."""
    match = _BEARER.fullmatch(authorization)
    return "" if match is None else match[1]


def _allowed(client: Client, address: Address | None) -> bool:
    return not client.allow_from or within(address, client.allow_from)


class WrongKeys:
    """Counts wrong keys by address in windows of one minute. Holds at most `most` addresses; the oldest go first.

    Of an IPv6 address its /64 counts: whoever has one has all of it.
    """

    def __init__(self, *, limit: int = 20, window: float = 60.0, most: int = 10_000) -> None:
        self._limit = limit
        self._window = window
        self._most = most
        self._seen: OrderedDict[int, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def told(self, wait: int) -> Told:
        """What to tell whoever has to wait for so many seconds."""
        return Told("wrong_keys", self._limit, 0, self._window, wait)

    def count(self, address: Address | None, now: float) -> int | None:
        """Count one wrong key. Seconds to wait where that was too many, or `None`.

        Args:
            now: seconds on the monotonic clock.
        """
        place = neighbourhood(address)
        began, wrong = self._seen.get(place, (now, 0))
        if now - began >= self._window:
            began, wrong = now, 0
            self._seen.pop(place, None)
        self._seen[place] = (began, wrong + 1)
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return None if wrong < self._limit else int(began + self._window - now) + 1


class Authentication:
    """Decides who asks. The clients may be exchanged at any time by a reload."""

    def __init__(self, wrong_keys: WrongKeys | None = None) -> None:
        self._clients: Sequence[Client] | None = None
        self._keys = Keys(())
        self._wrong_keys = WrongKeys() if wrong_keys is None else wrong_keys

    def caller(
        self,
        authorization: Sequence[str],
        clients: Sequence[Client],
        address: Callable[[], Address | None],
        now: float,
    ) -> Caller:
        """The client that asks, and by which key.

        Args:
            authorization: the values of the `Authorization` header, one a line.
            clients: all clients of the configuration in force.
            address: gives the client's address; only called where it matters.
            now: seconds on the monotonic clock.

        Raises:
            ProblemError: `unauthorized`, `address_not_allowed`, or `rate_limited` after too many wrong keys.
        """
        if clients is not self._clients:
            self._clients, self._keys = clients, Keys(clients)
        if not authorization:
            raise ProblemError(
                "unauthorized",
                "send Authorization: Bearer KEY with every request",
                headers={"WWW-Authenticate": _CHALLENGE},
            )
        key = key_of(authorization[0]) if len(authorization) == 1 else ""
        caller = self._keys.owner(key) if key else None
        if caller is None:
            raise self._refusal(address(), now, malformed=not key)
        if caller.client.allow_from and not _allowed(caller.client, address()):
            raise NotFromHereError(caller)
        return caller

    def _refusal(self, address: Address | None, now: float, *, malformed: bool) -> ProblemError:
        wait = self._wrong_keys.count(address, now)
        if wait is not None:
            told = self._wrong_keys.told(wait)
            return ProblemError(
                "rate_limited", "too many wrong keys came from this address", headers=told.headers(), policy=told.name
            )
        detail = "Authorization must be: Bearer KEY" if malformed else "this API key is not known"
        return ProblemError(
            "unauthorized", detail, headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'}
        )
