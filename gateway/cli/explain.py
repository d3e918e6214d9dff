"""`gateway explain`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.cli.configuration import config_option, read_configuration
from gateway.core.destinations import InvalidDestinationError, normalise
from gateway.core.failover import ANOTHER_SUPPLIER_MAY_BE_TRIED
from gateway.core.routing import AccountView, Choice, Product, Strategy, choose
from gateway.engine.catalogue import catalogue
from gateway.errors import GatewayError
from gateway.plugins import Plugins
from gateway.settings.types import Settings


@click.command("explain")
@click.argument("product")
@click.argument("dest")
@click.option("--qty", type=click.IntRange(min=1), default=1, show_default=True, help="The amount, where it is open.")
@click.option("--max-price", type=click.IntRange(min=0), help="The most that the client would pay, in rupiah.")
@config_option
def command(product: str, dest: str, qty: int, max_price: int | None, config: Path) -> None:
    """Show which routes would be tried for a purchase, in which order, and why each other one is dropped.

    It reads the configuration only: whether a running gateway has paused an account, GET /admin/providers tells.
    """
    settings, plugins = read_configuration(config)
    for line in explained(settings, plugins, product, dest, qty=qty, max_price=max_price, now=datetime.now(UTC)):
        click.echo(line)


def explained(
    settings: Settings,
    plugins: Plugins,
    code: str,
    dest: str,
    *,
    qty: int,
    max_price: int | None,
    now: datetime,
) -> Iterator[str]:
    """What is shown, line by line.

    Raises:
        GatewayError: such a purchase would be refused.
    """
    product = catalogue(settings.products).get(code)
    if product is None:
        raise GatewayError(f"there is no product {code!r} in the configuration, or it is disabled")
    try:
        normalised = normalise(product.dest, dest)
    except InvalidDestinationError as error:
        raise GatewayError(f"dest {error}") from None
    if qty != 1 and not product.open_denomination:
        raise GatewayError("qty must be 1: this product has a fixed amount")
    if qty == 1 and product.open_denomination:
        raise GatewayError("--qty must be the amount in rupiah, and above 1: this product has no amount of its own")
    moment = f"{now.astimezone():%Y-%m-%d %H:%M %z}"
    yield f"{product.code} to {normalised}, strategy {settings.routing.strategy}, at {moment}"
    choice = _choice(settings, plugins, product, amount=product.amount(qty), max_price=max_price, now=now)
    for place, route in enumerate(choice.routes, 1):
        yield f"  {place}. {route.provider} {route.product} at {route.price + product.amount(qty)} rupiah"
    if not choice.routes:
        yield f"  nothing can be tried: the purchase would fail with {choice.reason().value}"
    for dropped in choice.dropped:
        yield f"  -  {dropped.route.provider} {dropped.route.product}: {dropped.why}"
    if settings.routing.strategy in {"weighted", "balanced-by-success"}:
        yield "  (the order is drawn anew for each purchase; this is one by equal draws)"
    yield (
        f"At most {settings.routing.max_attempts} attempts, none begins after {settings.routing.deadline:g} s. "
        "The next route is tried when the one before surely never ran, or failed for one of:"
    )
    curable = [reason.value for reason, may in ANOTHER_SUPPLIER_MAY_BE_TRIED.items() if may]
    final = [reason.value for reason, may in ANOTHER_SUPPLIER_MAY_BE_TRIED.items() if not may]
    yield f"  {', '.join(curable)}"
    yield f"Never after: {', '.join(final)}; and never while an attempt may still deliver."
    for account in settings.providers:
        if account.no_failover and any(route.provider == account.id for route in product.routes):
            yield f"  {account.id}: nor after {', '.join(account.no_failover)}"


def _choice(
    settings: Settings, plugins: Plugins, product: Product, *, amount: int, max_price: int | None, now: datetime
) -> Choice:
    views = {
        account.id: AccountView(None if account.enabled else "the account is disabled")
        for account in settings.providers
        if account.kind in plugins.kinds
    }
    return choose(
        product.routes,
        views,
        now=now,
        strategy=Strategy(settings.routing.strategy),
        draws=[0.5 for _ in product.routes],
        amount=amount,
        max_price=max_price,
    )
