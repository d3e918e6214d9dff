"""Loading plugins, and keeping each one's faults to itself.

A plugin is an entry point of the group `pulsa_gateway`. Each one gets a plugin manager of its own, so that an
implementation that raises stops nobody else's, and is taken whole or not at all. What could not be loaded is kept with
the reason, for `gateway plugins` and for the message about an account that needs it.
"""

from __future__ import annotations

import copy
import difflib
import inspect
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy
import structlog

from gateway import hooks
from gateway.errors import GatewayError
from gateway.plugin_errors import FAULTS, PluginError, reason, where
from gateway.plugin_methods import check_methods
from gateway.provider import Capability, Provider, Sandbox, capabilities
from gateway.settings.types import NAME_PATTERN, ProviderSettings

log = structlog.get_logger(__name__)

SandboxFactory = Callable[..., Sandbox]

_HOOK_NAMES = tuple(name for name in vars(hooks) if name.startswith("gateway_"))
_LONG_SECONDS = 2.0
"""Loading that takes longer waits for something."""
MAX_AVERAGE_SECONDS = 0.1
"""An observer that takes longer than this on average is switched off."""
_JUDGE_AFTER_CALLS = 5
_JUDGE_AFTER_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """A plugin that was loaded."""

    name: str
    distribution: str
    version: str
    kinds: Mapping[str, frozenset[Capability]]
    sandboxes: tuple[str, ...] = ()
    observes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPlugin:
    """A plugin that was not loaded, and why."""

    name: str
    distribution: str
    version: str
    why: str
    kinds: tuple[str, ...] = ()
    """The kinds that it had handed over before it failed."""
    where: str = ""
    """The plugin's own line that the error came through, `acme.py, line 3`; empty where it came through none."""


@dataclass(slots=True)
class _Observer:
    name: str
    call: Callable[..., Any]
    calls: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Plugins:
    """What the installed plugins gave, and what went wrong with them."""

    kinds: dict[str, type[Provider[Any]]] = field(default_factory=dict)
    sandboxes: dict[str, SandboxFactory] = field(default_factory=dict)
    loaded: list[PluginInfo] = field(default_factory=list)
    failed: list[FailedPlugin] = field(default_factory=list)
    observer_errors: dict[str, int] = field(default_factory=dict)
    """How many calls of each observing plugin raised."""
    switched_off: dict[str, str] = field(default_factory=dict)
    """Observing plugins that are no longer called, and why."""
    has_observers: bool = False
    """Look at this before building what `observe` takes: without observers nothing need be built."""
    clock: Callable[[], float] = time.perf_counter
    _observers: list[_Observer] = field(default_factory=list)

    @property
    def unavailable(self) -> dict[str, str]:
        """Why a kind is not there: by plugin, and by each kind that a failed plugin had handed over."""
        reasons = {plugin.name: plugin.why for plugin in self.failed}
        for plugin in self.failed:
            reasons |= {kind: plugin.why for kind in plugin.kinds if kind not in self.kinds}
        return reasons

    def observe(self, transaction: dict[str, Any], event: dict[str, Any]) -> None:
        """Tell every observer of one committed change, one after the other. Never raises.

        Each one gets its own copy. Errors are counted and told in the log, and an observer that is too slow is switched
        off, which is an error too.
        """
        if not self.has_observers:
            return
        for observer in tuple(self._observers):
            began = self.clock()
            try:
                result = observer.call(transaction=copy.deepcopy(transaction), event=copy.deepcopy(event))
                if any(inspect.isawaitable(item) for item in result):
                    self._failed(
                        observer.name, TypeError("the observer returned an awaitable: write def, not async def")
                    )
                    for item in result:
                        if inspect.iscoroutine(item):
                            item.close()
            except FAULTS as error:
                self._failed(observer.name, error)
            observer.calls += 1
            observer.seconds += self.clock() - began
            self._judge(observer)

    def _failed(self, name: str, error: BaseException) -> None:
        self.observer_errors[name] += 1
        if _is_milestone(self.observer_errors[name]):
            log.error("observer_failed", plugin=name, errors=self.observer_errors[name], exc_info=error)

    def _judge(self, observer: _Observer) -> None:
        if observer.calls < _JUDGE_AFTER_CALLS and observer.seconds < _JUDGE_AFTER_SECONDS:
            return  # one slow call at the start, such as a first import, says little
        average = observer.seconds / observer.calls
        if average > MAX_AVERAGE_SECONDS:
            self._observers.remove(observer)
            self.has_observers = bool(self._observers)
            why = self.switched_off[observer.name] = f"took {average * 1000:.0f} ms a call on average"
            self.observer_errors[observer.name] += 1
            log.error("observer_switched_off", plugin=observer.name, why=why)

    def _adopt(self, offer: _Offer, info: PluginInfo) -> None:
        self.kinds |= offer.kinds
        self.sandboxes |= offer.sandboxes
        self.loaded.append(info)
        if offer.observer is not None:
            self._observers.append(_Observer(info.name, offer.observer))
            self.observer_errors[info.name] = 0
            self.has_observers = True


