"""What clients and operators send, as strict types: a number in quotes is no number, an unknown field is a mistake."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

MOST_RUPIAH = 10**15

Visible = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Body(BaseModel):
    """Base of all request bodies. A field's description is also what a client is told when the field is wrong."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class PurchaseBody(Body):
    """`POST /v1/transactions`."""

    ref_id: Visible = Field(
        description="1 to 64 visible ASCII characters: your own unique id of this purchase", examples=["A-1"]
    )
    product: Visible = Field(
        description="the code of a product, a string of 1 to 64 visible ASCII characters", examples=["XL5"]
    )
    dest: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(
        description="a string of 1 to 100 characters: the number that it is for", examples=["081712345678"]
    )
    qty: Annotated[int, Field(ge=1, le=MOST_RUPIAH)] = Field(
        default=1,
        description=f"a whole number from 1 to {MOST_RUPIAH}: 1, or the amount of an open-denomination product",
    )
    max_price: Annotated[int, Field(ge=0, le=MOST_RUPIAH)] | None = Field(
        default=None, description=f"a whole number of rupiah from 0 to {MOST_RUPIAH}: what it may cost at most"
    )


class OperatorBody(Body):
    """Who does it: for what an operator starts."""

    operator: Words = Field(description="the operator's name, 1 to 500 characters")


class PauseBody(OperatorBody):
    """`POST /admin/providers/{provider}/pause`."""

    reason: Words = Field(description="a sentence that says why, 1 to 500 characters")


class RebaseBody(PauseBody):
    """`POST /admin/providers/{provider}/rebase`."""


class DepositBody(PauseBody):
    """`POST /admin/providers/{provider}/deposit`."""

    amount: Annotated[int, Field(ge=-MOST_RUPIAH, le=MOST_RUPIAH)] = Field(
        description=f"a whole number of rupiah that were paid in, below 0 for what was taken out, {MOST_RUPIAH} at most"
    )


class ResolveBody(PauseBody):
    """`POST /admin/transactions/{id}/resolve`."""

    result: Literal["success", "failed"] = Field(description="success or failed")
    serial: Words | None = Field(default=None, description="the serial number, 1 to 500 characters")


def field_errors(model: type[BaseModel], error: ValidationError) -> list[dict[str, str]]:
    """Each wrong field with what it must be; never what was sent. The field is empty where the whole body is wrong."""
    found: dict[str, str] = {}
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        field = ascii(str(one["loc"][0])[:64])[1:-1] if one["loc"] else ""
        if one["type"] == "missing":
            message = "is required"
        elif one["type"] == "extra_forbidden":
            message = "is not a field of this request"
        else:
            known = model.model_fields.get(field)
            message = f"must be {known.description}" if known is not None and known.description else "is not valid"
        found.setdefault(field, message)
    return [{"field": field, "message": message} for field, message in found.items()]
