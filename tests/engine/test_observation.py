"""What is told of an answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.engine.clock import SystemClock
from gateway.engine.observation import Observation
from gateway.net.failure import Failure
from gateway.net.transport import Sent
from gateway.provider import Reply

SILENCE = Sent(failure=Failure.ANSWER_TIMEOUT, left=True, detail="no answer in time", duration=30.0)
WORDS = Sent(reply=Reply(status=200, headers={}, body=b"apa ini"), left=True, duration=0.1)


@pytest.mark.parametrize(
    ("sent", "rule", "unread"), [(WORDS, None, 1), (WORDS, "flipped", 0), (SILENCE, None, 0)], ids=repr
)
def test_only_what_a_supplier_has_said_is_a_message_that_no_rule_understood(
    sent: Sent, rule: str | None, unread: int
) -> None:
    counted: list[str] = []
    counts: Any = SimpleNamespace(attempt=lambda *_: None, unread_message=counted.append)
    account: Any = SimpleNamespace(id="alpha", last_error=None, last_error_at=None)
    attempt: Any = None
    observation = Observation(counts=counts, audits=None, observers=None, clock=SystemClock())
    outcome = Outcome(status=OutcomeStatus.UNKNOWN, message=sent.detail or "apa ini", rule=rule)
    observation.answered(account, attempt, outcome, sent)
    assert counted == ["alpha"] * unread


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "HTTP status 200 and no words"),
        (b" \r\n", "HTTP status 200 and no words"),
        (b"<html>Maintenance</html>", "HTTP status 200 and no message in what came, such as a page of HTML"),
    ],
)
def test_the_last_error_tells_an_answer_without_a_message_from_an_empty_one(body: bytes, told: str) -> None:
    account: Any = SimpleNamespace(id="alpha", last_error=None, last_error_at=None)
    attempt: Any = None
    observation = Observation(counts=None, audits=None, observers=None, clock=SystemClock())
    sent = Sent(reply=Reply(status=200, headers={}, body=body), left=True, duration=0.1)
    observation.answered(account, attempt, Outcome(status=OutcomeStatus.UNKNOWN, rule="no-message"), sent)
    assert account.last_error == told


def test_an_answer_to_a_check_that_no_rule_understood_is_counted_as_such() -> None:
    counted: list[str] = []
    counts: Any = SimpleNamespace(check=lambda *_: None, unread_message=counted.append)
    account: Any = SimpleNamespace(id="alpha")
    observation = Observation(counts=counts, audits=None, observers=None, clock=SystemClock())
    observation.asked(account, "answered", False)
    assert counted == []
    observation.asked(account, "answered", True)
    assert counted == ["alpha"]
