"""What a plugin raises stays with its account, and is told in the log with the place where it was raised."""

from __future__ import annotations

import structlog

log = structlog.get_logger("gateway.plugins")


def tell(account: str, method: str, error: BaseException) -> None:
    """Log it. Its words may quote what they like; the log masks secrets."""
    log.error("plugin_failed", provider=account, method=method, exc_info=error)
