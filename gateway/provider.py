"""The contract of a provider plugin.

A provider speaks one supplier dialect. It does no I/O: it turns an `Attempt` into a `Call`, and a `Reply` or a
`Report` into an `Outcome`. The gateway sends, times, limits, records and redacts. So a provider is tested with
bytes in and values out.

One class is one dialect (a *kind*); the configuration makes as many accounts of it as there are suppliers.
`purchase` and `read_purchase` are all that a provider must have. Each further pair is a capability, read off the
class: see `capabilities`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from gateway.core.characters import storable
from gateway.core.outcome import Outcome, OutcomeStatus, ReasonCode
from gateway.settings.types import ProviderSettings

__all__ = [
    "Acknowledgement",
    "Asking",
    "Attempt",
    "Call",
    "Capability",
    "Outcome",
    "OutcomeStatus",
    "PriceListing",
    "Provider",
    "ReasonCode",
    "RecordedMessage",
    "Reply",
    "Report",
    "Sandbox",
    "UnreadableReportError",
    "Update",
    "capabilities",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One purchase at one supplier account: what a provider needs to make and read its calls."""

    ref: str
    """Our reference at the supplier: decimal, at most 18 digits, never used twice."""
    product: str
    """The supplier's own product code, from the route."""
    dest: str
    """Where it goes, already checked and normalised by the product's `dest` rule."""
    qty: int = 1
    """1, or the amount of an open-denomination product."""
    max_price: int | None = None
    """The highest price in rupiah that this attempt may cost in all, the amount of an open denomination included, where
    the supplier can be told."""
    nth: int = 1
    """Which purchase of this product for this destination it is today (in Jakarta) at this account, from 1: those that
    failed do not count. Counted only where `Provider.counts_equal_purchases` says so."""
    supplier_ref: str | None = None
    """The supplier's reference, once it is known."""
    started_at: datetime | None = None
    """When the purchase was sent (aware, UTC); `None` before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An HTTP request that the gateway is to send, exactly once.

    `url` goes out as it stands, so a provider encodes it fully. It may carry secrets and is therefore kept out of
    `repr`; each secret string that appears in url, headers or body, in the form in which it appears there, is listed in
    `secrets`, and the gateway masks it in everything it keeps or prints. The secret settings of the account (those of
    type `SecretStr`) are masked whether they are listed or not, also percent-encoded, escaped or in base64; a signature
    is not, and must be listed.

    Raises:
        TypeError: a part is of another type, such as a body that is text or a `secrets=(key)` that is no tuple. Raised
            where the plugin makes the call, so that nothing is bought with half a request.
    """

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.method, str) or not isinstance(self.url, str):
            raise TypeError("method and url are texts")
        if self.body is not None and not isinstance(self.body, bytes):
            raise TypeError("body is bytes: encode it")
        if not isinstance(self.secrets, tuple) or not all(isinstance(secret, str) for secret in self.secrets):
            raise TypeError("secrets is a tuple of texts: (key,), with the comma")
        if not isinstance(self.headers, tuple) or not all(_is_header(header) for header in self.headers):
            raise TypeError('headers is a tuple of pairs of texts: (("accept", "text/plain"),)')


def _is_header(header: object) -> bool:
    match header:
        case (str(), str()):
            return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a supplier answered: complete, decompressed, and within the size limit. A reply that was cut or too large
    never reaches a provider."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; of repeated headers the last."""
    body: bytes = field(repr=False)

    def text(self) -> str:
        """The body as text: UTF-8, and what is not UTF-8 as U+FFFD. Never raises."""
        return self.body.decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A supplier's call back, as it came. `raw_query` and `body` are untouched, because suppliers do not encode."""

    method: str
    raw_query: str = field(repr=False)
    """Everything behind the first `?` of the request target, not decoded."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Names in lower case; of repeated headers the last."""
    body: bytes = field(default=b"", repr=False)
    received_at: datetime | None = None

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; empty where there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What a report says: about which attempt, and what.

    `ref` is our reference, `supplier_ref` the supplier's; at least one should be there, or the report matches nothing
    and waits for a person.
    """

    ref: str | None
    outcome: Outcome
    supplier_ref: str | None = None

    def __post_init__(self) -> None:
        for name in ("ref", "supplier_ref"):
            text = getattr(self, name)
            if isinstance(text, str) and (kept := storable(text)) is not text:
                object.__setattr__(self, name, kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """How to answer a report.

    Raises:
        TypeError, ValueError: a part is none that HTTP can carry. Raised where the plugin makes it; the report is then
            answered `OK`.
    """

    status: int = 200
    """A final one: 200 to 599."""
    body: bytes = b"OK"
    content_type: str = "text/plain"

    def __post_init__(self) -> None:
        if type(self.status) is not int or not isinstance(self.body, bytes) or not isinstance(self.content_type, str):
            raise TypeError("status is an int, body bytes and content_type a text")
        if not 200 <= self.status <= 599:
            raise ValueError("status is 200 to 599")
        if not (self.content_type.isascii() and self.content_type.isprintable() and self.content_type):
            raise ValueError("content_type is a media type, such as text/plain")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceListing:
    """One line of a supplier's price list. The price is whole rupiah and may be zero or negative (commission)."""

    code: str
    name: str
    price: int
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMessage:
    """One recorded message for `gateway rules`: what a supplier wrote, and on which way it came."""

    text: str
    channel: str = "sync"
    """`sync`, `report`, `check`, `dup` (the answer to a repeated reference) or `balance`."""
    status_code: int | None = None
    """The status code of the envelope, where it was already taken out of `text`."""


