"""The OtomaX dialect: Maxsi and most other Indonesian pulsa suppliers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway import Provider, hookimpl
from gateway_otomax.provider import OtomaxProvider
from gateway_otomax.settings import OtomaxSettings

__all__ = ["OtomaxProvider", "OtomaxSettings"]


@hookimpl
def gateway_register_providers(register: Callable[[type[Provider[Any]]], None]) -> None:
    """Hand over the provider."""
    register(OtomaxProvider)
