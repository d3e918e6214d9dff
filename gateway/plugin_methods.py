"""What the methods of a plugin's provider class must be, before its kind is taken.

A method that is misspelt, or one half of a pair, would never be called, and nobody would notice: a purchase would hang
because nobody asks about it. So such a class is refused, with the reason.
"""

from __future__ import annotations

import difflib
import inspect
from typing import Any

from gateway.plugin_errors import PluginError
from gateway.provider import Provider

__all__ = ["check_methods"]

_METHODS = frozenset(
    name for name in vars(Provider) if not name.startswith("_") and callable(getattr(Provider, name))
) - {"Settings"}
_PAIRS = (("check", "read_check"), ("balance", "read_balance"), ("price_list", "read_price_list"))
_NEARLY = 0.85
"""How alike two names are before one is taken for a slip of the other."""


def check_methods(kind: type[Provider[Any]]) -> None:
    """Refuse a class with a method that the gateway would never call, or could not.

    Raises:
        PluginError: it has one; its author believes that the kind can do more than it can.
    """
    own = {method for method in _METHODS if getattr(kind, method) is not getattr(Provider, method)}
    for method in dir(kind):
        if method.startswith("_") or hasattr(Provider, method) or not inspect.isfunction(getattr(kind, method)):
            continue
        near = difflib.get_close_matches(method, _METHODS - own, n=1, cutoff=_NEARLY)
        if near:
            raise PluginError(
                f"{kind.__name__}.{method} is no method of a provider; did you mean {near[0]}? "
                "A method of your own may begin with _"
            )
    for one, other in _PAIRS:
        if (one in own) is not (other in own):
            there, missing = (one, other) if one in own else (other, one)
            raise PluginError(f"{kind.__name__} has {there} and no {missing}; it needs both")
    if "check" in own and "asking" not in own:
        raise PluginError(
            f"{kind.__name__} has check and no asking, so it would never be asked: say how it can be asked"
        )
    for method in own:
        _check_arguments(kind, method)


def _check_arguments(kind: type[Provider[Any]], method: str) -> None:
    """The gateway hands over what the base class names, by place."""
    wanted = list(inspect.signature(getattr(Provider, method)).parameters)[1:]
    function = inspect.getattr_static(kind, method)
    try:
        signature = inspect.signature(getattr(kind, method))
        takes_self = 0 if isinstance(function, staticmethod | classmethod) else 1
        signature.bind(*[None] * (takes_self + len(wanted)))
    except TypeError:
        raise PluginError(f"{kind.__name__}.{method} must take ({', '.join(['self', *wanted])})") from None
    except ValueError:
        return  # something that has no signature, and may well be right
