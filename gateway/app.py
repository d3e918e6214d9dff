"""Settings in, running gateway out: everything is put together here and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

import structlog
from aiohttp import web
from pydantic import SecretStr

from gateway.core.descriptors import seats
from gateway.engine.clock import Clock, SystemClock
from gateway.engine.crashpoints import Hook, nothing
from gateway.engine.deliver import PER_CLIENT, Deliverer
from gateway.engine.engine import Engine
from gateway.errors import AddressError, GatewayError
from gateway.http.incoming import Services
from gateway.http.server import ROUTE_NAMES, listen, make_admin_app, make_api_app
from gateway.ledger import Ledger, open_ledger
from gateway.net.redaction import Redactor, passwords_in, secrets_of
from gateway.observe.audit import AuditLog
from gateway.observe.logging import configure_logging
from gateway.observe.loop_errors import LoopErrors
from gateway.observe.loop_watch import watched_loop
from gateway.observe.metrics import Metrics
from gateway.plugins import Plugins
from gateway.sandbox import invitation, sandbox_beside
from gateway.settings.load import reload
from gateway.settings.types import Settings

log = structlog.get_logger(__name__)

_SWITCH_INTERVAL = 0.0005
"""Seconds. The ledger's writer is a thread; with Python's 5 ms the event loop would wait for it ten times as long."""

_GARBAGE = (50_000, 20, 50)
"""When Python looks for cycles. A purchase makes some hundred objects and no cycles that matter: with Python's own
(700, 10, 10) the looking took 4 to 8 % of the CPU, most of it at what was loaded at the start."""

LEASE_LOST = 75
"""The exit status after other replicas have taken this one's transactions over (EX_TEMPFAIL: start it again)."""


def serve(
    settings: Settings, plugins: Plugins, *, sandbox: bool, config_path: Path, log_level: str | None = None
) -> int:
    """Run the gateway until SIGTERM or SIGINT, and return the exit status: 0, or `LEASE_LOST`.

    Args:
        sandbox: also start a pretend supplier for the first account whose address is on this machine.
        log_level: instead of the configuration's, also after a reload.

    Raises:
        GatewayError: it cannot start; the message says why.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL)
    _open_as_many_files_as_allowed()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)
    configure_logging(log_level or settings.log.level, log_redactor(settings).text)
    return asyncio.run(_serve(settings, plugins, sandbox=sandbox, config_path=config_path, log_level=log_level))


def _open_as_many_files_as_allowed() -> None:
    """The soft limit is often 1,024, for programs that wait with `select`; this one does not."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems refuse what they call the hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def redactor(settings: Settings) -> Redactor:
    """Masks every secret that suppliers and clients are told or tell."""
    return Redactor(_told_to_others(settings))


def log_redactor(settings: Settings) -> Redactor:
    """Masks the same, and the passwords of the ledger and of Redis, which errors of their drivers may quote."""
    own = [settings.ledger.url, settings.cluster.redis or ""]
    return Redactor([*_told_to_others(settings), *(secret for url in own for secret in passwords_in(url))])


def _told_to_others(settings: Settings) -> list[str]:
    secrets: list[str] = []
    for provider in settings.providers:
        secrets += secrets_of(provider)
    for client in settings.clients:
        if client.webhook is not None:
            held = client.webhook.secret
            secrets += [one.get_secret_value() for one in ((held,) if isinstance(held, SecretStr) else held)]
    return secrets