class UnreadableReportError(ValueError):
    """A report holds nothing that could be read, or its signature is wrong. It changes nothing, is kept for a person
    (`GET /admin/reports/unreadable`) and acknowledged all the same: who forges reports learns nothing.
    """


class Asking(StrEnum):
    """How an account can be asked about an attempt that is still open."""

    QUESTION = "question"
    """By a call that cannot buy anything."""
    RESEND = "resend"
    """Only by sending the purchase again under the same reference: buys it now if it never arrived. Allowed only
    while this is the transaction's only live attempt."""
    NONE = "none"
    """Not at all: reports and people settle it."""


S = TypeVar("S", bound=ProviderSettings)


class Provider(Generic[S]):
    """Base class of every provider. An instance is one account.

    A provider keeps no state between calls, opens no socket, reads no clock and never raises for what a supplier says:
    anything that it cannot read is `OutcomeStatus.UNKNOWN`. An exception that escapes is contained by the gateway and
    counts as `UNKNOWN`.

    All methods are called on the event loop, where everybody waits for them: a millisecond is long. The gateway hands
    arguments over by place. Names of your own methods begin with `_`, so that none is taken for a slip.
    """

    kind: ClassVar[str]
    """The name under which the configuration asks for this dialect: lower-case letters, digits, `-` and `_`."""
    Settings: ClassVar[type[ProviderSettings]] = ProviderSettings
    """The account's settings: a subclass of `ProviderSettings` with the dialect's own fields."""

    def __init__(self, settings: S) -> None:
        self.settings = settings

    def purchase(self, attempt: Attempt) -> Call:
        """The call that buys. The same attempt always gives the same call."""
        raise NotImplementedError

    def read_purchase(self, attempt: Attempt, reply: Reply) -> Outcome:
        """What the answer to `purchase` says about this attempt. An answer about another reference is `UNKNOWN`."""
        raise NotImplementedError

    def counts_equal_purchases(self) -> bool:
        """Whether this supplier takes a second purchase of the same product for the same number on one day only if it
        is told that it is the second: `Attempt.nth`. Costs a question to the ledger and a second commit a purchase."""
        return False

    def asking(self) -> Asking:
        """How this account can be asked about an open attempt. Where it can, `check` and `read_check` exist.

        It may depend on the settings. `Asking.QUESTION` is a promise that no check can ever buy.
        """
        return Asking.NONE

    def check(self, attempt: Attempt) -> Call:
        """The call that asks how an attempt stands. Where asking is `Asking.RESEND`, it is `self.purchase(attempt)`."""
        raise NotImplementedError

    def read_check(self, attempt: Attempt, reply: Reply) -> Outcome:
        """What the answer to `check` says. "No such transaction" is `UNKNOWN` with `never_seen`."""
        raise NotImplementedError

    def read_report(self, report: Report) -> Sequence[Update]:
        """What a call back says; usually one update.

        A supplier that signs: check it here, over `report.body` or `report.raw_query` as they came, with
        `hmac.compare_digest` on bytes (texts with other letters make it raise). Headers are named in lower case. What
        is no report about a purchase, such as a ping, is unreadable too.

        Raises:
            UnreadableReportError: nothing in it could be read, or its signature is wrong.
        """
        raise NotImplementedError

    def acknowledge(self, report: Report) -> Acknowledgement:
        """How this supplier wants a report answered. It is answered so whether or not the reference is known, the
        report could be read and the signature was right; so it depends on nothing that a report says."""
        return Acknowledgement()

    def balance(self) -> Call:
        """The call that asks for the deposit's balance."""
        raise NotImplementedError

    def read_balance(self, reply: Reply) -> int | None:
        """The balance in rupiah, or `None` where the answer does not say."""
        raise NotImplementedError

    def price_list(self) -> Call:
        """The call that asks for the price list."""
        raise NotImplementedError

    def read_price_list(self, reply: Reply) -> Sequence[PriceListing]:
        """The price list; empty where the answer holds none."""
        raise NotImplementedError

    def read_message(self, message: RecordedMessage) -> Outcome:
        """The verdict on one recorded message, by the same rules as on a live one (`gateway rules`)."""
        raise NotImplementedError


class Capability(StrEnum):
    """What a kind can do, read off its class so that no list can lie."""

    PURCHASE = "purchase"
    CHECK = "check"
    REPORT = "report"
    BALANCE = "balance"
    PRICE_LIST = "price_list"
    RULES = "rules"


_METHODS: dict[Capability, tuple[str, ...]] = {
    Capability.PURCHASE: ("purchase", "read_purchase"),
    Capability.CHECK: ("check", "read_check"),
    Capability.REPORT: ("read_report",),
    Capability.BALANCE: ("balance", "read_balance"),
    Capability.PRICE_LIST: ("price_list", "read_price_list"),
    Capability.RULES: ("read_message",),
}


def capabilities(kind: type[Provider[Any]]) -> frozenset[Capability]:
    """What `kind` can do: a capability is there when all of its methods are overridden."""
    return frozenset(
        capability
        for capability, names in _METHODS.items()
        if all(getattr(kind, name) is not getattr(Provider, name) for name in names)
    )


class Sandbox(Protocol):
    """A pretend supplier of one kind: a real HTTP server for tests, for `make run` and for `gateway sandbox`."""

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port (which is new where 0 was asked for)."""

    async def stop(self) -> None:
        """Stop listening, and drop the reports that are still to be sent."""
