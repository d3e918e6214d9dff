"""Receivers over TLS: one of an authority of our own is trusted where the process is told so, and no other is."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
import sys
from pathlib import Path
from typing import Any

import aiohttp
from standardwebhooks import Webhook as Verifier

from gateway.testing.processes import until
from gateway.testing.site import Site, account
from gateway_otomax.sandbox import ANY, BEHAVIOURS, OtomaxSandbox

CERTIFICATES = Path(__file__).with_name("certificates")
WRONG = {
    "wrong-name": "tls (Hostname mismatch, certificate is not valid for 'localhost'.)",
    "expired": "tls (certificate has expired)",
    "unknown-authority": "tls (unable to get local issuer certificate)",
}
MANY = 12
"""Purchases at each wrong receiver: more than failures are tolerated before it gets one message at a time."""


def served(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{name}.pem")
    return context


def client(name: str, url: str, secret: str) -> dict[str, Any]:
    return {
        "id": name,
        "key_hash": f"sha256:{hashlib.sha256(name.encode()).hexdigest()}",
        "webhook": {"url": url, "secret": secret, "allow_networks": ["127.0.0.0/8"]},
    }


async def test_only_a_certificate_that_is_right_gets_messages_and_what_is_wrong_with_others_is_told(
    tmp_path: Path, make_receiver: Any, secret: str
) -> None:
    receivers = {name: await make_receiver(tls=served(name)) for name in ("good", *WRONG)}
    sandbox = OtomaxSandbox(prices={"XL5": 5_400}, behaviours={ANY: BEHAVIOURS["20"]})
    port = await sandbox.start("127.0.0.1", 0)
    site = Site(
        tmp_path,
        [account("first", port)],
        command=["env", f"SSL_CERT_FILE={CERTIFICATES / 'authority.pem'}", sys.executable, "-m", "gateway", "serve"],
        more={"clients": [client(name, one.url, secret) for name, one in receivers.items()]},
    )
    try:
        async with site.running() as gateway, aiohttp.ClientSession() as session:

            async def buy(name: str, number: int) -> None:
                order = {"ref_id": f"{name}-{number}", "product": "XL5", "dest": f"0817{number:06d}20"}
                headers = {"Authorization": f"Bearer {name}", "Prefer": "wait=10"}
                async with session.post(f"{site.url}/v1/transactions", json=order, headers=headers) as answer:
                    assert (await answer.json())["status"] == "success"

            async def listed(name: str) -> list[dict[str, Any]]:
                query = {"client": name, "limit": "100"}
                async with session.get(f"{site.admin_url}/admin/webhooks", params=query) as answer:
                    return list((await answer.json())["webhooks"])

            for number in range(MANY):
                for name in receivers:
                    await buy(name, number)
            await receivers["good"].until(MANY)
            for name in WRONG:

                async def tried(name: str = name) -> bool:
                    return sum(int(one["tries"]) > 0 for one in await listed(name)) >= 5

                await until(tried, within=10, what=f"tries at the receiver with {name}")

            async def delivered() -> bool:
                return {one["state"] for one in await listed("good")} == {"delivered"}

            await until(delivered, within=5, what="all delivered where the certificate is right")
            await asyncio.sleep(1.0)  # in which a storm would show
            for name, reason in WRONG.items():
                notes = await listed(name)
                assert len(notes) == MANY
                assert {one["last_error"] for one in notes if one["tries"]} == {reason}
                assert {one["state"] for one in notes} == {"pending"}
                # No storm: a first try each until the receiver is left alone, then one at a time, five seconds apart.
                assert receivers[name].handshakes <= sum(one["tries"] for one in notes) + 1
                assert max(one["tries"] for one in notes) <= 2
                assert receivers[name].handshakes <= MANY + 2
                assert receivers[name].got == []
            assert "Traceback" not in gateway.output()
    finally:
        await sandbox.stop()
    for got in receivers["good"].got:
        Verifier(secret).verify(got.body, got.headers)
        assert json.loads(got.body)["type"] == "transaction.success"
