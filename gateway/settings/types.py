"""The configuration file as types. Reading and checking the file is `gateway.settings.load`'s work.

Money is whole rupiah, durations are seconds as `float` (written `500ms`, `30s`, `2m`, `6h`, `1d` in the file), and
every model is frozen and refuses unknown keys.
"""

from __future__ import annotations

import ipaddress
import math
import re
import zoneinfo
from datetime import time
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)

from gateway.core.outcome import ReasonCode
from gateway.settings.urls import HTTP, networks_meant_by, url_mistake

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", re.ASCII)
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(value: object) -> object:
    """Seconds from `500ms`, `30s`, `2m`, `6h` or `1d`; numbers are refused, because they do not say their unit."""
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        return float(match[1]) * _UNIT_SECONDS[match[2]]
    raise ValueError("must be a duration: write a number and a unit, such as 500ms, 30s, 2m, 6h or 1d")


def parse_network(value: object) -> object:
    """A network from `203.0.113.7`, `10.0.0.0/8` or the same in IPv6. Bits behind the mask must be 0."""
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    if isinstance(value, str):
        try:
            return ipaddress.ip_network(value.strip(), strict=True)
        except ValueError as error:
            if "host bits" in str(error):
                network = ipaddress.ip_network(value.strip(), strict=False)
                raise ValueError(f"has bits of the address set behind the mask: write {network}") from None
    raise ValueError("must be an address or a network, such as 203.0.113.7 or 10.0.0.0/8")


_CUTOFF = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def parse_cutoff(text: str) -> tuple[time, time]:
    """From when (included) to when (not included) a route is closed, from `23:45-00:15`; may reach over midnight.

    Raises:
        ValueError: it is not such a window, or has no length.
    """
    match = _CUTOFF.fullmatch(text)
    if match is None:
        raise ValueError("must be two times of the day in 24 hours, such as 23:45-00:15")
    start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if start == end:
        raise ValueError("begins and ends at the same time: a route that is always closed is written enabled: false")
    return start, end


def _cutoff(value: str | None) -> str | None:
    if value is not None:
        parse_cutoff(value)
    return value


def _timezone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            "is not a time zone: write a name such as Asia/Jakarta, Asia/Makassar or Asia/Jayapura"
        ) from None
    return value


PositiveSeconds = Annotated[float, BeforeValidator(parse_duration), Field(gt=0, allow_inf_nan=False)]
Rupiah = Annotated[int, Field(ge=-(10**15), le=10**15)]
Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, BeforeValidator(parse_network)]


def _http(value: str) -> str:
    mistake = url_mistake(value, HTTP)
    if mistake:
        raise ValueError(mistake)
    return value


def _reason_code(value: str) -> str:
    if value not in list(ReasonCode):
        raise ValueError(f"is not a reason code: {', '.join(ReasonCode)}")
    return value


def _host(value: str) -> str:
    if _HOST.fullmatch(value) is None:  # an empty one would listen to every network
        raise ValueError("must be an address or the name of a host, such as 127.0.0.1, or 0.0.0.0 for every network")
    return value


def _report_token(value: SecretStr) -> SecretStr:
    token = value.get_secret_value()
    if _PATH_SEGMENT.fullmatch(token) is None or token in {".", ".."}:
        raise ValueError(
            "cannot be the last part of a path: 1 to 200 letters, digits, - . _ ~ or = are safe; "
            "make one with: gateway keys new reports"
        )
    return value


def _audit_path(value: str | None) -> str | None:
    if value == "":
        raise ValueError("is empty; write the name of a file, or null for no audit log")
    return value


_HOST = re.compile(r"[A-Za-z0-9._:%-]{1,255}", re.ASCII)
_PATH_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]{1,200}", re.ASCII)
"""What stands in a path as it is (RFC 3986, `pchar`): a `/` or `?` would end the token, and no report would come in."""

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
PRODUCT_CODE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
KEY_HASH_PATTERN = r"^sha256:[0-9a-f]{64}$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
ProductCode = Annotated[str, StringConstraints(pattern=PRODUCT_CODE_PATTERN)]
HttpUrl = Annotated[str, AfterValidator(_http)]
Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Model(BaseModel):
    """Frozen, and a key that it does not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Server(Model):
    """Where the gateway listens, and how much it takes from one request."""

    host: Host = "127.0.0.1"
    port: Port = 8080
    admin_host: Host = "127.0.0.1"
    admin_port: Port = 9090
    trusted_proxies: tuple[Network, ...] = ()
    max_body: Annotated[int, Field(ge=1024, le=10_000_000)] = 65_536
    """Bytes of one request body, from clients and from suppliers."""
    accepting: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Purchases that are being stored at the same time where more arrive than the machine carries. What is above is
    refused at once, with `503` and `Retry-After`."""
    accepting_burst: Annotated[int, Field(ge=1, le=100_000)] = 1024
    """The same where they arrive for less than half a second."""
    drain: PositiveSeconds = 25.0
    """How long a stop waits for what is in flight."""


