"""What happens shows in the metrics: each part of the program counts where its metric was made for it."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from gateway.ledger.base import BaseLedger
from gateway.observe.audit import AuditLog
from gateway.observe.instruments import INSTRUMENTS
from gateway.testing.processes import until
from gateway.testing.raw_supplier import RawSupplier, answer

Opens = Callable[..., AbstractAsyncContextManager[Any]]
REPORTED, FOR_EVER = "081700009901", "081700009922"

NOTHING_OF = {
    "gateway_audit_errors_total",
    "gateway_audit_lost_lines_total",
    "gateway_clock_jumps_total",
    "gateway_conflicts_total",
    "gateway_lane_refusals_total",
    "gateway_ledger_commits_failed_total",
    "gateway_ledger_removed_rows_total",
    "gateway_metric_errors_total",
    "gateway_observer_errors_total",
    "gateway_provider_account_closed",
    "gateway_provider_balance_drift_rupiah",
    "gateway_provider_month_commitment",
    "gateway_provider_month_purchases",
    "gateway_rate_limited_total",
    "gateway_redis_reachable",
    "gateway_reloads_total",
    "gateway_transactions_needing_review",
    "gateway_unread_messages_total",
}
"""What stays at 0 on a day on which only a receiver fails; the month's purchases for the first minute of it,
and Redis where none is configured."""


def sums(text: str) -> dict[str, float]:
    """Each metric's samples added up; of a histogram, how many values it has."""
    found: dict[str, float] = defaultdict(float)
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        if not line.startswith("#") and not math.isnan(float(value)):
            found[name.partition("{")[0].removesuffix("_count")] += float(value)
    return found


async def test_a_day_on_which_only_a_receiver_fails_shows_in_every_metric_that_is_made_for_it(
    street: Opens, secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AuditLog, "waiting", property(lambda _: 7))
    monkeypatch.setattr(BaseLedger, "queued", property(lambda _: 5))
    async with RawSupplier(answer(status=500)) as receiver:
        shop = {
            "id": "shop",
            "key_hash": "sha256:" + hashlib.sha256(secrets["key"].encode()).hexdigest(),
            "webhook": {
                "url": f"{receiver.url}/hook",
                "secret": secrets["webhook"],
                "allow_networks": ["127.0.0.0/8"],
            },
        }
        async with street(clients=[shop]) as here:
            assert (await here.buy("A-1", REPORTED))["status"] == "success"
            await here.post("A-2", FOR_EVER, wait=None)
            await receiver.seen(1)
            here.gateway.deliverer.configure(here.gateway.engine.settings.clients)  # the backlog is counted anew
            missing: set[str] = set()

            async def all_there() -> bool:
                nonlocal missing
                shown = sums((await here.operator("/metrics"))[1])
                missing = {one.name for one in INSTRUMENTS if not shown[one.name]} - NOTHING_OF
                queues = shown["gateway_audit_queue_lines"], shown["gateway_ledger_queue_operations"]
                return not missing and queues == (7, 5)

            try:
                await until(all_there, within=10, what="every metric")
            except TimeoutError:
                pytest.fail(f"nothing counts into {sorted(missing)}")