def make_sandbox(plugins: Plugins, kind: str, options: Mapping[str, str]) -> Sandbox:
    """A pretend supplier that is not started yet.

    Args:
        options: for the plugin; which ones there are is its own affair.

    Raises:
        GatewayError: no plugin has one of this kind, or it takes no such options.
    """
    if kind not in plugins.sandboxes:
        known = ", ".join(sorted(plugins.sandboxes)) or "none"
        raise GatewayError(f"no plugin has a sandbox of kind {ascii(kind)[1:-1]}; there are: {known}")
    try:
        return plugins.sandboxes[kind](**options)
    except (TypeError, ValueError) as error:
        why = reason(error) if isinstance(error, ValueError) else "it takes other options"
        if any(value and value in why for value in options.values()):
            why = type(error).__name__  # the options hold a PIN and a password
        raise GatewayError(f"the sandbox of kind {kind} cannot be made: {why}") from None


@dataclass(slots=True)
class _Offer:
    """What one plugin hands over, until all of it is known to be sound."""

    kinds: dict[str, type[Provider[Any]]] = field(default_factory=dict)
    sandboxes: dict[str, SandboxFactory] = field(default_factory=dict)
    observer: Callable[..., Any] | None = None


def load_plugins(
    found: Iterable[EntryPoint] | None = None, *, clock: Callable[[], float] = time.perf_counter
) -> Plugins:
    """Load every installed plugin. Never raises for what a plugin does.

    Args:
        found: the entry points to load; left out, those that are installed.
        clock: counts seconds, here and for what observes later.
    """
    plugins = Plugins(clock=clock)
    points = entry_points(group=hooks.PROJECT) if found is None else found
    taken: list[tuple[_Offer, PluginInfo]] = []
    for point in sorted(points, key=lambda point: (point.name, _distribution(point))):
        offer = _Offer()
        distribution, version = _distribution(point)
        began = plugins.clock()
        try:
            _take(point, offer)
        except KeyboardInterrupt:  # a person at a terminal does not want to wait for it
            raise
        except FAULTS as error:
            why = reason(error)
            if (took := plugins.clock() - began) > _LONG_SECONDS:
                why += f"; that took {took:.0f} s, and a plugin opens no connection while it is loaded"
            failed = FailedPlugin(
                name=point.name,
                distribution=distribution,
                version=version,
                why=why,
                kinds=tuple(offer.kinds),
                where=where(error, point.module),
            )
            plugins.failed.append(failed)
            continue
        info = PluginInfo(
            name=point.name,
            distribution=distribution,
            version=version,
            kinds={name: capabilities(kind) for name, kind in offer.kinds.items()},
            sandboxes=tuple(offer.sandboxes),
            observes=offer.observer is not None,
        )
        taken.append((offer, info))
    for offer, info in taken:
        contested = _contested(info, [other for _, other in taken if other is not info])
        if contested is None:
            plugins._adopt(offer, info)  # noqa: SLF001 — the loader fills what only it may fill
        else:
            plugins.failed.append(
                FailedPlugin(
                    name=info.name,
                    distribution=info.distribution,
                    version=info.version,
                    why=contested,
                    kinds=tuple(info.kinds),
                )
            )
    return plugins


def _contested(info: PluginInfo, others: Iterable[PluginInfo]) -> str | None:
    """Why neither of two plugins is taken; `None` where `info` has what it hands over for itself.

    Which one an account means cannot be known, and the wrong one would get its PIN and its purchases. So the order of
    names decides nothing.
    """
    for other in others:
        both = [f"the kind {name}" for name in info.kinds if name in other.kinds]
        both += [f"the sandbox of kind {name}" for name in info.sandboxes if name in other.sandboxes]
        if info.name == other.name:
            both.append(f"the name {info.name}")
        if both:
            return f"{both[0]} is another plugin's too, {_package(other)}; uninstall one of the two, or rename it"
    return None


def _package(info: PluginInfo) -> str:
    return f"{info.distribution} {info.version}" if info.distribution else info.name


