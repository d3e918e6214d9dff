"""`/docs` in a real browser that reaches nothing but this machine: whole, quiet, readable, usable with keys alone."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from checks.docs.devtools import Page
from checks.docs.tools import axe

LOOKS = [(360, False), (360, True), (1280, False), (1280, True)]
looks = pytest.mark.parametrize(("width", "dark"), LOOKS, ids=str)


def fetched(url: str) -> tuple[Any, dict[str, str]]:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 — our own, over HTTP
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}


async def test_it_asks_only_its_own_host_and_has_nothing_to_complain_of(page: Page, url: str) -> None:
    await page.open(f"{url}/docs")
    assert page.complaints == []
    icon = f"{url}/docs/icon.svg"  # not every browser without a window asks for it
    parts = ("/docs", "/docs/docs.css", "/docs/docs.js", "/openapi.json")
    assert {one for one in page.requests if one != icon} == {f"{url}{path}" for path in parts}
    assert fetched(icon)[1]["content-type"] == "image/svg+xml"


async def test_every_route_and_type_of_the_description_is_there_and_linked(page: Page, url: str) -> None:
    description = json.loads(fetched(f"{url}/openapi.json")[0])
    await page.open(f"{url}/docs")
    shown = await page.ask("[...document.querySelectorAll('article h3')].map((one) => one.textContent)")
    routes = [f"{method.upper()} {path}" for path, methods in description["paths"].items() for method in methods]
    assert len(routes) >= 11
    assert sorted(shown) == sorted([*routes, *description["components"]["schemas"]])
    links = await page.ask("[...document.querySelectorAll('nav a')].map((one) => one.textContent)")
    assert set(routes) <= set(links)
    dead = await page.ask(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map((one) => one.hash.slice(1))"
        ".filter((id) => !document.getElementById(id))"
    )
    assert dead == []


@looks
async def test_it_is_readable_at_any_width_in_light_and_dark(
    page: Page, url: str, width: int, dark: bool, tmp_path: Path
) -> None:
    await page.look(width=width, dark=dark)
    await page.open(f"{url}/docs")
    folder = Path(os.environ.get("DOCS_PICTURES", tmp_path))
    name = f"{url.rpartition(':')[2]}-{width}-{'dark' if dark else 'light'}"
    await page.picture(folder / f"{name}.png")  # DOCS_PICTURES=FOLDER keeps them
    assert await page.ask("document.documentElement.scrollWidth") <= width
    beyond = await page.ask(
        "[...document.querySelectorAll('body *')].filter((one) => !one.closest('pre')"
        f" && one.getBoundingClientRect().right > {width} + 1).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert beyond == []
    tiny = await page.ask(
        "[...document.querySelectorAll('main *, nav *')]"
        ".filter((one) => parseFloat(getComputedStyle(one).fontSize) < 12).length"
    )
    assert tiny == 0
    ground = await page.ask("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
    assert (sum(ground) < 3 * 64) == dark


@looks
async def test_it_keeps_nobody_out(page: Page, url: str, width: int, dark: bool) -> None:
    """By axe's rules: contrast, names, landmarks, headings, what can be reached by keys, and more."""
    await page.look(width=width, dark=dark)
    await page.open(f"{url}/docs")
    await page.ask(f"(() => {{ {axe()}; }})(); true")
    found = await page.ask("axe.run().then((found) => found.violations)")
    assert [(one["id"], one["nodes"][0]["html"][:120], one["help"]) for one in found] == []


async def test_keys_alone_reach_everything_and_show_where_they_are(page: Page, url: str) -> None:
    await page.look(width=1280)
    await page.open(f"{url}/docs")
    wanted = await page.ask("document.querySelectorAll('a[href]').length")
    await page.press("Tab")
    first = await page.ask("document.activeElement.textContent")
    assert "skip" in first.lower()
    await page.press("Enter")
    assert await page.ask("document.activeElement.tagName") == "MAIN"
    reached, seen = 0, set()
    await page.ask("document.activeElement.blur()")
    await page.open(f"{url}/docs")
    for _ in range(wanted + 100):
        await page.press("Tab")
        on = await page.ask(
            "(() => { const one = document.activeElement, style = getComputedStyle(one);"
            " return [one.tagName, one.href || '', style.outlineStyle, parseFloat(style.outlineWidth),"
            " one.getBoundingClientRect().top, innerHeight]; })()"
        )
        if on[0] == "BODY":
            break
        assert on[2] != "none", on
        assert on[3] >= 1, on
        assert -1 <= on[4] <= on[5], f"out of sight: {on}"
        seen.add(on[0])
        reached += on[0] == "A"
    assert reached == wanted
    assert {"A", "PRE"} >= seen


async def test_the_policy_lets_no_foreign_or_inline_script_run(page: Page, url: str) -> None:
    for path in ("/docs", "/docs/docs.js", "/docs/docs.css"):
        policy = fetched(f"{url}{path}")[1]["content-security-policy"]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert {rules[one] for one in ("script-src", "style-src", "connect-src")} == {"'self'"}
        assert {rules[one] for one in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
        assert "unsafe" not in policy
    await page.open(f"{url}/docs")
    assert page.complaints == []
    ran = await page.ask(
        "new Promise((done) => {"
        " const script = document.createElement('script'); script.textContent = 'window.ran = true';"
        " document.body.append(script);"
        " const image = document.createElement('img'); image.setAttribute('onerror', 'window.ran = true');"
        " image.src = 'http://127.0.0.1:9/x.png'; document.body.append(image);"
        " setTimeout(() => done(window.ran === true), 300); })"
    )
    assert ran is False
    assert any("Content Security Policy" in one for one in page.complaints)
    assert await page.ask("fetch('http://127.0.0.1:9/').then(() => 'went', (error) => 'refused')") == "refused"