async def _serve(
    settings: Settings, plugins: Plugins, *, sandbox: bool, config_path: Path, log_level: str | None
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(LoopErrors())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(
            running(settings, plugins, config_path=config_path, log_level=log_level)
        )
        loop.add_signal_handler(signal.SIGHUP, gateway.reload_soon)
        if sandbox:
            await stack.enter_async_context(sandbox_beside(settings, plugins, gateway.api_port))
        log.info("started", api=gateway.api_port, operations=gateway.admin_port, version=version("pulsa-gateway"))
        if sandbox:
            sys.stdout.write(invitation(settings, gateway.api_port))
            sys.stdout.flush()
        if not await _stopped_before(stop, gateway.engine.ledger.lease_lost()):
            await gateway.abandon()
            return LEASE_LOST
        log.info("draining", seconds=settings.server.drain)
        ended = await gateway.drain()
        log.info("stopped", everything_ended=ended)
    return 0


async def _stopped_before(stop: asyncio.Event, other: Coroutine[Any, Any, None]) -> bool:
    """Wait for the first of the two."""
    tasks = [asyncio.create_task(stop.wait()), asyncio.create_task(other)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return stop.is_set()


class Gateway:
    """A running gateway."""

    def __init__(
        self,
        engine: Engine,
        plugins: Plugins,
        metrics: Metrics,
        audit: AuditLog | None,
        config: Path,
        *,
        deliverer: Deliverer,
        log_level: str | None = None,
    ) -> None:
        self.engine = engine
        self.deliverer = deliverer
        self.metrics = metrics
        self.api_port = 0
        self.admin_port = 0
        self._plugins = plugins
        self._audit = audit
        self._config = config
        self._log_level = log_level
        self._reloading: asyncio.Task[Any] | None = None

    def record(self, event: str, /, **fields: Any) -> None:
        """One line in the audit log, where there is one."""
        if self._audit is not None:
            self._audit.write(event, **fields)

    def reload_soon(self) -> None:
        """SIGHUP: reload in the background; a configuration with mistakes changes nothing."""
        self._reloading = asyncio.get_running_loop().create_task(self._reload_and_tell())

    async def _reload_and_tell(self) -> None:
        if self._audit is not None:
            self._audit.reopen()
        try:
            await self.reload()
        except GatewayError as error:
            log.error("reload_refused", why=str(error))  # noqa: TRY400 — a mistake in a file has no trace to show
            self.record("reload_refused", source="signal")
        else:
            self.record("reloaded", source="signal")

    async def reload(self) -> Mapping[str, Any]:
        """Read the configuration again and use it, all of it or nothing.

        Raises:
            ConfigurationError: it has mistakes; the old one stays.
            LedgerUnavailableError: it cannot be read which accounts are paused; the old one stays.
        """
        before = self.engine.settings
        try:
            settings = await asyncio.to_thread(
                reload, self._config, before, self._plugins.kinds, unavailable=self._plugins.unavailable
            )
            self._write_by(settings)  # first, so that no secret that is used from now on is written anywhere
            try:
                await self.engine.reload(settings)
            except BaseException:
                self._write_by(before)
                raise
        except GatewayError:
            self.metrics.reload(False)
            raise
        self.deliverer.configure(settings.clients)
        self.metrics.reload(True)
        log.info("reloaded")
        return {"providers": len(settings.providers), "products": len(settings.products)}

    def _write_by(self, settings: Settings) -> None:
        """Log, audit and count as these settings say, without their secrets."""
        configure_logging(self._log_level or settings.log.level, log_redactor(settings).text)
        if self._audit is not None:
            self._audit.set_redactor(redactor(settings).text)
        _bound(self.metrics, settings)

    async def abandon(self) -> None:
        """Leave everything to the replicas that have taken it over, and end at once.

        Whatever this process writes is refused, so an answer that is still to come could not be kept; the others ask
        about it. A new process begins with a new lease.
        """
        log.error("lease_lost", why="other replicas have taken over this one's transactions; it ends, to be restarted")
        self.record("lease_lost", source="gateway", replica=self.engine.ledger.owner)
        await self.engine.drain(0)
        await self.deliverer.drain(0)

    async def drain(self) -> bool:
        """Take nothing new and let what is under way end. Readiness says no from the first moment.

        Webhooks go on until the purchases have ended; what is not delivered then is delivered by the next process.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self.engine.settings.server.drain
        purchases = await self.engine.drain(self.engine.settings.server.drain)
        webhooks = await self.deliverer.drain(max(0.0, end - loop.time()))
        return purchases and webhooks


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    plugins: Plugins,
    *,
    config_path: Path,
    log_level: str | None = None,
    wall: Callable[[], float] = time.time,
    clock: Clock | None = None,
    sweep_every: float = 1.0,
    look_every: float | None = 1.0,
    crash: Hook = nothing,
) -> AsyncIterator[Gateway]:
    """A gateway that listens as `settings` say, until the block ends.

    Args:
        log_level: instead of the configuration's, from the first reload on.
        wall: what the machine's clock shows, in seconds since 1970.
        clock: instead of the one that is made from `wall`.
        sweep_every, look_every, crash: see `Engine`.

    Raises:
        GatewayError: it cannot start.
    """
    metrics = Metrics(version=version("pulsa-gateway"), routes=ROUTE_NAMES, observers=plugins.observer_errors)
    _bound(metrics, settings)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(watched_loop())
        audit = _audit(settings, metrics, stack)
        elsewhere: list[Callable[[str], None]] = []
        ledger = await _ledger(settings, metrics, wall, elsewhere, stack)
        if clock is None:
            # Replicas finish each other's purchases, so what one calls five minutes must be five minutes to the other.
            clock = SystemClock(lambda: wall() + ledger.ahead, jumped=metrics.clock_jumped)
        engine = Engine(
            settings,
            plugins.kinds,
            ledger,
            clock=clock,
            counts=metrics,
            audits=audit,
            observers=plugins,
            sweep_every=sweep_every,
            look_every=look_every,
            crash=crash,
        )
        await engine.start()
        elsewhere.append(engine.changed_elsewhere)
        stack.push_async_callback(engine.close)
        random = Random()  # noqa: S311 — spreads load, guards nothing
        deliverer = Deliverer(ledger, clock=clock, random=random, counts=metrics, audits=audit, crash=crash)
        deliverer.start(settings.clients)
        stack.push_async_callback(deliverer.close)
        engine.listeners.append(deliverer.offer)
        gateway = Gateway(engine, plugins, metrics, audit, config_path, deliverer=deliverer, log_level=log_level)
        services = Services(engine=engine, metrics=metrics, audit=audit, webhooks=deliverer, reload=gateway.reload)
        await _open_doors(gateway, services, settings, stack)
        yield gateway


def _audit(settings: Settings, metrics: Metrics, stack: contextlib.AsyncExitStack) -> AuditLog | None:
    if settings.audit.path is None:
        return None
    audit = AuditLog(
        settings.audit.path,
        mask=settings.audit.mask,
        redact=redactor(settings).text,
        on_lost=metrics.audit_lost,
        on_error=metrics.audit_error,
    )
    stack.push_async_callback(asyncio.to_thread, audit.close)
    metrics.audit_queue(lambda: audit.waiting)
    return audit


async def _ledger(
    settings: Settings,
    metrics: Metrics,
    wall: Callable[[], float],
    elsewhere: Sequence[Callable[[str], None]],
    stack: contextlib.AsyncExitStack,
) -> Ledger:
    """The ledger, started. `elsewhere` is told which transactions other replicas have changed."""

    def changed(transaction: str) -> None:
        for listener in elsewhere:
            listener(transaction)

    ledger = open_ledger(
        settings.ledger.url,
        clock=lambda: datetime.fromtimestamp(wall(), UTC),
        on_commit=metrics.commit,
        on_change=changed,
    )
    await ledger.start()
    stack.push_async_callback(ledger.close)
    metrics.ledger_queue(lambda: ledger.queued)
    return ledger


async def _open_doors(
    gateway: Gateway, services: Services, settings: Settings, stack: contextlib.AsyncExitStack
) -> None:
    """Listen for clients and for operators."""
    server = settings.server
    places = seats(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _calls(settings))

    async def open_door(app: web.Application, host: str, port: int, most: int) -> int:
        try:
            runner = await listen(app, services, host, port, most=most)
        except (OSError, UnicodeError) as error:
            raise AddressError(host, port, error) from None
        stack.push_async_callback(runner.cleanup)
        return int(runner.addresses[0][1])

    api, operators = make_api_app(services), make_admin_app(services)
    gateway.api_port = await open_door(api, server.host, server.port, places.callers)
    gateway.admin_port = await open_door(operators, server.admin_host, server.admin_port, places.operators)


def _calls(settings: Settings) -> int:
    """How many connections to suppliers and to receivers may be open at once."""
    suppliers = sum(account.limits.in_flight for account in settings.providers)
    return suppliers + PER_CLIENT * sum(client.webhook is not None for client in settings.clients)


def _bound(metrics: Metrics, settings: Settings) -> None:
    metrics.configure(
        clients=[client.id for client in settings.clients],
        providers=[provider.id for provider in settings.providers],
        products=[product.code for product in settings.products],
    )
