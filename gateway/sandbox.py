"""`serve --sandbox`: a pretend supplier beside the gateway, and a purchase to paste."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from pydantic import SecretStr

from gateway.errors import AddressError, GatewayError
from gateway.plugins import Plugins, make_sandbox
from gateway.settings.types import ProviderSettings, Settings


@contextlib.asynccontextmanager
async def sandbox_beside(settings: Settings, plugins: Plugins, api_port: int) -> AsyncIterator[None]:
    """The supplier of the first account whose address is on this machine, until the block ends. It sends its reports to
    the gateway at `api_port`.

    Raises:
        GatewayError: there is no such account.
        AddressError: its address is taken.
    """
    account = _account(settings, plugins)
    sandbox = make_sandbox(plugins, account.kind, _options(account, api_port))
    address = urlsplit(account.url)
    host, port = address.hostname or "127.0.0.1", address.port or 80
    try:
        await sandbox.start(host, port)
    except (OSError, UnicodeError) as error:
        raise AddressError(host, port, error, "the sandbox ") from None
    try:
        yield
    finally:
        await sandbox.stop()


def _account(settings: Settings, plugins: Plugins) -> ProviderSettings:
    for account in settings.providers:
        if account.kind in plugins.sandboxes and urlsplit(account.url).hostname in {"127.0.0.1", "localhost", "::1"}:
            return account
    raise GatewayError(
        "--sandbox needs an account at an address on this machine, such as http://127.0.0.1:8089/trx/sandbox, "
        "of a kind that has a sandbox"
    )


def _options(account: ProviderSettings, api_port: int) -> dict[str, str]:
    """What `gateway sandbox` would be told on its command line."""
    token = account.reports.token
    path = account.id if token is None else f"{account.id}/{token.get_secret_value()}"
    options = {
        "report_url": f"http://127.0.0.1:{api_port}/reports/{path}",
        "slug": urlsplit(account.url).path.rsplit("/", 1)[-1],
    }
    for name in ("member_id", "pin", "password"):
        value = getattr(account, name, None)  # a kind of supplier need not have them
        if value is not None:
            options[name] = value.get_secret_value() if isinstance(value, SecretStr) else value
    return options


def invitation(settings: Settings, api_port: int) -> str:
    """A purchase to paste, for the key that `config/gateway.yaml` is made for."""
    ref = time.strftime("demo-%Y%m%d-%H%M%S")
    product = settings.products[0].code if settings.products else "XL5"
    headers = "-H 'Authorization: Bearer sandbox-key-not-for-production'"
    url = f"http://127.0.0.1:{api_port}/v1/transactions"
    body = f'{{"ref_id":"{ref}","product":"{product}","dest":"081712345678"}}'
    return (
        "Buy something from the sandbox: paste this line. It prints the purchase as it was accepted, and then as it "
        "ended.\n\n"
        f"curl -sS {headers} -H 'Content-Type: application/json' -d '{body}' -w '\\n' {url} "
        f"--next -sS {headers} -H 'Content-Type: application/json' -H 'Prefer: wait=30' -d '{body}' -w '\\n' {url}\n\n"
    )
