"""The settings of an account at an OtomaX supplier. Every point in which suppliers differ is one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from gateway import OutcomeStatus, ProviderSettings, ReasonCode
from gateway.core.rules import Rule, RuleError, RuleSet, check_pattern
from gateway.settings.types import HttpUrl, Model
from gateway_otomax.earlier import EarlierBy
from gateway_otomax.rules import DEFAULT_RULES
from gateway_otomax.sign import SignCase, SignEncoding
from gateway_otomax.status_codes import DEFAULT_CODES, CodeMeaning

__all__ = ["MessageRule", "OtomaxSettings", "ParameterNames", "StatusCode"]


def _usable(pattern: str) -> str:
    check_pattern(pattern)
    return pattern


Pattern = Annotated[str, StringConstraints(min_length=1), AfterValidator(_usable)]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]


class MessageRule(Model):
    """One message rule of the account."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    """A new name adds a rule before the default ones; the name of a default rule takes that one's place."""
    match: Pattern
    """A regular expression, searched anywhere in the message, upper and lower case alike."""
    unless: Pattern | None = None
    """A regular expression that must not be found."""
    status: OutcomeStatus
    reason: ReasonCode | None = None
    over: Literal["message", "words", "evidence", "deciding"] = "message"
    """Which view of the message: as it came, or one of those that the default rules read (see the README)."""
    never_seen: bool = False
    account_refused: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.rule()
        return self

    def rule(self) -> Rule:
        """The rule as the core knows it."""
        return Rule(
            name=self.name,
            pattern=self.match,
            unless=self.unless,
            status=self.status,
            reason=self.reason,
            view=self.over,
            never_seen=self.never_seen,
            account_refused=self.account_refused,
        )


class StatusCode(Model):
    """What a status code of this supplier means. In the file a bare status word will do: `2: success`."""

    status: OutcomeStatus
    reason: ReasonCode | None = None
    account_refused: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.account_refused and self.status is not OutcomeStatus.REJECTED:
            raise ValueError("account_refused goes with the status rejected")
        return self


def _from_word(value: object) -> object:
    return {"status": value} if isinstance(value, str) else value


Code = Annotated[int, Field(ge=0, le=99_999)]
CodeEntry = Annotated[StatusCode, BeforeValidator(_from_word)]


class ParameterNames(Model):
    """What the supplier calls the parameters of a purchase."""

    product: ParameterName = "product"
    qty: ParameterName | None = "qty"
    """Empty (`null`): no quantity is sent."""
    dest: ParameterName = "dest"
    ref: ParameterName = "refID"
    member_id: ParameterName = "memberID"
    sign: ParameterName = "sign"
    pin: ParameterName = "pin"
    password: ParameterName = "password"  # noqa: S105 - the name of a parameter, not a password
    max_price: ParameterName | None = None
    """`harga_max`, `max_price` or `hargamax` at suppliers that take a price cap; left out, none is sent."""
    counter: ParameterName | None = None
    """Where the supplier wants "the n-th same purchase today": the parameter's name."""
    check: ParameterName = "check"


class OtomaxSettings(ProviderSettings):
    """An account at an OtomaX supplier."""

    member_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    pin: SecretStr
    password: SecretStr

    method: Literal["GET", "POST"] = "GET"
    """POST sends the parameters as a form."""
    auth: Literal["sign", "pin"] = "sign"
    """`pin` sends PIN and password themselves, for suppliers that take no signature."""
    sign_encoding: SignEncoding = SignEncoding.BASE64URL
    sign_prefix: str = "OtomaX"
    sign_case: SignCase = SignCase.AS_GIVEN
    names: ParameterNames = ParameterNames()
    params: dict[ParameterName, str] = Field(default={}, repr=False)
    """Further parameters that go with every purchase and check, as they are."""
    send_qty: Literal["always", "open", "never"] = "always"
    """`open`: only when it is not 1."""

    check: Literal["param", "resend", "none"] = "param"
    """How an open attempt is asked about: the same request with `check=1`; the same request again, whose duplicate
    answer tells the status; not at all. Keep `param` only where the supplier knows it: elsewhere it is a resend."""
    check_value: str = "1"
    earlier_by: EarlierBy = "named"
    """How the supplier finds an earlier purchase ("sdh pernah …, status Sukses"): by our `reference` alone; by the
    `number`, so that it may be another order's; or nobody knows: then it is believed only in answer to a check, or in a
    report, and only with our reference `named`."""

    balance_url: HttpUrl | None = Field(default=None, repr=False)
    """Left out: `url` with `/balance` behind it."""
    balance_sign: Literal["check_balance", "empty"] = "check_balance"
    """Over `OtomaX|CheckBalance|memberID|pin|password`, or over `OtomaX|memberID||||pin|password`."""

    report_answer: str = "OK"
    status_codes: dict[Code, CodeEntry] = Field(default={})
    """Instead of, or beside, the default table."""
    default_status_codes: bool = True
    """Whether codes that `status_codes` does not name are read by the default table."""
    rules: tuple[MessageRule, ...] = ()
    rules_without: tuple[str, ...] = ()
    """Names of default rules that this account does not use."""
    default_rules: bool = True

    @field_validator("params", mode="before")
    @classmethod
    def _numbers_as_text(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {
            key: str(item) if isinstance(item, int) and not isinstance(item, bool) else item
            for key, item in value.items()
        }

    @model_validator(mode="after")
    def _rules_fit(self) -> Self:
        try:
            self.rule_set()
        except RuleError as error:
            raise ValueError(str(error)) from error
        return self

    @model_validator(mode="after")
    def _parameters_differ(self) -> Self:
        ours = [name for name in self.names.model_dump().values() if name is not None]
        if twice := sorted({name for name in [*ours, *self.params] if [*ours, *self.params].count(name) > 1}):
            raise ValueError(f"two parameters are called {twice[0]!r}")
        return self

    def rule_set(self) -> RuleSet:
        """The account's ordered rules: its own first, then the default ones."""
        default = RuleSet(DEFAULT_RULES if self.default_rules else ())
        return default.changed(first=(rule.rule() for rule in self.rules), without=self.rules_without)

    def code_table(self) -> dict[int, CodeMeaning]:
        """What each status code means at this supplier."""
        own = {
            code: CodeMeaning(entry.status, entry.reason, account_refused=entry.account_refused)
            for code, entry in self.status_codes.items()
        }
        return {**DEFAULT_CODES, **own} if self.default_status_codes else own
