"""What operators see and do about webhooks: how receivers stand, what was and was not delivered, and sending again."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from gateway.engine.deliver import NoWebhookError, state_of
from gateway.http import listing
from gateway.http.incoming import Incoming, json_response
from gateway.http.models import OperatorBody
from gateway.http.problems import ProblemError, invalid
from gateway.ledger.protocol import StoredNotification
from gateway.settings.types import NAME_PATTERN

_FILTERS = listing.PAGE | {"client", "state", "transaction"}
_STATES = ("pending", "delivered", "dead")
_ID = re.compile(r"msg_[0-9]{18}_[a-z]{1,32}", re.ASCII)


async def browse(incoming: Incoming) -> web.Response:
    """`GET /admin/webhooks`: each client's receiver, and a page of notifications, of the newest transactions first."""
    query = listing.parameters(incoming.request.query.items(), _FILTERS)
    client, state, transaction, cursor = (query.get(name) for name in ("client", "state", "transaction", "cursor"))
    if client is not None and not re.fullmatch(NAME_PATTERN, client):
        raise invalid("client", "must be the id of a client")
    if state is not None and state not in _STATES:
        raise invalid("state", f"must be {', '.join(_STATES[:-1])} or {_STATES[-1]}")
    if transaction is not None and not listing.is_id(transaction):
        raise invalid("transaction", "must be the id of a transaction: 18 digits")
    if cursor is not None and not _ID.fullmatch(cursor):
        raise invalid("cursor", "must be the next_cursor of an earlier answer")
    limit = listing.page_size(query)
    webhooks = incoming.services.webhooks
    if webhooks is None:
        return json_response({"receivers": [], "webhooks": [], "next_cursor": None})
    found = await webhooks.find(client=client, state=state, transaction=transaction, before_id=cursor, limit=limit + 1)
    shown = found[:limit]
    return json_response(
        {
            "receivers": webhooks.receivers(),
            "webhooks": [webhook_view(one) for one in shown],
            "next_cursor": shown[-1].notification.id if len(found) > limit else None,
        }
    )


async def resend(incoming: Incoming) -> web.Response:
    """`POST /admin/webhooks/{notification}/resend`: send it again, and let its receiver have what waits for it."""
    notification_id = incoming.request.match_info["notification"]
    body = await incoming.json(OperatorBody)
    webhooks = incoming.services.webhooks
    if webhooks is None or not _ID.fullmatch(notification_id):
        raise listing.nothing_here("notification")
    try:
        stored = await webhooks.resend(notification_id, body.operator)
    except LookupError:
        raise listing.nothing_here("notification") from None
    except NoWebhookError as error:
        raise ProblemError("cannot_resend", str(error)) from None
    return json_response(webhook_view(stored))


def webhook_view(stored: StoredNotification) -> dict[str, Any]:
    """A notification, and how its delivery stands. Its body is the transaction's, and is not repeated here."""
    moments = {
        name: None if at is None else at.isoformat()
        for name, at in (
            ("next_try_at", stored.next_try_at),
            ("tried_at", stored.tried_at),
            ("delivered_at", stored.delivered_at),
            ("dead_at", stored.dead_at),
        )
    }
    return {
        "id": stored.notification.id,
        "transaction": stored.transaction,
        "client": stored.notification.client,
        "event": stored.notification.event,
        "state": state_of(stored),
        "created_at": stored.created_at.isoformat(),
        "tries": stored.tries,
        **moments,
        "last_error": stored.last_error,
    }
