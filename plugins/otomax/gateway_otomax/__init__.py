"""The OtomaX dialect: Maxsi and most other Indonesian pulsa suppliers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway import Provider, Sandbox, hookimpl
from gateway_otomax.provider import OtomaxProvider
from gateway_otomax.settings import OtomaxSettings

__all__ = ["OtomaxProvider", "OtomaxSettings"]


@hookimpl
def gateway_register_providers(register: Callable[[type[Provider[Any]]], None]) -> None:
    """Hand over the provider."""
    register(OtomaxProvider)


@hookimpl
def gateway_register_sandboxes(register: Callable[[str, Callable[..., Sandbox]], None]) -> None:
    """Hand over the pretend supplier."""
    register("otomax", _sandbox)


def _sandbox(**options: Any) -> Sandbox:
    from gateway_otomax.sandbox import OtomaxSandbox  # late: only who runs it pays for an HTTP server

    return OtomaxSandbox(**options)
