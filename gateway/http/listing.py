"""The query of a list: filters, the size of a page, and the cursor."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from gateway.core.destinations import InvalidDestinationError, normalise
from gateway.core.transaction import Transaction, TransactionStatus
from gateway.http.engine_protocol import LedgerReads
from gateway.http.problems import ProblemError, invalid

LARGEST_PAGE = 200
DEFAULT_PAGE = 50
PAGE = frozenset({"cursor", "limit"})
FILTERS = PAGE | {"status", "product", "dest", "from", "to"}

_NUMBER = re.compile(r"[0-9]{18}", re.ASCII)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|z|[+ -]\d\d:\d\d)", re.ASCII)
_PRINTABLE = re.compile(r"[ -~]{1,100}")


class Filters(TypedDict):
    """Which transactions to show, in the ledger's words; `None` leaves a filter out."""

    client: str | None
    status: str | None
    product: str | None
    provider: str | None
    start: datetime | None
    """Included."""
    end: datetime | None
    """Not included."""


def parameters(pairs: Iterable[tuple[str, str]], known: frozenset[str]) -> dict[str, str]:
    """The query as a dictionary.

    Raises:
        ProblemError: a parameter is unknown, or is there twice: a misspelt filter would show what was not asked for.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        shown = ascii(name[:64])[1:-1]
        if name not in known:
            there_are = f"known are {', '.join(sorted(known))}" if known else "this path takes none"
            raise invalid(shown, f"is not a parameter here; {there_are}")
        if name in found:
            raise invalid(shown, "is there twice")
        found[name] = value
    return found


def filters(query: Mapping[str, str], *, client: str | None) -> Filters:
    """What to show.

    Raises:
        ProblemError: names the parameter that is wrong.
    """
    status = query.get("status")
    if status is not None and status not in {known.value for known in TransactionStatus}:
        raise invalid("status", "must be pending, success, failed or reversed")
    for name in ("product", "dest", "provider", "client"):
        if name in query and not _PRINTABLE.fullmatch(query[name]):
            raise invalid(name, "must be 1 to 100 printable ASCII characters")
    return Filters(
        client=client,
        status=status,
        product=query.get("product"),
        provider=query.get("provider"),
        start=_moment("from", query),
        end=_moment("to", query),
    )


def destinations(query: Mapping[str, str]) -> tuple[str | None, ...]:
    """What the filter `dest` may be stored as: as it is written, and as each kind of destination is normalised.

    `62812…` may be a mobile number, which is stored as `0812…`, or a meter's, which is stored so. A `+` that was not
    encoded arrives as a space.
    """
    written = query.get("dest")
    if written is None:
        return (None,)
    if written.startswith(" "):
        written = "+" + written[1:]
    stored = {written: None}
    for kind in ("msisdn", "meter"):
        with contextlib.suppress(InvalidDestinationError):
            stored[normalise(kind, written)] = None
    return tuple(stored)


async def find(ledger: LedgerReads, query: Mapping[str, str], *, client: str | None, limit: int) -> list[Transaction]:
    """The page that the query asks for, newest first, and one row more: it only tells that there is another page.

    Raises:
        ProblemError: names the parameter that is wrong.
        gateway.ledger.errors.LedgerUnavailableError: the ledger cannot be read.
    """
    wanted, last = filters(query, client=client), before(query)
    found = [
        one
        for dest in destinations(query)
        for one in await ledger.transactions(**wanted, dest=dest, before_id=last, limit=limit + 1)
    ]
    return sorted(found, key=lambda one: one.id, reverse=True)[: limit + 1]


def _moment(name: str, query: Mapping[str, str]) -> datetime | None:
    """An RFC 3339 moment. A `+` that was not encoded arrives as a space, and is taken for what it was."""
    text = query.get(name)
    if text is None:
        return None
    match = _MOMENT.fullmatch(text)
    if match is not None:
        zone = "+00:00" if match[4] in {"Z", "z"} else match[4].replace(" ", "+")
        fraction = match[3] or ""
        # Purchases are dated to the microsecond, so the first of them at this moment or later is the next whole one.
        more = timedelta(microseconds=1) if fraction[6:].strip("0") else timedelta()
        try:
            moment = datetime.fromisoformat(f"{match[1]}T{match[2]}.{fraction[:6]:0<6}{zone}")
            return (moment + more).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise invalid(name, "must be a moment with its offset, such as 2026-11-23T10:00:00+07:00 or 2026-11-23T03:00:00Z")


def page_size(query: Mapping[str, str]) -> int:
    """How many to show: 1 to 200. Raises `ProblemError`."""
    text = query.get("limit")
    if text is None:
        return DEFAULT_PAGE
    if not re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) or not 1 <= int(text) <= LARGEST_PAGE:
        raise invalid("limit", f"must be a whole number from 1 to {LARGEST_PAGE}")
    return int(text)


def cursor(last: str) -> str:
    """Where the next page begins, as text that means nothing to a client."""
    return base64.urlsafe_b64encode(b"1:" + last.encode()).decode().rstrip("=")


def before(query: Mapping[str, str]) -> str | None:
    """The id below which the page begins. Raises `ProblemError`."""
    text = query.get("cursor")
    if text is None:
        return None
    try:
        version, _, number = (
            base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
            .decode("ascii")
            .partition(":")
        )
    except (UnicodeError, binascii.Error):
        version = number = ""
    if version != "1" or not _NUMBER.fullmatch(number):
        raise invalid("cursor", "must be the next_cursor of an earlier answer")
    return number


def is_id(text: str) -> bool:
    """Whether it can be the id of a transaction at all."""
    return _NUMBER.fullmatch(text) is not None


def nothing_here(what: str) -> ProblemError:
    """Not there, or not for this client: the two look the same on purpose."""
    return ProblemError("not_found", f"there is no such {what}")


def page(name: str, rows: Sequence[tuple[str, Mapping[str, Any]]], limit: int) -> dict[str, Any]:
    """One page of a list, from one row more than it shows: the last row only tells that there is another page.

    Args:
        rows: ids and views, newest first.
    """
    shown = rows[:limit]
    return {name: [view for _, view in shown], "next_cursor": cursor(shown[-1][0]) if len(rows) > limit else None}
