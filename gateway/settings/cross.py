"""What only shows when the parts of a configuration are held beside each other.

`load` finds mistakes, which stop the gateway. `warnings` finds what runs but is hardly meant.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from gateway.net.addresses import refusal
from gateway.plugin_errors import FAULTS
from gateway.provider import Asking, Capability, Provider, capabilities
from gateway.settings.findings import Findings
from gateway.settings.messages import suggestion
from gateway.settings.types import Product, ProviderSettings, Server, Settings, Webhook
from gateway.settings.urls import REDIS, ledger_mistake, url_mistake
from gateway.settings.yaml_source import Loc, YamlMapping, YamlSequence

SANDBOX_KEY = "sandbox-key-not-for-production"
"""Printed in the README and in config/gateway.yaml, so known to everybody."""
ENOUGH_TO_SIGN_WITH = 24
"""Bytes of a webhook's secret, as Standard Webhooks recommends."""
_HOW_TO_MAKE_ONE = "make one with: openssl rand -base64 32, and write whsec_ before it"


def server(findings: Findings, settings: Server) -> None:
    """The two listeners must not be one."""
    same_host = settings.host == settings.admin_host or {settings.host, settings.admin_host} & {"0.0.0.0", "::"}  # noqa: S104 — compared, not bound
    if same_host and settings.port == settings.admin_port != 0:
        findings.add(
            ("server", "admin_port"), "is the same port as server.port", "clients must never reach the operators' side"
        )


def storage(findings: Findings, ledger_url: str, redis: str | None) -> None:
    """Where the truth is kept, and what replicas share."""
    mistake = ledger_mistake(ledger_url)
    if mistake:
        findings.add(("ledger", "url"), mistake)
    if redis is not None:
        mistake = url_mistake(redis, REDIS)
        if mistake:
            findings.add(("cluster", "redis"), mistake)
        elif ledger_url.startswith("sqlite:"):
            findings.add(
                ("cluster", "redis"), "redis goes only with postgresql", "SQLite is one process: leave redis out"
            )


def duplicates(findings: Findings, section: str, key: str, items: Iterable[tuple[int, object]]) -> None:
    """No two entries of a section under one name."""
    seen: dict[object, int] = {}
    for index, name in items:
        if not isinstance(name, str) or not name:
            continue
        if name in seen:
            _, (line, _) = findings.source.locate((section, seen[name], key))
            findings.add((section, index, key), f"{findings.quote(name)} is there already, on line {line}")
        else:
            seen[name] = index


def clients(findings: Findings, items: Sequence[Any]) -> None:
    """Each key belongs to one client, each webhook's secret can sign, and nobody lets everybody in by an empty list."""
    owners: dict[str, int] = {}
    for index, item in enumerate(items):
        if not isinstance(item, YamlMapping):
            continue
        for loc, key_hash in _texts(item, ("clients", index), "key_hash"):
            owner = owners.setdefault(key_hash, index)
            if owner != index:
                _, (line, _) = findings.source.locate(("clients", owner, "key_hash"))
                advice = "make another key with: gateway keys new CLIENT"
                findings.add(loc, f"is the key of another client too, on line {line}", advice)
        if item.get("allow_from") == []:
            advice = "leave it out for that, or take the client out to let nobody in"
            findings.add(("clients", index, "allow_from"), "is empty, which would let everybody in", advice)
        webhook = item.get("webhook")
        if not isinstance(webhook, YamlMapping):
            continue
        for loc, secret in _texts(webhook, ("clients", index, "webhook"), "secret"):
            size = _bytes_to_sign_with(secret)
            if size is None:
                findings.add(loc, "has something after whsec_ that is not base64", _HOW_TO_MAKE_ONE)
            elif size == 0:
                findings.add(loc, "is empty", _HOW_TO_MAKE_ONE)
        if webhook.get("secret") == []:
            findings.add(("clients", index, "webhook", "secret"), "is empty")


def _texts(mapping: YamlMapping, loc: Loc, key: str) -> Iterator[tuple[Loc, str]]:
    """The text, or each text of the list, under a key."""
    value = mapping.get(key)
    if isinstance(value, str):
        yield (*loc, key), value
    elif isinstance(value, YamlSequence):
        yield from (((*loc, key, number), text) for number, text in enumerate(value) if isinstance(text, str))


