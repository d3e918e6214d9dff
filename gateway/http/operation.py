"""What `/openapi.json` says about each route, beside what the route table says already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from gateway.core.transaction import TransactionStatus
from gateway.http import views
from gateway.http.listing import DEFAULT_PAGE, LARGEST_PAGE
from gateway.http.models import DepositBody, OperatorBody, PauseBody, PurchaseBody, RebaseBody, ResolveBody
from gateway.settings.types import NAME_PATTERN

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[ -~]{1,100}$"}
_MOMENT: Schema = {
    "type": "string",
    "format": "date-time",
    "description": "a moment with its offset, such as 2026-11-23T10:00:00+07:00",
}
CURSOR: Mapping[str, Schema] = {
    "cursor": {
        "type": "string",
        "minLength": 1,
        "pattern": "^[A-Za-z0-9_-]+$",
        "description": "next_cursor of an earlier answer",
    },
    "limit": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": DEFAULT_PAGE},
}
_FILTERS: Mapping[str, Schema] = {
    "status": {"type": "string", "enum": [status.value for status in TransactionStatus]},
    "product": _TEXT,
    "dest": {**_TEXT, "description": "as it was written, or as it is shown: +62812… and 62812… find 0812…"},
    "from": {**_MOMENT, "description": "created at this moment or later"},
    "to": {**_MOMENT, "description": "created before this moment"},
    **CURSOR,
}
_REF_ID: Schema = {"type": "string", "description": "one transaction by the client's own id; takes no other filter"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One route, for its reader."""

    summary: str
    answers: Mapping[int | str, type[BaseModel] | tuple[type[BaseModel], ...] | str] = field(default_factory=dict)
    """What succeeds: by status (`2XX`: the plugin chooses) a model, several models of which one, or a media type."""
    body: type[BaseModel] | None = None
    body_needed: bool = True
    query: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, Schema] = field(default_factory=dict)
    told: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """Headers of what succeeds, by status: name and meaning."""
    problems: tuple[str, ...] = ()
    """Codes beside those that every route of its kind may answer with."""


