"""Read the configuration file: `load` when the gateway starts, `reload` while it runs.

Both tell every mistake at once, each with its line, and neither changes anything: whoever calls them swaps the whole
`Settings`, or keeps the old one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway.provider import Provider
from gateway.settings import cross
from gateway.settings.catalogue import read_catalogue
from gateway.settings.findings import Findings
from gateway.settings.messages import suggestion
from gateway.settings.types import (
    Audit,
    Client,
    Cluster,
    LedgerSettings,
    Log,
    Model,
    Product,
    ProviderSettings,
    Retention,
    Routing,
    Server,
    Settings,
)
from gateway.settings.yaml_source import Loc, YamlMapping, YamlSequence, read_yaml

Kinds = Mapping[str, type[Provider[Any]]]

_SECTIONS: Mapping[str, type[Model]] = {
    "server": Server,
    "ledger": LedgerSettings,
    "cluster": Cluster,
    "audit": Audit,
    "log": Log,
    "routing": Routing,
    "retention": Retention,
}
_FIXED_AT_START: tuple[tuple[str, str], ...] = (
    ("server", "host"),
    ("server", "port"),
    ("server", "admin_host"),
    ("server", "admin_port"),
    ("ledger", "url"),
    ("cluster", "redis"),
    ("audit", "path"),
)
"""What a running gateway has opened and cannot change."""


def load(
    path: Path,
    kinds: Kinds,
    env: Mapping[str, str] = os.environ,
    unavailable: Mapping[str, str] = MappingProxyType({}),
    *,
    degraded: bool = False,
) -> Settings:
    """The configuration in `path`, checked.

    Args:
        kinds: the provider classes that are loaded, by kind.
        env: where `${NAME}` is looked up.
        unavailable: kinds and plugins that failed to load, and why; used to explain an unknown kind.
        degraded: an account whose plugin failed to load is no mistake, so that the other accounts can be served. It is
            a plain `ProviderSettings` in the result, whose kind is not in `kinds`.

    Raises:
        ConfigurationError: there are mistakes; it holds all of them.
    """
    return _load(path, _Plugins(kinds, unavailable, degraded), env, None)


def reload(
    path: Path,
    before: Settings,
    kinds: Kinds,
    env: Mapping[str, str] = os.environ,
    unavailable: Mapping[str, str] = MappingProxyType({}),
) -> Settings:
    """The configuration in `path` for a gateway that runs with `before`. What only a restart can change (addresses,
    ledger, Redis, the audit log's file) must be the same. Accounts whose plugin failed to load are no mistake, as in
    `load` with `degraded`.

    Raises:
        ConfigurationError: there are mistakes; it holds all of them.
    """
    return _load(path, _Plugins(kinds, unavailable, degraded=True), env, before)


@dataclass(frozen=True, slots=True)
class _Plugins:
    kinds: Kinds
    unavailable: Mapping[str, str]
    degraded: bool


def _load(path: Path, plugins: _Plugins, env: Mapping[str, str], before: Settings | None) -> Settings:
    findings = Findings(read_yaml(path, env))
    root = findings.source.root
    for key in root:
        if key not in Settings.model_fields:
            advice = suggestion(key, Settings.model_fields) or f"known here: {', '.join(Settings.model_fields)}"
            findings.add((key,), "is not a known key", advice)
    parts: dict[str, Any] = {}
    for name, model in _SECTIONS.items():
        part = findings.validated(model, (name,), root[name]) if name in root else model()
        if part is not None:
            parts[name] = part
    if "server" in parts:
        cross.server(findings, parts["server"])
    if "ledger" in parts and "cluster" in parts:
        cross.storage(findings, parts["ledger"].url, parts["cluster"].redis)
    providers = _providers(findings, plugins)
    clients = _clients(findings)
    known = frozenset(
        item["id"]
        for item in _items(findings, "providers")
        if isinstance(item, YamlMapping) and isinstance(item.get("id"), str)
    )
    products = _products(findings, path, known)
    if before is not None:
        _unchanged(findings, parts, before)
    findings.raise_if_any()
    return Settings(**parts, providers=providers, clients=clients, products=products)


def _items(findings: Findings, section: str) -> list[Any]:
    """The entries of a list at the root; none, and a mistake noted, where it is no list."""
    if section not in findings.source.root:
        return []
    value = findings.source.root[section]
    if isinstance(value, YamlSequence):
        return value
    findings.add(
        (section,), "is empty" if value is None else "must be a list", "write each entry after a -, or [] for none"
    )
    return []


def _clients(findings: Findings) -> tuple[Client, ...]:
    items = _items(findings, "clients")
    read = [findings.validated(Client, ("clients", index), item) for index, item in enumerate(items)]
    cross.duplicates(findings, "clients", "id", _names(items, "id"))
    cross.clients(findings, items)
    return tuple(client for client in read if client is not None)


def _names(items: list[Any], key: str) -> list[tuple[int, object]]:
    return [(index, item.get(key)) for index, item in enumerate(items) if isinstance(item, YamlMapping)]


def _providers(findings: Findings, plugins: _Plugins) -> tuple[ProviderSettings, ...]:
    items = _items(findings, "providers")
    read: list[ProviderSettings] = []
    for index, item in enumerate(items):
        settings = _provider(findings, ("providers", index), item, plugins)
        if settings is not None:
            read.append(settings)
    cross.duplicates(findings, "providers", "id", _names(items, "id"))
    return tuple(read)


def _provider(findings: Findings, loc: Loc, item: Any, plugins: _Plugins) -> ProviderSettings | None:
    name = item.get("kind") if isinstance(item, YamlMapping) else None
    kind = plugins.kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        if not isinstance(name, str):
            return findings.validated(ProviderSettings, loc, item, ignore_unknown=True)
        if not plugins.degraded or name not in plugins.unavailable:
            findings.add((*loc, "kind"), *_unknown_kind(findings.quote(name), plugins.kinds, plugins.unavailable))
        return findings.validated(ProviderSettings, loc, item, ignore_unknown=True)
    settings = findings.validated(kind.Settings, loc, item)
    if settings is None:
        return None
    try:
        provider = kind(settings)
    except Exception as error:  # a plugin may raise anything
        what = findings.redact(str(error)) or type(error).__name__
        findings.add(loc, f"the kind {name} refuses this account: {what}")
        return None
    cross.account(findings, loc, settings, provider)
    return settings


def _unknown_kind(name: str, kinds: Kinds, unavailable: Mapping[str, str]) -> tuple[str, str]:
    known = ", ".join(sorted(kinds)) or "none"
    if name in unavailable:
        return f"the kind {name} is not there: its plugin failed to load ({unavailable[name]})", f"loaded: {known}"
    failed = "; ".join(f"{plugin} failed to load: {why}" for plugin, why in sorted(unavailable.items()))
    advice = suggestion(name, kinds) or f"loaded: {known}"
    return f"there is no kind {name}", f"{advice}; {failed}" if failed else advice


def _products(findings: Findings, path: Path, known: frozenset[str]) -> tuple[Product, ...]:
    value = findings.source.root.get("products")
    if isinstance(value, YamlMapping):
        return _catalogue(findings, path, value, known)
    items = _items(findings, "products")
    read: list[Product] = []
    for index, item in enumerate(items):
        loc = ("products", index)
        product = findings.validated(Product, loc, item)
        if product is not None:
            read.append(product)
        if isinstance(item, YamlMapping) and isinstance(item.get("routes"), YamlSequence):
            cross.routes(findings, loc, _names(item["routes"], "provider"), known)
    cross.duplicates(findings, "products", "code", _names(items, "code"))
    return tuple(read)


def _catalogue(findings: Findings, path: Path, value: YamlMapping, known: frozenset[str]) -> tuple[Product, ...]:
    for key in value:
        if key != "file":
            findings.add(("products", key), "is not a known key", "write a list of products, or file: and a CSV file")
    name = value.get("file")
    if not isinstance(name, str) or not name:
        findings.add(("products", "file"), "must name a CSV file")
        return ()
    catalogue = read_catalogue(_beside(path, name))
    for product in catalogue.products:
        for index, account in cross.product_routes(product):
            if account not in known:
                message, advice = cross.unknown_account(str(account), known)
                catalogue.mistake(catalogue.lines[product.code, index], "provider", message, advice)
    for mistake in catalogue.mistakes:
        if mistake.line is None:
            findings.add(("products", "file"), f"the catalogue {mistake.message}", mistake.advice)
        else:
            findings.add_elsewhere(mistake)
    return tuple(catalogue.products)


def _beside(config: Path, name: str) -> Path:
    """Relative to the working directory, as all paths are; where nothing is there, beside the configuration file."""
    path = Path(name)
    beside = config.parent / path
    return beside if not path.is_absolute() and not path.exists() and beside.exists() else path


def _unchanged(findings: Findings, parts: Mapping[str, Any], before: Settings) -> None:
    for section, field in _FIXED_AT_START:
        if section in parts and getattr(parts[section], field) != getattr(getattr(before, section), field):
            findings.add(
                (section, field), "cannot be changed while the gateway runs", "restart it, or change this back"
            )


__all__ = ["Kinds", "load", "reload"]