def _bytes_to_sign_with(secret: str) -> int | None:
    """How long a webhook's secret is: `whsec_` and base64, or plain text. `None` where it is neither."""
    if not secret.startswith("whsec_"):
        return len(secret.encode())
    try:
        return len(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except (binascii.Error, ValueError):
        return None


def account(findings: Findings, loc: Loc, settings: ProviderSettings, provider: Provider[Any]) -> None:
    """One account: whether its kind can do what it is asked to do."""
    _reports(findings, loc, settings, _asking(findings, loc, provider))
    if settings.balance_every is not None and Capability.BALANCE not in capabilities(type(provider)):
        findings.add((*loc, "balance_every"), f"the kind {settings.kind} cannot ask for its balance", "leave it out")


def _asking(findings: Findings, loc: Loc, provider: Provider[Any]) -> Asking | None:
    """How the plugin says that this account is asked. `None` where it does not say so, which is a finding: its open
    purchases would never be asked about."""
    try:
        said: object = provider.asking()
    except KeyboardInterrupt:
        raise  # somebody's Ctrl-C, and nothing of the plugin's
    except FAULTS as error:  # a plugin may raise anything
        findings.add(loc, f"the plugin cannot say how this account is asked ({type(error).__name__})")
        return None
    if not isinstance(said, str) or said not in tuple(Asking):
        findings.add(loc, f"the plugin's asking() gave {type(said).__name__}, and has to give one of {Asking.__name__}")
        return None
    return Asking(said)


def _reports(findings: Findings, loc: Loc, settings: ProviderSettings, asking: Asking | None) -> None:
    reports = settings.reports
    if not reports.allow_from:
        return
    if reports.trust == "verify" and asking is Asking.NONE:
        findings.add(
            (*loc, "reports", "trust"),
            "verify needs an account that can be asked, and this one cannot",
            "set up its checks, or write trust: source and a token",
        )
    if reports.token is None and any(network.prefixlen == 0 for network in reports.allow_from):
        findings.add(
            (*loc, "reports", "token"), "is missing, and everybody may call", "narrow allow_from, or set a token"
        )


def routes(findings: Findings, loc: Loc, names: Iterable[tuple[int, object]], known: frozenset[str]) -> None:
    """Every route of one product leads to an account that is there."""
    for index, name in names:
        if isinstance(name, str) and name and name not in known:
            findings.add((*loc, "routes", index, "provider"), *unknown_account(findings.quote(name), known))


def unknown_account(name: str, known: Iterable[str]) -> tuple[str, str]:
    """Message and advice for a route to an account that is not there."""
    names = sorted(known)
    advice = suggestion(name, names) or (f"known: {', '.join(names)}" if names else "providers is empty")
    return f"there is no account {name}", advice


def warnings(settings: Settings, kinds: Mapping[str, type[Provider[Any]]]) -> list[str]:
    """What runs but is hardly meant. One sentence each, without secrets."""
    found: list[str] = []
    if not settings.clients:
        found.append("clients: nobody can buy, because there is no client")
    if not settings.products:
        found.append("products: nothing can be bought, because there is no product")
    if any(network.prefixlen == 0 for network in settings.server.trusted_proxies):
        found.append(
            "server: trusted_proxies names everybody: whoever connects can claim any address, and so pass allow_from"
        )
    if settings.audit.path is None:
        found.append("audit: no audit log is written, because path is null")
    sandbox_hash = "sha256:" + hashlib.sha256(SANDBOX_KEY.encode()).hexdigest()
    for client in settings.clients:
        if sandbox_hash in client.key_hashes and not _is_loopback(settings.server.host):
            found.append(f"clients: {client.id} uses the sandbox's key, which everybody knows")
        if client.webhook is not None:
            found.extend(f"clients: the webhook of {client.id} {words}" for words in _webhook_warnings(client.webhook))
    for provider in settings.providers:
        found.extend(_account_warnings(provider, kinds))
    used = {route.provider for product in settings.products for route in product.routes}
    found.extend(
        f"providers: no product has a route to {provider.id}"
        for provider in settings.providers
        if settings.products and provider.id not in used
    )
    return found


def _webhook_warnings(webhook: Webhook) -> Iterator[str]:
    if webhook.url.startswith("http:"):
        yield "is not encrypted (http)"
    secrets = webhook.secret if isinstance(webhook.secret, tuple) else (webhook.secret,)
    if any((_bytes_to_sign_with(one.get_secret_value()) or 0) < ENOUGH_TO_SIGN_WITH for one in secrets):
        yield f"has a secret of fewer than {ENOUGH_TO_SIGN_WITH} bytes, which can be guessed; {_HOW_TO_MAKE_ONE}"
    host = urlsplit(webhook.url).hostname or ""
    address = "127.0.0.1" if host == "localhost" else host
    if _is_address(address) and (why := refusal(address, webhook.allow_networks)) is not None:
        yield f"gets nothing: its address is refused ({why}) unless allow_networks names its network"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _account_warnings(provider: ProviderSettings, kinds: Mapping[str, type[Provider[Any]]]) -> list[str]:
    reports = provider.reports
    found: list[str] = []
    if reports.allow_from and reports.token is None:
        found.append(f"providers: {provider.id} takes reports without a token: an address can be forged or shared")
    if reports.token is not None and not reports.allow_from:
        found.append(f"providers: {provider.id} takes no reports: it has a token, but reports.allow_from names nobody")
    kind = kinds.get(provider.kind)
    if reports.allow_from and kind is not None and Capability.REPORT not in capabilities(kind):
        found.append(f"providers: {provider.id} has reports.allow_from, but the kind {provider.kind} reads no reports")
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def product_routes(product: Product) -> list[tuple[int, object]]:
    """Position and account of each route of a product."""
    return [(index, route.provider) for index, route in enumerate(product.routes)]
