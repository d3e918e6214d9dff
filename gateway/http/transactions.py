"""What clients do with transactions: buy, look at one, list, follow."""

from __future__ import annotations

from time import perf_counter

import orjson
from aiohttp import web

from gateway.core.accept import Request
from gateway.core.transaction import Transaction
from gateway.core.view import event_view, transaction_view
from gateway.http import listing
from gateway.http.daily import DayIsOverError
from gateway.http.engine_protocol import Accepted
from gateway.http.incoming import Incoming, json_response
from gateway.http.models import PurchaseBody
from gateway.http.prefer import preferred_wait
from gateway.http.problems import ProblemError
from gateway.settings.types import Daily


async def create(incoming: Incoming) -> web.Response:
    """`POST /v1/transactions`: 201 with a new transaction, or 200 with the one that the `ref_id` has already."""
    body = await incoming.json(PurchaseBody)
    began = perf_counter()
    request = Request(body.ref_id, body.product, body.dest, body.qty, body.max_price)
    if incoming.client.daily is None:
        accepted = await incoming.engine.accept(incoming.client.id, request)
    else:
        accepted = await _accept_within_the_day(incoming, incoming.client.daily, body, request)
    if not accepted.replayed:
        incoming.services.metrics.accepted(perf_counter() - began)
        _note_the_order(incoming, accepted.transaction)
    transaction = accepted.transaction
    headers = {"Content-Type": "application/json"}
    prefer = incoming.request.headers.getall("Prefer", ())
    if prefer:
        wait = preferred_wait(prefer)
        if wait is not None:
            headers["Preference-Applied"] = f"wait={wait}"
            if not transaction.status.final:
                transaction = await incoming.engine.wait_final(transaction, wait, fresh=not accepted.replayed)
    if accepted.replayed:
        headers["Idempotent-Replayed"] = "true"
    else:
        headers["Location"] = f"/v1/transactions/{transaction.id}"
    return web.Response(
        status=200 if accepted.replayed else 201, body=orjson.dumps(transaction_view(transaction)), headers=headers
    )


def _note_the_order(incoming: Incoming, transaction: Transaction) -> None:
    """Write to the audit log by which key and from where it was ordered: the engine knows the client alone."""
    incoming.services.note(
        "ordered",
        transaction=transaction.id,
        ref_id=transaction.ref_id,
        client=transaction.client,
        source="client",
        key=incoming.caller.key,
        address=str(incoming.address()),
    )


async def _accept_within_the_day(incoming: Incoming, limit: Daily, body: PurchaseBody, request: Request) -> Accepted:
    client, days = incoming.client, incoming.services.days
    if days is None:
        raise RuntimeError("the application was made without daily limits")
    try:
        room = await days.enter(client, limit, body)
    except DayIsOverError as error:
        incoming.services.metrics.rate_limited(client.id, error.limit)
        raise
    try:
        return await incoming.engine.accept(client.id, request)
    finally:
        days.leave(client, room)


async def show(incoming: Incoming) -> web.Response:
    """`GET /v1/transactions/{id}`."""
    return json_response(transaction_view(await _own(incoming)))


async def browse(incoming: Incoming) -> web.Response:
    """`GET /v1/transactions`: with `ref_id` one transaction, otherwise a page, newest first."""
    query = listing.parameters(incoming.request.query.items(), listing.FILTERS | {"ref_id"})
    client = incoming.client.id
    if "ref_id" in query:
        if len(query) > 1:
            raise ProblemError("invalid_request", "ref_id names one transaction and takes no filter", field="ref_id")
        one = await incoming.engine.ledger.transaction_by_ref(client, query["ref_id"])
        if one is None:
            raise listing.nothing_here("transaction")
        return json_response(transaction_view(one))
    limit = listing.page_size(query)
    found = await listing.find(incoming.engine.ledger, query, client=client, limit=limit)
    return json_response(listing.page("transactions", [(one.id, transaction_view(one)) for one in found], limit))


async def events(incoming: Incoming) -> web.Response:
    """`GET /v1/transactions/{id}/events`: everything that happened to it, in order."""
    transaction = await _own(incoming)
    happened = await incoming.engine.ledger.events(transaction.id)
    return json_response({"events": [event_view(number, transaction.id, event) for number, event in happened]})


async def _own(incoming: Incoming) -> Transaction:
    """The client's own transaction of the path. Another client's looks like one that is not there."""
    listing.parameters(incoming.request.query.items(), frozenset())
    transaction_id = incoming.request.match_info["id"]
    transaction = await incoming.engine.ledger.transaction(transaction_id) if listing.is_id(transaction_id) else None
    if transaction is None or transaction.client != incoming.client.id:
        raise listing.nothing_here("transaction")
    return transaction
