"""Every refusal in one form: RFC 9457 problem details with a stable `type` and `code`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from gateway.core.resolve import CannotResolveError
from gateway.engine.errors import (
    EngineError,
    InvalidRequestError,
    RefIdConflictError,
    UnavailableError,
    UnknownProductError,
)
from gateway.ledger.errors import LedgerUnavailableError

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:pulsa-gateway:problem:"

PROBLEMS: dict[str, tuple[int, str]] = {
    "bad_request": (400, "This is not a request that can be read"),
    "invalid_request": (400, "Something in the request cannot be right"),
    "invalid_configuration": (400, "The configuration cannot be used"),
    "unauthorized": (401, "A valid API key is needed"),
    "address_not_allowed": (403, "This key may not be used from this address"),
    "report_refused": (403, "No report is taken from here"),
    "not_found": (404, "There is nothing here"),
    "unknown_product": (404, "There is no such product"),
    "method_not_allowed": (405, "This cannot be done here"),
    "request_timeout": (408, "The request did not arrive in time"),
    "ref_id_conflict": (409, "This ref_id belongs to another purchase"),
    "cannot_resolve": (409, "This cannot be settled by a person now"),
    "cannot_resend": (409, "This cannot be sent again now"),
    "cannot_correct": (409, "This balance cannot be corrected now"),
    "payload_too_large": (413, "The request is too large"),
    "unsupported_media_type": (415, "The body must be JSON"),
    "expectation_failed": (417, "This expectation cannot be met"),
    "rate_limited": (429, "Too many requests"),
    "internal_error": (500, "Something went wrong here"),
    "unavailable": (503, "Nothing can be stored right now"),
}
"""Status and title of each code. Codes are part of the API and do not change."""


class ProblemError(Exception):
    """A refusal. It ends as `application/problem+json`.

    Args:
        code: a key of `PROBLEMS`.
        detail: what the client should know or do; holds no secret and nothing of other clients.
        field: the field of the request that is wrong, where one is.
        errors: all wrong fields, each with `field` and `message`.
        close: end the connection after the answer, because the rest of the request was not read.
        policy: which limit was reached, by its name in `RateLimit-Policy`.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        close: bool = False,
        policy: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.title = PROBLEMS[code]
        self.code = code
        self.detail = detail
        self.field = field
        self.errors = errors
        self.headers = headers or {}
        self.close = close
        self.policy = policy

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "type": TYPE_PREFIX + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.field is not None:
            document["field"] = self.field
        if self.errors:
            document["errors"] = [dict(error) for error in self.errors]
        if self.policy is not None:
            document["violated-policies"] = [self.policy]
        return document

    def response(self) -> web.Response:
        response = web.Response(
            status=self.status,
            body=orjson.dumps(self.document()),
            headers={"Content-Type": CONTENT_TYPE, **self.headers},
        )
        if self.close:
            response.force_close()
        return response


def invalid(field: str, message: str) -> ProblemError:
    """One field is wrong. `message` continues the field's name: `ref_id is required`."""
    return ProblemError(
        "invalid_request", f"{field} {message}", field=field, errors=({"field": field, "message": message},)
    )


def from_engine(error: EngineError | CannotResolveError | LedgerUnavailableError) -> ProblemError:
    """The problem that tells a client what the engine said."""
    match error:
        case InvalidRequestError():
            return invalid(error.field, error.message)
        case UnknownProductError():
            return ProblemError("unknown_product", str(error), field="product")
        case RefIdConflictError():
            return ProblemError("ref_id_conflict", str(error), field="ref_id")
        case UnavailableError():
            return ProblemError("unavailable", str(error), headers={"Retry-After": str(error.retry_after)})
        case CannotResolveError():
            return ProblemError("cannot_resolve", str(error))
        case LedgerUnavailableError():
            return ProblemError("unavailable", "the ledger cannot be reached; try again", headers={"Retry-After": "1"})
    return ProblemError("internal_error", "the request could not be carried out")


_FROM_STATUS = {
    404: ("not_found", "there is nothing at this path; GET /openapi.json describes what there is"),
    413: ("payload_too_large", "the request is too large"),
    417: ("expectation_failed", "only Expect: 100-continue can be met"),
}


def allow(error: web.HTTPMethodNotAllowed) -> str:
    """`Allow`, for a method that a path does not take and for `OPTIONS`, which every path takes."""
    return ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))


def from_http_exception(error: web.HTTPException) -> ProblemError:
    """The problem for what aiohttp itself refuses."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        takes = ", ".join(sorted(error.allowed_methods))
        return ProblemError("method_not_allowed", f"this path takes {takes}", headers={"Allow": allow(error)})
    code, detail = _FROM_STATUS.get(error.status, ("bad_request", "the request cannot be read"))
    return ProblemError(code, detail, close=error.status != 404)
