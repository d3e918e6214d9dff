"""What a plugin raises, or gives in the place of what it should, stays with its account and is told in the log."""

from __future__ import annotations

import structlog

log = structlog.get_logger("gateway.plugins")


def tell(account: str, method: str, error: BaseException) -> None:
    """Log it. Its words may quote what they like; the log masks secrets."""
    log.error("plugin_failed", provider=account, method=method, exc_info=error)


def tell_wrong(account: str, method: str, why: str) -> None:
    """Log that it handed over what cannot be used."""
    log.error("plugin_failed", provider=account, method=method, why=why)
