"""What stands behind the listeners in production fits what is asked of it here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.http.engine_protocol import LedgerReads
from gateway.http.engine_protocol import Metrics as MetricsNeeded
from gateway.http.incoming import Audit
from gateway.http.listing import cursor
from gateway.http.server import ROUTE_NAMES
from gateway.ledger import Ledger, open_ledger
from gateway.observe.audit import AuditLog
from gateway.observe.metrics import Metrics


def reads(ledger: Ledger) -> LedgerReads:
    """Holds for mypy: every ledger has what is read here."""
    return ledger


async def test_the_real_metrics_count_every_route_under_its_own_name(gateway: Any) -> None:
    metrics = Metrics(routes=ROUTE_NAMES, providers=["open"])
    needed: MetricsNeeded = metrics
    for name in ROUTE_NAMES:
        needed.request(name, 200, 0.01)
    needed.report("unknown", "refused")
    text = needed.render().decode()
    assert all(f'route="{name}"' in text for name in ROUTE_NAMES)
    assert 'route="other"' not in text


async def test_the_real_audit_log_takes_what_is_written_here(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    audit: Audit = log
    audit.write("client_refused", address="192.0.2.1", why="unauthorized")
    assert log.close() == 0
    assert '"client_refused"' in (tmp_path / "audit.jsonl").read_text()


async def test_the_real_ledger_is_read_as_it_is_here(tmp_path: Path, open_gateway: Any) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'gateway.db'}")
    await ledger.start()
    try:
        gateway = await open_gateway()
        gateway.engine.ledger = reads(ledger)
        assert (await gateway.operate("GET", "/readyz")).status == 200
        assert (await gateway.operate("GET", "/admin/review")).json["transactions"] == []
        assert (await gateway.operate("GET", "/admin/reports/unmatched")).json == {"reports": [], "next_cursor": None}
        assert (await gateway.operate("GET", "/admin/transactions/000000000000000005")).status == 404
        listed = await gateway.call(
            "GET", f"/v1/transactions?status=failed&from=2026-01-01T00:00:00Z&cursor={cursor('000000000000000005')}"
        )
        assert listed.json == {"transactions": [], "next_cursor": None}
        assert (await gateway.call("GET", "/v1/transactions?ref_id=%ed%a0%80")).status == 404
    finally:
        await ledger.close()
