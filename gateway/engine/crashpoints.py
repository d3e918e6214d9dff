"""Named places at which a test can stop the process or make it fail. In production reaching one does nothing.

The names follow the crash table in `docs/architecture.md`, so that each of its rows can be tried.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class CrashPoint(StrEnum):
    BEFORE_ACCEPT_COMMIT = "before_accept_commit"
    AFTER_ACCEPT_COMMIT = "after_accept_commit"
    AFTER_ATTEMPT_COMMIT = "after_attempt_commit"
    """The attempt is `sending` on disk; the call has not left."""
    AFTER_ANSWER = "after_answer"
    """The supplier has answered; nothing of it is on disk."""
    BEFORE_APPLY_COMMIT = "before_apply_commit"
    AFTER_APPLY_COMMIT = "after_apply_commit"
    AFTER_REPORT_STORED = "after_report_stored"
    AFTER_CHECK_ANSWER = "after_check_answer"
    BEFORE_NOTIFICATION = "before_notification"


Hook = Callable[[CrashPoint], None]


def nothing(point: CrashPoint) -> None:
    """What reaching a crash point does in production."""
