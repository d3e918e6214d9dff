"""The suppliers' door: `/reports/{provider}` and `/reports/{provider}/{token}`.

Reports carry no signature, so three things are asked of them: that the account exists, that the address is one of its
allowed ones, and that the path ends in its token where it has one. What fails here is answered with one and the same
403, counted, and not stored: strangers must not be able to fill the ledger. What passes is handed to the engine as it
came, because suppliers do not encode, and answered as the supplier wants it.
"""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime

from aiohttp import web

from gateway.http.client_address import within
from gateway.http.connection import raw_target
from gateway.http.incoming import Incoming
from gateway.http.problems import ProblemError
from gateway.provider import Report
from gateway.settings.types import ProviderSettings

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\udc80-\udcff]")


async def receive(incoming: Incoming) -> web.Response:
    """`GET|POST /reports/{provider}` and `/reports/{provider}/{token}`."""
    request = incoming.request
    name = request.match_info["provider"]
    account = next((one for one in incoming.engine.settings.providers if one.id == name), None)
    address = incoming.address()
    refused = _refusal(account, request.match_info.get("token"))
    if account is not None and refused is None and not within(address, account.reports.allow_from):
        refused = "address"
    if account is None or refused is not None:
        known = "unknown" if account is None else account.id
        incoming.services.metrics.report(known, "refused")
        incoming.services.refused("report_refused", address, provider=known, why=refused)
        raise ProblemError("report_refused", "the account, the address or the path is not right", close=True)
    report = Report(
        method=request.method,
        raw_query=raw_query(raw_target(request)),
        headers={name.lower(): _text(value) for name, value in request.headers.items()},
        body=await incoming.body(),
        received_at=datetime.now(UTC),
    )
    answer = await incoming.engine.report(account.id, report, str(address))
    response = web.Response(status=answer.status, body=answer.body, headers={"Content-Type": answer.content_type})
    response.force_close()  # only the first line of a connection is mended, and the next report may need it
    return response


def _refusal(account: ProviderSettings | None, token: str | None) -> str | None:
    """Which part of the path is wrong, for the audit log."""
    if account is None:
        return "provider"
    expected = account.reports.token
    if expected is None:
        return None if token is None else "token"
    given = (token or "").encode("utf-8", "surrogateescape")
    return None if hmac.compare_digest(given, expected.get_secret_value().encode()) else "token"


def raw_query(target: str) -> str:
    """Everything behind the first `?`, as it came. Only what no text column holds is written as `%XX`: control
    characters, and bytes that are not UTF-8."""
    return _UNPRINTABLE.sub(_escaped, target.partition("?")[2])


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def _text(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
