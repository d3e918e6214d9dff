"""A supplier as it really is: what it has bought for whom, what it says about it, and how badly it says it.

It knows the truth, and the gateway only what it is told; the difference is what the invariants look at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random
from typing import Any, Protocol

from gateway.net.transport import Failure, Sent
from gateway.provider import Asking, Call, Reply
from gateway.testing.scripted_supplier import ScriptedSettings, say, target
from tests.simulation.plan import ANSWER, LATEST, Plan, down_times

_CURABLE = ("product_unavailable", "cutoff", "supplier_balance", "supplier_refused", "price_too_high")
FINAL_REASONS = ("invalid_destination", "duplicate", "supplier_timeout", "blocked_destination")
"""After these no other supplier is tried. Written down here once more, so that the engine's own table is tested too."""


class State(Enum):
    WAITING = auto()
    DELIVERED = auto()
    FAILED = auto()
    TAKEN_BACK = auto()


@dataclass
class Sale:
    """One purchase that the supplier has taken."""

    price: int
    stated: bool
    """Whether its messages name the price. What is not as listed is always named: nobody could know it otherwise."""
    serial: str
    state: State = State.WAITING
    why: str = ""
    since: float = 0.0

    @property
    def word(self) -> str:
        if self.state is State.WAITING:
            return "pending"
        return "success" if self.state is State.DELIVERED else "failed"


@dataclass
class Dealing:
    """Everything between the gateway and this supplier about one reference."""

    ref: str
    product: str = ""
    sale: Sale | None = None
    on_the_way: int = 0
    """Requests to buy that have left the gateway and will arrive."""
    answering: int = 0
    """Answers that are on their way back."""
    purchases: int = 0
    resends: int = 0
    kept_in: bool = False
    """The purchase surely did not leave."""
    delivered: bool = False
    """It was delivered at some time, whatever came later."""
    said: set[str] = field(default_factory=set)
    """The words that reached the gateway on a way that it may believe."""
    nevers: int = 0
    acknowledged: set[str] = field(default_factory=set)
    """The true words of reports that the gateway has taken."""
    odd: bool = False
    """The supplier contradicts itself about it, or a report about it cannot be checked."""
    outbox: list[tuple[str, str]] = field(default_factory=list)
    """Reports that are still to be sent: the true word, or `lie`, and the text."""
    posting: bool = False

    @property
    def may_deliver(self) -> bool:
        """The truth of it at this moment."""
        if self.sale is None:
            return self.on_the_way > 0
        return self.sale.state in {State.WAITING, State.DELIVERED}

    @property
    def charged(self) -> int:
        """Rupiah that were taken for it and not given back."""
        return self.sale.price if self.sale is not None and self.sale.state is State.DELIVERED else 0


class Around(Protocol):
    """What a supplier needs of the world."""

    @property
    def plan(self) -> Plan: ...

    def later(self, seconds: float, work: Callable[..., object], *args: object) -> None: ...

    def go(self, work: Coroutine[Any, Any, None]) -> None: ...

    def now(self) -> float: ...

    def note(self, *what: object) -> None: ...

    def broken(self, what: str) -> None: ...

    async def post_report(self, account: str, text: str) -> bool: ...


