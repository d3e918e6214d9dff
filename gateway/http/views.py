"""What is answered, as types for `/openapi.json`. The handlers answer plain dictionaries, for speed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.core.outcome import ReasonCode
from gateway.core.transaction import AttemptStatus, TransactionStatus


class View(BaseModel):
    """Base of all answers: nothing in them that is not described."""

    model_config = ConfigDict(extra="forbid")


class ReasonView(View):
    """Why it did not succeed."""

    code: ReasonCode
    message: str


class AttemptView(View):
    """One purchase at one supplier account."""

    id: str = Field(description="our reference at the supplier")
    provider: str
    status: AttemptStatus
    supplier_ref: str | None
    message: str
    started_at: datetime
    ended_at: datetime | None


class TransactionView(View):
    """A purchase, and everything that a client may know about it."""

    id: str = Field(description="18 digits")
    ref_id: str = Field(description="the client's own id of it")
    product: str
    dest: str = Field(description="checked and normalised")
    qty: int
    status: TransactionStatus = Field(description="all but pending are final; reversed follows success only")
    needs_review: bool = Field(description="only a person can settle it")
    reason: ReasonView | None
    serial: str | None
    price: int | None = Field(description="rupiah")
    provider: str | None = Field(description="the account that delivered")
    attempts: list[AttemptView]
    created_at: datetime
    updated_at: datetime
    bill: dict[str, str] | None = Field(default=None, description="what an inquiry found; left out where none was made")


class TransactionPage(View):
    """Transactions, newest first."""

    transactions: list[TransactionView]
    next_cursor: str | None = Field(description="the cursor of the next page; null on the last")


class EventView(View):
    """Something that happened to a transaction."""

    id: int
    transaction: str
    event: str = Field(
        description="accepted, attempt_started, attempt, status, enriched, confirmed, report_to_verify, check_asked, "
        "needs_review, conflict or resolved; others may come to be, and are to be passed over"
    )
    at: datetime
    source: str = Field(
        description="who or what told: client, gateway, answer, report, check, recovery, clock or operator"
    )
    attempt: str | None
    data: dict[str, Any]


class StreamedEvent(EventView):
    """`data` of a Server-Sent Event; `id` and `event` are those of the event, too."""

    state: TransactionView | None = Field(description="the transaction as it is now, not as it was then")


class Events(View):
    """Everything that happened to a transaction, in order."""

    events: list[EventView]


class ProductView(View):
    """Something that can be bought."""

    product: str
    name: str
    dest: Literal["msisdn", "meter", "free"]
    open_denomination: bool = Field(description="qty is the amount")
    available: bool
    price: int | None = Field(
        description="the lowest price of a route that is open now, in rupiah; of an open denomination without qty"
    )


class Products(View):
    """What can be bought."""

    products: list[ProductView]


class FieldError(View):
    """A field that is wrong."""

    field: str
    message: str


class Problem(View):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="stable; programs decide on it")
    field: str | None = Field(default=None, description="the field that is wrong; left out where none is")
    errors: list[FieldError] = Field(default=[], description="all fields that are wrong; left out where none is")
    violated_policies: list[str] = Field(
        default=[],
        alias="violated-policies",
        description="with 429 the limit that was reached, by its name in RateLimit-Policy: requests, daily_purchases, "
        "daily_amount or wrong_keys; left out otherwise",
    )


class OperatorAttemptView(AttemptView):
    """An attempt, with what only operators see."""

    product: str = Field(description="the supplier's code")
    expected_price: int | None
    price: int | None
    serial: str | None
    reason: ReasonView | None
    rule: str | None = Field(description="the message rule that gave the verdict")
    contested: bool
    checks_done: int
    never_seen: int
    next_check_at: datetime | None


class OperatorTransactionView(TransactionView):
    """A transaction, with what only operators see."""

    client: str
    max_price: int | None
    conflict: bool
    owner: str
    deadline_at: datetime
    final_at: datetime | None
    attempts: list[OperatorAttemptView]  # type: ignore[assignment]  # what is read only may be narrower


class OperatorTransactionPage(View):
    """Transactions of all clients, newest first."""

    transactions: list[OperatorTransactionView]
    next_cursor: str | None


class ExchangeView(View):
    """One call to a supplier: redacted and capped."""

    attempt: str | None
    provider: str
    purpose: str
    request: str
    response: str | None
    status: int | None
    failure: str | None
    started_at: datetime
    duration_ms: int


class WholeTransactionView(OperatorTransactionView):
    """A transaction with its events and exchanges."""

    events: list[EventView]
    exchanges: list[ExchangeView]


class ReportView(View):
    """A supplier's report: redacted and capped."""

    id: int
    provider: str
    received_at: datetime
    remote: str
    method: str
    query: str
    body: str
    attempt: str | None
    verdict: str


class Reports(View):
    """Reports, newest first."""

    reports: list[ReportView]
    next_cursor: str | None


class MessageView(View):
    """A supplier's answer: redacted and capped."""

    transaction: str
    attempt: str
    provider: str
    purpose: str = Field(description="what was asked: purchase or check")
    at: datetime
    status: int | None = Field(description="of HTTP")
    message: str


class Messages(View):
    """Answers, those of the newest transactions first."""

    messages: list[MessageView]
    next_cursor: str | None


class WebhookView(View):
    """A notification, and how its delivery stands."""

    id: str
    transaction: str
    client: str
    event: str
    state: str
    created_at: datetime
    tries: int
    next_try_at: datetime | None
    tried_at: datetime | None
    delivered_at: datetime | None
    dead_at: datetime | None
    last_error: str | None


class Webhooks(View):
    """Each client's receiver, and notifications, of the newest transactions first."""

    receivers: list[dict[str, Any]]
    webhooks: list[WebhookView]
    next_cursor: str | None


class Providers(View):
    """The accounts, and how each one stands."""

    providers: list[dict[str, Any]] = Field(
        description="success_rate is the share of delivered ones among the last success_rate_of purchases that ended "
        "at the account, at most 200 and since the start of this replica; null where none has ended. What is open or "
        "unknown does not count, nor does what would have failed at any supplier, such as a wrong number"
    )


class Paused(View):
    """Whether an account is paused now."""

    provider: str
    paused: bool


class Corrected(View):
    """A balance after an operator's correction, in rupiah."""

    provider: str
    reported: int | None = Field(description="what the supplier said last")
    before: int | None = Field(description="the computed balance before the correction")
    computed: int | None
    drift: int | None


class Reloaded(BaseModel):
    """What is in force now."""

    model_config = ConfigDict(extra="allow")
    reloaded: Literal[True]


class Health(View):
    """The process answers."""

    status: Literal["ok"]


class Readiness(View):
    """Whether purchases can be taken, and what is wrong."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, str]
