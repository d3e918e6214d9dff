from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest

from gateway.plugins import load_plugins
from gateway.provider import Capability

Plugin = Callable[..., EntryPoint]

HEAD = "from gateway import *\nfrom gateway import Provider, hookimpl\n"
KIND = """
class Acme(Provider):
    kind = "acme"
    def purchase(self, attempt): ...
    def read_purchase(self, attempt, reply): ...
"""
HOOK = "@hookimpl\ndef gateway_register_providers(register):\n    "


def test_a_plugin_gives_its_kinds_with_what_they_can_do(good: EntryPoint) -> None:
    plugins = load_plugins([good])
    assert list(plugins.kinds) == ["good"]
    assert plugins.loaded[0].kinds == {"good": {Capability.PURCHASE}}
    assert not plugins.failed
    assert not plugins.has_observers


def test_a_plugin_may_give_a_sandbox(plugin: Plugin) -> None:
    point = plugin("box", HEAD + "@hookimpl\ndef gateway_register_sandboxes(register):\n    register('acme', dict)\n")
    plugins = load_plugins([point])
    assert list(plugins.sandboxes) == ["acme"]
    assert plugins.loaded[0].sandboxes == ("acme",)


ASYNC_OBSERVER = "@hookimpl\nasync def gateway_transaction_changed(transaction, event): ..."

