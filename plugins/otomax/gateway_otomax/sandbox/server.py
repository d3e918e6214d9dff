"""The sandbox supplier: an HTTP server that speaks OtomaX as Maxsi does, and answers 200 whatever it says."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Final

from aiohttp import web

from gateway_otomax.sandbox import texts
from gateway_otomax.sandbox.behaviours import BEHAVIOURS, Answer, Behaviour
from gateway_otomax.sandbox.book import Arrival, Book, Kind, Purchase
from gateway_otomax.sandbox.door import NO_MEMBER, WRONG_SIGN, Member, order_of, parameters_of
from gateway_otomax.sandbox.report_lines import report_line
from gateway_otomax.sandbox.reports import Delivery, Reporter

__all__ = ["PRICES", "OtomaxSandbox"]

JAKARTA: Final = timezone(timedelta(hours=7), "WIB")
LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
PRICES: Final[Mapping[str, int]] = {
    "XL5": 5_400,
    "S10": 10_250,
    "XD2": 18_700,
    "PLN20": 20_100,
    "DANA": 75,
    "CEKPLN": 50,
    "BYRPLN": -1_500,
}
"""Product codes and their prices: those of `config/gateway.yaml`."""

_PAUSES = (1.0, 2.0, 4.0)
_EARLY = 1.0
"""Seconds that the answer waits for a report that goes out before it."""


def _now() -> datetime:
    return datetime.now(JAKARTA)


class OtomaxSandbox:
    """A pretend OtomaX supplier (`gateway.provider.Sandbox`). Its memory outlives `stop`, for the next `start`.

    Args:
        report_url: where purchases are reported; `None`: nowhere.
        member_id, pin, password, slug: the one member, and the last part of the path of its URL. They open nothing.
        prefix: what the signature begins with.
        allow_from: the addresses that may call, as networks.
        balance: the deposit at the start, in whole rupiah.
        prices: what each product code costs; a quantity above 1 is an amount, and is added.
        default_price: what any other code costs; `None`: other codes are refused.
        report_delay: seconds from a purchase to its later state and its report.
        report_pauses: seconds before each further try to report what was not answered 200.
        hang: seconds for which "no answer" holds the connection.
        journal: a file for one JSON line for each arrival, and for money given back. It is written, never read.
        behaviours: instead of the table: by the last two digits of the destination, and `ANY` for the rest.
        clock: what time it is (aware); answers show it.

    Raises:
        ValueError: an argument cannot be used.
    """

    def __init__(
        self,
        *,
        report_url: str | None = None,
        member_id: str = "SANDBOX",
        pin: str = "1234",
        password: str = "sandbox-password",  # noqa: S107 - known to everybody, and opens nothing
        slug: str = "sandbox",
        prefix: str = "OtomaX",
        allow_from: Iterable[IPv4Network | IPv6Network | str] = LOOPBACK,
        balance: int = 10_000_000,
        prices: Mapping[str, int] = PRICES,
        default_price: int | None = None,
        report_delay: float = 1.0,
        report_pauses: Sequence[float] = _PAUSES,
        hang: float = 60.0,
        journal: Path | None = None,
        behaviours: Mapping[str, Behaviour] = BEHAVIOURS,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._member = Member(member_id=member_id, pin=pin, password=password, prefix=prefix)
        self._path = f"/trx/{slug}"
        self._allowed = tuple(ip_network(network) for network in allow_from)
        self._delay, self._hang, self._clock = report_delay, hang, clock
        self._book = Book(
            balance=balance,
            prices=prices,
            default_price=default_price,
            delay=timedelta(seconds=report_delay),
            behaviours=behaviours,
            journal=journal,
        )
        self._reporter = None if report_url is None else Reporter(report_url, pauses=report_pauses)
        self._runner: web.ServerRunner | None = None
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._known_addresses: dict[str | None, bool] = {}

    # What tests look at.

    @property
    def purchases(self) -> Sequence[Arrival]:
        """Every request to buy, in the order of arrival."""
        return self._book.arrivals

    @property
    def reports(self) -> Sequence[Delivery]:
        """Every report that was sent or is being sent."""
        return () if self._reporter is None else self._reporter.deliveries

    @property
    def balance(self) -> int:
        """The deposit now, in whole rupiah."""
        self._book.settle(self._clock())
        return self._book.balance

    @property
    def charges(self) -> int:
        """What was taken and not given back, in whole rupiah."""
        self._book.settle(self._clock())
        return self._book.charges

    def times_bought(self, ref: str) -> int:
        """How often a purchase was executed under this reference."""
        return self._book.bought[ref]

    def forget(self) -> None:
        """Lose the memory of every reference, as suppliers do after a while: a resend buys again."""
        self._book.forget()

    async def reported(self) -> None:
        """Wait until every report that is due by now or later has arrived or was given up."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    # The server.

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port.

        Raises:
            OSError: it cannot listen there.
            RuntimeError: it is listening already.
        """
        if self._runner is not None:
            raise RuntimeError("the sandbox is running: stop it before it is started again")
        self._stopping = asyncio.Event()
        runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        listening: int = runner.addresses[0][1]
        return listening

    async def stop(self) -> None:
        """Stop listening, and drop the reports that are still to be sent. Stopping twice is the same as once."""
        self._stopping.set()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if not self._allows(request.remote):
            return _text(texts.address_refused(request.remote or ""))
        if request.path == self._path:
            return await self._transaction(request, await _parameters(request))
        if request.path == f"{self._path}/balance":
            refused = self._member.balance_refusal(await _parameters(request))
            return _text(texts.door_refused(refused) if refused else texts.balance_is(self.balance))
        if request.path == "/_sandbox/purchases":
            return _text(json.dumps(self._book.summary(self._clock())), "application/json")
        return _text(texts.door_refused(NO_MEMBER))

    def _allows(self, remote: str | None) -> bool:
        known = self._known_addresses.get(remote)
        if known is None:
            address = ip_address(remote) if remote else None
            known = address is not None and any(address in network for network in self._allowed)
            self._known_addresses[remote] = known
        return known

    async def _transaction(self, request: web.BaseRequest, given: Mapping[str, str]) -> web.StreamResponse:
        now = self._clock()
        order = order_of(given)
        check = given.get("check") == "1"
        if (refused := self._member.refusal(given, order)) is not None:
            if not check:
                self._book.note(order, Kind.TURNED_AWAY, now, sign_ok=refused != WRONG_SIGN)
            return _text(texts.door_refused(refused, order))
        if check:
            found = self._book.find(order, now)
            balance = self._book.balance
            return _text(texts.before(found, balance) if found else texts.never_seen(order, balance, now))
        kind, purchase = self._book.place(order, now)
        if purchase is None:
            return _dropped(request)
        if kind is Kind.REPEATED:
            return _text(texts.before(purchase, self._book.balance))
        if kind is Kind.CONFLICT:
            return _text(texts.another_purchase(order, self._book.balance))
        await self._prepare(purchase)
        return await self._perform(request, purchase, now)

    async def _prepare(self, purchase: Purchase) -> None:
        """What comes before the answer: the report is put on its way, and time passes."""
        behaviour = purchase.behaviour
        if behaviour.reports and self._reporter is not None:
            task = asyncio.create_task(self._report(self._reporter, purchase))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if behaviour.early:
                await asyncio.wait({task}, timeout=_EARLY)
        if behaviour.wait:
            await self._pause(behaviour.wait)

    async def _perform(self, request: web.BaseRequest, purchase: Purchase, now: datetime) -> web.StreamResponse:
        match purchase.behaviour.answer:
            case Answer.SUCCESS:
                return _text(texts.delivered(purchase, self._book.balance, now))
            case Answer.PENDING:
                return _text(texts.pending(purchase, now))
            case Answer.WRONG_SUM:
                return _text(texts.wrong_sum(purchase, now))
            case Answer.FAILED:
                return _text(texts.failed(purchase, self._book.balance, now))
            case Answer.HANG:
                await self._pause(self._hang)
                return _dropped(request)
            case Answer.DROP:
                return _dropped(request)
            case Answer.GARBAGE:
                return _dropped(request, texts.GARBAGE)
            case Answer.NOT_UTF8:
                return web.Response(body=texts.NOT_UTF8, content_type="text/plain")
            case Answer.PAGE:
                return _text(texts.PAGE, "text/html")
            case Answer.EMPTY:
                return _text("")

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the server."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _report(self, reporter: Reporter, purchase: Purchase) -> None:
        if not purchase.behaviour.early:
            await asyncio.sleep(self._delay)
        self._book.advance(purchase, self._clock())
        for tells in purchase.behaviour.reports:
            await reporter.send(report_line(purchase, tells, self._book.balance, self._clock()))


async def _parameters(request: web.BaseRequest) -> dict[str, str]:
    """The query's parameters, and those of the form."""
    found = parameters_of(request.raw_path.partition("?")[2])
    if request.method == "POST":
        found |= parameters_of((await request.read()).decode("utf-8", "replace"))
    return found


def _text(text: str, content_type: str = "text/plain") -> web.Response:
    return web.Response(body=text.encode(), content_type=content_type)


def _dropped(request: web.BaseRequest, garbage: bytes = b"") -> web.Response:
    """Close the connection; what is returned here can no longer be sent."""
    if request.transport is not None:
        if garbage:
            request.transport.write(garbage)
        request.transport.close()
    return web.Response()
