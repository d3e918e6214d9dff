"""Whoever calls the gateway: clients who repeat themselves until they are answered, and operators."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Protocol, TypeVar

from gateway.core.accept import Request
from gateway.core.resolve import CannotResolveError
from gateway.core.transaction import Transaction
from gateway.engine.accept import Accepted
from gateway.engine.engine import Engine
from gateway.engine.errors import InvalidRequestError, RefIdConflictError, UnavailableError, UnknownProductError
from gateway.ledger import LedgerUnavailableError
from gateway.settings.types import Settings
from tests.simulation.invariants import Invariants
from tests.simulation.plan import NO_SUCH_DEST, Plan
from tests.simulation.supplier import State, Supplier

T = TypeVar("T")


class ConnectionLostError(Exception):
    """Nobody answered."""


class Callers(Protocol):
    """What callers need of the world."""

    @property
    def plan(self) -> Plan: ...

    @property
    def invariants(self) -> Invariants: ...

    @property
    def suppliers(self) -> dict[str, Supplier]: ...

    @property
    def chaos(self) -> bool: ...

    def broken(self, what: str) -> None: ...

    def note(self, *what: object) -> None: ...

    async def call(self, work: Callable[[Engine], Coroutine[Any, Any, T]]) -> T: ...


async def buy(world: Callers, number: int) -> None:
    """One purchase by one client, told again and again until there is an answer, and sometimes after it."""
    random = world.plan.random(f"client {number}")
    await asyncio.sleep(random.uniform(0, world.plan.busy))
    client = random.choice(["shop", "shop", "kios"])
    product = random.choice(world.plan.settings.products)
    qty = random.choice([20_000, 50_000]) if product.open_denomination else 1
    request = Request(
        ref_id=f"A-{number // 2}",  # two clients, and the same client twice, may come upon the same one
        product=product.code,
        dest=f"0812000{number // 2:05d}",
        qty=qty,
        max_price=random.choice([None, None, None, qty * product.open_denomination + 5060, 4000]),
    )
    if random.random() < 0.05:
        await _mistaken(world, client, request)
    answered = await _until_answered(world, random, client, request)
    for _ in range(random.choice([0, 0, 1, 3])):
        await asyncio.sleep(random.choice([0.0, 1.0, 60.0, 900.0]))
        again = await _until_answered(world, random, client, request)
        if again is not None and answered is not None and again.id != answered.id:
            world.broken(f"{request.ref_id} was answered with {answered.id} and with {again.id}")


async def _mistaken(world: Callers, client: str, request: Request) -> None:
    """A request that can only be refused; nothing may be left of it."""
    wrong = Request(ref_id=f"{request.ref_id}-wrong", product=request.product, dest=NO_SUCH_DEST, qty=request.qty)
    try:
        await world.call(lambda engine: engine.accept(client, wrong))
        world.broken("a wrong destination was accepted")
    except (ConnectionLostError, UnavailableError, InvalidRequestError, UnknownProductError):
        return


async def _until_answered(world: Callers, random: Random, client: str, request: Request) -> Transaction | None:
    while True:
        twice = random.random() < 0.1
        try:
            if twice:
                first, second = await asyncio.gather(_ask(world, client, request), _ask(world, client, request))
                if first.transaction.id != second.transaction.id:
                    world.broken(f"{request.ref_id} was bought twice at once")
            else:
                first = await _ask(world, client, request)
        except RefIdConflictError as conflict:
            if conflict.existing.request_hash == request.fingerprint():
                world.broken(f"{request.ref_id} is in conflict with itself")
            return None
        except (ConnectionLostError, UnavailableError):
            await asyncio.sleep(random.choice([0.1, 1.0, 20.0]))
            continue
        if random.random() < 0.1:
            await _other_body(world, client, request)
        if random.random() < 0.3:
            await _wait(world, first.transaction)
        return first.transaction


async def _ask(world: Callers, client: str, request: Request) -> Accepted:
    accepted = await world.call(lambda engine: engine.accept(client, request))
    answered = accepted.transaction
    # The answer tells what is on disk, or was a moment ago.
    held = world.invariants.transactions.get(answered.id)
    if held is None:
        world.broken(f"{request.ref_id} is answered with {answered.id}, which is not in the ledger")
    elif held.version < answered.version or held.ref_id != request.ref_id or held.client != client:
        world.broken(f"{request.ref_id} is answered with a state of {answered.id} that is not in the ledger")
    world.note(client, request.ref_id, answered.id, answered.status.value, "again" if accepted.replayed else "new")
    return accepted


async def _other_body(world: Callers, client: str, request: Request) -> None:
    other = Request(ref_id=request.ref_id, product=request.product, dest="081299999999")
    try:
        accepted = await world.call(lambda engine: engine.accept(client, other))
        world.broken(f"{request.ref_id} with another body was answered with {accepted.transaction.id}")
    except (RefIdConflictError, ConnectionLostError, UnavailableError):
        return


async def _wait(world: Callers, transaction: Transaction) -> None:
    try:
        await world.call(lambda engine: engine.wait_final(transaction, 30.0))
    except (ConnectionLostError, LedgerUnavailableError):
        return


async def meddle(world: Callers) -> None:
    """An operator who asks, pauses and resumes while everything happens."""
    random = world.plan.random("operator")
    while world.chaos:
        await asyncio.sleep(random.choice([20.0, 200.0, 600.0]))
        account = random.choice(list(world.suppliers))
        ids = list(world.invariants.transactions)
        chosen = random.choice(ids) if ids else ""
        try:
            match random.randrange(4):
                case 0 if chosen:
                    await world.call(lambda engine: engine.check_now(chosen, "sari"))  # noqa: B023 — run before it changes
                case 1:
                    await world.call(lambda engine: engine.pause(account, "sari", "a look"))  # noqa: B023
                case _:
                    await world.call(lambda engine: engine.resume(account, "sari"))  # noqa: B023
        except (ConnectionLostError, LedgerUnavailableError, LookupError):  # the last: it is taken out just now
            continue


async def decide(world: Callers) -> None:
    """A person who telephones while everything still happens, and settles what waits for one."""
    random = world.plan.random("telephone")
    if random.random() < 0.5:
        return
    while world.chaos:
        await asyncio.sleep(random.choice([30.0, 200.0, 900.0]))
        for transaction in list(world.invariants.transactions.values()):
            dealings = [world.suppliers[one.provider].dealings.get(one.id) for one in transaction.attempts]
            known = [dealing for dealing in dealings if dealing is not None]
            open_ones = any(one.on_the_way or (one.sale and one.sale.state is State.WAITING) for one in known)
            if open_ones or not (transaction.needs_review or transaction.conflict) or random.random() < 0.3:
                continue
            delivered = [one.sale.serial for one in known if one.sale and one.sale.state is State.DELIVERED]
            for one in known:
                one.odd = True  # what a supplier says from now on may contradict the person
            proof = random.choice([*delivered, None]) if delivered else None
            result = "success" if delivered else "failed"
            try:
                await world.call(lambda engine: engine.resolve(transaction.id, result, "by telephone", "sari", proof))  # noqa: B023 — awaited at once
            except (ConnectionLostError, LedgerUnavailableError, CannotResolveError):
                continue


async def reconfigure(world: Callers) -> None:
    """Whoever writes the configuration, and reloads it: accounts are changed, taken out and put back."""
    random, settings = world.plan.random("reload"), world.plan.settings
    if random.random() < 0.6:
        return
    while world.chaos:
        await asyncio.sleep(random.choice([0.5, 3.0, 20.0, 200.0]))
        kept = [one for one in settings.providers if random.random() < 0.8]
        changed = [one.model_copy(update={"monthly_commitment": random.randrange(3)}) for one in kept]
        await _reload(world, settings.model_copy(update={"providers": tuple(changed)}))
        await asyncio.sleep(random.choice([0.1, 1.0, 9.0]))
        await _reload(world, settings)


async def _reload(world: Callers, settings: Settings) -> None:
    try:
        await world.call(lambda engine: engine.reload(settings))
    except (ConnectionLostError, LedgerUnavailableError):
        return


async def settle_everything(world: Callers) -> None:
    """At the end a person telephones the suppliers, and settles what is left by what really happened."""
    for transaction in list(world.invariants.transactions.values()):
        if transaction.status.final and not transaction.conflict:
            continue
        delivered = ""
        for attempt in transaction.attempts:
            dealing = world.suppliers[attempt.provider].dealings.get(attempt.id)
            if dealing is not None and dealing.sale is not None:
                if dealing.sale.state is State.DELIVERED:
                    delivered = dealing.sale.serial
                elif dealing.sale.state is State.WAITING:
                    dealing.sale.state = State.FAILED
        result = "success" if delivered else "failed"
        try:
            after = await world.call(
                lambda engine: engine.resolve(transaction.id, result, "by telephone", "sari", delivered or None)  # noqa: B023
            )
        except CannotResolveError as error:
            world.broken(f"{transaction.id} cannot be settled by hand: {error}")
            continue
        if not after.status.final or after.conflict:
            world.broken(f"{transaction.id} is {after.status} after it was settled by hand")
