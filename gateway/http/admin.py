"""What operators see and do, as JSON under `/admin`. Everything that they change is written to the audit log."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable
from typing import Any

from aiohttp import web

from gateway.core.transaction import (
    NOT_UNDERSTOOD,
    AttemptState,
    AttemptStatus,
    Exchange,
    StoredReport,
    Transaction,
    TransactionStatus,
)
from gateway.core.view import attempt_view, event_view, transaction_view
from gateway.engine.deposit import CannotCorrectError, Correction
from gateway.errors import ConfigurationError
from gateway.http import listing
from gateway.http.bodies import check_json, parse_json
from gateway.http.incoming import Incoming, json_response
from gateway.http.models import DepositBody, OperatorBody, PauseBody, RebaseBody, ResolveBody
from gateway.http.problems import ProblemError, invalid
from gateway.net.redaction import Redactor, secrets_of

_NO_FILTERS: frozenset[str] = frozenset()
_GONE_THROUGH = 500
"""Open purchases that are looked at for one page."""


async def providers(incoming: Incoming) -> web.Response:
    """`GET /admin/providers`: each account with its state, breaker, balance and last errors."""
    listing.parameters(incoming.request.query.items(), _NO_FILTERS)
    return json_response({"providers": incoming.engine.providers()})


async def pause(incoming: Incoming) -> web.Response:
    """`POST /admin/providers/{provider}/pause`: no purchases through it; open ones are still followed."""
    body = await incoming.json(PauseBody)
    name = incoming.request.match_info["provider"]
    try:
        await incoming.engine.pause(name, body.operator, _masked(incoming, body.reason))
    except LookupError:
        raise listing.nothing_here("provider") from None
    return json_response({"provider": name, "paused": True})


async def resume(incoming: Incoming) -> web.Response:
    """`POST /admin/providers/{provider}/resume`."""
    body = await incoming.json(OperatorBody)
    name = incoming.request.match_info["provider"]
    try:
        await incoming.engine.resume(name, body.operator)
    except LookupError:
        raise listing.nothing_here("provider") from None
    return json_response({"provider": name, "paused": False})


async def deposit(incoming: Incoming) -> web.Response:
    """`POST /admin/providers/{provider}/deposit`: money was paid in at the supplier."""
    body = await incoming.json(DepositBody)
    if body.amount == 0:
        raise invalid("amount", "must not be 0")
    name = incoming.request.match_info["provider"]
    done = await _corrected(incoming.engine.balances.paid_in(name, body.amount))
    return _correction(incoming, "deposit_paid_in", name, body, done, amount=body.amount)


async def rebase(incoming: Incoming) -> web.Response:
    """`POST /admin/providers/{provider}/rebase`: what the supplier said last is right."""
    body = await incoming.json(RebaseBody)
    name = incoming.request.match_info["provider"]
    done = await _corrected(incoming.engine.balances.rebase(name))
    return _correction(incoming, "balance_rebased", name, body, done)


async def _corrected(correcting: Awaitable[Correction]) -> Correction:
    try:
        return await correcting
    except LookupError:
        raise listing.nothing_here("provider") from None
    except CannotCorrectError as error:
        raise ProblemError("cannot_correct", str(error)) from None


def _correction(
    incoming: Incoming, event: str, name: str, body: PauseBody, done: Correction, **more: object
) -> web.Response:
    incoming.services.note(
        event,
        provider=name,
        source="operator",
        operator=body.operator,
        reason=body.reason,
        **{"from_": done.before, "to": done.computed, "reported": done.reported, **more},
    )
    return json_response({"provider": name, **done._asdict()})


async def browse(incoming: Incoming) -> web.Response:
    """`GET /admin/transactions`: those of every client, with their filters, `client`, `provider` and `ref_id`."""
    query = listing.parameters(incoming.request.query.items(), listing.FILTERS | {"client", "provider", "ref_id"})
    if "ref_id" in query:
        if set(query) != {"ref_id", "client"}:
            raise invalid("ref_id", "needs client beside it, and no other filter: a ref_id belongs to its client")
        one = await incoming.engine.ledger.transaction_by_ref(query["client"], query["ref_id"])
        return json_response({"transactions": [] if one is None else [operator_view(one)], "next_cursor": None})
    limit = listing.page_size(query)
    found = await listing.find(incoming.engine.ledger, query, client=query.get("client"), limit=limit)
    return json_response(listing.page("transactions", [(one.id, operator_view(one)) for one in found], limit))


async def review(incoming: Incoming) -> web.Response:
    """`GET /admin/review`: those that only a person can settle, of a `client` and with an attempt at a `provider`."""
    query = listing.parameters(incoming.request.query.items(), listing.PAGE | {"client", "provider"})
    limit, wanted = listing.page_size(query), listing.filters(query, client=query.get("client"))
    found = await incoming.engine.ledger.review(
        client=wanted["client"], provider=wanted["provider"], before_id=listing.before(query), limit=limit + 1
    )
    return json_response(listing.page("transactions", [(one.id, operator_view(one)) for one in found], limit))


async def show(incoming: Incoming) -> web.Response:
    """`GET /admin/transactions/{id}`: with its attempts, events and exchanges."""
    transaction_id = _id(incoming)
    ledger = incoming.engine.ledger
    transaction = await ledger.transaction(transaction_id)
    if transaction is None:
        raise listing.nothing_here("transaction")
    view = operator_view(transaction)
    view["events"] = [
        event_view(number, transaction.id, event) for number, event in await ledger.events(transaction_id)
    ]
    view["exchanges"] = [exchange_view(exchange) for exchange in await ledger.exchanges(transaction_id)]
    return json_response(view)


async def check(incoming: Incoming) -> web.Response:
    """`POST /admin/transactions/{id}/check`: ask the supplier now."""
    transaction_id = _id(incoming)
    body = await incoming.json(OperatorBody)
    try:
        transaction = await incoming.engine.check_now(transaction_id, body.operator)
    except LookupError:
        raise listing.nothing_here("transaction") from None
    return json_response(operator_view(transaction))


async def resolve(incoming: Incoming) -> web.Response:
    """`POST /admin/transactions/{id}/resolve`: settle what no supplier will say."""
    transaction_id = _id(incoming)
    body = await incoming.json(ResolveBody)
    try:
        transaction = await incoming.engine.resolve(
            transaction_id, body.result, _masked(incoming, body.reason), body.operator, body.serial
        )
    except LookupError:
        raise listing.nothing_here("transaction") from None
    return json_response(operator_view(transaction))


async def unmatched(incoming: Incoming) -> web.Response:
    """`GET /admin/reports/unmatched`: reports about references that we do not know."""
    return await _reports(incoming, "unmatched")


async def unreadable(incoming: Incoming) -> web.Response:
    """`GET /admin/reports/unreadable`: reports that no rule understood."""
    return await _reports(incoming, "unreadable")


async def unread(incoming: Incoming) -> web.Response:
    """`GET /admin/messages/unreadable`: answers that no rule understood, of the purchases that wait for it.

    A purchase that has ended, or about which something was understood since, needs no new rule any more. The open ones
    are gone through, some at a time: a page may be short, or empty, and have a next one.
    """
    query = listing.parameters(incoming.request.query.items(), listing.PAGE)
    limit, last = listing.page_size(query), listing.before(query)
    ledger = incoming.engine.ledger
    shown: list[dict[str, Any]] = []
    open_ones = await ledger.transactions(
        status=TransactionStatus.PENDING.value, before_id=last, limit=_GONE_THROUGH + 1
    )
    for one in open_ones[:_GONE_THROUGH]:
        last = one.id
        waiting = {attempt.id for attempt in one.attempts if _waits_for_a_rule(attempt)}
        if waiting:
            shown += [message_view(one, call) for call in _last_answers(waiting, await ledger.exchanges(one.id))]
        if len(shown) >= limit:
            break
    more = bool(open_ones) and last != open_ones[-1].id
    return json_response({"messages": shown, "next_cursor": listing.cursor(last) if more and last else None})


def _waits_for_a_rule(attempt: AttemptState) -> bool:
    if attempt.status is AttemptStatus.PENDING:
        return attempt.rule == NOT_UNDERSTOOD
    return attempt.status is AttemptStatus.UNKNOWN and not attempt.rule


def _last_answers(attempts: Collection[str], exchanges: Iterable[Exchange]) -> list[Exchange]:
    """What came back last for each of these attempts; nothing for one at which nothing ever did."""
    last: dict[str, Exchange] = {}
    for exchange in exchanges:
        attempt = exchange.attempt
        if attempt is not None and attempt in attempts and exchange.response is not None and exchange.failure is None:
            last[attempt] = exchange
    return list(last.values())


async def _reports(incoming: Incoming, verdict: str) -> web.Response:
    query = listing.parameters(incoming.request.query.items(), listing.PAGE)
    limit, last = listing.page_size(query), listing.before(query)
    found = await incoming.engine.ledger.reports(
        verdict=verdict, before=None if last is None else int(last), limit=limit + 1
    )
    return json_response(
        listing.page("reports", [(f"{number:018d}", report_view(number, one)) for number, one in found], limit)
    )


async def reload(incoming: Incoming) -> web.Response:
    """`POST /admin/reload`: read the configuration again; with any mistake in it everything stays as it is.

    A body is not needed: SIGHUP does the same and names nobody.
    """
    who = {"operator": await _operator_if_told(incoming), "address": str(incoming.address())}
    if incoming.services.reload is None:
        raise ProblemError("not_found", "this gateway was started without a configuration file to read again")
    try:
        changed = await incoming.services.reload()
    except ConfigurationError as error:
        incoming.services.note("reload_refused", source="operator", **who)
        raise ProblemError(
            "invalid_configuration",
            "nothing was changed",
            errors=[{"field": mistake.path, "message": str(mistake)} for mistake in error.mistakes],
        ) from None
    incoming.services.note("reloaded", source="operator", **who)
    return json_response({"reloaded": True, **changed})


async def _operator_if_told(incoming: Incoming) -> str | None:
    """The operator's name; `None` where there is no body at all. From a page in a browser only JSON is taken."""
    incoming.take_no_parameters()
    body = await incoming.body()
    if not body and "Origin" not in incoming.request.headers:
        return None
    check_json(incoming.request)
    return parse_json(body, OperatorBody).operator