class LedgerSettings(Model):
    """Where the truth is kept."""

    url: str = Field(default="sqlite:///var/gateway.db", repr=False)


class Cluster(Model):
    """What several replicas share."""

    redis: str | None = Field(default=None, repr=False)


class Audit(Model):
    """The audit log."""

    path: Annotated[str | None, AfterValidator(_audit_path)] = "var/audit.jsonl"
    """`null`: none is written."""
    mask: bool = True


class Log(Model):
    """The operational log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Rate(Model):
    """How many requests a client may make: a steady rate, and how many at once where it was quiet before."""

    per_second: Annotated[float, Field(ge=0.001, le=1_000_000)]
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Left out: what a second gives, 1 at least."""

    @property
    def most(self) -> int:
        """How many requests may come at once."""
        return math.ceil(self.per_second) if self.burst is None else self.burst


class Daily(Model):
    """How much a client may buy a day. What failed or was taken back does not count."""

    purchases: Annotated[int, Field(ge=1, le=10**9)] | None = None
    amount: Annotated[int, Field(ge=1, lt=10**15)] | None = None
    """Rupiah. What is still open counts with the most that it may cost."""
    timezone: Annotated[str, AfterValidator(_timezone)] = "Asia/Jakarta"
    """Where the day begins at midnight."""


class Webhook(Model):
    """Where a client's notifications go, signed by the Standard Webhooks scheme."""

    url: HttpUrl
    secret: SecretStr | tuple[SecretStr, ...]
    """Several secrets sign side by side while one is being replaced; the first is the newest."""
    allow_networks: tuple[Network, ...] = Field(
        default_factory=lambda given: networks_meant_by(given["url"]) if "url" in given else ()
    )
    """Networks that are not public, and to which a notification may go all the same. Left out: what the URL says by
    its own words."""


KeyHash = Annotated[str, StringConstraints(pattern=KEY_HASH_PATTERN)]


class Client(Model):
    """A platform that buys through the gateway."""

    id: Name
    key_hash: KeyHash | tuple[KeyHash, ...]
    allow_from: tuple[Network, ...] = ()
    """Left out: from anywhere."""
    rate: Rate | None = None
    daily: Daily | None = None
    webhook: Webhook | None = None

    @property
    def key_hashes(self) -> tuple[str, ...]:
        return (self.key_hash,) if isinstance(self.key_hash, str) else self.key_hash


class Reports(Model):
    """Who may call back, and what a report is worth."""

    allow_from: tuple[Network, ...] = ()
    """Empty: nobody."""
    token: Annotated[SecretStr, AfterValidator(_report_token)] | None = None
    """The last part of the report's path: `/reports/{provider}/{token}`."""
    trust: Literal["verify", "source"] = "verify"
    """`verify` asks the supplier before a report is believed; `source` believes an allowed address with the token."""


class AccountLimits(Model):
    """How hard a supplier may be driven."""

    per_second: Annotated[float, Field(gt=0, le=100_000)] | None = None
    in_flight: Annotated[int, Field(ge=1, le=10_000)] = 50
    queue: Annotated[int, Field(ge=0, le=1_000_000)] = 1_000
    """How many purchases may wait for their turn."""
    wait: PositiveSeconds = 10.0
    """How long one may wait; then the next route is tried."""


class Timeouts(Model):
    """`connect` covers everything up to a ready connection; `answer` everything from there to the last byte."""

    connect: PositiveSeconds = 5.0
    answer: PositiveSeconds = 30.0


class NeverSeen(Model):
    """When a supplier's "no such transaction" counts as proof that a purchase never ran."""

    after: PositiveSeconds = 600.0
    """Quiet time since the purchase was sent. Keep it far above what a request can take on its way."""
    times: Annotated[int, Field(ge=1, le=100)] = 2
    """How many such answers in a row are needed."""


DEFAULT_CHECKS = (30.0, 120.0, 600.0, 1800.0, 7200.0, 21600.0)


