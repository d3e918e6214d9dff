"""When the same `ref_id` means the same request, and what a new purchase is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.accept import Request, accept
from gateway.core.transaction import TransactionStatus

REQUEST = Request(ref_id="A-1", product="XL5", dest="081712345678")

requests = st.builds(
    Request,
    ref_id=st.text(max_size=5),
    product=st.text(max_size=5),
    dest=st.text(max_size=5),
    qty=st.integers(1, 200),
    max_price=st.none() | st.integers(0, 200),
)


@given(requests, requests)
def test_two_requests_have_one_fingerprint_only_if_they_ask_for_the_same(one: Request, other: Request) -> None:
    same = replace(one, ref_id="") == replace(other, ref_id="")
    assert (one.fingerprint() == other.fingerprint()) is same


def test_the_fingerprint_stays_the_same_from_version_to_version() -> None:
    """It is kept in ledgers: another one would turn every replay after an update into a conflict."""
    assert REQUEST.fingerprint() == "0fd50b7c6cf93a562f708016e5cc07f9"
    assert Request(ref_id="B", product="XL5", dest="081712345678", qty=1, max_price=None).fingerprint() == (
        REQUEST.fingerprint()
    )


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, product="XL10"),
        replace(REQUEST, dest="081712345679"),
        replace(REQUEST, dest="+6281712345678"),
        replace(REQUEST, qty=2),
        replace(REQUEST, max_price=6_000),
        replace(REQUEST, max_price=0),
    ],
)
def test_another_body_has_another_fingerprint(other: Request) -> None:
    assert other.fingerprint() != REQUEST.fingerprint()


def test_a_new_purchase_waits_for_routing(start: datetime) -> None:
    request = replace(REQUEST, qty=3, max_price=9_000)
    one, event = accept(
        request,
        transaction_id="000000000000000042",
        client="shop",
        dest="081712345678",
        now=start,
        deadline=120,
        owner="replica-1",
    )
    assert (one.status, one.attempts, one.version) == (TransactionStatus.PENDING, (), 1)
    assert (one.route_at, one.deadline_at) == (start, start + timedelta(seconds=120))
    assert (one.client, one.ref_id, one.product, one.dest, one.qty, one.max_price, one.owner) == (
        "shop",
        "A-1",
        "XL5",
        "081712345678",
        3,
        9_000,
        "replica-1",
    )
    assert one.request_hash == request.fingerprint()
    assert (event.kind, event.source, event.at) == ("accepted", "client", start)
