"""What a plugin may hook into. Each function is a specification; pluggy calls the plugins' implementations.

Hooks are synchronous. An `async def` implementation is refused when the plugin is loaded, because pluggy would take
the coroutine for a result. Providers are handed over as classes and called by the gateway itself, never through pluggy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from gateway.provider import Provider, Sandbox

PROJECT = "pulsa_gateway"
"""The entry-point group, and the name that pluggy's markers carry."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def gateway_register_providers(register: Callable[[type[Provider[Any]]], None]) -> None:
    """Hand over provider classes: call `register` once for each dialect."""


@hookspec
def gateway_register_sandboxes(register: Callable[[str, Callable[..., Sandbox]], None]) -> None:
    """Hand over pretend suppliers: call `register(kind, factory)` once for each.

    `gateway sandbox --kind KIND` calls `factory` with whichever of `report_url`, `member_id`, `pin`, `password` and
    `slug` it was given, as keywords and texts.
    """


@hookspec
def gateway_transaction_changed(transaction: dict[str, Any], event: dict[str, Any]) -> None:
    """Observe one event: the transaction as clients see it after the change, and the event that tells what happened.

    Called after the commit, on the event loop, one plugin at a time, each with copies. Errors are counted and change
    nothing; a plugin that takes longer than 100 ms on average is no longer called.
    """