class Supplier:
    """One account's supplier."""

    def __init__(self, settings: ScriptedSettings, world: Around) -> None:
        self.id = settings.id
        self.ask = settings.ask
        self.verified = settings.reports.trust == "verify"
        self.dealings: dict[str, Dealing] = {}
        self.healthy = False
        """No more trouble: the end of the run."""
        self._world = world
        self._random: Random = world.plan.random(settings.id)
        self._down = down_times(self._random)
        self._serials = 0
        self._calls, self._most = 0, settings.limits.in_flight
        self._fails, self._delivers = self._random.choice([(0.25, 0.25), (0.3, 0.0), (0.7, 0.1)])
        self._reporting = self.ask is Asking.NONE or self._random.random() < 0.8

    @property
    def charged(self) -> int:
        """Rupiah that it has taken and not given back."""
        return sum(dealing.charged for dealing in self.dealings.values())

    def heal(self) -> None:
        self.healthy = True
        self._down = []

    def shut(self) -> bool:
        """Whether nothing gets through its door now."""
        return any(start <= self._world.now() < end and door for start, end, door in self._down)

    async def exchange(self, call: Call, leaving: Callable[[str, str], None], alive: Callable[[], None]) -> Sent:
        """Take a call from the gateway, as the network would: the answer, or the want of one.

        Args:
            leaving: told `buy` or `ask` and the reference when the request leaves.
            alive: raises when the process that sends has died.
        """
        self._calls += 1
        if self._calls > self._most:
            self._world.broken(f"{self.id} has {self._calls} calls at once, and allows {self._most}")
        try:
            return await self._exchange(call, leaving, alive)
        finally:
            self._calls -= 1

    async def _exchange(self, call: Call, leaving: Callable[[str, str], None], alive: Callable[[], None]) -> Sent:
        kind, fields = target(call)
        ref = fields["ref"]
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(self._random.choice([0.001, 0.05, 0.5]))
        alive()
        dealing = self.dealings.setdefault(ref, Dealing(ref))
        if self.shut() or self._trouble(0.15):
            self._world.note(self.id, kind, ref, "not connected")
            if kind == "buy" and dealing.purchases == 0:
                dealing.kept_in = True
            return Sent(failure=Failure.CONNECT_REFUSED, left=False, detail="refused", duration=loop.time() - began)
        leaving(kind, ref)
        answer: asyncio.Future[str | Failure] = loop.create_future()
        self._travel(kind, fields, answer)
        try:
            async with asyncio.timeout(ANSWER):
                said = await answer
        except TimeoutError:
            said = Failure.ANSWER_TIMEOUT
        self._world.note(self.id, kind, ref, "->", said)
        if isinstance(said, Failure):
            return Sent(failure=said, left=True, detail=said.value, duration=loop.time() - began)
        reply = Reply(status=200, headers={}, body=said.encode())
        return Sent(reply=reply, left=True, duration=loop.time() - began)

    def _trouble(self, share: float) -> bool:
        return not self.healthy and self._random.random() < self._world.plan.trouble * share

    def _travel(self, kind: str, fields: dict[str, str], answer: asyncio.Future[str | Failure]) -> None:
        dealing = self.dealings[fields["ref"]]
        if self._trouble(0.2):  # lost behind the line
            if self._random.random() < 0.5:
                self._world.later(self._random.uniform(0, 5), self._set, answer, Failure.RESET)
            return
        slow = self._trouble(0.2)
        seconds = self._random.uniform(1, LATEST) if slow else self._random.uniform(0.001, 0.3)
        dealing.on_the_way += kind == "buy"
        self._world.later(seconds, self._arrive, kind, fields, answer)

    def _arrive(self, kind: str, fields: dict[str, str], answer: asyncio.Future[str | Failure]) -> None:
        dealing = self.dealings[fields["ref"]]
        dealing.on_the_way -= kind == "buy"
        if any(start <= self._world.now() < end for start, end, _ in self._down):
            return
        text, word = self._buy(dealing, fields["product"], int(fields["qty"])) if kind == "buy" else self._tell(dealing)
        dealing.answering += 1
        pause = self._random.choice([0.0, 0.05, 1.0])
        self._world.later(pause, self._answer, dealing, self._garbled(text) or (kind, word, text), answer)

    def _garbled(self, text: str) -> str | Failure:
        """What goes back in the place of an answer; empty where the answer itself does."""
        if not self._trouble(1.0):
            return ""
        return self._random.choice(
            [
                Failure.ANSWER_TIMEOUT,
                Failure.DROPPED,
                Failure.TRUNCATED,
                text[: len(text) // 2],
                "<html>502 success</html>",
                say(self._random.choice(["success", "failed", "refused"]), "000000000000000007"),
                " ",
            ]
        )

    def _answer(
        self, dealing: Dealing, what: str | Failure | tuple[str, str, str], answer: asyncio.Future[str | Failure]
    ) -> None:
        """The answer arrives, or something in its place."""
        dealing.answering -= 1
        if not isinstance(what, tuple):
            if what is not Failure.ANSWER_TIMEOUT:  # for that one nothing need be done
                self._set(answer, what)
            return
        kind, word, text = what
        if not answer.done():
            if kind == "ask":
                dealing.nevers = dealing.nevers + 1 if word == "never" else 0
            dealing.said.add(word)
        self._set(answer, text)

    @staticmethod
    def _set(answer: asyncio.Future[str | Failure], what: str | Failure) -> None:
        if not answer.done():
            answer.set_result(what)

    def _tell(self, dealing: Dealing) -> tuple[str, str]:
        sale = dealing.sale
        if sale is None or (self._world.now() - sale.since < LATEST and self._trouble(0.5)):
            return say("never", dealing.ref), "never"
        return self._line(dealing.ref, sale), sale.word

    @staticmethod
    def _line(ref: str, sale: Sale) -> str:
        if sale.word == "success":
            price = sale.price if sale.stated else None
            return say("success", ref, sn=sale.serial, price=price, sref=f"S{sale.serial}")
        return say(sale.word, ref, why=sale.why if sale.word == "failed" else "", sref=f"S{sale.serial}")

    def _buy(self, dealing: Dealing, product: str, qty: int) -> tuple[str, str]:
        """A purchase arrives. Under a reference that it has, a supplier that is asked so tells how it stands."""
        if dealing.sale is not None:
            if self.ask is not Asking.RESEND:
                self._world.broken(f"{self.id} bought {dealing.ref} twice")
            return self._line(dealing.ref, dealing.sale), dealing.sale.word
        draw = self._random.random()
        if draw < 0.03 and not self.healthy:
            return say("door", dealing.ref), "door"
        if draw < 0.08:
            return say("refused", dealing.ref), "refused"
        self._serials += 1
        listed, more = self._price(product, qty), self._random.choice([0, 0, 0, 25])
        sale = Sale(
            price=listed + more,
            stated=more != 0 or self._random.random() < 0.5,
            serial=f"{self.id}-{self._serials}",
            since=self._world.now(),
        )
        dealing.sale = sale
        dealing.product = product
        if self.verified and self.ask is not Asking.QUESTION:
            dealing.odd = True
        if draw < self._fails:
            self._fail(dealing, sale)
        elif draw < self._fails + self._delivers:
            self._deliver(dealing, sale)
        elif draw < 0.93 or self.healthy:
            pause = self._random.choice([0.05, 2.0, 15.0, 200.0, 1500.0])
            end = self._fail if self._random.random() < 0.4 else self._deliver
            self._world.later(self._random.uniform(0, pause), end, dealing, sale)
            if self._random.random() < 0.2:
                self._report(dealing, "pending", self._line(dealing.ref, sale))
        self._lie(dealing)
        return self._line(dealing.ref, sale), sale.word

    def _price(self, product: str, qty: int) -> int:
        for item in self._world.plan.settings.products:
            for route in item.routes:
                if route.code == product:
                    return route.price + (qty if item.open_denomination else 0)
        raise LookupError(product)

    def _fail(self, dealing: Dealing, sale: Sale) -> None:
        sale.state = State.FAILED
        sale.why = self._random.choice(_CURABLE if self._random.random() < 0.75 else FINAL_REASONS)
        self._settled(dealing, sale, self._deliver)

    def _deliver(self, dealing: Dealing, sale: Sale) -> None:
        if dealing.sale is None or sale.state is State.DELIVERED:
            return
        was = sale.state
        sale.state = State.DELIVERED
        dealing.delivered = True
        if was is State.WAITING:
            self._settled(dealing, sale, self._take_back)
        else:
            self._changed(dealing, sale)

    def _take_back(self, dealing: Dealing, sale: Sale) -> None:
        sale.state = State.TAKEN_BACK
        sale.why = "supplier_refused"
        self._changed(dealing, sale)

    def _settled(self, dealing: Dealing, sale: Sale, other: Callable[[Dealing, Sale], None]) -> None:
        """It has ended: tell, and perhaps think again."""
        self._world.note(self.id, dealing.ref, sale.state.name)
        if self._random.random() < 0.7:
            self._report(dealing, sale.word, self._line(dealing.ref, sale))
        if self._random.random() < self._world.plan.oddity and not self.healthy:
            dealing.odd = True
            self._world.later(self._random.choice([2.0, 10.0, 60.0, 900.0]), self._think_again, dealing, sale, other)

    def _think_again(self, dealing: Dealing, sale: Sale, other: Callable[[Dealing, Sale], None]) -> None:
        if dealing.answering or dealing.outbox:
            # One thing after the other: from contradicting words in the wrong order nobody could learn the truth.
            self._world.later(20.0, self._think_again, dealing, sale, other)
        elif sale.state in {State.FAILED, State.DELIVERED}:
            other(dealing, sale)

    def _changed(self, dealing: Dealing, sale: Sale) -> None:
        self._world.note(self.id, dealing.ref, "now", sale.state.name)
        self._report(dealing, sale.word, self._line(dealing.ref, sale))

    def _lie(self, dealing: Dealing) -> None:
        """Reports that nobody should believe: they are sent only where they are not."""
        if not self.verified or self._random.random() >= self._world.plan.lies:
            return
        word = self._random.choice(["success", "failed", "garbage", "stranger"])
        dealing.odd = True
        text = {
            "success": say("success", dealing.ref, sn="LIE"),
            "failed": say("failed", dealing.ref, why="supplier_refused"),
            "garbage": "SUCCESS!!",
            "stranger": say("success", "000000000000000009"),
        }[word]
        self._world.later(self._random.choice([0.0, 1.0, 100.0]), self._report, dealing, "lie", text)

    def _report(self, dealing: Dealing, word: str, text: str) -> None:
        if not self._reporting:
            return
        times = self._random.choice([1, 1, 2, 4])
        dealing.outbox += [(word, text)] * times
        if not dealing.posting:
            dealing.posting = True
            self._world.go(self._post(dealing))

    async def _post(self, dealing: Dealing) -> None:
        """Send the reports about one purchase, in their order, each until it is acknowledged or given up."""
        while dealing.outbox:
            word, text = dealing.outbox[0]
            await asyncio.sleep(self._random.choice([0.0, 0.0, 0.1, 3.0]))
            for _ in range(5):
                if self.ask is not Asking.NONE and self._trouble(0.3):
                    break  # lost
                if not self.verified:
                    dealing.said.add(word)
                if await self._world.post_report(self.id, text):
                    if word != "lie":
                        dealing.acknowledged.add(word)
                    break
                await asyncio.sleep(self._random.choice([5.0, 40.0]))
            dealing.outbox.pop(0)
        dealing.posting = False
