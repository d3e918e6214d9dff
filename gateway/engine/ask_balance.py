"""Asks a supplier what is left of a deposit. It costs nothing but a place among the account's calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from gateway.core.transaction import Exchange
from gateway.engine.accounts import Account
from gateway.engine.clock import Clock
from gateway.engine.exchange import RUPIAH, is_rupiah, record
from gateway.engine.lanes import LaneFullError
from gateway.engine.plugin_faults import tell, tell_wrong
from gateway.net.redaction import masking
from gateway.net.transport import Sent
from gateway.plugin_errors import FAULTS
from gateway.provider import Call

log = structlog.get_logger(__name__)


async def ask_balance(
    account: Account,
    *,
    clock: Clock,
    heard: Callable[[Account, int, datetime], None],
    keep: Callable[[Exchange], Awaitable[None]],
) -> int | None:
    """Ask, and keep the question and the answer: rupiah, or `None` where the supplier does not say.

    Args:
        heard: told the balance, and since when it may be so, before the exchange is kept.
        keep: stores the exchange.

    Raises:
        LedgerUnavailableError: the exchange cannot be kept; the balance is all the same.
    """
    call = _call(account)
    if call is None:
        log.warning("balance_not_asked", provider=account.id, why="the plugin made no call")
        return None
    try:
        slot = await account.lane.take(account.settings.limits.wait)
    except LaneFullError:
        return None  # purchases come first; it is asked again at its next time
    started = clock.now()
    try:
        sent = await account.transport.send(call)
    finally:
        slot.release()
    balance = _read(account, sent)
    if balance is None:
        log.warning("balance_not_told", provider=account.id, why=sent.detail or "the answer does not say")
    else:
        heard(account, balance, started)
    mask = masking(call, account.redactor)
    await keep(record(account.id, call, sent, mask, purpose="balance", attempt=None, now=started))
    return balance


def _call(account: Account) -> Call | None:
    try:
        call = account.provider.balance()
    except FAULTS as error:
        tell(account.id, "balance", error)
        return None
    return call if isinstance(call, Call) else None


def _read(account: Account, sent: Sent) -> int | None:
    if sent.reply is None:
        return None
    try:
        said: object = account.provider.read_balance(sent.reply)
    except FAULTS as error:
        tell(account.id, "read_balance", error)
        return None
    if not is_rupiah(said):
        tell_wrong(account.id, "read_balance", f"it is {type(said).__name__}, and has to be {RUPIAH}")
        return None
    return said