_PURCHASE_HEADERS: Mapping[str, Schema] = {
    "Prefer": {
        "type": "string",
        "description": "wait=N: answer when the status is final, or after N seconds, 60 at most; what cannot be read "
        "is ignored (RFC 7240)",
    }
}
_APPLIED = {"Preference-Applied": "wait=N, where Prefer was taken: the seconds that it was taken for"}

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/v1/transactions"): Operation(
        summary="Buy: 201 with a new transaction, 200 with the one that the ref_id has already",
        answers={201: views.TransactionView, 200: views.TransactionView},
        body=PurchaseBody,
        headers=_PURCHASE_HEADERS,
        told={
            201: {"Location": "where the new transaction is read", **_APPLIED},
            200: {"Idempotent-Replayed": "true: this body came before under this ref_id", **_APPLIED},
        },
        problems=("unknown_product", "ref_id_conflict", "unavailable"),
    ),
    ("GET", "/v1/transactions"): Operation(
        summary="With ref_id one transaction, otherwise a page, newest first",
        answers={200: (views.TransactionPage, views.TransactionView)},
        query={"ref_id": _REF_ID, **_FILTERS},
        problems=("invalid_request", "not_found", "unavailable"),
    ),
    ("GET", "/v1/transactions/{id}"): Operation(
        summary="One transaction",
        answers={200: views.TransactionView},
        problems=("invalid_request", "not_found", "unavailable"),
    ),
    ("GET", "/v1/transactions/{id}/events"): Operation(
        summary="Everything that happened to a transaction, in order",
        answers={200: views.Events},
        problems=("invalid_request", "not_found", "unavailable"),
    ),
    ("GET", "/v1/events"): Operation(
        summary="Server-Sent Events: what happens to your transactions from now on, or after Last-Event-ID",
        answers={200: "text/event-stream"},
        headers={"Last-Event-ID": {"type": "string", "pattern": "^[0-9]{0,19}$"}},
        problems=("invalid_request", "unavailable"),
    ),
    ("GET", "/v1/products"): Operation(
        summary="What can be bought now", answers={200: views.Products}, problems=("invalid_request",)
    ),
    **{
        (method, path): Operation(
            summary="A supplier's report: no key, but an allowed address, and the account's token where it has one",
            answers={"2XX": "*/*"},
            problems=("report_refused", "unavailable"),
        )
        for method in ("GET", "POST")
        for path in ("/reports/{provider}", "/reports/{provider}/{token}")
    },
    ("GET", "/openapi.json"): Operation(summary="This description", answers={200: "application/json"}),
    ("GET", "/docs"): Operation(summary="This description as a page for people", answers={200: "text/html"}),
    ("GET", "/docs/{file}"): Operation(
        summary="A part of that page", answers={200: "text/css, text/javascript"}, problems=("not_found",)
    ),
    ("GET", "/healthz"): Operation(summary="The process answers", answers={200: views.Health}),
    ("GET", "/readyz"): Operation(
        summary="Whether purchases can be taken, and why not", answers={200: views.Readiness, 503: views.Readiness}
    ),
    ("GET", "/metrics"): Operation(summary="Metrics for Prometheus", answers={200: "text/plain"}),
    ("GET", "/admin/providers"): Operation(
        summary="Each account with its state, breaker, balance and last errors",
        answers={200: views.Providers},
        problems=("invalid_request",),
    ),
    ("POST", "/admin/providers/{provider}/pause"): Operation(
        summary="Buy nothing through an account; what is open is still followed",
        answers={200: views.Paused},
        body=PauseBody,
        problems=("not_found", "unavailable"),
    ),
    ("POST", "/admin/providers/{provider}/resume"): Operation(
        summary="Buy through an account again",
        answers={200: views.Paused},
        body=OperatorBody,
        problems=("not_found", "unavailable"),
    ),
    ("POST", "/admin/providers/{provider}/deposit"): Operation(
        summary="Say that money was paid in at the supplier, so that it is no drift",
        answers={200: views.Corrected},
        body=DepositBody,
        problems=("not_found", "cannot_correct", "unavailable"),
    ),
    ("POST", "/admin/providers/{provider}/rebase"): Operation(
        summary="Count on from what the supplier said last, without a drift",
        answers={200: views.Corrected},
        body=RebaseBody,
        problems=("not_found", "cannot_correct", "unavailable"),
    ),
    ("GET", "/admin/transactions"): Operation(
        summary="Transactions of every client, newest first; ref_id needs client beside it",
        answers={200: views.OperatorTransactionPage},
        query={"ref_id": _REF_ID, "client": _TEXT, "provider": _TEXT, **_FILTERS},
        problems=("invalid_request", "unavailable"),
    ),
    ("GET", "/admin/transactions/{id}"): Operation(
        summary="A transaction with its attempts, events and exchanges",
        answers={200: views.WholeTransactionView},
        problems=("not_found", "unavailable"),
    ),
    ("POST", "/admin/transactions/{id}/check"): Operation(
        summary="Ask the supplier now",
        answers={200: views.OperatorTransactionView},
        body=OperatorBody,
        problems=("not_found", "unavailable"),
    ),
    ("POST", "/admin/transactions/{id}/resolve"): Operation(
        summary="Settle what no supplier will say",
        answers={200: views.OperatorTransactionView},
        body=ResolveBody,
        problems=("not_found", "cannot_resolve", "unavailable"),
    ),
    ("GET", "/admin/review"): Operation(
        summary="Transactions that only a person can settle, newest first",
        answers={200: views.OperatorTransactionPage},
        query={"client": _TEXT, "provider": {**_TEXT, "description": "has an attempt at this account"}, **CURSOR},
        problems=("invalid_request", "unavailable"),
    ),
    ("GET", "/admin/webhooks"): Operation(
        summary="Receivers, and what was and was not delivered to them",
        answers={200: views.Webhooks},
        query={
            **CURSOR,
            "cursor": {**CURSOR["cursor"], "pattern": "^msg_[0-9]{18}_[a-z]{1,32}$"},
            "client": {"type": "string", "pattern": NAME_PATTERN},
            "state": {"type": "string", "enum": ["pending", "delivered", "dead"]},
            "transaction": {"type": "string", "pattern": "^[0-9]{18}$"},
        },
        problems=("invalid_request", "unavailable"),
    ),
    ("POST", "/admin/webhooks/{notification}/resend"): Operation(
        summary="Send a notification again",
        answers={200: views.WebhookView},
        body=OperatorBody,
        problems=("not_found", "cannot_resend", "unavailable"),
    ),
    **{
        ("GET", f"/admin/reports/{kind}"): Operation(
            summary=summary,
            answers={200: views.Reports},
            query=CURSOR,
            problems=("invalid_request", "unavailable"),
        )
        for kind, summary in (
            ("unmatched", "Reports about references that we do not know, newest first"),
            ("unreadable", "Reports that no rule understood, newest first"),
        )
    },
    ("GET", "/admin/messages/unreadable"): Operation(
        summary="Answers that no rule understood, of purchases that are open; a page may be short and have a next one",
        answers={200: views.Messages},
        query=CURSOR,
        problems=("invalid_request", "unavailable"),
    ),
    ("POST", "/admin/reload"): Operation(
        summary="Read the configuration again; with any mistake in it everything stays as it is",
        answers={200: views.Reloaded},
        body=OperatorBody,
        body_needed=False,
        problems=("invalid_configuration", "not_found"),
    ),
}
"""By method and path."""
