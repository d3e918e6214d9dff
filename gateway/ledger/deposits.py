"""What the ledger knows of a deposit at a supplier, whichever replica bought: charges in some time, what is in doubt.

Nothing here is asked on the way of a purchase. The rows of attempts are read from a week before the moment in question
on, because what was sent then may have ended since; what is open still is found however old it is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property

import sqlalchemy as sa

from gateway.core.claims import Claim
from gateway.core.transaction import AttemptStatus
from gateway.ledger import rows, values
from gateway.ledger.protocol import Balance
from gateway.ledger.retention import Retaining
from gateway.ledger.rows import Row
from gateway.ledger.schema import attempts, balances, transactions
from gateway.ledger.statements import Statements

LONGEST_OPEN = timedelta(days=7)
"""After so long an attempt is settled by a person or not at all."""


class _Deposited:
    """The statements, for one database."""

    def __init__(self, statements: Statements) -> None:
        c = statements._compile  # noqa: SLF001 — statements are compiled in one way only
        self.base = c(_base())
        self.charged = c(_charged())
        self.ended = c(_ended())
        self.open = c(_open())


class Deposits(Retaining):
    """The part of a ledger that counts deposits for several replicas. `Ledger` documents the methods."""

    @cached_property
    def _deposited(self) -> _Deposited:
        return _Deposited(self.statements)

    async def balance_base(self, provider: str) -> Balance | None:
        found = await self._rows(self._deposited.base, provider=provider)
        return values.read_balance(found[0]) if found else None

    async def charged_between(self, provider: str, start: datetime, end: datetime) -> int:
        found = await self._rows(
            self._deposited.charged,
            provider=provider,
            first=rows.first_number(start - LONGEST_OPEN),
            start=rows.to_micros(start),
            end=rows.to_micros(end),
        )
        return int(found[0][0] or 0)

    async def claims(self, provider: str, since: datetime) -> list[Claim]:
        first = rows.first_number(since - LONGEST_OPEN)
        still = await self._rows(self._deposited.open, provider=provider)
        ended = await self._rows(self._deposited.ended, provider=provider, first=first, since=rows.to_micros(since))
        # One may have ended between the two reads: as it was read last is how it stands.
        return list({row[0]: _claim(row) for row in (*still, *ended)}.values())


def _big(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger)


def _at_provider() -> sa.ColumnElement[bool]:
    return attempts.c.provider == sa.bindparam("provider", type_=sa.Text)


def _base() -> sa.sql.ClauseElement:
    of_provider = balances.c.provider == sa.bindparam("provider", type_=sa.Text)
    query = sa.select(balances).where(of_provider, balances.c.computed.is_not(None))
    return query.order_by(balances.c.at.desc()).limit(sa.literal_column("1"))


def _charged() -> sa.sql.ClauseElement:
    """What was charged in (start, end], less what was given back."""
    a, t = attempts.c, transactions.c
    start, end = _big("start"), _big("end")
    nothing: sa.ColumnElement[int] = sa.literal_column("0")
    charge = sa.func.coalesce(a.price, a.expected_price, nothing)

    def within(moment: sa.Column[int], amount: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        return sa.case((sa.and_(moment > start, moment <= end), amount), else_=nothing)

    # A transaction keeps the time of its success when that is taken back.
    taken_back = within(t.final_at, charge) + within(a.ended_at, -charge)
    amount = sa.case((sa.text("attempts.status = 'success'"), within(a.ended_at, charge)), else_=taken_back)
    query = sa.select(sa.func.sum(amount)).select_from(sa.join(attempts, transactions, t.id == a.transaction_id))
    charged = sa.text("attempts.status IN ('success', 'reversed')")
    return query.where(a.id >= _big("first"), _at_provider(), charged, a.ended_at > start)


def _claims() -> sa.Select[tuple[object, ...]]:
    a, t = attempts.c, transactions.c
    nothing: sa.ColumnElement[int] = sa.literal_column("0")
    expected, price = sa.func.coalesce(a.expected_price, nothing), sa.func.coalesce(a.price, nothing)
    most = sa.case((price > expected, price), else_=expected)
    charge = sa.func.coalesce(a.price, a.expected_price, nothing)
    columns = (a.id, a.status, a.contested, most, charge, a.started_at, a.ended_at, t.final_at)
    return sa.select(*columns).select_from(sa.join(attempts, transactions, t.id == a.transaction_id))


def _ended() -> sa.sql.ClauseElement:
    since = attempts.c.ended_at > _big("since")
    return _claims().where(attempts.c.id >= _big("first"), _at_provider(), since)


def _open() -> sa.sql.ClauseElement:
    unsettled = sa.text("(transactions.status = 'pending' OR transactions.needs_review OR transactions.conflict)")
    return _claims().where(_at_provider(), unsettled)


def _claim(row: Row) -> Claim:
    number, status, contested, most, charge, started, ended, final = row
    reversed_ = status == AttemptStatus.REVERSED
    return Claim(
        attempt=rows.reference(number),
        status=AttemptStatus(status),
        contested=bool(contested),
        most=int(most),
        charge=int(charge),
        started_at=rows.from_micros(started),
        ended_at=rows.maybe_time(ended),
        succeeded_at=rows.maybe_time(final) if reversed_ else None,
    )