def _rising(value: tuple[float, ...]) -> tuple[float, ...]:
    if list(value) != sorted(set(value)):
        raise ValueError("checks must rise: each is counted from the moment the purchase was sent")
    return value


class ProviderSettings(Model):
    """What every account has, whatever its dialect. A plugin adds its own fields in a subclass."""

    id: Name
    kind: Name
    url: HttpUrl = Field(repr=False)
    """The supplier's address. It may hold a secret path, so it is treated as one."""
    enabled: bool = True
    reports: Reports = Reports()
    limits: AccountLimits = AccountLimits()
    timeouts: Timeouts = Timeouts()
    checks: Annotated[tuple[PositiveSeconds, ...], Field(min_length=1), AfterValidator(_rising)] = DEFAULT_CHECKS
    """When to ask about an open attempt, counted from the moment it was sent; after the last a person is asked."""
    never_seen: NeverSeen | None = None
    """Left out: a supplier's "no such transaction" never counts as proof."""
    resend_within: PositiveSeconds = 43_200.0
    """Where asking is resending: how long the supplier surely remembers a reference. Later it would buy again."""
    no_failover: tuple[Annotated[str, AfterValidator(_reason_code)], ...] = ()
    """Reason codes after which this account's failures are final, though another supplier might cure them."""
    proxy: HttpUrl | None = Field(default=None, repr=False)
    monthly_commitment: Annotated[int, Field(ge=0)] | None = None
    """How many purchases a month the supplier asks for."""
    balance_every: PositiveSeconds | None = None
    """How often to ask for the balance."""


class Route(Model):
    """One way to buy a product: an account, the supplier's code for it, and what it costs there."""

    provider: Name
    code: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    price: Rupiah
    """Of an open denomination: what the supplier takes on top of the amount, below 0 for a discount."""
    weight: Annotated[int, Field(ge=0, le=1000)] = 1
    cutoff: Annotated[str | None, AfterValidator(_cutoff)] = None
    """Hours in which this route is closed, `23:45-00:15` in `timezone`."""
    timezone: Annotated[str, AfterValidator(_timezone)] = "Asia/Jakarta"
    enabled: bool = True


class Product(Model):
    """Something that clients can buy."""

    code: ProductCode
    name: str = ""
    dest: Literal["msisdn", "meter", "free"] = "msisdn"
    open_denomination: bool = False
    """Whether `qty` is an amount; otherwise it must be 1."""
    routes: Annotated[tuple[Route, ...], Field(min_length=1)]
    enabled: bool = True


class Routing(Model):
    """How routes are chosen, and when to stop trying."""

    strategy: Literal["priority", "cheapest", "weighted", "balanced-by-success"] = "priority"
    deadline: PositiveSeconds = 120.0
    """After this no new attempt starts; what is under way is still followed."""
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3


_DAY = 86_400.0
_LEAST_KEPT = 7 * _DAY
"""An open purchase may need its evidence for so long."""


def _kept_long_enough(value: float | None) -> float | None:
    if value is not None and value < _LEAST_KEPT:
        raise ValueError("must be 7d or longer: until then a purchase may need it; null keeps it for ever")
    return value


Kept = Annotated[PositiveSeconds | None, AfterValidator(_kept_long_enough)]
"""How long something is kept; `null` in the file: for ever."""


class Retention(Model):
    """How long the ledger keeps what is not the purchase itself. Counted from the last change of its transaction, and
    never for one that is open or that a person has to look at. Transactions leave by `gateway prune` alone."""

    exchanges: Kept = 180 * _DAY
    """Requests to suppliers and their answers, word for word: what a claim at a supplier is made of."""
    reports: Kept = 180 * _DAY
    """Suppliers' reports as they came."""
    events: Kept = 400 * _DAY
    """What happened to each transaction, and where an event stream can be resumed."""
    notifications: Kept = 90 * _DAY
    """Notifications that were delivered; until then they can be sent again."""
    balances: Kept = 400 * _DAY
    """What suppliers said is left, a line a minute at most."""
    batch: Annotated[int, Field(ge=50, le=1000)] = 500
    """Rows that are removed in one commit."""


class Settings(Model):
    """The whole configuration."""

    server: Server = Server()
    ledger: LedgerSettings = LedgerSettings()
    cluster: Cluster = Cluster()
    audit: Audit = Audit()
    log: Log = Log()
    clients: tuple[Client, ...] = ()
    providers: tuple[ProviderSettings, ...] = ()
    """Each of the class that its kind declares."""
    products: tuple[Product, ...] = ()
    routing: Routing = Routing()
    retention: Retention = Retention()
