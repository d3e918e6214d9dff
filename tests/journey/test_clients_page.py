"""What docs/clients.md and docs/webhooks.md show is run as it stands, and their tables are whole."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook

from gateway.core.outcome import ReasonCode
from gateway.http.problems import PROBLEMS
from gateway.testing.processes import Child, free_port, until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ORDERS: list[dict[str, Any]] = [
    json.loads(order) for kind, text in BLOCKS if kind == "sh" for order in re.findall(r"-d '(\{.*\})'", text)
]
PRICES = {"order-1001": 5_400, "order-1002": 50_075, "order-1003-cek": 50, "order-1003-pay": 151_000}
OPERATORS_ONLY = {"invalid_configuration", "report_refused", "cannot_resolve", "cannot_resend", "cannot_correct"}


async def test_the_pages_orders_and_its_client_buy_what_the_page_says(tmp_path: Path) -> None:
    text, ports = (ROOT / "config" / "gateway.yaml").read_text(encoding="utf-8"), {}
    for port in ("8080", "9090", "8089"):
        ports[port] = str(free_port())
        text = re.sub(rf"\b{port}\b", ports[port], text)
    (tmp_path / "gateway.yaml").write_text(text, encoding="utf-8")
    (client,) = [code for kind, code in BLOCKS if kind == "python"]
    assert "127.0.0.1:8080" in client
    names: dict[str, Any] = {}
    exec(client.replace("127.0.0.1:8080", f"127.0.0.1:{ports['8080']}"), names)  # noqa: S102 - our own page
    key = {"Authorization": f"Bearer {names['KEY']}", "Prefer": "wait=30"}
    command: list[str | Path] = [sys.executable, "-m", "gateway", "serve", "--config", "gateway.yaml", "--sandbox"]
    with Child(command, log=tmp_path / "output.log", folder=tmp_path) as gateway:

        async def printed() -> bool:
            assert gateway.code() is None, gateway.output()
            return "curl" in gateway.output()

        await until(printed, within=30, what="the gateway")
        async with aiohttp.ClientSession(headers=key) as session:
            for order in ORDERS:
                async with session.post(names["URL"], json=order) as answer:
                    bought = await answer.json()
                assert (answer.status, bought["status"]) == (201, "success"), bought
                assert bought["price"] == PRICES[order["ref_id"]]
                assert await asyncio.to_thread(names["buy"], order) == bought
        told = {order["ref_id"] for order in ORDERS}
    assert told == set(PRICES)


def _first_cells(heading: str) -> set[str]:
    """The names in the first column of the tables under a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return {
        name for row in re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }


def test_every_reason_is_in_the_table() -> None:
    assert {code.value for code in ReasonCode} <= _first_cells("Read the outcome")


def test_every_event_is_in_the_table() -> None:
    core = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "gateway" / "core").glob("*.py"))
    made = set(re.findall(r'\b(?:_event|Event)\((?:kind=)?"(\w+)"', core))
    assert {"accepted", "status"} < made
    assert _first_cells("The stream of events") - {"event"} == made


def test_every_code_of_a_problem_that_clients_meet_is_listed() -> None:
    told = {
        (int(status), code)
        for line in re.findall(r"^`bad_request`(?:.|\n)*?\n\n", PAGE, re.MULTILINE)
        for codes, status in re.findall(r"((?:`\w+`,? ?)+)\((\d+)\)", line.replace("\n", " "))
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert told == {(status, code) for code, (status, _) in PROBLEMS.items() if code not in OPERATORS_ONLY}


@pytest.mark.parametrize("spoilt", ["", "body", "id", "old"])
def test_a_webhook_is_verified_by_hand_as_the_page_does_it(spoilt: str) -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    code = page.partition("   def genuine(")[2].partition("   ```")[0]
    names: dict[str, Any] = {}
    head = "import base64, hashlib, hmac, time\nfrom collections.abc import Mapping\n"
    exec(head + re.sub(r"^   ", "", f"   def genuine({code}", flags=re.MULTILINE), names)  # noqa: S102 - our own page
    secret, body, now = "whsec_Y2FuYXJ5LXdlYmhvb2stc2VjcmV0", b'{"type":"transaction.success"}', datetime.now(UTC)
    stamp = str(int(now.timestamp()) - (301 if spoilt == "old" else 0))
    sent_at = datetime.fromtimestamp(int(stamp), UTC)
    headers = {
        "webhook-id": "msg_2" if spoilt == "id" else "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": "v1,b2xk " + Webhook(secret).sign("msg_1", sent_at, body.decode()),
    }
    assert names["genuine"](secret, headers, body + b" " if spoilt == "body" else body) is (spoilt == "")
