"""What a plugin may raise, and why one could not be loaded, in one line for its author."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

__all__ = ["FAULTS", "PluginError", "reason", "where"]

FAULTS: Final = (BaseException,)
"""Everything: `sys.exit()` in a plugin, a `CancelledError` of its own or a panic in its C library is a mistake in the
plugin, and no reason to end everybody's purchases. Plugins are plain functions, so while one is called the gateway
itself is neither cancelled nor, since it takes signals in the event loop, interrupted."""


class PluginError(Exception):
    """What a plugin hands over cannot be used. The message is for its author."""


def reason(error: BaseException) -> str:
    """The reason in one line."""
    try:
        text = " ".join(str(error).split())[:300]
    except Exception:  # they are the plugin's own code too
        text = ""
    if isinstance(error, PluginError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def where(error: BaseException, module: str) -> str:
    """The last line of the plugin's own code that an error came through; nothing where there is none."""
    if isinstance(error, PluginError):
        return ""
    top = module.partition(".")[0]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.stem == top or top in path.parts:
            return f"{path.name}, line {frame.lineno}"
    return ""
