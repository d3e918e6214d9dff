"""Why the engine did not do what it was asked. Each message is for the person who asked."""

from __future__ import annotations

from gateway.core.transaction import Transaction
from gateway.errors import GatewayError


class EngineError(GatewayError):
    """Base of the engine's refusals."""


class InvalidRequestError(EngineError):
    """One field of the request cannot be right."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field
        self.message = message


class UnknownProductError(EngineError):
    """The catalogue has no such product."""

    def __init__(self, product: str) -> None:
        super().__init__(f"there is no product {product!r}; GET /v1/products lists what can be bought")
        self.product = product


class RefIdConflictError(EngineError):
    """The client has used this `ref_id` for another request."""

    def __init__(self, existing: Transaction) -> None:
        super().__init__(
            f"ref_id {existing.ref_id!r} belongs to transaction {existing.id}, which asked for something else. "
            f"A second try of that one has to be the same body, and GET /v1/transactions/{existing.id} tells how it "
            "stands; another purchase needs another ref_id"
        )
        self.existing = existing


class UnavailableError(EngineError):
    """Nothing was stored and nothing was sent; the same request may be sent again with the same `ref_id`."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DrainingError(UnavailableError):
    """The gateway is stopping and takes no new purchases."""

    def __init__(self) -> None:
        super().__init__("this gateway is stopping; send the same request again", retry_after=5)
