"""A reload takes the whole configuration or nothing of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from gateway.ledger import LedgerUnavailableError

Opens = Callable[..., AbstractAsyncContextManager[Any]]
REPORTED = "081700009901"


async def test_a_reload_that_meets_a_ledger_that_is_away_changes_nothing_and_shows_no_secret(
    street: Opens, secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> dict[str, str]:
        raise LedgerUnavailableError("the server is away")

    async with street() as here:
        gateway, file = here.gateway, here.folder / "gateway.json"
        before = gateway.engine.settings
        sections = json.loads(file.read_text(encoding="utf-8"))
        sections["providers"][0]["pin"] = "another-pin"
        file.write_text(json.dumps(sections), encoding="utf-8")
        with monkeypatch.context() as patch:
            patch.setattr(gateway.engine.ledger, "paused_accounts", away)
            status, problem = await here.operator("/admin/reload", {"operator": "Sri"})
        assert (status, problem["code"]) == (503, "unavailable")
        assert gateway.engine.settings is before
        assert gateway.metrics.registry.get_sample_value("gateway_last_reload_ok") == 0
        gateway.record("noted", source="test", message=f"the supplier says {secrets['pin']}")
        assert (await here.buy("A-1", REPORTED))["status"] == "success", "the old PIN is still the one that is used"
        status, _ = await here.operator("/admin/reload", {"operator": "Sri"})
        assert (status, gateway.engine.settings.providers[0].pin.get_secret_value()) == (200, "another-pin")
        gateway.record("noted", source="test", message="the supplier says another-pin")
    written = (here.folder / "audit.jsonl").read_text(encoding="utf-8")
    assert written.count("the supplier says ***") == 2
    assert secrets["pin"] not in written
