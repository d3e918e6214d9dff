"""The public names for plugin authors."""

from __future__ import annotations

from gateway.core.money import parse_rupiah, rupiah
from gateway.core.rules import Rule, RuleError, RuleSet, check_pattern
from gateway.hooks import hookimpl
from gateway.provider import (
    Acknowledgement,
    Asking,
    Attempt,
    Call,
    Capability,
    Outcome,
    OutcomeStatus,
    PriceListing,
    Provider,
    ReasonCode,
    RecordedMessage,
    Reply,
    Report,
    Sandbox,
    UnreadableReportError,
    Update,
    capabilities,
)
from gateway.settings.types import HttpUrl, Model, ProviderSettings

__all__ = [
    "Acknowledgement",
    "Asking",
    "Attempt",
    "Call",
    "Capability",
    "HttpUrl",
    "Model",
    "Outcome",
    "OutcomeStatus",
    "PriceListing",
    "Provider",
    "ProviderSettings",
    "ReasonCode",
    "RecordedMessage",
    "Reply",
    "Report",
    "Rule",
    "RuleError",
    "RuleSet",
    "Sandbox",
    "UnreadableReportError",
    "Update",
    "capabilities",
    "check_pattern",
    "hookimpl",
    "parse_rupiah",
    "rupiah",
]