def _distribution(point: EntryPoint) -> tuple[str, str]:
    dist = point.dist
    return (dist.name, dist.version) if dist is not None else ("", "")


def _take(point: EntryPoint, offer: _Offer) -> None:
    """Load one plugin into `offer`.

    Raises:
        PluginError: it cannot be used.
        Exception: whatever the plugin raised.
    """
    plugin = point.load()
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    try:
        manager.register(plugin, name=point.name)
    except pluggy.PluginValidationError as error:
        raise PluginError(" ".join(str(error).split())[:300]) from None
    callers = manager.get_hookcallers(plugin) or []
    for caller in callers:
        _check_hook(caller)
    _check_forgotten(plugin, {caller.name for caller in callers})
    if not callers:
        raise PluginError(f"implements no hook; there are {', '.join(_HOOK_NAMES)}")
    manager.hook.gateway_register_providers(register=lambda kind: _register_kind(kind, offer))
    manager.hook.gateway_register_sandboxes(register=lambda kind, factory: _register_sandbox(kind, factory, offer))
    if manager.hook.gateway_transaction_changed.get_hookimpls():
        offer.observer = manager.hook.gateway_transaction_changed
    if not (offer.kinds or offer.sandboxes or offer.observer):
        raise PluginError("hands over nothing: none of its hooks calls register")


def _check_hook(caller: pluggy.HookCaller) -> None:
    if not caller.has_spec():
        near = difflib.get_close_matches(caller.name, _HOOK_NAMES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_HOOK_NAMES)}"
        raise PluginError(f"there is no hook {caller.name}; {hint}")
    for implementation in caller.get_hookimpls():
        function = implementation.function
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise PluginError(f"{caller.name} is async def; hooks are plain functions")
        if inspect.isgeneratorfunction(function):
            raise PluginError(f"{caller.name} is a generator or a wrapper; hooks are plain functions")


def _check_forgotten(plugin: object, implemented: set[str]) -> None:
    """A function that is named like a hook and is none: its author forgot the marker."""
    for name in dir(plugin):
        if name in _HOOK_NAMES and name not in implemented and callable(getattr(plugin, name, None)):
            raise PluginError(f"{name} is not marked with @hookimpl, so it would never be called")


def _register_kind(kind: Any, offer: _Offer) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Provider)):
        raise PluginError(f"register() takes a subclass of Provider, and was given {_named(kind)}")
    name = getattr(kind, "kind", None)
    if not isinstance(name, str) or re.fullmatch(NAME_PATTERN.rstrip("$"), name) is None:
        raise PluginError(f"{kind.__name__}.kind must be a name of lower-case letters, digits, - and _")
    if name in offer.kinds:
        raise PluginError(f"the kind {name} is taken by another class of this plugin, {offer.kinds[name].__name__}")
    if not (isinstance(kind.Settings, type) and issubclass(kind.Settings, ProviderSettings)):
        raise PluginError(f"{kind.__name__}.Settings must be a subclass of ProviderSettings")
    for setting, of_every_account in ProviderSettings.model_fields.items():
        own = kind.Settings.model_fields.get(setting)
        # A method or a property in a field's place is taken for the field's default.
        if (
            own is None
            or own.annotation != of_every_account.annotation
            or inspect.isroutine(own.default)
            or isinstance(own.default, property)
        ):
            # The gateway reads it as what it is everywhere else, and would not start.
            raise PluginError(
                f"{kind.Settings.__name__}.{setting} is a setting of every account already, of another type; "
                "take another name"
            )
    if Capability.PURCHASE not in capabilities(kind):
        raise PluginError(f"{kind.__name__} must have both purchase and read_purchase")
    for method, function in inspect.getmembers(kind, inspect.iscoroutinefunction):
        if hasattr(Provider, method):
            raise PluginError(f"{function.__qualname__} is async def; a provider does no I/O")
    check_methods(kind)
    offer.kinds[name] = kind


def _register_sandbox(kind: Any, factory: Any, offer: _Offer) -> None:
    if not isinstance(kind, str) or not callable(factory):
        raise PluginError(f"register() takes a kind and a factory, and was given {_named(kind)} and {_named(factory)}")
    if kind in offer.sandboxes:
        raise PluginError(f"the kind {kind} has a sandbox already")
    offer.sandboxes[kind] = factory


def _named(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def _is_milestone(count: int) -> bool:
    """1, 10, 100, …: a fault in every change is told, and does not fill the log."""
    return str(count).rstrip("0") == "1"