def _masked(incoming: Incoming, words: str) -> str:
    """What an operator wrote, without the secrets of the accounts: the ledger keeps it."""
    secrets = [secret for provider in incoming.engine.settings.providers for secret in secrets_of(provider)]
    return Redactor(secrets).text(words)


def _id(incoming: Incoming) -> str:
    transaction_id = incoming.request.match_info["id"]
    if not listing.is_id(transaction_id):
        raise listing.nothing_here("transaction")
    return transaction_id


def operator_view(transaction: Transaction) -> dict[str, Any]:
    """What clients see, and what only operators do."""
    return {
        **transaction_view(transaction),
        "client": transaction.client,
        "max_price": transaction.max_price,
        "conflict": transaction.conflict,
        "owner": transaction.owner,
        "deadline_at": transaction.deadline_at.isoformat(),
        "final_at": None if transaction.final_at is None else transaction.final_at.isoformat(),
        "attempts": [_attempt(attempt) for attempt in transaction.attempts],
    }


def _attempt(attempt: AttemptState) -> dict[str, Any]:
    reason = attempt.reason
    return {
        **attempt_view(attempt),
        "product": attempt.product,
        "expected_price": attempt.expected_price,
        "price": attempt.price,
        "serial": attempt.serial,
        "reason": None if reason is None else {"code": reason.code.value, "message": reason.message},
        "rule": attempt.rule or None,
        "contested": attempt.contested,
        "checks_done": attempt.checks_done,
        "never_seen": attempt.never_seen,
        "next_check_at": None if attempt.next_check_at is None else attempt.next_check_at.isoformat(),
    }


def exchange_view(exchange: Exchange) -> dict[str, Any]:
    """One call to a supplier, as the ledger holds it: redacted and capped."""
    return {
        "attempt": exchange.attempt,
        "provider": exchange.provider,
        "purpose": exchange.purpose,
        "request": exchange.request,
        "response": exchange.response,
        "status": exchange.status,
        "failure": exchange.failure,
        "started_at": exchange.started_at.isoformat(),
        "duration_ms": exchange.duration_ms,
    }


def message_view(transaction: Transaction, exchange: Exchange) -> dict[str, Any]:
    """An answer of a supplier, as the ledger holds it."""
    return {
        "transaction": transaction.id,
        "attempt": exchange.attempt,
        "provider": exchange.provider,
        "purpose": exchange.purpose,
        "at": exchange.started_at.isoformat(),
        "status": exchange.status,
        "message": exchange.response,
    }


def report_view(number: int, report: StoredReport) -> dict[str, Any]:
    """A report as the ledger holds it."""
    return {
        "id": number,
        "provider": report.provider,
        "received_at": report.received_at.isoformat(),
        "remote": report.remote,
        "method": report.method,
        "query": report.query,
        "body": report.body,
        "attempt": report.attempt,
        "verdict": report.verdict,
    }
