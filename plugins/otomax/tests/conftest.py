"""What the tests of this plugin share: one account, and attempts on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway import Attempt, Outcome, Reply
from gateway_otomax import OtomaxProvider, OtomaxSettings

Account = Callable[..., OtomaxProvider]
Read = Callable[..., Outcome]


@pytest.fixture
def account() -> Account:
    """Makes an account; its arguments are settings."""

    def make(**settings: Any) -> OtomaxProvider:
        basic = {"id": "maxsi", "kind": "otomax", "url": "http://trx.supplier.invalid/trx/slug_unik"}
        secrets = {"member_id": "M001", "pin": "1234", "password": "secret"}
        return OtomaxProvider(OtomaxSettings.model_validate({**basic, **secrets, **settings}))

    return make


@pytest.fixture
def attempt() -> Attempt:
    return Attempt(ref="903123456", product="PULSA5", dest="081234567890")


@pytest.fixture
def read(account: Account, attempt: Attempt) -> Read:
    """Reads one body as the answer to the purchase of `attempt`."""

    def reading(body: str | bytes, status: int = 200, **settings: Any) -> Outcome:
        raw = body.encode() if isinstance(body, str) else body
        return account(**settings).read_purchase(attempt, Reply(status=status, headers={}, body=raw))

    return reading