BAD = {
    "raises at import": ("1 / 0", "ZeroDivisionError"),
    "is not Python": ("def (", "SyntaxError"),
    "leaves at import": ("import sys; sys.exit(3)", "SystemExit"),
    "cancels at import": ("import asyncio; raise asyncio.CancelledError", "CancelledError"),
    "panics at import": ("class Panic(BaseException): ...\nraise Panic('boom')", "Panic: boom"),
    "raises what cannot be told": (
        "class Mute(Exception):\n    def __str__(self): raise RuntimeError\nraise Mute",
        "Mute",
    ),
    "imports what is missing": ("import no_such_module_here", "no_such_module_here"),
    "raises when it registers": (HEAD + HOOK + "raise RuntimeError('boom')", "RuntimeError: boom"),
    "registers and then raises": (HEAD + KIND + HOOK + "register(Acme); raise RuntimeError('boom')", "boom"),
    "hands over an instance": (HEAD + HOOK + "register(object())", "subclass of Provider"),
    "hands over nothing": (HEAD + HOOK + "register(None)", "subclass of Provider"),
    "hands over another class": (HEAD + HOOK + "register(dict)", "class dict"),
    "hands over the base class": (HEAD + HOOK + "register(Provider)", "must be a name"),
    "hands over a kind with no name": (HEAD + KIND.replace('"acme"', "0") + HOOK + "register(Acme)", "must be a name"),
    "hands over a strange name": (HEAD + KIND.replace("acme", "acme\\n") + HOOK + "register(Acme)", "must be a name"),
    "cannot buy": (HEAD + KIND.replace("read_purchase", "read") + HOOK + "register(Acme)", "read_purchase"),
    "has settings that are none": (HEAD + KIND + "    Settings = dict\n" + HOOK + "register(Acme)", "ProviderSettings"),
    "takes the name of a setting for something else": (
        HEAD + "class Own(ProviderSettings):\n    limits: int = 3\n" + KIND + "    Settings = Own\n" + HOOK
        + "register(Acme)",
        "Own.limits is a setting of every account already, of another type; take another name",
    ),
    "hides a setting behind a property": (
        HEAD + "class Own(ProviderSettings):\n    checks = property(lambda self: ())\n" + KIND + "    Settings = Own\n"
        + HOOK + "register(Acme)",
        "Own.checks is a setting of every account already",
    ),
    "hides a setting behind a method": (
        HEAD + "class Own(ProviderSettings):\n    def limits(self): return 3\n" + KIND + "    Settings = Own\n" + HOOK
        + "register(Acme)",
        "Own.limits is a setting of every account already",
    ),
    "hides a setting behind a constant": (
        HEAD + "import typing\nclass Own(ProviderSettings):\n    proxy: typing.ClassVar[str] = ''\n" + KIND
        + "    Settings = Own\n" + HOOK + "register(Acme)",
        "Own.proxy is a setting of every account already",
    ),
    "has async methods": (HEAD + KIND.replace("def pur", "async def pur") + HOOK + "register(Acme)", "no I/O"),
    "registers twice": (HEAD + KIND + HOOK + "register(Acme); register(Acme)", "another class of this plugin, Acme"),
    "misspells a method": (
        HEAD + KIND + "    def read_reprot(self, report): ...\n" + HOOK + "register(Acme)",
        "Acme.read_reprot is no method of a provider; did you mean read_report?",
    ),
    "misspells half of a pair": (
        HEAD + KIND + "    def balance(self): ...\n    def read_balanc(self, reply): ...\n" + HOOK + "register(Acme)",
        "did you mean read_balance?",
    ),
    "has half a pair": (
        HEAD + KIND + "    def balance(self): ...\n" + HOOK + "register(Acme)",
        "Acme has balance and no read_balance",
    ),
    "has the other half": (
        HEAD + KIND + "    def read_check(self, attempt, reply): ...\n" + HOOK + "register(Acme)",
        "Acme has read_check and no check",
    ),
    "does not say how it is asked": (
        HEAD + KIND + "    def check(self, attempt): ...\n    def read_check(self, attempt, reply): ...\n" + HOOK
        + "register(Acme)",
        "Acme has check and no asking",
    ),
    "takes too much": (
        HEAD + KIND + "    def read_report(self, report, secret): ...\n" + HOOK + "register(Acme)",
        "Acme.read_report must take (self, report)",
    ),
    "takes too little": (
        HEAD + KIND.replace("attempt, reply", "reply") + HOOK + "register(Acme)",
        "Acme.read_purchase must take (self, attempt, reply)",
    ),
    "has an async hook": (HEAD + "@hookimpl\nasync def gateway_register_providers(register): ...", "async def"),
    "has an async observer": (HEAD + ASYNC_OBSERVER, "async def"),
    "has a generator hook": (HEAD + "@hookimpl\ndef gateway_register_providers(register): yield 1", "plain functions"),
    "wraps": (HEAD + "@hookimpl(wrapper=True)\ndef gateway_register_providers(register): yield", "plain functions"),
    "misspells a hook": (
        HEAD + "@hookimpl\ndef gateway_registr_providers(register): ...",
        "no hook gateway_registr_providers; did you mean gateway_register_providers?",
    ),
    "misspells a hook beside a right one": (
        HEAD + KIND + HOOK + "register(Acme)\n@hookimpl\ndef gateway_transaction_change(transaction): ...",
        "did you mean gateway_transaction_changed?",
    ),
    "takes what a hook does not give": (HEAD + "@hookimpl\ndef gateway_register_providers(registry): ...", "registry"),
    "forgets the marker": (HEAD + "def gateway_register_providers(register): ...", "not marked with @hookimpl"),
    "registers nothing": (HEAD + KIND + HOOK + "pass", "hands over nothing: none of its hooks calls register"),
    "implements nothing": ("x = 1", "implements no hook"),
    "gives a sandbox without a kind": (
        HEAD + "@hookimpl\ndef gateway_register_sandboxes(register): register(None, dict)",
        "kind and a factory",
    ),
    "gives a sandbox that is none": (
        HEAD + "@hookimpl\ndef gateway_register_sandboxes(register): register('acme', 5)",
        "kind and a factory",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_plugin_is_left_out_with_the_reason_and_hurts_nobody(plugin: Plugin, good: EntryPoint, name: str) -> None:
    source, why = BAD[name]
    later = plugin("zlater", HEAD + KIND.replace("acme", "later") + HOOK + "register(Acme)")
    plugins = load_plugins([later, plugin("hbad", source), good])
    assert sorted(plugins.kinds) == ["good", "later"]
    assert [info.name for info in plugins.loaded] == ["good", "zlater"]
    (failed,) = plugins.failed
    assert failed.name == "hbad"
    assert why in failed.why
    assert "\n" not in failed.why
    assert plugins.unavailable["hbad"] == failed.why
    assert not plugins.sandboxes


def test_methods_of_ones_own_and_other_ways_to_write_them_are_taken(plugin: Plugin) -> None:
    more = """
    def _read_balanc(self, reply): ...
    def read_balance_of_points(self, reply): ...
    @staticmethod
    def balance(): ...
    def read_balance(self, *args, **kwargs): ...
    def asking(self, hurry=False): ...
    checks = 5
"""
    plugins = load_plugins([plugin("acme", HEAD + KIND + more + HOOK + "register(Acme)")])
    assert not plugins.failed
    assert plugins.loaded[0].kinds == {"acme": {Capability.PURCHASE, Capability.BALANCE}}


def test_a_kind_may_have_its_own_default_of_what_every_account_has(plugin: Plugin) -> None:
    own = "class Own(ProviderSettings):\n    url: HttpUrl = 'https://h2h.acme.example/api'\n"
    plugins = load_plugins([plugin("acme", HEAD + own + KIND + "    Settings = Own\n" + HOOK + "register(Acme)")])
    assert (list(plugins.kinds), plugins.failed) == (["acme"], [])


def test_a_person_who_interrupts_the_loading_is_obeyed(plugin: Plugin) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_plugins([plugin("slow", "raise KeyboardInterrupt")])


def test_an_error_at_import_says_in_which_line_of_the_plugin(plugin: Plugin) -> None:
    point = plugin("x", "import json\n\njson.loads('no JSON')\n")
    (failed,) = load_plugins([point]).failed
    assert failed.why.startswith("JSONDecodeError: Expecting value")
    assert failed.where == f"{point.module}.py, line 3"


def test_a_plugin_that_waits_while_it_is_loaded_is_told_so(plugin: Plugin) -> None:
    times = iter((0.0, 30.0, 30.0, 30.5))
    points = [plugin("a", "raise TimeoutError('timed out')"), plugin("b", "raise TimeoutError('timed out')")]
    waited, quick = (failed.why for failed in load_plugins(points, clock=lambda: next(times)).failed)
    assert "that took 30 s, and a plugin opens no connection while it is loaded" in waited
    assert "took" not in quick


def test_a_kind_that_came_from_a_failed_plugin_says_why(plugin: Plugin) -> None:
    plugins = load_plugins([plugin("x", BAD["registers and then raises"][0])])
    assert not plugins.kinds
    assert "boom" in plugins.unavailable["acme"]


def test_an_entry_point_that_leads_nowhere_is_contained(good: EntryPoint) -> None:
    points = [
        good,
        EntryPoint(name="gone", value="no_such_module_here", group="pulsa_gateway"),
        EntryPoint(name="attr", value="json:nope", group="pulsa_gateway"),
        EntryPoint(name="junk", value="math:pi", group="pulsa_gateway"),
        EntryPoint(name="none", value="sys:last_value_that_is_not_there", group="pulsa_gateway"),
    ]
    plugins = load_plugins(points)
    assert list(plugins.kinds) == ["good"]
    assert len(plugins.failed) == 4


@pytest.mark.parametrize(
    ("name", "kind", "what"),
    [("aaa", "good", "the kind good"), ("zzz", "good", "the kind good"), ("good", "acme", "the name good")],
)
def test_neither_of_two_plugins_that_claim_the_same_is_taken_and_each_names_the_other(
    plugin: Plugin, good: EntryPoint, name: str, kind: str, what: str
) -> None:
    second = plugin(name, HEAD + KIND.replace("acme", kind) + HOOK + "register(Acme)")
    later = plugin("later", HEAD + KIND.replace("acme", "later") + HOOK + "register(Acme)")
    plugins = load_plugins([good, second, later])
    assert list(plugins.kinds) == ["later"]
    assert sorted(failed.name for failed in plugins.failed) == sorted(["good", name])
    for failed in plugins.failed:
        other = name if failed.name == "good" else "good"
        assert failed.why.startswith(f"{what} is another plugin's too, {other};")
    assert what in plugins.unavailable["good"]
    assert what in plugins.unavailable[kind]


def test_neither_of_two_sandboxes_of_one_kind_is_taken(plugin: Plugin) -> None:
    source = HEAD + "@hookimpl\ndef gateway_register_sandboxes(register): register('acme', dict)"
    plugins = load_plugins([plugin("a", source), plugin("b", source)])
    assert not plugins.sandboxes
    assert [failed.why.partition(",")[0] for failed in plugins.failed] == [
        "the sandbox of kind acme is another plugin's too"
    ] * 2


def test_the_installed_plugins_are_found() -> None:
    plugins = load_plugins()
    assert "otomax" in [info.name for info in plugins.loaded] + [failed.name for failed in plugins.failed]
