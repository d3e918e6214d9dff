"""The public names for plugin authors."""

from __future__ import annotations

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
    "ProviderSettings",
    "ReasonCode",
    "RecordedMessage",
    "Reply",
    "Report",
    "Sandbox",
    "UnreadableReportError",
    "Update",
    "capabilities",
    "hookimpl",
]
