"""A reload by signal is in the audit log: who looks there sees since when another configuration holds."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from gateway.testing.processes import until
from gateway.testing.site import Site


async def test_a_reload_by_signal_and_one_that_is_refused_are_one_line_each(tmp_path: Path) -> None:
    site = Site(tmp_path, [], more={"products": []})

    def reloads() -> list[tuple[str, str]]:
        told = [json.loads(line) for line in site.audit.read_text(encoding="utf-8").splitlines()]
        return [(line["event"], line["source"]) for line in told if line["event"].startswith("reload")]

    async with site.running() as child:
        whole = site.config.read_text(encoding="utf-8")
        for text, event in ((whole, "reloaded"), ("nonsense: [", "reload_refused"), (whole, "reloaded")):
            before = reloads()
            site.config.write_text(text, encoding="utf-8")
            child.send(signal.SIGHUP)

            async def more(before: list[tuple[str, str]] = before) -> bool:
                return len(reloads()) > len(before)

            await until(more, within=10, what="its line")
            assert reloads() == [*before, (event, "signal")]
    assert [event for event, _ in reloads()] == ["reloaded", "reload_refused", "reloaded"]
